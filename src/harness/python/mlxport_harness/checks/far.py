"""H8 `far`: rotary positions far apart, with few tokens: positions jump, storage does not.

Blocks of 16 tokens at 0, 1,000, 20,000 and 100,000, past the original length and up to the config's
maximum. On the port's side the caches' offset jumps; on the reference's side positions and a causal mask are
given. Windows are out of it on both sides: every token attends to all before it, however far.
"""

from __future__ import annotations

import json
import time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mlxport_harness.checks import Check
from mlxport_harness.checks.changes import Change, Config, rotated_pairs
from mlxport_harness.checks.exact import BARS, relative
from mlxport_harness.checks.verdict import record
from mlxport_harness.view import STD_1

if TYPE_CHECKING:
    from mlxport_harness.view import View

RULE = "each block ≤ 4 × its floor and ≤ 0.02, suspect to 40 × and 0.1; the floor grows with the position"
TITLE = "rotary positions up to the config's maximum, on few tokens"
CHECK = Check("far", "far", "slow", "rule", RULE, TITLE, limit_s=120.0)
FLOORS, CAPS = (4.0, 40.0), (0.02, 0.1)  # measured: right ports ≤ 0.8 × floor; theta 1 % off 0.1–0.7
SMALL = 1e-3
Item = dict[str, Any]  # {name, changes, calls: [[start of a block]]}


@cache
def rules() -> Config:
    return json.loads(Path(__file__).with_name("far.json").read_text())


def kind_of(config: Config) -> str:
    """The rope scaling of a config in either spelling; of several per layer type, the full layers'."""
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    inner = rope.get("full_attention")
    rope = inner if isinstance(inner, dict) else rope
    return str(rope.get("rope_type") or rope.get("type") or "default")


def own_item(config: Config, maximum: int | None) -> Item:
    """The config as it is, but with the maximum that the twin's shrinking capped."""
    made: list[Change] = []
    if maximum and "max_position_embeddings" in config:
        made = [_set(["max_position_embeddings"], maximum)]
    kind, rope = kind_of(config), config.get("rope_parameters") or config.get("rope_scaling") or {}
    original = config.get("original_max_position_embeddings") or rope.get("original_max_position_embeddings")
    limit = maximum or config.get("max_position_embeddings") or 2048
    if kind == "dynamic":
        original, limit = limit, int(limit * float(rope.get("factor") or 1))
    return {"name": kind, "changes": made, "calls": calls(kind, limit, original)}


def scaled_items(config: Config, declared: Config) -> list[Item]:
    """The other kinds of scaling, for a config whose rope is one dictionary."""
    key = "rope_parameters" if "rope_parameters" in config else "rope_scaling"
    now = config.get(key) or {}
    if any(isinstance(v, dict) for v in now.values()) or "max_position_embeddings" not in config:
        return []
    items = []
    for kind, row in rules()["scalings"].items():
        if kind == kind_of(config):
            continue
        keep = {k: now[k] for k in ("rope_theta", "partial_rotary_factor") if k in now}
        rope = {**keep, "rope_type": kind, **row["set"]}
        if key == "rope_scaling":
            rope["type"] = kind
        for name in ("short_factor", "long_factor"):
            if name in rope:
                low, high = rope[name]
                pairs = rotated_pairs({**declared, **config}, now)
                rope[name] = [low + (high - low) * i / max(1, pairs - 1) for i in range(pairs)]
        made = [_set([key], rope), _set(["max_position_embeddings"], row["max"])]
        if "original" in row:
            rope["original_max_position_embeddings"] = row["original"]
            if "original_max_position_embeddings" in {**declared, **config}:
                made.append(_set(["original_max_position_embeddings"], row["original"]))
        limit = int(row["max"] * row["set"]["factor"]) if kind == "dynamic" else row["max"]
        original = row["max"] if kind == "dynamic" else row.get("original")
        items.append({"name": kind, "changes": made, "calls": calls(kind, limit, original)})
    return items


def calls(kind: str, limit: int, original: int | None) -> list[list[int]]:
    """Blocks of one call share a regime: dynamic scales by the call's own length, longrope switches once."""
    block = rules()["block"]
    starts = {s for s in rules()["starts"] if s + block <= limit} | {max(0, limit - block)}
    if original and original + block <= limit:
        starts |= {original, max(0, original - block)}
    ordered = sorted(starts)
    if kind == "dynamic":
        return [[s] for s in ordered]
    if kind == "longrope" and original:
        return [[s for s in ordered if s + block <= original], ordered]
    return [ordered]


def _set(path: list[str], value: Any) -> Change:
    return {"path": path, "kind": "value", "value": value, "label": ""}


def run(view: View) -> list[dict[str, Any]]:
    began = time.monotonic()
    raw = view.variant.raw
    maximum = raw.get("max_position_embeddings") if raw is not None else None
    spelling = {"spelling": view.spelling, "maximum": maximum, "rules": rules()}
    reference, meta = view.reference("far", STD_1, **spelling)
    if "reason" in meta:
        findings = [{"id": "far", "text": meta["reason"]}]
        return [record("far", STD_1, meta["verdict"], findings=findings, seconds=time.monotonic() - began)]
    items = meta["items"]
    port, said, _ = view.port("far", STD_1, items=items)
    if "cannot" in said:
        findings = [{"id": "far", "text": str(said["cannot"])}]
        return [record("far", STD_1, "not_exercised", findings=findings, seconds=time.monotonic() - began)]
    own, *others = [_measure(n, item, reference, meta, port, said) for n, item in enumerate(items)]
    own["far_only"] = bool(said.get("near"))
    _forgive(own, others)
    findings = [f for f in (_scaling(other) for other in others) if f]
    found = _judge(own, others, findings, time.monotonic() - began)
    return [found | {"reference_rejects": meta["rejected"]}]


