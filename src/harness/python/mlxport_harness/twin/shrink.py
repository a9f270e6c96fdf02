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

from mlxport_harness.twin import layers, parts, ties

Config = dict[str, Any]


_state: dict[str, Any] = {"entries": True, "trial": None}


def rules() -> Config:
    """The table. Its `types` are what was found by search, and over it what was written by hand."""
    return _merged(_state["entries"]) if _state["trial"] is None else {**_read(), "types": _state["trial"]}


def use(entries: bool, trial: Config | None) -> None:
    """For this process. Without `entries` no fact written by hand about a single type is used, as for a type
    never seen; `trial`, of a search, is all that is known about types.
    """
    _state.update(entries=entries, trial=trial)


@cache
def _merged(entries: bool) -> Config:
    table = _read()
    by_hand = table["types"] if entries else {}
    found = json.loads(Path(__file__).with_name("found.json").read_text())["types"]
    found = {name: fact for name, fact in found.items() if name.split(".")[0] not in by_hand}
    return {**table, "types": {**found, **by_hand}}


@cache
def _read() -> Config:
    return json.loads(Path(__file__).with_name("rules.json").read_text())


def shrink(model_type: str, base: Config, defaults: bool, lacks: Any = ()) -> Config:
    """The twin's config. `defaults`: from the class, so values are moved off their defaults too.

    `lacks`: keys that the port which upstream accepted does not declare (`accepted.py`).
    """
    table = rules()
    own = table["types"].get(model_type, {})
    base = {**base, **own.get("base", {})} if defaults else {**own.get("base", {}), **base}
    small = {k: v for k, v in base.items() if k not in table["drop"] or k in own.get("keep", ())}
    picks = layers.pick(base, table, own)
    for key, value in list(small.items()):
        small[key] = _value(key, value, table, lacks)
    ties.scale(small, base, table, own)
    _heads(small, base, defaults)
    _rotated(small, base, defaults)
    layers.apply(small, base, picks, table)
    if defaults:
        _unit(small, table)
    ties.tie(small, base, table["ties"])
    ties.tie(small, base, table["undeclared"], lacks)
    small.update({k: v for k, v in own.get("set", {}).items() if defaults or _is_size(base.get(k))})
    _rope(small, table, own, defaults)
    for key, inner in base.items():
        if key.endswith("_config") and key != "per_layer_config" and isinstance(inner, dict) and key in small:
            name = name_inside(model_type, key, str(inner.get("model_type")))
            small[key] = shrink(name, inner, defaults, lacks)
    parts.join(small, base, table, defaults)
    return small


def name_inside(outer: str, key: str, inner: str) -> str:
    """Under which name the facts of a config inside another are: what was found for a type by itself, through
    the port of that type, does not hold inside another's.
    """
    by_hand = _read()["types"] if _state["entries"] and _state["trial"] is None else {}
    inside = f"{outer}.{key}"
    return inner if inner in by_hand and inside not in rules()["types"] else inside


def legacy_spelling(config: Config, renamed: dict[str, str]) -> Config | None:
    """The same config as files before transformers 5 wrote it; None where there is no difference.

    `renamed`: a field's declared name to the name it is saved under.
    """
    table = rules()
    inner = config.get("text_config")
    if isinstance(inner, dict):
        older = legacy_spelling(inner, renamed)
        return {**config, "text_config": older} if older else None
    rope = config.get("rope_parameters")
    aliases = {
        field: config[saved] for field, saved in renamed.items() if saved in config and field not in config
    }
    if not isinstance(rope, dict):
        aliases |= _older_kinds({**config, **aliases}, table)
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
    return old | _older_kinds(old, table)


def _older_kinds(config: Config, table: Config) -> Config:
    """Layer kinds of Mamba hybrids as files named them before transformers 5 renamed the values."""
    hybrid = any(key.startswith("mamba_") for key in config)
    keys = [k for k in ("layer_types", "layers_block_type") if isinstance(config.get(k), list)]
    return {k: [table["kinds"].get(v, v) for v in config[k]] for k in keys} if hybrid else {}


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


