"""H5 `dtype`: on bfloat16 weights the residual stream, the logits and the cache stay bfloat16.

One float32 constant promotes everything after it: the text is still fine, decoding several times slower. The
first promotion is named with its operation, line and operands. A promotion that the layer casts back, and
float32 weights that promote nothing, are findings. What is meant to be float32 is exempt: what the port's
own `cast_predicate` keeps, router correction biases, the decay parameters of a recurrence, and casts that the
port wrote. After mlx-lm's convert, quantized, and in float16: `dtype_deep.py`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from mlxport_harness.checks import Check
from mlxport_harness.checks.verdict import record
from mlxport_harness.view import BF16

if TYPE_CHECKING:
    from mlxport_harness.checks import Ask
    from mlxport_harness.view import View

CHECK = Check(
    "dtype",
    "dtype",
    "fast",
    "rule",
    "no layer output, logits, keys or values wider than bfloat16",
    "with bfloat16 weights every layer, the logits and the cache stay bfloat16",
)
INTENDED = re.compile(
    r"(^|[._])(A_log|D|dt_bias|e_score_correction_bias|correction_bias|expert_bias|expert_bias_term)$"
)
Finding = dict[str, Any]


def asks(_view: View) -> list[Ask]:
    return [("dtype", BF16, {})]


def run(view: View) -> list[dict[str, Any]]:
    _, meta, seconds = view.port("dtype", BF16)
    return [judge(meta, seconds)]


def judge(meta: dict[str, Any], seconds: float) -> dict[str, Any]:
    count, place, findings = places(meta, "bfloat16 weights")
    return record(
        "dtype",
        "bf16",
        "fail" if count else "pass",
        figure=count,
        unit="places",
        bar=0,
        metric="layer outputs, logits, keys and values wider than bfloat16",
        seconds=seconds,
        first_divergence=place,
        findings=findings,
        parameters=[name for name, _ in meta["parameters"]],
        caches=meta["cache"],
        promotions=meta["events"][:20],
    )


def places(meta: dict[str, Any], what: str) -> tuple[int, dict[str, Any] | None, list[Finding]]:
    """How many results are too wide, where the first promotion is, and what to say of the rest."""
    modules, layers, low = meta["modules"], meta["layers"], meta["low"]
    wide = [name for name in layers if modules.get(name, {}).get("out") == "float32"]
    logits, decoded = meta["dtype"] != low, meta["decoded"] != low
    kept = [row for row in meta["cache"] if "float32" in row["pairs"].values() and not wide]
    findings: list[Finding] = []
    place = None
    if wide or logits or decoded:
        first = first_promotion(modules, low)
        event = first_event(meta["events"], first)
        lines = event["where"] if event else modules[first]["where"] if first else None
        place = {"module": first or (event or {}).get("module"), "reference": None, "port": lines}
        place = place if place["port"] else None
        where = f"first in {first}" if first else "outside any module, so near the head"
        say = (
            f"{len(wide)} of {len(layers)} layers give float32"
            if wide
            else f"the logits are {meta['dtype']}"
            if logits
            else f"the logits of decoding are {meta['decoded']}"
        )
        findings.append({"id": "promotion", "text": f"With {what} {say}; promoted {where}{how(event)}."})
    if kept:
        names = ", ".join(sorted({row["class"] for row in kept}))
        which = " and ".join(sorted({k for row in kept for k, v in row["pairs"].items() if v == "float32"}))
        text = f"With {what} the cache ({names}) holds {which} in float32: twice the memory."
        findings.append({"id": "cache", "text": text})
    findings += inner(meta["events"], modules, low, what)
    findings += stray(meta["parameters"], what)
    return len(wide) + logits + decoded + len(kept), place, findings


def first_promotion(modules: dict[str, Any], low: str = "bfloat16") -> str | None:
    """The first, and innermost, module that took the narrow dtype and gave float32."""
    hits = [(m["end"], n) for n, m in modules.items() if m.get("in") == low and m.get("out") == "float32"]
    return min(hits)[1] if hits else None


def first_event(events: list[dict[str, Any]], module: str | None) -> dict[str, Any] | None:
    """In that module, else anywhere: the first by a weight or constant, else the first by a cast."""
    near = [e for e in events if module and _inside(e["module"], module)] or events
    return next((e for e in near if not e["cast"] and not exempt(e)), near[0] if near else None)


def _inside(name: str | None, module: str) -> bool:
    return name == module or str(name).startswith(f"{module}.")


def exempt(event: dict[str, Any]) -> bool:
    """By float32 that is meant: every wide operand is a cast of the port's, or a parameter kept so."""
    origins = [o["origin"] for o in event["operands"] if o["dtype"] == "float32"]
    return all(o.startswith("a cast in ") or INTENDED.search(o.removeprefix("parameter ")) for o in origins)


def known(event: dict[str, Any]) -> bool:
    """By a weight or a constant, so neither by a cast nor by what was made out of sight."""
    origins = [o["origin"] for o in event["operands"] if o["dtype"] == "float32"]
    return any(o.startswith(("parameter ", "constant")) for o in origins)


def how(event: dict[str, Any] | None) -> str:
    if event is None:
        return ""
    by = [o for o in event["operands"] if o["dtype"] == "float32"][:1]
    other = [o for o in event["operands"] if o["dtype"] != "float32"][:1]
    said = f", by {event['op']} at {event['where']}"
    for one in by:
        said += f": float32 {one['shape']} ({one['origin']})"
    for one in other:
        said += f" with {one['dtype']} {one['shape']}"
    return said


def inner(events: list[dict[str, Any]], modules: dict[str, Any], low: str, what: str) -> list[Finding]:
    """Promotions by a weight or a constant inside a module whose output is narrow again."""
    seen: dict[str, dict[str, Any]] = {}
    for event in events:
        name = event["module"] or ""
        if known(event) and not exempt(event) and modules.get(name, {}).get("out") == low:
            seen.setdefault(f"{event['op']} {event['where']}", event)
    return [
        {"id": "inner", "text": f"With {what} {e['module']} computes in float32 and casts back{how(e)}."}
        for e in seen.values()
    ]


def stray(parameters: list[list[Any]], what: str) -> list[Finding]:
    left = [name for name, kept in parameters if not kept and not INTENDED.search(name)]
    if not left:
        return []
    names = ", ".join(left[:4]) + (f" and {len(left) - 4} more" if len(left) > 4 else "")
    text = f"With {what} these parameters are float32 and no cast_predicate keeps them so: {names}."
    return [{"id": "stray", "text": text, "key": left[0]}]
