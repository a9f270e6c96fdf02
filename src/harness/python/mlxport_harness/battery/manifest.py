"""Upstream's manifest, schema version 1, or a checkpoint folder taken as one."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlxport_harness.errors import Failure

KINDS = ("base", "instruct")
DTYPES = ("float16", "bfloat16", "float32")
TOP = {
    "version",
    "pr",
    "model_type",
    "variants",
    "quantize",
    "trust_remote_code",
    "transformers_version",
    "extra_pip",
    "notes",
}
HINT = (
    "The schema is version 1: version, pr {number, repo, branch}, model_type, variants [{repo_id, type, …}]."
)


@dataclass(frozen=True)
class Variant:
    """`memory_gb` and `expected_dtype` are the manifest's word, or None where a folder was given."""

    repo_id: str
    kind: str | None
    memory_gb: float | None
    expected_dtype: str | None

    @property
    def slug(self) -> str:
        """As upstream names the folder; a checkpoint given by its path goes by its last part."""
        path = Path(self.repo_id)
        return f"local--{path.name}" if path.is_absolute() else self.repo_id.replace("/", "--")


@dataclass(frozen=True)
class Manifest:
    path: Path | None
    model_type: str | None
    variants: tuple[Variant, ...]
    pr: dict[str, Any] | None = None
    quantize: bool = True
    trust_remote_code: bool = False
    notes: str = ""
    unknown: tuple[str, ...] = field(default=())


def read(source: Path) -> Manifest:
    """A folder is a manifest of one variant; a file must be a manifest."""
    if source.is_dir():
        return Manifest(None, None, (Variant(str(source), None, None, None),))
    try:
        text = source.read_text()
    except FileNotFoundError:
        hint = "Give a manifest file (yaml) or a folder with config.json and safetensors."
        raise Failure("user", f"There is neither a manifest nor a folder at {source}.", hint) from None
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise Failure("user", f"Cannot read {source}: {reason}.", "Check the path.") from None
    import yaml

    try:
        raw = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{source}:{mark.line + 1}:{mark.column + 1}" if mark else str(source)
        reason = getattr(error, "problem", None) or "malformed"
        raise Failure("user", f"{where}: not valid YAML: {reason}.", "Mend the manifest.") from None
    return _parse(source, raw)


def _parse(path: Path, raw: Any) -> Manifest:
    if not isinstance(raw, dict):
        raise Failure("user", f"{path}: a manifest must be a mapping.", HINT)
    if raw.get("version") != 1:
        text = f"{path}: version is {raw.get('version')!r}; this program reads version 1."
        raise Failure("user", text, HINT)
    pr = _need(path, raw, "pr", dict)
    for key, kind in (("number", int), ("repo", str), ("branch", str)):
        _need(path, pr, key, kind, "pr.")
    variants = _need(path, raw, "variants", list)
    if not variants:
        raise Failure("user", f"{path}: variants is empty.", "Name at least one checkpoint.")
    for key in ("quantize", "trust_remote_code"):
        if not isinstance(raw.get(key, True), bool):
            raise Failure("user", f"{path}: {key} must be true or false.", HINT)
    return Manifest(
        path,
        _need(path, raw, "model_type", str),
        tuple(_variant(path, v, f"variants[{i}]") for i, v in enumerate(variants)),
        pr,
        raw.get("quantize", True),
        raw.get("trust_remote_code", False),
        str(raw.get("notes") or ""),
        tuple(sorted(set(map(str, raw)) - TOP)),
    )


def _variant(path: Path, raw: Any, where: str) -> Variant:
    if not isinstance(raw, dict):
        raise Failure("user", f"{path}: {where} must be a mapping.", HINT)
    repo_id = _need(path, raw, "repo_id", str, f"{where}.")
    kind = _need(path, raw, "type", str, f"{where}.")
    dtype = _need(path, raw, "expected_dtype", str, f"{where}.")
    if kind not in KINDS:
        raise Failure("user", f"{path}: {where}.type is {kind!r}.", f"Types: {', '.join(KINDS)}.")
    if dtype not in DTYPES:
        raise Failure(
            "user", f"{path}: {where}.expected_dtype is {dtype!r}.", f"Dtypes: {', '.join(DTYPES)}."
        )
    memory = raw.get("memory_gb")
    if memory is not None and (isinstance(memory, bool) or not isinstance(memory, (int, float))):
        raise Failure("user", f"{path}: {where}.memory_gb must be a number.", HINT)
    return Variant(repo_id, kind, memory, dtype)


def _need(path: Path, raw: dict[str, Any], key: str, kind: type, where: str = "") -> Any:
    if key not in raw:
        raise Failure("user", f"{path}: {where}{key} is missing.", HINT)
    value = raw[key]
    if not isinstance(value, kind) or isinstance(value, bool):
        names = {int: "a number", str: "text", dict: "a mapping", list: "a list"}
        raise Failure("user", f"{path}: {where}{key} must be {names[kind]}, not {value!r}.", HINT)
    return value
