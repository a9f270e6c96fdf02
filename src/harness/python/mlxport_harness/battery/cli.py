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

from mlxport_harness.battery.plan import TESTS
from mlxport_harness.wire import write_line


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
        worker = Worker(sink, None, options.strategy)
        worker.sink = _show
        try:
            final = worker.one(request)
        finally:
            worker.spawner.close()
    return _report(out, options, final)


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
        print(lines(message["check"])[0], file=sys.stderr)


def _report(out: int, options: argparse.Namespace, final: dict[str, Any]) -> int:
    if final["type"] != "done":
        error = {k: final.get(k, "") for k in ("kind", "text", "hint")}
        if options.json:
            empty = {"schema": 1, "run_id": "cli", "model_type": None, "variant": None}
            write_line(
                out, {**empty, "verdict": "could_not_run", "checks": [], "environment": {}, "error": error}
            )
        print(f"{error['kind']}: {error['text']}\n{error['hint']}".rstrip(), file=sys.stderr)
        return 2
    result = final["result"]
    if options.json:
        write_line(out, result)
    if "estimates" in result:
        if not options.json:
            _print(out, [f"{e['checkpoint']}: {_words(e)}" for e in result["estimates"]])
        return 0
    if not options.json:
        shown = [line for found in result["checks"] for line in lines(found)]
        _print(
            out,
            [*shown, f"verdict: {result['verdict']}  {result['variant']}", f"results: {result['results']}"],
        )
    return {"pass": 0, "could_not_run": 2}.get(result["verdict"], 1)


def lines(found: dict[str, Any]) -> list[str]:
    """A record: the row, then its error and findings."""
    figure = found["figure"]
    shown = f"{figure:.3g}" if isinstance(figure, (int, float)) else "–"
    upstream = (found.get("upstream") or {}).get("verdict")
    told = f"  upstream: {upstream}" if upstream else ""
    head = f"{found['id']:15}{found['verdict']:15}{shown:>9} {found['unit']:12}{told}".rstrip()
    extra = [f"    {found['error']['text']}"] if found["error"] else []
    return [head, *extra, *(f"    {f['text']}" for f in found["findings"])]


def _words(found: dict[str, Any]) -> str:
    from mlxport_harness.battery.estimate import words

    return words(found)


def _print(out: int, text: list[str]) -> None:
    os.write(out, "".join(f"{line}\n" for line in text).encode())


def _memory_mb() -> int:
    """Nine tenths of the machine."""
    return int(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") * 0.9) >> 20
