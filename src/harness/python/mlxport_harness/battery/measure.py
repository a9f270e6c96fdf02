"""Figures from two sides' numbers, numpy only: KL, perplexity, per-token errors, upstream's own rules.

Arrays are [tokens, vocabulary] or [layers, tokens, width]; sums are taken in float64, row by row, so that a
large vocabulary costs no second copy.
"""

from __future__ import annotations

from typing import Any

import numpy as np

OUTLIER = 20.0
PASS, FAIL = 4.0, 12.0


def log_softmax(row: np.ndarray) -> np.ndarray:
    row = row.astype(np.float64)
    row = row - row.max()
    return row - np.log(np.exp(row).sum())


def kl(reference: np.ndarray, other: np.ndarray) -> np.ndarray:
    """KL(reference ‖ other) in nats, one value per position; not finite where `other` is not."""
    found = np.empty(len(reference))
    for number, (left, right) in enumerate(zip(reference, other, strict=True)):
        if not np.isfinite(right).all():
            found[number] = np.inf
            continue
        left, right = log_softmax(left), log_softmax(right)
        found[number] = max(float((np.exp(left) * (left - right)).sum()), 0.0)
    return found


def perplexity(logits: np.ndarray, ids: np.ndarray) -> float:
    """Of the text itself: each position predicts the next id."""
    losses = [-log_softmax(row)[token] for row, token in zip(logits[:-1], ids[1:], strict=True)]
    with np.errstate(over="ignore"):
        return float(np.exp(np.mean(losses)))


def agreement(left: np.ndarray, right: np.ndarray) -> float:
    """Share of positions with the same best token."""
    return float((left.argmax(-1) == right.argmax(-1)).mean())


def relative(reference: np.ndarray, other: np.ndarray) -> float:
    """‖other − reference‖ / ‖reference‖ over everything, in float64."""
    above = below = 0.0
    for left, right in zip(reference, other, strict=True):
        left, right = left.astype(np.float64), right.astype(np.float64)
        above += float(((right - left) ** 2).sum())
        below += float((left**2).sum())
    return float(np.sqrt(above / below)) if below else float("inf")


def outliers(layer: np.ndarray) -> np.ndarray:
    """Channels so large that they hide the others: their peak is over 20 times the median channel's."""
    peaks = np.abs(layer).max(axis=0)
    return peaks > OUTLIER * max(float(np.median(peaks)), 1e-30)


def per_token(reference: np.ndarray, other: np.ndarray) -> dict[str, Any]:
    """Of one layer [tokens, width]: relative L2 and cosine per token, outlier channels apart."""
    apart = outliers(reference)
    left, right = reference.astype(np.float64), other.astype(np.float64)
    found: dict[str, Any] = {"outliers": int(apart.sum())}
    for name, chosen in (("", ~apart), ("outlier_", apart)):
        if not chosen.any():
            continue
        a, b = left[:, chosen], right[:, chosen]
        size = np.sqrt((a**2).sum(1))
        error = np.sqrt(((b - a) ** 2).sum(1)) / np.maximum(size, 1e-30)
        cosine = (a * b).sum(1) / np.maximum(size * np.sqrt((b**2).sum(1)), 1e-30)
        found |= {
            f"{name}median": float(np.median(error)),
            f"{name}worst": float(error.max()),
            f"{name}worst_token": int(error.argmax()),
            f"{name}cosine": float(cosine.min()),
        }
    return found


def by_noise(multiple: float) -> str:
    """Of a figure in units of the reference's own rounding."""
    if not np.isfinite(multiple):
        return "fail"
    return "pass" if multiple <= PASS else "suspect" if multiple <= FAIL else "fail"


