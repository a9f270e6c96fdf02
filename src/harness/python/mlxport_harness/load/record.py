"""The load recorder, in the port's process: mlx-lm's own `load_model` on lazy arrays of the true shapes.

`mx.load` gives, for the one file that the folder holds, arrays that cost nothing and that raise when anything
evaluates them. So `sanitize`, quantization by the config and the strict load run as they would on the
checkpoint, and nothing is allocated. What came out is written down; the parent judges it.
"""

from __future__ import annotations

import gc
import resource
import time
import traceback
from pathlib import Path
from typing import Any

import numpy as np

from mlxport_harness.errors import PortFault
from mlxport_harness.load import headers
from mlxport_harness.load.headers import MLX
from mlxport_harness.load.lineage import EMPTY, INITIAL, UNKNOWN, Tracker, merge, resolve
from mlxport_harness.port import load as port_load


class ValueDependent(Exception):
    """`sanitize` asked for the value of a source tensor."""


class LoadRecorder:
    """One load of one checkpoint through one port."""

    def __init__(self, port: Path, folder: Path, scratch: Path) -> None:
        self.port, self.folder, self.scratch = port, folder, scratch
        gc.disable()  # a million small objects that all stay; the process ends after this stage
        self.tracker = Tracker()
        self.times: dict[str, float] = {}
        self.model: Any = None
        self.evaluated: list[str] = []
        self.sanitized: dict[str, Any] | None = None
        self.given: list[tuple[str, Any]] | None = None

    def run(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        import mlx.core as mx
        from mlx_lm import utils

        cpu = time.process_time()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        module = port_load.import_port(self.port)
        port_load.needs(module)
        real_load, real_eval, real_async = mx.load, mx.eval, mx.async_eval
        self.poison = Poison()
        mx.load = lambda *args, **kwargs: self._arrays()
        mx.eval, mx.async_eval = self._evaluates(real_eval), self._evaluates(real_async)
        self.fault: dict[str, Any] | None = None
        try:
            utils.load_model(
                self.folder,
                lazy=True,
                strict=True,
                get_model_classes=lambda config: (lambda args: self._model(module, args), module.ModelArgs),
            )
        except Exception as error:
            self.fault = self._fault(error)
        finally:
            self.tracker.stop()
            mx.load, mx.eval, mx.async_eval = real_load, real_eval, real_async
        arrays, meta = self._report()
        meta["cpu_seconds"] = time.process_time() - cpu
        meta["peak_mlx_bytes"] = mx.get_peak_memory()
        meta["peak_rss_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        meta["rss_growth_mb"] = meta["peak_rss_mb"] - before / 1024
        return arrays, meta

    def _arrays(self) -> dict[str, Any]:
        began = time.perf_counter()
        import mlx.core as mx

        table, make = self._table(), mx.broadcast_to
        self.times["read"] = time.perf_counter() - began
        scalars = {dtype: self.poison.scalar(MLX[dtype]) for dtype in {row[1] for row in table}}
        arrays = [make(scalars[dtype], shape) for _, dtype, shape in table]
        self.sources = dict(zip((row[0] for row in table), arrays, strict=True))
        self.tracker.of.update(zip(map(id, arrays), range(len(arrays)), strict=True))
        self.times["arrays"] = time.perf_counter() - began
        return dict(self.sources)

    def _table(self) -> list[tuple[str, str, list[int]]]:
        """The parent reads the same bytes meanwhile, and refuses the checkpoint where they are broken."""
        found, at = [], 0
        data = (self.folder / "headers.bin").read_bytes()
        while at < len(data):
            begin = at + 8
            at = begin + int.from_bytes(data[at:begin], "little")
            found += headers.rows(data[begin:at])
        return found

    def _model(self, module: Any, args: Any) -> Any:
        from mlx.utils import tree_flatten

        began = time.perf_counter()
        self.model = model = module.Model(args)
        self.initial = tree_flatten(model.parameters())
        for number, (_, array) in enumerate(self.initial):
            self.tracker.add(array, INITIAL - number)
        for part in model.modules():
            for value in part.values():  # tables that are no parameters, computed from the config
                if type(value) is type(self.poison.source) and id(value) not in self.tracker.of:
                    self.tracker.add(value, EMPTY)
        self.times["model"] = time.perf_counter() - began
        self.step = "sanitize"
        if hasattr(model, "sanitize"):
            real = model.sanitize
            object.__setattr__(model, "sanitize", lambda weights: self._sanitize(real, weights))
        real_load = model.load_weights
        object.__setattr__(
            model, "load_weights", lambda given, strict=True: self._strict(real_load, given, strict)
        )
        self.tracker.start()
        return model

    def _sanitize(self, real: Any, weights: dict[str, Any]) -> Any:
        began = time.perf_counter()
        found = real(weights)
        self.times["sanitize"] = time.perf_counter() - began
        if not isinstance(found, dict):
            raise PortFault(f"sanitize returned {type(found).__name__}, not a dict of arrays", str(self.port))
        self.sanitized = found
        self.step = "quantize"
        return found

    def _strict(self, real: Any, given: Any, strict: bool) -> Any:
        from mlx.utils import tree_flatten

        self.tracker.stop()
        self.step = "load"
        self.given = list(given)
        self.expected = tree_flatten(self.model.parameters())
        began = time.perf_counter()
        try:
            return real(given, strict=strict)
        finally:
            self.times["strict"] = time.perf_counter() - began

    def _evaluates(self, real: Any) -> Any:
        """Lets constants be evaluated; of source tensors it notes the line, and goes on without."""

        def evaluates(*args: Any, **kwargs: Any) -> Any:
            try:
                return real(*args, **kwargs)
            except Exception as error:
                if not self.poison.is_one(error):
                    raise
                where = self._port_line(traceback.extract_stack())
                if where and where not in self.evaluated:
                    self.evaluated.append(where)

        return evaluates

    def _port_line(self, frames: Any) -> str | None:
        lines = [f.lineno for f in frames if f.filename == str(self.port)]
        return f"{self.port}:{lines[-1]}" if lines else None

    def _fault(self, error: Exception) -> dict[str, Any]:
        step = getattr(self, "step", "model")
        if self.poison.is_one(error):
            where = self._port_line(traceback.extract_tb(error.__traceback__))
            return {"step": step, "value_dependent": where or str(self.port)}
        found = port_load.fault(error, self.port)
        return {"step": step, "text": found.text, "where": found.where, "hint": found.hint}

    def _report(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """What reached the strict load, with its lineage, and the parameters that it was to fill."""
        from mlx.utils import tree_flatten

        began = time.perf_counter()
        given = self.given if self.given is not None else list((self.sanitized or {}).items())
        given = [(name, array) for name, array in given if hasattr(array, "dtype")]
        lineage = [self.tracker.of.get(id(array), UNKNOWN) for _, array in given]
        unknown = {
            name: array
            for (name, array), one in zip(given, lineage, strict=True)
            if one == UNKNOWN or (type(one) is frozenset and UNKNOWN in one)
        }
        if unknown:
            leaves = [(i, a) for i, a in enumerate(self.sources.values())]
            leaves += [(INITIAL - i, a) for i, (_, a) in enumerate(self.initial)]
            walked = resolve(unknown, leaves, self.scratch)
            for at, (name, _) in enumerate(given):
                if name in walked:
                    noted = lineage[at] - {UNKNOWN} if type(lineage[at]) is frozenset else EMPTY
                    lineage[at] = merge((noted, walked[name]))
        sets = [sorted(one) if type(one) is frozenset else [one] for one in lineage]
        expected = getattr(self, "expected", None) or getattr(self, "initial", [])
        loaded = dict(tree_flatten(self.model.parameters())) if self.model is not None else {}
        placed = {id(array) for _, array in given}
        self.times["lineage"] = time.perf_counter() - began
        meta = {
            "given": [_described(name, array) for name, array in given],
            "expected": [_described(name, array) for name, array in expected],
            "unplaced": [name for name, array in loaded.items() if id(array) not in placed],
            "reached": getattr(self, "step", "model"),
            "walked": len(unknown),
            "evaluated": self.evaluated,
            "fault": self.fault,
            "poison": self.poison.works,
            "times": self.times,
        }
        sizes = np.array([len(one) for one in sets], dtype=np.int64)
        flat = np.array([number for one in sets for number in one], dtype=np.int64)
        return {"sizes": sizes, "sources": flat}, meta


class Poison:
    """Arrays that cost nothing and raise when evaluated, in any way: eval, item, bool, numpy, buffers, print.

    A 16-bit `gather_mm` has no kernel on the CPU and says so when it is run; every lazy array depends on one.
    """

    TEXT = "GatherMM::eval"

    def __init__(self) -> None:
        import mlx.core as mx

        gather = getattr(mx.gather_mm, "unshimmed", mx.gather_mm)
        one = mx.zeros((1, 1, 1), mx.float16)
        index = mx.zeros((1,), mx.uint32)
        self.source = gather(one, one, index, index)
        try:
            mx.eval(gather(one, one, index, index))
            self.works = False
        except Exception as error:
            self.works = self.is_one(error)

    def scalar(self, dtype: str) -> Any:
        """Broadcast it to any shape: no memory, one node of the graph."""
        import mlx.core as mx

        return mx.depends(mx.zeros((), getattr(mx, dtype)), self.source)

    def is_one(self, error: BaseException) -> bool:
        return self.TEXT in str(error)


def _described(name: str, array: Any) -> list[Any]:
    return [name, str(array.dtype).rpartition(".")[2], list(array.shape)]
