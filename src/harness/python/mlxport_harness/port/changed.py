"""The port under a changed config: through mlx-lm's own loader, from a folder written for the purpose."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlxport_harness.checks import changes
from mlxport_harness.port import load

if TYPE_CHECKING:
    from mlxport_harness.port.record import Recorder


def content(recorder: Recorder, request: dict[str, Any], made: list[dict[str, Any]]) -> dict[str, Any]:
    """The twin's config.json with the changes made."""
    path = recorder.folder(request["twin"], request["spelling"]) / "config.json"
    return changes.apply(json.loads(path.read_text()), made)


def model(recorder: Recorder, request: dict[str, Any], config: dict[str, Any], weights: str | None) -> Any:
    """`weights`: a folder below the twin's, where the change needs other weights than the twin's own."""
    source = recorder.folder(request["twin"], request["spelling"])
    if weights is not None:
        source = recorder.twin_dir / weights
    folder = recorder.out / "changed"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config))
    for file in Path(source).glob("*.safetensors*"):
        os.symlink(file, folder / file.name)
    return load.load(module(recorder), folder)


def module(recorder: Recorder) -> Any:
    if recorder.module is None:
        recorder.module = load.import_port(recorder.port)
    return recorder.module


def arguments(recorder: Recorder, config: dict[str, Any]) -> dict[str, Any] | None:
    """What the port makes of a config; None where that cannot be told apart from outside."""
    try:
        return dict(vars(module(recorder).ModelArgs.from_dict(json.loads(json.dumps(config)))))
    except TypeError:
        return None