def _value(key: str, value: Any, table: Config, lacks: Any) -> Any:
    if value is None or (key in table["ones"] and value == 1) or (key in table["groups"] and key in lacks):
        return value
    if key in table["set"]:
        new = table["set"][key]
        if isinstance(value, bool) or (value == 0 and key != "pad_token_id"):
            return value
        if isinstance(value, list):
            return [new] if key.endswith("token_id") else [new] * len(value)
        return new
    if "vocab" in key and isinstance(value, int) and value > table["set"]["vocab_size"]:
        return table["set"]["vocab_size"]
    if key in table["cap"] and isinstance(value, (int, float)):
        return min(value, table["cap"][key])
    return value


def _is_size(value: Any) -> bool:
    """What a given config says beside sizes (flags, lists, a single group) is a branch, and stays."""
    return isinstance(value, int) and not isinstance(value, bool) and value > 1


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


def _rotated(small: Config, base: Config, defaults: bool) -> None:
    """`rotary_dim` keeps its share of a head. A class may write it and read the factor, which it leaves out:
    released files have both, and they agree.
    """
    dims, head, rope = base.get("rotary_dim"), base.get("head_dim"), small.get("rope_parameters")
    if not (_is_size(dims) and _is_size(head) and _is_size(small.get("head_dim"))) or dims > head:
        return
    small["rotary_dim"] = max(2, 2 * round(dims * small["head_dim"] / head / 2))
    flat = isinstance(rope, dict) and not any(isinstance(part, dict) for part in rope.values())
    if defaults and flat and "partial_rotary_factor" not in rope and dims < head:
        factor = small["rotary_dim"] / small["head_dim"]
        small["rope_parameters"] = {**rope, "partial_rotary_factor": factor}


def _unit(small: Config, table: Config) -> None:
    for key, value in small.items():
        for pattern, new in table["unit"].items():
            if fnmatch.fnmatch(key, pattern) and isinstance(value, float) and value == 1:
                small[key] = new


def _rope(small: Config, table: Config, own: Config, defaults: bool) -> None:
    rope = small.get("rope_parameters")
    if isinstance(rope, dict):
        parts = {k: v for k, v in rope.items() if isinstance(v, dict)}
        theta = table["theta"] | own.get("theta", {})
        if len({p.get("rope_theta") for p in parts.values()}) < 2:
            theta = {"*": theta["*"]}
        for name, part in [("*", rope), *parts.items()]:
            if defaults and "rope_theta" in part and not any(isinstance(v, dict) for v in part.values()):
                part = dict(part, rope_theta=theta.get(name, theta["*"]))
            part = _rope_factors(part, small)
            rope = part if name == "*" else dict(rope, **{name: part})
        small["rope_parameters"] = rope
    if isinstance(small.get("rope_scaling"), dict):
        small["rope_scaling"] = _rope_factors(small["rope_scaling"], small)


def _rope_factors(rope: Config, small: Config) -> Config:
    """Longrope's factors have an entry per rotated pair; the sections of a rope in three axes sum to them."""
    heads = small.get("num_attention_heads") or 1
    dims = small.get("qk_rope_head_dim") or small.get("head_dim") or small.get("hidden_size", 0) // heads
    part = rope.get("partial_rotary_factor") or small.get("partial_rotary_factor") or 1.0
    pairs = int(dims * part) // 2
    sections, whole = rope.get("mrope_section"), not rope.get("mrope_interleaved")
    if isinstance(sections, list) and whole and pairs >= len(sections) and sum(sections) > pairs:
        fewer = [max(1, size * pairs // sum(sections)) for size in sections]
        rope = {**rope, "mrope_section": [*fewer[:-1], pairs - sum(fewer[:-1])]}
    return {
        k: v[:pairs] if k in ("short_factor", "long_factor") and isinstance(v, list) else v
        for k, v in rope.items()
    }
