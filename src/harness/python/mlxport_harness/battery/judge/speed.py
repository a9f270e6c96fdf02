"""H17 `speed` on the checkpoint: tokens per second, prefill and decode, as `generate` measured them.

Figures for this machine and this load only; a neighbour port at equal sizes is the twin's business.
"""

from __future__ import annotations

from typing import Any

from mlxport_harness.battery import facts
from mlxport_harness.battery.case import Case, Outcome
from mlxport_harness.battery.plan import Test


def needs(case: Case) -> list[tuple[str, dict[str, Any]]]:
    return []


def judge(case: Case, test: Test) -> Outcome:
    seconds = 0.0
    meta = case.kept.get("generate")
    if meta is None:
        prompt, tokens = facts.GENERATE[case.checkpoint.kind], min(64, case.generate_tokens)
        _, meta, seconds = case.port("generate", test.limit, prompt=prompt, tokens=tokens)
    size = case.checkpoint.bytes
    figures = {
        "prefill_tps": meta["prompt_tps"],
        "decode_tps": meta["generation_tps"],
        "peak_gb": meta["peak_gb"],
        "weights_gb_per_second": size * meta["generation_tps"] / 1e9,
    }
    found = case.record(
        test,
        "pass",
        figure=figures["decode_tps"],
        unit="tokens/s",
        metric=f"decode; prefill {figures['prefill_tps']:.3g} tokens/s",
        seconds=seconds,
    )
    found["figures"], found["decides"] = figures, "figure"
    line = f"prefill {figures['prefill_tps']:.3f}, decode {figures['decode_tps']:.3f} tokens/s"
    return Outcome(found, f"{line}, peak {figures['peak_gb']:.3f} GB\n")
