"""H7 `batch`: each sequence of a ragged batch gives the logits that it gives alone.

Through mlx-lm's own batching, the classes that its server and `batch_generate` use: prompts padded on the
right, prefilled at once and in rounds, merged with a history, decoded, extended, filtered, extracted; and
padded on the left. The port is compared with itself; `exact` and `cache` judge one
sequence. The quick plan runs what mlx-lm's scheduler does and a merge of histories; `batch_deep.py` the rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mlxport_harness.checks import Check, judged
from mlxport_harness.checks.verdict import record

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
METRIC = "largest relative error of a sequence's logits in a batch against alone"


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
    states: dict[str, judged.State] = {}
    for name in names:
        params = _asked(view) | {"scenario": name}
        states[name], took = judged.ask(view, "batch", params, lambda arrays: _judge(arrays, alone))
        seconds += took
    return [judged.summary(check, states, seconds, METRIC, _said, UNJUDGED)]


def _asked(view: View) -> dict[str, Any]:
    return {"rows": sequences([int(i) for i in view.ids[0]]), "decoded": DECODED}


def _judge(arrays: dict[str, np.ndarray], alone: dict[int, np.ndarray]) -> judged.State:
    """Arrays are named `row@position of the first token`, in any number of pieces."""
    if not arrays:
        return {"verdict": "fail", "text": "nothing came out"}
    pieces = []
    for key, mine in arrays.items():
        row, start = (int(n) for n in key.split("#")[0].split("@"))
        pieces.append((mine, alone[row][:, start : start + mine.shape[1]], start, {"row": row}))
    return judged.worst(pieces)


def _said(name: str, state: judged.State) -> str:
    how = state["text"]
    if "figure" in state:
        how = f"{state['figure']:.2g} from alone, sequence {state['row']}, {how}"
    unjudged = " Not judged: mlx-lm's BatchGenerator does not do this." if name in UNJUDGED else ""
    return f"{TITLES[name]}: {how}.{unjudged}"
