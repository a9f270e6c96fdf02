"""One file per test: `needs(case)`, what the reference must record, and `judge(case, test)`, an `Outcome`.

The judges run in the worker, which imports no port; they see numbers only.
"""

from __future__ import annotations

import importlib
from types import ModuleType


def module(test: str) -> ModuleType:
    return importlib.import_module(f"mlxport_harness.battery.judge.{test}")
