"""H12 `train`: the port's gradients against torch autograd, and mlx-lm's adapters on the port.

Gradients are compared tensor by tensor under the checkpoint's names: the port's derivative runs through
`sanitize`, so nothing has to be mapped. A wrong one makes all that lie before it wrong too, so the place is
the last module of the forward pass whose gradient is wrong. Adapters: targets in every layer, loss and
gradients finite, the same with and without gradient checkpointing, the same loss once fused.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

import numpy as np

from mlxport_harness.checks import Check
from mlxport_harness.checks.exact import relative
from mlxport_harness.checks.locate import PREFIX
from mlxport_harness.checks.verdict import ORDER, record
from mlxport_harness.errors import PortFault

if TYPE_CHECKING:
    from mlxport_harness.view import View

CHECK = Check(
    "train",
    "train",
    "slow",
    "rule",
    "each gradient ≤ 10 × floor or 1e-4, suspect to 100 × or 1e-2; adapters in every layer, finite, equal",
    "gradients against torch autograd; LoRA, DoRA, QLoRA and checkpointing",
    limit_s=180.0,
)
BARS, FLOORS = (1e-4, 1e-2), (10.0, 100.0)
SAME = (1e-4, 1e-2)
MODES = {"lora": "LoRA", "dora": "DoRA", "qlora": "LoRA on a 4-bit base"}
ROUTER = re.compile(r"(^|\.)(gate|router|wg|gate_network|router_proj|shared_expert_gate)(\.|$)")
SMALL = 1e-4

Finding = dict[str, Any]


def run(view: View) -> list[dict[str, Any]]:
    reference, meta = view.reference("train")
    parts: dict[str, Any] = {}
    findings: list[Finding] = []
    seconds = 0.0
    place = figure = error = None
    rows = view.exact_reference()[1]["modules"]
    try:
        port, port_meta, seconds = view.port("train")
        parts["gradients"], found = judge(reference, meta, port, port_meta, rows)
        figure, place = parts["gradients"]["figure"], parts["gradients"]["place"]
        findings += found
    except PortFault as fault:
        error = fault.record()
        parts["gradients"] = {"verdict": "fail", "figure": None}
        findings.append({"id": "gradients", "text": f"No gradients: {error['text']}"})
    for mode in MODES:
        try:
            arrays, notes, took = view.port("adapters", mode=mode)
            seconds += took
            parts[mode], found = adapters(mode, arrays, notes, meta["linear"])
        except PortFault as fault:
            parts[mode], one = {"verdict": "fail"}, fault.record()
            again = error is not None and error["text"] == one["text"]
            found = [] if again else [{"id": mode, "text": f"{MODES[mode]}: {one['text']}"}]
            error = error or one
        findings += found
    worst = ORDER[max(ORDER.index(part["verdict"]) for part in parts.values())]
    return [
        record(
            "train",
            "std 1.0",
            worst,
            figure=figure,
            unit="relative",
            bar=BARS[0],
            metric="largest relative error of a tensor's gradient",
            seconds=seconds,
            first_divergence=place,
            findings=findings,
            error=error,
            parts=parts,
        )
    ]


def judge(
    reference: dict[str, np.ndarray],
    meta: dict[str, Any],
    port: dict[str, np.ndarray],
    port_meta: dict[str, Any],
    rows: dict[str, Any],
) -> tuple[dict[str, Any], list[Finding]]:
    """Every learned tensor. One with a tiny gradient is measured by the size of the whole."""
    total = math.sqrt(sum(float(np.square(g, dtype=np.float64).sum()) for g in reference.values()))
    count = sum(g.size for g in reference.values())
    errors, wrong, verdict = {}, [], "pass"
    for name, gradient in reference.items():
        one = port.get(name)
        if one is None or one.shape != gradient.shape:
            errors[name], level = math.inf, "fail"
        else:
            size = float(np.sqrt(np.square(gradient, dtype=np.float64).sum()))
            smallest = SMALL * total * math.sqrt(gradient.size / count)
            difference = relative(one, gradient) * (size or 1.0)
            errors[name] = difference / max(size, smallest, 1e-30)
            level = _level(errors[name], meta["floors"][name])
        if level != "pass":
            wrong.append((name, level))
            verdict = ORDER[max(ORDER.index(verdict), ORDER.index(level))]
    loss = abs(port_meta["loss"] - meta["loss"]) / max(abs(meta["loss"]), 1e-30)
    figure = max(errors.values(), default=0.0)
    part = {
        "verdict": verdict,
        "figure": figure,
        "tensors": len(errors),
        "wrong": len(wrong),
        "loss": loss,
        "place": None,
    }
    part["worst"] = sorted(([n, e, meta["floors"][n]] for n, e in errors.items()), key=lambda row: -row[1])[
        :10
    ]
    if not wrong:
        return part, []
    name = max(wrong, key=lambda row: (row[1] == "fail", _when(row[0], rows)))[0]
    zero = not np.any(port[name]) if name in port else False
    how = "is zero" if zero else f"differs by {errors[name]:.2g}"
    text = (
        f"{len(wrong)} of {len(errors)} gradients differ; the last in the forward pass, so the first to go "
    )
    text += f"wrong, is {name}: it {how}."
    if loss > BARS[0]:
        text += f" The loss differs too ({loss:.2g}), so the forward pass is wrong already: see exact."
        return part, [{"id": "forward", "text": text}]
    module = _module(name, rows)
    part["place"] = {"module": name, "reference": rows[module]["where"] if module else None}
    part["place"]["port"] = _line(name, port_meta["where"])
    return part, [{"id": "gradients", "text": text, "key": name}]


def _level(error: float, floor: float) -> str:
    for verdict, bar, multiple in zip(ORDER, BARS, FLOORS, strict=False):
        if error <= max(bar, multiple * floor):
            return verdict
    return "fail"


def _module(name: str, rows: dict[str, Any]) -> str | None:
    """The reference's module that holds a saved tensor, as far as the names tell."""
    short = {PREFIX.sub("", row): row for row in rows}
    while "." in name:
        name = name.rpartition(".")[0]
        found = name if name in rows else short.get(PREFIX.sub("", name))
        if found:
            return found
    return None


