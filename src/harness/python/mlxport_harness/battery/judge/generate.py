"""Upstream's `generate`: 200 greedy tokens. Beside it: where the text leaves the reference's, how near a tie.

Greedy texts of two right implementations part sooner or later, at a step where two tokens were almost equal;
what follows tells nothing. So the port also reads the reference's text, and its best token at every step is
compared. Another choice where the reference's best was clearly ahead is suspect.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mlxport_harness.battery import facts, measure, stdout
from mlxport_harness.battery.case import Case, Outcome
from mlxport_harness.battery.judge import predictions
from mlxport_harness.battery.plan import Test

TIE = 2.0


def needs(case: Case) -> list[tuple[str, dict[str, Any]]]:
    return [*predictions.passes(case, facts.NUMERICAL, hidden=True), ("generate", _params(case))]


def judge(case: Case, test: Test) -> Outcome:
    prompt = facts.GENERATE[case.checkpoint.kind]
    port, meta, seconds = case.port("generate", test.limit, prompt=prompt, tokens=case.generate_tokens)
    case.kept["generate"] = meta | {"tokens": port["tokens"].tolist()}
    out = stdout.generate(meta, len(port["prompt"]), len(port["tokens"]))
    reference, told = case.reference("generate", **_params(case))
    verdict, figures, findings = _compare(case, reference, port)
    if verdict != "fail":
        following, more = _follow(case, test, reference, figures)
        findings += more
        verdict = "suspect" if more else verdict
        seconds += following
    if case.generate_tokens < facts.GENERATE_TOKENS:
        findings.append(shorter(case.generate_tokens, facts.GENERATE_TOKENS))
    found = case.record(
        test,
        verdict,
        figure=figures["agreed"],
        unit="tokens",
        metric=f"tokens like the reference's greedy text, of {figures['compared']}",
        seconds=seconds,
        findings=findings,
    )
    found["figures"] = figures | measure.repetition(port["tokens"]) | rates(meta)
    found["texts"] = {"port": meta["text"][:4000], "reference": told["text"][:4000]}
    found["upstream"] = {"verdict": "ran"}
    return Outcome(found, out)


def _params(case: Case) -> dict[str, Any]:
    return {"prompt": facts.GENERATE[case.checkpoint.kind], "tokens": case.generate_tokens}


def _compare(
    case: Case, reference: dict[str, np.ndarray], port: dict[str, np.ndarray]
) -> tuple[str, dict[str, Any], list[dict[str, str]]]:
    left, right = reference["tokens"].tolist(), port["tokens"].tolist()
    if reference["prompt"].tolist() != port["prompt"].tolist():
        text = "The prompt's tokens differ: see template."
        return "fail", {"agreed": 0, "compared": len(left)}, [{"id": "prompt", "text": text}]
    agreed = next((n for n, pair in enumerate(zip(left, right, strict=False)) if pair[0] != pair[1]), None)
    figures: dict[str, Any] = {"compared": len(left), "noise": _noise(case)}
    if agreed is None:
        figures["agreed"] = min(len(left), len(right))
        if len(left) == len(right):
            return "pass", figures, []
        text = (
            f"One side stopped earlier: the reference after {len(left)} tokens, the port after {len(right)}."
        )
        return "suspect", figures, [{"id": "stop", "text": text}]
    margin = float(reference["margins"][agreed])
    figures |= {"agreed": agreed, "margin": margin}
    tie = margin <= TIE * figures["noise"]
    text = (
        f"Leaves the reference's text at token {agreed}, where its best was {margin:.2g} ahead: "
        f"{'near a tie' if tie else 'not a tie'} (rounding moves a logit by up to {figures['noise']:.2g})."
    )
    return "pass" if tie else "suspect", figures, [{"id": "divergence", "text": text}]


def _follow(
    case: Case, test: Test, reference: dict[str, np.ndarray], figures: dict[str, Any]
) -> tuple[float, list[dict[str, str]]]:
    """Adds to the figures: the share of steps with the reference's choice, and the clearest other choice."""
    ids = {"prompt": reference["prompt"].tolist(), "tokens": reference["tokens"].tolist()}
    port, _, seconds = case.port("follow", test.limit, **ids)
    other = port["best"] != reference["tokens"]
    margins = np.where(other, reference["margins"], 0.0)
    figures["followed"] = float(1 - other.mean())
    figures["clearest_other"] = clearest = float(margins.max())
    if clearest <= TIE * figures["noise"]:
        return seconds, []
    at = int(margins.argmax())
    text = f"On the reference's text it prefers another token at {at}: the best was {clearest:.2g} ahead."
    return seconds, [{"id": "other choice", "text": text}]


def _noise(case: Case) -> float:
    """What the checkpoint's own dtype does to a logit of the reference: the 999th of 1,000."""
    wide, native = predictions.references(case, facts.NUMERICAL, hidden=True)
    return float(np.quantile(np.abs(wide["logits"] - native["logits"]), 0.999))


def rates(meta: dict[str, Any]) -> dict[str, Any]:
    return {k: meta[k] for k in ("prompt_tps", "generation_tps", "peak_gb", "finish")}


def shorter(tokens: int, full: int) -> dict[str, str]:
    text = f"Run with max_tokens: {tokens} of upstream's {full} tokens at most."
    return {"id": "shortened", "text": text}
