"""The port recorder: takes stages from the parent one by one, runs the port, writes what came out.

What a stage does is in `stages/`. It compares nothing. Its words are claims: the parent trusts only that a
file with numbers is or is not there.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from mlxport_harness import isolate, preload, states
from mlxport_harness.port import load, refusals, shims


class Recorder:
    """One port, several twins, each loaded once."""

    def __init__(self, job: dict[str, Any]) -> None:
        self.port, self.twin_dir, self.out = (
            Path(job["port_path"]),
            Path(job["twin_dir"]),
            Path(job["out_dir"]),
        )
        self.ids = job["ids"]
        self.module: Any = None
        self.models: dict[tuple[str, str], Any] = {}
        self.loading = False  # whether what is raised now was raised before the port had its weights

    def model(self, twin: str, spelling: str) -> Any:
        self.loading = True
        if self.module is None:
            self.module = load.import_port(self.port)
        key = (twin, spelling)
        if key not in self.models:
            self.models[key] = load.load(self.module, self.folder(twin, spelling))
        self.loading = False
        return self.models[key]

    def folder(self, twin: str, spelling: str) -> Path:
        """The checkpoint as the port finds it: config.json and safetensors."""
        return self.twin_dir / twin / spelling

    def record(self, request: dict[str, Any]) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        self.loading = False
        stage = importlib.import_module(f"mlxport_harness.port.stages.{request['stage']}")
        return stage.record(self, request)


def serve(job: dict[str, Any], emit: Any, commands: Any) -> None:
    """Shuts itself in, then answers stage requests until the parent closes the pipe."""
    port_log = os.open(Path(job["out_dir"]) / "port.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(port_log, 1)
    os.dup2(port_log, 2)
    changed = preload.refresh()
    if changed:
        emit(
            {"log": f"mlx-lm changed on disk since the worker started, imported again: {', '.join(changed)}"}
        )
        preload.imports()
    shimmed = shims.apply()
    for name in ("torch",):
        sys.modules[name] = None  # type: ignore[assignment]
    roots = isolate.readable_roots(Path(job["twin_dir"]).parent)
    read = [*roots, Path(job["port_path"]), Path(job["twin_dir"])]
    write = [Path(job["out_dir"]), Path("/dev/null")]
    isolation = isolate.restrict_files(read, write)
    refusals.within(read, write)
    memory = isolate.limit_memory(job["mem_mb"])
    emit({"ready": True, "port_isolation": isolation, "memory": memory, "shims": shimmed})
    recorder = Recorder(job)
    refusals.watch(recorder.port, emit)
    for number, line in enumerate(commands):
        emit(_stage(recorder, json.loads(line), number))


def _stage(recorder: Recorder, request: dict[str, Any], number: int) -> dict[str, Any]:
    began = time.perf_counter()
    try:
        arrays, meta = recorder.record(request)
        name = f"{number}.bin"
        states.save(recorder.out / name, arrays, meta)
        return {"file": name, "seconds": time.perf_counter() - began}
    except BaseException as error:
        found = load.fault(error, recorder.port)
        record = {"text": found.text, "where": found.where, "hint": found.hint}
        record |= {"loading": recorder.loading, "unanswered": found.unanswered}
        return {"fault": record, "seconds": time.perf_counter() - began}


def numbers(array: Any) -> np.ndarray:
    import mlx.core as mx

    return np.array(array.astype(mx.float32))
