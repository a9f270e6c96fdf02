"""H5 `dtype-deep`: the flow of `dtype` after mlx-lm's convert, quantized to 4 bits, and in float16."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mlxport_harness.checks import Check
from mlxport_harness.checks.cache import common_fault
from mlxport_harness.checks.dtype import places
from mlxport_harness.checks.verdict import record
from mlxport_harness.errors import PortFault
from mlxport_harness.view import BF16

if TYPE_CHECKING:
    from mlxport_harness.view import View

CHECK = Check(
    "dtype-deep",
    "dtype",
    "slow",
    "rule",
    "as dtype, converted, quantized and in float16",
    "the same converted, quantized to 4 bits, and in float16",
)
MODES = {
    "converted": "weights as mlx-lm's convert casts them",
    "quantized": "4-bit weights",
    "float16": "float16 weights",
}


def run(view: View) -> list[dict[str, Any]]:
    total, seconds, place = 0, 0.0, None
    findings: list[dict[str, Any]] = []
    states: dict[str, dict[str, Any]] = {}
    for mode, what in MODES.items():
        try:
            arrays, meta, took = view.port("dtype", BF16, mode=mode)
        except PortFault as fault:
            states[mode] = {"verdict": "fail", "text": fault.record()["text"]}
            findings.append({"id": mode, "text": f"With {what}: {states[mode]['text']}."})
            continue
        seconds += took
        if meta.get("not_applicable"):
            states[mode] = {"verdict": "not_applicable", "text": meta["not_applicable"]}
            findings.append({"id": "not_applicable", "text": f"With {what}: {meta['not_applicable']}."})
            continue
        count, first, found = places(meta, what)
        if not np.isfinite(arrays["logits"]).all():
            count += 1
            found.append({"id": "overflow", "text": f"With {what} the logits are not finite."})
        states[mode] = {"verdict": "fail" if count else "pass", "figure": float(count), "text": ""}
        total, place, findings = total + count, place or first, findings + found
    verdicts = [s["verdict"] for s in states.values()]
    fault = common_fault({m: s for m, s in states.items() if s["verdict"] != "not_applicable"})
    if fault:
        findings = []
    verdict = next((v for v in ("fail", "pass") if v in verdicts), "not_applicable")
    return [
        record(
            "dtype-deep",
            "bf16",
            verdict,
            figure=total,
            unit="places",
            bar=0,
            metric="layer outputs, logits, keys and values wider than the weights",
            seconds=seconds,
            first_divergence=place,
            findings=findings,
            error=fault,
            states=states,
        )
    ]
