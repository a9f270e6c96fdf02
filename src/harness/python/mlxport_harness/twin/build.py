"""Builds a twin in transformers: config and model. Needs torch.

What the class refuses is mended by rules, tried in order until the model builds and runs: values for what
its default leaves null, square heads, then the twin's changes taken back one at a time. A note says which.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from mlxport_harness.errors import Failure
from mlxport_harness.twin import accepted, complete
from mlxport_harness.twin import shrink as shrinker

LARGEST = 30_000_000
TOKENS = 40
Config = dict[str, Any]


def twin_config(model_type: str, raw: Config | None) -> tuple[Any, Config | None]:
    """The class's config of the twin, and the twin's config in the file's own spelling."""
    return make(model_type, raw)[:2]


def make(model_type: str, raw: Config | None) -> tuple[Any, Config | None, Config]:
    """As `twin_config`, and notes: what was mended, and which keys of released files were filled in."""
    from transformers import AutoConfig

    base = _base(model_type, raw)
    lacks = accepted.facts(model_type)["lacks"]
    first: Failure | None = None
    for note, small in _candidates(model_type, base, raw is None, lacks):
        try:
            rest = {k: v for k, v in copy.deepcopy(small).items() if k != "model_type"}
            config = AutoConfig.for_model(model_type, **rest)
            _probe(config)
        except Failure as failure:
            first = first or failure
        except Exception as error:
            text = f"transformers rejects the twin's config of {model_type}: {first_line(error)}"
            first = first or Failure("reference", text, "Give a released config.json with --config.")
        else:
            filled = complete.missing(model_type, config) if raw is None else {}
            notes = {"mended": note, "filled": filled}
            return config, None if raw is None else {**small, "model_type": model_type}, notes
    raise first or Failure("reference", f"There is no twin of {model_type}.", "")


def build(config: Any) -> torch.nn.Module:
    """The model in float32, with plain attention and plain experts where the class lets it choose."""
    config = copy.deepcopy(config)
    size = _parameters(config)
    if size > LARGEST:
        text = f"The twin has {size / 1e6:.0f} million parameters: the rules do not shrink this config."
        raise Failure("reference", text, "Add the architecture's width keys to twin/rules.json.")
    for options in (
        {"attn_implementation": "eager", "experts_implementation": "eager"},
        {"attn_implementation": "eager"},
        {},
    ):
        try:
            return model_class(config).from_config(config, dtype=torch.float32, **options).float().eval()
        except Exception as error:
            last = error
    raise Failure("reference", f"transformers cannot build the twin: {first_line(last)}", "")


def model_class(config: Any) -> Any:
    """The class that keeps the whole config: of some composite types the causal one takes the text alone."""
    from transformers import AutoModelForCausalLM, AutoModelForImageTextToText

    causal = AutoModelForCausalLM._model_mapping
    kind = type(config)
    whole = kind in causal and causal[kind].config_class is kind
    return (
        AutoModelForImageTextToText
        if not whole and kind in AutoModelForImageTextToText._model_mapping
        else AutoModelForCausalLM
    )


def token_ids(seed: int, vocab: int) -> np.ndarray:
    return np.random.default_rng(seed + 1).integers(3, vocab, size=(1, TOKENS), dtype=np.int64)


def first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).strip().splitlines() if line.strip()]
    text = " ".join(lines[:2]) if lines and lines[0].endswith(":") else lines[0] if lines else ""
    return f"{type(error).__name__}: {text[:300]}"


def _base(model_type: str, raw: Config | None) -> Config:
    from transformers import AutoConfig

    if raw is not None:
        return copy.deepcopy(raw)
    try:
        return AutoConfig.for_model(model_type).to_dict()
    except Exception as error:
        text = f"transformers cannot make the default config of {model_type}: {first_line(error)}"
        raise Failure("reference", text, "Give a released config.json with --config.") from None


def _candidates(model_type: str, base: Config, defaults: bool, lacks: Any) -> Iterator[tuple[str, Config]]:
    """The twin by the rules, then mended ones, from the mildest."""
    plain = shrinker.shrink(model_type, base, defaults, lacks)
    yield "", plain
    if not defaults:
        return
    mended = {"": plain}
    nulls = _fill_nulls(base, plain)
    if nulls != plain:
        mended["values where the class's default is null"] = nulls
    for note, config in list(mended.items()):
        square = _square(config)
        if square != config:
            mended[f"{note}, square heads".lstrip(", ")] = square
    for note, config in mended.items():
        if note:
            yield note, config
    for note, config in mended.items():
        for key, value in base.items():
            plain_value = isinstance(value, (int, float, str, type(None)))
            if plain_value and key in config and config[key] != value:
                yield f"{note}, {key} as in the class's default".lstrip(", "), {**config, key: value}


def _fill_nulls(base: Config, small: Config) -> Config:
    table = shrinker.rules()["nulls"]
    full = {**small, **{k: v for k, v in table.items() if k in base and base[k] is None}}
    if isinstance(base.get("text_config"), dict):
        full["text_config"] = _fill_nulls(base["text_config"], small["text_config"])
    return full


def _square(config: Config) -> Config:
    table = shrinker.rules()
    heads = next((config[k] for k in table["head_keys"] if isinstance(config.get(k), int)), None)
    width = next((config[k] for k in table["width_keys"] if isinstance(config.get(k), int)), None)
    if not heads or not width or "head_dim" not in config:
        return config
    return {**config, "head_dim": width // heads}


def _probe(config: Any) -> None:
    """One forward pass on the weights the class starts with."""
    model = build(config)
    ids = torch.from_numpy(token_ids(0, config.get_text_config().vocab_size))
    try:
        with torch.no_grad():
            model(input_ids=ids, use_cache=False)
    except Exception as error:
        text = f"transformers cannot run the twin: {first_line(error)}"
        raise Failure("reference", text, "Give a released config.json with --config.") from None


def _parameters(config: Any) -> int:
    """Counted without memory; 0 where the class cannot be built so, then the memory watch guards."""
    try:
        with torch.device("meta"):
            model = model_class(config).from_config(copy.deepcopy(config))
            return sum(p.numel() for p in model.parameters())
    except Exception:
        return 0
