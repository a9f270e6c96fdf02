"""The loop of both children: a line asks for a stage, a file of numbers answers.

A fault ends the stage, not the child: the next stage is asked of the same loaded model.
"""

from __future__ import annotations

import gc
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from mlxport_harness import states
from mlxport_harness.trim import trim

END = "end"
Answer = tuple[dict[str, np.ndarray], dict[str, Any]]


def log_to(path: Path) -> None:
    """Whatever the libraries print goes to the child's own log, read by the parent at the end."""
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)


def loop(
    handlers: dict[str, Callable[..., Answer]],
    out: Path,
    emit: Any,
    commands: Any,
    fault: Callable[[BaseException], dict[str, Any]],
) -> None:
    gc.freeze()  # a collection writes to every object it looks at, and a fork's are shared until written
    for number, line in enumerate(commands):
        request = json.loads(line)
        if request["stage"] == END:
            return
        began = time.perf_counter()
        try:
            arrays, meta = handlers[request.pop("stage")](**request)
            states.save(out / f"{number}.bin", arrays, meta)
            del arrays, meta
            reply = {"file": f"{number}.bin"}
        except BaseException as error:
            reply = {"fault": fault(error)}
        seconds = time.perf_counter() - began
        trim()
        emit(reply | {"seconds": seconds})
