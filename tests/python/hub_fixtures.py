"""Writes tests/fixtures/hub: repositories for the local Hub, from transformers' config classes and models.

Run by hand; the output is committed:

    PYTHONPATH=tests/python python tests/python/hub_fixtures.py tests/fixtures/hub [only this id]

Names and shapes are those of the model built from the config on the meta device, in the names under which
transformers would save it. Quantized formats are derived from them by their own layout rules below. What each
variant is, and which trap it sets, is in the hub_variants files.
"""

from __future__ import annotations

import json
import logging
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForImageTextToText,
    AutoModelForMaskedLM,
    PreTrainedModel,
)
from transformers.core_model_loading import revert_weight_conversion

from hub_quantized import QUANTIZED, Tensors
from hub_variant import Variant
from hub_variants import VARIANTS

CLASSES = {
    "causal": AutoModelForCausalLM,
    "image": AutoModelForImageTextToText,
    "masked": AutoModelForMaskedLM,
    "base": AutoModel,
}
DTYPES = {
    torch.bfloat16: "BF16",
    torch.float16: "F16",
    torch.float32: "F32",
    torch.int64: "I64",
    torch.bool: "BOOL",
}
TEMPLATE = "{{ bos_token }}{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}{% endfor %}"


def main(root: Path, only: str | None) -> None:
    logging.disable(logging.WARNING)
    for variant in VARIANTS:
        if only in (None, variant.id):
            config, tensors = build(variant)
            write(root / variant.id, variant, config, tensors)
            size = sum(elements(shape) for _, shape in tensors.values())
            print(f"{variant.id}: {variant.model}, {len(tensors)} tensors, {size / 1e9:.2f} G elements")
    (root / "README.md").write_text(readme())


def build(variant: Variant) -> tuple[dict[str, Any], Tensors]:
    config = AutoConfig.for_model(variant.model, **variant.config)
    with torch.device("meta"):
        model = CLASSES[variant.kind].from_config(config, dtype=getattr(torch, variant.dtype))
    tensors = saved(model, variant.keep_head)
    if variant.predicts:
        tensors = predicting(tensors, config)
    written = json.loads(model.config.to_json_string(use_diff=True))
    written["architectures"] = [type(model).__name__]
    if variant.quant:
        tensors, extra = QUANTIZED[variant.quant](model, tensors)
        written |= extra
    if variant.era:
        written = older(written, variant.era)
    if variant.edit:
        variant.edit(written)
    return dict(sorted(written.items())), tensors


def saved(model: PreTrainedModel, keep_head: bool) -> Tensors:
    """What save_pretrained would write: tied copies left out, unless the variant keeps its head."""
    state = dict(model.state_dict())
    for name in model.all_tied_weights_keys:
        if not keep_head:
            state.pop(name, None)
    state = revert_weight_conversion(model, state)
    full = model._keep_in_fp32_modules_strict or ()
    return {
        name: ("F32" if any(part in name for part in full) else DTYPES[tensor.dtype], list(tensor.shape))
        for name, tensor in state.items()
    }


def predicting(tensors: Tensors, config: Any) -> Tensors:
    """Adds the layer that predicts a token further, as DeepSeek's checkpoints have it after the last.

    transformers has no module for it: one more layer, norms and a projection of both inputs, and embeddings
    and a head of its own.
    """
    last, new = f"model.layers.{config.num_hidden_layers - 1}.", f"model.layers.{config.num_hidden_layers}."
    out = {new + name.removeprefix(last): value for name, value in tensors.items() if name.startswith(last)}
    norm, head = tensors["model.norm.weight"], tensors["lm_head.weight"]
    out |= {new + name: norm for name in ("enorm.weight", "hnorm.weight", "shared_head.norm.weight")}
    out |= {new + name: head for name in ("embed_tokens.weight", "shared_head.head.weight")}
    out[new + "eh_proj.weight"] = (head[0], [config.hidden_size, 2 * config.hidden_size])
    return tensors | out


def older(config: dict[str, Any], version: str) -> dict[str, Any]:
    """Spells a config as transformers 4 did: torch_dtype, rope_theta beside rope_scaling."""
    out = {}
    for key, value in config.items():
        if isinstance(value, dict) and key.endswith("_config") and "model_type" in value:
            out[key] = older(value, "")
        elif key == "dtype":
            out["torch_dtype"] = value
        elif key == "rope_parameters" and value:
            out |= older_rope(value)
        else:
            out[key] = value
    return out | ({"transformers_version": version} if version else {})


def older_rope(rope: dict[str, Any]) -> dict[str, Any]:
    if "full_attention" in rope:
        full, local = rope["full_attention"], rope["sliding_attention"]
        return older_rope(full) | {"rope_local_base_freq": local["rope_theta"]}
    rest = {key: value for key, value in rope.items() if key not in ("rope_theta", "partial_rotary_factor")}
    out = {key: rope[key] for key in ("rope_theta", "partial_rotary_factor") if key in rope}
    return out | {"rope_scaling": None if rest in ({}, {"rope_type": "default"}) else rest}


