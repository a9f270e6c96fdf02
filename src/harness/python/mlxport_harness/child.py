"""What a one-shot child does with its job, whichever way it was started."""

from __future__ import annotations

import gc
import importlib
import os
from typing import Any, BinaryIO

from mlxport_harness.errors import Failure
from mlxport_harness.wire import write_line

# A role is a function of (job, emit, commands): it may ask `commands`, a binary file of lines, for more.
ROLES = {
    "reference": "mlxport_harness.reference.record:record",
    "reference_stages": "mlxport_harness.reference.stages:serve",
    "port": "mlxport_harness.port.record:serve",
    "battery_reference": "mlxport_harness.battery.reference:serve",
    "battery_port": "mlxport_harness.battery.port:serve",
    "golden_reference": "mlxport_harness.golden.reference:record",
    "shard": "mlxport_harness.shard.launch:serve",
}


def run(job: dict[str, Any], events: int, commands: BinaryIO) -> None:
    """Never returns to the caller's stack: the process ends here."""

    def emit(message: dict[str, Any]) -> None:
        write_line(events, message)

    status = 0
    gc.freeze()  # what the parent left: to look through it would copy all of its pages
    try:
        emit({"warm": True})
        if job.get("reference_code"):
            from mlxport_harness.reference import code

            code.register(job["reference_code"], job["model_type"])
        rules = importlib.import_module("mlxport_harness.twin.shrink")
        rules.use(not job.get("without_entries"), job.get("trial"))
        module, _, function = ROLES[job["role"]].partition(":")
        getattr(importlib.import_module(module), function)(job, emit, commands)
        emit({"end": True})
    except Failure as failure:
        emit({"failure": failure.record()})
    except BaseException as error:
        status = 1
        text = f"The {job['role']} recorder stopped: {type(error).__name__}: {error}"
        try:
            emit({"failure": {"kind": "bug", "text": text[:600], "hint": "Please report this."}})
        except OSError:
            pass
    finally:
        os._exit(status)
