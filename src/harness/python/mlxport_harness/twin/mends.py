"""What to try where transformers refuses a twin: other configs, from the mildest. Needs its sources.

First what follows from the class's own words (a key that it does not have, a list that is null), then values
for what its default leaves null, square heads, and the twin's changes taken back one at a time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from mlxport_harness.twin import layers
from mlxport_harness.twin import shrink as shrinker

Config = dict[str, Any]
# "`vision_config.out_hidden_size` (128) must equal `text_config.hidden_size` (96)", in several wordings.
_PLACE = r"`?((?:\w+\.)*\w+)`? ?(?:\(|= ?|: ?)(\d+)\)?"
_EQUAL = re.compile(
    f"{_PLACE} (?:must|should|has to|needs to) (?:equal|match|be equal to|be the same as) {_PLACE}"
)
_SPLIT = re.compile(r"sum exactly to (\d+) .*split_sizes=\[([\d, ]+)\]")
# "`adapter_config.vision_feature_layer` [24, 18] must index the 4 layers of `vision_config`."
_INDEX = re.compile(r"`((?:\w+\.)*\w+)` \[([\d, -]+)\] must index the (\d+) ")
_ABSENT = re.compile(r"'(\w+)' object has no attribute '(\w+)'")


def by_rules(base: Config, plain: Config) -> Iterator[tuple[str, Config]]:
    """In order of how much they change; independent of what the class said."""
    mended = {"": plain}
    nulls = _fill_nulls(base, plain)
    if nulls != plain:
        mended["values where the class's default is null"] = nulls
    for change, mend in (("square heads", _square), ("as many key-value heads as heads", _one_each)):
        for note, config in list(mended.items()):
            changed = mend(config)
            if changed != config:
                mended[f"{note}, {change}".lstrip(", ")] = changed
    for note, config in mended.items():
        if note:
            yield note, config
    for note, config in mended.items():
        for key, value in base.items():
            plain_value = isinstance(value, (int, float, str, type(None)))
            if plain_value and key in config and config[key] != value:
                yield f"{note}, {key} as in the class's default".lstrip(", "), {**config, key: value}


def by_words(model_type: str, small: Config, said: str) -> Iterator[tuple[str, Config]]:
    """What the class's refusal asks for: a key by its name, or something in place of a null."""
    absent = _ABSENT.search(said)
    if absent and absent[1] != "NoneType":
        value = _usual(absent[2])
        path = _path(model_type, absent[1])
        if value is not None and path is not None:
            yield f"{absent[2]}, which the class reads and does not have", _put(small, path, absent[2], value)
    equal, split = _EQUAL.search(said), _SPLIT.search(said)
    for at, other in ((1, 4), (3, 2)) if equal else ():
        changed = _at(small, equal[at].split("."), int(equal[at + 1]), int(equal[other]))
        if changed is not None:
            yield f"{equal[at]} as {equal[4 - at]}", changed
    if split:
        sections = [int(size) for size in split[2].split(",")]
        yield from _sections(small, sections, int(split[1]))
    index = _INDEX.search(said)
    if index:
        layers_, count = [int(n) for n in index[2].split(",")], int(index[3])
        changed = _at(small, index[1].split("."), layers_, [n % count for n in layers_])
        if changed is not None:
            yield f"{index[1]} within {count} layers", changed
    if "None" in said or any(f"KeyError: '{kind}'" in said for kind in kinds_of(model_type)):
        yield from _nulls(model_type, small)
    if "None" in said:
        filled = _inner_nulls(small)
        if filled != small:
            yield "values where the class's default is null", filled
    if "'NoneType' has no len()" in said or "'NoneType' object is not iterable" in said:
        lists = {k: [] for k in _declared_lists(model_type) if k in small and small[k] is None}
        if lists:
            yield f"{' and '.join(lists)} empty, which the class leaves null", {**small, **lists}


def _declared_lists(model_type: str) -> list[str]:
    from transformers import CONFIG_MAPPING

    fields = getattr(CONFIG_MAPPING[model_type], "__dataclass_fields__", {})
    return [name for name, field in fields.items() if re.search(r"\blist\b", str(field.type))]


def _at(config: Config, path: list[str], said: Any, value: Any) -> Config | None:
    """The config with another value at a path that holds what was said; a bare name may be a part's own."""
    *outer, key = path
    for first in [outer, *([k] for k in config if not outer and k.endswith("_config"))]:
        part: Any = config
        for name in first:
            part = part.get(name) if isinstance(part, dict) else None
        if isinstance(part, dict) and part.get(key) == said:
            part = {**part, key: value}
            return {**config, first[0]: part} if first else part
    return None


