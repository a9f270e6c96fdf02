"""Which changes of a config are worth trying. Pure: dictionaries in, a list of changes out.

A change sets one key to another legal value, to null, or removes it. What is legal is data, by name, in
`changes.json`; what no rule there covers goes by the type of the value.
"""

from __future__ import annotations

import copy
import fnmatch
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

Config = dict[str, Any]
# {path: [keys], kind: value | null | absent, value, label; name: where the path does not tell;
#  also: keys that must change with it for it to be legal, or to be seen}
Change = dict[str, Any]
ATTENTIONS = ("full_attention", "sliding_attention", "chunked_attention")
ROPE = ("rope_parameters", "rope_scaling", "rope_theta", "partial_rotary_factor", "rope_local_base_freq")


@cache
def rules() -> Config:
    return json.loads(Path(__file__).with_name("changes.json").read_text())


def plan(config: Config, declared: Config) -> tuple[list[Change], dict[str, list[str]]]:
    """All changes of a config.json, and what is left out, by reason.

    `declared`: the class's own reading of it, which has the keys that the file leaves to defaults.
    """
    other = {} if "rope_parameters" in config else {"rope_parameters"}
    if "rope_parameters" in config:
        other = {"rope_theta", "rope_scaling", "partial_rotary_factor"} - config.keys()
    keys = list(config) + [k for k in declared if k not in config and k not in other and k[:1] != "_"]
    changes: list[Change] = []
    left: dict[str, list[str]] = {}
    for key in keys:
        reason = _skipped(key)
        if reason:
            left.setdefault(reason, []).append(key)
        elif key.endswith("_config") and isinstance(config.get(key), dict):
            inner, skipped = plan(config[key], declared.get(key) or {})
            changes += [{**c, "path": [key, *c["path"]]} for c in inner]
            for why, names in skipped.items():
                left.setdefault(why, []).extend(f"{key}.{name}" for name in names)
        else:
            found = [_companions(c, config, declared) for c in _key(key, config, declared)]
            changes += found
            if not any(c["kind"] == "value" for c in found):
                left.setdefault("no other legal value is known", []).append(key)
    return changes, left


def apply(config: Config, changes: list[Change]) -> Config:
    new = copy.deepcopy(config)
    for change in [part for whole in changes for part in (whole, *whole.get("also", ()))]:
        at = new
        for key in change["path"][:-1]:
            at = at[key]
        if change["kind"] == "absent":
            at.pop(change["path"][-1], None)
        else:
            at[change["path"][-1]] = copy.deepcopy(change["value"])
    return new


def name(change: Change) -> str:
    return change.get("name") or ".".join(change["path"])


def sent(change: Change) -> Change:
    """What another process needs to make the change."""
    return {k: change[k] for k in ("path", "kind", "value", "also") if k in change}


def _companions(change: Change, config: Config, declared: Config) -> Change:
    """Some keys do nothing alone: a flag that needs a window, a list that overrides a pattern."""
    row = rules()["also"].get(change["path"][0])
    if row is None or change["kind"] != "value":
        return change
    also = []
    for key, value in row.items():
        if key in config and value is None:
            also.append({"path": [key], "kind": "absent", "value": None})
        elif value is not None and (key in config or key in declared) and not config.get(key):
            also.append({"path": [key], "kind": "value", "value": value})
    if not also:
        return change
    told = [f"{a['path'][0]} {'absent' if a['kind'] == 'absent' else _label(a['value'])}" for a in also]
    return {**change, "also": also, "label": f"{change['label']} (with {', '.join(told)})"}


def _skipped(key: str) -> str | None:
    for reason, patterns in rules()["skip"].items():
        if any(fnmatch.fnmatchcase(key, p) for p in patterns):
            return reason
    return "a size: a wrong one does not load" if key in rules()["sizes"] else None


