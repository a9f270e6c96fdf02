"""Minutes and gigabytes before a start: from headers, the tests chosen, and what this machine did last time.

Rates are kept beside the recordings; the first battery on a machine goes by cautious defaults and says so.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from mlxport_harness.battery import facts
from mlxport_harness.battery.checkpoint import Checkpoint
from mlxport_harness.battery.plan import Test

# Bytes per second read; parameters × tokens per second in one pass, and decoded one by one.
DEFAULTS = {"load": 2e8, "forward": 5e9, "decode": 1e9, "reference": 1e10}
MARGIN = 1.15
PROMPT = 96


def memory_bytes() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def float32_fits(checkpoint: Checkpoint, mem_mb: int) -> bool:
    """float32 weights, and a tenth for what a pass needs beside them."""
    return checkpoint.float32_bytes * 1.1 <= min(mem_mb << 20, memory_bytes())


def estimate(
    checkpoint: Checkpoint,
    tests: list[Test],
    float32: bool,
    tokens: tuple[int, int],
    cache_dir: Path,
    known: bool,
) -> dict[str, Any]:
    """`tokens`: limits of generate and long_sequence. `known`: the reference's recordings are on disk."""
    rates = DEFAULTS | measured(cache_dir)
    size, chosen = checkpoint.parameters, {t.id for t in tests}
    short, long = tokens
    decoded = {"generate": short, "quant_generate": short, "long_sequence": long}
    port_tokens = sum(decoded.get(t, 0) for t in chosen)
    if "memory" in chosen and "long_sequence" not in chosen:
        port_tokens += 512
    passes = 2 * len(chosen & {"quant"}) + len(chosen & {"quality", "exact"})
    passes += 1 if chosen & {"predictions", "layers"} else 0
    port = 2 * checkpoint.bytes / rates["load"] + passes * PROMPT * size / rates["forward"]
    generation = port_tokens * size / rates["decode"]
    reference = 0.0
    if not known:
        reference_passes = 2 * (
            bool(chosen & {"predictions", "layers", "exact"}) + bool(chosen & {"quality", "quant"})
        )
        reference = checkpoint.bytes / rates["load"] + reference_passes * PROMPT * size / rates["reference"]
        reference += short * size / rates["decode"] if "generate" in chosen else 0
    wide = checkpoint.float32_bytes if float32 else checkpoint.bytes
    return {
        "seconds": reference + port + generation,
        "generation_seconds": generation,
        "memory_gb": wide * MARGIN / 1e9 + 0.5,
        "read_gb": (checkpoint.bytes * (1 if known else 2) + checkpoint.bytes * 0.3) / 1e9,
        "disk_gb": (0.3 * checkpoint.bytes if "quantize" in chosen else 0) / 1e9,
        "parameters": size,
        "float32": float32,
        "rates": "measured here" if measured(cache_dir) else "defaults: the first on this machine",
        "long_tokens": min(long, facts.LONG_TOKENS),
    }


def words(found: dict[str, Any]) -> str:
    minutes = found["seconds"] / 60
    text = f"about {minutes:.0f} min" if minutes >= 2 else f"about {found['seconds']:.0f} s"
    if found["generation_seconds"] > 0:
        text += f", of it {found['generation_seconds'] / 60:.1f} min generation"
    width = "float32 fits" if found["float32"] else "float32 goes layer by layer"
    return (
        f"{found['parameters'] / 1e6:,.0f} million parameters: {text}; {found['memory_gb']:.1f} GB memory, "
        f"{found['read_gb']:.1f} GB read, {found['disk_gb']:.1f} GB written; {width} ({found['rates']})"
    )


def measured(cache_dir: Path) -> dict[str, float]:
    try:
        found = json.loads((cache_dir / "battery" / "rates.json").read_text())
        return {k: float(v) for k, v in found.items() if k in DEFAULTS and float(v) > 0}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def learn(cache_dir: Path, **rates: float) -> None:
    found = measured(cache_dir) | {k: v for k, v in rates.items() if v > 0}
    path = cache_dir / "battery" / "rates.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(f".{os.getpid()}")
    temporary.write_text(json.dumps(found))
    os.replace(temporary, path)
