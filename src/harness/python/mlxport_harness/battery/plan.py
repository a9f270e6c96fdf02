"""The tests of a battery in the order they run: upstream's eight, with its time limits, and ours."""

from __future__ import annotations

from dataclasses import dataclass

from mlxport_harness.errors import Failure


@dataclass(frozen=True)
class Test:
    """`cost`: generation | forward | none, for the estimate. `decides`: rule | figure. `limit` in seconds."""

    id: str
    title: str
    limit: float
    upstream: bool
    cost: str
    decides: str
    rule: str


TESTS = {
    t.id: t
    for t in (
        Test(
            "dtype",
            "output dtype, and where it first widens",
            300,
            True,
            "none",
            "rule",
            "the output has the expected dtype and no module widens it",
        ),
        Test(
            "template",
            "chat template, eos, detokenizer, tools, thinking",
            300,
            False,
            "none",
            "rule",
            "mlx-lm's tokenizer does what the reference's does",
        ),
        Test(
            "generate",
            "greedy text, 200 tokens",
            300,
            True,
            "generation",
            "figure",
            "suspect when it leaves the reference's text where the reference was not near a tie",
        ),
        Test(
            "predictions",
            "logits of the numerical prompt",
            900,
            True,
            "forward",
            "rule",
            "KL to the float32 reference: pass up to 4 times the reference's own rounding, fail above 12",
        ),
        Test(
            "layers",
            "hidden states, layer by layer and token by token",
            900,
            True,
            "forward",
            "rule",
            "relative error: pass up to 4 times the reference's own rounding, fail above 12",
        ),
        Test(
            "exact",
            "float32 logits on the real weights",
            900,
            False,
            "forward",
            "rule",
            "relative error: pass up to 1e-5, fail above 1e-3",
        ),
        Test(
            "quality",
            "KL and perplexity on mixed text",
            900,
            False,
            "forward",
            "rule",
            "KL to the float32 reference: pass up to 4 times the reference's own rounding, fail above 12",
        ),
        Test(
            "long_sequence",
            "greedy text, 4096 tokens",
            1800,
            True,
            "generation",
            "figure",
            "figures only; a loop at the end is a finding",
        ),
        Test("speed", "tokens per second", 300, False, "generation", "figure", "figures only"),
        Test(
            "memory",
            "memory growth over decode",
            900,
            False,
            "generation",
            "rule",
            "memory grows as the cache does: fail when it grows more than twice as fast and 4 KiB a token",
        ),
        Test("quantize", "4-bit conversion", 900, True, "none", "rule", "converts and saves"),
        Test(
            "quant_dtype",
            "output dtype after conversion",
            300,
            True,
            "none",
            "rule",
            "the output has the expected dtype and no module widens it",
        ),
        Test(
            "quant_generate",
            "greedy text at 4 bits, 200 tokens",
            300,
            True,
            "generation",
            "figure",
            "figures only",
        ),
        Test(
            "quant",
            "quality at 8 and 4 bits",
            900,
            False,
            "forward",
            "figure",
            "suspect when 8 bits are no closer than 4, or perplexity at 8 bits is 5 % off",
        ),
    )
}


def choose(wanted: list[str] | None) -> list[Test]:
    """All, or those named, in the battery's order; the words `upstream` and `all` stand for lists."""
    names = set(wanted or ["all"])
    if "all" in names:
        names |= set(TESTS)
    if "upstream" in names:
        names |= {t.id for t in TESTS.values() if t.upstream}
    unknown = sorted(names - set(TESTS) - {"all", "upstream"})
    if unknown:
        text = f"There is no battery test {', '.join(map(str, unknown))}."
        raise Failure("user", text, f"Tests: {', '.join(TESTS)}; upstream (the eight), all.")
    return [t for t in TESTS.values() if t.id in names]