def _sections(small: Config, sections: list[int], pairs: int) -> Iterator[tuple[str, Config]]:
    """A rope in three axes whose sections the model's code defaults, for a larger head."""
    text = small.get("text_config")
    part = text if isinstance(text, dict) else small
    rope = part.get("rope_parameters")
    if isinstance(rope, dict) and pairs >= len(sections):
        fewer = [max(1, size * pairs // sum(sections)) for size in sections]
        rope = {**rope, "mrope_section": [*fewer[:-1], pairs - sum(fewer[:-1])]}
        part = {**part, "rope_parameters": rope}
        changed = {**small, "text_config": part} if isinstance(text, dict) else part
        yield "mrope_section, which the model's code has for a larger head", changed


def _nulls(model_type: str, small: Config) -> Iterator[tuple[str, Config]]:
    text = small.get("text_config")
    if isinstance(text, dict):
        for note, inner in _nulls(str(text.get("model_type")), text):
            yield note, {**small, "text_config": inner}
    kinds, filled, notes = kinds_of(model_type), dict(small), []
    count = layers.total(small, shrinker.rules())
    if "layer_types" in small and small["layer_types"] is None and count and len(kinds) > 1:
        filled["layer_types"] = _pattern(kinds, count)
        notes.append("layer_types")
        yield "layer_types, which the class leaves null", dict(filled)
    if "rope_parameters" in small and not small["rope_parameters"]:
        flat = {"rope_type": "default", "rope_theta": shrinker.rules()["theta"]["*"]}
        said = f"{' and '.join([*notes, 'rope_parameters'])}, which the class leaves empty"
        if "layer_types" in filled:
            # One theta: what the releases have per kind is not known.
            rotated = [k for k in kinds if k.endswith("attention")]
            yield said, {**filled, "rope_parameters": {k: dict(flat) for k in rotated}}
        yield said, {**filled, "rope_parameters": flat}


def _inner_nulls(small: Config) -> Config:
    """Nulls of the config and of those inside it, where a usual value is known."""
    table = shrinker.rules()["nulls"]
    full = {k: table[k] if v is None and k in table else v for k, v in small.items()}
    # Settings by layer have numbers for keys.
    parts = {k: v for k, v in full.items() if str(k).endswith("_config") and isinstance(v, dict)}
    inner = {k: _inner_nulls(v) for k, v in parts.items()}
    return {**full, **inner}


def kinds_of(model_type: str) -> list[str]:
    """The kinds of layers that the sources of a type name, those that are not full attention first."""
    from transformers.configuration_utils import ALLOWED_ATTN_LAYER_TYPES

    found = set(re.findall(r"[\"'](\w+)[\"']", _sources(model_type)))
    known = [k for k in ALLOWED_ATTN_LAYER_TYPES if k in found]
    return [k for k in known if k != "full_attention"] + [k for k in known if k == "full_attention"]


def silent(model_type: str, base: Config) -> Config:
    """The defaults with what the model's code takes for a list of the rope that they leave out."""
    text = base.get("text_config")
    part = text if isinstance(text, dict) else base
    rope = part.get("rope_parameters")
    if not isinstance(rope, dict) or any(isinstance(one, dict) for one in rope.values()):
        return base
    said = re.findall(r"rope_parameters\.get\([\"'](\w+)[\"'], (\[[\d, ]+\])\)", _sources(model_type))
    more = {key: json.loads(value) for key, value in said if key not in rope}
    if not more:
        return base
    part = {**part, "rope_parameters": {**rope, **more}}
    return {**base, "text_config": part} if isinstance(text, dict) else part


@cache
def _sources(model_type: str) -> str:
    import transformers
    from transformers.models.auto.configuration_auto import model_type_to_module_name

    folder = Path(transformers.__file__).parent / "models" / model_type_to_module_name(model_type)
    files = [p for p in sorted(folder.glob("*.py")) if p.name.startswith(("modeling_", "configuration_"))]
    return "\n".join(path.read_text() for path in files)


def _pattern(kinds: list[str], count: int) -> list[str]:
    return [kinds[i % len(kinds)] for i in range(count)]


def _usual(key: str) -> Any:
    table = shrinker.rules()
    known = {"rope_theta": table["theta"]["*"], **table["nulls"], **table["constants"]}
    return known.get(key)


def _path(model_type: str, class_name: str) -> tuple[str, ...] | None:
    """Where the config of that class is inside the type's own: () for itself."""
    from transformers import CONFIG_MAPPING

    whole = CONFIG_MAPPING[model_type]
    if whole.__name__ == class_name:
        return ()
    parts = getattr(whole, "sub_configs", None) or {}
    return next(((k,) for k, part in parts.items() if part.__name__ == class_name), None)


def _put(config: Config, path: tuple[str, ...], key: str, value: Any) -> Config:
    if not path:
        return {**config, key: value}
    inner = config.get(path[0])
    if hasattr(inner, "to_dict"):
        inner = inner.to_dict()
    return {**config, path[0]: {**(inner or {}), key: value}}


def _fill_nulls(base: Config, small: Config) -> Config:
    table = shrinker.rules()["nulls"]
    full = {**small, **{k: v for k, v in table.items() if k in base and base[k] is None}}
    if isinstance(base.get("text_config"), dict):
        full["text_config"] = _fill_nulls(base["text_config"], small["text_config"])
    return full


def _square(config: Config) -> Config:
    if isinstance(config.get("text_config"), dict):
        return {**config, "text_config": _square(config["text_config"])}
    table = shrinker.rules()
    heads = next((config[k] for k in table["head_keys"] if isinstance(config.get(k), int)), None)
    width = next((config[k] for k in table["width_keys"] if isinstance(config.get(k), int)), None)
    if not heads or not width or "head_dim" not in config:
        return config
    return {**config, "head_dim": width // heads}


def _one_each(config: Config) -> Config:
    """For a class that writes groups of heads and has none."""
    if isinstance(config.get("text_config"), dict):
        return {**config, "text_config": _one_each(config["text_config"])}
    heads = next((config[k] for k in shrinker.rules()["head_keys"] if isinstance(config.get(k), int)), None)
    grouped = heads and isinstance(config.get("num_key_value_heads"), int)
    return {**config, "num_key_value_heads": heads} if grouped else config
