"""H3 `exact`: float32 logits of the port against the reference's, on each twin.

Relative Frobenius error of all logits, judged against the twin's rounding floor and the absolute bars.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mlxport_harness.checks import Check
from mlxport_harness.checks.verdict import by_floor, record

CHECK = Check(
    "exact",
    "exact",
    "fast",
    "rule",
    "≤ 10 × floor and ≤ bar; suspect to 100 × floor or bar × 100",
    "float32 logits against transformers on two random twins (embedding std 1.0 and 0.05)",
)
BARS = {"std 1.0": (1e-5, 1e-3), "std 0.05": (1e-4, 1e-2)}


def judge(twin: str, reference: np.ndarray, floor: float, port: np.ndarray, seconds: float) -> dict[str, Any]:
    bars = BARS[twin]
    common = {"unit": "relative", "bar": bars[0], "metric": "relative Frobenius error of all logits"}
    common |= {"floor": floor, "seconds": seconds}
    if port.shape != reference.shape:
        text = f"The port's logits have shape {list(port.shape)}, the reference's {list(reference.shape)}."
        return record("exact", twin, "fail", error={"kind": "port", "text": text, "hint": ""}, **common)
    figure = relative(port, reference)
    multiple = figure / floor if floor > 0 else None
    verdict = by_floor(figure, floor, bars)
    return record("exact", twin, verdict, figure=figure, multiple=multiple, **common)


def relative(one: np.ndarray, other: np.ndarray) -> float:
    """‖one − other‖ / ‖other‖ in float64; no BLAS, because the judge's process forks."""
    one, other = one.astype(np.float64), other.astype(np.float64)
    size = float(np.sqrt(np.square(other).sum()))
    difference = float(np.sqrt(np.square(one - other).sum()))
    return difference / size if size > 0 else difference
