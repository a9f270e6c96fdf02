"""One config of a run: its reference states, one port process, and the checks in order.

exact on both twins; where that is not a pass, the other spelling of the config's rope keys; then every other
check under the spelling that is right. The port's processes are asked stage by stage and only record; what is
sure to be wanted is asked ahead (`lanes.py`): lane 0 for `exact`, and for `cache` after it, which looks for
what an earlier pass left behind; lane 1 for what does not depend on other stages.
"""

from __future__ import annotations

import hashlib
import json
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from mlxport_harness import preload, representative, states
from mlxport_harness.checks import exact, locate, module, registry
from mlxport_harness.checks.verdict import record
from mlxport_harness.errors import Failure, PortFault
from mlxport_harness.lanes import Lanes
from mlxport_harness.spelling import distance, spelling_finding, verdict_of
from mlxport_harness.stagechild import Answer, StageChild, record_reference
from mlxport_harness.twin.target import Target, Variant
from mlxport_harness.view import STD_005, STD_1, View, slug

if TYPE_CHECKING:
    from mlxport_harness.run import Run

TWINS = (STD_1, STD_005)
Record = dict[str, Any]


class VariantRun:
    """The checks of one config."""

    def __init__(self, run: Run, target: Target, variant: Variant) -> None:
        self.run, self.target, self.variant = run, target, variant
        key = self._key()
        self.twin_dir, self.states_dir = run.cache_dir / key / "twin", run.cache_dir / key / "states"
        self.reference: dict[str, tuple[dict[str, np.ndarray], dict[str, Any]]] = {}
        self._ports: Lanes | None = None
        self._reference_child: StageChild | None = None
        self.refused: dict[str, list[bool]] = {}  # by spelling: of the faults of `exact`, which in loading
        self.unanswered: list[str] = []  # what the port gave no answer to, in order
        self.broken = False  # the port was lost in `exact`: no other process would fare better

    def execute(self) -> None:
        self._ensure_reference()
        meta = json.loads((self.twin_dir / "meta.json").read_text())
        native = (self.twin_dir / "std-1.0" / "native").read_text().strip()
        other = next((s for s in meta["spellings"] if s != native), None)
        self._ports = Lanes(self.run, self._port_job(meta["ids"]))
        self._ask_exact_ahead(native, other)
        notes = {key: meta[key] for key in ("mended", "filled") if meta.get(key)}
        if notes:
            self.run.environment["twin"] = notes
        for twin in TWINS:
            self.reference[twin] = states.load(self.states_dir / f"{slug(twin)}.bin")
        try:
            self._checks(native, other)
        finally:
            self._ports.close()
            if self._reference_child is not None:
                self._reference_child.close()

    def _checks(self, native: str, other: str | None) -> None:
        wanted = self.run.wanted
        found, spelling = self._exact(native), native
        searching = self.run.trial is not None
        if self.variant.raw is None and not searching:
            representative.judge(self.target, found, self.twin_dir / slug(TWINS[0]))
        if other and verdict_of(found) != "pass" and not self.lost:
            found, spelling = self._other_spelling(found, native, other)
            other = None
        self.broken = self.lost
        if self.variant.raw is None and self._never_loaded(found):
            if searching:
                self.run.environment["fit"] = self._fit(spelling)
            else:
                representative.judge_load(self.target, found)
        self._ask_checks_ahead(spelling, found, other)
        place = None
        if verdict_of(found) != "pass" and not self.lost:
            place = self._locate(spelling, found)
            for one in found:
                if one["verdict"] != "pass" and place and not one["error"]:
                    one["first_divergence"] = place["first_divergence"]
                    one["placed_by"] = "locate"
        if "exact" in wanted:
            for one in found:
                self._publish(one)
                self.run.metric(
                    f"exact {one['twin']}", one["figure"], "relative", one["bar"], exact.CHECK.rule
                )
                self.run.metric(f"floor {one['twin']}", one.get("floor"), "relative", None, "rounding floor")
        for check in registry():
            if check in wanted and check not in ("exact", "locate"):
                for one in self._guarded(check, spelling):
                    self._publish(one)
                    if check == "swap" and "exact" in wanted:
                        self._place_by_swap(found, one)
        if "locate" in wanted:
            self._publish(place or self._locate(spelling, found))
        if other and "exact" in wanted and not self.lost:
            self._note_other(found, native, other)

    @property
    def lost(self) -> bool:
        """Whether the process that was last asked is gone."""
        return self._ports is None or self._ports.lost is not None

    def _never_loaded(self, found: list[Record]) -> bool:
        """True where under no spelling the port got so far as to run."""
        return all(r["error"] for r in found) and all(all(r) for r in self.refused.values())

    def _fit(self, spelling: str) -> Record:
        try:
            return self.ask_port("fit", TWINS[0], spelling)[1]
        except PortFault as fault:
            return {"error": fault.record()["text"]}

    def _exact(self, spelling: str, twins: tuple[str, ...] = TWINS) -> list[Record]:
        found = []
        for twin in twins:
            arrays, meta = self.reference[twin]
            try:
                port, _, seconds = self.ask_port("exact", twin, spelling)
                found.append(exact.judge(twin, arrays["logits"], meta["floor"], port["logits"], seconds))
            except PortFault as fault:
                self.refused.setdefault(spelling, []).append(fault.loading)
                found.append(self._fault("exact", twin, fault))
            except KeyError:
                fault = PortFault("The port left an unreadable recording: no logits")
                found.append(self._fault("exact", twin, fault))
        return found

    def _other_spelling(self, found: list[Record], native: str, other: str) -> tuple[list[Record], str]:
        """Right under one spelling and wrong under the other passes with a finding, but not for a checkpoint.

        Wrong under both: for class defaults the closer one is shown, so that the fault behind is located.
        """
        for lane, twin in enumerate(TWINS):
            self._ports.ahead(lane, "exact", twin, other)
        second = self._exact(other)
        if distance(second) >= distance(found):
            return found, native
        finding = spelling_finding(self.twin_dir, (native, other), found, verdict_of(second) == "pass")
        for one in found + second:
            one["findings"].append(finding)
        return (found, native) if self.variant.raw is not None else (second, other)

    def _place_by_swap(self, found: list[Record], swapped: Record) -> None:
        """`locate` follows the pass; `swap` judged each module alone, so its place is the better one."""
        place = swapped["first_divergence"]
        if not place or not place["reference"]:  # wrong in what joins the modules: it has no line of its own
            return
        for one in found:
            if one["verdict"] == "pass" or one["error"]:
                continue
            before = (one["first_divergence"] or {}).get("module")
            one |= {"first_divergence": place, "placed_by": "swap"}
            if before and before != place["module"]:
                text = f"The place is swap's: {place['module']} is wrong alone; "
                text += f"locate, which follows the pass, names {before}."
                one["findings"].append({"id": "placed_by_swap", "text": text, "key": place["module"]})
            self._publish(one)

    def _note_other(self, found: list[Record], native: str, other: str) -> None:
        second = self._exact(other, TWINS[:1])
        if verdict_of(second) == "pass":
            return
        finding = spelling_finding(self.twin_dir, (other, native), second, True)
        for one in found:
            one["findings"].append(finding)
            self._publish(one)

    def _guarded(self, check: str, spelling: str) -> list[Record]:
        """One check, whatever it does: a fault of the port fails it, anything else is an error of its own."""
        before = len(self.unanswered)
        found = self._checked(check, spelling)
        lacking = self.unanswered[before:]
        return [{**one, "unanswered": lacking[0]} for one in found] if lacking else found

    def _checked(self, check: str, spelling: str) -> list[Record]:
        found = module(check)
        began = time.monotonic()
        try:
            return found.run(View(self, spelling, found.CHECK.limit_s * self.run.patience))
        except PortFault as fault:
            return [self._fault(check, TWINS[0], fault)]
        except Failure as failure:
            return [self._error(check, failure.record(), began)]
        except (KeyError, TypeError, ValueError, IndexError, OSError, ArithmeticError) as error:
            text = f"The check {check} could not read what was recorded: {type(error).__name__}: {error}"
            return [
                self._error(check, {"kind": "bug", "text": text[:600], "hint": "Please report this."}, began)
            ]

    def _error(self, check: str, error: dict[str, str], began: float) -> Record:
        return record(check, TWINS[0], "error", error=error, seconds=time.monotonic() - began)

    def _locate(self, spelling: str, found: list[Record]) -> Record:
        bad = [r for r in found if r["verdict"] != "pass"]
        twin = bad[0]["twin"] if bad else TWINS[0]
        try:
            arrays, meta, seconds = self.ask_port("locate", twin, spelling)
            one = locate.judge(twin, self.reference[twin], (arrays, meta), seconds)
        except PortFault as fault:
            return self._fault("locate", twin, fault)
        except (KeyError, TypeError, ValueError) as error:
            return self._fault("locate", twin, PortFault(f"The port left an unreadable recording: {error!r}"))
        if one["verdict"] == "not_exercised":
            return one
        one["verdict"] = bad[0]["verdict"] if bad else "pass"
        if not bad:
            one["first_divergence"] = None
        return one

    def ask_port(
        self, stage: str, twin: str, spelling: str, limit: float | None = None, **params: Any
    ) -> Answer:
        """A port process that a check lost is replaced, so that the next check has one."""
        try:
            if self.broken and self._ports.lost is not None:
                raise self._ports.lost
            return self._ports.ask(stage, limit, twin, spelling, **params)
        except PortFault as fault:
            if fault.unanswered:
                self.unanswered.append(fault.text)
            raise

    def ask_reference(
        self, stage: str, twin: str, limit: float, **params: Any
    ) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        child = self._reference_child
        if child is None or child.lost is not None:
            job = self._reference_job() | {"role": "reference_stages"}
            child = StageChild(self.run, job, self.run.run_dir / "reference", "reference")
            self._reference_child = child
        arrays, meta, _ = child.ask(stage, limit, twin=slug(twin), **params)
        return arrays, meta

    def _ask_exact_ahead(self, native: str, other: str | None) -> None:
        """Both lanes work from the start: the second on the second twin, or on checks where there are any."""
        ports, wanted = self._ports, self.run.wanted
        ports.ahead(0, "exact", TWINS[0], native)
        more = "dtype" in wanted and ports.count > 1
        ports.ahead(0 if more else 1, "exact", TWINS[1], native)
        if more:
            self._ask_ahead(1, "dtype", native)
        elif other and "exact" in wanted:
            ports.ahead(1, "exact", TWINS[0], other)

    def _ask_checks_ahead(self, spelling: str, found: list[Record], other: str | None) -> None:
        """Once the spelling is known; a place that `exact` is to show is asked for first."""
        if self.lost:
            return
        wrong, wanted = verdict_of(found) != "pass", self.run.wanted
        place = next((r["twin"] for r in found if r["verdict"] != "pass"), TWINS[0])
        if wrong:
            self._ports.ahead(0, "locate", place, spelling)
        for check in wanted:
            self._ask_ahead(1 if check == "batch" else 0, check, spelling)
        if "locate" in wanted:
            self._ports.ahead(0, "locate", place, spelling)
        if other and "exact" in wanted:
            self._ports.ahead(0, "exact", TWINS[0], other)

    def _ask_ahead(self, lane: int, check: str, spelling: str) -> None:
        asks = getattr(module(check), "asks", None)
        for stage, twin, params in asks(View(self, spelling, 0.0)) if asks else ():
            self._ports.ahead(lane, stage, twin, spelling, **params)

    def _port_job(self, ids: list[list[int]]) -> dict[str, Any]:
        return {
            "role": "port",
            "port_path": str(self.target.port_path),
            "twin_dir": str(self.twin_dir),
            "ids": ids,
        }

    def _reference_job(self) -> dict[str, Any]:
        return {
            "role": "reference",
            "model_type": self.target.model_type,
            "raw": self.variant.raw,
            "reference_code": self.target.reference_code,
            "seed": self.run.seed,
            "twin_dir": str(self.twin_dir),
            "states_dir": str(self.states_dir),
            "without_entries": self.run.without_entries,
            "trial": self.run.trial,
        }

    def _ensure_reference(self) -> None:
        if (self.states_dir / "complete").exists():
            self.run.environment["reference_states"] = "cached"
            return
        self.run.environment["reference_states"] = "computed"
        self.states_dir.parent.mkdir(parents=True, exist_ok=True)
        record_reference(self.run, self._reference_job())

    def _fault(self, check: str, twin: str, fault: PortFault) -> Record:
        found = record(check, twin, "fail", error=fault.record())
        return {**found, "unanswered": fault.text} if fault.unanswered else found

    def _publish(self, found: Record) -> None:
        self.run.publish(found)

    def _key(self) -> str:
        versions = preload.versions()
        parts = {
            "model_type": self.target.model_type,
            "config": self.variant.raw,
            "code": (self.target.reference_code or {}).get("digest"),
            "seed": self.run.seed,
            "dtype": "float32",
            "device": "cpu",
            "versions": [versions["transformers"], versions["torch"], versions["numpy"]],
            "revision": self.run.context.revision,
            "without_entries": self.run.without_entries,
            "trial": self.run.trial,
        }
        text = json.dumps(parts, sort_keys=True)
        return f"{self.target.model_type}-{hashlib.sha256(text.encode()).hexdigest()[:20]}"
