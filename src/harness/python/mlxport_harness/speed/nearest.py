"""The accepted port nearest to a config: one that runs it as it is written, and reads most of the same keys.

Of the same kind: experts or none, recurrent layers or none. Sources are parsed, nothing is imported.
"""

from __future__ import annotations

import fnmatch
from pathlib import Path
from typing import Any

from mlxport_harness.twin.accepted import _arguments
from mlxport_harness.twin.shrink import rules

EXPERTS = ("num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts")
# The same thing under another name: a port that reads one is given it under its own.
SYNONYMS = (
    EXPERTS,
    ("num_experts_per_tok", "num_experts_per_token", "moe_k", "moe_topk", "top_k_experts"),
    ("moe_intermediate_size", "expert_ffn_hidden_size", "intermediate_size"),
    ("rms_norm_eps", "layer_norm_eps", "norm_eps", "layer_norm_epsilon"),
    ("num_hidden_layers", "n_layer", "n_layers", "num_layers"),
    ("hidden_size", "n_embd", "d_model"),
    ("num_attention_heads", "n_head", "n_heads"),
)
# What nearly every accepted port has been told, where a config leaves it out.
USUAL = {"decoder_sparse_step": 1, "mlp_only_layers": [], "norm_topk_prob": True, "rope_theta": 10000.0}
USUAL |= {"tie_word_embeddings": False, "attention_bias": False, "mlp_bias": False, "rms_norm_eps": 1e-6}
# The ports that people measure against; among them, and then among the others, likeness decides.
FIRST = ("llama", "qwen2", "qwen3", "qwen3_moe", "mixtral", "deepseek_v3", "mamba2", "qwen3_next")


def ranked(
    config: dict[str, Any], models: Path, exclude: set[str]
) -> list[tuple[str, dict[str, Any], float]]:
    """(module, config in its words, likeness) of every port that could run it, the nearest first."""
    known = {k for k, v in config.items() if v is not None}
    found = []
    for path in sorted(models.glob("*.py")):
        if path.stem in exclude or path.stem.startswith("_"):
            continue
        try:
            required, declared = _arguments(path, set())
        except (SyntaxError, UnicodeDecodeError):
            continue
        if not declared or kind_of(set(declared), None) != kind_of(known, config):
            continue
        given = translated(config, declared)
        if any(k not in given for k in required if not k.endswith("?") and k != "model_type"):
            continue
        words = {k for k in declared if k in given}
        own = len(words & known)
        likeness = own / len(declared | known)
        found.append((path.stem, {**given, "model_type": path.stem}, likeness))
    return sorted(found, key=lambda row: (row[0] not in FIRST, -row[2]))


def translated(config: dict[str, Any], declared: set[str]) -> dict[str, Any]:
    given = dict(config)
    for group in SYNONYMS:
        value = next((config[k] for k in group if config.get(k) is not None), None)
        if value is not None:
            given |= {k: value for k in group if k in declared and config.get(k) is None}
    heads, width = given.get("num_attention_heads"), given.get("hidden_size")
    if "head_dim" in declared and given.get("head_dim") is None and heads and width:
        given["head_dim"] = width // heads
    return {**{k: v for k, v in USUAL.items() if k in declared}, **given}


def kind_of(keys: set[str], config: dict[str, Any] | None) -> tuple[bool, bool, bool]:
    """Experts, recurrent layers, latent attention. For a config a count of one or none is no experts."""
    experts = any(k in keys and (config is None or (config.get(k) or 0) > 1) for k in EXPERTS)
    patterns = [f"*{word}*" for word in (*rules()["recurrent"], "linear_num")]
    recurrent = any(fnmatch.fnmatch(k, p) for k in keys for p in patterns)
    return experts, recurrent, "kv_lora_rank" in keys
