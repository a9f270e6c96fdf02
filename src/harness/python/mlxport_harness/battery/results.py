"""Upstream's results tree: `results/pr-N/<time>-<sha7>/`, with our records in `metrics/` folders beside.

Upstream's summary reads every `*.json` of a checkpoint's folder, so ours lie one folder deeper. Each test is
on disk as soon as it is done: a run that was cut goes on from there.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from pathlib import Path
from typing import Any

from mlxport_harness import wire
from mlxport_harness.battery.case import Outcome
from mlxport_harness.battery.manifest import Manifest, Variant
from mlxport_harness.errors import Failure

PACKAGE = Path(__file__).parents[1]


class Tree:
    """One run's folder. `identity`: what must be the same for finished tests to count on continuing."""

    def __init__(self, folder: Path, manifest: Manifest, sha: str, identity: dict[str, Any]) -> None:
        self.folder, self.manifest, self.sha, self.identity = folder, manifest, sha, identity

    @classmethod
    def start(cls, out: Path, manifest: Manifest, sha: str, identity: dict[str, Any]) -> Tree:
        group = f"pr-{manifest.pr['number']}" if manifest.pr else "local"
        stamp = time.strftime("%Y-%m-%dT%H%M%S")
        folder = out / "results" / group / f"{stamp}-{sha[:7]}"
        number = 1
        while folder.exists():
            number += 1
            folder = folder.with_name(f"{stamp}-{sha[:7]}-{number}")
        try:
            folder.mkdir(parents=True)
            tree = cls(folder, manifest, sha, identity)
            tree._archive()
        except OSError as error:
            raise Failure(
                "environment", f"Cannot write {folder}: {error.strerror}.", "Check --out."
            ) from None
        _write(folder / "run.json", identity)
        return tree

    @classmethod
    def resume(cls, folder: Path, manifest: Manifest, sha: str, identity: dict[str, Any]) -> Tree:
        try:
            before = json.loads((folder / "run.json").read_text())
        except (OSError, ValueError):
            text = f"{folder} is not a battery's results folder (no readable run.json)."
            raise Failure("user", text, "Give the folder that the first run named.") from None
        changed = sorted(k for k in {*before, *identity} if before.get(k) != identity.get(k))
        if changed:
            text = f"{folder} cannot be continued: {', '.join(changed)} changed since."
            raise Failure("user", text, "Start a new run: finished tests were about something else.")
        return cls(folder, manifest, sha, identity)

    def done(self, variant: Variant, test: str) -> dict[str, Any] | None:
        """The record of a finished test; one that broke is run again."""
        try:
            found = json.loads((self.folder / variant.slug / "metrics" / f"{test}.json").read_text())
        except (OSError, ValueError):
            return None
        return found if isinstance(found, dict) and found.get("verdict") != "error" else None

    def save(self, variant: Variant, test: str, outcome: Outcome, command: str) -> None:
        folder = self.folder / variant.slug
        upstream = {
            "command": command,
            "exit_code": outcome.exit_code,
            "stdout": outcome.stdout,
            "stderr": outcome.stderr,
        }
        if outcome.record["verdict"] != "not_applicable":
            _write(folder / f"{test}.json", upstream)
        _write(folder / "metrics" / f"{test}.json", outcome.record)

    def note(self, name: str, value: dict[str, Any]) -> None:
        _write(self.folder / name, value)

    def _archive(self) -> None:
        scripts = self.folder / "scripts" / "mlxport_harness"
        ignore = shutil.ignore_patterns("__pycache__", "*.pyc")
        shutil.copytree(PACKAGE, scripts, ignore=ignore)
        if self.manifest.path:
            shutil.copy2(self.manifest.path, self.folder / "manifest.yaml")
        else:
            variant = self.manifest.variants[0]
            text = (
                f"# No manifest was given: a folder.\nvariants:\n  - repo_id: {json.dumps(variant.repo_id)}\n"
            )
            (self.folder / "manifest.yaml").write_text(text)


def harness_sha() -> str:
    """Of every file of the package: which harness made the results."""
    found = hashlib.sha256()
    for path in sorted(PACKAGE.rglob("*")):
        if path.suffix in (".py", ".json") and "__pycache__" not in path.parts:
            found.update(str(path.relative_to(PACKAGE)).encode() + path.read_bytes())
    return found.hexdigest()


def _write(path: Path, value: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(json.dumps(wire.plain(value), indent=2, ensure_ascii=False))
    os.replace(temporary, path)
