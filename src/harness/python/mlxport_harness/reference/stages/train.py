"""Gradients of the mean next-token cross-entropy, under the names of the saved checkpoint.

Saving renames, transposes and splits fused experts. That map only moves values, so gradients put in the place
of the weights and saved come out under the same names as the weights did. The floor of each tensor is what
one unit in the last place of every weight changes, as for the logits.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors.numpy import load_file

from mlxport_harness.reference import names
from mlxport_harness.reference.record import PERTURBATIONS, relative

if TYPE_CHECKING:
    from pathlib import Path

    from mlxport_harness.reference.stages import Reference


def record(reference: Reference, request: dict[str, Any]) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    model, ids = reference.model(request["twin"]), reference.ids
    folder = reference.out / "gradients"
    loss, found = gradients(model, ids, folder)
    floors = dict.fromkeys(found, 0.0)
    exact = [(p, p.detach().clone()) for p in model.parameters() if p.is_floating_point()]
    generator = torch.Generator().manual_seed(98)
    try:
        for _ in range(PERTURBATIONS):
            with torch.no_grad():
                for parameter, value in exact:
                    sign = torch.randint(0, 2, value.shape, generator=generator) * 2.0 - 1.0
                    parameter.copy_(value * (1 + sign * 2.0**-23))
            _, near = gradients(model, ids, folder)
            for name, value in found.items():
                floors[name] = max(floors[name], relative(near[name], value))
    finally:
        with torch.no_grad():
            for parameter, value in exact:
                parameter.copy_(value)
    kinds = {n: type(m).__name__ for n, m in model.named_modules() if isinstance(m, torch.nn.Linear)}
    return found, {"loss": loss, "floors": floors, "linear": sorted(kinds)}


def gradients(model: torch.nn.Module, ids: torch.Tensor, folder: Path) -> tuple[float, dict[str, np.ndarray]]:
    """The loss and its gradient by each saved tensor; buffers are not learned and are left out."""
    model.zero_grad()
    with torch.enable_grad():
        logits = model(input_ids=ids, use_cache=False).logits.float()
        loss = torch.nn.functional.cross_entropy(logits[0, :-1], ids[0, 1:])
        loss.backward()
    kept = [(p, p.data) for p in model.parameters()]
    try:
        for parameter, value in kept:
            gradient = parameter.grad
            parameter.data = torch.zeros_like(value) if gradient is None else gradient.detach()
        shutil.rmtree(folder, ignore_errors=True)
        names.save(model, folder)
    finally:
        for parameter, value in kept:
            parameter.data = value
        model.zero_grad()
    found: dict[str, np.ndarray] = {}
    for path in sorted(folder.glob("*.safetensors")):
        found |= load_file(path)
    shutil.rmtree(folder, ignore_errors=True)
    buffers = {name for name, _ in model.named_buffers()}
    learned = {n: v for n, v in found.items() if n not in buffers and v.dtype == np.float32}
    return float(loss.detach()), learned
