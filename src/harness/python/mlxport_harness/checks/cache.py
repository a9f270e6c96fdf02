"""H6 `cache`: one full pass against token-by-token decode, prefill and decode, and chunked prefill.

The port is compared with itself, so a wrong port can pass here; `exact` judges that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mlxport_harness.checks import Check
from mlxport_harness.checks.exact import relative
from mlxport_harness.checks.verdict import by_bar, record

if TYPE_CHECKING:
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


def plans(length: int) -> dict[str, list[int]]:
    """Step sizes per plan. Each crosses the twin's window; decoding stops there, it is the slow part."""
    chunks = [7] * (length // 7) + ([length % 7] if length % 7 else [])
    return {"decode": [1] * (length // 2), "prefill": [length - 10] + [1] * 10, "chunks": chunks}


def run(view: View) -> list[dict[str, Any]]:
    return [judge(*view.port("cache"))]


def judge(arrays: dict[str, np.ndarray], meta: dict[str, Any], seconds: float) -> dict[str, Any]:
    full = arrays["full"]
    wanted = {plan: full[:, : sum(steps)] for plan, steps in plans(full.shape[1]).items()}
    figures = {p: relative(arrays[p], w) if arrays[p].shape == w.shape else np.inf for p, w in wanted.items()}
    verdicts = {plan: by_bar(figure, BARS) for plan, figure in figures.items()}
    finite = [f if np.isfinite(f) else float("inf") for f in figures.values()]
    findings = [
        {
            "id": "cache",
            "text": f"{PLANS[p]}: {figures[p]:.2g} from a full pass, {_from(arrays[p], wanted[p])}.",
        }
        for p in PLANS
        if verdicts[p] != "pass"
    ]
    worst = next(v for v in ("fail", "suspect", "pass") if v in verdicts.values())
    return record(
        "cache",
        "std 1.0",
        worst,
        figure=max(finite),
        unit="relative",
        bar=BARS[0],
        metric="largest relative error of logits with a cache against one full pass",
        seconds=seconds,
        findings=findings,
        caches=[str(c) for c in meta.get("caches", [])],
        plans=figures,
    )


def _from(part: np.ndarray, full: np.ndarray) -> str:
    if part.shape != full.shape:
        return f"and has shape {list(part.shape)}"
    bad = [t for t in range(full.shape[1]) if not relative(part[:, t], full[:, t]) <= BARS[0]]
    return f"from token {bad[0]}" if bad else "spread over all tokens"
