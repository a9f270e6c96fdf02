"""H11 on the checkpoint: what 8 and 4 bits cost, against the port unquantized and against the reference."""

from __future__ import annotations

from typing import Any

import numpy as np

from mlxport_harness.battery import facts, measure
from mlxport_harness.battery.case import Case, Outcome
from mlxport_harness.battery.judge import predictions, quality, quantize
from mlxport_harness.battery.plan import Test

PERPLEXITY = 0.05


def needs(case: Case) -> list[tuple[str, dict[str, Any]]]:
    return quality.needs(case)


def judge(case: Case, test: Test) -> Outcome:
    if skipped := quantize.not_applicable(case, test):
        return skipped
    plain, _, _ = case.forward(facts.TEXT, False, test.limit)
    wide, _ = predictions.references(case, facts.TEXT, hidden=False)
    if wrong := predictions.tokens_differ(case, test, plain, wide):
        return wrong
    rows, total = [], 0.0
    for bits in (8, 4):
        port, meta, seconds = case.port("quant_forward", test.limit, text=facts.TEXT, bits=bits)
        total += seconds
        rows.append(_row(bits, port, plain, wide, meta))
    verdict, findings = _decide(rows, measure.perplexity(plain["logits"], plain["ids"]), case)
    found = case.record(
        test,
        verdict,
        figure=rows[1]["kl"],
        unit="nats",
        metric="KL(unquantized ‖ 4 bits), mean over positions",
        seconds=total,
        findings=findings,
    )
    found |= {"figures": {f"{r['bits']} bits": r for r in rows}, "decides": "figure"}
    lines = [
        f"{r['bits']} bits: KL {r['kl']:.3g} (to the reference {r['kl_reference']:.3g}), "
        f"perplexity {r['perplexity']:.4f}, same best token {r['agreement']:.1%}, {r['dtype']}"
        for r in rows
    ]
    return Outcome(found, "\n".join(lines) + "\n")


def _row(bits: int, port: Any, plain: Any, wide: Any, meta: dict[str, Any]) -> dict[str, Any]:
    return {
        "bits": bits,
        "bits_per_weight": meta.get("bits_per_weight"),
        "kl": float(np.mean(measure.kl(plain["logits"], port["logits"]))),
        "kl_reference": float(np.mean(measure.kl(wide["logits"], port["logits"]))),
        "perplexity": measure.perplexity(port["logits"], port["ids"]),
        "agreement": measure.agreement(plain["logits"], port["logits"]),
        "dtype": meta["dtype"],
    }


def _decide(rows: list[dict[str, Any]], plain: float, case: Case) -> tuple[str, list[dict[str, str]]]:
    eight, four = rows
    findings = []
    if not eight["kl"] < four["kl"]:
        findings.append({"id": "order", "text": "8 bits are no closer to the unquantized port than 4 bits."})
    if not abs(eight["perplexity"] / plain - 1) <= PERPLEXITY:
        text = f"Perplexity at 8 bits is {eight['perplexity']:.4g}, unquantized {plain:.4g}."
        findings.append({"id": "perplexity", "text": text})
    wide = [f"{r['bits']} bits" for r in rows if r["dtype"] != case.checkpoint.dtype]
    if wide:
        text = f"The output at {' and '.join(wide)} is not {case.checkpoint.dtype}."
        findings.append({"id": "dtype", "text": text})
    return ("suspect" if findings else "pass"), findings