def _line(name: str, lines: dict[str, str]) -> str | None:
    """Where the port itself defines the innermost module around a tensor."""
    short = {PREFIX.sub("", module): line for module, line in lines.items()}
    while "." in name:
        name = name.rpartition(".")[0]
        found = lines.get(name) or short.get(PREFIX.sub("", name))
        if found:
            return found
    return None


def _when(name: str, rows: dict[str, Any]) -> int:
    module = _module(name, rows)
    return rows[module]["end"] if module else 0


def adapters(
    mode: str, arrays: dict[str, np.ndarray], notes: dict[str, Any], linear: list[str]
) -> tuple[dict[str, Any], list[Finding]]:
    title, findings, verdicts = MODES[mode], [], ["pass"]

    def say(verdict: str, text: str) -> None:
        verdicts.append(verdict)
        findings.append({"id": mode, "text": f"{title}: {text}"})

    part: dict[str, Any] = {
        "targets": len(notes["targets"]),
        "bare": notes["bare"],
        "skipped": notes["skipped"],
    }
    if not notes["targets"]:
        say("fail", "no module of the layers can take an adapter, so nothing would be trained.")
        return part | {"verdict": "fail"}, findings
    empty = [i for i, n in enumerate(notes["per_layer"]) if n == 0]
    if empty:
        say("fail", f"layers {', '.join(map(str, empty))} take no adapter.")
    if mode == "lora":
        lost = [
            b
            for b in notes["bare"]
            if b.endswith(".weight") and b[: -len(".weight")] in linear and not ROUTER.search(b)
        ]
        if lost:
            say("suspect", f"{len(lost)} linear layers of the reference take no adapter, first {lost[0]}.")
    plain = {k[6:]: v for k, v in arrays.items() if k.startswith("plain:")}
    again = {k[13:]: v for k, v in arrays.items() if k.startswith("checkpointed:")}
    broken = [n for n, g in plain.items() if not np.isfinite(g).all()]
    if broken:
        say("fail", f"{len(broken)} gradients are not finite, first {broken[0]}.")
        return part | {"verdict": "fail"}, findings
    dead = [
        n for n in notes["targets"] if not any(np.any(g) for k, g in plain.items() if k.startswith(f"{n}."))
    ]
    part["dead"] = dead
    if dead:
        say("suspect", f"{len(dead)} adapters get no gradient at all, first {dead[0]}.")
    if again.keys() != plain.keys():
        say("fail", "with gradient checkpointing other parameters have gradients.")
    else:
        keys = sorted(plain)
        part["checkpointed"] = relative(
            *(np.concatenate([d[k].ravel() for k in keys]) for d in (again, plain))
        )
        if not _close(part["checkpointed"]):
            say("fail", f"gradients with checkpointing differ by {part['checkpointed']:.2g}.")
    for other, what in (
        ("loss_checkpointed", "with checkpointing"),
        ("loss_eval", "in evaluation mode"),
        ("loss_fused", "once fused"),
    ):
        gap = abs(notes[other] - notes["loss"]) / max(abs(notes["loss"]), 1e-30)
        part[other] = gap
        if not gap <= SAME[0]:
            say("fail" if not gap <= SAME[1] else "suspect", f"the loss {what} differs by {gap:.2g}.")
    return part | {"verdict": ORDER[max(map(ORDER.index, verdicts))]}, findings


def _close(value: float) -> bool:
    return value <= SAME[0]
