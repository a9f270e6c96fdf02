"""Synthetic checkpoints for tests: safetensors files with true headers, sparse or cut after the header.

DeepSeek-V3 as released: names, shapes and dtypes of its 163 shards, fp8 with 128 by 128 block scales, the
multi-token prediction layer included. From the model's published config; nothing is downloaded.
"""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

from mlxport_harness.load.headers import BYTES

Tensors = dict[str, tuple[str, list[int]]]


def write(
    folder: Path, config: dict[str, Any], tensors: Tensors, shards: int = 1, weights: bool = False
) -> Path:
    """`weights`: the file has its full size, as a hole; else it ends after the header."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    names, places = list(tensors), {}
    size = -(-len(names) // shards)
    for number in range(shards):
        part = names[number * size : (number + 1) * size]
        file = f"model-{number + 1:05d}-of-{shards:06d}.safetensors" if shards > 1 else "model.safetensors"
        shard(folder / file, {name: tensors[name] for name in part}, weights)
        places |= dict.fromkeys(part, file)
    if shards > 1:
        (folder / "model.safetensors.index.json").write_text(
            json.dumps({"metadata": {}, "weight_map": places})
        )
    return folder


def shard(path: Path, tensors: Tensors, weights: bool = False) -> None:
    at, header = 0, {}
    for name, (dtype, shape) in tensors.items():
        end = at + math.prod(shape) * BYTES[dtype]
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, end]}
        at = end
    raw(path, json.dumps(header).encode(), at if weights else 0)


def raw(path: Path, header: bytes, data: int = 0) -> None:
    with open(path, "wb") as out:
        out.write(len(header).to_bytes(8, "little") + header)
    if data:
        os.truncate(path, 8 + len(header) + data)


DEEPSEEK_V3: dict[str, Any] = {
    "architectures": ["DeepseekV3ForCausalLM"],
    "attention_bias": False,
    "ep_size": 1,
    "first_k_dense_replace": 3,
    "hidden_act": "silu",
    "hidden_size": 7168,
    "intermediate_size": 18432,
    "kv_lora_rank": 512,
    "max_position_embeddings": 163840,
    "model_type": "deepseek_v3",
    "moe_intermediate_size": 2048,
    "moe_layer_freq": 1,
    "n_group": 8,
    "n_routed_experts": 256,
    "n_shared_experts": 1,
    "norm_topk_prob": True,
    "num_attention_heads": 128,
    "num_experts_per_tok": 8,
    "num_hidden_layers": 61,
    "num_key_value_heads": 128,
    "num_nextn_predict_layers": 1,
    "q_lora_rank": 1536,
    "qk_nope_head_dim": 128,
    "qk_rope_head_dim": 64,
    "quantization_config": {
        "activation_scheme": "dynamic",
        "fmt": "e4m3",
        "quant_method": "fp8",
        "weight_block_size": [128, 128],
    },
    "rms_norm_eps": 1e-06,
    "rope_scaling": {
        "beta_fast": 32,
        "beta_slow": 1,
        "factor": 40,
        "mscale": 1.0,
        "mscale_all_dim": 1.0,
        "original_max_position_embeddings": 4096,
        "type": "yarn",
    },
    "rope_theta": 10000,
    "routed_scaling_factor": 2.5,
    "scoring_func": "sigmoid",
    "tie_word_embeddings": False,
    "topk_group": 4,
    "topk_method": "noaux_tc",
    "torch_dtype": "bfloat16",
    "v_head_dim": 128,
    "vocab_size": 129280,
}


def deepseek_v3(config: dict[str, Any], fp8: bool = True) -> Tensors:
    """The released names at the config's sizes, the layer of multi-token prediction last."""
    found: Tensors = {}
    hidden, layers = config["hidden_size"], config["num_hidden_layers"]
    heads, rope, nope = config["num_attention_heads"], config["qk_rope_head_dim"], config["qk_nope_head_dim"]

    def linear(name: str, out: int, into: int) -> None:
        found[f"{name}.weight"] = ("F8_E4M3" if fp8 else "BF16", [out, into])
        if fp8:
            found[f"{name}.weight_scale_inv"] = ("F32", [-(-out // 128), -(-into // 128)])

    def mlp(name: str, width: int) -> None:
        linear(f"{name}.gate_proj", width, hidden)
        linear(f"{name}.up_proj", width, hidden)
        linear(f"{name}.down_proj", hidden, width)

    def norm(name: str, width: int = hidden) -> None:
        found[f"{name}.weight"] = ("BF16", [width])

    vocabulary = ("BF16", [config["vocab_size"], hidden])
    found["model.embed_tokens.weight"] = vocabulary
    for layer in range(layers + config["num_nextn_predict_layers"]):
        at = f"model.layers.{layer}"
        attention = f"{at}.self_attn"
        linear(f"{attention}.q_a_proj", config["q_lora_rank"], hidden)
        norm(f"{attention}.q_a_layernorm", config["q_lora_rank"])
        linear(f"{attention}.q_b_proj", heads * (nope + rope), config["q_lora_rank"])
        linear(f"{attention}.kv_a_proj_with_mqa", config["kv_lora_rank"] + rope, hidden)
        norm(f"{attention}.kv_a_layernorm", config["kv_lora_rank"])
        linear(f"{attention}.kv_b_proj", heads * (nope + config["v_head_dim"]), config["kv_lora_rank"])
        linear(f"{attention}.o_proj", hidden, heads * config["v_head_dim"])
        if layer < config["first_k_dense_replace"]:
            mlp(f"{at}.mlp", config["intermediate_size"])
        else:
            found[f"{at}.mlp.gate.weight"] = ("BF16", [config["n_routed_experts"], hidden])
            found[f"{at}.mlp.gate.e_score_correction_bias"] = ("F32", [config["n_routed_experts"]])
            mlp(f"{at}.mlp.shared_experts", config["moe_intermediate_size"] * config["n_shared_experts"])
            for expert in range(config["n_routed_experts"]):
                mlp(f"{at}.mlp.experts.{expert}", config["moe_intermediate_size"])
        norm(f"{at}.input_layernorm")
        norm(f"{at}.post_attention_layernorm")
        if layer >= layers:
            found[f"{at}.embed_tokens.weight"] = vocabulary
            norm(f"{at}.enorm")
            norm(f"{at}.hnorm")
            found[f"{at}.eh_proj.weight"] = ("BF16", [hidden, 2 * hidden])
            norm(f"{at}.shared_head.norm")
            found[f"{at}.shared_head.head.weight"] = vocabulary
    norm("model.norm")
    found["lm_head.weight"] = vocabulary
    return found


GPT_OSS: dict[str, Any] = {
    "model_type": "gpt_oss",
    "architectures": ["GptOssForCausalLM"],
    "num_hidden_layers": 24,
    "num_local_experts": 32,
    "num_experts_per_tok": 4,
    "vocab_size": 201088,
    "rms_norm_eps": 1e-05,
    "hidden_size": 2880,
    "intermediate_size": 2880,
    "head_dim": 64,
    "num_attention_heads": 64,
    "num_key_value_heads": 8,
    "sliding_window": 128,
    "rope_theta": 150000,
    "layer_types": ["sliding_attention", "full_attention"] * 12,
    "quantization_config": {"quant_method": "mxfp4", "modules_to_not_convert": ["lm_head"]},
    "tie_word_embeddings": False,
}


def gpt_oss(config: dict[str, Any]) -> Tensors:
    """gpt-oss as released: experts in blocks of 32 four-bit numbers with a byte of scale each."""
    hidden, wide, experts = config["hidden_size"], config["intermediate_size"], config["num_local_experts"]
    heads, kv, width = config["num_attention_heads"], config["num_key_value_heads"], config["head_dim"]
    found: Tensors = {"model.embed_tokens.weight": ("BF16", [config["vocab_size"], hidden])}
    for layer in range(config["num_hidden_layers"]):
        at = f"model.layers.{layer}"
        for name, out, into in (
            ("q_proj", heads * width, hidden),
            ("k_proj", kv * width, hidden),
            ("v_proj", kv * width, hidden),
            ("o_proj", hidden, heads * width),
        ):
            found[f"{at}.self_attn.{name}.weight"] = ("BF16", [out, into])
            found[f"{at}.self_attn.{name}.bias"] = ("BF16", [out])
        found[f"{at}.self_attn.sinks"] = ("BF16", [heads])
        for norm in ("input_layernorm", "post_attention_layernorm"):
            found[f"{at}.{norm}.weight"] = ("BF16", [hidden])
        found[f"{at}.mlp.router.weight"] = ("BF16", [experts, hidden])
        found[f"{at}.mlp.router.bias"] = ("BF16", [experts])
        for name, out, into in (("gate_up_proj", 2 * wide, hidden), ("down_proj", hidden, wide)):
            found[f"{at}.mlp.experts.{name}_blocks"] = ("U8", [experts, out, into // 32, 16])
            found[f"{at}.mlp.experts.{name}_scales"] = ("U8", [experts, out, into // 32])
            found[f"{at}.mlp.experts.{name}_bias"] = ("BF16", [experts, out])
    found["model.norm.weight"] = ("BF16", [hidden])
    found["lm_head.weight"] = ("BF16", [config["vocab_size"], hidden])
    return found
