"""`bench battery CHECKPOINT`: our battery and upstream's way of doing the same tests, metered in one run.

After one unmetered pass that warms the page cache: upstream's five tests without generation, ours with
nothing recorded, ours again as after an edit of the port (the reference is on disk). With --generation also
all eight, both ways; upstream's five are not run twice for it.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from mlxport_harness import answered, preload
from mlxport_harness.battery import facts, meter, upstream_run
from mlxport_harness.battery.checkpoint import Checkpoint, inspect
from mlxport_harness.battery.manifest import Variant
from mlxport_harness.errors import Failure

APART = ("dtype", "predictions", "layers", "quantize", "quant_dtype")
GENERATION = ("generate", "long_sequence", "quant_generate")
EVERY = APART[:3] + GENERATION[:2] + APART[3:] + GENERATION[2:]
# Seconds of processor are beside those of the clock: on a shared machine they are the steadier figure.
GOALS = {"seconds": 0.25, "cpu_seconds": None, "read": 0.5, "peak": 1.0}
GOALS_ALL = {"seconds": 1.0, "cpu_seconds": None, "read": 1.0, "peak": 1.0}
UPSTREAM, FIRST, EDITED = "upstream's way", "ours, nothing recorded", "ours, after an edit"
ALL = ", all eight"


def add(families: Any) -> None:
    battery = families.add_parser("battery", help="our battery beside upstream's way of doing the same tests")
    battery.add_argument("checkpoint", help="a checkpoint folder")
    upstream_run.flags(battery)
    battery.add_argument("--generation", action="store_true", help="also the three generation tests")
    battery.add_argument(
        "--max-tokens", type=int, default=facts.LONG_TOKENS, help="for both, with --generation"
    )
    battery.add_argument("--json", action="store_true", help="one JSON object on stdout")


def main(out: int, options: argparse.Namespace) -> int:
    def measured() -> tuple[dict[str, Any], str]:
        found = bench(options)
        return found, "\n".join(_lines(found))

    return answered.bench(
        out, options, measured, lambda found: 0 if all(r["met"] is not False for r in found["ratios"]) else 1
    )


def bench(options: argparse.Namespace) -> dict[str, Any]:
    if not meter.works():
        text = "Memory of processes is read from /proc/PID/smaps, which has no figures here."
        raise Failure(
            "environment", text, "It takes Linux 6.0 or newer, and a sandbox that lets /proc be read."
        )
    folder, tokens = Path(os.path.abspath(options.checkpoint)), options.max_tokens
    checkpoint = inspect(folder, Variant(str(folder), None, None, None))
    upstream = upstream_run.Upstream(options.upstream_harness, options.upstream_packages)
    with tempfile.TemporaryDirectory(prefix="mlxport-bench-") as scratch:
        work = Path(scratch)
        _say("warming the page cache, unmetered")
        upstream.test("predictions", checkpoint, work / "warm")
        _ours(checkpoint, ("dtype",), work / "warm", tokens)
        each: dict[str, meter.Metered] = {}
        for test in EVERY if options.generation else APART:
            _say(f"upstream's way: {test}")
            each[test] = upstream.test(test, checkpoint, work / "up", tokens)
        rows = [_row(UPSTREAM, APART, [each[t] for t in APART])]
        rows += [_row(n, APART, [_ours(checkpoint, APART, work / "ours", tokens)]) for n in (FIRST, EDITED)]
        if options.generation:
            rows.append(_row(UPSTREAM + ALL, EVERY, [each[t] for t in EVERY]))
            rows += [
                _row(n + ALL, EVERY, [_ours(checkpoint, EVERY, work / "ours8", tokens)])
                for n in (FIRST, EDITED)
            ]
        rates = _rates(each, work / "ours8")
    return {
        "schema": 2,
        "checkpoint": str(folder),
        "parameters": checkpoint.parameters,
        "bytes": checkpoint.bytes,
        "upstream": upstream.how,
        "compiled": _compiled(),
        "max_tokens": tokens,
        "load_average": os.getloadavg()[0],
        "cpus": os.cpu_count(),
        "versions": preload.versions(),
        "rows": rows,
        "each": [_row(test, (test,), [one]) for test, one in each.items()],
        "rates": rates,
        "ratios": _ratios({row["name"]: row for row in rows}),
    }


def _ours(found: Checkpoint, tests: tuple[str, ...], work: Path, tokens: int) -> meter.Metered:
    _say(f"ours: {', '.join(tests)}")
    words = ["-m", "mlxport_harness", "check", "battery", str(found.folder), "--tests", ",".join(tests)]
    words += ["--out", str(work / "out"), "--max-tokens", str(tokens), "--json"]
    one = meter.run([sys.executable, *words], upstream_run.environment(), upstream_run.LIMIT, work)
    if one.exit_code not in (0, 1):
        text = f"Our battery ended with {one.exit_code}: {one.stderr.strip()[-300:]}"
        raise Failure("environment", text, "")
    return one


def _row(name: str, tests: tuple[str, ...], found: list[meter.Metered]) -> dict[str, Any]:
    total = meter.Metered()
    for one in found:
        total.add(one)
    figures = {k: getattr(total, k) for k in ("seconds", "cpu_seconds", "read", "peak")}
    return {"name": name, "tests": list(tests), **figures}


def _rates(each: dict[str, meter.Metered], work: Path) -> dict[str, dict[str, float | None]]:
    """Tokens decoded a second, as each side's own output has it."""
    found = {}
    for test in GENERATION:
        ours = sorted(work.glob(f"out/results/*/*/*/{test}.json"))
        if test in each and ours:
            said = json.loads(ours[-1].read_text())["stdout"]
            found[test] = {
                "upstream": upstream_run.rate(each[test].stdout),
                "ours": upstream_run.rate(said),
            }
    return found


