"""Upstream's way of doing its tests, a process for each: its own scripts from a clone, or the same work anew.

The clone's scripts are run as they are, with the arguments that its own runner gives them. They want
`accelerate`, which nothing else here does; where the environment lacks it, a folder of packages is given.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlxport_harness.battery import facts, meter
from mlxport_harness.errors import Failure

if TYPE_CHECKING:
    import argparse

SCRIPTS = {
    "dtype": "check_dtype.py",
    "predictions": "compare_predictions.py",
    "layers": "compare_layers.py",
}
PROMPTS = {"generate": facts.GENERATE, "quant_generate": facts.GENERATE, "long_sequence": facts.LONG}
LIMIT = 3600.0
RATE = re.compile(r"^Generation: (\d+) tokens, ([\d.]+) tokens-per-sec$", re.MULTILINE)


def flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--upstream-harness", help="a clone of upstream's harness: its own scripts are run")
    parser.add_argument(
        "--upstream-packages", help="a folder of packages that only its scripts need: accelerate, psutil"
    )


class Upstream:
    """`scripts`: the clone's folder of scripts, or none."""

    def __init__(self, harness: str | None, packages: str | None) -> None:
        self.scripts = _scripts(harness) if harness else None
        self.environment = environment()
        self.how = "re-implemented"
        if self.scripts is None:
            return
        self.how = "its own scripts"
        search = [packages] if packages else []
        if not any(_holds(folder, "accelerate") for folder in (*search, *sys.path)):
            text = f"{SCRIPTS['layers']} needs accelerate, which this environment lacks."
            hint = (
                "`pip install --no-deps --target DIR accelerate psutil`, then give --upstream-packages DIR."
            )
            raise Failure("environment", text, hint)
        if search:
            there = self.environment["PYTHONPATH"]
            self.environment["PYTHONPATH"] = os.pathsep.join([there, os.path.abspath(search[0])])

    def test(self, test: str, checkpoint: Any, work: Path, tokens: int = facts.LONG_TOKENS) -> meter.Metered:
        """`checkpoint`: its folder, dtype and kind. Conversion goes to `work`, where the quant tests look."""
        model, quantized = str(checkpoint.folder), str(work / "quantized")
        target = quantized if test.startswith("quant_") else model
        if test in PROMPTS:
            full = facts.LONG_TOKENS if test == "long_sequence" else facts.GENERATE_TOKENS
            words = ["-m", "mlx_lm", "generate", "--model", target]
            words += ["--prompt", PROMPTS[test][checkpoint.kind], "--max-tokens", str(min(full, tokens))]
        elif test == "quantize":
            words = ["-m", "mlx_lm", "convert", "--hf-path", model, "-q", "--q-bits", str(facts.Q_BITS)]
            words += ["--mlx-path", quantized]
        else:
            words = self._compared(test.removeprefix("quant_"), target, checkpoint.dtype)
        found = meter.run([sys.executable, *words], self.environment, LIMIT, work / test)
        if found.exit_code:
            text = f"Upstream's {test} ended with {found.exit_code}: {found.stderr.strip()[-300:]}"
            raise Failure("environment", text, "The figures would not compare.")
        return found

    def _compared(self, name: str, target: str, dtype: str) -> list[str]:
        last = [dtype] if name == "dtype" else []
        if self.scripts is None:
            return ["-m", "mlxport_harness.battery.upstream_style", name, target, *last]
        return [str(self.scripts / SCRIPTS[name]), target, *(last or [facts.NUMERICAL])]


def rate(stdout: str) -> float | None:
    """Tokens a second of decoding, as mlx-lm prints it."""
    found = RATE.search(stdout)
    return float(found[2]) if found else None


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


def _scripts(harness: str) -> Path:
    for folder in (Path(harness, "harness"), Path(harness)):
        if all((folder / name).is_file() for name in SCRIPTS.values()):
            return folder
    wanted = ", ".join(SCRIPTS.values())
    raise Failure("user", f"{harness} has no {wanted}.", "Give a clone of upstream's harness.")


def _holds(folder: str, package: str) -> bool:
    return bool(folder) and Path(folder, package, "__init__.py").is_file()
