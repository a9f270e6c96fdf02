"""Verdicts and the shape of a check record."""

from __future__ import annotations

import math
from typing import Any

ORDER = ("pass", "suspect", "fail")
FLOOR_PASS, FLOOR_SUSPECT = 10.0, 100.0
# Changed configs and long prompts may amplify rounding until the floor itself is near the bar. There the bar
# gives way, but only where the floor explains the figure: right ports keep within 4 floors, and the two wrong
# epsilons that a relief to 10 floors hid were at 5.3 and 8.7.
WIDE, NEAR = 3.0, 4.0


def worst(verdicts: list[str]) -> str:
    """Of a run: an error counts as a failure; what was not exercised does not count."""
    ranks = [ORDER.index("fail" if v == "error" else v) for v in verdicts if v in (*ORDER, "error")]
    return ORDER[max(ranks)] if ranks else "could_not_run"


def of_run(records: list[dict[str, Any]]) -> str:
    """The worst of the records. A check that broke by a fault not the port's leaves no verdict,
    unless another check failed.
    """
    order = ("pass", "suspect", "could_not_run", "fail")
    ranks = []
    for one in records:
        verdict = one["verdict"]
        if verdict == "error":
            verdict = "fail" if (one.get("error") or {}).get("kind") == "port" else "could_not_run"
        if verdict in order:
            ranks.append(order.index(verdict))
    return order[max(ranks)] if ranks else "could_not_run"


def by_bar(figure: float, bars: tuple[float, float]) -> str:
    if not math.isfinite(figure):
        return "fail"
    return "pass" if figure <= bars[0] else "suspect" if figure <= bars[1] else "fail"


def by_floor(figure: float, floor: float, bars: tuple[float, float], wide: float = 1.0) -> str:
    """The exactness rule: the twin's own rounding floor decides, the absolute bars check it.

    Floor: pass up to 10 times, suspect up to 100, fail above. The verdict is the worse of floor and bar, with
    one relief: above 100 times the floor but within the absolute pass bar is suspect, not fail: so small
    a difference alone does not prove a fault. `wide`: how far the pass bar gives way within 4 times the
    floor; `exact` gives no way.
    """
    absolute = by_bar(figure, bars)
    if floor <= 0 or not math.isfinite(floor):
        return absolute
    relative = by_bar(figure / floor, (FLOOR_PASS, FLOOR_SUSPECT))
    if relative == "fail" and absolute == "pass":
        return "suspect"
    if figure <= NEAR * floor and figure <= wide * bars[0]:
        return "pass"
    return ORDER[max(ORDER.index(relative), ORDER.index(absolute))]


def record(check_id: str, twin: str, verdict: str, **fields: Any) -> dict[str, Any]:
    empty = {
        "figure": None,
        "unit": "",
        "bar": None,
        "metric": "",
        "device": "cpu",
        "seconds": 0.0,
        "first_divergence": None,
        "findings": [],
        "error": None,
    }
    return {"id": check_id, "verdict": verdict, "twin": twin, **empty, **fields}
