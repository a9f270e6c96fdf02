"""H17's memory growth: while decoding, memory may grow as the cache does, and not otherwise.

A graph that is never evaluated, or a list that collects activations, grows beside the cache. Memory and
cache are sampled while decoding; buffers grow in steps, on both curves at once, so their difference is taken.
The cache itself is compared with what plain attention would keep: a latent cache is smaller, a full one not.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mlxport_harness.battery import measure
from mlxport_harness.battery.case import Case, Outcome
from mlxport_harness.battery.plan import Test

LEAK = 4096.0
SETTLED = 64
ENOUGH = 256


def needs(case: Case) -> list[tuple[str, dict[str, Any]]]:
    return []


def judge(case: Case, test: Test) -> Outcome:
    seconds, samples = 0.0, case.kept.get("long")
    if samples is None or not len(samples) or samples[-1, 0] < ENOUGH:
        arrays, _, seconds = case.port("decode", test.limit, tokens=case.memory_tokens)
        samples = arrays["samples"]
    samples = samples[samples[:, 0] > SETTLED]
    count, active, cache = samples.T
    growth, held = measure.slope(count, active), measure.slope(count, cache)
    beside = measure.slope(count, active - cache)
    expected = plain_attention(case.checkpoint.config)
    verdict = "fail" if beside > max(LEAK, held) else "pass"
    findings = []
    if verdict == "fail":
        text = f"Memory grows by {beside:,.0f} bytes a token beside the cache's {held:,.0f}."
        findings.append({"id": "growth", "text": text})
    if expected and held > 1.5 * expected:
        text = f"The cache grows by {held:,.0f} bytes a token; plain keys and values take {expected:,.0f}."
        findings.append({"id": "cache", "text": text})
        verdict = "suspect" if verdict == "pass" else verdict
    found = case.record(
        test,
        verdict,
        figure=beside,
        unit="bytes/token",
        bar=max(LEAK, held),
        metric="growth of active memory beside the cache, per decoded token",
        seconds=seconds,
        findings=findings,
    )
    found["figures"] = {
        "growth": growth,
        "cache": held,
        "plain_attention": expected,
        "tokens": int(count[-1]),
        "peak_active": float(np.max(active)),
    }
    line = f"active {growth:,.0f}, cache {held:,.0f}, beside {beside:,.0f} bytes per token"
    return Outcome(found, f"{line} over {int(count[-1])} tokens\n")


def plain_attention(config: dict[str, Any]) -> float | None:
    """Bytes a token in 16-bit keys and values of every layer; None where the config does not say."""
    config = config.get("text_config") or config
    heads = config.get("num_key_value_heads") or config.get("num_attention_heads")
    layers, hidden = config.get("num_hidden_layers"), config.get("hidden_size")
    if not heads or not layers or not hidden or not config.get("num_attention_heads"):
        return None
    width = config.get("head_dim") or hidden // config["num_attention_heads"]
    return float(2 * 2 * layers * heads * width)
