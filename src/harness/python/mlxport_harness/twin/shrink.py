"""Makes a config small without losing its structure. Pure: dictionaries in, dictionaries out.

Rules are generic and by key, from `rules.json`; a fact about one architecture is an entry of its `types`, not
a branch here. What stays: head ratios, groups, windows shorter than the prompt, every kind of layer. What
moves off its default: rope theta per layer type, head_dim, multipliers.
"""

from __future__ import annotations

import fnmatch
import json
from functools import cache
from pathlib import Path
from typing import Any

Config = dict[str, Any]


@cache
def rules() -> Config:
    return json.loads(Path(__file__).with_name("rules.json").read_text())


def shrink(model_type: str, base: Config, defaults: bool) -> Config:
    """The twin's config. `defaults`: from the class, so values are moved off their defaults too."""
    table = rules()
    own = table["types"].get(model_type, {})
    small = {k: v for k, v in base.items() if k not in table["drop"] or k in own.get("keep", ())}
    picks = _pick_layers(small, table, own)
    for key, value in list(small.items()):
        small[key] = _value(key, value, table)
    _heads(small, base, defaults)
    _layers(small, base, picks, table)
    if defaults:
        _unit(small, table)
    small.update(own.get("set", {}))
    _rope(small, table, own, defaults)
    if isinstance(base.get("text_config"), dict):
        inner = base["text_config"]
        small["text_config"] = shrink(str(inner.get("model_type")), inner, defaults)
    return small


def legacy_spelling(config: Config, renamed: dict[str, str]) -> Config | None:
    """The same config as files before transformers 5 wrote it; None where there is no difference.

    `renamed`: a field's declared name to the name it is saved under.
    """
    table = rules()
    rope = config.get("rope_parameters")
    aliases = {
        field: config[saved] for field, saved in renamed.items() if saved in config and field not in config
    }
    if not isinstance(rope, dict):
        return {**config, **aliases} if aliases else None
    old = {k: v for k, v in config.items() if k != "rope_parameters"} | aliases
    per_type = {k: v for k, v in rope.items() if isinstance(v, dict)}
    if per_type:
        full = per_type.get("full_attention") or next(iter(per_type.values()))
        old |= _legacy_rope(full)
        local = per_type.get("sliding_attention")
        if local:
            old["rope_local_base_freq"] = local.get("rope_theta")
    else:
        old |= _legacy_rope(rope)
    for new, name in table["legacy"].items():
        if new in old:
            old[name] = old[new]
    return old


def new_spelling(config: Config, canonical: Config) -> Config:
    """The config with rope as transformers 5 writes it, taken from the class's own reading."""
    new = {
        k: v for k, v in config.items() if k not in ("rope_theta", "rope_scaling", "partial_rotary_factor")
    }
    return new | {"rope_parameters": canonical.get("rope_parameters")}


def _legacy_rope(rope: Config) -> Config:
    old: Config = {"rope_theta": rope.get("rope_theta")}
    if "partial_rotary_factor" in rope:
        old["partial_rotary_factor"] = rope["partial_rotary_factor"]
    rest = {k: v for k, v in rope.items() if k not in ("rope_theta", "partial_rotary_factor")}
    scaled = rest.get("rope_type", "default") != "default"
    old["rope_scaling"] = {**rest, "type": rest["rope_type"]} if scaled else None
    return old


def _value(key: str, value: Any, table: Config) -> Any:
    if value is None:
        return None
    if key in table["set"]:
        new = table["set"][key]
        if isinstance(value, bool) or (value == 0 and key != "pad_token_id"):
            return value
        if isinstance(value, list):
            return [new] if key.endswith("token_id") else [new] * len(value)
        return new
    if key in table["cap"] and isinstance(value, (int, float)):
        return min(value, table["cap"][key])
    return value


