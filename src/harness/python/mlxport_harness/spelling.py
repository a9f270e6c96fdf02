"""The two spellings of a config: before transformers 5, and since (rope_parameters, renamed fields).

A port that is right under one and wrong under the other passes with a finding that names the keys.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mlxport_harness.checks.verdict import ORDER, worst

Record = dict[str, Any]
SPELLED = {"new": "as transformers 5 writes it", "legacy": "as before transformers 5"}


def spelling_finding(twin_dir: Path, spellings: tuple[str, str], rows: list[Record], whole: bool) -> Record:
    """Names the keys in which (wrong, right) differ, and what the wrong one led to."""
    wrong, right = spellings
    configs = [json.loads((twin_dir / "std-1.0" / s / "config.json").read_text()) for s in spellings]
    unread, read = _keys(*configs), _keys(*reversed(configs))
    errors = [r["error"]["text"] for r in rows if r["error"]]
    figures = [r["figure"] for r in rows if r["figure"] is not None]
    how = errors[0] if errors else f"relative error {max(figures):.2g}" if figures else "wrong"
    text = f"With the config spelled {SPELLED[wrong]} ({', '.join(unread)}) the port is wrong: {how}. "
    text += f"Spelled {SPELLED[right]} ({', '.join(read)}) it is {'right' if whole else 'closer'}."
    return {"id": "rope_spelling", "text": text, "key": unread[0] if unread else "rope_parameters"}


def verdict_of(rows: list[Record]) -> str:
    return worst([row["verdict"] for row in rows])


def distance(rows: list[Record]) -> tuple[int, int, float]:
    """Orders outcomes: by verdict, then whether there are figures, then how far off.

    Without figures, a port that did not even get its arguments is further off than one that did.
    """
    rank = ORDER.index(verdict_of(rows))
    multiples = [r.get("multiple") for r in rows]
    refused = any(r["error"] and "required positional argument" in r["error"]["text"] for r in rows)
    far = float(refused) if all(m is None for m in multiples) else max(m or 0.0 for m in multiples)
    return (rank, sum(m is None for m in multiples), far)


def _keys(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """Keys with a value that only `one` has, dotted into nested rope settings."""
    names = []
    for key in sorted(k for k in one if k not in other and one[k] is not None and not k.startswith("_")):
        if isinstance(one[key], dict):
            names += [f"{key}.{inner}" for inner in one[key] if inner not in ("rope_type", "type")]
        else:
            names.append(key)
    inner = [c.get("text_config") for c in (one, other)]
    if all(isinstance(c, dict) for c in inner):
        names += [f"text_config.{name}" for name in _keys(inner[0], inner[1])]
    return names
