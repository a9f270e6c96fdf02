"""Rewrites a saved twin to the names and layouts that released files have, where transformers saves others.

Data: `weights` in rules.json, a list of {from, to, transpose, split} per type. `from` is a pattern; `to` one
name, null to drop it, or one per part: split `interleaved` (every other entry of the last axis) or by `sizes`
along the first. `transpose` then swaps the last two axes.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

import torch

from mlxport_harness.errors import Failure
from mlxport_harness.twin import shrink as shrinker
from mlxport_harness.twin import ties


def save(model: torch.nn.Module, folder: Path) -> None:
    """Saves the twin as releases are. `runtime`: under the model's own names, not those it is saved by."""
    own = shrinker.rules()["types"].get(model.config.model_type, {})
    model.save_pretrained(folder, **({"save_original_format": False} if own.get("runtime") else {}))
    steps = own.get("weights", [])
    if not steps:
        return
    from safetensors.torch import load_file, save_file

    if own.get("unused"):
        _judge_unused(model, folder, steps)
    for path in folder.glob("*.safetensors"):
        found: dict[str, torch.Tensor] = {}
        for name, tensor in load_file(path).items():
            found |= _one(name, tensor, steps, model.config.to_dict())
        save_file({k: v.contiguous() for k, v in found.items()}, path, metadata={"format": "pt"})


def _judge_unused(model: torch.nn.Module, folder: Path, steps: list[dict[str, Any]]) -> None:
    """What a search drops as unused must not move the reference's logits when it is something else."""
    from safetensors.torch import load_file, save_file

    drops = [step["from"] for step in steps if step["to"] is None]
    vocabulary = model.config.get_text_config().vocab_size
    ids = torch.arange(3, vocabulary).unsqueeze(0)
    with tempfile.TemporaryDirectory(prefix="mlxport-") as scratch:
        shutil.copytree(folder, scratch, dirs_exist_ok=True)
        outputs = []
        for factor in (1.0, -3.0):
            for path in Path(scratch).glob("*.safetensors"):
                found = load_file(path)
                found = {
                    k: v * factor if any(re.search(d, k) for d in drops) else v for k, v in found.items()
                }
                save_file(found, path, metadata={"format": "pt"})
            again = type(model).from_pretrained(scratch, dtype=next(model.parameters()).dtype).eval()
            with torch.no_grad():
                outputs.append(again(input_ids=ids, use_cache=False).logits)
    if not torch.equal(*outputs):
        text = "Weights that were to be dropped as unused move the reference's logits."
        raise Failure("reference", text, "Run twin/search.py again.")


def _one(
    name: str, tensor: torch.Tensor, steps: list[dict[str, Any]], config: dict[str, Any]
) -> dict[str, torch.Tensor]:
    for step in steps:
        if not re.search(step["from"], name):
            continue
        if step["to"] is None:
            return {}
        if step.get("split") == "interleaved":
            parts = [tensor[..., i :: len(step["to"])] for i in range(len(step["to"]))]
        elif "sizes" in step:
            parts = list(tensor.split([int(ties.evaluate(size, config) or 0) for size in step["sizes"]]))
        else:
            parts = [tensor]
        targets = step["to"] if isinstance(step["to"], list) else [step["to"]]
        if step.get("transpose"):
            parts = [part.transpose(-1, -2) for part in parts]
        return {re.sub(step["from"], target, name): part for target, part in zip(targets, parts, strict=True)}
    return {name: tensor}
