"""One warm worker that judges port after port, each as `check twin` would; used by every way of mutating."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlxport_harness.checks import registry
from mlxport_harness.serve import Worker

Record = dict[str, Any]
USUAL = 120.0  # seconds of a request on a machine that has nothing else to do
PLACING = ("locate", "upstream")  # these place or compare; they never kill


@dataclass
class Outcome:
    """What the checks said of one port. `failure`: why there are no verdicts at all."""

    records: list[Record] = field(default_factory=list)
    failure: dict[str, str] | None = None
    seconds: float = 0.0

    def by(self, *verdicts: str) -> list[str]:
        """Ids of the checks that gave one of these verdicts by a rule, each once, in order."""
        return self._ids([r for r in self.records if r["verdict"] in verdicts and "unanswered" not in r])

    def unanswered(self) -> list[str]:
        """Ids of the checks in which the port ran out of time or memory, or its process was lost."""
        return self._ids([r for r in self.records if "unanswered" in r])

    def _ids(self, records: list[Record]) -> list[str]:
        known = registry()
        ids = [r["id"] for r in records if r["id"] not in PLACING and known[r["id"]].decides == "rule"]
        return list(dict.fromkeys(ids))

    def upstream(self) -> Record | None:
        """Upstream's rules on the same port; None where they were not asked or could not be computed."""
        one = next((r for r in self.records if r["id"] == "upstream"), None)
        if one is None or one["verdict"] == "error":
            return None
        names = ("predictions", "top1", "top5", "dtype", "states")
        return {"passes": one["verdict"] == "pass", **{n: one.get(n) for n in names}, "error": one["error"]}


class Session:
    """`timeout`: of one request; what a stage of a check may take grows with it."""

    def __init__(self, work: Path, strategy: str, timeout: float) -> None:
        self.work, self.timeout = work, timeout
        self.known: dict[Any, Any] = {}
        self.sink = os.open(os.devnull, os.O_WRONLY)
        self.worker = Worker(self.sink, None, strategy)

    def close(self) -> None:
        self.worker.spawner.close()
        os.close(self.sink)

    def judge(
        self,
        model_type: str,
        port: Path | None,
        config: Path | None,
        checks: list[str],
    ) -> Outcome:
        request = {
            "id": "mutants",
            "op": "run",
            "check": "twin",
            "target": {
                "model_type": model_type,
                "config": [str(config)] if config else [],
                "port_path": str(port) if port else None,
            },
            "seed": 0,
            "params": {"checks": checks, "patience": max(1.0, self.timeout / USUAL)},
            "timeout_s": self.timeout,
            "mem_mb": 8192,
            "run_dir": str(self.run_folder()),
            "cache_dir": str(self.work / "cache"),
        }
        final = self.worker.one(request)
        self.worker.spawner.prepare()
        seconds = _since(self.worker)
        if final["type"] != "done":
            return Outcome(
                failure={k: str(final.get(k, "")) for k in ("kind", "text", "hint")}, seconds=seconds
            )
        return Outcome(final["result"]["checks"], seconds=seconds)

    def run_folder(self) -> Path:
        return self.work / f"run-{os.getpid()}"

    def write_port(self, name: str, text: str) -> Path:
        """In a folder of its own: the file's name is the module's, so it must be the port's."""
        folder = self.work / f"ports-{os.getpid()}"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / name
        path.write_text(text)
        return path

    def write_config(self, name: str, config: dict[str, Any] | None) -> Path | None:
        if config is None:
            return None
        path = self.work / "configs" / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(config, indent=1)
        if not path.exists() or path.read_text() != text:
            temporary = path.with_suffix(f".{os.getpid()}")
            temporary.write_text(text)
            os.replace(temporary, path)
        return path


def plan(name: str) -> list[str]:
    """The ids of `quick` or `full`, for a request that adds or leaves out some."""
    from mlxport_harness.checks import choose

    return choose([name])


def harness_revision() -> str:
    """Hash of what decides verdicts: the package without this folder, and the versions beside it."""
    from mlxport_harness import preload

    root = Path(__file__).parents[1]
    found = hashlib.sha256(json.dumps(preload.versions(), sort_keys=True).encode())
    for path in sorted([*root.rglob("*.py"), *root.rglob("*.json")]):
        if root / "mutants" not in path.parents or path.name == "upstream_rules.py":
            found.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    return found.hexdigest()[:16]


def _since(worker: Worker) -> float:
    import time

    return round(time.monotonic() - worker.began, 3)
