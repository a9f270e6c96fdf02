"""H5 `dtype`: on bfloat16 weights, the residual stream and the logits stay bfloat16.

One float32 constant promotes everything after it: the text is still fine, decoding several times slower.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlxport_harness.checks import Check
from mlxport_harness.checks.verdict import record
from mlxport_harness.view import BF16

if TYPE_CHECKING:
    from mlxport_harness.view import View

CHECK = Check(
    "dtype",
    "dtype",
    "fast",
    "rule",
    "no layer output and no logits wider than bfloat16",
    "output and every layer of a bfloat16 model stay bfloat16",
)


def run(view: View) -> list[dict[str, Any]]:
    _, meta, seconds = view.port("dtype", BF16)
    return [judge(meta, seconds)]


def judge(meta: dict[str, Any], seconds: float) -> dict[str, Any]:
    modules, layers = meta["modules"], meta["layers"]
    wide = [name for name in layers if modules.get(name, {}).get("out") == "float32"]
    logits = meta["dtype"] != "bfloat16"
    findings = []
    place = None
    if wide or logits:
        first = first_promotion(modules)
        place = {"module": first, "reference": None, "port": modules[first]["where"]} if first else None
        where = f"first in {first}" if first else "outside any module, so near the head"
        what = (
            f"{len(wide)} of {len(layers)} layers give float32" if wide else f"the logits are {meta['dtype']}"
        )
        findings = [{"id": "promotion", "text": f"With bfloat16 weights {what}; promoted {where}."}]
    return record(
        "dtype",
        "bf16",
        "fail" if wide or logits else "pass",
        figure=len(wide) + int(logits),
        unit="places",
        bar=0,
        metric="layer outputs and logits wider than bfloat16",
        seconds=seconds,
        first_divergence=place,
        findings=findings,
    )


def first_promotion(modules: dict[str, Any]) -> str | None:
    """The first, and innermost, module that took bfloat16 and gave float32."""
    hits = [
        (m["end"], n) for n, m in modules.items() if m.get("in") == "bfloat16" and m.get("out") == "float32"
    ]
    return min(hits)[1] if hits else None
