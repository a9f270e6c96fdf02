"""Upstream's `long_sequence`: up to 4,096 greedy tokens. Beside it: does the text fall into a loop."""

from __future__ import annotations

from typing import Any

from mlxport_harness.battery import facts, measure, stdout
from mlxport_harness.battery.case import Case, Outcome
from mlxport_harness.battery.judge.generate import rates, shorter
from mlxport_harness.battery.plan import Test


def needs(case: Case) -> list[tuple[str, dict[str, Any]]]:
    return []


def judge(case: Case, test: Test) -> Outcome:
    prompt = facts.LONG[case.checkpoint.kind]
    port, meta, seconds = case.port("generate", test.limit, prompt=prompt, tokens=case.long_tokens)
    case.kept["long"] = port["samples"]
    figures = measure.repetition(port["tokens"]) | rates(meta) | {"tokens": len(port["tokens"])}
    findings = []
    if figures["loop"]:
        text = f"Ends in a loop of {figures['loop']} tokens. Small models do that too: read the text."
        findings.append({"id": "loop", "text": text})
    if case.long_tokens < facts.LONG_TOKENS:
        findings.append(shorter(case.long_tokens, facts.LONG_TOKENS))
    found = case.record(
        test,
        "pass",
        figure=figures["repeated_4grams"],
        unit="share",
        metric=f"repeated 4-grams in {figures['tokens']} tokens; finished by {meta['finish']}",
        seconds=seconds,
        findings=findings,
    )
    found["figures"] = figures
    found["texts"] = {"port": meta["text"][:20000]}
    found["upstream"] = {"verdict": "ran"}
    return Outcome(found, stdout.generate(meta, len(port["prompt"]), len(port["tokens"])))
