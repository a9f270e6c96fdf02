"""What released files may have that a twin of class defaults lacks, by how an accepted port refuses it. Pure.

A proposal is a piece of an entry as in `types` of rules.json, with the reason. It follows from the refusal,
from the port's arguments and from the twin's own sizes; no rule here knows a type. Whether one helps is tried
(`search.py`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from mlxport_harness.twin import align, complete, shrink
from mlxport_harness.twin.portfacts import REQUIRED, Facts

Config = dict[str, Any]
Proposal = tuple[Config, str]
_LACKS = re.compile(r"__init__\(\) missing \d+ required [\w-]+ arguments?: ((?:'\w+'[, and]*)+)")
# Of a width that the class leaves null, other than the twin's own.
WIDTH = 80
NUMBER, LAYER = re.compile(r"^\d+$"), re.compile(r"(^|\.)\d+(\.|$)")


@dataclass
class Refusal:
    """`text` of the port, or how the weights fit: parameters missing, tensors extra, pairs of shapes.
    `known`: keys that one of the spellings has.
    """

    text: str = ""
    missing: dict[str, list[int]] = field(default_factory=dict)
    extra: dict[str, list[int]] = field(default_factory=dict)
    shapes: dict[str, list[list[int]]] = field(default_factory=dict)
    known: set[str] = field(default_factory=set)


@dataclass
class About:
    """`twin`: its config.json, the text part of it; `base`: the class's default; `kinds`: the layers that the
    type's sources name; `filled`: keys that were added to the twin's config.json; `outside`: keys that the
    whole config has and its text part lacks.
    """

    twin: Config
    base: Config
    filled: Config
    kinds: list[str]
    outside: set[str] = field(default_factory=set)


def propose(refusal: Refusal, port: Facts, about: About) -> Iterator[Proposal]:
    """The likeliest first."""
    # The vocabulary's size is known, not guessed.
    twin, filled = about.twin, {k: v for k, v in about.filled.items() if k != "vocab_size"}
    lacks = _LACKS.search(refusal.text)
    told = {} if lacks else _otherwise(port, twin)
    if told:
        yield {"released": told}, f"the port reads {', '.join(told)}, for which the class has another name"
    if lacks:
        keys = [key for key in re.findall(r"'(\w+)'", lacks[1]) if key not in refusal.known]
        yield from _lacking(keys, port, twin)
    elif refusal.text:
        yield from _raised(refusal.text, port, twin, about.kinds)
    elif refusal.shapes and not refusal.missing and not refusal.extra:
        yield from _shapes(refusal, port, twin, filled)
    else:
        yield from _names(refusal, port, about)
    for key, value in filled.items():
        for other in guesses(key, port, twin):
            if complete.resolve(other, twin) != value:
                yield {"released": {key: other}}, f"not {value!r} but {other!r} for {key}"
    if refusal.text and not lacks:
        yield from _sizes(twin, about.base)


def guesses(key: str, port: Facts, twin: Config) -> list[Any]:
    """Values for an argument that the class has under no name, the likeliest first."""
    kind, affix = port.kinds.get(key, ""), _affix(key, twin)
    if affix is not None:
        return [affix]
    if port.optional(key):
        return [None]
    if kind == "bool":
        return [True, False]
    if kind == "str":
        return [*port.literals.get(key, []), ""]
    if kind == "int":
        widths = ["head_dim", "hidden_size"] if "rot" in key else ["hidden_size", "head_dim"]
        sized = [f"={w}" for w in widths if twin.get(w)] if key.endswith("_dim") else []
        return [*sized, 0, 1]
    return [1.0] if kind == "float" else []


def _otherwise(port: Facts, twin: Config) -> dict[str, str]:
    """What the port declares, the class lacks and has under another name."""
    found = {}
    for names in shrink.rules()["synonyms"]:
        own = next((name for name in names if twin.get(name) is not None), None)
        found |= {key: f"={own}" for key in names if own and key in port.kinds and key not in twin}
    return found


def _affix(key: str, twin: Config) -> Any:
    """`swa_x`, `local_x` are x of the layers with a window, `global_x` of the others."""
    first, _, rest = key.partition("_")
    kind = complete.AFFIXES.get(first)
    return complete.of_kind(kind, rest, twin) if kind else None


def _lacking(keys: list[str], port: Facts, twin: Config) -> Iterator[Proposal]:
    # What the whole config has, its text part may lack.
    found = {key: [twin[key]] if twin.get(key) is not None else guesses(key, port, twin) for key in keys}
    if found and all(found.values()):
        said = f"the port requires {', '.join(keys)}, which the class does not write"
        yield {"released": {key: values[0] for key, values in found.items()}}, said


def _raised(text: str, port: Facts, twin: Config, kinds: list[str]) -> Iterator[Proposal]:
    if "NoneType" in text and "rope_scaling" in port.kinds:
        scalings = sorted(
            shrink.rules()["scalings"].items(), key=lambda row: -len(row[1].keys() & port.words)
        )
        for name, scaling in scalings:
            rope = {"rope_type": name, "rope_theta": 10000.0, **scaling}
            yield {"base": {"rope_parameters": rope}}, f"the port reads a rope scaling; tried as {name}"
    for key, value in twin.items():
        kind = port.kinds.get(key, "").removeprefix("Optional[").removesuffix("]")
        said = f"the port takes {key} as {kind}"
        if kind == "str" and isinstance(value, int) and len(port.letters) > 1 and value > 1:
            for full, local in ((1, 0), (0, 1)):
                word = port.letters[local] * (value - 1) + port.letters[full]
                yield {"released": {key: word}}, said
        if kind == "int" and isinstance(value, list):
            yield {"released": {key: 1}}, said
    if "TypeError" in text:
        nulls = {key: port.defaults.get(key) for key in twin if twin[key] is None}
        sizes = {k: v for k, v in nulls.items() if type(v) is int and v >= shrink.rules()["scale_from"]}
        if sizes:
            yield {"set": dict.fromkeys(sizes, WIDTH)}, f"the port takes no null for {', '.join(sizes)}"
    yield from _square(twin)
    yield from _kinds(twin, kinds)


def _kinds(twin: Config, kinds: list[str]) -> Iterator[Proposal]:
    """Where the class's default has one kind of layer only, of several that its sources know."""
    said = twin.get("layer_types")
    if isinstance(said, list) and len(set(said)) == 1 and len(kinds) > 1:
        mixed = [kinds[i % len(kinds)] for i in range(len(said))]
        full = [at for at, kind in enumerate(mixed) if kind == "full_attention"]
        places = [k for k in shrink.rules()["positions"] if "full" in k and isinstance(twin.get(k), list)]
        yield (
            {"set": {"layer_types": mixed, **dict.fromkeys(places, full)}},
            "the port wants every kind of layer",
        )