def _measure(
    number: int, item: Item, reference: dict[str, np.ndarray], meta: dict, port: dict, said: dict
) -> dict[str, Any]:
    """Error and floor of each block, and what the port said where there is none."""
    block, blocks = rules()["block"], []
    error = (said.get("errors") or {}).get(str(number))
    for at, starts in enumerate(item["calls"]):
        key = f"{number}.{at}"
        for i, start in enumerate(starts):
            part = slice(i * block, (i + 1) * block)
            wanted, got = reference[key][:, part], port.get(key)
            row = {"call": at, "start": start, "floor": meta["floors"][key][i], "error": None}
            if error is None and got is not None:
                same = got.shape == reference[key].shape and np.isfinite(got).all()
                row["error"] = relative(got[:, part], wanted) if same else float("inf")
            blocks.append(row | {"verdict": grade(row["error"], row["floor"])})
    return {"name": item["name"], "blocks": blocks, "error": error}


def _forgive(own: dict[str, Any], others: list[dict[str, Any]]) -> None:
    """A small fault that shows at position 0 already does not hide one of positions."""
    near = own["blocks"][0]
    if near["start"] != 0 or near["verdict"] == "pass" or not (near["error"] or 1.0) <= SMALL:
        return
    own["near"] = near["error"]
    for block in [b for one in (own, *others) for b in one["blocks"] if b["error"] is not None]:
        block["floor"] = max(block["floor"], near["error"])
        block["verdict"] = grade(block["error"], block["floor"])


def grade(error: float | None, floor: float) -> str:
    if error is None or not np.isfinite(error):
        return "fail"
    for verdict, times, cap in zip(("pass", "suspect"), FLOORS, CAPS, strict=True):
        if error <= bar(floor, times, cap):
            return verdict
    return "fail"


def bar(floor: float, times: float = FLOORS[0], cap: float = CAPS[0]) -> float:
    """By the block's own floor; what `exact` lets pass is never too much."""
    return max(BARS[STD_1][0], min(times * floor, cap))


def _judge(own: dict, others: list[dict], findings: list[dict], seconds: float) -> dict[str, Any]:
    common = {
        "unit": "relative",
        "metric": "relative error of logits in the block that is nearest to its bar",
        "seconds": seconds,
        "scaling": own["name"],
        "blocks": own["blocks"],
        "others": [{k: o[k] for k in ("name", "blocks", "error")} for o in others],
    }
    if own["error"]:
        if own["far_only"]:
            error = {"kind": "port", "text": f"Only at far positions: {own['error']}", "hint": ""}
            return record("far", STD_1, "fail", error=error, **common)
        text = f"The port does not run with caches that can jump: {own['error']}"
        return record("far", STD_1, "not_exercised", findings=[{"id": "far", "text": text}], **common)
    near = own["blocks"][0]
    if "near" in own:
        text = f"The port is {own['near']:.2g} off at position 0 already (see exact): less was not judged."
        findings = [{"id": "far", "text": text}, *findings]
    elif near["start"] == 0 and near["verdict"] != "pass":
        text = f"The port is wrong at position 0 already ({near['error']:.2g}): see exact."
        return record("far", STD_1, "not_exercised", findings=[{"id": "far", "text": text}], **common)
    rank = ("pass", "suspect", "fail")
    verdict = rank[max(rank.index(b["verdict"]) for b in own["blocks"])]
    worst = max(own["blocks"], key=lambda b: b["error"] / bar(b["floor"]))
    if verdict != "pass":
        first = next(b for b in own["blocks"] if b["verdict"] != "pass")
        text = f"From position {first['start']:,} on the port is {worst['error']:.2g} from the reference "
        text += f"({worst['error'] / worst['floor']:.0f} × what rounding does there); {own['name']} rope."
        findings = [{"id": "far", "text": text}, *findings]
    figures = {"figure": worst["error"], "bar": bar(worst["floor"])}
    return record("far", STD_1, verdict, **figures, findings=findings, **common)


def _scaling(other: dict) -> dict[str, str] | None:
    """A scaling that is not the config's own is no fault here: a finding."""
    name = other["name"]
    if other["error"]:
        text = f"A config with {name} rope scaling raises: {other['error'][:200]}"
        return {"id": "scaling_rejected", "key": name, "text": text}
    bad = [b for b in other["blocks"] if b["verdict"] != "pass"]
    if not bad:
        return None
    worst = max(bad, key=lambda b: b["error"])
    text = f"With {name} rope scaling the port is {worst['error']:.2g} from the reference"
    right = [b for b in other["blocks"] if b["verdict"] == "pass"]
    if name == "longrope" and right and {b["call"] for b in bad} == {0}:
        text += " in a context within the original length (right beyond it)."
    else:
        where = ", ".join(f"{b['start']:,}" for b in bad)
        text += f" at positions {where} (right elsewhere)." if right else ", at every position."
    return {"id": "scaling_wrong", "key": name, "text": text}