def _heads(small: Config, base: Config, defaults: bool) -> None:
    heads = next((base[k] for k in rules()["head_keys"] if isinstance(base.get(k), int)), None)
    if "num_key_value_heads" in small and heads:
        kv = base["num_key_value_heads"]
        if "kv_lora_rank" in small:
            small["num_key_value_heads"] = 4
        elif defaults:
            small["num_key_value_heads"] = 1 if kv == 1 else 2
        elif isinstance(kv, int):
            small["num_key_value_heads"] = max(1, round(4 * kv / heads))
    if base.get("head_dim") and base["head_dim"] == base.get("qk_rope_head_dim"):
        small["head_dim"] = small["qk_rope_head_dim"]
    elif isinstance(base.get("head_dim"), int):
        square = not defaults and base["head_dim"] * (heads or 1) == base.get("hidden_size")
        small["head_dim"] = 24 if square else 32
        if isinstance(base.get("global_head_dim"), int):
            small["global_head_dim"] = 48


def _pick_layers(base: Config, table: Config, own: Config) -> list[int]:
    """Which of the original layers the twin keeps: all kinds, in order, at least `layers`."""
    total = next((base[k] for k in table["layer_keys"] if isinstance(base.get(k), int)), 0)
    wanted = own.get("layers", table["layers"])
    period = next((base[k] for k in table["pattern"] if isinstance(base.get(k), int) and base[k] > 1), None)
    if period and 2 * period <= total:
        return [0, period - 1, period, 2 * period - 1]
    per_layer = [v for v in base.values() if isinstance(v, (list, str)) and len(v) == total and total > 1]
    kinds = [tuple(str(v[i]) for v in per_layer) for i in range(total)]
    first = {kind: i for i, kind in reversed(list(enumerate(kinds)))}
    picks = sorted(first.values())
    for i in range(total):
        if len(picks) >= wanted:
            break
        if i not in picks:
            picks.append(i)
    return sorted(picks)


def _layers(small: Config, base: Config, picks: list[int], table: Config) -> None:
    total = next((base[k] for k in table["layer_keys"] if isinstance(base.get(k), int)), 0)
    for key in table["layer_keys"]:
        if isinstance(small.get(key), int):
            small[key] = len(picks)
    for key, value in base.items():
        if key in small and isinstance(value, (list, str)) and len(value) == total and total > 1:
            chosen = [value[i] for i in picks]
            small[key] = "".join(chosen) if isinstance(value, str) else chosen
    for key in table["pattern"]:
        if isinstance(small.get(key), int) and small[key] > 1 and 2 * small[key] <= total:
            small[key] = 2


def _unit(small: Config, table: Config) -> None:
    for key, value in small.items():
        for pattern, new in table["unit"].items():
            if fnmatch.fnmatch(key, pattern) and isinstance(value, (int, float)) and value == 1:
                small[key] = new


def _rope(small: Config, table: Config, own: Config, defaults: bool) -> None:
    theta = table["theta"] | own.get("theta", {})
    rope = small.get("rope_parameters")
    if isinstance(rope, dict):
        for name, part in [("*", rope), *((k, v) for k, v in rope.items() if isinstance(v, dict))]:
            if defaults and "rope_theta" in part and not any(isinstance(v, dict) for v in part.values()):
                part = dict(part, rope_theta=theta.get(name, theta["*"]))
            part = _rope_factors(part, small)
            rope = part if name == "*" else dict(rope, **{name: part})
        small["rope_parameters"] = rope
    if isinstance(small.get("rope_scaling"), dict):
        small["rope_scaling"] = _rope_factors(small["rope_scaling"], small)


def _rope_factors(rope: Config, small: Config) -> Config:
    """Longrope's factor lists have one entry per rotated pair."""
    heads = small.get("num_attention_heads") or 1
    dims = small.get("qk_rope_head_dim") or small.get("head_dim") or small.get("hidden_size", 0) // heads
    part = rope.get("partial_rotary_factor") or small.get("partial_rotary_factor") or 1.0
    pairs = int(dims * part) // 2
    return {
        k: v[:pairs] if k in ("short_factor", "long_factor") and isinstance(v, list) else v
        for k, v in rope.items()
    }
