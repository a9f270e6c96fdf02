"""Builds a twin in transformers: config and model. Needs torch.

What the class refuses is mended (`mends.py`), in order until the model builds and runs. A note says how.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch

from mlxport_harness.errors import Failure
from mlxport_harness.twin import accepted, complete, mends
from mlxport_harness.twin import shrink as shrinker

LARGEST = 30_000_000
TOKENS = 40
MENDS = 3
Config = dict[str, Any]


def twin_config(model_type: str, raw: Config | None) -> tuple[Any, Config | None]:
    """The class's config of the twin, and the twin's config in the file's own spelling."""
    return make(model_type, raw)[:2]


def make(model_type: str, raw: Config | None) -> tuple[Any, Config | None, Config]:
    """As `twin_config`, and notes: what was mended, and which keys of released files were filled in."""
    base = _base(model_type, raw)
    lacks = accepted.facts(model_type)["lacks"]
    plain = shrinker.shrink(model_type, base, raw is None, lacks)
    note, small = "", plain
    config, refused = _try(model_type, plain)
    if refused and raw is None:
        note, small, config = _mended(model_type, base, plain, refused)
    if config is None:
        raise refused or Failure("reference", f"There is no twin of {model_type}.", "")
    filled = complete.missing(model_type, config) if raw is None else {}
    notes = {"mended": note, "filled": filled}
    return config, None if raw is None else {**small, "model_type": model_type}, notes


def _try(model_type: str, small: Config) -> tuple[Any, Failure | None]:
    """The class's config of the twin, or None and why it or its model was refused."""
    from transformers import AutoConfig

    try:
        rest = {k: v for k, v in copy.deepcopy(small).items() if k != "model_type"}
        config = AutoConfig.for_model(model_type, **rest)
        _probe(config)
    except Failure as failure:
        return None, failure
    except Exception as error:
        text = f"transformers rejects the twin's config of {model_type}: {first_line(error)}"
        return None, Failure("reference", text, "Give a released config.json with --config.")
    return config, None


def _mended(model_type: str, base: Config, plain: Config, refused: Failure) -> tuple[str, Config, Any]:
    """Follows what the class says, each mend on top of the last that changed its words; then the rules."""
    small, said, notes = plain, refused.text, []
    for _ in range(MENDS):
        for note, config in mends.by_words(model_type, small, said):
            found, failure = _try(model_type, config)
            if found is not None:
                return ", ".join([*notes, note]), config, found
            if failure and failure.text != said:
                small, said, notes = config, failure.text, [*notes, note]
                break
        else:
            break
    starts = [(plain, [])] + ([(small, notes)] if notes else [])
    for start, before in starts:
        for note, config in mends.by_rules(base, start):
            found, _ = _try(model_type, config)
            if found is not None:
                return ", ".join([*before, note]), config, found
    return "", plain, None


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
        return mends.silent(model_type, AutoConfig.for_model(model_type).to_dict())
    except Exception as error:
        text = f"transformers cannot make the default config of {model_type}: {first_line(error)}"
        raise Failure("reference", text, "Give a released config.json with --config.") from None


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