def _key(key: str, config: Config, declared: Config) -> Iterator[Change]:
    value = config.get(key, declared.get(key))
    if key in ("rope_parameters", "rope_scaling"):
        yield from _scalings(key, config, declared)
    if isinstance(value, dict):
        for inner, part in value.items() if key in config else ():
            if isinstance(part, dict):
                found = (c for i in part for c in _key(i, part, {}) if i not in ("rope_type", "type"))
                yield from ({**c, "path": [key, inner, *c["path"]]} for c in found)
            elif inner not in ("rope_type", "type"):
                yield from ({**c, "path": [key, *c["path"]]} for c in _key(inner, value, {}))
    else:
        for new in _values(key, value, config):
            yield {"path": [key], "kind": "value", "value": new, "label": _label(new)}
    if key in config and value is not None:
        yield {"path": [key], "kind": "null", "value": None, "label": "null"}
    if key in config:
        yield {"path": [key], "kind": "absent", "value": None, "label": "absent"}


def _label(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 80 else text[:77] + "…"


def _values(key: str, value: Any, config: Config) -> list[Any]:
    table = rules()
    if value is None:
        new = next((v for p, v in table["unset"].items() if fnmatch.fnmatchcase(key, p)), None)
        return [] if new is None else [new]
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, str):
        choices = next((v for p, v in table["choices"].items() if fnmatch.fnmatchcase(key, p)), [])
        return [c for c in choices if c != value]
    if isinstance(value, (int, float)):
        return [_number(key, value, table)]
    if isinstance(value, list):
        return _lists(key, value, config)
    return []


def _number(key: str, value: Any, table: Config) -> Any:
    rule = next((r for p, r in table["numbers"].items() if fnmatch.fnmatchcase(key, p)), None)
    if rule is None:
        if isinstance(value, int):
            return value + 1
        return value * 1.5 if value else 0.25
    if "to" in rule:
        return rule["to"] if rule["to"] != value else rule.get("or", value + 1)
    return type(value)(value * rule["times"])


def _lists(key: str, value: list[Any], config: Config) -> list[Any]:
    if not value:
        return [[1]] if key.endswith(("layers", "idxs")) else []
    if all(isinstance(v, str) for v in value):
        if all(v in ATTENTIONS for v in value):
            kinds = sorted(set(value)) if len(set(value)) > 1 else []
            mixed = ["sliding_attention", "full_attention"] * len(value)
            new = [[kind] * len(value) for kind in kinds] + [value[::-1]]
            if not kinds and "sliding_window" in config:
                new.append(mixed[: len(value)])
            return [v for v in new if v != value]
        return [value[::-1]] if value[::-1] != value else []
    if all(isinstance(v, (int, float)) for v in value):
        if value[::-1] != value:
            return [value[::-1]]
        if all(v in (0, 1) for v in value):
            return [[1 - value[0], *value[1:]]]
        return [[v * 1.5 if isinstance(v, float) else v + 1 for v in value]]
    return []


def _scalings(key: str, config: Config, declared: Config) -> Iterator[Change]:
    """Every kind of rope scaling in place of the one that is there."""
    now = config.get(key) or {}
    per_type = next((k for k in ("full_attention", *now) if isinstance(now.get(k), dict)), None)
    inner = now[per_type] if per_type else now
    have = inner.get("rope_type") or inner.get("type") or "default"
    keep = {k: inner[k] for k in ("rope_theta", "partial_rotary_factor") if k in inner}
    for kind, factors in rules()["scalings"].items():
        if kind == have:
            continue
        new = {**keep, "rope_type": kind, **factors}
        if key == "rope_scaling":
            new["type"] = kind
        for list_key in ("short_factor", "long_factor"):
            if list_key in new:
                low, high = new[list_key]
                pairs = rotated_pairs({**declared, **config}, inner)
                new[list_key] = [low + (high - low) * i / max(1, pairs - 1) for i in range(pairs)]
        path = [key, per_type] if per_type else [key]
        called = ".".join([*path, "rope_type"])
        yield {"path": path, "kind": "value", "value": new, "label": kind, "name": called}


def rotated_pairs(config: Config, rope: Config) -> int:
    heads = config.get("num_attention_heads") or 1
    dims = config.get("qk_rope_head_dim") or config.get("head_dim") or config.get("hidden_size", 0) // heads
    part = rope.get("partial_rotary_factor") or config.get("partial_rotary_factor") or 1.0
    return int(dims * part) // 2
