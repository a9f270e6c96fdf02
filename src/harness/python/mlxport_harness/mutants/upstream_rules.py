"""The verdict rules of upstream's comparison scripts, as pure functions of numbers.

From what check_dtype, compare_predictions and compare_layers of pcuenca/mlx-lm-tests print or exit with. Not
their prompts, loading or tables; those are the battery's.
"""

from __future__ import annotations

import numpy as np

WARN, DIVERGED = 0.01, 0.10


def predictions(reference: np.ndarray, port: np.ndarray) -> tuple[str, bool, int]:
    """SUCCESS, PARTIAL or FAILURE of the last token, [vocabulary] each; top-1 equal, how many of 5 shared."""
    ours, theirs = (np.argsort(_softmax(logits))[-5:][::-1] for logits in (reference, port))
    first, shared = bool(ours[0] == theirs[0]), len(set(ours.tolist()) & set(theirs.tolist()))
    return "FAILURE" if not first else "SUCCESS" if shared >= 4 else "PARTIAL", first, shared


def layer(reference: np.ndarray, port: np.ndarray) -> tuple[str, float]:
    """ok, warn or DIVERGED of one state: largest difference by largest magnitude of the reference.

    Another shape is only printed by the script, so it has a word of its own and no weight.
    """
    if reference.shape != port.shape:
        return "SHAPE MISMATCH", float("nan")
    size = float(np.abs(reference).max())
    share = float(np.abs(reference - port).max()) / size if size > 0 else float("inf")
    return "ok" if share < WARN else "warn" if share < DIVERGED else "DIVERGED", share


def passes(prediction: str, layers: list[str], dtypes_match: bool) -> bool:
    """What a reader of the three outputs accepts: a warn, but nothing less than SUCCESS."""
    return prediction == "SUCCESS" and "DIVERGED" not in layers and dtypes_match


def _softmax(logits: np.ndarray) -> np.ndarray:
    exponents = np.exp(logits - logits.max())
    return exponents / exponents.sum()
