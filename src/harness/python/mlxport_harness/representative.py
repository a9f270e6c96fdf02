"""Whether the class-default twin can stand for released models: an accepted port may need keys that it lacks.

transformers' config classes drop or rename fields that every released config.json carries. A port that
upstream accepted is not wrong for requiring one of them: the twin is not representative, nothing was judged.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import re
from pathlib import Path
from typing import Any

from mlxport_harness.errors import Failure
from mlxport_harness.twin.target import Target

_MISSING = re.compile(r"ModelArgs\.__init__\(\) missing \d+ required [\w-]+ arguments?: ((?:'\w+'[, and]*)+)")


def absent_keys(rows: list[dict[str, Any]], twin: Path) -> list[str]:
    """Arguments that the port says `ModelArgs` lacks and that no spelling of the twin's config has."""
    found = [_MISSING.search(row["error"]["text"]) for row in rows if row["error"]]
    names = {name for match in found if match for name in re.findall(r"'(\w+)'", match[1])}
    if not names:
        return []
    known: set[str] = set()
    for path in twin.glob("*/config.json"):
        config = json.loads(path.read_text())
        known |= config.keys() | (config.get("text_config") or {}).keys()
    return sorted(names - known)


def judge(target: Target, rows: list[dict[str, Any]], twin: Path) -> None:
    """For a twin of class defaults: ends the run where upstream's own port lacks keys, else adds a hint."""
    keys = absent_keys(rows, twin)
    if not keys:
        return
    names = ", ".join(keys)
    if is_upstreams(target):
        text = (
            f"transformers' defaults for {target.model_type} lack keys that mlx-lm's port requires: {names}."
        )
        raise Failure(
            "reference", text, "Released configs may have them: give one with --config config.json."
        )
    for row in rows:
        if row["error"]:
            row["error"]["hint"] = (
                f"The config class has no {names}. Give it a default in ModelArgs; if released configs have "
                "it, check against one with --config config.json."
            )


def judge_load(target: Target, rows: list[dict[str, Any]]) -> None:
    """A port that upstream accepted loads released files. What it cannot load is no twin of them."""
    if not is_upstreams(target):
        return
    text = f"The twin of {target.model_type} is not as released files are: mlx-lm's port cannot load it. "
    why = next((row["error"]["text"] for row in rows if row["error"]), "")
    raise Failure(
        "reference",
        f"{text}{why}",
        "Give a released config with --config config.json; what released files have under other names or "
        "in another layout needs an entry in twin/rules.json.",
    )


def is_upstreams(target: Target) -> bool:
    """True for the port that mlx-lm brings: found by its type, or with the bytes of the installed release."""
    if not target.port_given:
        return True
    try:
        release = importlib.metadata.distribution("mlx-lm")
        file = Path(str(release.locate_file(f"mlx_lm/models/{target.port_path.name}")))
        return hashlib.sha256(file.read_bytes()).hexdigest() == target.port_sha
    except (importlib.metadata.PackageNotFoundError, OSError):
        return False
