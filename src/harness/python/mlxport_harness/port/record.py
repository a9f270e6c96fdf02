"""The port recorder: takes stages from the parent one by one, runs the port, writes what came out.

It compares nothing. Its words are claims: the parent trusts only that a file with numbers is or is not there.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from mlxport_harness import isolate, preload, states
from mlxport_harness.checks.cache import plans
from mlxport_harness.port import load, shims
from mlxport_harness.port.taps import Taps


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

    def model(self, twin: str, spelling: str) -> Any:
        if self.module is None:
            self.module = load.import_port(self.port)
        key = (twin, spelling)
        if key not in self.models:
            self.models[key] = load.load(self.module, self.twin_dir / twin / spelling)
        return self.models[key]

    def exact(self, twin: str, spelling: str) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        return {"logits": numbers(self._logits(self.model(twin, spelling)))}, {}

    def locate(self, twin: str, spelling: str) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        import mlx.core as mx

        model = self.model(twin, spelling)
        taps = Taps(model)
        logits = taps.run(model, mx.array(self.ids))
        mx.eval(logits, taps.values)
        return {"logits": numbers(logits), **{k: numbers(v) for k, v in taps.values.items()}}, {
            "modules": taps.rows
        }

    def dtype(self, twin: str, spelling: str) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        import mlx.core as mx

        model = self.model("bf16", spelling)
        taps = Taps(model)
        logits = taps.run(model, mx.array(self.ids))
        mx.eval(logits)
        layers = {id(layer) for layer in getattr(model, "layers", [])}
        names = [name for name, module in model.named_modules() if id(module) in layers]
        kind = str(logits.dtype).rpartition(".")[2]
        return {"logits": numbers(logits)}, {"dtype": kind, "layers": names, "modules": taps.rows}

    def cache(self, twin: str, spelling: str) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        import mlx.core as mx
        from mlx_lm.models.cache import make_prompt_cache

        model = self.model(twin, spelling)
        ids = mx.array(self.ids)
        found = {"full": self._logits(model)}
        for name, steps in plans(ids.shape[1]).items():
            cache, at, parts = make_prompt_cache(model), 0, []
            for step in steps:
                parts.append(model(ids[:, at : at + step], cache=cache))
                at += step
            found[name] = mx.concatenate(parts, axis=1)
            mx.eval(found[name])
        kinds = sorted({type(c).__name__ for c in cache})
        return {k: numbers(v) for k, v in found.items()}, {"caches": kinds}

    def _logits(self, model: Any) -> Any:
        import mlx.core as mx

        return model(mx.array(self.ids))


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
    isolation = isolate.restrict_files(
        [*roots, Path(job["port_path"]), Path(job["twin_dir"])], [Path(job["out_dir"]), Path("/dev/null")]
    )
    memory = isolate.limit_memory(job["mem_mb"])
    emit({"ready": True, "port_isolation": isolation, "memory": memory, "shims": shimmed})
    recorder = Recorder(job)
    for number, line in enumerate(commands):
        emit(_stage(recorder, json.loads(line), number))


def _stage(recorder: Recorder, request: dict[str, str], number: int) -> dict[str, Any]:
    began = time.perf_counter()
    try:
        arrays, meta = getattr(recorder, request["stage"])(request["twin"], request["spelling"])
        name = f"{number}.bin"
        states.save(recorder.out / name, arrays, meta)
        return {"file": name, "seconds": time.perf_counter() - began}
    except BaseException as error:
        found = load.fault(error, recorder.port)
        record = {"text": found.text, "where": found.where, "hint": found.hint}
        return {"fault": record, "seconds": time.perf_counter() - began}


def numbers(array: Any) -> np.ndarray:
    import mlx.core as mx

    return np.array(array.astype(mx.float32))
