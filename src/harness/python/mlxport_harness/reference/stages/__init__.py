"""The reference on request: the twin's float32 model, rebuilt as it was recorded, asked stage by stage.

Rebuilt rather than loaded: from_pretrained may cast or rename what the recorder had in hand.
"""

from __future__ import annotations

import importlib
import json
import os
import time
from pathlib import Path
from typing import Any

import torch

from mlxport_harness import states
from mlxport_harness.errors import Failure
from mlxport_harness.reference.record import TWINS, build, first_line, twin_config
from mlxport_harness.twin.weights import fill


class Reference:
    """The twin on transformers' side. `twin_dir` holds the saved weights and every spelling of the config."""

    def __init__(self, job: dict[str, Any]) -> None:
        self.twin_dir, self.out = Path(job["twin_dir"]), Path(job["out_dir"])
        self.config, self.raw = twin_config(job["model_type"], job["raw"])
        self.model_type = job["model_type"]
        self.meta = json.loads((self.twin_dir / "meta.json").read_text())
        self.ids = torch.tensor(self.meta["ids"])
        self._models: dict[str, torch.nn.Module] = {}

    def model(self, twin: str) -> torch.nn.Module:
        """Float32, eager attention, eval mode; the same object each time, so leave it as it was."""
        if twin not in self._models:
            std = next(std for name, std in TWINS.items() if name.replace(" ", "-") == twin)
            model = build(self.config)
            fill(model, self.meta["seed"], std)
            self._models[twin] = model
        return self._models[twin]


def serve(job: dict[str, Any], emit: Any, commands: Any) -> None:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    log = os.open(Path(job["out_dir"]) / "reference.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    emit({"ready": True})
    reference = Reference(job)
    for number, line in enumerate(commands):
        emit(_stage(reference, json.loads(line), number))


def _stage(reference: Reference, request: dict[str, Any], number: int) -> dict[str, Any]:
    began = time.perf_counter()
    try:
        module = importlib.import_module(f"mlxport_harness.reference.stages.{request['stage']}")
        arrays, meta = module.record(reference, request)
        name = f"{number}.bin"
        states.save(reference.out / name, arrays, meta)
        return {"file": name, "seconds": time.perf_counter() - began}
    except Failure as failure:
        return {"fault": failure.record()}
    except Exception as error:
        return {"fault": {"text": f"transformers failed in {request['stage']}: {first_line(error)}"}}
