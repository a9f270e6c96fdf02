"""`bench battery CHECKPOINT`: our battery and upstream's way of doing the same tests, metered in one run.

Three passes, each in fresh processes and after one unmetered pass that warms the page cache: upstream's five
tests without generation, ours with nothing recorded, ours again as after an edit of the port (the reference
is on disk). With --generation also all eight, both ways.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from mlxport_harness import preload
from mlxport_harness.battery import facts, meter
from mlxport_harness.battery.checkpoint import Checkpoint, inspect
from mlxport_harness.battery.manifest import Variant
from mlxport_harness.errors import Failure
from mlxport_harness.wire import write_line

APART = ("dtype", "predictions", "layers", "quantize", "quant_dtype")
GENERATION = ("generate", "long_sequence", "quant_generate")
SCRIPTS = {
    "dtype": "check_dtype.py",
    "predictions": "compare_predictions.py",
    "layers": "compare_layers.py",
}
LIMIT = 3600.0
GOALS = {"seconds": 0.25, "read": 0.5, "peak": 1.0}


def add(families: Any) -> None:
    battery = families.add_parser("battery", help="our battery beside upstream's way of doing the same tests")
    battery.add_argument("checkpoint", help="a checkpoint folder")
    battery.add_argument("--upstream-harness", help="a clone of upstream's harness: its own scripts are run")
    battery.add_argument("--generation", action="store_true", help="also the three generation tests")
    battery.add_argument(
        "--max-tokens", type=int, default=facts.LONG_TOKENS, help="for both, with --generation"
    )
    battery.add_argument("--json", action="store_true", help="one JSON object on stdout")


def main(out: int, options: argparse.Namespace) -> int:
    try:
        found = bench(options)
    except Failure as failure:
        print(f"{failure.kind}: {failure.text}\n{failure.hint}".rstrip(), file=sys.stderr)
        return 2
    if options.json:
        write_line(out, found)
    else:
        os.write(out, "".join(f"{line}\n" for line in _lines(found)).encode())
    return 0 if all(r["met"] for r in found["ratios"]) else 1


def bench(options: argparse.Namespace) -> dict[str, Any]:
    if not Path("/proc/self/smaps_rollup").exists():
        raise Failure(
            "environment", "Bytes and memory of other processes are read from /proc: Linux only.", ""
        )
    folder = Path(os.path.abspath(options.checkpoint))
    checkpoint = inspect(folder, Variant(str(folder), None, None, None))
    scripts = scripts_at(options.upstream_harness)
    with tempfile.TemporaryDirectory(prefix="mlxport-bench-") as scratch:
        work = Path(scratch)
        _say("warming the page cache, unmetered")
        _upstream(checkpoint, "dtype", scripts, work / "warm", options.max_tokens)
        _ours(checkpoint, ("dtype",), work / "warm", options.max_tokens)
        rows = [
            _row("upstream's way", APART, _all(checkpoint, APART, scripts, work / "up", options.max_tokens)),
            _row(
                "ours, nothing recorded", APART, _ours(checkpoint, APART, work / "ours", options.max_tokens)
            ),
            _row("ours, after an edit", APART, _ours(checkpoint, APART, work / "ours", options.max_tokens)),
        ]
        if options.generation:
            every = APART[:3] + GENERATION[:2] + APART[3:] + GENERATION[2:]
            tokens = options.max_tokens
            rows += [
                _row(
                    "upstream's way, all eight", every, _all(checkpoint, every, scripts, work / "up8", tokens)
                ),
                _row("ours, all eight", every, _ours(checkpoint, every, work / "ours8", tokens)),
            ]
    return {
        "schema": 1,
        "checkpoint": str(folder),
        "parameters": checkpoint.parameters,
        "bytes": checkpoint.bytes,
        "upstream": "its own scripts" if scripts else "re-implemented",
        "max_tokens": options.max_tokens,
        "load_average": os.getloadavg()[0],
        "cpus": os.cpu_count(),
        "versions": preload.versions(),
        "rows": rows,
        "ratios": _ratios(rows),
    }


def scripts_at(harness: str | None) -> Path | None:
    if harness is None:
        return None
    for folder in (Path(harness, "harness"), Path(harness)):
        if all((folder / name).is_file() for name in SCRIPTS.values()):
            return folder
    wanted = ", ".join(SCRIPTS.values())
    raise Failure("user", f"{harness} has no {wanted}.", "Give a clone of upstream's harness.")


def _all(
    found: Checkpoint, tests: tuple[str, ...], scripts: Path | None, work: Path, tokens: int
) -> meter.Metered:
    total = meter.Metered()
    for test in tests:
        _say(f"upstream's way: {test}")
        one = _upstream(found, test, scripts, work, tokens)
        if one.exit_code:
            text = f"Upstream's {test} ended with {one.exit_code}: {one.stderr.strip()[-300:]}"
            raise Failure("environment", text, "The figures would not compare.")
        total.add(one)
    return total


def _upstream(found: Checkpoint, test: str, scripts: Path | None, work: Path, tokens: int) -> meter.Metered:
    python, model, quantized = sys.executable, str(found.folder), str(work / "quantized")
    prompts = {"generate": facts.GENERATE, "quant_generate": facts.GENERATE, "long_sequence": facts.LONG}
    full = facts.LONG_TOKENS if test == "long_sequence" else facts.GENERATE_TOKENS
    target = quantized if test.startswith("quant_") else model
    if test in prompts:
        prompt = prompts[test][found.kind]
        words = ["-m", "mlx_lm", "generate", "--model", target, "--prompt", prompt]
        words += ["--max-tokens", str(min(full, tokens))]
    elif test == "quantize":
        words = [
            "-m",
            "mlx_lm",
            "convert",
            "--hf-path",
            model,
            "-q",
            "--q-bits",
            "4",
            "--mlx-path",
            quantized,
        ]
    else:
        name = test.removeprefix("quant_")
        own = ["-m", "mlxport_harness.battery.upstream_style", name]
        words = [str(scripts / SCRIPTS[name])] if scripts else own
        words += [target, found.dtype] if name == "dtype" else [target]
        words += [facts.NUMERICAL] if scripts and name != "dtype" else []
    return meter.run([python, *words], environment(), LIMIT, work / test)


def _ours(found: Checkpoint, tests: tuple[str, ...], work: Path, tokens: int) -> meter.Metered:
    _say(f"ours: {', '.join(tests)}")
    words = ["-m", "mlxport_harness", "check", "battery", str(found.folder), "--tests", ",".join(tests)]
    words += ["--out", str(work / "out"), "--max-tokens", str(tokens), "--json"]
    one = meter.run([sys.executable, *words], environment(), LIMIT, work)
    if one.exit_code not in (0, 1):
        text = f"Our battery ended with {one.exit_code}: {one.stderr.strip()[-300:]}"
        raise Failure("environment", text, "")
    return one


def environment() -> dict[str, str]:
    """What the worker sets for itself is taken out again: upstream's scripts run as they would."""
    ours = {
        "MLX_ENABLE_TF32",
        "MLX_DISABLE_COMPILE",
        "OPENBLAS_NUM_THREADS",
        "OMP_NUM_THREADS",
        "MKL_NUM_THREADS",
    }
    found = {k: v for k, v in os.environ.items() if k not in ours}
    root = str(Path(__file__).parents[2])
    found["PYTHONPATH"] = os.pathsep.join([root, *filter(None, [found.get("PYTHONPATH")])])
    return found | {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}


