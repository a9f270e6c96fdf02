"""The registry: what each check needs, what it costs, how it decides. One check per file.

A module here has `CHECK` and `run(view)`, which gives records; `exact` and `locate` are driven by
`variant.py`, for they choose the spelling under which the rest runs. Where a check knows beforehand what it
asks the port, `asks(view)` gives the same (stage, twin, parameters): the port works while others are judged.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from mlxport_harness.errors import Failure

# In the order in which they run: what is fast and tells most comes first.
MODULES = (
    "exact",
    "dtype",
    "cache",
    "batch",
    "far",
    "config",
    "locate",
    "swap",
    "dtype-deep",
    "cache-deep",
    "batch-deep",
    "boundary",
    "quant",
    "train",
    "upstream_test",
    "kernels",
    "sanitize",
    "load",
    "names",
    "norms",
    "router",
    "upstream",
)
# Their numbers in the design's list, H1–H22; a check that is not there has none.
NUMBERS = {
    "load": "H1",
    "exact": "H3",
    "dtype": "H5",
    "dtype-deep": "H5",
    "cache": "H6",
    "cache-deep": "H6",
    "batch": "H7",
    "batch-deep": "H7",
    "boundary": "H9",
    "far": "H8",
    "config": "H10",
    "sanitize": "H2",
    "names": "H22",
    "quant": "H11",
    "train": "H12",
    "upstream-test": "H14",
    "kernels": "H21",
    "locate": "H4",
    "swap": "H4",
}
Ask = tuple[str, str, dict[str, Any]]
PLANS = {"quick": ("fast",), "full": ("fast", "slow")}


@dataclass(frozen=True)
class Check:
    """`needs`: the port stage that records for it. `cost`: fast (at each save), slow, heavy (a checkpoint).

    `decides`: rule, or figure where only numbers are shown. `limit_s`: what one stage of it may take.
    """

    id: str
    needs: str
    cost: str
    decides: str
    rule: str
    title: str = ""
    limit_s: float = 60.0


def module(check: str) -> ModuleType:
    return importlib.import_module(f"mlxport_harness.checks.{check.replace('-', '_')}")


def registry() -> dict[str, Check]:
    return {found.id: found for found in (module(name).CHECK for name in MODULES)}


def listed() -> list[dict[str, str]]:
    """Every check as `checks.json` has it, for the workbench, which lists them without Python."""
    rows = []
    for check in registry().values():
        row = {"id": check.id, "number": NUMBERS.get(check.id, ""), "family": "twin", "cost": check.cost}
        rows.append(row | {"decides": check.decides, "title": check.title, "rule": check.rule})
    return rows


def choose(asked: Any) -> list[str]:
    """The ids of a plan's name, of ids, or of both; nothing asked is the quick plan."""
    known = registry()
    asked = [asked] if isinstance(asked, str) else list(asked or ["quick"])
    unknown = [str(c) for c in asked if c not in known and c not in PLANS]
    if unknown:
        hint = f"Checks: {', '.join(known)}. Plans: {', '.join(PLANS)}."
        raise Failure("user", f"There is no check {', '.join(unknown)}.", hint)
    costs = {cost for name in asked for cost in PLANS.get(name, ())}
    return [c for c in known if c in asked or known[c].cost in costs]
