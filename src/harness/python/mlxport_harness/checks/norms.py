"""`norms`: each norm alone, on inputs so small that its epsilon decides. Part of H4's swap tests.

In a whole pass an epsilon of 1e-5 for 1e-6 moves the logits of most twins by less than rounding does; on a
trained model with a small stream it does not stay so. What is computed without a module of its own, such as
a norm by `mx.fast.rms_norm` inside attention, is not seen here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mlxport_harness.checks import Check
from mlxport_harness.checks.exact import relative
from mlxport_harness.checks.locate import PREFIX
from mlxport_harness.checks.verdict import ORDER, by_bar, record
from mlxport_harness.view import STD_1

if TYPE_CHECKING:
    from mlxport_harness.view import View

CHECK = Check(
    "norms",
    "norms",
    "slow",
    "rule",
    "each ≤ 1e-5 from the reference's, suspect to 1e-3",
    "each norm alone on small inputs, where its epsilon decides",
)
BARS = (1e-5, 1e-3)
SIZE, ROWS = 1e-3, 6


def sample(shape: tuple[int, ...]) -> np.ndarray:
    """[1, 6, *shape] of standard deviation 1e-3: its mean square is as small as usual epsilons."""
    normal = np.random.default_rng(7).standard_normal((1, ROWS, *shape))
    return (normal * SIZE).astype(np.float32)


def run(view: View) -> list[dict[str, Any]]:
    reference, _ = view.reference("norms")
    port, meta, seconds = view.port("norms")
    short = {_short(key): key for key in port}
    errors = {}
    for key, wanted in reference.items():
        found = port.get(short.get(_short(key), ""))
        if found is not None and found.shape == wanted.shape:
            errors[short[_short(key)].partition(":")[2]] = relative(found, wanted)
    common = {
        "unit": "relative",
        "bar": BARS[0],
        "seconds": seconds,
        "metric": "relative error of one norm alone",
    }
    if not errors:
        text = "No norm has a module of the same path on both sides."
        return [
            record("norms", STD_1, "not_exercised", findings=[{"id": "unpaired", "text": text}], **common)
        ]
    verdicts = {name: by_bar(error, BARS) for name, error in errors.items()}
    worst = max(verdicts.values(), key=ORDER.index)
    bad = [name for name, verdict in verdicts.items() if verdict != "pass"]
    place = {"module": bad[0], "reference": None, "port": meta["where"].get(bad[0])} if bad else None
    more = f" and {len(bad) - 1} more" if len(bad) > 1 else ""
    text = f"{bad[0]}{more}: {errors[bad[0]]:.2g} from the reference's; compare the epsilon." if bad else ""
    found_record = record(
        "norms",
        STD_1,
        worst,
        figure=max(errors.values()),
        first_divergence=place,
        findings=[{"id": "norm", "text": text}] if bad else [],
        paired=len(errors),
        **common,
    )
    return [found_record]


def _short(key: str) -> str:
    way, _, name = key.partition(":")
    return f"{way}:{PREFIX.sub('', name)}"