def _row(name: str, tests: tuple[str, ...], found: meter.Metered) -> dict[str, Any]:
    figures = {k: getattr(found, k) for k in ("seconds", "cpu_seconds", "read", "peak")}
    return {"name": name, "tests": list(tests), **figures}


def _ratios(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Against upstream's way of the same tests. All eight: never slower."""
    found = []
    for name, ours, theirs, goals in (
        ("generation apart", 1, 0, GOALS),
        ("all eight", 4, 3, {"seconds": 1.0, "read": 1.0, "peak": 1.0}),
    ):
        if ours < len(rows):
            for key, goal in goals.items():
                ratio = rows[ours][key] / max(rows[theirs][key], 1e-9)
                found.append({"name": name, "of": key, "ratio": ratio, "goal": goal, "met": ratio <= goal})
    return found


def _lines(found: dict[str, Any]) -> list[str]:
    head = f"{'':28}{'seconds':>10}{'cpu s':>10}{'GB read':>10}{'GB peak':>10}"
    lines = [f"{found['checkpoint']}: upstream's scripts {found['upstream']}", head]
    for row in found["rows"]:
        lines.append(
            f"{row['name']:28}{row['seconds']:>10.1f}{row['cpu_seconds']:>10.1f}"
            f"{row['read'] / 1e9:>10.2f}{row['peak'] / 1e9:>10.2f}"
        )
    for one in found["ratios"]:
        word = "met" if one["met"] else "not met"
        lines.append(
            f"{one['name']}, {one['of']}: {one['ratio']:.2f} of upstream's (goal {one['goal']:g}, {word})"
        )
    return lines


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