def _square(twin: Config) -> Iterator[Proposal]:
    heads, width = twin.get("num_attention_heads"), twin.get("hidden_size")
    if heads and width and isinstance(twin.get("head_dim"), int) and twin["head_dim"] != width // heads:
        yield {"set": {"head_dim": width // heads}}, "the port takes heads of hidden_size / heads only"


def _shapes(refusal: Refusal, port: Facts, twin: Config, filled: Config) -> Iterator[Proposal]:
    """A size that the port defaults and the twin does not write, or one that was guessed."""
    ratios = {
        w / g
        for wanted, given in refusal.shapes.values()
        for w, g in zip(wanted, given, strict=False)
        if len(wanted) == len(given) and w != g and w and g
    }
    if all("expert" in name or "switch_mlp" in name for name in refusal.shapes):
        fused = {"from": r"(experts\.(?:gate_up|gate|up|down)_proj)$", "transpose": True, "to": r"\1"}
        yield {"weights": [fused]}, "the port reads experts with their axes the other way round"
    for ratio in sorted(ratios):
        for key, default in port.defaults.items():
            if type(default) is int and default > 1 and twin.get(key) is None:
                value = default / ratio
                if value == int(value) and value >= 1:
                    said = f"the port has {key} {default} unless told, the twin's tensors say {int(value)}"
                    yield {"released": {key: int(value)}}, said
        for key, value in filled.items():
            if type(value) is int and value and (value / ratio) == int(value / ratio):
                yield {"released": {key: int(value / ratio)}}, f"the twin's tensors say so of {key}"
    if isinstance(twin.get("num_key_value_heads"), int):
        for heads in (1, twin.get("num_attention_heads")):
            if heads != twin["num_key_value_heads"]:
                said = "the port takes no other number of key-value heads"
                yield {"set": {"num_key_value_heads": heads}}, said
    yield from _square(twin)


def _names(refusal: Refusal, port: Facts, about: About) -> Iterator[Proposal]:
    missing, extra, twin = refusal.missing, refusal.extra, about.twin
    both = {**missing, **extra}
    if any(name.endswith("bias") for name in both):
        wanted = any(name.endswith("bias") for name in missing)
        keys = [k for k, v in twin.items() if k.endswith("bias") and v is (not wanted)]
        said = f"the port's modules have {'a' if wanted else 'no'} bias"
        if keys:
            yield {"set": dict.fromkeys(keys, wanted)}, said
        yield from (({"set": {key: wanted}}, said) for key in keys)
    tie = "tie_word_embeddings"
    if tie in about.outside and any(name.endswith("lm_head.weight") for name in both):
        yield {"released": {tie: twin[tie]}}, f"the port looks for {tie} in the text part"
    if "lm_head.weight" in both and twin.get("tie_word_embeddings") is ("lm_head.weight" in missing):
        tied = "lm_head.weight" in extra
        yield {"set": {"tie_word_embeddings": tied}}, f"the port's head is {'tied' if tied else 'its own'}"
    if any("expert" in name for name in extra):
        for key in ("moe_layers",):
            if twin.get(key):
                yield {"set": {key: []}}, "the port has no experts"
    if missing and extra:
        yield {"runtime": True}, "the port reads the names that the model itself has"
        yield from _moved(missing, extra)
        yield from _renamed(missing, extra)
        steps = align.steps(missing, extra)
        if steps:
            yield {"weights": steps, "guess": True}, "the port has other names for tensors of the same shapes"
    if extra and not missing:
        names = sorted({re.sub(r"(?<=layers\\\.)\d+(?=\\)", r"\\d+", re.escape(name)) for name in extra})
        steps = [{"from": f"^(?:{'|'.join(names)})$", "to": None}]
        yield (
            {"weights": steps, "unused": True},
            "the port has no place for weights that the reference never uses",
        )
    if extra:
        first = {name.split(".")[0] for name in extra}
        for part in sorted(first):
            step = {"from": f"^(?:model\\.)?{re.escape(_after_model(part, extra))}\\.", "to": ""}
            yield {"weights": [step]}, "released files name tensors without the prefix of the whole model"
    if missing and not extra:
        words = {w for name in missing for w in re.split(r"[._]", name)}
        keys = [
            k for k, v in port.defaults.items() if v not in (REQUIRED, None, False, 0) and twin.get(k) is None
        ]
        keys.sort(key=lambda k: -len(words & set(k.split("_"))))
        for key in keys[:4]:
            if words & set(key.split("_")):
                off = {"bool": False, "int": 0}.get(port.kinds.get(key, ""))
                yield {"released": {key: off}}, f"the twin lacks what the port builds unless {key} is {off}"


def _after_model(part: str, extra: Config) -> str:
    """The base model's own name: behind the `model.` that a port may have put before."""
    if part != "model":
        return part
    seconds = {name.split(".")[1] for name in extra if name.startswith("model.") and name.count(".") > 1}
    return next(iter(seconds)) if len(seconds) == 1 else "model"


def _moved(missing: Config, extra: Config) -> Iterator[Proposal]:
    """The same tensors under another beginning: `model.language_model.` for `language_model.model.`."""
    places: dict[str, dict[str, set[str]]] = {}
    for name, shape in extra.items():
        old = name.split(".")
        ends = {}
        for other in (m for m, size in missing.items() if size == shape):
            new = other.split(".")
            alike = 0
            while alike < min(len(old), len(new)) and old[-1 - alike] == new[-1 - alike]:
                alike += 1
            ends.setdefault(alike, []).append(new)
        best = max(ends, default=0)
        if best < 2 or len(ends[best]) != 1 or any(NUMBER.match(part) for part in old[:-best]):
            continue
        # With nothing before it, a name is known by its first part.
        keep = 1 if best == len(old) else 0
        before = old[: len(old) - best + keep]
        after = ends[best][0][: len(ends[best][0]) - best + keep]
        places.setdefault(".".join(after), {}).setdefault(".".join(before), set()).add(
            ".".join(ends[best][0])
        )
    # A tower may end in the same names as the text: the part with the most of them is it.
    likely = {new: max(parts.items(), key=lambda part: len(part[1])) for new, parts in places.items()}
    steps = {old: new for new, (old, _) in likely.items()}
    moved = {name for _, found in likely.values() for name in found}
    if steps and moved >= missing.keys():
        ordered = sorted(steps.items(), key=lambda step: -len(step[0]))
        said = ", ".join(f"{new} where transformers saves {old}" for old, new in ordered)
        rows = [{"from": f"^{re.escape(old)}\\.", "to": f"{new}." if new else ""} for old, new in ordered]
        yield {"weights": rows}, f"the port reads {said}"


def _renamed(missing: Config, extra: Config) -> Iterator[Proposal]:
    """One part of the names stands for another, if a quarter of those that have it fit."""
    parts = {p for name in extra for p in name.split(".") if not NUMBER.match(p)}
    others = {p for name in missing for p in name.split(".") if not NUMBER.match(p)}
    found = []
    for old in sorted(parts - others):
        having = [name.split(".") for name in extra if old in name.split(".")]
        for new in sorted(others - parts) + sorted(others & parts):
            renamed = {".".join(new if p == old else p for p in name) for name in having}
            fits = len(renamed & missing.keys())
            if 4 * fits >= len(renamed):
                found.append((fits, old, new))
    for _, old, new in sorted(found, key=lambda row: -row[0]):
        step = {"from": f"(^|\\.){re.escape(old)}\\.", "to": f"\\1{new}."}
        yield {"weights": [step]}, f"the port reads {new} where transformers saves {old}"


def _sizes(twin: Config, base: Config) -> Iterator[Proposal]:
    """Last: a switch or a small number that the twin moved goes back to the class's default."""
    for key, value in base.items():
        small = isinstance(value, (bool, str)) or (isinstance(value, (int, float)) and abs(value) <= 8)
        if small and key in twin and twin[key] != value and not key.endswith("token_id"):
            yield {"set": {key: value}}, f"the port takes no other {key} than the class's default"
