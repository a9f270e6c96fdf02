"""The reference at far positions: positions and a causal mask are given, one call per regime.

Without a mask, jumped positions would be read as packed sequences. The floor of a block: what one unit in
the last place of the rotary frequencies does there, and of the weights.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from mlxport_harness.checks import changes, far
from mlxport_harness.reference import changed
from mlxport_harness.reference.record import relative
from mlxport_harness.twin.build import first_line

if TYPE_CHECKING:
    from mlxport_harness.reference.stages import Reference

DRAWS = 3


def record(reference: Reference, request: dict[str, Any]) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    twin = request["twin"]
    path = reference.twin_dir / twin / request["spelling"] / "config.json"
    content = json.loads(path.read_text())
    declared = reference.config.to_dict()
    maximum = request["maximum"] or _default_maximum(reference)
    items = [far.own_item(content, maximum)]
    if not _frequencies(reference.model(twin)):
        reason = "The reference has no rotary frequencies: there is no rotary embedding to test."
        return {}, {"reason": reason, "verdict": "not_applicable"}
    arrays: dict[str, np.ndarray] = {}
    floors: dict[str, list[float]] = {}
    flat = False
    try:
        try:
            _item(reference, twin, content, 0, items[0], flat, arrays, floors)
        except (RuntimeError, TypeError, ValueError, IndexError):
            flat = True
            _item(reference, twin, content, 0, items[0], flat, arrays, floors)
    except Exception as error:
        reason = f"The reference cannot be run at far positions: {first_line(error)}"
        return {}, {"reason": reason, "verdict": "not_exercised"}
    if not _positions_matter(reference, twin, items[0], flat):
        reason = "The reference's logits do not depend on the positions given to it."
        return {}, {"reason": reason, "verdict": "not_exercised"}
    rejected = {}
    for item in far.scaled_items(content, declared):
        try:
            _item(reference, twin, content, len(items), item, flat, arrays, floors)
            items.append(item)
        except Exception as error:
            rejected[item["name"]] = first_line(error)
    return arrays, {"items": items, "floors": floors, "rejected": rejected}


def _item(
    reference: Reference,
    twin: str,
    content: dict[str, Any],
    number: int,
    item: dict[str, Any],
    flat: bool,
    arrays: dict[str, np.ndarray],
    floors: dict[str, list[float]],
) -> None:
    config = changed.read(reference, changes.apply(content, item["changes"]))
    for name in ("sliding_window", "attention_chunk_size"):
        if flat and isinstance(getattr(config, name, None), int):
            setattr(config, name, 1 << 20)
    model = changed.model(reference, config, twin, reference.model(twin))
    for at, starts in enumerate(item["calls"]):
        logits = run(model, reference.ids, starts, flat)
        arrays[f"{number}.{at}"] = logits
        floors[f"{number}.{at}"] = _floors(model, reference.ids, starts, flat, logits)


def run(model: torch.nn.Module, ids: torch.Tensor, starts: list[int], flat: bool) -> np.ndarray:
    """`flat`: a mask of one row, all ones; recurrent layers take no other, but windows stay in force."""
    block = far.rules()["block"]
    positions = torch.cat([torch.arange(s, s + block) for s in starts])[None]
    count = positions.shape[1]
    tokens = ids.repeat(1, count // ids.shape[1] + 1)[:, :count]
    square = torch.triu(torch.full((count, count), torch.finfo(torch.float32).min), 1)[None, None]
    mask = torch.ones((1, count), dtype=torch.long) if flat else square
    with torch.no_grad():
        found = model(input_ids=tokens, position_ids=positions, attention_mask=mask, use_cache=False)
    return found.logits.float().numpy()


def _floors(
    model: torch.nn.Module, ids: torch.Tensor, starts: list[int], flat: bool, logits: np.ndarray
) -> list[float]:
    """Per block, the largest change that rounding of frequencies and weights makes."""
    generator = torch.Generator().manual_seed(7)
    block = far.rules()["block"]
    worst = [0.0] * len(starts)
    weights = [p for p in model.parameters() if p.is_floating_point()]
    for _ in range(DRAWS):
        tensors = [*weights, *_frequencies(model)]
        kept = [(t, t.detach().clone()) for t in tensors]
        with torch.no_grad():
            for tensor in tensors:
                sign = torch.randint(0, 2, tensor.shape, generator=generator) * 2.0 - 1.0
                tensor.mul_(1 + sign * 2.0**-23)
            near = run(model, ids, starts, flat)
            for tensor, value in kept:
                tensor.copy_(value)
        for i in range(len(starts)):
            part = slice(i * block, (i + 1) * block)
            worst[i] = max(worst[i], relative(near[:, part], logits[:, part]))
    return worst


def _frequencies(model: torch.nn.Module) -> list[torch.Tensor]:
    """Every rotary frequency that a call may take, kept copies of switching kinds included."""
    found: dict[int, torch.Tensor] = {}
    for module in model.modules():
        for name, value in [*module.named_buffers(recurse=False), *vars(module).items()]:
            if "inv_freq" in name and isinstance(value, torch.Tensor):
                found.setdefault(value.data_ptr(), value)
    return list(found.values())


def _positions_matter(reference: Reference, twin: str, item: dict[str, Any], flat: bool) -> bool:
    model, starts = reference.model(twin), item["calls"][-1]
    block = far.rules()["block"]
    if starts == [0] or len(starts) < 2:
        return True
    near = run(model, reference.ids, [i * block for i in range(len(starts))], flat)
    return relative(run(model, reference.ids, starts, flat), near) > 1e-4


def _default_maximum(reference: Reference) -> int | None:
    from transformers import AutoConfig

    value = getattr(AutoConfig.for_model(reference.model_type), "max_position_embeddings", None)
    return value if isinstance(value, int) else None
