"""The family `speed`: prefill and decode of a port and of the nearest accepted one, taking turns.

Figures only. The config loses layers, and widths where the time given asks for it, and the record says which;
weights are random bits, so nothing is downloaded. What does not fit the memory given is refused with its size
before anything is made.
"""

from __future__ import annotations

import importlib.util
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mlxport_harness.checks.verdict import record
from mlxport_harness.errors import Failure, PortFault
from mlxport_harness.speed import budget
from mlxport_harness.speed.budget import Option
from mlxport_harness.speed.judge import judge
from mlxport_harness.speed.nearest import ranked, translated
from mlxport_harness.stagechild import StageChild
from mlxport_harness.twin.accepted import _arguments
from mlxport_harness.twin.shrink import legacy_spelling
from mlxport_harness.twin.target import parse

if TYPE_CHECKING:
    from mlxport_harness.run import Run
    from mlxport_harness.twin.target import Target

LIMIT_S = 300.0
TRIES = 5


def execute(run: Run) -> dict[str, Any]:
    target = parse(run.request.get("target") or {})
    variant, began = target.variants[0], time.monotonic()
    budget_s, given = budget.read(run.params)
    until = began + budget_s
    choices = budget.options(target.model_type, _full(target))
    sides: dict[str, StageChild] = {}
    about = {"model_type": target.model_type, "variant": variant.name}
    try:
        _progress(run, 0, 1, "looks how fast this machine is")
        try:
            found = _started(run, target, choices, budget_s, given, sides)
        except Narrow as narrow:
            run.emit({"type": "log", "text": f"{narrow}; at full width instead"})
            choices = [c for c in choices if c.factor == 1]
            found = _started(run, target, choices, budget_s, given, sides)
        option, note, against, other, costs = found
        vocabulary = _vocabulary(option)
        sizes = budget.affordable(costs, until - time.monotonic(), given)
        expected = budget.seconds(costs, sizes)
        text = f"{option.words()}; prompt {sizes['prompt']}, {sizes['decode']} tokens decoded, "
        text += f"{sizes['repeat']} repetitions: about {expected:.0f} s more (budget {budget_s:g} s)"
        run.emit({"type": "log", "text": text})
        run.metric("estimated_seconds", time.monotonic() - began + expected, "s", budget_s, "estimate")
        shots = _turns(run, sides, {"vocabulary": vocabulary, **sizes}, until)
    except PortFault as fault:
        run.publish(record("speed", "", "fail", error=fault.record()))
        return about
    finally:
        for child in sides.values():
            child.close()
    seconds = time.monotonic() - began
    measured = {"given_s": budget_s, "seconds": seconds, **sizes, "repeat": len(shots["port"])}
    measured |= {"layers": option.layers, "of_layers": option.of, "narrower": option.factor}
    for one in judge(shots, sizes, note, against, other):
        one["budget"] = measured
        if option.factor > 1:
            text = f"Measured with {option.words()}, to fit in {budget_s:g} s and {run.mem_mb} MB: "
            text += "--budget-s and --mem-mb give it more."
            one["findings"].append({"id": "narrower", "text": text})
        if seconds > 1.5 * budget_s:
            text = f"It took {seconds:.0f} s of {budget_s:g}: this is the least that says something."
            one["findings"].append({"id": "over_budget", "text": text})
        run.publish(one)
    return about


class Narrow(Exception):
    """The port does not run at a part of its width: that is no fault of it."""


def _started(
    run: Run,
    target: Target,
    choices: list[Option],
    budget_s: float,
    given: dict[str, int],
    sides: dict[str, StageChild],
) -> tuple[Option, dict[str, Any], str | None, dict[str, Any] | None, list[tuple[float, float]]]:
    """Both ports built and warm: the option taken, the notes of both, and what a token costs on each side."""
    option, note = _port(run, target, choices, budget_s, given, sides)
    try:
        against, other = _against(run, target, option.config, note["weights_mb"], sides)
        costs, failed = _warm(run, sides, _vocabulary(option))
    except PortFault as fault:
        if option.factor == 1:
            raise
        for name in list(sides):
            sides.pop(name).close()
        raise Narrow(f"{option.words()} does not run ({fault.text})") from None
    return option, note, *((None, None) if failed else (against, other)), costs


def _vocabulary(option: Option) -> int:
    return int((option.config.get("text_config") or option.config).get("vocab_size") or 1000)


def _port(
    run: Run,
    target: Target,
    choices: list[Option],
    budget_s: float,
    given: dict[str, int],
    sides: dict[str, StageChild],
) -> tuple[Option, dict[str, Any]]:
    """Builds the port as whole as the budget allows, by what one multiplication costs here."""
    child = _child(run, target, "port")
    sides["port"] = child
    rates = child.ask("speed", LIMIT_S, action="rates")[1]
    least = budget.affordable([(1.0, 1.0)], 0.0, given) | {"repeat": 1}
    turns = (given.get("repeat") or budget.LADDER[-1][2]) + 0.5  # the half: warming up
    one = budget.seconds([(rates["prefill"], rates["decode"])], least)  # of a single multiplication
    limit = budget.SHARE * budget_s / (2 * turns * one)
    _progress(run, 0, 1, "builds the port")
    note = _build(run, child, [c.config for c in choices], 0, limit_work=limit)
    option = choices[note["chosen"]]
    if not note["fits"]:
        raise _too_large(run, target.model_type, note, option.config)
    return option, note


