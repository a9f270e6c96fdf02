"""What `sanitize` does on the twin: twice, with a tensor more, with one less; and a converted copy, reloaded.

The conversion is mlx-lm's own: load, `quantize_model` where bits are asked for, `save_model`, `save_config`,
then a strict load of what was written. It records; `checks/sanitize.py` judges.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mlx.core as mx
from mlx.utils import tree_flatten
from mlx_lm import utils

from mlxport_harness.load.lineage import Tracker
from mlxport_harness.load.rules import stars
from mlxport_harness.port import load
from mlxport_harness.port.record import numbers

if TYPE_CHECKING:
    import numpy as np

    from mlxport_harness.port.record import Recorder

GROUP, BITS = 32, 4
Weights = dict[str, Any]


def record(recorder: Recorder, request: dict[str, Any]) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    recorder.model(request["twin"], request["spelling"])
    folder = recorder.folder(request["twin"], request["spelling"])
    subject = Subject(recorder.module, folder, recorder.port)
    arrays, converted = _conversions(subject, recorder)
    meta = {"sanitize": subject.has_sanitize, "converted": converted}
    if subject.has_sanitize:
        meta |= {"twice": subject.twice(), "more": subject.more(), "less": subject.less()}
    return arrays, meta


class Subject:
    """The port's class and one checkpoint; a new model for every question, for `sanitize` may keep state."""

    def __init__(self, module: Any, folder: Path, port: Path) -> None:
        self.module, self.folder, self.port = module, folder, port
        self.config = utils.load_config(folder)
        self.weights: Weights = {}
        for file in sorted(folder.glob("model*.safetensors")):
            self.weights.update(mx.load(str(file)))
        model = self._model()
        self.has_sanitize = hasattr(model, "sanitize")
        self.expected = {name for name, _ in tree_flatten(model.parameters())}
        first = {}
        for name in self.weights:
            first.setdefault(stars(name), name)
        self.kinds = list(first.values())

    def _model(self) -> Any:
        return self.module.Model(self.module.ModelArgs.from_dict(dict(self.config)))

    def load(self, folder: Path) -> tuple[Any, dict[str, Any]]:
        classes = (self.module.Model, self.module.ModelArgs)
        return utils.load_model(folder, lazy=False, strict=True, get_model_classes=lambda config: classes)

    def twice(self) -> dict[str, Any]:
        """The second time must change nothing: that is what loading a converted checkpoint does."""
        once = self._model().sanitize(dict(self.weights))
        try:
            again = self._model().sanitize(dict(once))
        except Exception as error:
            found = load.fault(error, self.port)
            return {"raised": found.text, "where": found.where}
        both = [name for name in once if name in again]
        shapes = [n for n in both if once[n].shape != again[n].shape]
        values = [n for n in both if n not in shapes and not _same(once[n], again[n])]
        return {
            "lost": [n for n in once if n not in again],
            "new": [n for n in again if n not in once],
            "shapes": shapes,
            "values": values,
        }

    def more(self) -> list[list[str]]:
        """An extra tensor beside each kind of tensor: what becomes of it? [name, fate, where]."""
        found = []
        for name in self.kinds:
            extra = re.sub(r"^(.*?)([^.]+)(\.[^.]+)$", r"\1\2_probe\3", name)
            if extra == name or extra in self.weights:
                extra = f"{name}_probe"
            array = self.weights[name]
            found.append([extra, *self._fate(self.weights | {extra: array + 0}, extra)])
        return found

    def _fate(self, weights: Weights, extra: str) -> tuple[str, str]:
        """refused: the strict load or sanitize complains. vanished, swallowed: nobody would notice."""
        model, tracker = self._model(), Tracker()
        tracker.add(weights[extra], 1)
        for name, array in weights.items():
            if name != extra:
                tracker.add(array, 0)
        tracker.start()
        try:
            out = model.sanitize(dict(weights))
        except Exception:
            return "refused", ""
        finally:
            tracker.stop()
        if any(name not in self.expected for name in out):
            return "refused", ""
        made = [n for n, a in out.items() if _has(tracker.of.get(id(a)), 1)]
        return ("swallowed", made[0]) if made else ("vanished", "")

    def less(self) -> list[list[str]]:
        """One tensor less of each kind: every parameter that is still there is from another, or made up."""
        found = []
        for name in self.kinds:
            weights = {n: a for n, a in self.weights.items() if n != name}
            model, tracker = self._model(), Tracker()
            for array in weights.values():
                tracker.add(array, 1)
            tracker.start()
            try:
                out = model.sanitize(dict(weights))
            except Exception:
                continue
            finally:
                tracker.stop()
            if self.expected <= out.keys():
                made_up = [n for n, a in out.items() if not _has(tracker.of.get(id(a)), 1)]
                found.append([name, "made up" if made_up else "not needed", made_up[0] if made_up else ""])
        return found


def _conversions(subject: Subject, recorder: Recorder) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    ids, arrays, meta = mx.array(recorder.ids), {}, {}
    for name in ("plain", "quantized"):
        place = recorder.out / f"converted-{name}"
        shutil.rmtree(place, ignore_errors=True)
        model, config = subject.load(subject.folder)
        if name == "quantized":
            try:
                fits = _fitting(getattr(model, "quant_predicate", None))
                model, config = utils.quantize_model(model, config, GROUP, BITS, quant_predicate=fits)
                if not any("scales" in n for n, _ in tree_flatten(model.parameters())):
                    meta[name] = {"skipped": "the port quantizes no module"}
                    continue
            except Exception as error:
                meta[name] = _step("quantize_model", error, subject.port)
                continue
        arrays[f"{name}_before"] = numbers(model(ids))
        step = "save_model"
        try:
            utils.save_model(place, model)
            utils.save_config(dict(config), place / "config.json")
            step = "the strict load of the copy"
            again, _ = subject.load(place)
            step = "a pass through the copy"
            arrays[f"{name}_after"] = numbers(again(ids))
            meta[name] = {"tensors": len(tree_flatten(again.parameters()))}
        except Exception as error:
            meta[name] = _step(step, error, subject.port)
        shutil.rmtree(place, ignore_errors=True)
    return arrays, meta


def _fitting(predicate: Any) -> Any:
    """The port's own choice of modules and bits, with a group that divides the twin's small widths."""

    def fits(path: str, module: Any) -> Any:
        chosen = True if predicate is None else predicate(path, module)
        if isinstance(chosen, dict) and module.weight.shape[-1] % chosen.get("group_size", GROUP):
            chosen = {**chosen, "group_size": GROUP}
        return chosen

    return fits


def _step(step: str, error: Exception, port: Path) -> dict[str, Any]:
    found = load.fault(error, port)
    return {"step": step, "raised": found.text, "where": found.where}


def _same(one: Any, other: Any) -> bool:
    return one.dtype == other.dtype and bool(mx.array_equal(one, other, equal_nan=one.dtype in FLOATS).item())


FLOATS = (mx.float32, mx.float16, mx.bfloat16)


def _has(lineage: Any, number: int) -> bool:
    return lineage == number if isinstance(lineage, int) else number in (lineage or ())
