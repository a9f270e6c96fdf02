"""The package by itself: `serve` for the workbench, `check twin` for a person without it.

Exit: 0 pass, 1 fail or suspect, 2 could not run, 130 interrupted. With --json, one object on stdout.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from mlxport_harness import answered, sweep
from mlxport_harness.battery import bench as battery_bench
from mlxport_harness.battery import bench_twin
from mlxport_harness.battery import cli as battery_cli
from mlxport_harness.golden import cli as golden_cli
from mlxport_harness.load import cli as load
from mlxport_harness.mutants import cli as mutants
from mlxport_harness.preload import environment
from mlxport_harness.shard import cli as shard_cli
from mlxport_harness.speed import cli as speed_cli
from mlxport_harness.wire import protect_stdout

BENCHES = {"battery": battery_bench.main, "mutants": mutants.main, "twin": bench_twin.main}


def main(argv: list[str] | None = None) -> int:
    argv = sys.argv[1:] if argv is None else argv
    environment()
    if argv[:1] == ["_spare"]:
        from mlxport_harness.spawn import spare_main

        spare_main(int(argv[1]), preloaded="preloaded" in argv[2:])
    options = _parser().parse_args(argv)
    out = protect_stdout()
    try:
        if options.command == "bench":
            return BENCHES[options.what](out, options)
        if options.command == "serve":
            return _serve(out, options)
        if options.command == "defaults":
            from mlxport_harness import defaults

            return defaults.main(out)
        return _list(out, options.types) if options.family == "list" else _check(out, options)
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="mlxport-harness", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    strategies = {"choices": ["fork", "spare"], "default": "fork" if sys.platform == "linux" else "spare"}
    serve = commands.add_parser("serve", help="speak the worker protocol on stdio")
    serve.add_argument("--strategy", **strategies)
    family = commands.add_parser("check", help="run checks once").add_subparsers(dest="family", required=True)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--json", action="store_true", help="one JSON object on stdout")
    common.add_argument("--seed", type=int, default=0)
    common.add_argument("--timeout", type=float, default=600.0, help="seconds for the whole run")
    common.add_argument("--mem-mb", type=int, default=8192, help="memory the port may use")
    common.add_argument("--cache-dir", default=None)
    common.add_argument("--run-dir", default=None)
    common.add_argument("--strategy", **strategies)
    load.add_parser(family, common)
    text = "compare a port with its reference on a small random twin"
    twin = family.add_parser("twin", help=text, parents=[common])
    twin.add_argument("model_type", nargs="?")
    twin.add_argument("--all", action="store_true", help="every type that both libraries have; 120 s a type")
    twin.add_argument("--types", help="with --all: only these, comma-separated")
    twin.add_argument("--reference-only", action="store_true", help="with --all: all text models, no port")
    text = "no entry of rules.json's `types` is used, as for a type never seen"
    twin.add_argument("--without-entries", action="store_true", help=text)
    twin.add_argument("--port", help="the port's file; default: mlx-lm's own")
    twin.add_argument("--config", action="append", default=[], help="a config.json; may be repeated")
    twin.add_argument("--checks", help="comma-separated ids, or quick (default), full")
    twin.add_argument("--checkout", help="a checkout of mlx-lm, for the check upstream-test")
    battery_cli.add(family, strategies)
    bench = commands.add_parser("bench", help="figures about the checks themselves")
    benches = bench.add_subparsers(dest="what", required=True)
    battery_bench.add(benches)
    bench_twin.add(benches)
    mutants.add(benches, strategies)
    listed = family.add_parser("list", help="every check as JSON: the content of checks.json")
    listed.add_argument("--types", action="store_true", help="instead, the model types of `check twin --all`")
    commands.add_parser("defaults", help="what config classes make of absent keys; asked on stdin")
    shard_cli.add(family, strategies)
    speed_cli.add(family, strategies)
    golden_cli.add(commands, strategies)
    return parser


def _serve(out: int, options: argparse.Namespace) -> int:
    from mlxport_harness.serve import Worker

    Worker(out, 0, options.strategy).serve()
    return 0


def _list(out: int, types: bool) -> int:
    from mlxport_harness import sweep
    from mlxport_harness.checks import listed

    rows = sweep.shared_types() if types else listed()
    text = json.dumps(rows, indent=2, ensure_ascii=False) + "\n"
    os.write(out, text.encode())
    return 0


def _check(out: int, options: argparse.Namespace) -> int:
    if options.family == "battery":
        return battery_cli.check(out, options)
    from mlxport_harness.serve import Worker

    sweeping = options.family == "twin" and sweep.asked(options)
    sink = os.open(os.devnull, os.O_WRONLY)
    with tempfile.TemporaryDirectory(prefix="mlxport-") as scratch:
        request = getattr(options, "request", _request)(options, scratch)
        worker = Worker(sink, None, options.strategy)
        worker.sink = None if sweeping else _progress
        try:
            if sweeping:
                return sweep.report(out, options, worker, request)
            final = worker.one(request)
        finally:
            worker.spawner.close()
    return answered.run(out, options, final)


def _request(options: argparse.Namespace, scratch: str) -> dict[str, Any]:
    target = TARGETS[options.family](options)
    return {
        "id": "cli",
        "op": "run",
        "check": options.family,
        "target": target,
        "seed": options.seed,
        "params": PARAMS[options.family](options),
        "timeout_s": options.timeout,
        "mem_mb": options.mem_mb,
        "run_dir": os.path.abspath(options.run_dir or Path(scratch, "run")),
        "cache_dir": os.path.abspath(options.cache_dir or Path(scratch, "cache")),
    }


def _twin_target(options: argparse.Namespace) -> dict[str, Any]:
    return {
        "model_type": options.model_type,
        "config": [os.path.abspath(c) for c in options.config],
        "port_path": os.path.abspath(options.port) if options.port else None,
    }


def _twin_params(options: argparse.Namespace) -> dict[str, Any]:
    return {
        "checks": options.checks.split(",") if options.checks else None,
        "checkout": os.path.abspath(options.checkout) if options.checkout else None,
        "without_entries": options.without_entries,
    }


TARGETS = {"twin": _twin_target, "load": load.target}
PARAMS = {"twin": _twin_params, "load": lambda options: {}}


def _progress(message: dict[str, Any]) -> None:
    if message["type"] in ("progress", "log"):
        print(message["text"], file=sys.stderr)
