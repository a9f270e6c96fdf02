"""mlx-lm's tables of model types that another type's file serves.

Read from its source where nothing imported it: that costs seconds, and who names a file need not spend them.
"""

from __future__ import annotations

import ast
import importlib.util
import sys
from functools import cache
from pathlib import Path
from typing import Any

TABLES = ("MODEL_REMAPPING", "MODEL_ARCHITECTURE_REMAPPING")


def tables() -> tuple[dict[Any, str], dict[Any, str]]:
    """By model type, and by model type and architecture; the second is new, older releases lack it."""
    utils = sys.modules.get("mlx_lm.utils")
    found = {n: getattr(utils, n, {}) for n in TABLES} if utils else _read()
    return found[TABLES[0]], found[TABLES[1]]


@cache
def _read() -> dict[str, dict[Any, str]]:
    spec = importlib.util.find_spec("mlx_lm")
    tree = ast.parse((Path(next(iter(spec.submodule_search_locations))) / "utils.py").read_text())
    found: dict[str, dict[Any, str]] = {name: {} for name in TABLES}
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        for target in targets:
            if isinstance(target, ast.Name) and target.id in TABLES:
                found[target.id] = ast.literal_eval(node.value)
    return found
