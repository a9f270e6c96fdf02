"""The family `speed`: prefill and decode of a port and of the nearest accepted one, taking turns.

Figures only. The config keeps its widths and loses layers; weights are random bits, so nothing is downloaded.
What does not fit the memory given is refused with its size before anything is made.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mlxport_harness.checks.verdict import record
from mlxport_harness.errors import Failure, PortFault
from mlxport_harness.speed.nearest import ranked, translated
from mlxport_harness.stagechild import StageChild
from mlxport_harness.twin import layers
from mlxport_harness.twin.accepted import _arguments
from mlxport_harness.twin.shrink import legacy_spelling, rules
from mlxport_harness.twin.target import parse

if TYPE_CHECKING:
    from mlxport_harness.run import Run
    from mlxport_harness.twin.target import Target

LIMIT_S = 300.0
TRIES = 5
GROWTH = 1.5
SLOW = 0.5
DEFAULTS = {"prompt": 64, "decode": 16, "repeat": 3}


def execute(run: Run) -> dict[str, Any]:
    target = parse(run.request.get("target") or {})
    variant = target.variants[0]
    sizes = {k: _number(run.params, k, v) for k, v in DEFAULTS.items()}
    config = shallow(target.model_type, _full(target))
    vocabulary = int(config.get("vocab_size") or 1000)
    sides: dict[str, StageChild] = {}
    try:
        sides["port"], note = _built(run, target, "port", config, None, 0)
        if not note["fits"]:
            raise _too_large(run, target.model_type, note, config)
        against, other = _against(run, target, config, note["weights_mb"], sides)
        shots: dict[str, list[dict[str, Any]]] = {name: [] for name in sides}
        for turn in range(sizes["repeat"] + 1):
            for name, child in sides.items():
                ask = {"action": "once", "vocabulary": vocabulary, **sizes}
                arrays, meta, _ = child.ask("speed", LIMIT_S, **ask)
                if turn:  # the first warms caches and kernels
                    shots[name].append({**meta, **arrays})
            run.emit(
                {"type": "progress", "done": turn, "total": sizes["repeat"], "unit": "turns", "text": "speed"}
            )
    except PortFault as fault:
        run.publish(record("speed", "", "fail", error=fault.record()))
        return {"model_type": target.model_type, "variant": variant.name}
    finally:
        for child in sides.values():
            child.close()
    for one in judge(shots, sizes, note, against, other):
        run.publish(one)
    return {"model_type": target.model_type, "variant": variant.name}


def judge(
    shots: dict[str, list[dict[str, Any]]],
    sizes: dict[str, int],
    note: dict[str, Any],
    against: str | None,
    other: dict[str, Any] | None,
) -> list[dict[str, Any]]:
    """Tokens a second by the fastest repetition and by the median; the growth of memory over decode."""
    found = []
    measures = {
        "prefill": lambda s: sizes["prompt"] / s["prefill"],
        "decode": lambda s: 1 / float(np.median(s["decode"])),
    }
    about = [
        {"id": "device", "text": "Measured on the CPU: a GPU's ratios differ, for other kernels run there."}
    ]
    if against is None:
        about.append({"id": "alone", "text": "No accepted port runs this config: name one with --against."})
    for name, measure in measures.items():
        rates = {side: [measure(s) for s in rows] for side, rows in shots.items()}
        best = {side: max(values) for side, values in rates.items()}
        middle = {side: float(np.median(values)) for side, values in rates.items()}
        findings = list(about)
        ratio = middle["port"] / middle["against"] if "against" in middle else None
        if ratio is not None and ratio < SLOW:
            text = f"{name}: {1 / ratio:.1f} times slower than {against}."
            findings.append({"id": "slow", "text": text})
        found.append(
            record(
                "speed",
                name,
                "pass",
                figure=middle["port"],
                unit="tokens/s",
                metric=f"median of {len(rates['port'])} repetitions",
                findings=findings,
                best=best,
                median=middle,
                ratio=ratio,
                against=against,
                weights_mb={
                    "port": note["weights_mb"],
                    **({"against": other["weights_mb"]} if other else {}),
                },
                layers=note["layers"],
            )
        )
    growth = {side: float(np.median([_slope(s["memory"]) for s in rows])) for side, rows in shots.items()}
    findings = []
    if "against" in growth and growth["port"] > GROWTH * max(growth["against"], 1024.0):
        text = f"Memory grows by {growth['port'] / 1024:.0f} KiB a token, "
        text += f"{against}'s by {growth['against'] / 1024:.0f}."
        findings.append({"id": "growth", "text": text})
    found.append(
        record(
            "speed",
            "memory",
            "pass",
            figure=growth["port"] / 1024,
            unit="KiB/token",
            metric="growth of active memory over decode",
            findings=findings,
            growth=growth,
            peak_mb={side: max(s["peak_mb"] for s in rows) for side, rows in shots.items()},
        )
    )
    return found


def shallow(model_type: str, config: dict[str, Any]) -> dict[str, Any]:
    """The config with the twin's choice of layers, one of every kind, and all widths as they are."""
    table = rules()
    own = table["types"].get(model_type, {})
    inner = config.get("text_config")
    small = dict(config)
    layers.apply(small, config, layers.pick(config, table, own), table)
    if isinstance(inner, dict):
        small["text_config"] = shallow(str(inner.get("model_type")), inner)
    return small


def _slope(memory: np.ndarray) -> float:
    """Bytes a step, from the ends: caches grow in blocks."""
    return float(memory[-1] - memory[0]) / max(len(memory) - 1, 1)


def _full(target: Target) -> dict[str, Any]:
    raw = target.variants[0].raw
    if raw is not None:
        return raw
    from transformers import AutoConfig

    config = AutoConfig.for_model(target.model_type).to_dict()
    return {**(legacy_spelling(config, {}) or {}), **config, "model_type": target.model_type}


def _built(
    run: Run, target: Target, side: str, config: dict[str, Any], against: str | None, taken: int
) -> tuple[StageChild, dict[str, Any]]:
    folder = run.run_dir / "speed"
    folder.mkdir(parents=True, exist_ok=True)
    job = {"role": "port", "port_path": str(target.port_path), "twin_dir": str(folder), "ids": []}
    child = StageChild(run, job, run.run_dir / f"speed-{side}", "port")
    run.environment |= {k: child.ready.get(k) for k in ("port_isolation", "memory", "shims")}
    room = min(run.mem_mb, _free_mb()) - taken
    ask = {"action": "build", "config": config, "against": against, "limit_mb": room, "spare_mb": 512}
    try:
        _, note, _ = child.ask("speed", LIMIT_S, **ask)
    except PortFault:
        child.close()
        raise
    if not note["fits"]:
        child.close()
    return child, note


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
        try:
            child, note = _built(run, target, "against", given, name, taken)
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


def _number(params: dict[str, Any], key: str, default: int) -> int:
    value = params.get(key) or default
    if not isinstance(value, int) or not 1 <= value <= 100_000:
        raise Failure("user", f"{key} must be a positive number, not {value!r}.", f"Give --{key} {default}.")
    return value
