"""Upstream's `quant_generate`: 200 greedy tokens at 4 bits; beside it, how far they are the same."""

from __future__ import annotations

from typing import Any

from mlxport_harness.battery import facts, measure, stdout
from mlxport_harness.battery.case import Case, Outcome
from mlxport_harness.battery.judge import quantize
from mlxport_harness.battery.judge.generate import rates, shorter
from mlxport_harness.battery.plan import Test


def needs(case: Case) -> list[tuple[str, dict[str, Any]]]:
    return []


def judge(case: Case, test: Test) -> Outcome:
    if skipped := quantize.not_applicable(case, test):
        return skipped
    prompt, tokens = facts.GENERATE[case.checkpoint.kind], case.generate_tokens
    port, meta, seconds = case.port(
        "quant_generate", test.limit, prompt=prompt, tokens=tokens, bits=facts.Q_BITS
    )
    figures = measure.repetition(port["tokens"]) | rates(meta)
    findings = [shorter(tokens, facts.GENERATE_TOKENS)] if tokens < facts.GENERATE_TOKENS else []
    plain = case.kept.get("generate")
    agreed = None
    if plain is not None:
        pairs = zip(plain["tokens"], port["tokens"].tolist(), strict=False)
        agreed = next(
            (n for n, (a, b) in enumerate(pairs) if a != b), min(len(plain["tokens"]), len(port["tokens"]))
        )
    found = case.record(
        test,
        "pass",
        figure=agreed,
        unit="tokens",
        metric="tokens like the unquantized port's greedy text",
        seconds=seconds,
        findings=findings,
    )
    found |= {"figures": figures, "texts": {"port": meta["text"][:4000]}, "decides": "figure"}
    found["upstream"] = {"verdict": "ran"}
    return Outcome(found, stdout.generate(meta, len(port["prompt"]), len(port["tokens"])))
