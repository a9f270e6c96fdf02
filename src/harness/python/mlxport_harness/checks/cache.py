"""H6 `cache`: one full pass against token-by-token decode, prefill and decode, and chunked prefill.

The port is compared with itself, so a wrong port can pass here; `exact` judges that.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mlxport_harness.checks import Check
from mlxport_harness.checks.exact import relative
from mlxport_harness.checks.verdict import by_bar, record

CHECK = Check("cache", "cache", "fast", "rule", "≤ 1e-4, suspect to 1e-3")
BARS = (1e-4, 1e-3)
PLANS = {"decode": "token by token", "prefill": "prefill, then decode", "chunks": "prefill in chunks of 7"}


def judge(arrays: dict[str, np.ndarray], meta: dict[str, Any], seconds: float) -> dict[str, Any]:
    full = arrays["full"]
    figures = {p: relative(arrays[p], full) if arrays[p].shape == full.shape else float("inf") for p in PLANS}
    verdicts = {plan: by_bar(figure, BARS) for plan, figure in figures.items()}
    finite = [f if np.isfinite(f) else float("inf") for f in figures.values()]
    findings = [
        {"id": "cache", "text": f"{PLANS[p]}: differs by {figures[p]:.2g} from one full pass, {_from(arrays[p], full)}."}
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
