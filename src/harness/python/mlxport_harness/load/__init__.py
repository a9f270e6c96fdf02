"""The load check: a checkpoint's headers through `sanitize` and a strict load, full size, no weights."""
