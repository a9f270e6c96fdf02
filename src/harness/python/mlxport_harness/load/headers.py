"""Reads the safetensors headers of a checkpoint folder, and refuses what is broken by name. Reads no weights.

A folder holds config.json and `model*.safetensors` (the files that mlx-lm reads), with
model.safetensors.index.json where there are several. A file may end right after its header: 8 bytes of
length and the JSON, nothing more. That is how headers alone are kept (`head -c`, or a range request from the
Hub). Any other size that disagrees with the header is a truncated or padded file. Leaves out: what the
tensors are for.
"""

from __future__ import annotations

import gc
import json
import math
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from mlxport_harness.errors import Failure

MAX_HEADER = 100_000_000
INDEX = "model.safetensors.index.json"
BYTES = {
    "BOOL": 1, "U8": 1, "I8": 1, "U16": 2, "I16": 2, "U32": 4, "I32": 4, "U64": 8, "I64": 8, "F16": 2,
    "BF16": 2, "F32": 4, "F64": 8, "C64": 8, "F8_E4M3": 1, "F8_E5M2": 1, "F8_E8M0": 1,
}  # fmt: skip
MLX = {
    "BOOL": "bool_", "U8": "uint8", "I8": "int8", "U16": "uint16", "I16": "int16", "U32": "uint32",
    "I32": "int32", "U64": "uint64", "I64": "int64", "F16": "float16", "BF16": "bfloat16", "F32": "float32",
    "C64": "complex64", "F8_E4M3": "uint8", "F8_E8M0": "uint8",
}  # fmt: skip
REFETCH = "Fetch the file again."


@dataclass
class Headers:
    """Every tensor of a checkpoint, in the order of the files: parallel lists."""

    folder: Path
    names: list[str] = field(default_factory=list)
    dtypes: list[str] = field(default_factory=list)
    shapes: list[list[int]] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    file_of: list[int] = field(default_factory=list)
    bytes: int = 0
    header_only: int = 0
    index: dict[str, str] | None = None
    pending: list[tuple[Path, int, bytes, list[tuple[int, int, str]]]] = field(default_factory=list)


def read(folder: Path) -> Headers:
    """Every tensor of the folder, all of it checked."""
    found = parse(folder)
    verify(found)
    return found


@dataclass
class Texts:
    """What the files of a folder begin with: each one's size and its header's bytes, not looked at yet."""

    folder: Path
    files: list[tuple[Path, int, bytes]]


def parse(folder: Path) -> Headers:
    """Names, dtypes and shapes, each sound in itself; `verify` must follow."""
    return parsed(texts(folder))


def texts(folder: Path) -> Texts:
    """The bytes of every header."""
    paths = sorted(folder.glob("model*.safetensors"))
    if not paths:
        others = sorted(p.name for p in folder.glob("*.safetensors"))
        seen = f"There is only {', '.join(others[:3])}: mlx-lm reads model*.safetensors." if others else ""
        hint = seen or "Give a folder with config.json and model*.safetensors (headers alone are enough)."
        raise Failure("user", f"{folder} holds no model*.safetensors.", hint)
    with quiet():
        return Texts(folder, [(path, *_text(path)) for path in paths])


def parsed(given: Texts) -> Headers:
    """Names, dtypes and shapes of what `texts` read."""
    found = Headers(given.folder)
    with quiet():
        found.index = _index(given.folder, {path.name for path, _, _ in given.files})
        for path, size, text in given.files:
            _file(path, size, text, found)
    return found


def rows(text: bytes) -> list[tuple[str, str, list[int]]]:
    """Name, dtype and shape of each tensor of one header, in the order of `Headers`; nothing is checked."""
    tensors = json.loads(text)
    tensors.pop("__metadata__", None)
    return [(name, tensor["dtype"], tensor["shape"]) for name, tensor in tensors.items()]


def verify(found: Headers) -> None:
    """What needs all of a file, or all files: keys twice, overlaps and holes, sizes, the index."""
    with quiet():
        for path, size, text, spans in found.pending:
            _no_key_twice(path, text, len(spans))
            data = _contiguous(path, spans)
            held = size - 8 - len(text)
            if held not in (0, data):
                less = "is truncated: it" if held < data else "is longer than its header says: it"
                raise Failure("user", f"{path} {less} holds {held:,} of {data:,} bytes of weights.", REFETCH)
            found.header_only += held == 0 and data > 0
            found.bytes += data
        found.pending.clear()
        _unique(found)
        if found.index is not None:
            _agrees(found.index, found)