def write(folder: Path, variant: Variant, config: dict[str, Any], tensors: Tensors) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    aside = folder / ".hub"
    aside.mkdir(parents=True)
    dump(folder / "config.json", config)
    if variant.kind in ("causal", "image"):
        dump(folder / "generation_config.json", generation(variant, config))
        dump(folder / "tokenizer_config.json", tokenizer(variant))
    for name, text in variant.files.items():
        (folder / name).write_text(text)
    card = dict(variant.card)
    zeros = {"tokenizer.json": 9_085_657} if variant.kind in ("causal", "image") else {}
    if variant.bin:
        two = sum(elements(shape) for _, shape in tensors.values())
        zeros |= {f"pytorch_model-0000{i}-of-00002.bin": two for i in (1, 2)}
    else:
        (aside / "tensors.json").write_text(compact(variant, tensors))
    dump(aside / "repo.json", card | {"zeros": zeros})


def generation(variant: Variant, config: dict[str, Any]) -> dict[str, Any]:
    inner = config.get("text_config", config)
    out = {"_from_model_config": True, "eos_token_id": inner.get("eos_token_id"), **variant.generation}
    return {key: value for key, value in out.items() if value is not None} | {
        "transformers_version": config.get("transformers_version", transformers.__version__)
    }


def tokenizer(variant: Variant) -> dict[str, Any]:
    out = {
        "bos_token": "<s>",
        "eos_token": "</s>",
        "model_max_length": 131072,
        "tokenizer_class": "TokenizersBackend",
    }
    return out | ({"chat_template": TEMPLATE} if variant.chat else {})


def compact(variant: Variant, tensors: Tensors) -> str:
    """Folds numbered names into patterns; see tests/it/support/hub/tensors.rs for the form."""
    groups: dict[tuple[str, str, tuple[int, ...]], set[tuple[int, ...]]] = {}
    for name, (dtype, shape) in tensors.items():
        parts = name.split(".")
        numbers = tuple(int(part) for part in parts if part.isdigit())
        pattern = ".".join("{}" if part.isdigit() else part for part in parts)
        groups.setdefault((pattern, dtype, tuple(shape)), set()).add(numbers)
    rows = []
    for (pattern, dtype, shape), numbers in groups.items():
        for box in boxes(numbers):
            at = {"at": [ranges(axis) for axis in box]} if box else {}
            rows.append(json.dumps({"name": pattern, **at, "dtype": dtype, "shape": list(shape)}))
    head = {"metadata": {"format": "mlx" if variant.quant == "mlx4" else "pt"}}
    if variant.shards:
        head |= {"shards": variant.shards}
    elif variant.shard_bytes:
        head |= {"shard_by_bytes": variant.shard_bytes}
    if not variant.index:
        head |= {"index": False}
    text = json.dumps(head)[:-1] + ', "tensors": [\n  ' + ",\n  ".join(rows) + "\n]}\n"
    unfolded = sum(len(list(expand(json.loads(row).get("at", [])))) for row in rows)
    assert unfolded == len(tensors), f"{variant.id}: {unfolded} of {len(tensors)} names come back"
    return text


def boxes(numbers: set[tuple[int, ...]]) -> list[tuple[frozenset[int], ...]]:
    """Covers index tuples by products of sets."""
    if numbers == {()}:
        return [()]
    rests: dict[int, set[tuple[int, ...]]] = {}
    for first, *rest in numbers:
        rests.setdefault(first, set()).add(tuple(rest))
    same: dict[frozenset[tuple[int, ...]], set[int]] = {}
    for first, rest in rests.items():
        same.setdefault(frozenset(rest), set()).add(first)
    return [(frozenset(firsts), *box) for rest, firsts in same.items() for box in boxes(set(rest))]


def ranges(numbers: Iterable[int]) -> str:
    out: list[list[int]] = []
    for number in sorted(numbers):
        if out and out[-1][1] == number - 1:
            out[-1][1] = number
        else:
            out.append([number, number])
    return ",".join(f"{a}-{b}" if a != b else str(a) for a, b in out)


def expand(at: list[str]) -> Iterable[tuple[int, ...]]:
    if not at:
        return [()]
    first = []
    for part in at[0].split(","):
        a, _, b = part.partition("-")
        first += range(int(a), int(b or a) + 1)
    return [(number, *rest) for number in first for rest in expand(at[1:])]


def elements(shape: list[int]) -> int:
    return int(torch.Size(shape).numel())


def dump(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def readme() -> str:
    rows = "\n".join(f"| {v.id} | {v.model} | {v.trap} |" for v in VARIANTS)
    return f"""# Repositories of the local Hub

Made by `tests/python/hub_fixtures.py` with transformers {transformers.__version__}; do not edit by hand.

No organisation and no checkpoint here exists. The configs come from real config classes, with sizes as such
models have them; tensor names and shapes are those of the model built on the meta device; the data that the
server makes for them is all zeros. Downloads, likes and dates are invented. `.hub/` holds what is no file of
the repository: the card and the tensors.

Serve them with `HUB_PORT=8765 cargo test --test it serve_the_fixtures -- --ignored --nocapture`.

| repository | model_type | what it is there for |
|---|---|---|
{rows}
"""


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else None)
