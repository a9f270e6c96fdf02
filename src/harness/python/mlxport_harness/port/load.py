"""Imports the port from its source and loads a twin through mlx-lm's own `load_model`, strictly."""

from __future__ import annotations

import importlib
import sys
import traceback
import types
from pathlib import Path
from typing import Any

from mlxport_harness.errors import PortFault
from mlxport_harness.port import refusals


def import_port(path: Path) -> types.ModuleType:
    """Runs the file as `mlx_lm.models.<stem>`; from source, so that no stale bytecode is used."""
    name = f"mlx_lm.models.{path.stem}"
    package = importlib.import_module("mlx_lm.models")
    module = types.ModuleType(name)
    module.__file__, module.__package__ = str(path), "mlx_lm.models"
    sys.modules[name] = module
    setattr(package, path.stem, module)
    exec(compile(path.read_text(), str(path), "exec"), module.__dict__)
    return module


def needs(module: types.ModuleType) -> None:
    for needed in ("Model", "ModelArgs"):
        if not hasattr(module, needed):
            raise PortFault(f"The port defines no {needed}.", module.__file__)


def load(module: types.ModuleType, folder: Path) -> Any:
    from mlx_lm.utils import load_model

    needs(module)
    model, _config = load_model(
        folder, lazy=False, strict=True, get_model_classes=lambda config: (module.Model, module.ModelArgs)
    )
    return model


def fault(error: BaseException, port: Path) -> PortFault:
    """Names the error and the last frame inside the port; the traceback itself stays out."""
    if isinstance(error, PortFault):
        return error
    if isinstance(error, SyntaxError) and error.filename == str(port):
        return PortFault(f"The port does not parse: {error.msg}", f"{port}:{error.lineno}")
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == str(port)]
    where = f"{port}:{frames[-1].lineno}" if frames else None
    text = " ".join(str(error).split())[:600]
    if (
        isinstance(error, MemoryError)
        or "bad_alloc" in text
        or "Unable to allocate" in text
        or "malloc" in text
    ):
        found = PortFault(f"The port ran out of memory ({type(error).__name__}: {text})", where, MEMORY_HINT)
        found.unanswered = True
        return found
    refused = refusals.of(error)
    if refused:
        what, why = refused
        return PortFault(f"The sandbox refused the port {what} ({type(error).__name__}: {text})", where, why)
    if isinstance(error, SystemExit):
        return PortFault(f"The port called exit ({text or 'no status'})", where)
    return PortFault(f"The port raised {type(error).__name__}: {text}", where)


MEMORY_HINT = "Look for an array whose size grows with the vocabulary or the square of the length."
