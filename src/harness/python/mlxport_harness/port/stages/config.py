"""Logits of the port under each change of the config that the reference accepted.

A change that leaves the port's arguments as they were cannot move it, and is not run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mlx.core as mx

from mlxport_harness.port import changed, load
from mlxport_harness.port.record import numbers

if TYPE_CHECKING:
    import numpy as np

    from mlxport_harness.port.record import Recorder


def record(recorder: Recorder, request: dict[str, Any]) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    ids = mx.array(recorder.ids)
    base = changed.content(recorder, request, request["base"])
    arrays, rows = {}, {}
    arrays["base"] = numbers(changed.model(recorder, request, base, request["weights"])(ids))
    known = changed.arguments(recorder, base)
    for number, change, weights in request["changes"]:
        config = changed.content(recorder, request, [*request["base"], change])
        try:
            if weights == request["weights"]:
                found = changed.arguments(recorder, config)
                if found is not None and found == known:
                    rows[number] = {"same": True}
                    continue
            arrays[number] = numbers(changed.model(recorder, request, config, weights)(ids))
        except BaseException as error:
            fault = load.fault(error, recorder.port)
            rows[number] = {"error": fault.text, "where": fault.where}
    return arrays, {"rows": rows}
