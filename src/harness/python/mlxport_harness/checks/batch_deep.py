"""H7 `batch-deep`: the states of a batch that the quick plan leaves out.

`steps` judges nothing: mlx-lm's `BatchGenerator` never gives a batch more than one step's tokens.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlxport_harness.checks import Check
from mlxport_harness.checks.batch import QUICK, TITLES, scenarios

if TYPE_CHECKING:
    from mlxport_harness.view import View

CHECK = Check(
    "batch-deep",
    "batch",
    "slow",
    "rule",
    "each sequence ≤ 1e-4 from alone, suspect to 1e-3",
    "batches padded on either side, extended, filtered, extracted",
)


def run(view: View) -> list[dict[str, Any]]:
    return scenarios(view, "batch-deep", tuple(name for name in TITLES if name not in QUICK))
