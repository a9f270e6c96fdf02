"""What the ports that upstream accepted tell about released files: data, in `accepted.json`.

An accepted port runs on released files. So what its arguments require, those files carry, although the
config class of transformers may have dropped or renamed it; a size that it cannot be told is the usual one.
Written by `python -m mlxport_harness.twin.accepted`, which reads the sources of the installed mlx-lm.
"""

from __future__ import annotations

import ast
import json
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("accepted.json")


@cache
def table() -> dict[str, Any]:
    return json.loads(FILE.read_text())


def facts(model_type: str) -> dict[str, list[str]]:
    """`required`: arguments without a default, `?` behind what may be null. `lacks`: soft keys."""
    return table()["types"].get(model_type, {"required": [], "lacks": []})


def read(models: Path, remapping: dict[str, str], types: list[str], soft: list[str]) -> dict[str, Any]:
    found = {}
    for model_type in types:
        path = models / f"{remapping.get(model_type, model_type)}.py"
        if path.is_file():
            required, declared = _arguments(path, set())
            found[model_type] = {
                "required": sorted(required - {"model_type"}),
                "lacks": [k for k in soft if k not in declared],
            }
    return found


def _arguments(path: Path, seen: set[Path]) -> tuple[set[str], set[str]]:
    """Fields of the file's argument classes, those of the files it imports included."""
    seen.add(path)
    required: set[str] = set()
    declared: set[str] = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ClassDef) and any("Args" in ast.unparse(b) for b in node.bases):
            for field in node.body:
                if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                    declared.add(field.target.id)
                    if field.value is None:
                        kind = ast.unparse(field.annotation)
                        required.add(field.target.id + ("?" if "Optional" in kind or "None" in kind else ""))
        if isinstance(node, ast.ImportFrom) and node.level == 1:
            names = [node.module] if node.module else [alias.name for alias in node.names]
            for name in names:
                other = path.with_name(f"{name}.py")
                whole = node.module is None or any("Args" in alias.name for alias in node.names)
                if whole and other.is_file() and other not in seen:
                    more, also = _arguments(other, seen)
                    required |= more
                    declared |= also
    return required, declared


def main() -> None:
    import importlib.metadata
    import importlib.util

    from transformers.models.auto import modeling_auto as auto

    from mlxport_harness.twin.shrink import rules

    spec = importlib.util.find_spec("mlx_lm")
    models = Path(next(iter(spec.submodule_search_locations))) / "models"  # type: ignore[union-attr, arg-type]
    from mlx_lm.utils import MODEL_REMAPPING

    soft = sorted({*rules()["undeclared"], *rules()["groups"]})
    known = {*auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES, *auto.MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES}
    types = read(models, MODEL_REMAPPING, sorted(known), soft)
    rows = ",\n".join(f"    {json.dumps(k)}: {json.dumps(v)}" for k, v in types.items())
    version = importlib.metadata.version("mlx-lm")
    FILE.write_text(f'{{\n  "mlx_lm": "{version}",\n  "types": {{\n{rows}\n  }}\n}}\n')


if __name__ == "__main__":
    main()
