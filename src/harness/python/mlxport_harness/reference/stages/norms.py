"""Each norm of the reference alone, on small inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from mlxport_harness.checks.norms import sample

if TYPE_CHECKING:
    import numpy as np

    from mlxport_harness.reference.stages import Reference


def record(reference: Reference, request: dict[str, Any]) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    found: dict[str, np.ndarray] = {}
    for name, module in reference.model(request["twin"]).named_modules():
        weight = getattr(module, "weight", None)
        if "norm" not in type(module).__name__.lower() or not isinstance(weight, torch.Tensor):
            continue
        taken = torch.from_numpy(sample(tuple(weight.shape)))
        for way, rest in (("plain", ()), ("gated", (torch.ones_like(taken),))):
            try:
                with torch.no_grad():
                    found[f"{way}:{name}"] = module(taken, *rest).float().numpy()
            except (TypeError, ValueError, AttributeError, RuntimeError):  # it is not called so
                continue
    return found, {}
