"""Work-arounds for mlx on CPU, applied before the port is imported and named in the environment record."""

from __future__ import annotations

from typing import Any

NAMES = ["gather_mm computes bfloat16 in float32 and rounds back", "mx.compile disabled"]


def apply() -> list[str]:
    import mlx.core as mx

    real = mx.gather_mm

    def gather_mm(a: Any, b: Any, *args: Any, **kwargs: Any) -> Any:
        if a.dtype == mx.float32 and b.dtype == mx.float32:
            return real(a, b, *args, **kwargs)
        kind = mx.result_type(a, b)
        return real(a.astype(mx.float32), b.astype(mx.float32), *args, **kwargs).astype(kind)

    gather_mm.unshimmed = real  # type: ignore[attr-defined]
    mx.gather_mm = gather_mm
    return NAMES
