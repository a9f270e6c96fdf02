"""One record of a check that tries several states of one thing, a cache or a batch: the worst decides.

A state that does not apply is named with its reason; where the port raises the same in every one, that is
said once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from mlxport_harness.checks.cache import BARS, WORST, common_fault, error, since
from mlxport_harness.checks.verdict import by_bar, record
from mlxport_harness.errors import PortFault

if TYPE_CHECKING:
    from mlxport_harness.view import View

State = dict[str, Any]


def ask(view: View, stage: str, params: State, judge: Callable[..., State]) -> tuple[State, float]:
    """One state and its seconds; what the port raises in it fails it alone."""
    try:
        arrays, meta, seconds = view.port(stage, **params)
    except PortFault as fault:
        return {"verdict": "fail", "text": fault.record()["text"]}, 0.0
    if meta.get("not_applicable"):
        return lacking(str(meta["not_applicable"])), seconds
    return judge(arrays), seconds


def lacking(reason: str) -> State:
    return {"verdict": "not_applicable", "text": reason[:300]}


def worst(pieces: list[tuple[np.ndarray, np.ndarray, int, State]]) -> State:
    """Of what came out, what it must equal, the position of its first token, and what else to say of it."""
    found: State = {"figure": -1.0}
    for mine, wanted, start, more in pieces:
        figure = error(mine, wanted)
        if figure > found["figure"]:
            verdict = by_bar(figure, BARS)
            text = "" if verdict == "pass" else since(mine, wanted, start)
            found = {"figure": figure, "verdict": verdict, "text": text, **more}
    return found


def summary(
    check: str,
    states: dict[str, State],
    seconds: float,
    metric: str,
    said: Callable[[str, State], str],
    shown: tuple[str, ...] = (),
) -> dict[str, Any]:
    """`said`: the finding of a state; `shown`: those that are told and not judged."""
    judged = {n: s for n, s in states.items() if s["verdict"] in WORST and n not in shown}
    bad = {n: s for n, s in states.items() if s["verdict"] in ("suspect", "fail")}
    findings = [{"id": name, "text": said(name, state)} for name, state in bad.items()]
    skipped = [f"{n} ({s['text']})" for n, s in states.items() if s["verdict"] == "not_applicable"]
    if skipped:
        findings.append({"id": "not_applicable", "text": f"Does not apply: {'; '.join(skipped)}."})
    fault = common_fault(judged)
    return record(
        check,
        "std 1.0",
        next((v for v in WORST if any(s["verdict"] == v for s in judged.values())), "not_applicable"),
        figure=max((s["figure"] for s in judged.values() if "figure" in s), default=None),
        unit="relative",
        bar=BARS[0],
        metric=metric,
        seconds=seconds,
        findings=[] if fault else findings,
        error=fault,
        states=states,
    )
