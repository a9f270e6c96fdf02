"""The states that upstream's scripts look at: after each layer, the last one normed, then the logits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mlx.core as mx

from mlxport_harness.port.record import numbers
from mlxport_harness.port.taps import Taps

if TYPE_CHECKING:
    import numpy as np

    from mlxport_harness.port.record import Recorder


def record(recorder: Recorder, request: dict[str, Any]) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    model = recorder.model(request["twin"], request["spelling"])
    one = model(mx.array([[1]]))
    mx.eval(one)
    inner, names = _inner(model), {id(module): name for name, module in model.named_modules()}
    taps = Taps(model)
    logits = taps.run(model, mx.array(recorder.ids))
    states = [taps.values.get(f"out:{names[id(layer)]}") for layer in getattr(inner, "layers", [])]
    states = [state for state in states if state is not None]
    if states and hasattr(inner, "norm"):
        states[-1] = inner.norm(states[-1])
    found = {f"state:{n}": numbers(state[0]) for n, state in enumerate([*states, logits])}
    return found | {"logits": numbers(logits)}, {"dtype": str(one.dtype).rpartition(".")[2]}


def _inner(model: Any) -> Any:
    """The first module on the way down that has both `layers` and `norm`, as upstream's script walks."""
    for _ in range(5):
        if hasattr(model, "layers") and hasattr(model, "norm"):
            break
        down = next((a for a in ("language_model", "text_model", "model") if hasattr(model, a)), None)
        if down is None:
            break
        model = getattr(model, down)
    return model
