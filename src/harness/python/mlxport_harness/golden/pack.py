"""The file: a magic, a JSON head, raw numbers, and a SHA-256 over all before it.

Numbers that bfloat16 holds exactly are kept in two bytes, the others as float32: no value is changed. Nothing
in it is code, and nothing is read before the hash is right.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from mlxport_harness.errors import Failure

MAGIC, FORMAT = b"MLXGOLD\n", 1
NEEDED = ("format", "kind", "model_type", "ids", "versions", "reference", "arrays", "floor")
Arrays = dict[str, np.ndarray]


def write(path: Path, head: dict[str, Any], arrays: Arrays) -> dict[str, Any]:
    """Writes atomically; gives the size and the hash."""
    index, chunks, at = {}, [], 0
    for name, array in arrays.items():
        kind, data = _packed(np.ascontiguousarray(array, dtype=np.float32))
        index[name] = [kind, list(array.shape), at, len(data)]
        chunks.append(data)
        at += len(data)
    text = json.dumps({"format": FORMAT, **head, "arrays": index}, sort_keys=True).encode()
    body = b"".join([MAGIC, len(text).to_bytes(8, "little"), text, *chunks])
    digest = hashlib.sha256(body).digest()
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(body + digest)
        os.replace(temporary, path)
    except OSError as error:
        raise Failure(
            "user", f"Cannot write {path}: {error.strerror}.", "Give another file with -o."
        ) from None
    return {"bytes": len(body) + 32, "sha256": digest.hex()}


def read(path: Path) -> tuple[dict[str, Any], Arrays]:
    """The head and the arrays; a pack that is not whole, not ours or not as written is refused by name."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise Failure("user", f"Cannot read the pack {path}: {error.strerror}.", "Check the path.") from None
    again = "Fetch it again, or write a new one with `golden write`."
    if data[:8] != MAGIC:
        raise Failure("user", f"{path} is not a golden pack.", "Packs are written by `golden write`.")
    if len(data) < 48:
        raise Failure("user", f"The pack {path} is truncated: {len(data)} bytes.", again)
    size = int.from_bytes(data[8:16], "little")
    wanted = hashlib.sha256(data[:-32]).digest() == data[-32:]
    try:
        head = json.loads(data[16 : 16 + size])
        full = 16 + size + sum(row[3] for row in head["arrays"].values()) + 32
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):
        state = "altered" if len(data) >= 16 + size else "truncated"
        raise Failure("user", f"The pack {path} is {state}: its head cannot be read.", again) from None
    if len(data) < full:
        text = f"The pack {path} is truncated: {len(data)} of {full} bytes."
        raise Failure("user", text, again)
    if not wanted:
        raise Failure("user", f"The pack {path} was altered: its SHA-256 does not match its content.", again)
    if head.get("format") != FORMAT:
        text = f"The pack {path} has format {head.get('format')!r}; this harness reads format {FORMAT}."
        raise Failure("user", text, "Write it again, or check it with the version that wrote it.")
    missing = [key for key in NEEDED if key not in head]
    if missing:
        raise Failure("user", f"The pack {path} lacks {', '.join(missing)}.", again)
    body = memoryview(data)[16 + size : -32]
    try:
        return head, {name: _unpacked(body, *row) for name, row in head["arrays"].items()}
    except (ValueError, TypeError) as error:
        raise Failure("user", f"The pack {path} is inconsistent: {error}.", again) from None


def _packed(array: np.ndarray) -> tuple[str, bytes]:
    bits = array.view(np.uint32)
    if not np.any(bits & 0xFFFF):
        return "bf16", (bits >> 16).astype("<u2").tobytes()
    return "f32", array.astype("<f4").tobytes()


def _unpacked(body: memoryview, kind: str, shape: list[int], at: int, size: int) -> np.ndarray:
    part = body[at : at + size]
    if kind == "bf16":
        bits = np.frombuffer(part, "<u2").astype(np.uint32) << 16
        return bits.view(np.float32).reshape(shape)
    if kind == "f32":
        return np.frombuffer(part, "<f4").astype(np.float32).reshape(shape)
    raise ValueError(f"unknown number kind {kind!r}")


def weights_hash(folder: Path) -> str:
    """Of a checkpoint: the headers and sizes of its safetensors, and its config. The weights are not read."""
    found = hashlib.sha256((folder / "config.json").read_bytes())
    for path in sorted(folder.glob("*.safetensors")):
        with open(path, "rb") as file:
            size = int.from_bytes(file.read(8), "little")
            if size > 100 << 20:
                raise ValueError(f"{path.name} has a header of {size} bytes")
            found.update(path.name.encode() + file.read(size))
        found.update(str(path.stat().st_size).encode())
    return found.hexdigest()
