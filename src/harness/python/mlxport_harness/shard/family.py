"""The family `shard`: tensor and pipeline parallel over mlx.launch's ring, equal to one process.

A checkpoint of its own with at least four key-value heads is made by the port in one process; the ranks load
it. Ports that cannot be cut are not_applicable. On a cluster (`hostfile`) the run folder, the port's file and
this package must be at the same path on every host.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mlxport_harness.checks.exact import relative
from mlxport_harness.checks.verdict import by_bar, record
from mlxport_harness.errors import Failure, PortFault
from mlxport_harness.stagechild import StageChild
from mlxport_harness.twin.target import parse
from mlxport_harness.variant import VariantRun

if TYPE_CHECKING:
    from mlxport_harness.run import Run
    from mlxport_harness.twin.target import Target

BARS = (1e-5, 1e-3)
RULE = "logits of every rank ≤ 1e-5 from one process, suspect to 1e-3"
LIMIT_S = 180.0
HEADS = {
    "num_attention_heads": 8,
    "num_key_value_heads": 4,
    "linear_num_key_heads": 4,
    "linear_num_value_heads": 8,
}


def execute(run: Run) -> dict[str, Any]:
    target = parse(run.request.get("target") or {})
    sizes = _sizes(run.params)
    hostfile = _hostfile(run.params.get("hostfile"))
    variant = target.variants[0]
    run.environment["port"] = {
        "path": str(target.port_path),
        "sha256": target.port_sha,
        "given": target.port_given,
    }
    twin = VariantRun(run, target, variant)
    twin._ensure_reference()
    meta = json.loads((twin.twin_dir / "meta.json").read_text())
    config = widened(_config(twin.twin_dir / "std-1.0", meta["spellings"]))
    ids = [meta["ids"][0][:24]]
    try:
        whole, notes, checkpoint = _one(run, target, twin.twin_dir, config, ids)
    except PortFault as fault:
        run.publish(record("shard", "one process", "fail", error=fault.record()))
        return {"model_type": target.model_type, "variant": variant.name}
    modes = [m for m, has in (("tensor", notes["shard"]), ("pipeline", notes["pipeline"])) if has]
    if not modes:
        text = "The port has neither shard() nor a model with pipeline(): it runs in one process only."
        run.publish(record("shard", "", "not_applicable", findings=[{"id": "one_process", "text": text}]))
    job = {
        "role": "shard",
        "port_path": str(target.port_path),
        "checkpoint": str(checkpoint),
        "ids": ids,
    }
    for mode in modes:
        for size in [0] if hostfile else sizes:
            run.publish(_launched(run, job, mode, size, hostfile, whole, notes["layers"]))
    return {"model_type": target.model_type, "variant": variant.name}


def widened(config: dict[str, Any]) -> dict[str, Any]:
    """The twin's config with heads that four processes can share out."""
    wide = dict(config)
    for key, value in HEADS.items():
        if isinstance(config.get(key), int):
            wide[key] = value
    if isinstance(config.get("text_config"), dict):
        wide["text_config"] = widened(config["text_config"])
    return wide


def _config(folder: Path, spellings: list[str]) -> dict[str, Any]:
    """Both spellings in one: which the port reads does not matter where it is compared with itself."""
    found: dict[str, Any] = {}
    for spelling in sorted(spellings):
        found |= json.loads((folder / spelling / "config.json").read_text())
    return found


def _one(
    run: Run, target: Target, twin_dir: Path, config: dict[str, Any], ids: list[list[int]]
) -> tuple[dict[str, np.ndarray], dict[str, Any], Path]:
    job = {"role": "port", "port_path": str(target.port_path), "twin_dir": str(twin_dir), "ids": ids}
    child = StageChild(run, job, run.run_dir / "port", "port")
    run.environment |= {k: child.ready.get(k) for k in ("port_isolation", "memory", "shims")}
    try:
        arrays, meta, _ = child.ask("shard_one", LIMIT_S, config=config, ids=ids)
    finally:
        child.close()
    return arrays, meta, run.run_dir / "port" / "checkpoint"


