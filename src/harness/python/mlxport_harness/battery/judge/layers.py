"""Upstream's `layers`: largest difference over largest magnitude. Beside it: each token of each layer.

Upstream's share is taken over the largest value of the layer, so one massive activation hides all others, and
one token gone astray is divergence. Here: the relative error of the median token, outlier channels apart, in
units of what rounding does to the reference itself.
"""

from __future__ import annotations

from typing import Any

from mlxport_harness.battery import facts, measure, stdout
from mlxport_harness.battery.case import Case, Outcome
from mlxport_harness.battery.judge import predictions
from mlxport_harness.battery.plan import Test

FLOOR = 1e-4


def needs(case: Case) -> list[tuple[str, dict[str, Any]]]:
    return predictions.needs(case)


def judge(case: Case, test: Test) -> Outcome:
    port, _, seconds = case.forward(facts.NUMERICAL, True, test.limit)
    wide, native = predictions.references(case, facts.NUMERICAL, hidden=True)
    if wrong := predictions.tokens_differ(case, test, port, wide):
        return wrong
    if port["layers"].shape != wide["layers"].shape:
        text = (
            f"The layers have another shape: reference {wide['layers'].shape}, port {port['layers'].shape}."
        )
        return Outcome(case.record(test, "fail", findings=[{"id": "shape", "text": text}]), f"{text}\n", 1)
    rows = [
        _row(n, wide["layers"][n], native["layers"][n], port["layers"][n]) for n in range(len(port["layers"]))
    ]
    worst = max(rows, key=lambda r: r["multiple"])
    verdict = measure.by_noise(worst["multiple"])
    first = next((r for r in rows if r["multiple"] > measure.PASS), None)
    findings = []
    if first:
        text = f"Leaves the reference at {first['layer']}: {first['multiple']:.2g} times its rounding."
        findings.append({"id": "layer", "text": text})
    table = measure.upstream_layers(native["layers"], port["layers"], (native["logits"], port["logits"]))
    found = case.record(
        test,
        verdict,
        figure=worst["multiple"],
        unit="× floor",
        bar=measure.PASS,
        metric=f"error of the median token, worst layer ({worst['layer']})",
        seconds=seconds,
        findings=findings,
    )
    diverged = sum(r["status"] == "DIVERGED" for r in table)
    found["layers"] = rows
    found["upstream"] = {"verdict": "DIVERGED" if diverged else "ok", "diverged": diverged, "table": table}
    about = {
        "model": case.model,
        "prompt": facts.NUMERICAL,
        "tokens": len(port["ids"]),
        "dtype": case.checkpoint.dtype,
    }
    return Outcome(found, stdout.layers(table, about))


def _row(number: int, wide: Any, native: Any, port: Any) -> dict[str, Any]:
    """`multiple`: of the floor, on ordinary channels or on the outlier ones, whichever is worse."""
    ours = measure.per_token(wide, port)
    row = {"layer": f"layer {number}", **ours}
    floor = measure.per_token(wide, native)
    multiples = [
        ours[k] / max(floor[k], FLOOR) for k in ("median", "outlier_median") if k in ours and k in floor
    ]
    return row | {"floor": floor.get("median"), "multiple": max(multiples)}
