"""H6 `cache-deep`: every state that mlx-lm brings a cache into, each against what it must equal.

Decoded whole; split at each boundary of the config; past mlx-lm's allocation step; a rotating cache; trimmed;
saved and loaded; copied; quantized. A rotating cache is compared with an oracle that drops the same tokens, a
quantized one with an oracle that holds the dequantized keys and values: what quantizing itself costs is shown
beside it and judges nothing. A state that does not apply is named with the reason. Batches are in `batch.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mlxport_harness.checks import Check
from mlxport_harness.checks.boundary import fresh_ids, longest, points
from mlxport_harness.checks.cache import BARS, WORST, common_fault, error, since
from mlxport_harness.checks.verdict import by_bar, record
from mlxport_harness.errors import PortFault

if TYPE_CHECKING:
    from mlxport_harness.view import View

CHECK = Check(
    "cache-deep",
    "cache_deep",
    "slow",
    "rule",
    "each state ≤ 1e-4, suspect to 1e-3",
    "a cache trimmed, saved, copied, rotated, quantized, split at every boundary",
)
STEP = 256  # mlx-lm's caches grow by this many positions
TITLES = {
    "decode": "token by token to the end",
    "split": "prefill to a boundary, then the rest at once",
    "step": f"past {STEP} positions, where the cache grows",
    "rotating": "a rotating cache (max_kv_size 16, keep 4)",
    "trimmed": "trimmed after wrong tokens, then decoded",
    "trimmed short": "trimmed below the window, then decoded",
    "saved": "saved, loaded, then decoded",
    "copied": "copied, the original used up, the copy decoded",
    "quantized 8": "quantized to 8 bit, against its oracle",
    "quantized 4": "quantized to 4 bit, against its oracle",
}
State = dict[str, Any]


def run(view: View) -> list[dict[str, Any]]:
    full = view.port("exact")[0]["logits"]
    length = min(STEP + 8, longest(view.config))
    splits = sorted({p.length for p in points(view.config) if 1 <= p.length < full.shape[1]})
    seconds, states = 0.0, {}
    for name in TITLES:
        params: dict[str, Any] = {"state": name}
        if name == "split":
            params["splits"] = splits
        if name == "step":
            if length <= STEP:
                text = f"the twin has no more than {length} positions"
                states[name] = {"verdict": "not_applicable", "text": text}
                continue
            params["ids"] = fresh_ids(view.meta["seed"], view.ids, 1, length).tolist()
        try:
            arrays, meta, took = view.port("cache_deep", **params)
            seconds += took
            states[name] = judge(name, arrays, meta, full)
        except PortFault as fault:
            states[name] = {"verdict": "fail", "text": fault.record()["text"]}
    return [summary(states, seconds)]


def judge(name: str, arrays: dict[str, np.ndarray], meta: dict[str, Any], full: np.ndarray) -> State:
    if meta.get("not_applicable"):
        return {"verdict": "not_applicable", "text": str(meta["not_applicable"])[:300]}
    parts = [k for k in arrays if not k.startswith(("oracle:", "plain:"))]
    if not parts:
        return {"verdict": "not_applicable", "text": "nothing to do"}
    worst: State = {"figure": -1.0}
    for part in parts:
        start = int(part.rpartition("@")[2])
        mine = arrays[part]
        wanted = arrays.get(f"oracle:{part}", full[:, start : start + mine.shape[1]])
        figure = error(mine, wanted)
        if figure > worst["figure"]:
            text = "" if by_bar(figure, BARS) == "pass" else since(mine, wanted, start)
            worst = {"figure": figure, "verdict": by_bar(figure, BARS), "text": text, "part": part}
        plain = arrays.get(f"plain:{part}")
        if plain is not None:
            worst["nature"] = error(wanted, plain)
    return worst


def summary(states: dict[str, State], seconds: float) -> dict[str, Any]:
    judged = {n: s for n, s in states.items() if s["verdict"] in WORST}
    findings = [
        {"id": n, "text": f"{TITLES[n]}: {_how(s)}"} for n, s in judged.items() if s["verdict"] != "pass"
    ]
    skipped = [f"{n} ({s['text']})" for n, s in states.items() if s["verdict"] == "not_applicable"]
    if skipped:
        findings.append({"id": "not_applicable", "text": f"Does not apply: {'; '.join(skipped)}."})
    fault = common_fault(judged)
    if fault:
        findings = []
    return record(
        "cache-deep",
        "std 1.0",
        next((v for v in WORST if any(s["verdict"] == v for s in judged.values())), "not_applicable"),
        figure=max((s["figure"] for s in judged.values() if "figure" in s), default=None),
        unit="relative",
        bar=BARS[0],
        metric="largest relative error of logits over the states of the cache",
        seconds=seconds,
        findings=findings,
        error=fault,
        states=states,
    )


def _how(state: State) -> str:
    if "figure" not in state:
        return state["text"]
    return f"{state['figure']:.2g} from what it must equal, {state['text']} ({state['part']})."
