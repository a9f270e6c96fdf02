"""H11 `quant`: what 4 and 8 bits do to the port. Figures, but for what is broken outright.

Broken: it cannot be quantized, gives numbers that are not finite, turns wider than bfloat16, or what was
saved loads to something else. The figures are of random weights: they rank modules, no more.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from mlxport_harness.checks import Check
from mlxport_harness.checks.dtype import first_promotion
from mlxport_harness.checks.exact import relative
from mlxport_harness.checks.train import ROUTER
from mlxport_harness.checks.verdict import record
from mlxport_harness.errors import PortFault
from mlxport_harness.view import BF16, STD_1

if TYPE_CHECKING:
    from mlxport_harness.view import View

CHECK = Check(
    "quant",
    "quant",
    "slow",
    "figure",
    "KL shown; fails when it cannot be quantized, is not finite, widens, or reloads differently",
    "4 and 8 bits: what stays unquantized, the dtype, and what each module costs",
    limit_s=180.0,
)
BITS = (4, 8)
SENSITIVE = 5.0
SPREAD = 3.0
RELOADED = 1e-6
WHY = {
    "class": "its class cannot be quantized",
    "width": "its width is not a multiple of the group size",
    "predicate": "the port's quant_predicate keeps it",
    "unknown": "mlx-lm left it",
}


def run(view: View) -> list[dict[str, Any]]:
    found = []
    for bits in BITS:
        try:
            found.append(judge(bits, *view.port("quant", BF16, bits=bits)))
        except PortFault as fault:
            found.append(record("quant", f"{bits}-bit", "fail", error=fault.record()))
    try:
        found.append(sensitivity(*view.port("quant", STD_1, bits=4, each=True)))
    except PortFault as fault:
        found.append(record("quant", "each 4-bit", "fail", error=fault.record()))
    return found


def judge(bits: int, arrays: dict[str, np.ndarray], meta: dict[str, Any], seconds: float) -> dict[str, Any]:
    findings, place, broken = [], None, False

    def say(key: str, text: str) -> None:
        findings.append({"id": key, "text": text})

    base, quantized = arrays["base"], arrays["quantized"]
    figure = kl(base, quantized) if base.shape == quantized.shape else float("inf")
    if not np.isfinite(quantized).all() or not np.isfinite(figure):
        broken = True
        say("not_finite", f"The {bits}-bit model's logits are not finite.")
    wide = [n for n in meta["layers"] if meta["flow"].get(n, {}).get("out") == "float32"]
    if meta["base_dtype"] == "bfloat16" and (wide or meta["dtype"] != "bfloat16"):
        broken = True
        first = first_promotion(meta["flow"])
        place = {"module": first, "reference": None, "port": meta["flow"][first]["where"]} if first else None
        what = f"{len(wide)} of {len(meta['layers'])} layers" if wide else "the logits"
        say(
            "promotion",
            f"Quantized to {bits} bits, {what} become float32{f', first in {first}' if first else ''}.",
        )
    if "reload" in meta:
        broken = True
        say("reload", f"What was saved at {bits} bits does not load: {meta['reload']}")
    elif not relative(arrays["reloaded"], quantized) <= RELOADED:
        broken = True
        gap = relative(arrays["reloaded"], quantized)
        say("reload", f"What was saved at {bits} bits gives other logits once loaded: {gap:.2g} relative.")
    rows = meta["modules"]
    done = [r for r in rows if "bits" in r]
    if not done:
        broken = True
        say("none", "No module of the port can be quantized.")
    for why in WHY:
        kept = [r["module"] for r in rows if r.get("why") == why]
        if kept:
            say(f"kept_{why}", f"{_names(kept)} left unquantized: {WHY[why]} ({_classes(rows, why)}).")
    routers = [r["module"] for r in done if ROUTER.search(r["module"]) and r["bits"] < 8]
    if routers:
        text = (
            f"{_names(routers)} quantized to fewer than 8 bits: routers usually stay high (quant_predicate)."
        )
        say("routers", text)
    high = [r["module"] for r in done if r["bits"] > bits]
    if high:
        say("high", f"{_names(high)} kept at more bits by the port's quant_predicate.")
    return record(
        "quant",
        f"{bits}-bit",
        "fail" if broken else "pass",
        figure=figure,
        unit="nats",
        metric="mean KL of the quantized model against bfloat16, random weights",
        seconds=seconds,
        first_divergence=place,
        findings=findings,
        group_size=meta["group_size"],
        quantized=len(done),
        modules=rows,
        adapted=meta["adapted"],
    )


def sensitivity(arrays: dict[str, np.ndarray], meta: dict[str, Any], seconds: float) -> dict[str, Any]:
    """The cost of each module alone, at 4 bits, in float32 so that nothing but quantization shows."""
    series = [[n, kl(arrays["base"], arrays[f"each:{n}"])] for n in meta["names"]]
    series.sort(key=lambda row: -row[1] if np.isfinite(row[1]) else -np.inf)
    median = float(np.median([v for _, v in series])) if series else 0.0
    high = [n for n, v in series if v > SENSITIVE * median]
    findings = []
    if high:
        text = (
            f"{_names(high)} cost more than {SENSITIVE:g} times the median module: candidates to stay high."
        )
        findings = [{"id": "sensitive", "text": text}]
    bad = [n for n, v in series if not np.isfinite(v)]
    if bad:
        findings.append({"id": "not_finite", "text": f"{_names(bad)} alone at 4 bits: not finite."})
    return record(
        "quant",
        "each 4-bit",
        "fail" if bad else "pass" if series else "not_exercised",
        figure=series[0][1] if series else None,
        unit="nats",
        metric="mean KL with the most sensitive module alone at 4 bits",
        seconds=seconds,
        findings=findings,
        series=series,
        median=median,
    )


def kl(base: np.ndarray, other: np.ndarray) -> float:
    """Mean over positions of KL(base ‖ other), in float64.

    Tied embeddings of a twin make its softmax one-hot, which no error moves: logits spread wider than a
    trained model's are divided down to that.
    """
    warm = max(1.0, float(np.std(base, dtype=np.float64)) / SPREAD)
    p, q = _log_softmax(base / warm), _log_softmax(other / warm)
    return float(np.mean((np.exp(p) * (p - q)).sum(-1)))


def _log_softmax(logits: np.ndarray) -> np.ndarray:
    logits = logits.astype(np.float64)
    logits = logits - logits.max(-1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(-1, keepdims=True))


def _names(names: list[str]) -> str:
    """By kind: the layer's number does not matter here."""
    kinds = list(dict.fromkeys(re.sub(r"\.\d+(?=\.|$)", ".*", n) for n in names))
    return ", ".join(kinds[:5]) + (f" and {len(kinds) - 5} more" if len(kinds) > 5 else "")


def _classes(rows: list[dict[str, Any]], why: str) -> str:
    found = [r for r in rows if r.get("why") == why]
    if why == "width":
        return "widths of the twin: " + ", ".join(map(str, sorted({r["width"] for r in found})))
    return ", ".join(sorted({r["class"] for r in found}))
