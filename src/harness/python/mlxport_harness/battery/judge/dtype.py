"""Upstream's `dtype`: is the output in the expected dtype. Beside it: no module on the way widens it."""

from __future__ import annotations

from typing import Any

from mlxport_harness.battery import stdout
from mlxport_harness.battery.case import Case, Outcome
from mlxport_harness.battery.plan import Test


def needs(case: Case) -> list[tuple[str, dict[str, Any]]]:
    return []


def judge(case: Case, test: Test) -> Outcome:
    _, meta, seconds = case.port("dtype", test.limit)
    return verdict(case, test, meta, seconds)


def verdict(case: Case, test: Test, meta: dict[str, Any], seconds: float) -> Outcome:
    """A layer that is wider than the output by intention (float32 inside, cast back) is a finding only."""
    expected, modules = case.checkpoint.dtype, meta["modules"]
    match = meta["dtype"] == expected
    wide = [n for n in meta["layers"] if expected != "float32" and modules.get(n, {}).get("out") == "float32"]
    findings, place = [], None
    first = _first_promotion(modules, expected)
    if not match:
        findings.append({"id": "dtype", "text": f"The output is {meta['dtype']}, expected {expected}."})
    if wide or (not match and first):
        place = {"module": first, "reference": None, "port": modules[first]["where"]} if first else None
        text = f"{len(wide)} of {len(meta['layers'])} layers give float32"
        findings.append(
            {"id": "promotion", "text": f"{text}; first widened in {first or 'no single module'}."}
        )
    if meta["float32_count"] and expected != "float32":
        names = ", ".join(meta["float32"][:3])
        text = f"{meta['float32_count']} parameters are float32: {names}"
        findings.append(
            {"id": "float32 parameters", "text": f"{text}. Intended for some routers and states."}
        )
    found = case.record(
        test,
        "pass" if match and not wide else "fail",
        figure=len(wide) + int(not match),
        unit="places",
        bar=0,
        metric=f"outputs wider than {expected}",
        seconds=seconds,
        findings=findings,
        first_divergence=place,
    )
    found["upstream"] = {"verdict": "PASS" if match else "FAIL", "output_dtype": meta["dtype"]}
    stderr = "" if match else f"FAIL: output dtype mlx.core.{meta['dtype']} != {expected}\n"
    return Outcome(found, stdout.dtype(meta, expected), 0 if match else 1, stderr)


def _first_promotion(modules: dict[str, Any], expected: str) -> str | None:
    hits = [
        (m["end"], n) for n, m in modules.items() if m.get("in") == expected and m.get("out") == "float32"
    ]
    return min(hits)[1] if hits and expected != "float32" else None
