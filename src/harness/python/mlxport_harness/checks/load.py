"""H1 `load`: a checkpoint's headers, at full size, through `sanitize` and the strict load; no weights.

The judging is in `load/judge.py`. In a twin run it looks for the checkpoint beside the variant's config.json,
or in the folders given as `headers`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlxport_harness.checks import Check
from mlxport_harness.checks.verdict import record

if TYPE_CHECKING:
    from mlxport_harness.view import View

RULE = "every source tensor used or dropped for a named reason; every parameter filled; 0 unaccounted"
CHECK = Check("load", "load", "slow", "rule", RULE, "full-size load from headers", limit_s=120.0)


def run(view: View) -> list[dict[str, Any]]:
    from mlxport_harness.load import family

    found = []
    for folder in folders(view):
        target = {
            "checkpoint": str(folder),
            "model_type": view.target.model_type,
            "port_path": str(view.target.port_path),
        }
        found.append(family.check(view.run, family.parse(target)) | {"twin": folder.name})
    return found or [
        record("load", "headers", "not_applicable", findings=[{"id": "no_headers", "text": NO_HEADERS}])
    ]


NO_HEADERS = "No checkpoint or folder of headers was given: `check load FOLDER`, or params `headers`."


def folders(view: View) -> list[Path]:
    """Folders with safetensors: those given, and the one that holds the variant's config.json."""
    given = [Path(str(p)) for p in view.params.get("headers") or []]
    configs = (view.run.request.get("target") or {}).get("config") or []
    for path in map(Path, [configs] if isinstance(configs, str) else configs):
        if view.variant.raw is not None and view.variant.name in (path.parent.name, path.stem):
            given.append(path.parent)
    return [p for n, p in enumerate(given) if p not in given[:n] and any(p.glob("model*.safetensors"))]
