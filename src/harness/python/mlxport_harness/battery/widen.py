"""float32 passes of a narrower mlx model: the weights widened, all or layer by layer, and narrowed again."""

from __future__ import annotations

import contextlib
from typing import Any

from mlxport_harness.battery.capture import call_of, inner


@contextlib.contextmanager
def widened(module: Any, leave: tuple[Any, ...] = ()) -> Any:
    """float32 within, as it was after: bfloat16 to float32 and back loses nothing.

    One parameter at a time, so that not all are there in both forms. `leave`: modules not to be touched.
    """
    import mlx.core as mx
    from mlx.utils import tree_unflatten

    left = {id(v) for other in leave for _, v in parameters(other)}
    before = {
        k: v.dtype for k, v in parameters(module) if id(v) not in left and mx.issubdtype(v.dtype, mx.floating)
    }

    def cast(kinds: dict[str, Any]) -> None:
        values = dict(parameters(module))
        for name in kinds:
            value = values.pop(name)
            if value.dtype != kinds[name]:
                value = value.astype(kinds[name])
                mx.eval(value)
                module.update(tree_unflatten([(name, value)]))

    cast(dict.fromkeys(before, mx.float32))
    try:
        yield
    finally:
        cast(before)


@contextlib.contextmanager
def streamed(model: Any) -> Any:
    """Each layer is wide while it runs; what is around the layers, throughout."""
    import mlx.core as mx

    layers = inner(model).layers
    numbers = {id(layer) for layer in layers}
    originals = {cls: call_of(cls) for cls in {type(layer) for layer in layers}}

    def wrapped(original: Any) -> Any:
        def call(module: Any, *args: Any, **kwargs: Any) -> Any:
            if id(module) not in numbers:
                return original(module, *args, **kwargs)
            with widened(module):
                output = original(module, *args, **kwargs)
                mx.eval(output)
            return output

        return call

    for cls, original in originals.items():
        cls.__call__ = wrapped(original)
    try:
        with widened(model, tuple(layers)):
            yield
    finally:
        for cls, original in originals.items():
            cls.__call__ = original


def parameters(model: Any) -> list[tuple[str, Any]]:
    from mlx.utils import tree_flatten

    return tree_flatten(model.parameters())