def _launched(
    run: Run,
    job: dict[str, Any],
    mode: str,
    size: int,
    hostfile: tuple[str, str, int] | None,
    whole: dict[str, np.ndarray],
    layers: int,
) -> dict[str, Any]:
    path, backend, hosts = hostfile or (None, "ring", size)
    twin = f"{mode} ×{hosts}"
    if mode == "pipeline" and hosts > layers:
        text = f"{layers} layers cannot be shared by {hosts} processes."
        return record("shard", twin, "not_exercised", findings=[{"id": "layers", "text": text}])
    run.emit({"type": "log", "text": f"{mode} over {hosts} processes"})
    child = StageChild(run, job, run.run_dir / f"shard-{mode}-{hosts}", "port")
    try:
        arrays, meta, seconds = child.ask(
            "launch", LIMIT_S, mode=mode, processes=hosts, hostfile=path, backend=backend
        )
    except PortFault as fault:
        return record("shard", twin, "fail", error=fault.record())
    finally:
        child.close()
    return judge(twin, hosts, whole, arrays, meta, seconds)


def judge(
    twin: str,
    size: int,
    whole: dict[str, np.ndarray],
    arrays: dict[str, np.ndarray],
    meta: dict[str, Any],
    seconds: float,
) -> dict[str, Any]:
    common = {"unit": "relative", "bar": BARS[0], "seconds": seconds}
    common |= {"metric": "largest relative error of a rank's logits against one process"}
    if meta["faults"]:
        rank, fault = min(meta["faults"].items(), key=lambda row: (_peer(row[1]), int(row[0])))
        text = f"Rank {rank} of {size}: {fault['text']}"
        return record(
            "shard", twin, "fail", error=PortFault(text, fault["where"], fault["hint"]).record(), **common
        )
    missing = [str(r) for r in range(size) if str(r) not in meta["ranks"]]
    if missing:
        tail = " ".join(meta["log"].split())[-300:]
        text = f"Ranks {', '.join(missing)} of {size} gave nothing; "
        text += f"mlx.launch ended with {meta['status']}: {tail}"
        kind = "port" if meta["ranks"] else "environment"
        error = {
            "kind": kind,
            "text": text,
            "hint": "Look for a rank that waits for another; then see the log.",
        }
        return record("shard", twin, "fail" if kind == "port" else "error", error=error, **common)
    errors: dict[str, float] = {}
    for rank in range(size):
        for name, wanted in whole.items():
            one = arrays.get(f"{rank}:{name}")
            same = one is not None and one.shape == wanted.shape
            errors[f"{name}, rank {rank}"] = relative(one, wanted) if same else float("inf")
    verdict = max((by_bar(e, BARS) for e in errors.values()), key=("pass", "suspect", "fail").index)
    worst = max(errors, key=lambda k: errors[k] if np.isfinite(errors[k]) else np.inf)
    findings = []
    if verdict != "pass":
        text = f"{worst} of {size}: {errors[worst]:.2g} from one process. Of {len(errors)} outputs "
        text += f"{sum(by_bar(e, BARS) != 'pass' for e in errors.values())} differ."
        findings.append({"id": "differs", "text": text})
    figure = errors[worst] if np.isfinite(errors[worst]) else None
    isolation = sorted({str(n.get("isolation")) for n in meta["ranks"].values()})
    return record(
        "shard",
        twin,
        verdict,
        figure=figure,
        findings=findings,
        outputs=errors,
        rank_isolation=isolation,
        **common,
    )


def _peer(fault: dict[str, Any]) -> bool:
    """A rank whose neighbour went away tells less than the neighbour."""
    return "[ring]" in fault["text"].lower()


def _sizes(params: dict[str, Any]) -> list[int]:
    sizes = params.get("processes") or [2, 4]
    if not isinstance(sizes, list) or not all(isinstance(n, int) and 2 <= n <= 8 for n in sizes):
        text = f"processes must be numbers from 2 to 8, not {sizes!r}."
        raise Failure("user", text, "Give --processes 2,4.")
    return sizes


def _hostfile(path: Any) -> tuple[str, str, int] | None:
    """The file as it is handed to mlx.launch, its backend and how many hosts it names."""
    if not path:
        return None
    try:
        data = json.loads(Path(path).read_text())
        hosts = data["hosts"] if isinstance(data, dict) else data
        backend = data.get("backend") if isinstance(data, dict) else None
        if not isinstance(hosts, list) or len(hosts) < 2 or not all("ssh" in h for h in hosts):
            raise ValueError("it must list at least two hosts, each with ssh and ips")
    except OSError as error:
        raise Failure(
            "user", f"Cannot read the hostfile {path}: {error.strerror}.", "Check --hostfile."
        ) from None
    except (ValueError, KeyError, TypeError) as error:
        text = f"The hostfile {path} is not one: {error}."
        hint = "See mlx.launch --hostfile: a JSON list of {ssh, ips}, or an object with hosts and backend."
        raise Failure("user", text, hint) from None
    return str(path), str(backend or "ring"), len(hosts)
