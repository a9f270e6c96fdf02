"""Parses what is to be compared, once, at the edge: model_type, config files, port file.

Answers without torch: names only. A wrong name, an encoder or a broken config.json is the person's to mend.
"""

from __future__ import annotations

import difflib
import hashlib
import importlib.util
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlxport_harness import portnames
from mlxport_harness.errors import Failure
from mlxport_harness.reference.code import verify
from mlxport_harness.twin.shrink import rules


@dataclass(frozen=True)
class Variant:
    """One config to make a twin of: the class defaults (`raw` is None) or a config.json."""

    name: str
    raw: dict[str, Any] | None


@dataclass(frozen=True)
class Target:
    """A checked request: every name exists and every file was read."""

    model_type: str
    variants: tuple[Variant, ...]
    port_path: Path
    port_sha: str
    port_given: bool
    # A folder whose own code is the reference, and the hash that a person accepted.
    reference_code: dict[str, str] | None = None


def parse(target: dict[str, Any]) -> Target:
    configs = target.get("config")
    paths = [configs] if isinstance(configs, str) else list(configs or [])
    loaded = [(Path(p), _read_config(Path(p))) for p in paths]
    model_type = target.get("model_type") or (loaded[0][1].get("model_type") if loaded else None)
    if not isinstance(model_type, str) or not model_type:
        raise Failure("user", "The request names no model_type.", "Give a model_type or a config.json.")
    for path, raw in loaded:
        if raw.get("model_type") != model_type:
            found = raw.get("model_type")
            raise Failure(
                "user",
                f"{path} is a config of model_type {found!r}, not {model_type!r}.",
                f"Check {found} instead, or give a config.json of {model_type}.",
            )
    code = _reference_code(target.get("reference_code"))
    if code is None:
        _check_type(model_type)
    variants = tuple(Variant(_variant_name(path), raw) for path, raw in loaded) or (
        Variant("defaults", None),
    )
    port_path, given = _port_path(model_type, target.get("port_path"))
    try:
        sha = hashlib.sha256(port_path.read_bytes()).hexdigest()
    except OSError as error:
        raise Failure(
            "user", f"Cannot read the port file {port_path}: {error.strerror}.", "Check the path."
        ) from None
    wanted = target.get("port_sha")
    if wanted and wanted != sha:
        raise Failure("user", f"{port_path} has changed since the request was made.", "Run the check again.")
    return Target(model_type, variants, port_path, sha, given, code)


def _reference_code(given: Any) -> dict[str, str] | None:
    if given is None:
        return None
    words = given if isinstance(given, dict) else {}
    if not all(isinstance(words.get(key), str) for key in ("folder", "digest")):
        raise Failure("user", "reference_code needs a folder and the digest that was accepted.", "")
    if not Path(words["folder"]).is_dir():
        raise Failure("user", f"There is no folder {words['folder']}.", "Check the path.")
    code = {"folder": words["folder"], "digest": words["digest"]}
    verify(code)
    return code


def _variant_name(path: Path) -> str:
    return path.parent.name if path.name == "config.json" and path.parent.name else path.stem


def _read_config(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text()
        raw = json.loads(text)
    except json.JSONDecodeError as error:
        where = f"{path}:{error.lineno}:{error.colno}"
        raise Failure(
            "user", f"{where}: not valid JSON: {error.msg}.", "Mend the file and run again."
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise Failure("user", f"Cannot read {path}: {reason}.", "Check the path.") from None
    if not isinstance(raw, dict):
        raise Failure("user", f"{path}:1:1: a config must be a JSON object.", "Give a model's config.json.")
    return raw


def _check_type(model_type: str) -> None:
    from transformers.models.auto import configuration_auto, modeling_auto

    known = set(configuration_auto.CONFIG_MAPPING_NAMES)
    causal = set(modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES)
    causal |= set(modeling_auto.MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES)
    other = set(modeling_auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES)
    other |= set(modeling_auto.MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES)
    other |= set(modeling_auto.MODEL_FOR_SPEECH_SEQ_2_SEQ_MAPPING_NAMES)
    if model_type not in known:
        near = difflib.get_close_matches(model_type, sorted(causal - other), n=3, cutoff=0.5)
        hint = f"Did you mean {', '.join(near)}?" if near else "List the types with `mlxport discover`."
        raise Failure("user", f"transformers knows no model_type {model_type!r}.", hint)
    if model_type not in causal or model_type in other:
        near = sorted(t for t in causal - other if t.startswith(f"{model_type}_"))[:3]
        hint = (
            f"Its text part may be {', '.join(near)}."
            if near
            else "Give a decoder model that generates text."
        )
        raise Failure("user", f"{model_type} is not a causal language model in transformers.", hint)


def _port_path(model_type: str, given: str | None) -> tuple[Path, bool]:
    if given:
        path = Path(given)
        if not path.is_file():
            raise Failure("user", f"There is no port file at {path}.", "Check the path.")
        return path.resolve(), True
    unrelated = rules()["types"].get(model_type, {}).get("no_port")
    if unrelated:
        raise Failure("user", f"{unrelated}.", "Give a port's file with --port FILE.")
    spec = importlib.util.find_spec("mlx_lm")
    if spec is None or not spec.submodule_search_locations:
        raise Failure("environment", "mlx-lm is not installed in this environment.", "Run `mlxport setup`.")
    path = Path(next(iter(spec.submodule_search_locations))) / "models" / f"{port_name(model_type)}.py"
    if not path.is_file():
        raise Failure(
            "user", f"mlx-lm has no port of {model_type}.", "Give the port's file with --port FILE."
        )
    return path, False


def port_name(model_type: str) -> str:
    """The module that mlx-lm takes: by the architecture of released files where a type has several."""
    by_type, by_architecture = portnames.tables()
    architecture = rules()["types"].get(model_type, {}).get("architecture")
    found = by_architecture.get((model_type, architecture))
    return str(found or by_type.get(model_type, model_type))
