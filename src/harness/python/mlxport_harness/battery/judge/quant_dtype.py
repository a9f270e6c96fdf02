"""Upstream's `quant_dtype`: `dtype`, on the saved 4-bit copy."""

from __future__ import annotations

from typing import Any

from mlxport_harness.battery import facts
from mlxport_harness.battery.case import Case, Outcome
from mlxport_harness.battery.judge import dtype, quantize
from mlxport_harness.battery.plan import Test


def needs(case: Case) -> list[tuple[str, dict[str, Any]]]:
    return []


def judge(case: Case, test: Test) -> Outcome:
    if skipped := quantize.not_applicable(case, test):
        return skipped
    _, meta, seconds = case.port("quant_dtype", test.limit, bits=facts.Q_BITS)
    return dtype.verdict(case, test, meta, seconds)
