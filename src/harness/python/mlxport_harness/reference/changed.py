"""The reference under a changed config: the twin's weights where they still fit, new ones elsewhere.

Where a change brings, drops or reshapes weights, they are saved beside the twin, for the port to read.
"""

from __future__ import annotations

import copy
import os
import shutil
from pathlib import Path
from typing import Any

import torch

from mlxport_harness.errors import Failure
from mlxport_harness.reference import names
from mlxport_harness.reference.record import TWINS
from mlxport_harness.reference.stages import Reference
from mlxport_harness.twin.build import build
from mlxport_harness.twin.weights import fill

Signature = list[tuple[str, list[int]]]


def read(reference: Reference, config: dict[str, Any]) -> Any:
    """The class's reading of a config.json's content."""
    from transformers import CONFIG_MAPPING

    return CONFIG_MAPPING[reference.model_type].from_dict(copy.deepcopy(config))


def model(reference: Reference, config: Any, twin: str, base: torch.nn.Module) -> torch.nn.Module:
    """A model of the changed config; every parameter and buffer that fits is the base's."""
    changed = build(config)
    std = next(std for name, std in TWINS.items() if name.replace(" ", "-") == twin)
    if signature(changed) != signature(base):
        fill(changed, reference.meta["seed"], std)
    known = base.state_dict()
    with torch.no_grad():
        for name, tensor in changed.state_dict().items():
            if name in known and known[name].shape == tensor.shape:
                tensor.copy_(known[name])
    return changed


def signature(model: torch.nn.Module) -> Signature:
    """Names and shapes, tied weights once: equal where the same file holds the weights of both."""
    return sorted((name, list(p.shape)) for name, p in model.named_parameters())


def save(reference: Reference, model: torch.nn.Module, name: str) -> str:
    """Keeps the weights; gives their folder's name below the twin's.

    What fails here is ours: it must not be taken for the reference's refusal of the change.
    """
    folder = reference.twin_dir / "changed" / name
    temporary = Path(f"{folder}.{os.getpid()}")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        names.save(model, temporary)
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(temporary, folder)
    except Exception as error:
        text = f"The weights of a changed config cannot be saved: {type(error).__name__}: {error}"
        raise Failure("bug", text[:600], "Please report this.") from None
    return f"changed/{name}"
