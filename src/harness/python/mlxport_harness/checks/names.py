"""H22 `names`: are the twin's tensors named as the released ones, modulo layer and expert index?

The twin is saved by transformers, which may fuse, split or rename. Where the names differ, `exact` and
`sanitize` say nothing about the part of `sanitize` that reads the released names, and get that as a finding;
`load` does.
"""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlxport_harness.checks import Check
from mlxport_harness.checks.load import NO_HEADERS, folders
from mlxport_harness.checks.verdict import record
from mlxport_harness.load import headers as header_files
from mlxport_harness.load.rules import Rules, stars
from mlxport_harness.twin.target import _read_config
from mlxport_harness.view import STD_1, slug

if TYPE_CHECKING:
    from mlxport_harness.view import View

RULE = "the same names and ranks, modulo layer and expert index"
CHECK = Check("names", "", "slow", "rule", RULE, "the twin's names against released headers")
SCALES = re.compile(r"(\.weight_scale_inv|\.weight_scale|_scales|\.scales|\.biases|\.weight_shape)$")
PACKED = re.compile(r"(_blocks|\.weight_packed)$")
TOUCHED = ("exact", "sanitize")


def run(view: View) -> list[dict[str, Any]]:
    given = folders(view)
    if not given:
        return [record("names", STD_1, "not_applicable", findings=[{"id": "no_headers", "text": NO_HEADERS}])]
    twin = header_files.read(view.twin_dir / slug(STD_1) / view.spelling)
    own = schema(twin, view.config)
    return [_one(view, folder, own) for folder in given]


def _one(view: View, folder: Path, own: dict[str, int]) -> dict[str, Any]:
    began = time.monotonic()
    released = schema(header_files.read(folder), _read_config(folder / "config.json"))
    lacks, adds = sorted(released.keys() - own.keys()), sorted(own.keys() - released.keys())
    ranks = sorted(n for n in own.keys() & released.keys() if own[n] != released[n])
    differ = len(lacks) + len(adds) + len(ranks)
    parts = [("The release has", lacks), ("the twin has", adds), ("of another rank", ranks)]
    text = "; ".join(f"{what} {_list(names)}" for what, names in parts if names)
    finding = {"id": "names", "text": f"Names not representative of {folder.name}: {text}."}
    if differ:
        _tell(view, finding)
    return record(
        "names",
        folder.name,
        "not_exercised" if differ else "pass",
        figure=differ,
        unit="names",
        bar=0,
        metric="kinds of tensors in one and not in the other",
        seconds=time.monotonic() - began,
        findings=[finding] if differ else [],
        kinds=len(released),
    )


def schema(found: header_files.Headers, config: dict[str, Any]) -> dict[str, int]:
    """Names modulo indices, with the rank; without scales, and without what no causal model loads."""
    tensors = dict(zip(found.names, zip(found.dtypes, found.shapes, strict=True), strict=True))
    rules, kinds = Rules(config, tensors, set()), {}
    for name, (_, shape) in tensors.items():
        if SCALES.search(name) or any(rule(rules, name) for rule in SKIPPED):
            continue
        plain, rank = PACKED.sub("", name), len(shape) - bool(name.endswith("_blocks"))
        plain = f"{plain}.weight" if name.endswith(".weight_packed") else plain
        kinds.setdefault(stars(plain), rank)
    return kinds


SKIPPED = (Rules.rotary, Rules.beyond, Rules.draft, Rules.tied, Rules.static, Rules.mask)


def _tell(view: View, finding: dict[str, str]) -> None:
    """The checks that ran on the twin say it too."""
    for one in view.run.records:
        mine = one.get("variant", view.variant.name) == view.variant.name
        if one["id"] in TOUCHED and mine and finding not in one["findings"]:
            one["findings"].append(finding)
            view.run.publish(one)


def _list(names: list[str]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
