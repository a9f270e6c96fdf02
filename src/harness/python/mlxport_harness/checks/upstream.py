"""`upstream`: what the rules of upstream's three comparison scripts say of this twin. For the mutants' table.

Theirs on both sides' bfloat16 states, not ours: they raise alarms on right ports and pass wrong ones, so this
decides nothing and runs only when asked for by name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mlxport_harness.checks import Check
from mlxport_harness.checks.verdict import record
from mlxport_harness.mutants import upstream_rules as rules
from mlxport_harness.view import BF16

if TYPE_CHECKING:
    from mlxport_harness.view import View

CHECK = Check(
    "upstream",
    "upstream",
    "heavy",
    "figure",
    "upstream's own: top token and 4 of the top 5, no state off by 10 %, dtype kept",
    title="upstream's rules on the twin",
)


def run(view: View) -> list[dict[str, Any]]:
    reference, _ = view.reference("upstream")
    port, meta, seconds = view.port("upstream", BF16)
    full, _ = view.exact_reference()
    prediction, first, shared = rules.predictions(full["logits"][0, -1], port["logits"][0, -1])
    rows = []
    for number in range(min(_states(reference), _states(port))):
        rows.append([number, *rules.layer(reference[f"state:{number}"], port[f"state:{number}"])])
    kept = meta.get("dtype") == "bfloat16"
    shares = [share for _, _, share in rows if np.isfinite(share)]
    good = rules.passes(prediction, [word for _, word, _ in rows], kept)
    found = record(
        CHECK.id,
        BF16,
        "pass" if good else "suspect",
        figure=max(shares, default=None),
        unit="share",
        bar=rules.DIVERGED,
        metric="largest difference of a state by its largest magnitude, bfloat16 on both sides",
        seconds=seconds,
        predictions=prediction,
        top1=first,
        top5=shared,
        states=rows,
        dtype=str(meta.get("dtype")),
    )
    return [found]


def _states(arrays: dict[str, np.ndarray]) -> int:
    return sum(name.startswith("state:") for name in arrays)
