"""`bench twin TYPE`: what upstream's three comparing scripts cost on the very folder that a twin check uses.

The twin's folder gets a tokenizer of single characters, which those scripts want; nothing else changes.
Each script is a process of its own, as upstream runs them; the best of several times counts.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import string
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from mlxport_harness import answered, preload
from mlxport_harness.battery import upstream_run
from mlxport_harness.battery.upstream_run import SCRIPTS, Upstream
from mlxport_harness.errors import Failure


def add(families: Any) -> None:
    twin = families.add_parser("twin", help="the time of upstream's three scripts on a twin's folder")
    twin.add_argument("model_type")
    upstream_run.flags(twin)
    twin.add_argument("--runs", type=int, default=3, help="of each script; the best counts")
    twin.add_argument("--json", action="store_true", help="one JSON object on stdout")


def main(out: int, options: argparse.Namespace) -> int:
    def measured() -> tuple[dict[str, Any], str]:
        found = bench(options)
        each = ", ".join(f"{name} {one['seconds']:.2f} s" for name, one in found["scripts"].items())
        text = f"{found['model_type']}: upstream's scripts {found['upstream']}: {each}; "
        return found, f"{text}together {found['seconds']:.2f} s"

    return answered.bench(out, options, measured)


def bench(options: argparse.Namespace) -> dict[str, Any]:
    upstream = upstream_run.Upstream(options.upstream_harness, options.upstream_packages)
    with tempfile.TemporaryDirectory(prefix="mlxport-bench-") as scratch:
        folder = _twin(options.model_type, Path(scratch))
        rows = {name: _best(upstream, name, folder, options.runs, Path(scratch)) for name in SCRIPTS}
    return {
        "schema": 1,
        "model_type": options.model_type,
        "upstream": upstream.how,
        "runs": options.runs,
        "scripts": rows,
        "seconds": sum(one["seconds"] for one in rows.values()),
        "load_average": os.getloadavg()[0],
        "versions": preload.versions(),
    }


def _twin(model_type: str, scratch: Path) -> Path:
    """Has the worker make the twin, and copies the folder that the port loads, with a tokenizer added."""
    from mlxport_harness.serve import Worker

    request = {"id": "bench", "op": "run", "check": "twin", "target": {"model_type": model_type}, "seed": 0}
    request |= {"params": {"checks": ["exact"]}, "timeout_s": 600.0, "mem_mb": 8192}
    request |= {"run_dir": str(scratch / "run"), "cache_dir": str(scratch / "cache")}
    worker = Worker(os.open(os.devnull, os.O_WRONLY), None, "fork" if sys.platform == "linux" else "spare")
    try:
        final = worker.one(request)
    finally:
        worker.spawner.close()
    if final["type"] != "done":
        raise Failure(final.get("kind", "bug"), str(final.get("text")), str(final.get("hint") or ""))
    made = next(scratch.glob("cache/*/twin/std-1.0"))
    native = (made / "native").read_text().strip()
    folder = scratch / "checkpoint"
    shutil.copytree(made / native, folder)
    _tokenizer(folder)
    return folder


def _tokenizer(folder: Path) -> None:
    """One token a printable character, inside the twin's vocabulary."""
    characters = dict.fromkeys(["<unk>", "<s>", "</s>", *string.printable])
    vocabulary = {character: number for number, character in enumerate(characters)}
    made = {
        "version": "1.0",
        "added_tokens": [],
        "normalizer": None,
        "pre_tokenizer": {
            "type": "Split",
            "pattern": {"Regex": "."},
            "behavior": "Isolated",
            "invert": False,
        },
        "post_processor": None,
        "decoder": {"type": "Fuse"},
        "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": "<unk>"},
    }
    (folder / "tokenizer.json").write_text(json.dumps(made))
    about = {"tokenizer_class": "PreTrainedTokenizerFast", "unk_token": "<unk>", "eos_token": "</s>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(about))


def _best(upstream: Upstream, name: str, folder: Path, runs: int, work: Path) -> dict[str, Any]:
    about, found = SimpleNamespace(folder=folder, dtype="float32", kind="base"), []
    for number in range(max(1, runs)):
        print(f"upstream's way: {name}, run {number + 1} of {runs}", file=sys.stderr, flush=True)
        found.append(upstream.test(name, about, work / str(number)))
    best = min(found, key=lambda one: one.seconds)
    return {key: getattr(best, key) for key in ("seconds", "cpu_seconds", "read", "peak")}
