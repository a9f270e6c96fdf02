"""One run: parses the request, runs each variant, gathers the records into the run object.

This process imports no port. Each record is sent as soon as it is known; what happens to a variant is in
`variant.py`.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlxport_harness import SCHEMA, preload
from mlxport_harness.checks import registry
from mlxport_harness.checks.verdict import worst
from mlxport_harness.errors import Failure
from mlxport_harness.twin.target import Target, parse
from mlxport_harness.variant import VariantRun

Record = dict[str, Any]


@dataclass
class Context:
    """What a run borrows from the worker."""

    start: Any
    receive: Any
    emit: Any
    strategy: str
    revision: str


class Run:
    def __init__(self, request: dict[str, Any], context: Context) -> None:
        self.context, self.request = context, request
        self.emit = context.emit
        params = request.get("params") or {}
        self.wanted = list(params.get("checks") or registry())
        unknown = [c for c in self.wanted if c not in registry()]
        if unknown:
            known = ", ".join(registry())
            raise Failure("user", f"There is no check {', '.join(map(str, unknown))}.", f"Checks: {known}.")
        if request.get("check", "twin") != "twin":
            raise Failure("user", f"There is no check family {request.get('check')!r}.", "Families: twin.")
        self.run_dir, self.cache_dir = _folder(request, "run_dir"), _folder(request, "cache_dir")
        self.seed = int(request.get("seed") or 0)
        self.mem_mb = int(request.get("mem_mb") or 8192)
        self.environment: dict[str, Any] = {}
        self.records: list[Record] = []

    def execute(self) -> Record:
        target = parse(self.request.get("target") or {})
        for variant in target.variants:
            before = len(self.records)
            VariantRun(self, target, variant).execute()
            if len(target.variants) > 1:
                for one in self.records[before:]:
                    one["variant"] = variant.name
        return {
            "schema": SCHEMA,
            "run_id": str(self.request.get("run_id") or self.request.get("id")),
            "model_type": target.model_type,
            "variant": ", ".join(v.name for v in target.variants),
            "verdict": worst([r["verdict"] for r in self.records]),
            "checks": self.records,
            "environment": self._environment(target),
        }

    def publish(self, found: Record) -> None:
        """A later record with the same id, twin and variant replaces the earlier one."""
        if not any(r is found for r in self.records):
            self.records.append(found)
        self.emit({"type": "check", "check": found})

    def metric(self, name: str, value: float | None, unit: str, bar: float | None, rule: str) -> None:
        self.emit({"type": "metric", "name": name, "value": value, "unit": unit, "bar": bar, "rule": rule})

    def _environment(self, target: Target) -> Record:
        return {
            **self.environment,
            "versions": preload.versions(),
            "device": "cpu",
            "tf32": "0",
            "strategy": self.context.strategy,
            "port": {"path": str(target.port_path), "sha256": target.port_sha, "given": target.port_given},
            "seed": self.seed,
            "mem_mb": self.mem_mb,
            "reference": f"transformers {preload.versions()['transformers']}",
        }


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
