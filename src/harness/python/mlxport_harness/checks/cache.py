"""H6 `cache`: one full pass against token-by-token decode, prefill and decode, and chunked prefill.

The port is compared with itself, so a wrong port can pass here; `exact` judges that. So that all passes
cannot err together, the full pass here must be no further from the reference than the one that `exact` saw: a
port that keeps a state between calls is. Trimmed, saved, quantized caches: `cache_deep.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mlxport_harness.checks import Check
from mlxport_harness.checks.exact import relative
from mlxport_harness.checks.verdict import by_bar, record

if TYPE_CHECKING:
    from mlxport_harness.checks import Ask
    from mlxport_harness.view import View

CHECK = Check(
    "cache",
    "cache",
    "fast",
    "rule",
    "≤ 1e-4, suspect to 1e-3",
    "full pass against prefill and token-by-token decode with a cache",
)
BARS = (1e-4, 1e-3)
PLANS = {"decode": "token by token", "prefill": "prefill, then decode", "chunks": "prefill in chunks of 7"}
WORST = ("fail", "suspect", "pass")


def plans(length: int) -> dict[str, list[int]]:
    """Step sizes per plan. Each crosses the twin's window; decoding stops there, it is the slow part."""
    chunks = [7] * (length // 7) + ([length % 7] if length % 7 else [])
    return {"decode": [1] * (length * 2 // 5), "prefill": [length - 6] + [1] * 6, "chunks": chunks}


def asks(_view: View) -> list[Ask]:
    return [("cache", "std 1.0", {})]


def run(view: View) -> list[dict[str, Any]]:
    arrays, meta, seconds = view.port("cache")
    return [judge(arrays, meta, seconds, drift(view, arrays["full"]))]


def drift(view: View, full: np.ndarray) -> float | None:
    """How much further from the reference than when `exact` looked; None where it did not."""
    seen = [r["figure"] for r in view.run.records if r["id"] == "exact" and r["twin"] == "std 1.0"]
    if not seen or seen[-1] is None:
        return None
    return max(error(full, view.exact_reference()[0]["logits"]) - seen[-1], 0.0)


def judge(
    arrays: dict[str, np.ndarray], meta: dict[str, Any], seconds: float, drifted: float | None = None
) -> dict[str, Any]:
    full = arrays["full"]
    wanted = {plan: full[:, : sum(steps)] for plan, steps in plans(full.shape[1]).items()}
    figures = {p: error(arrays[p], w) for p, w in wanted.items()}
    if drifted is not None:
        figures["full"] = drifted
    verdicts = {plan: by_bar(figure, BARS) for plan, figure in figures.items()}
    findings = [
        {
            "id": "cache",
            "text": f"{PLANS[p]}: {figures[p]:.2g} from a full pass, {since(arrays[p], wanted[p])}.",
        }
        for p in PLANS
        if verdicts[p] != "pass"
    ]
    if verdicts.get("full", "pass") != "pass":
        text = f"A later full pass is further from the reference by {drifted:.2g}: the port keeps a state."
        findings.append({"id": "state", "text": text})
    return record(
        "cache",
        "std 1.0",
        next(v for v in WORST if v in verdicts.values()),
        figure=max(figures.values()),
        unit="relative",
        bar=BARS[0],
        metric="largest relative error of logits with a cache against one full pass",
        seconds=seconds,
        findings=findings,
        caches=[str(c) for c in meta.get("caches", [])],
        plans=figures,
    )


def error(part: np.ndarray, full: np.ndarray) -> float:
    """Relative error; infinite for another shape and for what is not finite."""
    figure = relative(part, full) if part.shape == full.shape else np.inf
    return float(figure) if np.isfinite(figure) else float("inf")


def common_fault(states: dict[str, dict[str, Any]]) -> dict[str, str] | None:
    """The error of a port that raises the same in every state, so that it is said once."""
    texts = {state["text"] if "figure" not in state else None for state in states.values()}
    text = texts.pop() if len(texts) == 1 and len(states) > 1 else None
    return {"kind": "port", "text": text, "hint": ""} if text else None


def since(part: np.ndarray, full: np.ndarray, start: int = 0) -> str:
    """Where the difference begins; `start`: the position of the first token of both."""
    if part.shape != full.shape:
        return f"and has shape {list(part.shape)}"
    bad = [t for t in range(full.shape[1]) if not relative(part[:, t], full[:, t]) <= BARS[0]]
    return f"from token {start + bad[0]}" if bad else "spread over all tokens"
