"""The reference child of a checkpoint's pack: float32 logits and layers, to disk. Needs torch."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mlxport_harness import states
from mlxport_harness.errors import Failure
from mlxport_harness.reference.record import first_line, relative, run


def record(job: dict[str, Any], emit: Any, commands: Any) -> None:
    """Answers one request with logits, taps and the rounding floor."""
    from transformers import AutoModelForCausalLM

    torch.manual_seed(0)
    torch.set_num_threads(1)
    emit({"ready": True})
    commands.readline()
    try:
        options = {"dtype": torch.float32, "attn_implementation": "eager", "local_files_only": True}
        model = AutoModelForCausalLM.from_pretrained(job["checkpoint"], **options).eval()
    except Exception as error:
        text = f"transformers cannot load {job['checkpoint']}: {first_line(error)}"
        raise Failure("reference", text, "Give a folder with config.json and safetensors.") from None
    vocabulary = model.config.get_text_config().vocab_size
    ids = np.random.default_rng(job["seed"] + 1).integers(
        3, vocabulary, size=(1, job["tokens"]), dtype=np.int64
    )
    emit({"progress": [0, 2, "passes", "reference"]})
    logits, rows, values = run(model, torch.from_numpy(ids))
    emit({"progress": [1, 2, "passes", "rounding floor"]})
    generator = torch.Generator().manual_seed(99)
    with torch.no_grad():
        for parameter in model.parameters():
            sign = torch.randint(0, 2, parameter.shape, generator=generator, dtype=torch.int8) * 2 - 1
            parameter.mul_(1 + sign * 2.0**-23)
    near, _, close = run(model, torch.from_numpy(ids))
    floors = {k: relative(close[k], v) for k, v in values.items() if k in close and close[k].shape == v.shape}
    meta = {"floor": relative(near, logits), "floors": floors, "modules": rows, "ids": ids.tolist()}
    states.save(Path(job["out_dir"]) / "0.bin", {"logits": logits, **values}, meta)
    emit({"file": "0.bin", "seconds": 0.0, "pid": os.getpid()})