def upstream_predictions(reference: np.ndarray, port: np.ndarray) -> dict[str, Any]:
    """Upstream's figures over all logits and its verdict, which looks at the last token alone."""
    largest, total, count = 0.0, 0.0, 0
    smallest, within = np.inf, dict.fromkeys((1e-3, 1e-2, 1e-1, 1.0), 0)
    ratio = [np.inf, 0.0, 0.0]
    for left, right in zip(reference, port, strict=True):
        gap = np.abs(left - right)
        share = gap / (np.abs(left) + 1e-8)
        largest, smallest = float(np.maximum(largest, gap.max())), min(smallest, float(gap.min()))
        total, count = total + float(gap.sum(dtype=np.float64)), count + gap.size
        ratio = [
            min(ratio[0], float(share.min())),
            max(ratio[1], float(share.max())),
            ratio[2] + float(share.sum()),
        ]
        for bar in within:
            within[bar] += int((gap < bar).sum())
    tops = [np.argsort(rows[-1])[-10:][::-1] for rows in (reference, port)]
    same5 = len(set(tops[0][:5].tolist()) & set(tops[1][:5].tolist()))
    top1 = bool(tops[0][0] == tops[1][0])
    verdict = "SUCCESS" if top1 and same5 >= 4 else "PARTIAL" if top1 else "FAILURE"
    return {
        "verdict": verdict,
        "top1": top1,
        "top5": same5,
        "top10": len(set(tops[0].tolist()) & set(tops[1].tolist())),
        "max_diff": largest,
        "mean_diff": total / count,
        "min_diff": smallest,
        "relative": [ratio[0], ratio[1], ratio[2] / count],
        "within": {f"{bar:g}": 100.0 * n / count for bar, n in within.items()},
        "tops": [[int(i) for i in t] for t in tops],
    }


def upstream_layers(
    reference: np.ndarray, port: np.ndarray, logits: tuple[np.ndarray, np.ndarray]
) -> list[dict[str, Any]]:
    """Upstream's table: largest difference over largest magnitude; 1 % is ok, 10 % is divergence."""
    rows = []
    last = len(reference) - 1
    pairs = [
        (f"layer {n}" if n < last else "post-norm", *pair)
        for n, pair in enumerate(zip(reference, port, strict=True))
    ]
    for name, left, right in [*pairs, ("logits", *logits)]:
        gap, total = 0.0, 0.0
        for one, other in zip(left, right, strict=True):
            apart = np.abs(one - other)
            gap, total = float(np.maximum(gap, apart.max())), total + float(apart.sum(dtype=np.float64))
        size = _largest(left)
        share = gap / size if size > 0 else float("inf")
        status = "ok" if share < 0.01 else "warn" if share < 0.10 else "DIVERGED"
        rows.append(
            {
                "pos": name,
                "max_diff": gap,
                "mean_diff": total / left.size,
                "max_reference": size,
                "max_port": _largest(right),
                "relative": share,
                "status": status,
            }
        )
    return rows


def _largest(values: np.ndarray) -> float:
    return float(np.maximum(values.max(), -values.min()))


def repetition(tokens: np.ndarray) -> dict[str, Any]:
    """Share of repeated 4-grams, and the period of the loop the text ends in (0: none).

    A loop: the same stretch of up to 64 tokens fills the last quarter of the text and comes at least 4 times.
    """
    chosen = tokens.tolist()
    grams = [tuple(chosen[i : i + 4]) for i in range(len(chosen) - 3)]
    share = 1.0 - len(set(grams)) / len(grams) if grams else 0.0
    for period in range(1, 65):
        span = max(len(chosen) // 4, period * 4)
        if len(chosen) >= span + period and all(
            chosen[-i] == chosen[-i - period] for i in range(1, span + 1)
        ):
            return {"repeated_4grams": share, "loop": period}
    return {"repeated_4grams": share, "loop": 0}


def slope(x: np.ndarray, y: np.ndarray) -> float:
    """Of the least-squares line."""
    x, y = x - x.mean(), y - y.mean()
    return float((x * y).sum() / max((x * x).sum(), 1e-30))
