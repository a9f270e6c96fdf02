"""Upstream's `quantize`: mlx-lm's conversion to 4 bits, saved."""

from __future__ import annotations

import re
from typing import Any

from mlxport_harness.battery import facts
from mlxport_harness.battery.case import Case, Outcome
from mlxport_harness.battery.plan import Test


def needs(case: Case) -> list[tuple[str, dict[str, Any]]]:
    return []


def judge(case: Case, test: Test) -> Outcome:
    if skipped := not_applicable(case, test):
        return skipped
    _, meta, seconds = case.port("quantize", test.limit, bits=facts.Q_BITS)
    said = re.search(r"([\d.]+) bits per weight", meta["stdout"])
    bits = float(said.group(1)) if said else None
    found = case.record(
        test,
        "pass",
        figure=bits,
        unit="bits/weight",
        metric=f"after conversion; {meta['bytes'] / 1e9:.3f} GB of {case.checkpoint.bytes / 1e9:.3f}",
        seconds=seconds,
    )
    found["upstream"] = {"verdict": "ran"}
    return Outcome(found, meta["stdout"])


def not_applicable(case: Case, test: Test) -> Outcome | None:
    if case.quantize and not case.checkpoint.quantized:
        return None
    why = (
        "The checkpoint is quantized already."
        if case.checkpoint.quantized
        else "The manifest says quantize: false."
    )
    return Outcome(case.record(test, "not_applicable", findings=[{"id": "skipped", "text": why}]), f"{why}\n")
