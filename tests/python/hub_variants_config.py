"""Families of tests/fixtures/hub whose trap is in the config, and what is no LM."""

from __future__ import annotations

from hub_variant import SAMPLED, Variant, card, chat_tags, drop, put

EMBER_4K = {"max_position_embeddings": 4096, "original_max_position_embeddings": 4096, "sliding_window": 2047}
LONG = {
    "rope_type": "longrope",
    "rope_theta": 10000.0,
    "short_factor": [round(1.0 + 0.02 * at, 2) for at in range(48)],
    "long_factor": [round(1.0 + 1.3 * at, 2) for at in range(48)],
}

EMBER = [
    Variant(
        "quill/ember-3.8b-4k-instruct",
        "phi3",
        "fused qkv and gate_up; the short one of a pair",
        EMBER_4K,
        card(350_000, 620, "2025-05-22", license="mit", tags=chat_tags()),
        era="4.40.2",
        shards=2,
        chat=True,
    ),
    Variant(
        "quill/ember-3.8b-128k-instruct",
        "phi3",
        "longrope with factor lists, rope_type spelled type",
        EMBER_4K | {"max_position_embeddings": 131072, "sliding_window": 262144, "rope_parameters": LONG},
        card(290_000, 810, "2025-05-22", license="mit", tags=chat_tags()),
        era="4.40.2",
        edit=lambda config: config["rope_scaling"].update(type=config["rope_scaling"].pop("rope_type")),
        shards=2,
        chat=True,
    ),
]

MEADOW_ROPE = {
    "sliding_attention": {"rope_type": "default", "rope_theta": 500000.0},
    "full_attention": {
        "rope_type": "yarn",
        "rope_theta": 500000.0,
        "factor": 8.0,
        "original_max_position_embeddings": 8192,
        "attention_factor": 1.2079441541679836,
    },
}
MEADOW = {
    "vocab_size": 100278,
    "max_position_embeddings": 65536,
    "rms_norm_eps": 1e-06,
    "rope_parameters": MEADOW_ROPE,
}

HYBRID = {
    "vocab_size": 100352,
    "hidden_size": 1536,
    "intermediate_size": 512,
    "num_hidden_layers": 40,
    "num_attention_heads": 12,
    "num_key_value_heads": 4,
    "num_local_experts": 64,
    "num_experts_per_tok": 6,
    "mamba_n_heads": 48,
    "mamba_d_state": 128,
    "embedding_multiplier": 12.0,
    "residual_multiplier": 0.22,
    "attention_multiplier": 0.0078125,
    "logits_scaling": 6.0,
    "tie_word_embeddings": True,
    "position_embedding_type": "nope",
    "layer_types": ["attention" if at in (5, 15, 25, 35) else "mamba" for at in range(40)],
}

