"""A checkpoint folder as a battery sees it before anything is loaded: files, headers, sizes, a key.

Only headers, configs and samples of the weights are read. What is missing is said by name here, not by a
traceback of whichever library meets it first.
"""

from __future__ import annotations

import hashlib
import json
import math
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlxport_harness.battery.manifest import Variant
from mlxport_harness.errors import Failure

NAMES = {"F64": 8, "F32": 4, "BF16": 2, "F16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}
LONG = {"BF16": "bfloat16", "F16": "float16", "F32": "float32"}
HEADER_LIMIT = 100 << 20
SAMPLES, SAMPLE = 16, 4096
TOKENIZERS = ("tokenizer.json", "tokenizer.model", "tiktoken.model", "vocab.json", "vocab.txt")


@dataclass(frozen=True)
class Checkpoint:
    """`key` changes when a config, a tokenizer file, a header or a sampled stretch of the weights does."""

    folder: Path
    config: dict[str, Any]
    kind: str
    dtype: str
    parameters: int
    bytes: int
    shards: tuple[Path, ...]
    quantized: bool
    chat_template: bool
    key: str

    @property
    def model_type(self) -> str:
        return str(self.config["model_type"])

    @property
    def float32_bytes(self) -> int:
        return self.parameters * 4


def find(variant: Variant, folders: dict[str, str]) -> Path:
    """The variant's folder: a path, a folder named for it on the command line, or the Hub cache."""
    given = folders.get(variant.repo_id)
    folder = Path(given or variant.repo_id)
    if folder.is_dir():
        return folder.resolve()
    if given:
        raise Failure("user", f"There is no folder {given} (given for {variant.repo_id}).", "Check --folder.")
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(variant.repo_id, local_files_only=True))
    except Exception:
        text = f"{variant.repo_id} is neither a folder nor in the Hub cache."
        hint = f"Download it first, or give its folder: --folder {variant.repo_id}=PATH."
        raise Failure("user", text, hint) from None


def inspect(folder: Path, variant: Variant) -> Checkpoint:
    config = _json(folder / "config.json", "Give a folder with a model's config.json.")
    if not isinstance(config.get("model_type"), str):
        raise Failure(
            "user", f"{folder / 'config.json'}: model_type is missing.", "Give a model's config.json."
        )
    shards = _shards(folder)
    found = hashlib.sha256()
    counts: dict[str, int] = {}
    for shard in shards:
        for kind, count in _header(shard, found).items():
            counts[kind] = counts.get(kind, 0) + count
    if not any((folder / name).is_file() for name in TOKENIZERS):
        text = f"{folder} has no tokenizer (none of {', '.join(TOKENIZERS)})."
        raise Failure("user", text, "Copy the model's tokenizer files beside its weights.")
    for name in sorted(p.name for p in folder.iterdir() if p.suffix in (".json", ".jinja", ".model")):
        found.update(name.encode() + (folder / name).read_bytes())
    chat = _has_template(folder)
    if variant.kind == "instruct" and not chat:
        text = f"{folder} has no chat template, and the manifest says {variant.repo_id} is an instruct model."
        raise Failure("user", text, "Add chat_template.jinja, or set its type to base.")
    widest = max(counts, key=lambda kind: counts[kind], default="F32")
    quantized = "quantization" in config or "quantization_config" in config
    return Checkpoint(
        folder,
        config,
        variant.kind or ("instruct" if chat else "base"),
        variant.expected_dtype or _declared(config) or LONG.get(widest, "float32"),
        sum(counts.values()),
        sum(s.stat().st_size for s in shards),
        shards,
        quantized,
        chat,
        found.hexdigest()[:20],
    )


def _shards(folder: Path) -> tuple[Path, ...]:
    index = folder / "model.safetensors.index.json"
    if not index.is_file():
        found = tuple(sorted(folder.glob("model*.safetensors")))
        if not found:
            text = f"{folder} has no weights (model*.safetensors)."
            raise Failure("user", text, "Give a checkpoint in safetensors.")
        return found
    names = sorted(set(_json(index, "Download it again.").get("weight_map", {}).values()))
    missing = [n for n in names if not (folder / n).is_file()]
    if missing:
        text = f"{folder} lacks {len(missing)} of {len(names)} shards of its index: {', '.join(missing[:3])}."
        raise Failure("user", text, "Download the checkpoint again.")
    return tuple(folder / n for n in names)


def _header(shard: Path, found: Any) -> dict[str, int]:
    """Parameters by dtype; adds the header and samples of the data to the hash."""
    size = shard.stat().st_size
    broken = Failure("user", f"{shard} is not a whole safetensors file.", "Download the checkpoint again.")
    with open(shard, "rb") as file:
        start = file.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else HEADER_LIMIT + 1
        if length > min(HEADER_LIMIT, size):
            raise broken
        raw = file.read(length)
        try:
            header = json.loads(raw)
            tensors = [v for k, v in header.items() if k != "__metadata__"]
            end = max((v["data_offsets"][1] for v in tensors), default=0)
            counts: dict[str, int] = {}
            for tensor in tensors:
                counts[tensor["dtype"]] = counts.get(tensor["dtype"], 0) + math.prod(tensor["shape"])
        except (ValueError, KeyError, TypeError, AttributeError):
            raise broken from None
        if 8 + length + end != size:
            raise broken
        found.update(raw)
        for number in range(SAMPLES):
            file.seek(8 + length + end * number // SAMPLES)
            found.update(file.read(SAMPLE))
    return counts


def _declared(config: dict[str, Any]) -> str | None:
    text = config.get("text_config") or {}
    for value in (config.get("torch_dtype"), config.get("dtype"), text.get("dtype"), text.get("torch_dtype")):
        if value in LONG.values():
            return value
    return None


def _has_template(folder: Path) -> bool:
    if (folder / "chat_template.jinja").is_file() or (folder / "chat_template.json").is_file():
        return True
    path = folder / "tokenizer_config.json"
    return path.is_file() and bool(_json(path, "Mend the file.").get("chat_template"))


def _json(path: Path, hint: str) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text())
    except FileNotFoundError:
        raise Failure("user", f"There is no {path}.", hint) from None
    except json.JSONDecodeError as error:
        where = f"{path}:{error.lineno}:{error.colno}"
        raise Failure("user", f"{where}: not valid JSON: {error.msg}.", "Mend the file.") from None
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise Failure("user", f"Cannot read {path}: {reason}.", "Check the file.") from None
    if not isinstance(value, dict):
        raise Failure("user", f"{path}:1:1: must be a JSON object.", hint)
    return value
