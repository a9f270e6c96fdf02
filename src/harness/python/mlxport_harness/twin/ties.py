"""Relations between sizes: what holds in the real config is made to hold in the twin. Pure.

An expression is a product or quotient of keys and numbers, such as `mamba_expand*hidden_size/mamba_n_heads`.
It applies only where the real config obeys it, so a fact that one architecture breaks is not forced on it.
"""

from __future__ import annotations

import re
from typing import Any

Config = dict[str, Any]
_PART = re.compile(r"([*/]?)([A-Za-z_]\w*|\d+)")


def tie(small: Config, base: Config, table: dict[str, list[str]], keys: Any = None) -> None:
    """Sets each key of `table` that is in `small` by the first expression that the base obeys."""
    for key, expressions in table.items():
        if not _number(small.get(key)) or (keys is not None and key not in keys):
            continue
        for expression in expressions:
            if evaluate(expression, base) == base.get(key):
                value = evaluate(expression, small)
                if value is not None and value == int(value):
                    small[key] = int(value)
                break


def evaluate(expression: str, config: Config) -> float | None:
    """None where a key is absent or not a number."""
    result = 1.0
    for operator, name in _PART.findall(expression):
        value = int(name) if name.isdigit() else config.get(name)
        if not _number(value) or (operator == "/" and value == 0):
            return None
        result = result / value if operator == "/" else result * value
    return result


def scale(small: Config, base: Config, table: Config, own: Config) -> None:
    """Widths that no rule names shrink with the hidden size."""
    width = next((k for k in table["width_keys"] if _number(base.get(k)) and _number(small.get(k))), None)
    if width is None or base[width] <= small[width]:
        return
    known = table["set"].keys() | table["cap"].keys() | own.get("set", {}).keys() | set(table["layer_keys"])
    for key, value in base.items():
        if key in known or key not in small:
            continue
        if shrinks(key, value, table):
            ratio = value * small[width] / base[width]
            small[key] = max(8, round(ratio / 8) * 8)


def shrinks(key: str, value: Any, table: Config) -> bool:
    """Whether a key's name and value say that it is a width."""
    large = size(value) and value >= table["scale_from"]
    return large and _matches(key, table["scale"]) and not _matches(key, table["scale_not"])


def size(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _matches(key: str, patterns: list[str]) -> bool:
    return any(re.fullmatch(pattern.replace("*", ".*"), key) for pattern in patterns)


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
