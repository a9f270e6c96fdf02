"""Records each decoder layer's call during one pass, and can be undone: the same model decodes afterwards.

The layers are found as upstream's script finds them: the module below `language_model`, `text_model` or
`model` that has both `layers` and `norm`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass
class Call:
    module: Any
    args: tuple
    kwargs: dict[str, Any]
    output: Any


class Capture:
    def __init__(self, model: Any) -> None:
        self.model, self.calls = model, []
        inside = inner(model)
        self.layers = list(inside.layers)
        self.norm = getattr(inside, "norm", None)
        self._numbers = {id(layer): n for n, layer in enumerate(self.layers)}
        self._originals = {cls: call_of(cls) for cls in {type(layer) for layer in self.layers}}
        for cls, original in self._originals.items():
            cls.__call__ = self._wrapped(original)

    def run(self, *args: Any) -> Any:
        found = self.model(*args)
        missing = len(self.layers) - len(self.calls)
        if missing:
            raise ValueError(f"{missing} of {len(self.layers)} layers were not called")
        return found

    def undo(self) -> None:
        for cls, original in self._originals.items():
            cls.__call__ = original

    def _wrapped(self, original: Any) -> Any:
        def call(module: Any, *args: Any, **kwargs: Any) -> Any:
            output = original(module, *args, **kwargs)
            if id(module) in self._numbers:
                hidden = output[0] if isinstance(output, tuple) else output
                self.calls.append(Call(module, args, kwargs, hidden))
            return output

        return call


def untap(model: Any) -> None:
    """Takes the wrappers of `port.taps.Taps` off again, so that decoding is timed without them."""
    for cls in {type(module) for _, module in model.named_modules()}:
        original = getattr(cls.__call__, "original", None)
        if original is not None:
            cls.__call__ = original


def call_of(cls: type) -> Any:
    return next(c.__dict__["__call__"] for c in cls.__mro__ if "__call__" in c.__dict__)


def inner(model: Any) -> Any:
    current = model
    for _ in range(5):
        if hasattr(current, "layers") and hasattr(current, "norm"):
            return current
        following = [
            getattr(current, n) for n in ("language_model", "text_model", "model") if hasattr(current, n)
        ]
        if not following or following[0] is current:
            break
        current = following[0]
    if not hasattr(current, "layers"):
        raise ValueError("the model has no list `layers` below model, language_model or text_model")
    return current