def _ratios(rows: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Against upstream's way of the same tests. All eight: never slower."""
    found = []
    for kind, goals in (("", GOALS), (ALL, GOALS_ALL)):
        for name in (FIRST + kind, EDITED + kind):
            for key, goal in goals.items() if name in rows else ():
                ratio = rows[name][key] / max(rows[UPSTREAM + kind][key], 1e-9)
                met = None if goal is None else ratio <= goal
                found.append({"name": name, "of": key, "ratio": ratio, "goal": goal, "met": met})
    return found


def _lines(found: dict[str, Any]) -> list[str]:
    head = f"{'':36}{'seconds':>10}{'cpu s':>10}{'GB read':>10}{'GB peak':>10}"
    libraries = "compiled" if found["compiled"] else "not compiled: every process compiles what it imports"
    lines = [
        f"{found['checkpoint']}: upstream's scripts {found['upstream']}; libraries {libraries}",
        head,
    ]
    for row in [*found["rows"], *found["each"]]:
        name = row["name"] if len(row["tests"]) > 1 else f"  upstream's {row['name']}"
        lines.append(
            f"{name:36}{row['seconds']:>10.1f}{row['cpu_seconds']:>10.1f}"
            f"{row['read'] / 1e9:>10.2f}{row['peak'] / 1e9:>10.2f}"
        )
    for test, rates in found["rates"].items():
        shown = ", ".join(f"{side} {rate:.1f}" for side, rate in rates.items() if rate is not None)
        lines.append(f"{test}: tokens decoded a second: {shown}")
    for one in found["ratios"]:
        word = {True: ", met", False: ", not met", None: ""}[one["met"]]
        goal = "" if one["goal"] is None else f" (goal {one['goal']:g}{word})"
        lines.append(f"{one['name']}, {one['of']}: {one['ratio']:.2f} of upstream's{goal}")
    return lines


def _compiled() -> bool:
    """Whether the environment has bytecode, as `mlxport setup` makes it; else imports are most of a run."""
    found = importlib.util.find_spec("transformers")
    return found is not None and Path(importlib.util.cache_from_source(str(found.origin))).is_file()


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