def _warm(run: Run, sides: dict[str, StageChild], vocabulary: int) -> tuple[list[tuple[float, float]], bool]:
    """Warms caches and kernels; seconds a token of each side. A neighbour that does not run is left out."""
    costs, failed = [], False
    for number, (name, child) in enumerate(list(sides.items())):
        _progress(run, number, len(sides), f"warms up: {name}")
        ask = {"action": "once", "vocabulary": vocabulary, **budget.WARM}
        try:
            arrays, meta, _ = child.ask("speed", LIMIT_S, **ask)
        except PortFault:
            if name == "port":
                raise
            sides.pop(name).close()
            failed = True
            continue
        costs.append((meta["prefill"] / (budget.WARM["prompt"] - 1), float(np.min(arrays["decode"]))))
    return costs, failed


def _turns(
    run: Run, sides: dict[str, StageChild], ask: dict[str, int], until: float
) -> dict[str, list[dict[str, Any]]]:
    """As many repetitions as were planned; fewer, but one, where the time is up before."""
    shots: dict[str, list[dict[str, Any]]] = {name: [] for name in sides}
    took = 0.0
    for turn in range(ask["repeat"]):
        began = time.monotonic()
        if turn and began + took > until:
            break
        for number, (name, child) in enumerate(sides.items()):
            _progress(
                run, turn * len(sides) + number, ask["repeat"] * len(sides), f"repetition {turn + 1}: {name}"
            )
            arrays, meta, _ = child.ask("speed", LIMIT_S, action="once", **ask)
            shots[name].append({**meta, **arrays})
        took = time.monotonic() - began
    return shots


def _progress(run: Run, done: int, total: int, text: str) -> None:
    run.emit({"type": "progress", "done": done, "total": total, "unit": "turns", "text": f"speed: {text}"})


def _full(target: Target) -> dict[str, Any]:
    raw = target.variants[0].raw
    if raw is not None:
        return raw
    from transformers import AutoConfig

    config = AutoConfig.for_model(target.model_type).to_dict()
    return {**(legacy_spelling(config, {}) or {}), **config, "model_type": target.model_type}


def _child(run: Run, target: Target, side: str) -> StageChild:
    folder = run.run_dir / "speed"
    folder.mkdir(parents=True, exist_ok=True)
    job = {"role": "port", "port_path": str(target.port_path), "twin_dir": str(folder), "ids": []}
    child = StageChild(run, job, run.run_dir / f"speed-{side}", "port")
    run.environment |= {k: child.ready.get(k) for k in ("port_isolation", "memory", "shims")}
    return child


def _build(
    run: Run, child: StageChild, configs: list[dict[str, Any]], taken: int, **more: Any
) -> dict[str, Any]:
    room = min(run.mem_mb, _free_mb()) - taken
    ask = {"action": "build", "configs": configs, "limit_mb": room, "spare_mb": 512, **more}
    try:
        note = child.ask("speed", LIMIT_S, **ask)[1]
    except PortFault:
        child.close()
        raise
    if not note["fits"]:
        child.close()
    return note


def _against(
    run: Run, target: Target, config: dict[str, Any], taken: int, sides: dict[str, StageChild]
) -> tuple[str | None, dict[str, Any] | None]:
    """Builds the port named with `against`, else the nearest one that builds."""
    models = _models()
    named = run.params.get("against")
    if named:
        path = models / f"{named}.py"
        if not path.is_file():
            raise Failure("user", f"mlx-lm has no port {named!r} to measure against.", "Check --against.")
        given = translated(config, _arguments(path, set())[1])
        choices = [(named, {**given, "model_type": named}, 1.0)]
    else:
        choices = ranked(config, models, {target.model_type, target.port_path.stem})[:TRIES]
    for name, given, _ in choices:
        _progress(run, 0, 1, f"builds {name}")
        try:
            child = _child(run, target, "against")
            note = _build(run, child, [given], taken, against=name)
        except PortFault as fault:
            if named:
                text = f"{named} does not run this config: {fault.text}"
                raise Failure("user", text, "Name another with --against.") from None
            continue
        if note["fits"]:
            sides["against"] = child
            return name, note
        if named:
            raise _too_large(run, named, note, given)
    return None, None


def _too_large(run: Run, name: str, note: dict[str, Any], config: dict[str, Any]) -> Failure:
    text = f"{name} with {note['layers']} layers needs about {note['weights_mb'] + 512} MB for 4-bit weights "
    text += f"and room; {min(run.mem_mb, _free_mb())} MB may be used, by both ports together."
    return Failure("user", text, "Give more with --mem-mb, where the machine has it.")


def _free_mb() -> int:
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) >> 10
    except OSError:
        pass
    return 1 << 20


def _models() -> Path:
    spec = importlib.util.find_spec("mlx_lm")
    if spec is None or not spec.submodule_search_locations:
        raise Failure("environment", "mlx-lm is not installed in this environment.", "Run `mlxport setup`.")
    return Path(next(iter(spec.submodule_search_locations))) / "models"
