"""Gives freed memory back to the system between stages: glibc keeps it, and two sides would keep it twice."""

from __future__ import annotations

import ctypes


def trim() -> None:
    """Nothing on systems whose C library has no `malloc_trim`."""
    give_back = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if give_back is not None:
        give_back(0)
