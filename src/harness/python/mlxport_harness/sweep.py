"""`check twin --all`: every model type that both libraries have, one after another.

`--reference-only`: every text model of transformers, without a port. A run per type in processes of its own,
each with its own time: a type that hangs or crashes is named, and the rest goes on. JSON: {schema, runs,
counts}; exit: 1 if a type failed or is suspect, else 2 if one could not run, else 0.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlxport_harness import SCHEMA, states
from mlxport_harness.checks.verdict import record
from mlxport_harness.errors import Failure
from mlxport_harness.stagechild import record_reference
from mlxport_harness.twin.target import port_name
from mlxport_harness.wire import plain

if TYPE_CHECKING:
    from mlxport_harness.run import Run

Record = dict[str, Any]
SECONDS = 120.0
PARTS = ("vision", "audio", "image", "vq", "depth", "encoder", "speech", "video")


def run(worker: Any, request: Record, types: list[str], reference_only: bool) -> Record:
    """`request` is that of one type; its target and id are replaced for each."""
    runs = []
    for at, model_type in enumerate(types, 1):
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="mlxport-") as scratch:
            own = {"id": model_type, "target": {"model_type": model_type}, "run_dir": f"{scratch}/run"}
            if reference_only:
                own |= {"check": "reference", "cache_dir": f"{scratch}/cache"}
            final = worker.one({**request, **own})
        runs.append(_result(model_type, final))
        said = f"{at} of {len(types)}: {model_type} {runs[-1]['verdict']} {time.monotonic() - began:.1f} s"
        print(f"{said}{_why(runs[-1])}", file=sys.stderr, flush=True)
    counts = dict.fromkeys(("pass", "suspect", "fail", "could_not_run"), 0)
    for one in runs:
        counts[one["verdict"]] += 1
    return {"schema": SCHEMA, "runs": runs, "counts": counts}


def code(sweep: Record) -> int:
    """What failed matters more than what could not run: a caller that sees 2 knows that nothing failed."""
    counts = sweep["counts"]
    return 1 if counts["fail"] + counts["suspect"] else 2 if counts["could_not_run"] else 0


def chosen(given: str | None, reference_only: bool) -> list[str]:
    known = text_types()[0] if reference_only else shared_types()
    if not given:
        return known
    wanted = [t for t in given.split(",") if t]
    may = known if reference_only else [*known, *composite_types()]
    unknown = [t for t in wanted if t not in may]
    if unknown:
        which = "transformers' text models" if reference_only else "the types that both libraries have"
        raise Failure(
            "user", f"{', '.join(unknown)}: not among {which}.", "Check the names given to --types."
        )
    return wanted


def shared_types() -> list[str]:
    """Causal types of transformers for which mlx-lm has a file, by its own name or by MODEL_REMAPPING."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES as CAUSAL

    return sorted(t for t in CAUSAL if port_file(t).is_file())


def composite_types() -> list[str]:
    """Types with a port that transformers has only as makers of text from images and text; not in --all."""
    from transformers.models.auto import modeling_auto as auto

    causal = auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
    both = auto.MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES
    return sorted(t for t in both if t not in causal and port_file(t).is_file())


def port_file(model_type: str) -> Path:
    """Where mlx-lm would have the port of a type."""
    import mlx_lm

    return Path(next(iter(mlx_lm.__path__))) / "models" / f"{port_name(model_type)}.py"


def text_types() -> tuple[list[str], dict[str, str]]:
    """The text models among transformers' causal types, and why each of the others is none."""
    from transformers.models.auto import modeling_auto as auto
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    encoders = set(auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES)
    encoders |= set(auto.MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES)
    encoders |= set(auto.MODEL_FOR_SPEECH_SEQ_2_SEQ_MAPPING_NAMES)
    text, other = [], {}
    for model_type in sorted(auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES):
        try:
            parts = set(getattr(CONFIG_MAPPING[model_type], "sub_configs", {}) or {}) - {"text_config"}
        except KeyError:
            other[model_type] = "no config class of that name"
            continue
        parts = {p for p in parts if any(kind in p for kind in PARTS)}
        if model_type in encoders:
            other[model_type] = "an encoder, or encoder and decoder"
        elif parts:
            other[model_type] = f"more than text: {', '.join(sorted(parts))}"
        else:
            text.append(model_type)
    return text, other


def execute(run: Run) -> Record:
    """The family `reference`: the twin of one type is built, saved, run and perturbed, without a port."""
    model_type = (run.request.get("target") or {}).get("model_type")
    text, other = text_types()
    if model_type not in text:
        reason = other.get(str(model_type), "transformers has no causal model of that type")
        raise Failure("user", f"{model_type}: {reason}.", "")
    folder = run.cache_dir / str(model_type)
    folder.mkdir(parents=True, exist_ok=True)
    job = {"role": "reference", "model_type": model_type, "raw": None, "seed": run.seed}
    job |= {"without_entries": run.without_entries, "trial": None}
    began = time.monotonic()
    record_reference(run, job | {"twin_dir": f"{folder}/twin", "states_dir": f"{folder}/states"})
    seconds = time.monotonic() - began
    for twin in ("std 1.0", "std 0.05"):
        meta = states.load(folder / "states" / f"{twin.replace(' ', '-')}.bin")[1]
        metric = "the twin's rounding floor"
        run.publish(
            record(
                "reference",
                twin,
                "pass",
                figure=meta["floor"],
                unit="relative",
                metric=metric,
                seconds=seconds,
            )
        )
    return {"model_type": str(model_type), "variant": "defaults"}


def _result(model_type: str, final: Record) -> Record:
    if final["type"] == "done":
        return final["result"]
    error = {k: final.get(k, "") for k in ("kind", "text", "hint")}
    return {
        "schema": SCHEMA,
        "run_id": model_type,
        "model_type": model_type,
        "variant": None,
        "verdict": "could_not_run",
        "checks": [],
        "environment": {},
        "error": error,
    }


def _why(result: Record) -> str:
    error = result.get("error") or next((c["error"] for c in result["checks"] if c["error"]), None)
    return f": {error['text'][:200]}" if error else ""


def asked(options: Any) -> bool:
    """Whether the command line means a sweep; ends with 2 when it means neither or both."""
    wrong = None
    if options.all and (options.model_type or options.port or options.config):
        wrong = "--all goes without a model_type, --port and --config; --types names the types"
    elif not options.all and (options.types or options.reference_only or not options.model_type):
        wrong = "give a model_type, or --all (to which --types and --reference-only belong)"
    if wrong:
        print(f"user: check twin: {wrong}", file=sys.stderr)
        raise SystemExit(2)
    return bool(options.all)


def report(out: int, options: Any, worker: Any, request: Record) -> int:
    """The command: JSON or lines on `out`."""
    try:
        types = chosen(options.types, options.reference_only)
    except Failure as failure:
        print(f"{failure.kind}: {failure.text}\n{failure.hint}", file=sys.stderr)
        return 2
    request = {**request, "timeout_s": min(options.timeout, SECONDS)}
    sweep = run(worker, request, types, options.reference_only)
    if options.json:
        text = json.dumps(plain(sweep)) + "\n"
    else:
        lines = [f"{r['model_type']:24} {r['verdict']}{_why(r)}" for r in sweep["runs"]]
        lines.append(" · ".join(f"{n} {name.replace('_', ' ')}" for name, n in sweep["counts"].items()))
        text = "".join(f"{line}\n" for line in lines)
    with open(out, "w", closefd=False) as stream:
        stream.write(text)
    return code(sweep)
