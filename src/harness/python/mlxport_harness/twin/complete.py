"""Keys that released files carry and transformers' config class does not write.

Only what an accepted port requires is filled in, from what the config says under another name; a port that
reads an optional key which released files lack is not helped. Else: `released` in rules.json.
"""

from __future__ import annotations

from typing import Any

from mlxport_harness.twin import accepted, ties
from mlxport_harness.twin import shrink as shrinker

Config = dict[str, Any]
# What stands before a key that holds for one kind of layer only.
AFFIXES = {
    "swa": "sliding_attention",
    "local": "sliding_attention",
    "global": "full_attention",
}


def missing(model_type: str, config: Any) -> Config:
    """Keys to add to the twin's config.json; those of a nested config under its own key."""
    table = shrinker.rules()
    required = accepted.facts(model_type)["required"]
    written = config.to_dict()
    found = _of(model_type, config, written, required, table)
    inner = written.get("text_config")
    if isinstance(inner, dict):
        text = config.get_text_config()
        name = shrinker.name_inside(model_type, "text_config", str(text.model_type))
        more = _of(name, text, inner, required, table)
        more |= {key: resolve(value, inner) for key, value in found.pop("text_config", {}).items()}
        if more:
            found["text_config"] = more
        if "vocab_size" not in written:
            # A port may default it to the real size; the twin's is smaller.
            found["vocab_size"] = inner["vocab_size"]
    return found


def _of(model_type: str, config: Any, written: Config, required: list[str], table: Config) -> Config:
    released = dict(table["types"].get(model_type, {}).get("released", {}))
    released = {k: resolve(v, written) for k, v in released.items()}
    for name in required:
        key = name.rstrip("?")
        absent = key not in written or (written[key] is None and not name.endswith("?"))
        rope = written.get("rope_parameters")
        spelled = key in table["spelled"] and isinstance(rope, dict)
        if spelled and key == "partial_rotary_factor":
            # A flat rope without the factor turns every dimension; one per layer type is spelled elsewhere.
            spelled = key in rope or any(isinstance(part, dict) for part in rope.values())
        if absent and key not in released and not spelled:
            value = _value(key, config, written, table)
            if value is not None:
                released[key] = value
    return released


def of_kind(kind: str, key: str, written: Config) -> Any:
    """What the layers of one kind have of a key: their rope's, their own, or what all have; None: nothing.

    As an expression (`=a.b`) where it has a place, so that it follows the twin's sizes.
    """
    rope = (written.get("rope_parameters") or {}).get(kind)
    if isinstance(rope, dict) and key in rope:
        return f"=rope_parameters.{kind}.{key}"
    kinds, own = written.get("layer_types") or [], written.get("per_layer_config") or {}
    for at, name in enumerate(kinds):
        said = own.get(at, own.get(str(at))) or {}
        if name == kind and key in said:
            return said[key]
    return f"={key}" if written.get(key) is not None else None


def resolve(value: Any, written: Config) -> Any:
    """`=a.b` is what the twin's own config has there, `=2*a` a product: for facts that are sizes."""
    if not isinstance(value, str) or not value.startswith("="):
        return value
    if "*" in value or "/" in value:
        size = ties.evaluate(value[1:], written)
        return None if size is None else int(size)
    found: Any = written
    for part in value[1:].split("."):
        found = found[part]
    return found


def _value(key: str, config: Any, written: Config, table: Config) -> Any:
    """A property of the config, the same fact under another name, a usual relation, or a constant."""
    value = getattr(config, key, None)
    if isinstance(value, (bool, int, float, str, list)):
        return value
    rope = written.get("rope_parameters")
    known = {**(rope if isinstance(rope, dict) else {}), **written}
    for names in table["synonyms"]:
        if key in names:
            same = [known[n] for n in names if known.get(n) is not None]
            if same:
                return same[0]
    if key == "first_k_dense_replace" and isinstance(known.get("mlp_layer_types"), list):
        kept = known["mlp_layer_types"]
        return kept.index("sparse") if "sparse" in kept else len(kept)
    kinds = table["from_kinds"].get(key)
    if kinds and isinstance(known.get(kinds["list"]), list):
        return [kinds["values"].get(kind) for kind in known[kinds["list"]]]
    for expression in table["undeclared"].get(key, []):
        size = ties.evaluate(expression, known)
        if size is not None:
            return int(size)
    return table["constants"].get(key)
