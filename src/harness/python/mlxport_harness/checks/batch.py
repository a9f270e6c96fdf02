"""H7 `batch`: each sequence of a ragged batch gives the logits that it gives alone.

Through mlx-lm's own batching, the classes that its server and `batch_generate` use: prompts padded on the
right, prefilled at once and in rounds, merged with a history, decoded, extended, filtered, extracted; and
padded on the left. The port is compared with itself; `exact` and `cache` judge one
sequence. The quick plan runs what mlx-lm's scheduler does and a merge of histories; `batch_deep.py` the rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mlxport_harness.checks import Check
from mlxport_harness.checks.cache import BARS, WORST, common_fault, error, since
from mlxport_harness.checks.verdict import by_bar, record
from mlxport_harness.errors import PortFault

if TYPE_CHECKING:
    from mlxport_harness.checks import Ask
    from mlxport_harness.view import View

CHECK = Check(
    "batch",
    "batch",
    "fast",
    "rule",
    "each sequence ≤ 1e-4 from alone, suspect to 1e-3",
    "each sequence of a ragged batch as alone, through mlx-lm's own batching",
)
TITLES = {
    "equal": "prompts of one length, then decode",
    "right": "ragged prompts padded on the right, then decode",
    "steps": "ragged prompts padded and cut into prefill steps of 7, then decode",
    "rounds": "ragged prompts 6 tokens a round, the finished ones decoding meanwhile",
    "history": "caches with ragged histories merged, ragged prompts after them, then decode",
    "extend": "a batch extended by another while decoding, then filtered, then one extracted",
    "left": "ragged prompts padded on the left, then decode",
}
DECODED = 4
QUICK = ("rounds", "history")
UNJUDGED = ("steps",)


def sequences(ids: list[int]) -> list[list[int]]:
    """Three stretches of the twin's 40 tokens, shorter and longer than its windows, as ragged as they go."""
    return [ids[0 : 5 + DECODED], ids[3 : 22 + DECODED], ids[20 : 31 + DECODED]]


def asks(view: View) -> list[Ask]:
    return [("batch", "std 1.0", _asked(view) | {"scenario": s}) for s in ("alone", *QUICK)]


def run(view: View) -> list[dict[str, Any]]:
    return scenarios(view, "batch", QUICK)


def scenarios(view: View, check: str, names: tuple[str, ...]) -> list[dict[str, Any]]:
    arrays, meta, seconds = view.port("batch", **_asked(view), scenario="alone")
    alone = {int(k): v for k, v in arrays.items()}
    if meta.get("refused"):
        text = f"mlx-lm's batching takes no {meta['refused']}: it has no merge"
        finding = {"id": "not_applicable", "text": f"{text}."}
        return [record(check, "std 1.0", "not_applicable", seconds=seconds, findings=[finding])]
    states: dict[str, dict[str, Any]] = {}
    for name in names:
        try:
            arrays, meta, took = view.port("batch", **_asked(view), scenario=name)
            seconds += took
            states[name] = judge(name, arrays, meta, alone)
        except PortFault as fault:
            states[name] = {"verdict": "fail", "text": fault.record()["text"]}
    return [summary(check, states, seconds)]


def _asked(view: View) -> dict[str, Any]:
    return {"rows": sequences([int(i) for i in view.ids[0]]), "decoded": DECODED}


def judge(
    name: str, arrays: dict[str, np.ndarray], meta: dict[str, Any], alone: dict[int, np.ndarray]
) -> dict[str, Any]:
    """Arrays are named `row@position of the first token`, in any number of pieces."""
    if meta.get("not_applicable"):
        return {"verdict": "not_applicable", "text": str(meta["not_applicable"])[:300]}
    worst: dict[str, Any] = {"verdict": "fail", "text": "nothing came out", "figure": -1.0}
    for key, mine in arrays.items():
        row, start = (int(n) for n in key.split("#")[0].split("@"))
        wanted = alone[row][:, start : start + mine.shape[1]]
        figure = error(mine, wanted)
        if figure > worst["figure"]:
            verdict = by_bar(figure, BARS)
            text = f"sequence {row}, {since(mine, wanted, start)}" if verdict != "pass" else ""
            worst = {"figure": figure, "verdict": verdict, "text": text}
    if worst["figure"] < 0:
        del worst["figure"]
    return worst


def summary(check: str, states: dict[str, dict[str, Any]], seconds: float) -> dict[str, Any]:
    judged = {n: s for n, s in states.items() if s["verdict"] in WORST and n not in UNJUDGED}
    findings = []
    for name, state in states.items():
        if state["verdict"] in ("suspect", "fail"):
            figure = f"{state['figure']:.2g} from alone, " if "figure" in state else ""
            text = f"{TITLES[name]}: {figure}{state['text']}."
            if name in UNJUDGED:
                text += " Not judged: mlx-lm's BatchGenerator does not do this."
            findings.append({"id": name, "text": text})
    skipped = [f"{n} ({s['text']})" for n, s in states.items() if s["verdict"] == "not_applicable"]
    if skipped:
        findings.append({"id": "not_applicable", "text": f"Does not apply: {'; '.join(skipped)}."})
    fault = common_fault(judged)
    if fault:
        findings = []
    return record(
        check,
        "std 1.0",
        next((v for v in WORST if any(s["verdict"] == v for s in judged.values())), "not_applicable"),
        figure=max((s["figure"] for s in judged.values() if "figure" in s), default=None),
        unit="relative",
        bar=BARS[0],
        metric="largest relative error of a sequence's logits in a batch against alone",
        seconds=seconds,
        findings=findings,
        error=fault,
        states=states,
    )
