"""`check battery MANIFEST|FOLDER`: the battery by itself, and what it shows a person.

Exit: 0 pass, 1 fail or suspect, 2 could not run, 130 interrupted; what was finished is on disk by then.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from mlxport_harness import answered
from mlxport_harness.battery.plan import TESTS


def add(families: Any, strategies: dict[str, Any]) -> None:
    battery = families.add_parser("battery", help="run the battery on real checkpoints")
    battery.add_argument("source", help="upstream's manifest (yaml, version 1) or a checkpoint folder")
    battery.add_argument("--port", help="the port's file; default: mlx-lm's own")
    battery.add_argument("--tests", help=f"comma-separated: {', '.join(TESTS)}; or upstream, all (default)")
    battery.add_argument("--out", default=".", help="where the results tree goes (default: here)")
    battery.add_argument("--continue", dest="resume", help="a results folder: run what is not finished there")
    battery.add_argument("--estimate", action="store_true", help="only say how long and how large")
    battery.add_argument("--sha", help="the commit that the port's file is from; default: the file's hash")
    battery.add_argument(
        "--folder", action="append", default=[], metavar="REPO=PATH", help="where a repo_id is"
    )
    battery.add_argument("--max-tokens", type=int, help="generate fewer tokens than upstream does")
    battery.add_argument("--layerwise", action="store_true", help="float32 layer by layer, even if it fits")
    battery.add_argument(
        "--trust-remote-code", action="store_true", help="you have read the checkpoint's code"
    )
    battery.add_argument(
        "--device", choices=["cpu", "gpu"], help="for the port; default: gpu where there is one"
    )
    battery.add_argument("--json", action="store_true", help="one JSON object on stdout")
    battery.add_argument("--timeout", type=float, default=86400.0, help="seconds for the whole run")
    battery.add_argument("--mem-mb", type=int, default=_memory_mb(), help="memory each side may use")
    battery.add_argument(
        "--cache-dir", default=None, help="the reference's recordings; default: OUT/results/cache"
    )
    battery.add_argument("--run-dir", default=None)
    battery.add_argument("--strategy", **strategies)


def check(out: int, options: argparse.Namespace) -> int:
    from mlxport_harness.serve import Worker

    sink = os.open(os.devnull, os.O_WRONLY)
    with tempfile.TemporaryDirectory(prefix="mlxport-") as scratch:
        request = _request(options, scratch)
        worker = Worker(sink, None, options.strategy, preloaded=False)
        worker.sink = _show
        try:
            final = worker.one(request)
        finally:
            worker.spawner.close()
    return answered.run(out, options, final, _ending)


def _request(options: argparse.Namespace, scratch: str) -> dict[str, Any]:
    folders = dict(pair.partition("=")[::2] for pair in options.folder)
    out = os.path.abspath(options.out)
    return {
        "id": "cli",
        "op": "run",
        "check": "battery",
        "target": {
            "checkpoint": os.path.abspath(options.source),
            "port_path": os.path.abspath(options.port) if options.port else None,
        },
        "params": {
            "tests": options.tests.split(",") if options.tests else None,
            "out": out,
            "continue": os.path.abspath(options.resume) if options.resume else None,
            "estimate": options.estimate,
            "sha": options.sha,
            "folders": folders,
            "max_tokens": options.max_tokens,
            "trust_remote_code": options.trust_remote_code,
            "device": options.device,
            "layerwise": options.layerwise,
        },
        "timeout_s": options.timeout,
        "mem_mb": options.mem_mb,
        "run_dir": os.path.abspath(options.run_dir or Path(scratch, "run")),
        "cache_dir": os.path.abspath(options.cache_dir or Path(out, "results", "cache")),
    }


def _show(message: dict[str, Any]) -> None:
    if message["type"] == "log":
        print(message["text"], file=sys.stderr)
    elif message["type"] == "progress" and message["unit"] != "tokens":
        print(f"[{message['done']}/{message['total']}] {message['text']}", file=sys.stderr)
    elif message["type"] == "check":
        print(answered.lines(message["check"])[0], file=sys.stderr)


def _ending(result: dict[str, Any]) -> list[str]:
    from mlxport_harness.battery.estimate import words

    if "estimates" in result:
        return [f"{e['checkpoint']}: {words(e)}" for e in result["estimates"]]
    return [*answered.verdict(result), f"results: {result['results']}"]


def _memory_mb() -> int:
    """Nine tenths of the machine."""
    return int(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") * 0.9) >> 20
