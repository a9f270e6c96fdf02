"""H21 `kernels`: what a GPU kernel computes equals the plain operations, and it can be trained through.

Which kernels the port reaches is read from the sources, its own and those it imports from mlx-lm; nothing is
imported here. Without a Metal device nothing is run: not_exercised, never pass. The Metal side is written
after the documents and has not been run by its author.
"""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mlxport_harness.checks import Check
from mlxport_harness.checks.exact import relative
from mlxport_harness.checks.verdict import by_bar, record
from mlxport_harness.errors import PortFault

if TYPE_CHECKING:
    from mlxport_harness.view import View

CHECK = Check(
    "kernels",
    "kernels",
    "slow",
    "rule",
    "on a GPU: logits ≤ 1e-4 from the CPU's, suspect to 1e-2, and finite gradients; elsewhere not exercised",
    "custom GPU kernels equal the plain operations and have a gradient",
    limit_s=180.0,
)
BARS = (1e-4, 1e-2)
MAKERS = ("metal_kernel", "cuda_kernel")
Kernel = dict[str, Any]


def run(view: View) -> list[dict[str, Any]]:
    kernels = reached(view.target.port_path, _models())
    if not kernels:
        text = "Neither the port nor what it imports from mlx-lm defines a kernel of its own."
        return [_record("not_applicable", [{"id": "none", "text": text}], kernels)]
    names = ", ".join(f"{k['name']} ({Path(k['file']).name}:{k['line']})" for k in kernels)
    listed = {"id": "kernels", "text": f"{len(kernels)} custom kernels within reach: {names}."}
    _, meta, _ = view.port("kernels", action="devices")
    if not meta["gpu"]:
        text = "There is no Metal device here, so no kernel was run."
        return [_record("not_exercised", [{"id": "no_device", "text": text}, listed], kernels)]
    try:
        arrays, notes, seconds = view.port("kernels", action="compare")
    except PortFault as fault:
        return [_record("fail", [listed], kernels, error=fault.record())]
    return [judge(arrays, notes, seconds, kernels, listed)]


def judge(
    arrays: dict[str, np.ndarray], notes: dict[str, Any], seconds: float, kernels: list[Kernel], listed: Any
) -> dict[str, Any]:
    """GPU against CPU, both in evaluation mode; then whether training on the GPU has a gradient."""
    findings = [listed]
    same = arrays["gpu"].shape == arrays["cpu"].shape
    figure = relative(arrays["gpu"], arrays["cpu"]) if same else float("inf")
    verdict = by_bar(figure, BARS)
    if verdict != "pass":
        text = f"The GPU's logits differ from those of plain operations on the CPU by {figure:.2g}."
        findings.append({"id": "differs", "text": text})
    if notes.get("no_gradient"):
        verdict = "fail"
        findings.append({"id": "no_gradient", "text": f"No gradient on the GPU: {notes['no_gradient']}"})
    elif notes.get("not_finite"):
        verdict = "fail"
        text = f"Gradients on the GPU are not finite: {', '.join(notes['not_finite'][:3])}."
        findings.append({"id": "no_gradient", "text": text})
    return _record(
        verdict,
        findings,
        kernels,
        figure=figure if np.isfinite(figure) else None,
        unit="relative",
        bar=BARS[0],
        metric="relative error of all logits, GPU against CPU",
        seconds=seconds,
        device="gpu",
    )


def reached(port: Path, models: Path | None) -> list[Kernel]:
    """Kernels made in the port's file, and in the modules of mlx-lm that it imports, and theirs."""
    found: list[Kernel] = []
    seen: set[Path] = set()
    waiting = [port]
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        try:
            tree = ast.parse(path.read_text())
        except (OSError, SyntaxError, UnicodeDecodeError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and _name(node.func) in MAKERS:
                found.append({"name": _title(node), "file": str(path), "line": node.lineno})
            if models is not None and isinstance(node, ast.ImportFrom):
                waiting += [p for p in _files(node, models) if p not in seen]
    return sorted(found, key=lambda k: (k["file"], k["line"]))


def _models() -> Path | None:
    spec = importlib.util.find_spec("mlx_lm")
    folders = list(spec.submodule_search_locations or []) if spec else []
    return Path(folders[0]) / "models" if folders else None


def _files(node: ast.ImportFrom, models: Path) -> list[Path]:
    module = node.module or ""
    if node.level == 1 or module.startswith("mlx_lm.models"):
        inner = module.removeprefix("mlx_lm.models").lstrip(".")
        names = [inner] if inner else [alias.name for alias in node.names]
    else:
        return []
    return [p for p in (models / f"{n.replace('.', '/')}.py" for n in names) if p.is_file()]


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _title(call: ast.Call) -> str:
    for keyword in call.keywords:
        if keyword.arg == "name":
            return (
                keyword.value.value if isinstance(keyword.value, ast.Constant) else ast.unparse(keyword.value)
            )
    return "unnamed"


def _record(verdict: str, findings: list[Any], kernels: list[Kernel], **extras: Any) -> dict[str, Any]:
    return record("kernels", "", verdict, findings=findings, kernels=kernels, **extras)
