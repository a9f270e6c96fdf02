"""H3 `exact` on the real weights: float32 on both sides, where right ports agree to rounding.

Where float32 does not fit, each layer is widened while it runs, on both sides: the same figures, one layer
more in memory.
"""

from __future__ import annotations

from typing import Any

from mlxport_harness.battery import facts, measure
from mlxport_harness.battery.case import Case, Outcome
from mlxport_harness.battery.judge import predictions
from mlxport_harness.battery.plan import Test
from mlxport_harness.checks.verdict import by_bar

BARS = (1e-5, 1e-3)


def needs(case: Case) -> list[tuple[str, dict[str, Any]]]:
    return [("forward", {"text": facts.NUMERICAL, "width": "float32", "hidden": True})]


def judge(case: Case, test: Test) -> Outcome:
    layerwise = not case.float32
    port, _, seconds = case.port("exact", test.limit, text=facts.NUMERICAL, layerwise=layerwise)
    wide = case.reference("forward", text=facts.NUMERICAL, width="float32", hidden=True)[0]
    if wrong := predictions.tokens_differ(case, test, port, wide):
        return wrong
    figure = measure.relative(wide["logits"], port["logits"])
    verdict = by_bar(figure, BARS)
    text = "float32 does not fit whole: one layer at a time was widened, on both sides."
    found = case.record(
        test,
        verdict,
        figure=figure,
        unit="relative",
        bar=BARS[0],
        metric="‖port − reference‖ / ‖reference‖ of all float32 logits",
        seconds=seconds,
        findings=[{"id": "layerwise", "text": text}] if layerwise else [],
    )
    return Outcome(found, f"float32 logits: relative error {figure:.3g} ({verdict})\n")
