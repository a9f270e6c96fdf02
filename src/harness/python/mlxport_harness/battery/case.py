"""One checkpoint of a run: its two sides, what was recorded so far, and who pays for what.

The reference's answers are kept on disk under the checkpoint's key and are all made before the port starts,
so the weights are never in memory twice. The port's child is started again when it was lost.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mlxport_harness import preload, states
from mlxport_harness.battery import answer, facts
from mlxport_harness.battery.checkpoint import Checkpoint
from mlxport_harness.battery.manifest import Variant
from mlxport_harness.checks.verdict import record
from mlxport_harness.errors import Failure, PortFault
from mlxport_harness.stagechild import StageChild, Unanswered

if TYPE_CHECKING:
    from mlxport_harness.battery.plan import Test
    from mlxport_harness.run import Run

Arrays = dict[str, np.ndarray]
REFERENCE_LIMIT = 3600.0
LOAD_LIMIT = 1800.0


@dataclass
class Outcome:
    """What a test leaves: our record, and upstream's four fields."""

    record: dict[str, Any]
    stdout: str = ""
    exit_code: int = 0
    stderr: str = ""


@dataclass
class Case:
    run: Run
    variant: Variant
    checkpoint: Checkpoint
    port_path: Path
    quantize: bool
    float32: bool
    remote_code: bool = False
    kept: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._reference: StageChild | None = None
        self._port: StageChild | None = None
        self._unloadable: PortFault | None = None
        self._loaded = False
        self._broken: dict[str, Failure] = {}
        versions = json.dumps([preload.versions(), self.checkpoint.dtype, _revision()]).encode()
        name = f"{self.checkpoint.key}-{hashlib.sha256(versions).hexdigest()[:12]}"
        self.states_dir = self.run.cache_dir / "battery" / name

    @property
    def model(self) -> str:
        return self.variant.repo_id

    @property
    def generate_tokens(self) -> int:
        return min(facts.GENERATE_TOKENS, self._cap())

    @property
    def long_tokens(self) -> int:
        return min(facts.LONG_TOKENS, self._cap())

    @property
    def memory_tokens(self) -> int:
        return min(512, max(self._cap(), 128))

    def _cap(self) -> int:
        """`max_tokens`: a shorter battery than upstream's, said so in every record it touches."""
        return int(self.run.params.get("max_tokens") or facts.LONG_TOKENS)

    def record(self, test: Test, verdict: str, **fields: Any) -> dict[str, Any]:
        found = record(test.id, "checkpoint", verdict, **fields)
        return found | {"rule": test.rule, "device": self.kept.get("device", "cpu")}

    # The reference.

    def prepare(self, stages: list[tuple[str, dict[str, Any]]]) -> None:
        """Has recorded what is not on disk yet, float32 first; then its process ends and frees its memory."""
        unique = {_request(s, p): (s, p) for s, p in stages}
        missing = {k: v for k, v in unique.items() if not self._path(*v).is_file()}
        if not missing:
            return
        if not self.run.context.preloaded:
            self._start_port()  # it imports its libraries meanwhile, and reads no weights yet
        self._start_reference()
        order = {"template": 0, "float32": 1, "native": 2}
        keys = sorted(missing, key=lambda k: order.get(missing[k][1].get("width", missing[k][0]), 3))
        asked = [self._reference.post(stage, **params) for stage, params in map(missing.get, keys)]
        self._reference.child.send({"stage": answer.END})
        for number, key in zip(asked, keys, strict=True):
            self._record(number, len(keys), key, *missing[key])
        self._stop_reference()

    def _record(self, number: int, total: int, key: str, stage: str, params: dict[str, Any]) -> None:
        text = f"reference: {stage} {params.get('width', '')}".rstrip()
        self.progress(number, total, "recordings", text)
        try:
            arrays, meta, _ = self._reference.take(number, REFERENCE_LIMIT)
        except Unanswered:
            self._broken[key] = self._reference.lost
            return
        except Failure as failure:
            if failure.kind == "user":
                raise
            self._broken[key] = failure
            return
        path = self._path(stage, params)
        path.parent.mkdir(parents=True, exist_ok=True)
        states.save(path, arrays, meta)

    def reference(self, stage: str, **params: Any) -> tuple[Arrays, dict[str, Any]]:
        request = _request(stage, params)
        if request in self._broken:
            raise self._broken[request]
        path = self._path(stage, params)
        try:
            return states.load(path, 1 << 34)
        except OSError:
            raise Failure(
                "bug", f"The reference's {stage} was not recorded.", "Please report this."
            ) from None

    def _path(self, stage: str, params: dict[str, Any]) -> Path:
        digest = hashlib.sha256(_request(stage, params).encode()).hexdigest()[:20]
        return self.states_dir / f"{stage}-{digest}.bin"

    def _start_reference(self) -> None:
        job = {
            "role": "battery_reference",
            "folder": str(self.checkpoint.folder),
            "dtype": self.checkpoint.dtype,
            "float32": self.float32,
            "remote_code": self.remote_code,
        }
        out = self.run.run_dir / "reference" / self.variant.slug
        self._reference = StageChild(self.run, job, out, "reference")

    def _stop_reference(self) -> None:
        if self._reference is not None:
            self._reference.close()
            self._reference.child.stop()
            self._reference = None

    # The port.

    def port(self, stage: str, limit: float, **params: Any) -> tuple[Arrays, dict[str, Any], float]:
        """Raises `PortFault`. A lost process is replaced; what did not load is not tried again."""
        if self._unloadable is not None:
            raise self._unloadable
        if self._port is None or self._port.lost is not None:
            self._start_port()
        for name in ("port_isolation", "memory", "shims"):
            self.run.environment[name] = self._port.ready.get(name)
        self.kept["device"] = str(self._port.ready.get("device") or "cpu")
        if not self._loaded and stage != "template":
            self._load()
        try:
            return self._port.ask(stage, limit, **params)
        except PortFault as fault:
            if self._port.lost is not None:
                self.run.emit({"type": "log", "text": f"{fault.text}; it is started again for the rest."})
            raise

    def forward(self, text: str, hidden: bool, limit: float) -> tuple[Arrays, dict[str, Any], float]:
        """The port's pass over a text; predictions and layers are two readings of one."""
        key = f"forward {text} {hidden}"
        if key not in self.kept:
            self.kept[key] = self.port("forward", limit, text=text, hidden=hidden)
        return self.kept[key]

    def _load(self) -> None:
        """By itself: a test's time limit is the test's, and a failed load is not taken for a test."""
        try:
            self._port.ask("load", LOAD_LIMIT)
            self._loaded = True
        except PortFault as fault:
            self._unloadable = fault
            raise

    def _start_port(self) -> None:
        job = {
            "role": "battery_port",
            "folder": str(self.checkpoint.folder),
            "port_path": str(self.port_path),
            "dtype": self.checkpoint.dtype,
            "states_dir": str(self.states_dir),
            "bytes": self.checkpoint.bytes,
            "device": self.run.params.get("device"),
        }
        self._stop_port()
        self._loaded = False
        out = self.run.run_dir / "port" / self.variant.slug
        self._port = StageChild(self.run, job, out, "port")

    def close(self) -> None:
        self._stop_reference()
        self._stop_port()

    def _stop_port(self) -> None:
        if self._port is not None:
            self._port.close()
            self._port.child.stop()
            self._port = None

    def progress(self, done: int, total: int, unit: str, text: str) -> None:
        self.run.emit({"type": "progress", "done": done, "total": total, "unit": unit, "text": text})


def _request(stage: str, params: dict[str, Any]) -> str:
    return json.dumps([stage, params], sort_keys=True)


def _revision() -> str:
    """Of the files that decide what the reference's recordings are."""
    here = Path(__file__).parent
    found = hashlib.sha256()
    for name in ("reference.py", "template_probe.py", "answer.py"):
        found.update((here / name).read_bytes())
    return found.hexdigest()[:16]
