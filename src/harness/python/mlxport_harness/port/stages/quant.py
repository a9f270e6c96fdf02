"""The port quantized as `mlx_lm.convert -q` does: logits, dtypes, what was left alone and why, and reloaded.

With `each`, one module at a time instead, on the same unquantized model.
"""

from __future__ import annotations

import contextlib
import io
import json
import shutil
from typing import TYPE_CHECKING, Any

import mlx.core as mx
from mlx.utils import tree_unflatten
from mlx_lm.utils import quantize_model, save_model

from mlxport_harness.port import load
from mlxport_harness.port.record import numbers
from mlxport_harness.port.taps import Taps

if TYPE_CHECKING:
    from pathlib import Path

    import mlx.nn as nn
    import numpy as np

    from mlxport_harness.port.record import Recorder

GROUPS = (64, 32)


def record(recorder: Recorder, request: dict[str, Any]) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    twin, spelling, bits = request["twin"], request["spelling"], request["bits"]
    recorder.model(twin, spelling)
    folder, ids = recorder.folder(twin, spelling), mx.array(recorder.ids)
    model = load.load(recorder.module, folder)
    base = model(ids)
    group = fitting_group(model)
    if request.get("each"):
        return _each(model, ids, base, group, bits)
    config, adapted = quantize(model, folder, group, bits)
    meta = {"group_size": group, "modules": _modules(model, group), "adapted": adapted}
    taps = Taps(model)
    quantized = taps.run(model, ids)
    mx.eval(base, quantized)
    layers = {id(layer) for layer in model.layers}
    meta["layers"] = [name for name, module in model.named_modules() if id(module) in layers]
    meta |= {"dtype": str(quantized.dtype).rpartition(".")[2], "flow": taps.rows}
    meta["base_dtype"] = str(base.dtype).rpartition(".")[2]
    saved = recorder.out / "quantized"
    shutil.rmtree(saved, ignore_errors=True)
    save_model(saved, model)
    (saved / "config.json").write_text(json.dumps(config))
    arrays = {"base": numbers(base), "quantized": numbers(quantized)}
    try:
        again = load.load(recorder.module, saved)(ids)
        arrays["reloaded"] = numbers(again)
    except Exception as error:
        meta["reload"] = load.fault(error, recorder.port).record()["text"]
    shutil.rmtree(saved, ignore_errors=True)
    return arrays, meta


def fitting_group(model: nn.Module) -> int:
    """The group size that lets most parameters be quantized; the usual 64 where that is no worse."""

    def reached(group: int) -> int:
        ready = (m.weight for m in model.modules() if hasattr(m, "to_quantized"))
        return sum(w.size for w in ready if w.shape[-1] % group == 0)

    return max(GROUPS, key=reached)


def quantize(model: nn.Module, folder: Path, group: int, bits: int) -> tuple[dict[str, Any], list[str]]:
    """mlx-lm's own function with the port's own predicate. Gives the new config, and what had to be adapted.

    A predicate may ask for a group size that fits the released widths and not the twin's: then the twin's.
    """
    config = json.loads((folder / "config.json").read_text())
    own, adapted = getattr(model, "quant_predicate", None), []

    def predicate(path: str, module: nn.Module) -> Any:
        wish = own(path, module)
        if isinstance(wish, dict) and module.weight.shape[-1] % wish.get("group_size", group):
            adapted.append(path)
            wish = {**wish, "group_size": group}
        return wish

    with contextlib.redirect_stdout(io.StringIO()):
        _, config = quantize_model(model, config, group, bits, quant_predicate=predicate if own else None)
    return config, adapted


def _modules(model: nn.Module, group: int) -> list[dict[str, Any]]:
    """Every module with a matrix: how it was quantized, or why not."""
    own, rows = getattr(model, "quant_predicate", None), []
    for name, module in model.named_modules():
        matrices = [k for k, v in module.items() if isinstance(v, mx.array) and v.ndim >= 2]
        if not matrices:
            continue
        row: dict[str, Any] = {"module": name, "class": type(module).__name__}
        if hasattr(module, "bits"):
            row |= {"bits": module.bits, "group_size": module.group_size}
        elif not hasattr(module, "to_quantized"):
            row["why"] = "class"
        elif module.weight.shape[-1] % group:
            row |= {"why": "width", "width": module.weight.shape[-1]}
        else:
            row["why"] = "predicate" if own else "unknown"
        rows.append(row)
    return rows


def _each(
    model: nn.Module, ids: mx.array, base: mx.array, group: int, bits: int
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    arrays, names = {"base": numbers(base)}, []
    ready = [
        (n, m)
        for n, m in model.named_modules()
        if hasattr(m, "to_quantized") and m.weight.shape[-1] % group == 0
    ]
    for name, module in ready:
        model.update_modules(tree_unflatten([(name, module.to_quantized(group_size=group, bits=bits))]))
        arrays[f"each:{name}"] = numbers(model(ids))
        names.append(name)
        model.update_modules(tree_unflatten([(name, module)]))
    return arrays, {"group_size": group, "names": names}