OTHERS = [
    Variant(
        "quill/meadow-7b",
        "olmo3",
        "base; YaRN on the full layers only, by layer type; norms after the blocks",
        MEADOW,
        card(27_000, 150, "2026-02-25"),
        shards=3,
    ),
    Variant(
        "quill/meadow-7b-think",
        "olmo3",
        "thinking; rope_scaling for all layers where the base has it by type",
        MEADOW,
        card(46_000, 190, "2026-02-26", base="quill/meadow-7b", tags=chat_tags()),
        edit=lambda config: config.update(
            rope_scaling=config["rope_parameters"].pop("full_attention"),
            rope_theta=config.pop("rope_parameters")["sliding_attention"]["rope_theta"],
        ),
        shards=3,
        chat=True,
        generation=SAMPLED,
    ),
    Variant(
        "quill/meadow-7b-instruct-dpo",
        "olmo3",
        "DPO; no dtype key, float32 in the file",
        MEADOW,
        card(4_400, 21, "2026-02-27", base="quill/meadow-7b-think", tags=chat_tags("dpo")),
        dtype="float32",
        edit=drop("dtype"),
        shards=6,
        chat=True,
    ),
    Variant(
        "pine/needle-2b",
        "granite",
        "embedding, residual, attention and logits multipliers",
        {
            "vocab_size": 49155,
            "hidden_size": 2048,
            "intermediate_size": 8192,
            "num_hidden_layers": 40,
            "num_attention_heads": 32,
            "num_key_value_heads": 8,
            "embedding_multiplier": 12.0,
            "residual_multiplier": 0.22,
            "attention_multiplier": 0.015625,
            "logits_scaling": 8.0,
            "max_position_embeddings": 131072,
            "tie_word_embeddings": True,
            "rope_parameters": {"rope_type": "default", "rope_theta": 10000000.0},
        },
        card(39_000, 77, "2025-11-11", tags=chat_tags()),
        era="4.47.0",
        shards=2,
        chat=True,
    ),
    Variant(
        "pine/needle-h-7b",
        "granitemoehybrid",
        "mamba and attention by layer, 3-D stacked experts and conv1d, no rope; infinity as an object",
        HYBRID,
        card(14_000, 58, "2026-04-02", base="pine/needle-h-7b-base", tags=chat_tags()),
        shards=3,
        chat=True,
    ),
    Variant(
        "pine/needle-h-7b-base",
        "granitemoehybrid",
        "base; time_step_limit holds a bare Infinity, as transformers 4 wrote it: config.json is no JSON",
        HYBRID,
        card(6_000, 30, "2026-03-30"),
        era="4.53.1",
        edit=put(time_step_limit=[0.0, float("inf")]),
        shards=3,
    ),
    Variant(
        "pine/comet-2b",
        "gemma2",
        "attention and final softcaps, alternating windows, post norms",
        {},
        card(98_000, 310, "2025-08-01", license="other"),
        era="4.42.4",
        edit=drop("layer_types"),
        shards=2,
    ),
    Variant(
        "pine/orchid-8b",
        "cohere2",
        "layernorm with layer_norm_eps, logit_scale, parallel blocks, rope on sliding layers only",
        {"hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32, "num_attention_heads": 32}
        | {"num_key_value_heads": 8, "layer_types": (["sliding_attention"] * 3 + ["full_attention"]) * 8},
        card(33_000, 240, "2026-01-19", license="cc-by-nc-4.0", gated="auto", tags=chat_tags()),
        era="4.48.0",
        dtype="float16",
        shards=4,
        chat=True,
    ),
    Variant(
        "quill/lantern-3b",
        "smollm3",
        "no_rope_layers, and rope_scaling beside rope_parameters that say otherwise",
        {},
        card(71_000, 330, "2026-03-08", tags=chat_tags()),
        edit=put(
            rope_scaling={"rope_type": "yarn", "factor": 2.0, "original_max_position_embeddings": 32768}
        ),
        shards=2,
        chat=True,
    ),
    Variant(
        "lumen/mosaic-17b-16e",
        "llama4",
        "nested text_config, 3-D stacked experts, chunked attention, shared expert, qk norm without weights",
        {"text_config": {"num_hidden_layers": 48}, "vision_config": {"hidden_size": 1408}},
        card(58_000, 900, "2026-05-20", license="other", gated="manual", pipeline_tag="image-text-to-text"),
        kind="image",
        era="4.51.0",
        shards=50,
        chat=True,
    ),
    Variant(
        "north/tundra-106b-a12b",
        "glm4_moe",
        "partial rotary of one half, biases in F32 beside BF16, the first layer dense",
        {"num_hidden_layers": 46, "bos_token_id": 151331, "eos_token_id": [151329, 151336]},
        card(110_000, 770, "2026-04-28", license="mit", tags=chat_tags()),
        era="4.54.0",
        shards=47,
        chat=True,
    ),
    Variant(
        "acme/buoy-base",
        "bert",
        "no LM: an encoder for masked words",
        {},
        card(2_400_000, 300, "2023-06-01", pipeline_tag="fill-mask"),
        kind="masked",
        dtype="float32",
        era="4.29.0",
    ),
    Variant(
        "acme/lens-so400m",
        "siglip",
        "no LM: vision and text towers",
        {"vision_config": {"hidden_size": 1152, "intermediate_size": 4304, "num_hidden_layers": 27}},
        card(410_000, 190, "2024-09-09", pipeline_tag="zero-shot-image-classification"),
        kind="base",
        dtype="float32",
        era="4.37.0",
    ),
]

CONFIGS = [*EMBER, *OTHERS]
