"""Families of checks, by the name in a request's `check`: each a function from a run to what it was about."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from mlxport_harness.errors import Failure

FAMILIES = {
    "twin": "mlxport_harness.twin.family:execute",
    "reference": "mlxport_harness.sweep:execute",
    "load": "mlxport_harness.load.family:execute",
    "battery": "mlxport_harness.battery.family:execute",
    "golden": "mlxport_harness.golden.family:execute",
    "speed": "mlxport_harness.speed.family:execute",
    "shard": "mlxport_harness.shard.family:execute",
}


def family(name: str) -> Callable[[Any], dict[str, Any]]:
    """Imports it when it is asked for: most runs are of twins and need no other."""
    if name not in FAMILIES:
        known = ", ".join(FAMILIES)
        raise Failure("user", f"There is no check family {name!r}.", f"Families: {known}.")
    module, _, function = FAMILIES[name].partition(":")
    return getattr(importlib.import_module(module), function)
