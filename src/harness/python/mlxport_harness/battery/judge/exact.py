"""H3 `exact` on the real weights: float32 on both sides, where right ports agree to rounding.

Where float32 does not fit, layer by layer: each layer alone is widened, given the reference's input of it,
and compared; the embedding, the head and what joins the layers are then not covered, and that is said.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mlxport_harness.battery import facts, measure
from mlxport_harness.battery.case import Case, Outcome
from mlxport_harness.battery.judge import predictions
from mlxport_harness.battery.plan import Test
from mlxport_harness.checks.verdict import by_bar

BARS = (1e-5, 1e-3)


def needs(case: Case) -> list[tuple[str, dict[str, Any]]]:
    if layerwise(case):
        return [("layerwise", {"text": facts.NUMERICAL})]
    return [("forward", {"text": facts.NUMERICAL, "width": "float32", "hidden": True})]


def layerwise(case: Case) -> bool:
    return not case.float32


def judge(case: Case, test: Test) -> Outcome:
    if layerwise(case):
        return _layerwise(case, test)
    port, _, seconds = case.port("exact", test.limit, text=facts.NUMERICAL)
    wide = case.reference("forward", text=facts.NUMERICAL, width="float32", hidden=True)[0]
    if wrong := predictions.tokens_differ(case, test, port, wide):
        return wrong
    figure = measure.relative(wide["logits"], port["logits"])
    verdict = by_bar(figure, BARS)
    found = case.record(
        test,
        verdict,
        figure=figure,
        unit="relative",
        bar=BARS[0],
        metric="‖port − reference‖ / ‖reference‖ of all float32 logits",
        seconds=seconds,
    )
    return Outcome(found, f"float32 logits: relative error {figure:.3g} ({verdict})\n")


def _layerwise(case: Case, test: Test) -> Outcome:
    taken = case.path("layerwise", text=facts.NUMERICAL)
    given = case.reference("layerwise", text=facts.NUMERICAL)[0]
    # The port may not read the reference's outputs: it gets a file with the inputs alone.
    port, _, seconds = case.port(
        "layerwise", test.limit, text=facts.NUMERICAL, taken=str(inputs(case, taken))
    )
    errors = []
    for before, left, right in zip(given["in"], given["out"], port["out"], strict=True):
        change = np.linalg.norm((left - before).astype(np.float64))
        errors.append(float(np.linalg.norm((right - left).astype(np.float64)) / max(change, 1e-30)))
    worst = int(np.argmax(errors))
    found = case.record(
        test,
        by_bar(errors[worst], BARS),
        figure=errors[worst],
        unit="relative",
        bar=BARS[0],
        metric=f"error of a layer's float32 change of its input, worst layer ({worst})",
        seconds=seconds,
        findings=[
            {
                "id": "layerwise",
                "text": "float32 does not fit: each layer was compared alone, embedding and head not at all.",
            }
        ],
    )
    found["layers"] = [{"layer": f"layer {n}", "relative": e} for n, e in enumerate(errors)]
    lines = [f"layer {n}: relative error {e:.3g}" for n, e in enumerate(errors)]
    return Outcome(found, "\n".join(lines) + "\n")


def inputs(case: Case, recorded: Any) -> Any:
    from mlxport_harness import states

    arrays = states.load(recorded, 1 << 34)[0]
    path = case.port_inbox() / "inputs.bin"
    states.save(path, {"in": arrays["in"]}, {})
    return path
