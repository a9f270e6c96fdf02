"""Upstream's `predictions`: the last token's best ten against the float32 reference. Beside it: all of them.

The port's KL to the float32 reference is measured in units of the reference's own, run in the checkpoint's
dtype: near 1 when the port only rounds.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mlxport_harness.battery import facts, measure, stdout
from mlxport_harness.battery.case import Case, Outcome
from mlxport_harness.battery.plan import Test

FLOOR = 1e-7


def needs(case: Case) -> list[tuple[str, dict[str, Any]]]:
    return passes(case, facts.NUMERICAL, hidden=True)


def passes(case: Case, text: str, hidden: bool) -> list[tuple[str, dict[str, Any]]]:
    return [("forward", {"text": text, "width": w, "hidden": hidden}) for w in ("float32", "native")]


def judge(case: Case, test: Test) -> Outcome:
    port, _, seconds = case.forward(facts.NUMERICAL, True, test.limit)
    wide, native = references(case, facts.NUMERICAL, hidden=True)
    if wrong := tokens_differ(case, test, port, wide):
        return wrong
    as_upstream = measure.upstream_predictions(wide["logits"], port["logits"])
    verdict, fields = compare(port, wide, native)
    found = case.record(test, verdict, seconds=seconds, **fields)
    found["upstream"] = {k: v for k, v in as_upstream.items() if k != "tops"}
    about = {
        "model": case.model,
        "prompt": facts.NUMERICAL,
        "ids": [wide["ids"].tolist(), port["ids"].tolist()],
        "shape": (1, *port["logits"].shape),
    }
    return Outcome(found, stdout.predictions(as_upstream, about))


def references(case: Case, text: str, hidden: bool) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """In float32, and in the checkpoint's own dtype."""
    wide = case.reference("forward", text=text, width="float32", hidden=hidden)[0]
    return wide, case.reference("forward", text=text, width="native", hidden=hidden)[0]


def compare(
    port: dict[str, np.ndarray], wide: dict[str, np.ndarray], native: dict[str, np.ndarray]
) -> tuple[str, dict[str, Any]]:
    """The verdict by noise, and the figures; a floor below 1e-7 nats is taken as that."""
    ours, floor = measure.kl(wide["logits"], port["logits"]), measure.kl(wide["logits"], native["logits"])
    multiple = float(ours.mean()) / max(float(floor.mean()), FLOOR)
    names = ("reference", "native", "port")
    sides = dict(zip(names, (wide, native, port), strict=True))
    figures = {
        "kl_mean": float(ours.mean()),
        "kl_worst": float(ours.max()),
        "kl_worst_position": int(ours.argmax()),
        "kl_floor": float(floor.mean()),
        "perplexity": {n: measure.perplexity(s["logits"], s["ids"]) for n, s in sides.items()},
        "agreement": measure.agreement(wide["logits"], port["logits"]),
        "agreement_floor": measure.agreement(wide["logits"], native["logits"]),
        "positions": len(ours),
    }
    fields = {
        "figure": multiple,
        "unit": "× floor",
        "bar": measure.PASS,
        "metric": "KL(float32 reference ‖ port) over all positions, in units of the reference's own rounding",
        "figures": figures,
        "findings": [],
    }
    return measure.by_noise(multiple), fields


def tokens_differ(
    case: Case, test: Test, port: dict[str, np.ndarray], reference: dict[str, np.ndarray]
) -> Outcome | None:
    """Other ids, or another vocabulary: then no number compares."""
    left, right = reference["ids"].tolist(), port["ids"].tolist()
    shapes = reference["logits"].shape, port["logits"].shape
    if left == right and shapes[0] == shapes[1]:
        return None
    if left != right:
        at = next(
            (i for i, pair in enumerate(zip(left, right, strict=False)) if pair[0] != pair[1]),
            min(len(left), len(right)),
        )
        text = f"The ids differ from token {at}: reference {left[at : at + 3]}, mlx-lm {right[at : at + 3]}."
    else:
        text = f"The logits have another shape: reference {shapes[0]}, port {shapes[1]}."
    found = case.record(test, "fail", findings=[{"id": "tokens", "text": text}], metric="same ids and shapes")
    return Outcome(found, f"{text}\n", 1)
