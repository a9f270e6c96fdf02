"""`bench mutants`: the scorecard, a person's own port, or a history's fixes taken backwards."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

from mlxport_harness import answered


def add(bench: Any, strategies: dict[str, Any]) -> None:
    """The flags, into the subparsers of `bench`."""
    mutants = bench.add_parser(
        "mutants", help="would the checks have caught it? single faults, and what says so"
    )
    mutants.add_argument("--types", help="comma-separated types of the library; default: all")
    mutants.add_argument("--only", help="patterns of ids, such as llama/*,*/eps-*")
    mutants.add_argument("--port", help="your own port: faults are made from its text")
    mutants.add_argument("--model-type", help="of --port; default: the file's name")
    mutants.add_argument("--config", help="a config.json for --port; default: the class's defaults")
    mutants.add_argument("--limit", type=int, help="with --port: that many faults, spread over the file")
    mutants.add_argument("--history", help="a clone of mlx-lm with history: its fixes, applied backwards")
    mutants.add_argument("--since", default="2025-03-01", help="with --history: the first day")
    mutants.add_argument("--plan", choices=["quick", "full"], default="full")
    mutants.add_argument("--jobs", type=int, default=1, help="processes at once")
    mutants.add_argument(
        "--timeout", type=float, default=600.0, help="seconds for one judgement; over it there is no answer"
    )
    mutants.add_argument("--work", help="folder to keep twins and results in, to continue a cut run")
    mutants.add_argument("--json", action="store_true", help="one JSON object on stdout")
    mutants.add_argument("--markdown", action="store_true", help="the tables of docs/MUTANTS.md on stdout")
    mutants.add_argument("--strategy", **strategies)


def main(out: int, options: argparse.Namespace) -> int:
    """0 when everything ran, whatever survived: figures, no judgement. 2 when it could not run."""

    def measured() -> tuple[dict[str, Any], str]:
        with tempfile.TemporaryDirectory(prefix="mlxport-mutants-") as scratch:
            work = Path(options.work or scratch).resolve()
            work.mkdir(parents=True, exist_ok=True)
            return _run(options, work)

    return answered.bench(out, options, measured)


def _run(options: argparse.Namespace, work: Path) -> tuple[dict[str, Any], str]:
    from mlxport_harness.mutants import table

    settings = {"plan": options.plan, "jobs": options.jobs, "strategy": options.strategy}
    settings |= {"only": options.only, "timeout": options.timeout}
    if options.history:
        from mlxport_harness.mutants import history

        found = history.run(Path(options.history), options.since, work, settings, _say)
        return found, table.history(found)
    if options.port:
        from mlxport_harness.mutants import own

        config = Path(options.config) if options.config else None
        model_type = options.model_type or Path(options.port).stem
        found = own.run(Path(options.port), model_type, config, options.limit, work, settings, _say)
        return found, table.own(found)
    from mlxport_harness.mutants import run

    types = options.types.split(",") if options.types else None
    found = run.scorecard(types, work, settings, _say)
    return found, table.markdown(found) if options.markdown else table.plain(found)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
