"""The family `load`: one checkpoint's headers, one port, at full size, no weights read and none allocated.

The target is {checkpoint: folder, model_type?, port_path?}. When `sanitize` depends on values, the twin check
`sanitize` is run after it, on the twin of the checkpoint's config.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlxport_harness.checks.verdict import record
from mlxport_harness.errors import Failure, PortFault
from mlxport_harness.load import headers as header_files
from mlxport_harness.load.headers import MLX, Texts
from mlxport_harness.load.judge import Account, Known, judge
from mlxport_harness.stagechild import StageChild
from mlxport_harness.twin.target import Target, Variant, _port_path, _read_config

if TYPE_CHECKING:
    from mlxport_harness.run import Run

BESIDE = ("generation_config.json", "hf_quant_config.json")


@dataclass(frozen=True)
class Checkpoint:
    """A folder to load: its config was read, its port exists."""

    folder: Path
    model_type: str
    config: dict[str, Any]
    port_path: Path
    port_sha: str
    port_given: bool


def execute(run: Run) -> dict[str, Any]:
    checkpoint = parse(run.request.get("target") or {})
    run.environment["port"] = {
        "path": str(checkpoint.port_path),
        "sha256": checkpoint.port_sha,
        "given": checkpoint.port_given,
    }
    found = check(run, checkpoint)
    run.publish(found)
    run.metric("load unaccounted", found["figure"], "tensors", 0, "none")
    settle = run.params.get("settle", True) is not False
    if settle and any(f["id"] == "value_dependent" for f in found["findings"]):
        _settle(run, checkpoint)
    return {"model_type": checkpoint.model_type, "variant": checkpoint.folder.name}


def parse(target: dict[str, Any]) -> Checkpoint:
    given = target.get("checkpoint")
    if not isinstance(given, str) or not given:
        raise Failure("user", "The request names no checkpoint folder.", "Give the folder of a checkpoint.")
    folder = Path(given)
    if not folder.is_dir():
        what = "is a file" if folder.is_file() else "does not exist"
        raise Failure(
            "user",
            f"{folder} {what}: a checkpoint is a folder.",
            "It holds config.json and model*.safetensors.",
        )
    config = _read_config(folder / "config.json")
    model_type = target.get("model_type") or config.get("model_type")
    if not isinstance(model_type, str):
        raise Failure("user", f"{folder}/config.json has no model_type.", "Name it in the file.")
    if target.get("model_type") and config.get("model_type") not in (None, model_type):
        text = f"{folder}/config.json is of model_type {config['model_type']!r}, not {model_type!r}."
        raise Failure("user", text, "Leave the model_type out, or give another folder.")
    port, is_given = _port_path(model_type, target.get("port_path"))
    try:
        sha = hashlib.sha256(port.read_bytes()).hexdigest()
    except OSError as error:
        raise Failure("user", f"Cannot read the port {port}: {error.strerror}.", "Check the path.") from None
    return Checkpoint(folder, model_type, config, port, sha, is_given)


def check(run: Run, checkpoint: Checkpoint) -> dict[str, Any]:
    """The one record of `load`; the child that ran the port is gone when it returns."""
    began, cpu = time.monotonic(), time.process_time()
    texts = header_files.texts(checkpoint.folder)
    place = _prepare(run.run_dir / "load", checkpoint, texts)
    read = time.monotonic() - began
    job = {"role": "port", "port_path": str(checkpoint.port_path), "twin_dir": str(place), "ids": []}
    child = StageChild(run, job, run.run_dir / "load-port", "port")
    asked, ready = child.post("load"), _Aside(texts)
    run.environment |= {k: child.ready.get(k) for k in ("port_isolation", "memory", "shims")}
    try:
        try:
            arrays, meta, _ = child.take(asked)
        finally:
            ready.known()  # broken files come first, whatever the port did
        meta.setdefault("times", {})["headers"] = read
        account = Account(ready.known(), checkpoint.config, arrays, meta)
        found = judge(account, 0.0)
        found["seconds"] = time.monotonic() - began
        found["cpu_seconds"] += time.process_time() - cpu
    except PortFault as fault:
        return record("load", "headers", "fail", error=fault.record(), seconds=time.monotonic() - began)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        text = f"The port left an unreadable recording: {type(error).__name__}: {error}"
        return record("load", "headers", "fail", error={"kind": "port", "text": text[:600], "hint": ""})
    finally:
        child.close()
    with open(run.run_dir / "load" / "accounting.tsv", "w") as out:
        out.writelines(account.table())
    return found


class _Aside:
    """Checks the files and reads the names apart in a thread, while the port's process loads."""

    def __init__(self, texts: Texts) -> None:
        self._pool = ThreadPoolExecutor(1)
        self._found = self._pool.submit(self._work, texts)
        self._pool.shutdown(wait=False)

    def known(self) -> Known:
        """Raises `Failure` when the files are broken."""
        return self._found.result()

    def _work(self, texts: Texts) -> Known:
        headers = header_files.parsed(texts)
        unreadable = next((n for n, d in enumerate(headers.dtypes) if d not in MLX), None)
        if unreadable is not None:
            name, dtype = headers.names[unreadable], headers.dtypes[unreadable]
            text = f"{headers.folder}: {name} has dtype {dtype}, which this mlx does not load."
            raise Failure("user", text, "Convert the checkpoint first; mlx-lm itself would stop here.")
        header_files.verify(headers)
        with header_files.quiet():
            return Known(headers)


def _prepare(place: Path, checkpoint: Checkpoint, texts: Texts) -> Path:
    """What the port's process may read: the config, and the bytes of the headers."""
    shutil.rmtree(place, ignore_errors=True)
    folder = place / "checkpoint"
    folder.mkdir(parents=True)
    config = {k: v for k, v in checkpoint.config.items() if k != "model_file"}
    (folder / "config.json").write_text(json.dumps(config))
    for name in BESIDE:
        if (checkpoint.folder / name).is_file():
            shutil.copyfile(checkpoint.folder / name, folder / name)
    (folder / "model.safetensors").write_bytes(b"")  # not touch: the sandbox pretends to set times
    with open(folder / "headers.bin", "wb") as out:  # as in the files: length, then JSON
        for _, _, text in texts.files:
            out.write(len(text).to_bytes(8, "little"))
            out.write(text)
    return place


def _settle(run: Run, checkpoint: Checkpoint) -> None:
    """`sanitize` on a twin, where values exist; its records join this run's."""
    from mlxport_harness.checks import registry
    from mlxport_harness.twin.target import _check_type
    from mlxport_harness.variant import VariantRun

    if "sanitize" not in registry():
        return
    _check_type(checkpoint.model_type)
    variant = Variant(checkpoint.folder.name, checkpoint.config)
    target = Target(
        checkpoint.model_type, (variant,), checkpoint.port_path, checkpoint.port_sha, checkpoint.port_given
    )
    run.wanted = ["sanitize"]
    VariantRun(run, target, variant).execute()