@contextmanager
def quiet() -> Iterator[None]:
    """A hundred thousand small objects that all stay: collecting between them doubles the time."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def _file(path: Path, size: int, text: bytes, found: Headers) -> None:
    tensors = _object(path, text)
    metadata = tensors.pop("__metadata__", None)
    if metadata is not None and not isinstance(metadata, dict):
        raise _broken(path, "__metadata__ is not an object")
    names, dtypes, shapes, spans = found.names, found.dtypes, found.shapes, []
    at = len(found.files)
    for name, tensor in tensors.items():
        try:
            dtype, shape, (begin, end) = tensor["dtype"], tensor["shape"], tensor["data_offsets"]
            if end - begin != math.prod(shape) * BYTES[dtype] or begin < 0:
                raise ValueError
        except (KeyError, TypeError, ValueError):
            raise _entry(path, name, tensor) from None
        spans.append((begin, end, name))
        names.append(name)
        dtypes.append(dtype)
        shapes.append(shape)
    numbers = list(chain.from_iterable(shapes[len(shapes) - len(spans) :]))
    if set(map(type, numbers)) - {int} or min(numbers, default=0) < 0:
        bad = next(n for n in (t[2] for t in spans) if not _whole(tensors[n]["shape"]))
        raise _entry(path, bad, tensors[bad])
    found.pending.append((path, size, text, spans))
    found.files.append(path.name)
    found.file_of += [at] * len(spans)


def _text(path: Path) -> tuple[int, bytes]:
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            length = int.from_bytes(file.read(8), "little")
            if size < 8:
                raise Failure("user", f"{path} is truncated: it holds {size} bytes, no header.", REFETCH)
            if length > MAX_HEADER:
                text = (
                    f"{path}: its first 8 bytes ask for a header of {length:,} bytes, above {MAX_HEADER:,}."
                )
                raise Failure("user", text, "It is not a safetensors file, or it is damaged. " + REFETCH)
            text = file.read(length)
    except OSError as error:
        raise Failure("user", f"Cannot read {path}: {error.strerror}.", "Check the path.") from None
    if len(text) < length:
        raise Failure(
            "user", f"{path} is truncated: {len(text):,} of the header's {length:,} bytes are there.", REFETCH
        )
    return size, text


def _object(path: Path, text: bytes) -> dict[str, Any]:
    try:
        tensors = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _broken(path, f"not valid JSON: {error}") from None
    if not isinstance(tensors, dict):
        raise _broken(path, "not a JSON object")
    return tensors


def _no_key_twice(path: Path, text: bytes, tensors: int) -> None:
    if any(text.count(key) != tensors for key in (b'"data_offsets"', b'"dtype"', b'"shape"')):
        json.loads(text, object_pairs_hook=lambda pairs: _no_twice(path, pairs))


def _no_twice(path: Path, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The slow reading, taken when the quick count says that a key may be there twice."""
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = next(key for key, n in Counter(key for key, _ in pairs).items() if n > 1)
        raise _broken(path, f"the key {twice!r} is there twice")
    return found


def _contiguous(path: Path, spans: list[tuple[int, int, str]]) -> int:
    """The bytes of weights; tensors may neither overlap nor leave holes, as the format says."""
    at, before = 0, ""
    for begin, end, name in sorted(spans):
        if begin < at:
            raise _broken(path, f"{name} overlaps {before}: it begins at byte {begin:,}, before {at:,}")
        if begin > at:
            raise _broken(path, f"{begin - at:,} bytes before {name} belong to no tensor")
        at, before = end, name
    return at


def _entry(path: Path, name: str, tensor: Any) -> Failure:
    """Says what is wrong with one tensor's entry."""
    if not isinstance(tensor, dict) or not {"dtype", "shape", "data_offsets"} <= tensor.keys():
        return _broken(path, f"{name} lacks dtype, shape or data_offsets")
    dtype, shape, offsets = tensor["dtype"], tensor["shape"], tensor["data_offsets"]
    if dtype not in BYTES:
        return Failure(
            "user", f"{path}: {name} has dtype {dtype}, which mlx does not read.", "Convert it first."
        )
    if not _whole(shape) or not (
        isinstance(offsets, list) and len(offsets) == 2 and all(type(n) is int for n in offsets)
    ):
        return _broken(path, f"{name} has shape {shape} and offsets {offsets}")
    wanted, held = math.prod(shape) * BYTES[dtype], offsets[1] - offsets[0]
    return _broken(
        path, f"{name} ({dtype}, {shape}) needs {wanted:,} bytes, its offsets {offsets} hold {held:,}"
    )


def _whole(shape: Any) -> bool:
    return isinstance(shape, list) and all(type(n) is int and n >= 0 for n in shape)


def _unique(found: Headers) -> None:
    if len(set(found.names)) == len(found.names):
        return
    first: dict[str, int] = {}
    for number, name in enumerate(found.names):
        if name in first:
            files = [found.files[found.file_of[n]] for n in (first[name], number)]
            text = f"{found.folder}: the tensor {name} is in both {files[0]} and {files[1]}."
            raise Failure(
                "user", text, "Keep one set of files: mlx-lm would load all of them, in no fixed order."
            )
        first[name] = number


def _index(folder: Path, present: set[str]) -> dict[str, str] | None:
    path = folder / INDEX
    if not path.exists():
        return None
    try:
        index = json.loads(path.read_bytes())
        places = index["weight_map"]
        named = set(places.values())
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise _broken(path, f"no weight_map can be read ({type(error).__name__}: {error})") from None
    missing = sorted(str(name) for name in named if name not in present)
    if missing:
        owned = sum(place == missing[0] for place in places.values())
        more = f" and {len(missing) - 1} other files" if len(missing) > 1 else ""
        text = f"{path} names {missing[0]} ({owned} tensors){more}, which {folder} does not hold."
        raise Failure("user", text, "Fetch the missing files; headers alone are enough.")
    return places


def _agrees(index: dict[str, str], found: Headers) -> None:
    """Both ways: each entry's tensor is in the file it names, and each tensor has an entry."""
    path = found.folder / INDEX
    real = {name: found.files[at] for name, at in zip(found.names, found.file_of, strict=True)}
    if index == real:
        return
    for name, file in index.items():
        if real.get(name) != file:
            place = f"it is in {real[name]}" if name in real else "no file holds it"
            raise _broken(path, f"{name} should be in {file}: {place}")
    extra = next(name for name in real if name not in index)
    raise _broken(path, f"{extra}, in {real[extra]}, has no entry")


def _broken(path: Path, what: str) -> Failure:
    return Failure("user", f"{path}: {what}.", "The file is damaged. " + REFETCH)
