"""Families of tests/fixtures/hub: custom code and fp8, nested configs, stacked experts."""

from __future__ import annotations

from hub_variant import FIVE_GB, Config, Variant, card, chat_tags, put

MODELING = '''"""Glacier: DeepSeek-V3's architecture under a name of its own."""

from transformers.models.deepseek_v3.modeling_deepseek_v3 import DeepseekV3ForCausalLM

from .configuration_glacier import GlacierConfig


class GlacierForCausalLM(DeepseekV3ForCausalLM):
    config_class = GlacierConfig
'''
CONFIGURATION = """from transformers.models.deepseek_v3.configuration_deepseek_v3 import DeepseekV3Config


class GlacierConfig(DeepseekV3Config):
    model_type = "glacier"
"""
AUTO_MAP = {
    "AutoConfig": "configuration_glacier.GlacierConfig",
    "AutoModelForCausalLM": "modeling_glacier.GlacierForCausalLM",
}
GLACIER_ROPE = {
    "rope_type": "yarn",
    "rope_theta": 10000.0,
    "factor": 40.0,
    "beta_fast": 32.0,
    "beta_slow": 1.0,
    "mscale": 1.0,
    "mscale_all_dim": 1.0,
    "original_max_position_embeddings": 4096,
}

GLACIER = [
    Variant(
        "north/glacier-671b",
        "deepseek_v3",
        "400 shards, fp8 with scales, a layer that predicts a token further; custom code with auto_map",
        {"num_nextn_predict_layers": 1, "max_position_embeddings": 163840, "rope_parameters": GLACIER_ROPE},
        card(240_000, 2900, "2026-03-24", license="mit", tags=chat_tags("fp8")),
        era="4.46.3",
        edit=put(architectures=["GlacierForCausalLM"], auto_map=AUTO_MAP, model_type="glacier"),
        quant="fp8",
        predicts=True,
        shards=400,
        chat=True,
        files={"modeling_glacier.py": MODELING, "configuration_glacier.py": CONFIGURATION},
    ),
    Variant(
        "north/glacier-lite-16b",
        "deepseek_v2",
        "latent attention without q_lora (null), 64 experts, the first layer dense",
        {
            "hidden_size": 2048,
            "intermediate_size": 10944,
            "num_hidden_layers": 27,
            "num_attention_heads": 16,
            "num_key_value_heads": 16,
            "q_lora_rank": None,
            "first_k_dense_replace": 1,
            "moe_intermediate_size": 1408,
            "num_experts_per_tok": 6,
            "max_position_embeddings": 163840,
            "rope_parameters": GLACIER_ROPE | {"mscale": 0.707, "mscale_all_dim": 0.707},
        },
        card(51_000, 170, "2025-12-09", license="mit"),
        era="4.39.3",
        shards=4,
    ),
]


def prism(layers: int, hidden: int, inner: int) -> Config:
    pattern = [("full" if at % 6 == 5 else "sliding") + "_attention" for at in range(layers)]
    return {
        "vocab_size": 262144,
        "hidden_size": hidden,
        "intermediate_size": inner,
        "num_hidden_layers": layers,
        "layer_types": pattern,
        "max_position_embeddings": 32768,
        "query_pre_attn_scalar": 256,
    }


SCALED = {
    "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0},
    "full_attention": {"rope_type": "linear", "rope_theta": 1000000.0, "factor": 8.0},
}
PRISM_1B = prism(26, 1152, 6912) | {"num_attention_heads": 4, "num_key_value_heads": 1, "sliding_window": 512}
PRISM_4B = prism(34, 2560, 10240) | {
    "num_attention_heads": 8,
    "num_key_value_heads": 4,
    "sliding_window": 1024,
}
PRISM_VISION = {
    "hidden_size": 1152,
    "intermediate_size": 4304,
    "num_hidden_layers": 27,
    "num_attention_heads": 16,
}

PRISM = [
    Variant(
        "lumen/prism-1b-pt",
        "gemma3_text",
        "base; rope_parameters by layer type, sliding windows",
        PRISM_1B,
        card(160_000, 210, "2026-01-05", license="other", gated="auto"),
    ),
    Variant(
        "lumen/prism-1b-it",
        "gemma3_text",
        "the same, older: rope_theta, rope_local_base_freq and sliding_window_pattern in place of both lists",
        PRISM_1B,
        card(690_000, 480, "2026-01-05", license="other", base="lumen/prism-1b-pt", tags=chat_tags()),
        era="4.50.0",
        edit=lambda config: (config.pop("layer_types"), config.update(sliding_window_pattern=6), None)[-1],
        chat=True,
        generation={"do_sample": True, "top_k": 64, "top_p": 0.95},
    ),
    Variant(
        "lumen/prism-4b-it",
        "gemma3",
        "a VLM with the text model inside: text_config nested, RoPE by layer type and linear for full layers",
        {
            "text_config": PRISM_4B | {"max_position_embeddings": 131072, "rope_parameters": SCALED},
            "vision_config": PRISM_VISION,
        },
        card(830_000, 1300, "2026-01-06", license="other", pipeline_tag="image-text-to-text"),
        kind="image",
        shards=2,
        chat=True,
    ),
    Variant(
        "lumen/prism-4b-text",
        "gemma3_text",
        "the text model of prism-4b-it cut out by somebody else: same shapes, other names, float32",
        PRISM_4B | {"max_position_embeddings": 131072, "rope_parameters": SCALED},
        card(3_100, 12, "2026-02-14", license="other", base="lumen/prism-4b-it"),
        dtype="float32",
        shard_bytes=FIVE_GB,
    ),
]

STRATA_LAYERS = {
    "num_hidden_layers": 24,
    "num_local_experts": 32,
    "layer_types": ["sliding_attention", "full_attention"] * 12,
}
STRATA = [
    Variant(
        "lumen/strata-20b",
        "gpt_oss",
        "mxfp4: experts in U8 blocks and scales; YaRN by default, biases, attention sinks",
        STRATA_LAYERS,
        card(1_200_000, 3800, "2026-06-10", tags=chat_tags("mxfp4")),
        quant="mxfp4",
        shards=3,
        chat=True,
    ),
    Variant(
        "south/strata-20b-bf16",
        "gpt_oss",
        "the same, dequantized: 3-D stacked experts in bfloat16",
        STRATA_LAYERS,
        card(9_700, 40, "2026-06-12", base="lumen/strata-20b"),
        shards=9,
        chat=True,
    ),
]

BACKBONE = [
    Variant(
        "north/fjord-vl-8b",
        "qwen3_vl",
        "a VLM whose backbone is fjord: text_config nested, mrope sections, dtype inside text_config alone",
        {
            "text_config": {
                "hidden_size": 4096,
                "intermediate_size": 12288,
                "num_hidden_layers": 36,
                "num_attention_heads": 32,
                "num_key_value_heads": 8,
                "head_dim": 128,
                "vocab_size": 151936,
                "rope_parameters": {
                    "rope_type": "default",
                    "rope_theta": 5000000.0,
                    "mrope_interleaved": True,
                    "mrope_section": [24, 20, 20],
                },
            },
            "vision_config": {"out_hidden_size": 4096, "deepstack_visual_indexes": [8, 16, 24]},
        },
        card(130_000, 260, "2026-05-01", pipeline_tag="image-text-to-text"),
        kind="image",
        edit=lambda config: config["text_config"].update(dtype=config.pop("dtype")),
        shards=4,
        chat=True,
    ),
]

NESTED = [*GLACIER, *PRISM, *STRATA, *BACKBONE]
