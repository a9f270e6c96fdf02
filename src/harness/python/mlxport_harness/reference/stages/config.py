"""Logits of the reference under every planned change of the config, and whether they move.

The plan is made here, where the class that reads the config is. Change by change: rejected, the same config
as before, or logits; those that move come with their own rounding floor.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import numpy as np

from mlxport_harness.checks import changes
from mlxport_harness.errors import Failure
from mlxport_harness.reference import changed
from mlxport_harness.reference import floor as floor_of
from mlxport_harness.reference.record import relative
from mlxport_harness.twin import shrink
from mlxport_harness.twin.build import first_line

if TYPE_CHECKING:
    from mlxport_harness.reference.stages import Reference

MOVED = 10.0  # times the floor: less is rounding


def record(reference: Reference, request: dict[str, Any]) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    twin, base_changes = request["twin"], request["base"]
    path = reference.twin_dir / twin / request["spelling"] / "config.json"
    content = changes.apply(json.loads(path.read_text()), base_changes)
    arrays: dict[str, np.ndarray] = {}
    base_config = changed.read(reference, content)
    base = changed.model(reference, base_config, twin, reference.model(twin))
    fits = changed.signature(base) == changed.signature(reference.model(twin))
    weights = None if fits else changed.save(reference, base, _slug(twin, request["spelling"], base_changes))
    arrays["base"] = floor_of.logits(base, reference.ids)
    floor = floor_of.once(base, reference.ids, arrays["base"])
    plan, left = changes.plan(content, base_config.to_dict())
    filled = reference.meta.get("filled") or {}
    if filled:
        left["the class has no such key: it was filled in for the port"] = sorted(filled)
        plan = [change for change in plan if change["path"][0] not in filled]
    rows = []
    for number, change in enumerate(plan):
        row = {**change, "weights": weights, "floor": floor, "moved": False}
        rows.append(row)
        try:
            config = changed.read(reference, changes.apply(content, [change]))
            if config.to_dict() == base_config.to_dict():
                continue
            model = changed.model(reference, config, twin, base)
            logits = floor_of.logits(model, reference.ids)
            if not np.isfinite(logits).all():
                row["rejected"] = "the logits are not finite"
                continue
            fits = changed.signature(model) == changed.signature(base)
            if logits.shape == arrays["base"].shape and relative(logits, arrays["base"]) <= MOVED * floor:
                if not fits:
                    slug = _slug(twin, request["spelling"], [*base_changes, change])
                    row["weights"] = changed.save(reference, model, slug)
                continue
            row |= {"moved": True, "floor": max(floor, floor_of.once(model, reference.ids, logits))}
            arrays[str(number)] = logits
            if not fits:
                slug = _slug(twin, request["spelling"], [*base_changes, change])
                row["weights"] = changed.save(reference, model, slug)
        except Failure as failure:
            if failure.kind == "bug":
                raise
            row["rejected"] = failure.text
        except Exception as error:
            row["rejected"] = first_line(error)
    return arrays, {
        "rows": rows,
        "left": left,
        "floor": floor,
        "defaults": _defaults(reference),
        "weights": weights,
    }


def _defaults(reference: Reference) -> dict[str, Any]:
    """The class's defaults, in both spellings."""
    from transformers import AutoConfig

    new = json.loads(json.dumps(AutoConfig.for_model(reference.model_type).to_dict(), default=str))
    return {**(shrink.legacy_spelling(new, {}) or {}), **new}


def _slug(twin: str, spelling: str, made: list[dict[str, Any]]) -> str:
    text = json.dumps([twin, spelling, made], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
