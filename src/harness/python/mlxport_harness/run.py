"""One run: reference states (cached), the port's recordings, verdicts. This process imports no port.

The order of a variant: exact on both twins; where that is not a pass, the other spelling of the config's rope
keys; then dtype, cache, locate under the spelling that is right. Each record is sent as soon as it is known.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mlxport_harness import SCHEMA, preload, states
from mlxport_harness.checks import cache, dtype, exact, locate, registry
from mlxport_harness.checks.verdict import ORDER, record, worst
from mlxport_harness.errors import Failure, PortFault
from mlxport_harness.twin.target import Target, Variant, parse

TWINS = ("std 1.0", "std 0.05")
Record = dict[str, Any]


@dataclass
class Context:
    """What a run borrows from the worker."""

    start: Any
    receive: Any
    emit: Any
    strategy: str
    stamps: dict[str, Any]
    revision: str


class Run:
    def __init__(self, request: dict[str, Any], context: Context) -> None:
        self.context, self.request = context, request
        self.emit = context.emit
        params = request.get("params") or {}
        self.wanted = list(params.get("checks") or registry())
        unknown = [c for c in self.wanted if c not in registry()]
        if unknown:
            known = ", ".join(registry())
            raise Failure("user", f"There is no check {', '.join(map(str, unknown))}.", f"Checks: {known}.")
        if request.get("check", "twin") != "twin":
            raise Failure("user", f"There is no check family {request.get('check')!r}.", "Families: twin.")
        self.run_dir, self.cache_dir = _folder(request, "run_dir"), _folder(request, "cache_dir")
        self.seed = int(request.get("seed") or 0)
        self.mem_mb = int(request.get("mem_mb") or 8192)
        self.environment: dict[str, Any] = {}
        self.records: list[Record] = []

    def execute(self) -> Record:
        target = parse(self.request.get("target") or {})
        for variant in target.variants:
            before = len(self.records)
            VariantRun(self, target, variant).execute()
            if len(target.variants) > 1:
                for one in self.records[before:]:
                    one["variant"] = variant.name
        return {
            "schema": SCHEMA,
            "run_id": str(self.request.get("run_id") or self.request.get("id")),
            "model_type": target.model_type,
            "variant": ", ".join(v.name for v in target.variants),
            "verdict": worst([r["verdict"] for r in self.records]),
            "checks": self.records,
            "environment": self._environment(target),
        }

    def publish(self, found: Record) -> None:
        """A later record with the same id, twin and variant replaces the earlier one."""
        if not any(r is found for r in self.records):
            self.records.append(found)
        self.emit({"type": "check", "check": found})

    def metric(self, name: str, value: float | None, unit: str, bar: float | None, rule: str) -> None:
        self.emit({"type": "metric", "name": name, "value": value, "unit": unit, "bar": bar, "rule": rule})

    def _environment(self, target: Target) -> Record:
        return {
            **self.environment,
            "versions": preload.versions(),
            "device": "cpu",
            "tf32": "0",
            "strategy": self.context.strategy,
            "port": {"path": str(target.port_path), "sha256": target.port_sha, "given": target.port_given},
            "seed": self.seed,
            "mem_mb": self.mem_mb,
            "reference": f"transformers {preload.versions()['transformers']}",
        }


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
            if self.port is not None:
                self.port.stop()
            self._port_log()

    def _checks(self, native: str, other: str | None) -> None:
        wanted = self.run.wanted
        found, spelling = self._exact(native), native
        if other and worst([r["verdict"] for r in found]) != "pass" and self.lost is None:
            found, spelling = self._other_spelling(found, native, other)
            other = None
        place = None
        if worst([r["verdict"] for r in found]) != "pass" and self.lost is None:
            place = self._locate(spelling, found)
            for one in found:
                if one["verdict"] != "pass" and place and not one["error"]:
                    one["first_divergence"] = place["first_divergence"]
        if "exact" in wanted:
            for one in found:
                self._publish(one)
                self.run.metric(f"exact {one['twin']}", one["figure"], "relative", one["bar"], exact.CHECK.rule)
                self.run.metric(f"floor {one['twin']}", one.get("floor"), "relative", None, "rounding floor")
        for check in ("dtype", "cache"):
            if check in wanted:
                self._publish(self._guarded(check, spelling))
        if "locate" in wanted:
            self._publish(place or self._locate(spelling, found))
        if other and "exact" in wanted and self.lost is None:
            self._note_other(found, native, other)

    def _exact(self, spelling: str) -> list[Record]:
        found = []
        for twin in TWINS:
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
        if _distance(second) >= _distance(found):
            return found, native
        finding = self._finding(native, other, found, worst([r["verdict"] for r in second]) == "pass")
        for one in found + second:
            one["findings"].append(finding)
        return (found, native) if self.variant.raw is not None else (second, other)

    def _note_other(self, found: list[Record], native: str, other: str) -> None:
        second = self._exact(other)
        if worst([r["verdict"] for r in second]) == "pass":
            return
        finding = self._finding(other, native, second, True)
        for one in found:
            one["findings"].append(finding)
            self._publish(one)

    def _finding(self, wrong: str, right: str, rows: list[Record], whole: bool) -> Record:
        """Names the keys in which the two spellings differ, and what the wrong one led to."""
        configs = [json.loads((self.twin_dir / "std-1.0" / s / "config.json").read_text()) for s in (wrong, right)]
        unread, read = _keys(*configs), _keys(*reversed(configs))
        errors = [r["error"]["text"] for r in rows if r["error"]]
        figures = [r["figure"] for r in rows if r["figure"] is not None]
        how = errors[0] if errors else f"relative error {max(figures):.2g}" if figures else "wrong"
        spelled = {"new": "as transformers 5 writes it", "legacy": "as before transformers 5"}
        text = f"With the config spelled {spelled[wrong]} ({', '.join(unread)}) the port is wrong: {how}. "
        text += f"Spelled {spelled[right]} ({', '.join(read)}) it is {'right' if whole else 'closer'}."
        return {"id": "rope_spelling", "text": text, "key": unread[0] if unread else "rope_parameters"}

    def _guarded(self, check: str, spelling: str) -> Record:
        try:
            arrays, meta, seconds = self._stage(check, TWINS[0], spelling)
            return dtype.judge(meta, seconds) if check == "dtype" else cache.judge(arrays, meta, seconds)
        except PortFault as fault:
            return self._fault(check, "bf16" if check == "dtype" else TWINS[0], fault)
        except (KeyError, TypeError, ValueError) as error:
            return self._fault(check, TWINS[0], PortFault(f"The port left an unreadable recording: {error!r}"))

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

    def _stage(self, stage: str, twin: str, spelling: str) -> tuple[dict[str, np.ndarray], dict[str, Any], float]:
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
            raise PortFault(f"The port left an unreadable recording: {type(error).__name__}: {error}") from None
        return arrays, meta, float(reply.get("seconds") or 0.0)

    def _receive(self, stage: str) -> Record:
        while True:
            message = self.run.context.receive(self.port, stage)
            if message is None:
                return self._gone()
            if "timeout" in message:
                self.lost = PortFault(f"The port did not finish within {message['timeout']:g} s (stage {stage})")
                raise self.lost
            if "log" in message:
                self.run.emit({"type": "log", "text": str(message["log"])})
            elif "failure" in message:
                raise Failure(**message["failure"])
            else:
                return message

    def _gone(self) -> Any:
        self.lost = PortFault(f"The port's process {self.port.ended()}")
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
            "stamps": self.run.context.stamps,
        }
        self.port = self.run.context.start(job)
        ready = self._receive("start")
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
                if "progress" in message:
                    done, total, unit, text = message["progress"]
                    self.run.emit({"type": "progress", "done": done, "total": total, "unit": unit, "text": text})
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


def revision() -> str:
    """Hash of the files that decide what the reference's states are."""
    here = Path(__file__).parent
    found = hashlib.sha256()
    for path in sorted([*here.glob("twin/*"), *here.glob("reference/*.py"), here / "states.py"]):
        if path.is_file():
            found.update(path.read_bytes())
    return found.hexdigest()[:16]


def _folder(request: dict[str, Any], name: str) -> Path:
    value = request.get(name)
    if not isinstance(value, str) or not os.path.isabs(value):
        raise Failure("user", f"The request's {name} must be an absolute path.", "")
    path = Path(value)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Failure("environment", f"Cannot create {path}: {error.strerror}.", "Check the folder.") from None
    return path


def _distance(rows: list[Record]) -> tuple[int, int, float]:
    """Orders outcomes: by verdict, then whether there are figures, then by the largest multiple of the floor."""
    rank = ORDER.index(worst([r["verdict"] for r in rows]))
    multiples = [r.get("multiple") for r in rows]
    return (rank, sum(m is None for m in multiples), max((m or 0.0 for m in multiples), default=0.0))


def _keys(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """Keys with a value that only `one` has, dotted into nested rope settings."""
    names = []
    for key in sorted(k for k in one if k not in other and one[k] is not None and not k.startswith("_")):
        if isinstance(one[key], dict):
            names += [f"{key}.{inner}" for inner in one[key] if inner not in ("rope_type", "type")]
        else:
            names.append(key)
    return names


def _slug(twin: str) -> str:
    return twin.replace(" ", "-")
