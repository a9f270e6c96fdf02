"""H2 `sanitize` on the twin: run twice it changes nothing; a converted copy, plain or quantized, loads and
gives the same logits; it takes neither more nor less than its tensors.

Leaves out real checkpoints' names: the twin is saved by transformers. `load` and `names` look at those.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mlxport_harness.checks import Check
from mlxport_harness.checks.exact import relative
from mlxport_harness.checks.verdict import ORDER, record

if TYPE_CHECKING:
    from mlxport_harness.view import View

RULE = (
    "twice = once; a converted copy gives the same logits (≤ 1e-6); an extra tensor that vanishes is suspect"
)
CHECK = Check("sanitize", "sanitize", "slow", "rule", RULE, "sanitize, convert, save and load", limit_s=120.0)
BAR = 1e-6
COPIES = {"plain": "A converted copy", "quantized": "A 4-bit copy"}
Problem = tuple[str, str, str]  # verdict, finding id, text


def run(view: View) -> list[dict[str, Any]]:
    return [judge(*view.port("sanitize"))]


def judge(arrays: dict[str, np.ndarray], meta: dict[str, Any], seconds: float) -> dict[str, Any]:
    figures: dict[str, float] = {}
    problems = [p for name in COPIES for p in _copy(name, arrays, meta["converted"].get(name) or {}, figures)]
    notes = []
    if meta["sanitize"]:
        problems += [*_twice(meta["twice"]), *_more(meta["more"]), *_less(meta["less"])]
    else:
        notes.append({"id": "none", "text": "The port has no sanitize: tensors are taken as they are named."})
    for name in COPIES:
        if (meta["converted"].get(name) or {}).get("skipped"):
            notes.append(
                {"id": name, "text": f"{COPIES[name]} was not made: {meta['converted'][name]['skipped']}."}
            )
    worst = ORDER[max((ORDER.index(p[0]) for p in problems), default=0)]
    first = next((p[2] for p in problems if p[0] == worst), "")
    return record(
        "sanitize",
        "std 1.0",
        worst,
        figure=max(figures.values(), default=None),
        unit="relative",
        bar=BAR,
        metric="relative difference of logits before and after convert, save and load",
        seconds=seconds,
        findings=[{"id": p[1], "text": p[2]} for p in problems] + notes,
        error={"kind": "port", "text": first, "hint": HINT} if worst == "fail" else None,
        copies=figures,
    )


HINT = "mlx-lm runs sanitize on every load, also on what it converted: let it see that nothing is left to do."


def _copy(
    name: str, arrays: dict[str, np.ndarray], told: dict[str, Any], figures: dict[str, float]
) -> list[Problem]:
    if told.get("skipped"):
        return []
    if told.get("raised"):
        where = f" at {told['where']}" if told.get("where") else ""
        return [("fail", name, f"{COPIES[name]}: {told.get('step')} failed: {told['raised']}{where}.")]
    before, after = arrays[f"{name}_before"], arrays[f"{name}_after"]
    if before.shape != after.shape or not np.isfinite(before).all():
        return [
            (
                "fail",
                name,
                f"{COPIES[name]} gives logits of another shape, or the port gives none that are finite.",
            )
        ]
    figures[name] = relative(after, before)
    if not figures[name] <= BAR:
        text = f"{COPIES[name]} gives other logits once loaded again: relative {figures[name]:.2g}."
        return [("fail", name, text)]
    return []


def _twice(told: dict[str, Any]) -> list[Problem]:
    if told.get("raised"):
        where = f" at {told['where']}" if told.get("where") else ""
        return [("fail", "twice", f"sanitize fails on what it gave itself: {told['raised']}{where}.")]
    words = {
        "lost": "drops",
        "new": "adds",
        "shapes": "changes the shape of",
        "values": "changes the values of",
    }
    found = []
    for kind, word in words.items():
        names = sorted(str(n) for n in told[kind])
        if names:
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            found.append(("fail", "twice", f"Run a second time, sanitize {word} {names[0]}{more}."))
    return found


def _more(told: list[list[str]]) -> list[Problem]:
    lost = [str(name) for name, fate, _ in told if fate == "vanished"]
    found: list[Problem] = []
    if lost:
        text = f"{len(lost)} of {len(told)} extra tensors vanish in sanitize, and the strict load passes: "
        found.append(("suspect", "too_much", f"{text}{', '.join(lost[:4])}."))
    for name, fate, where in told:
        if fate == "swallowed":
            found.append(("suspect", "too_much", f"sanitize takes the unknown {name} for {where}."))
    return found


def _less(told: list[list[str]]) -> list[Problem]:
    return [
        ("fail", "made_up", f"Without {name}, sanitize makes {where} up instead of failing the strict load.")
        for name, fate, where in told
        if fate == "made up"
    ]
