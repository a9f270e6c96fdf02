"""A reference that lives in a checkpoint's own code (`auto_map`), after a person has read and accepted it.

The accepted hash is compared before anything is imported; then the classes are registered with
transformers, so that everything else finds them as it finds its own. Imported from the folder itself: lines
in located faults are the lines that the person read. Only reference children do this. Leaves out code that
`auto_map` takes from another repository: that one is not what was accepted.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import sys
import types
from pathlib import Path
from typing import Any

from mlxport_harness.errors import Failure

PACKAGE = "mlxport_reference_code"
LARGEST = 4 << 20


def digest(folder: Path) -> str:
    """One hash over config.json, whose auto_map says what is run, and every Python file of the folder, names
    included. The program computes the same."""
    found = hashlib.sha256()
    files = [*folder.rglob("*.py"), *folder.glob("config.json")]
    names = sorted(p.relative_to(folder).as_posix() for p in files if p.is_file())
    for name in names:
        path = folder / name
        if path.stat().st_size > LARGEST:
            raise Failure("user", f"{path} is too large to be a model's code.", "Remove it.")
        found.update(f"{name}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return found.hexdigest()


def verify(accepted: dict[str, str]) -> Path:
    """The folder, if its code is what a person accepted."""
    folder = Path(accepted["folder"])
    if digest(folder) != accepted["digest"]:
        text = f"The code in {folder} is not the code that was accepted."
        raise Failure("user", text, "Read it again and accept it anew: `mlxport code FOLDER`.")
    return folder


def register(accepted: dict[str, str], model_type: str) -> None:
    """Makes the folder's classes known to transformers under `model_type`."""
    folder = verify(accepted)
    from transformers import AutoConfig, AutoModelForCausalLM

    places = _auto_map(folder)
    package = types.ModuleType(PACKAGE)
    package.__path__ = [str(folder)]
    sys.modules[PACKAGE] = package
    sys.dont_write_bytecode = True
    config_class = _load(folder, places, "AutoConfig")
    found = getattr(config_class, "model_type", None)
    if found != model_type:
        text = f"The config class in {folder} is of model_type {found!r}, not {model_type!r}."
        raise Failure("user", text, f"Check {found} instead." if found else "Set model_type in the class.")
    model_class = _load(folder, places, "AutoModelForCausalLM")
    if model_class.config_class is None:
        model_class.config_class = config_class
    try:
        AutoConfig.register(model_type, config_class, exist_ok=True)
        AutoModelForCausalLM.register(config_class, model_class, exist_ok=True)
    except ValueError as error:
        raise Failure("reference", f"transformers refuses the classes in {folder}: {error}", "") from None


def _auto_map(folder: Path) -> dict[str, Any]:
    path = folder / "config.json"
    try:
        places = json.loads(path.read_text()).get("auto_map")
    except (OSError, ValueError, AttributeError) as error:
        raise Failure("user", f"Cannot read {path}: {error}.", "Give a checkpoint folder.") from None
    if not isinstance(places, dict):
        text = f"{path} has no auto_map: it does not say which class is the model."
        raise Failure("user", text, "Use the reference in transformers, without --reference-code.")
    return places


def _load(folder: Path, places: dict[str, Any], auto: str) -> Any:
    place = places.get(auto)
    place = place[0] if isinstance(place, list) and place else place
    if not isinstance(place, str) or place.count(".") < 1:
        text = f"auto_map in {folder / 'config.json'} names no {auto}."
        raise Failure("user", text, "The checkpoint's code must define it.")
    if "--" in place:
        repo = place.split("--")[0]
        text = f"auto_map takes {auto} from another repository, {repo}."
        raise Failure("user", text, f"Download {repo}'s code into this folder and name it in auto_map.")
    module, _, name = place.rpartition(".")
    try:
        return getattr(importlib.import_module(f"{PACKAGE}.{module}"), name)
    except ImportError as error:
        text = f"{folder / module}.py cannot be imported: {error}."
        hint = "It may be written for another transformers, or need a package that is not in the environment."
        raise Failure("reference", text, hint) from None
    except Exception as error:
        text = f"{folder / module}.py raises when it is imported: {type(error).__name__}: {error}"
        raise Failure("reference", text[:600], "It may be written for another transformers.") from None
