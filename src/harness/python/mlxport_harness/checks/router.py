"""`router`: experts are chosen alike where every score is below zero.

A constant added to the bias by which a router chooses changes no choice: only differences count. A port that
masks the groups that are left out with 0, where the reference takes -inf, then chooses among those. In the
twin as it is the scores are above zero, as in the releases that are known, and `exact` cannot see it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlxport_harness.checks import Check
from mlxport_harness.checks.exact import BARS, relative
from mlxport_harness.checks.verdict import FLOOR_PASS, by_floor, record
from mlxport_harness.errors import PortFault
from mlxport_harness.view import STD_1

if TYPE_CHECKING:
    from mlxport_harness.view import View

CHECK = Check(
    "router",
    "router",
    "slow",
    "rule",
    "≤ 10 × floor and ≤ 1e-5, as `exact`",
    "experts chosen by a bias, where all scores are below zero",
)
# Scores are at most 1 and the twin's biases hardly ever above 0.8.
LOWERED = 2.0


def run(view: View) -> list[dict[str, Any]]:
    reference, about = view.reference("router", lowered=LOWERED)
    common: dict[str, Any] = {"unit": "relative", "bar": BARS[STD_1][0]}
    common |= {"metric": "relative Frobenius error of all logits"}
    if not about["biases"]:
        text = "No router chooses experts by a bias."
        return [
            record("router", STD_1, "not_applicable", findings=[{"id": "no_bias", "text": text}], **common)
        ]
    try:
        port, _, seconds = view.port("router", weights=about["weights"])
        wrong = port["logits"].shape != reference["logits"].shape
    except PortFault as fault:
        return [record("router", STD_1, "fail", error=fault.record(), **common)]
    if wrong:
        shapes = [list(side["logits"].shape) for side in (port, reference)]
        text = f"The port's logits have shape {shapes[0]}, the reference's {shapes[1]}."
        return [record("router", STD_1, "fail", error={"kind": "port", "text": text, "hint": ""}, **common)]
    plain = view.exact_reference()[0]["logits"]
    known, moved = relative(view.port("exact")[0]["logits"], plain), relative(reference["logits"], plain)
    figure, floor = relative(port["logits"], reference["logits"]), about["floor"]
    verdict = by_floor(figure, floor, BARS[STD_1])
    text = "" if verdict == "pass" else _told(figure, known, moved <= floor * FLOOR_PASS, about["biases"][0])
    return [
        record(
            "router",
            STD_1,
            verdict,
            figure=figure,
            multiple=figure / floor if floor > 0 else None,
            floor=floor,
            seconds=seconds,
            findings=[{"id": "chosen", "text": text}] if text else [],
            **common,
        )
    ]


def _told(figure: float, known: float, same: bool, bias: str) -> str:
    """`known`: the port's error as it is; `same`: whether the reference's logits stay."""
    if figure <= 3 * known:
        return f"Wrong by no more than with the biases as they are ({known:.2g}): see exact."
    how = (
        "the reference chooses the same experts, the port others"
        if same
        else "the port chooses other experts"
    )
    text = f"With {LOWERED:g} taken from every {bias.rpartition('.')[2]} {how}. "
    return text + "Look for groups that are masked with 0 and not -inf."
