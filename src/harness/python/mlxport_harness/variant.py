"""One config of a run: its reference states, one port process, and the checks in order.

exact on both twins; where that is not a pass, the other spelling of the config's rope keys; then dtype, cache
and locate under the spelling that is right. The port's process is asked stage by stage and only records.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np

from mlxport_harness import preload, representative, states
from mlxport_harness.checks import cache, dtype, exact, locate
from mlxport_harness.checks.verdict import record
from mlxport_harness.errors import Failure, PortFault
from mlxport_harness.spelling import distance, spelling_finding, verdict_of
from mlxport_harness.twin.target import Target, Variant

if TYPE_CHECKING:
    from mlxport_harness.run import Run

TWINS = ("std 1.0", "std 0.05")
Record = dict[str, Any]


class VariantRun:
    """The checks of one config."""

    def __init__(self, run: Run, target: Target, variant: Variant) -> None:
        self.run, self.target, self.variant = run, target, variant
        key = self._key()
        self.twin_dir, self.states_dir = run.cache_dir / key / "twin", run.cache_dir / key / "states"
        self.reference: dict[str, tuple[dict[str, np.ndarray], dict[str, Any]]] = {}
        self.port: Any = None
        self.lost: PortFault | None = None

    def execute(self) -> None:
        self._ensure_reference()
        meta = json.loads((self.twin_dir / "meta.json").read_text())
        native = (self.twin_dir / "std-1.0" / "native").read_text().strip()
        other = next((s for s in meta["spellings"] if s != native), None)
        for twin in TWINS:
            self.reference[twin] = states.load(self.states_dir / f"{_slug(twin)}.bin")
        self.port = self._start_port(meta)
        try:
            self._checks(native, other)
        finally:
            self.port.kill()
            self._port_log()

    def _checks(self, native: str, other: str | None) -> None:
        wanted = self.run.wanted
        found, spelling = self._exact(native), native
        if self.variant.raw is None:
            representative.judge(self.target, found, self.twin_dir / _slug(TWINS[0]))
        if other and verdict_of(found) != "pass" and self.lost is None:
            found, spelling = self._other_spelling(found, native, other)
            other = None
        place = None
        if verdict_of(found) != "pass" and self.lost is None:
            place = self._locate(spelling, found)
            for one in found:
                if one["verdict"] != "pass" and place and not one["error"]:
                    one["first_divergence"] = place["first_divergence"]
        if "exact" in wanted:
            for one in found:
                self._publish(one)
                self.run.metric(
                    f"exact {one['twin']}", one["figure"], "relative", one["bar"], exact.CHECK.rule
                )
                self.run.metric(f"floor {one['twin']}", one.get("floor"), "relative", None, "rounding floor")
        for check in ("dtype", "cache"):
            if check in wanted:
                self._publish(self._guarded(check, spelling))
        if "locate" in wanted:
            self._publish(place or self._locate(spelling, found))
        if other and "exact" in wanted and self.lost is None:
            self._note_other(found, native, other)

    def _exact(self, spelling: str, twins: tuple[str, ...] = TWINS) -> list[Record]:
        found = []
        for twin in twins:
            arrays, meta = self.reference[twin]
            try:
                port, _, seconds = self._stage("exact", twin, spelling)
                found.append(exact.judge(twin, arrays["logits"], meta["floor"], port["logits"], seconds))
            except PortFault as fault:
                found.append(self._fault("exact", twin, fault))
        return found

    def _other_spelling(self, found: list[Record], native: str, other: str) -> tuple[list[Record], str]:
        """Right under one spelling and wrong under the other passes with a finding, but not for a checkpoint.

        Wrong under both: for class defaults the closer one is shown, so that the fault behind is located.
        """
        second = self._exact(other)
        if distance(second) >= distance(found):
            return found, native
        finding = spelling_finding(self.twin_dir, (native, other), found, verdict_of(second) == "pass")
        for one in found + second:
            one["findings"].append(finding)
        return (found, native) if self.variant.raw is not None else (second, other)

    def _note_other(self, found: list[Record], native: str, other: str) -> None:
        second = self._exact(other, TWINS[:1])
        if verdict_of(second) == "pass":
            return
        finding = spelling_finding(self.twin_dir, (other, native), second, True)
        for one in found:
            one["findings"].append(finding)
            self._publish(one)

    def _guarded(self, check: str, spelling: str) -> Record:
        try:
            arrays, meta, seconds = self._stage(check, TWINS[0], spelling)
            return dtype.judge(meta, seconds) if check == "dtype" else cache.judge(arrays, meta, seconds)
        except PortFault as fault:
            return self._fault(check, "bf16" if check == "dtype" else TWINS[0], fault)
        except (KeyError, TypeError, ValueError) as error:
            return self._fault(
                check, TWINS[0], PortFault(f"The port left an unreadable recording: {error!r}")
            )

    def _locate(self, spelling: str, found: list[Record]) -> Record:
        bad = [r for r in found if r["verdict"] != "pass"]
        twin = bad[0]["twin"] if bad else TWINS[0]
        try:
            arrays, meta, seconds = self._stage("locate", twin, spelling)
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

    def _stage(
        self, stage: str, twin: str, spelling: str
    ) -> tuple[dict[str, np.ndarray], dict[str, Any], float]:
        if self.lost is not None:
            raise self.lost
        if not self.port.send({"stage": stage, "twin": _slug(twin), "spelling": spelling}):
            return self._gone()
        reply = self._receive(stage)
        if "fault" in reply:
            fault = reply["fault"]
            raise PortFault(str(fault.get("text")), fault.get("where"), str(fault.get("hint") or ""))
        try:
            path = self.out_dir / os.path.basename(str(reply["file"]))
            arrays, meta = states.load(path)
            path.unlink()
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise PortFault(
                f"The port left an unreadable recording: {type(error).__name__}: {error}"
            ) from None
        return arrays, meta, float(reply.get("seconds") or 0.0)

    def _receive(self, stage: str) -> Record:
        while True:
            message = self.run.context.receive(self.port, stage)
            if message is None:
                return self._gone()
            if "timeout" in message:
                self.lost = PortFault(
                    f"The port did not finish within {message['timeout']:g} s (stage {stage})"
                )
                raise self.lost
            if "over_memory" in message:
                self.lost = PortFault(
                    f"The port used more than {self.run.mem_mb} MB of memory (stage {stage})"
                )
                raise self.lost
            if "log" in message:
                self.run.emit({"type": "log", "text": str(message["log"])})
            elif "failure" in message:
                raise Failure(**message["failure"])
            else:
                return message

    def _gone(self) -> Any:
        ended = self.port.ended()
        limited = self.run.environment.get("memory") == "rlimit_data"
        hint = ""
        if "SIGSEGV" in ended and limited:
            ended += (
                f": probably the memory limit ({self.run.mem_mb} MB), which ends a process so when an "
                "allocation is refused; otherwise a crash in native code"
            )
            hint = "Run it again with a higher --mem-mb: a crash stays, a shortage of memory does not."
        elif "killed" in ended:
            ended += f" (a crash, or an allocation beyond the {self.run.mem_mb} MB of memory it may use)"
        self.lost = PortFault(f"The port's process {ended}", hint=hint)
        raise self.lost

    def _start_port(self, meta: dict[str, Any]) -> Any:
        self.out_dir = self.run.run_dir / "port"
        shutil.rmtree(self.out_dir, ignore_errors=True)
        self.out_dir.mkdir(parents=True)
        job = {
            "role": "port",
            "port_path": str(self.target.port_path),
            "twin_dir": str(self.twin_dir),
            "out_dir": str(self.out_dir),
            "ids": meta["ids"],
            "mem_mb": self.run.mem_mb,
        }
        self.port = self.run.context.start(job)
        try:
            ready = self._receive("start")
        except PortFault as fault:
            raise Failure("environment", f"The port's process did not start: {fault.text}.", "") from None
        self.run.environment |= {k: ready.get(k) for k in ("port_isolation", "memory", "shims")}
        return self.port

    def _ensure_reference(self) -> None:
        if (self.states_dir / "complete").exists():
            self.run.environment["reference_states"] = "cached"
            return
        self.run.environment["reference_states"] = "computed"
        self.states_dir.parent.mkdir(parents=True, exist_ok=True)
        job = {
            "role": "reference",
            "model_type": self.target.model_type,
            "raw": self.variant.raw,
            "seed": self.run.seed,
            "twin_dir": str(self.twin_dir),
            "states_dir": str(self.states_dir),
        }
        child = self.run.context.start(job)
        try:
            while True:
                message = self.run.context.receive(child, "reference")
                if message is None:
                    raise Failure("reference", f"The reference's process {child.ended()}.", "Run it again.")
                if "timeout" in message:
                    text = f"The reference did not finish within {message['timeout']:g} s."
                    raise Failure("reference", text, "Give a longer timeout.")
                if "over_memory" in message:
                    text = f"The reference used more than {self.run.mem_mb} MB of memory."
                    raise Failure("reference", text, "Allow more memory.")
                if "progress" in message:
                    done, total, unit, text = message["progress"]
                    self.run.emit(
                        {"type": "progress", "done": done, "total": total, "unit": unit, "text": text}
                    )
                if "failure" in message:
                    raise Failure(**message["failure"])
                if "end" in message:
                    return
        finally:
            child.stop()

    def _fault(self, check: str, twin: str, fault: PortFault) -> Record:
        return record(check, twin, "fail", error=fault.record())

    def _publish(self, found: Record) -> None:
        self.run.publish(found)

    def _port_log(self) -> None:
        try:
            with open(self.out_dir / "port.log", "rb") as log:
                text = log.read(4000).decode(errors="replace").strip()
        except OSError:
            return
        if text:
            self.run.emit({"type": "log", "text": f"The port printed: {text[:2000]}"})

    def _key(self) -> str:
        versions = preload.versions()
        parts = {
            "model_type": self.target.model_type,
            "config": self.variant.raw,
            "seed": self.run.seed,
            "dtype": "float32",
            "device": "cpu",
            "versions": [versions["transformers"], versions["torch"], versions["numpy"]],
            "revision": self.run.context.revision,
        }
        text = json.dumps(parts, sort_keys=True)
        return f"{self.target.model_type}-{hashlib.sha256(text.encode()).hexdigest()[:20]}"


def _slug(twin: str) -> str:
    return twin.replace(" ", "-")
