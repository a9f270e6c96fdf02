"""Hooks on every module of a torch model: what went in, what came out, in which order."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import torch


class Taps:
    """Records the first call of each module during one forward pass."""

    def __init__(self, model: torch.nn.Module) -> None:
        self.rows: dict[str, dict[str, Any]] = {}
        self.values: dict[str, torch.Tensor] = {}
        self._clock = 0
        self._handles = []
        for name, module in model.named_modules():
            if name:
                before, after = self._hooks(name)
                self._handles.append(module.register_forward_pre_hook(before, with_kwargs=True))
                self._handles.append(module.register_forward_hook(after))
                self.rows[name] = {"class": type(module).__name__, "where": where(type(module), "forward")}

    def _hooks(self, name: str) -> tuple[Any, Any]:
        def before(_module: Any, args: tuple, kwargs: dict) -> None:
            row = self.rows[name]
            if "start" not in row:
                row["start"] = self._tick()
                tensor = first_tensor(args) if args else None
                tensor = tensor if tensor is not None else first_tensor(kwargs.get("hidden_states"))
                self._keep(f"in:{name}", tensor)

        def after(_module: Any, _args: tuple, output: Any) -> None:
            row = self.rows[name]
            if "end" not in row:
                row["end"] = self._tick()
                self._keep(f"out:{name}", first_tensor(output))

        return before, after

    def _tick(self) -> int:
        self._clock += 1
        return self._clock

    def _keep(self, key: str, tensor: torch.Tensor | None) -> None:
        if tensor is not None and tensor.is_floating_point():
            self.values[key] = tensor.detach().clone()

    def close(self) -> tuple[dict[str, dict[str, Any]], dict[str, np.ndarray]]:
        for handle in self._handles:
            handle.remove()
        rows = {k: v for k, v in self.rows.items() if "end" in v}
        return rows, {k: v.float().numpy() for k, v in self.values.items()}


def first_tensor(value: Any) -> torch.Tensor | None:
    if isinstance(value, torch.Tensor):
        return value
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (tuple, list)):
        return next((t for t in map(first_tensor, value) if t is not None), None)
    return None


def where(cls: type, method: str) -> str | None:
    """`file:line` of a method as written, through decorators."""
    try:
        function = inspect.unwrap(getattr(cls, method))
        return f"{inspect.getsourcefile(function)}:{inspect.getsourcelines(function)[1]}"
    except (TypeError, OSError, AttributeError):
        return None
