"""One run: parses the request, lets its family of checks work, gathers the records into the run object.

This process imports no port. Each record is sent as soon as it is known; what a family does is in its own
folder, for twins `twin/family.py` and `variant.py`.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlxport_harness import SCHEMA, preload
from mlxport_harness.checks import choose
from mlxport_harness.checks.verdict import of_run
from mlxport_harness.errors import Failure
from mlxport_harness.families import family
from mlxport_harness.twin import shrink

Record = dict[str, Any]


@dataclass
class Context:
    """What a run borrows from the worker."""

    start: Any
    receive: Any
    emit: Any
    strategy: str
    revision: str
    lanes: int = 1
    preloaded: bool = True


class Run:
    def __init__(self, request: dict[str, Any], context: Context) -> None:
        self.context, self.request = context, request
        self.emit = context.emit
        self.params: dict[str, Any] = dict(request.get("params") or {})
        self.family = str(request.get("check") or "twin")
        self.execute_family = family(self.family)
        self.wanted = choose(self.params.get("checks")) if self.family == "twin" else []
        self.run_dir, self.cache_dir = _folder(request, "run_dir"), _folder(request, "cache_dir")
        self.without_entries = bool(self.params.get("without_entries"))
        self.trial: dict[str, Any] | None = self.params.get("trial")
        shrink.use(not self.without_entries, self.trial)
        self.seed = int(request.get("seed") or 0)
        # How many times longer than usual one stage of a check may take.
        self.patience = float(self.params.get("patience") or 1.0)
        self.mem_mb = int(request.get("mem_mb") or 8192)
        self.environment: dict[str, Any] = {}
        self.records: list[Record] = []
        self.logged: set[str] = set()
        self.variant: str | None = None  # named in each record while a run has several

    def execute(self) -> Record:
        about = self.execute_family(self)
        return {
            "schema": SCHEMA,
            "run_id": str(self.request.get("run_id") or self.request.get("id")),
            "family": self.family,
            **about,
            "verdict": about.get("verdict") or of_run(self.records),
            "checks": self.records,
            "environment": self._environment(),
        }

    def publish(self, found: Record) -> None:
        """A later record with the same id, twin and variant replaces the earlier one."""
        if self.variant is not None:
            found["variant"] = self.variant
        if not any(r is found for r in self.records):
            self.records.append(found)
        self.emit({"type": "check", "check": found})

    def metric(self, name: str, value: float | None, unit: str, bar: float | None, rule: str) -> None:
        self.emit({"type": "metric", "name": name, "value": value, "unit": unit, "bar": bar, "rule": rule})

    def _environment(self) -> Record:
        return {
            **self.environment,
            "versions": preload.versions(),
            "device": "cpu",
            "tf32": "0",
            "strategy": self.context.strategy,
            "seed": self.seed,
            "mem_mb": self.mem_mb,
            "reference": self._reference(),
        }

    def _reference(self) -> str:
        versions, code = preload.versions(), self.environment.get("reference_code")
        with_code = f"code of {code['folder']}, hash {code['digest'][:12]}, on " if code else ""
        return f"{with_code}transformers {versions['transformers']}"


def revision() -> str:
    """Hash of the files that decide what the reference's states are."""
    here = Path(__file__).parent
    found = hashlib.sha256()
    for path in sorted([*here.glob("twin/*"), *here.glob("reference/*.py"), here / "states.py"]):
        if path.is_file():
            found.update(path.read_bytes())
    return found.hexdigest()[:16]


def _folder(request: dict[str, Any], name: str) -> Path:
    value = request.get(name)
    if not isinstance(value, str) or not os.path.isabs(value):
        raise Failure("user", f"The request's {name} must be an absolute path.", "")
    path = Path(value)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Failure(
            "environment", f"Cannot create {path}: {error.strerror}.", "Check the folder."
        ) from None
    return path
