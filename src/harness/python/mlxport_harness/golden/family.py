"""The family `golden`: write a pack from the reference, or check a port against one.

A twin's pack carries the twin's weights, so that it is all another machine needs. A checkpoint's carries the
hash of the safetensors headers, and the folder must be given again.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mlxport_harness import preload, states
from mlxport_harness.checks import exact, locate
from mlxport_harness.checks.verdict import record
from mlxport_harness.errors import Failure, PortFault
from mlxport_harness.golden import pack
from mlxport_harness.stagechild import StageChild
from mlxport_harness.twin.target import Target, Variant, _port_path, parse

if TYPE_CHECKING:
    from mlxport_harness.run import Run

TOKENS = 24
TWIN = "std 1.0"
LIMIT_S = 900.0


def execute(run: Run) -> dict[str, Any]:
    action = run.params.get("action")
    if action == "write":
        return _write(run)
    if action == "check":
        return _check(run)
    raise Failure("user", f"There is no golden action {action!r}.", "Actions: write, check.")


def _write(run: Run) -> dict[str, Any]:
    out = Path(run.params["pack"])
    checkpoint = run.params.get("checkpoint")
    head: dict[str, Any] = {"versions": preload.versions(), "seed": run.seed}
    head["reference"] = f"transformers {preload.versions()['transformers']}"
    if checkpoint:
        folder = Path(checkpoint)
        arrays, meta = _checkpoint_states(run, folder)
        config = json.loads((folder / "config.json").read_text())
        head |= {"kind": "checkpoint", "model_type": config["model_type"], "variant": folder.name}
        head |= {"weights": _weights_hash(folder), "spellings": {"native": config}, "native": "native"}
    else:
        arrays, meta, more = _twin_states(run)
        head |= {"kind": "twin", **more}
    rows = {n: row for n, row in meta["modules"].items() if locate.LAYER.search(n)}
    kept = {k: v for k, v in arrays.items() if k == "logits" or k.partition(":")[2] in rows}
    kept |= {k: v for k, v in arrays.items() if k.startswith("weights:")}
    lines = {n: {**row, "where": _short(row.get("where"))} for n, row in rows.items()}
    head |= {"ids": meta["ids"], "floor": meta["floor"], "modules": lines}
    head["floors"] = {k: v for k, v in meta["floors"].items() if k.partition(":")[2] in rows}
    written = pack.write(out, head, kept)
    run.environment["pack"] = {"path": str(out), **written}
    text = f"{out}: {written['bytes']} bytes, SHA-256 {written['sha256'][:16]}."
    run.publish(
        record(
            "golden",
            head["kind"],
            "pass",
            figure=len(kept),
            unit="arrays",
            metric="arrays written",
            findings=[{"id": "written", "text": text}],
            pack=run.environment["pack"],
        )
    )
    return {"model_type": head["model_type"], "variant": head["variant"]}


def _twin_states(run: Run) -> tuple[dict[str, np.ndarray], dict[str, Any], dict[str, Any]]:
    from safetensors.numpy import load_file

    from mlxport_harness.variant import VariantRun

    target = parse({**(run.request.get("target") or {}), "port_path": __file__})
    variant = target.variants[0]
    twin = VariantRun(run, target, variant)
    twin._ensure_reference()
    arrays, meta = states.load(twin.states_dir / "std-1.0.bin")
    about = json.loads((twin.twin_dir / "meta.json").read_text())
    folder = twin.twin_dir / "std-1.0"
    arrays = dict(arrays)
    kinds = {}
    for path in sorted((folder / about["spellings"][0]).glob("*.safetensors")):
        for name, value in load_file(path).items():
            kinds[name] = str(value.dtype)
            arrays[f"weights:{name}"] = value.astype(np.float32)
    spellings = {s: json.loads((folder / s / "config.json").read_text()) for s in about["spellings"]}
    native = (folder / "native").read_text().strip()
    more = {
        "model_type": target.model_type,
        "variant": variant.name,
        "spellings": spellings,
        "native": native,
    }
    return arrays, {**meta, "ids": about["ids"]}, {**more, "defaults": variant.raw is None, "kinds": kinds}


def _checkpoint_states(run: Run, folder: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    files = sorted(folder.glob("*.safetensors"))
    if not files or not (folder / "config.json").is_file():
        text = f"{folder} is not a checkpoint: it needs config.json and safetensors files."
        raise Failure("user", text, "Give a model_type, or a checkpoint's folder.")
    need = sum(p.stat().st_size for p in files) * 5 >> 20
    if need > run.mem_mb:
        text = f"{folder} needs about {need} MB in float32, more than the {run.mem_mb} MB allowed."
        raise Failure("user", text, "Give more with --mem-mb, where the machine has it.")
    job = {"role": "golden_reference", "checkpoint": str(folder), "seed": run.seed, "tokens": TOKENS}
    child = StageChild(run, job, run.run_dir / "reference", "reference")
    try:
        arrays, meta, _ = child.ask("golden", LIMIT_S)
    finally:
        child.close()
    return arrays, meta


def _check(run: Run) -> dict[str, Any]:
    path = Path(run.params["pack"])
    head, arrays = pack.read(path)
    if head["kind"] == "checkpoint":
        folder = _linked(run, head, run.params.get("checkpoint"))
        folders = {"native": folder}
    else:
        folders = _rebuilt(run, head, arrays)
    target = _target(run, head)
    run.environment["pack"] = {"path": str(path), "versions": head["versions"], "kind": head["kind"]}
    run.environment["reference"] = head["reference"]
    job = {"role": "port", "port_path": str(target.port_path), "ids": head["ids"]}
    child = StageChild(run, {**job, "twin_dir": str(run.run_dir / "golden")}, run.run_dir / "port", "port")
    run.environment |= {k: child.ready.get(k) for k in ("port_isolation", "memory", "shims")}
    order = [head["native"], *(s for s in folders if s != head["native"])]
    first: list[dict[str, Any]] = []
    try:
        for spelling in order if head.get("defaults") else order[:1]:
            found = _compared(child, head, arrays, spelling)
            if spelling != order[0] and found[0]["verdict"] == "pass":
                text = f"Right only with the config spelled {spelling}, not {order[0]}."
                found[0]["findings"].append({"id": "rope_spelling", "text": text})
            if not first or found[0]["verdict"] == "pass":
                first = found
            if found[0]["verdict"] == "pass":
                break
    finally:
        child.close()
    for one in first:
        run.publish(one)
    return {"model_type": head["model_type"], "variant": head.get("variant")}


def _compared(
    child: StageChild, head: dict[str, Any], arrays: dict[str, np.ndarray], spelling: str
) -> list[dict[str, Any]]:
    try:
        port, meta, seconds = child.ask("golden", LIMIT_S, twin=".", spelling=spelling)
        logits = exact.judge(TWIN, arrays["logits"], head["floor"], port["logits"], seconds)
    except PortFault as fault:
        return [record("golden", head["kind"], "fail", error=fault.record())]
    except KeyError:
        fault = PortFault("The port left an unreadable recording: no logits")
        return [record("golden", head["kind"], "fail", error=fault.record())]
    logits |= {"id": "golden", "twin": head["kind"]}
    known = {"floors": head["floors"], "modules": head["modules"]}
    layers = locate.judge(TWIN, (arrays, known), (port, meta), seconds)
    layers |= {"id": "golden", "twin": f"{head['kind']} layers"}
    if layers["verdict"] == "suspect":
        layers["verdict"] = logits["verdict"]
    if logits["verdict"] == "pass":
        layers["first_divergence"] = None
    logits["first_divergence"] = layers["first_divergence"]
    return [logits, layers]


def _target(run: Run, head: dict[str, Any]) -> Target:
    given = dict(run.request.get("target") or {})
    wanted = given.get("model_type")
    if wanted and wanted != head["model_type"]:
        text = f"The pack is of {head['model_type']}, not {wanted}."
        raise Failure("user", text, "Give that type's pack, or leave the type out.")
    # Not `parse`: it asks transformers' model classes, and those need torch.
    path, is_given = _port_path(head["model_type"], given.get("port_path"))
    sha = hashlib.sha256(path.read_bytes()).hexdigest()
    return Target(head["model_type"], (Variant(str(head.get("variant")), None),), path, sha, is_given)


def _rebuilt(run: Run, head: dict[str, Any], arrays: dict[str, np.ndarray]) -> dict[str, Path]:
    """The twin as it was: safetensors and one folder per spelling of the config."""
    from safetensors.numpy import save_file

    root = run.run_dir / "golden"
    shutil.rmtree(root, ignore_errors=True)
    kinds = head.get("kinds", {})
    weights = {
        name[8:]: np.ascontiguousarray(value.astype(kinds.get(name[8:], "float32")))
        for name, value in arrays.items()
        if name.startswith("weights:")
    }
    folders = {}
    for spelling, config in head["spellings"].items():
        if not spelling.isalnum():
            raise Failure(
                "user", f"The pack names a spelling {spelling!r}.", "It was not written by this harness."
            )
        folder = root / spelling
        folder.mkdir(parents=True)
        (folder / "config.json").write_text(json.dumps(config))
        save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
        folders[spelling] = folder
    return folders


def _linked(run: Run, head: dict[str, Any], checkpoint: Any) -> Path:
    """The checkpoint's files where the shut-in port may read them: a Hub cache keeps them behind links."""
    if not checkpoint:
        text = f"The pack is of the checkpoint {head.get('variant')}; its weights are not inside."
        raise Failure("user", text, "Give its folder with --checkpoint.")
    source = Path(checkpoint)
    if not (source / "config.json").is_file():
        raise Failure("user", f"There is no checkpoint in {source}.", "Check --checkpoint.")
    if _weights_hash(source) != head["weights"]:
        text = (
            f"{source} is not the checkpoint that the pack was written from: config or tensor headers differ."
        )
        raise Failure("user", text, "Give that checkpoint, or write a new pack.")
    folder = run.run_dir / "golden" / "native"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for path in [source / "config.json", *source.glob("*.safetensors")]:
        try:
            os.link(path.resolve(), folder / path.name)
        except OSError:
            shutil.copyfile(path, folder / path.name)
    return folder


def _weights_hash(folder: Path) -> str:
    try:
        return pack.weights_hash(folder)
    except (OSError, ValueError) as error:
        raise Failure("user", f"Cannot read the checkpoint {folder}: {error}.", "Check the folder.") from None


def _short(where: str | None) -> str | None:
    """A place in the installed transformers, without this machine's folders."""
    if where and "transformers/" in where:
        return "transformers/" + where.rpartition("transformers/")[2]
    return where
