"""KL and perplexity on mixed text (figures, code, other scripts), by the same rule as `predictions`."""

from __future__ import annotations

from typing import Any

from mlxport_harness.battery import facts
from mlxport_harness.battery.case import Case, Outcome
from mlxport_harness.battery.judge import predictions
from mlxport_harness.battery.plan import Test


def needs(case: Case) -> list[tuple[str, dict[str, Any]]]:
    return predictions.passes(case, facts.TEXT, hidden=False)


def judge(case: Case, test: Test) -> Outcome:
    port, _, seconds = case.forward(facts.TEXT, False, test.limit)
    wide, native = predictions.references(case, facts.TEXT, hidden=False)
    if wrong := predictions.tokens_differ(case, test, port, wide):
        return wrong
    verdict, fields = predictions.compare(port, wide, native)
    found = case.record(test, verdict, seconds=seconds, **fields)
    figures = fields["figures"]
    pairs = ", ".join(f"{k} {v:.4f}" for k, v in figures["perplexity"].items())
    line = f"KL {figures['kl_mean']:.3g}, floor {figures['kl_floor']:.3g}; perplexity: {pairs}"
    return Outcome(found, f"{line}\n")
