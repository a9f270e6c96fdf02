"""Imports what every child needs, once, and evaluates nothing: a process that ran a kernel cannot fork.

Also notices when a preloaded mlx-lm file changed on disk since, and imports it afresh in the child.
"""

from __future__ import annotations

import gc
import importlib
import importlib.metadata
import importlib.util
import os
import platform
import sys
from functools import cache
from pathlib import Path

from mlxport_harness import isolate
from mlxport_harness.trim import trim

PACKAGES = ("mlx", "mlx-lm", "transformers", "torch", "numpy")
PRELOADED = (
    "mlx.nn",
    "mlx_lm.utils",
    "mlx_lm.models.base",
    "mlx_lm.models.cache",
    "mlx_lm.models.rope_utils",
    "mlx_lm.models.switch_layers",
    "mlx_lm.models.activations",
    "mlx_lm.models.pipeline",
    "mlx_lm.models.mla",
    "mlx_lm.models.gated_delta",
    "mlx_lm.models.ssm",
    "mlx_lm.generate",
    "transformers.modeling_utils",
    "transformers.models.auto.modeling_auto",
    "transformers.models.llama.modeling_llama",
)
# Our own that every run of a port needs: a child would compile them from source each time.
RECORDERS = "mlxport_harness.port"
OURS = (
    f"{RECORDERS}.record",
    *(f"{RECORDERS}.stages.{s}" for s in ("exact", "dtype", "cache", "batch", "locate")),
)
# What one side of a battery needs of the above; neither library of the other side is among it.
SIDES = {
    "reference": ("torch", "transformers.modeling_utils", "transformers.models.auto.modeling_auto"),
    "port": ("mlx.nn", "mlx_lm.utils", "mlx_lm.generate", "mlx_lm.tokenizer_utils", "mlx_lm.models.cache"),
}
Stamp = tuple[int, int]
_known: dict[str, Stamp] = {}


def environment() -> None:
    """Settings that must be in place before the first import."""
    os.environ["MLX_ENABLE_TF32"] = "0"
    os.environ["MLX_DISABLE_COMPILE"] = "1"
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    sys.dont_write_bytecode = True


def imports() -> None:
    """Both frameworks and the modules most ports and references share."""
    environment()
    import mlx.core as mx
    import transformers

    with_torch = importlib.util.find_spec("torch") is not None  # a golden pack is checked without it
    for name in PRELOADED:
        if with_torch or "modeling_" not in name:
            importlib.import_module(name)
    for name in OURS:
        importlib.import_module(name)
    mx.set_default_device(mx.cpu)
    mx.disable_compile()
    transformers.utils.logging.disable_progress_bar()
    if with_torch:
        importlib.import_module("torch").set_num_threads(1)
    _known.update(stamps())
    isolate.measure()


def one_side(side: str, torch: bool = True) -> None:
    """`reference` or `port` alone, in a process whose parent imported neither; after `imports`, nothing.

    `torch`: whether it may be imported. Without it transformers has its tokenizers only, and is there in a
    quarter of the time.
    """
    if _known:
        return
    environment()
    if not torch:
        sys.modules["torch"] = None  # type: ignore[assignment]
    gc.disable()  # it would look through every object of the libraries, again and again
    try:
        for name in SIDES[side]:
            importlib.import_module(name)
    finally:
        gc.enable()
    importlib.import_module("transformers").utils.logging.disable_progress_bar()
    if side == "port":
        mx = importlib.import_module("mlx.core")
        mx.set_default_device(mx.cpu)
        mx.disable_compile()
    _known.update(stamps())
    trim()
    isolate.measure()


@cache
def versions() -> dict[str, str]:
    from mlxport_harness import VERSION

    found = {name.replace("-", "_"): _version(name) for name in PACKAGES}
    return found | {"python": platform.python_version(), "mlxport_harness": VERSION}


def stamps() -> dict[str, Stamp]:
    """Size and time of every mlx-lm file imported so far."""
    found = {}
    for name, module in list(sys.modules.items()):
        path = getattr(module, "__file__", None)
        if name.partition(".")[0] == "mlx_lm" and path:
            found[path] = _stamp(path)
    return found


def refresh() -> list[str]:
    """Purges mlx-lm when one of its files changed since this process imported it, and says which."""
    changed = [path for path, stamp in _known.items() if _stamp(path) != stamp]
    if changed:
        stale = [
            n for n in sys.modules if n.partition(".")[0] == "mlx_lm" or n.startswith(f"{RECORDERS}.stages.")
        ]
        for name in stale:
            del sys.modules[name]
        importlib.invalidate_caches()
    return [Path(path).name for path in changed]


def _stamp(path: str) -> Stamp:
    try:
        status = os.stat(path)
        return (status.st_size, status.st_mtime_ns)
    except OSError:
        return (-1, 0)


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "absent"
