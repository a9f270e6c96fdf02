"""The protocol's stream: fd 1 is saved and replaced by stderr before anything else is imported.

Only whole JSON lines reach the saved descriptor, so a stray print in any library lands on stderr.
"""

from __future__ import annotations

import json
import math
import os
from typing import Any

MAX_LINE = 1 << 20


def protect_stdout() -> int:
    """Returns a private duplicate of stdout and points fd 1 at stderr."""
    saved = os.dup(1)
    os.set_inheritable(saved, False)
    os.dup2(2, 1)
    return saved


def plain(value: Any) -> Any:
    """Makes a value JSON-safe: non-finite numbers become strings, control characters become spaces."""
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, str):
        return "".join(c if c >= " " or c in "\n\t" else " " for c in value)
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if hasattr(value, "item"):
        return plain(value.item())
    return value


def encode(message: dict[str, Any]) -> bytes:
    """One line of at most 1 MiB; a longer message loses its longest text or series, never its type."""
    line = json.dumps(plain(message), separators=(",", ":"), allow_nan=False).encode() + b"\n"
    if len(line) <= MAX_LINE:
        return line
    small = json.loads(line)
    _truncate(small)
    return json.dumps(small, separators=(",", ":")).encode() + b"\n"


def _truncate(value: Any) -> None:
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in list(items):
        if isinstance(item, str) and len(item) > 4000:
            value[key] = item[:4000] + " …"
        elif isinstance(item, list) and len(item) > 400:
            value[key] = item[:400]
            _truncate(value[key])
        elif isinstance(item, (dict, list)):
            _truncate(item)


def write_line(fd: int, message: dict[str, Any]) -> None:
    data = encode(message)
    while data:
        data = data[os.write(fd, data) :]
