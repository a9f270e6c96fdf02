"""The variants of tests/fixtures/hub: what each is, which config it has, and which trap it sets.

Sizes are those of models of that class and size; the names are invented, see the README beside the fixtures.
"""

from __future__ import annotations

from hub_variant import FIVE_GB, SAMPLED, Config, Variant, card, chat_tags, drop
from hub_variants_config import CONFIGS
from hub_variants_nested import NESTED

LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 500000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 8192,
}


def harbor(size: str) -> Config:
    sizes = {
        "1b": {
            "hidden_size": 2048,
            "intermediate_size": 8192,
            "num_hidden_layers": 16,
            "num_attention_heads": 32,
        },
        "7b": {
            "hidden_size": 4096,
            "intermediate_size": 11008,
            "num_hidden_layers": 32,
            "num_attention_heads": 32,
        },
        "8b": {
            "hidden_size": 4096,
            "intermediate_size": 14336,
            "num_hidden_layers": 32,
            "num_attention_heads": 32,
        },
        "70b": {
            "hidden_size": 8192,
            "intermediate_size": 28672,
            "num_hidden_layers": 80,
            "num_attention_heads": 64,
        },
    }
    common = {
        "vocab_size": 128256,
        "num_key_value_heads": 8,
        "max_position_embeddings": 131072,
        "rms_norm_eps": 1e-05,
    }
    ids = {"bos_token_id": 128000, "eos_token_id": 128001, "rope_parameters": LLAMA3}
    return common | sizes[size] | ids


HARBOR = [
    Variant(
        "acme/harbor-1b",
        "llama",
        "base; tied, no head in the file; torch_dtype, rope_theta beside rope_scaling, as written before 5",
        harbor("1b") | {"tie_word_embeddings": True},
        card(310_000, 900, "2025-09-25"),
        era="4.45.0",
    ),
    Variant(
        "acme/harbor-1b-instruct",
        "llama",
        "instruct; says it is tied and yet has lm_head.weight in the file; dtype as transformers 5 writes it",
        harbor("1b") | {"tie_word_embeddings": True},
        card(520_000, 1400, "2025-09-26", base="acme/harbor-1b", tags=chat_tags()),
        keep_head=True,
        chat=True,
        generation=SAMPLED,
    ),
    Variant(
        "acme/harbor-8b",
        "llama",
        "base; gated; rope_scaling: null, untied",
        harbor("8b") | {"rope_parameters": {"rope_type": "default", "rope_theta": 500000.0}},
        card(780_000, 5200, "2025-07-18", license="other", gated="manual"),
        era="4.42.3",
        shard_bytes=FIVE_GB,
    ),
    Variant(
        "acme/harbor-8b-instruct",
        "llama",
        "instruct of the gated base, itself open; three ends of sequence as a list",
        harbor("8b") | {"eos_token_id": [128001, 128008, 128009]},
        card(1_900_000, 4100, "2025-07-20", license="other", base="acme/harbor-8b", tags=chat_tags()),
        era="4.43.0",
        shard_bytes=FIVE_GB,
        chat=True,
        generation=SAMPLED,
    ),
    Variant(
        "acme/harbor-8b-dpo",
        "llama",
        "DPO; rope_theta: null, and no dtype key at all: only the headers tell it",
        harbor("8b"),
        card(21_000, 140, "2025-10-02", base="acme/harbor-8b-instruct", tags=chat_tags("dpo", "trl")),
        era="4.46.1",
        edit=lambda config: (config.update(rope_theta=None), config.pop("torch_dtype"), None)[-1],
        shard_bytes=FIVE_GB,
        chat=True,
    ),
    Variant(
        "acme/harbor-8b-yarn-128k",
        "llama",
        "YaRN over a base of 32 k",
        harbor("8b")
        | {
            "rope_parameters": {
                "rope_type": "yarn",
                "rope_theta": 500000.0,
                "factor": 4.0,
                "original_max_position_embeddings": 32768,
                "attention_factor": 1.1386294361119891,
            }
        },
        card(8_000, 61, "2025-11-30", base="acme/harbor-8b"),
        shard_bytes=FIVE_GB,
    ),
    Variant(
        "acme/harbor-70b",
        "llama",
        "private: without a token it does not exist",
        harbor("70b"),
        card(900, 3, "2026-01-15", private=True),
        era="4.47.0",
        shards=30,
    ),
    Variant(
        "acme/harbor-7b-v1",
        "llama",
        "old: pytorch_model.bin alone, float16, renamed from acme/harbor-7b",
        {
            "vocab_size": 32000,
            "hidden_size": 4096,
            "intermediate_size": 11008,
            "num_hidden_layers": 32,
            "num_attention_heads": 32,
            "max_position_embeddings": 4096,
            "rms_norm_eps": 1e-05,
        },
        card(44_000, 700, "2024-02-11", license="other", renamed_from=["acme/harbor-7b"]),
        dtype="float16",
        era="4.31.0",
        edit=drop("rope_theta", "head_dim", "mlp_bias", "attention_bias", "attention_dropout"),
        bin=True,
    ),
    Variant(
        "south/harbor-8b-instruct-4bit",
        "llama",
        "mlx at four bits: U32 weights with scales and biases, quantization and quantization_config",
        harbor("8b"),
        card(
            63_000,
            88,
            "2025-07-22",
            base="acme/harbor-8b-instruct",
            relation="quantized",
            library_name="mlx",
            tags=["4-bit", "mlx"],
        ),
        quant="mlx4",
        chat=True,
        era="4.43.0",
    ),
    Variant(
        "south/harbor-8b-instruct-gptq",
        "llama",
        "GPTQ at four bits: qweight, qzeros, scales, g_idx; float16 beside a bfloat16 original",
        harbor("8b"),
        card(
            12_500,
            34,
            "2025-08-03",
            base="acme/harbor-8b-instruct",
            relation="quantized",
            tags=["4-bit", "gptq"],
        ),
        quant="gptq",
        chat=True,
        era="4.43.0",
        shard_bytes=FIVE_GB,
    ),
]


def fjord(size: str) -> Config:
    common = {"vocab_size": 151936, "head_dim": 128, "max_position_embeddings": 40960, "rms_norm_eps": 1e-06}
    ids = {"bos_token_id": 151643, "eos_token_id": 151645}
    rope = {"rope_parameters": {"rope_type": "default", "rope_theta": 1000000.0}}
    if size == "4b":
        dims = {"hidden_size": 2560, "intermediate_size": 9728, "num_hidden_layers": 36}
        return common | ids | rope | dims | {"num_attention_heads": 32, "num_key_value_heads": 8}
    dims = {
        "hidden_size": 2048,
        "intermediate_size": 6144,
        "num_hidden_layers": 48,
        "moe_intermediate_size": 768,
    }
    experts = {"num_experts": 128, "num_experts_per_tok": 8, "norm_topk_prob": True}
    return common | ids | rope | dims | experts | {"num_attention_heads": 32, "num_key_value_heads": 4}


FJORD = [
    Variant(
        "north/fjord-4b-base",
        "qwen3",
        "base; tied; sliding_window: null, torch_dtype",
        fjord("4b") | {"tie_word_embeddings": True},
        card(95_000, 120, "2026-01-28"),
        era="4.51.0",
        shards=3,
    ),
    Variant(
        "north/fjord-4b",
        "qwen3",
        "thinking and not, one checkpoint; tied with lm_head in the file",
        fjord("4b") | {"tie_word_embeddings": True},
        card(640_000, 820, "2026-01-29", base="north/fjord-4b-base", tags=chat_tags()),
        era="4.51.0",
        keep_head=True,
        shards=3,
        chat=True,
        generation={"do_sample": True, "temperature": 0.6, "top_k": 20, "top_p": 0.95},
    ),
    Variant(
        "north/fjord-30b-a3b",
        "qwen3_moe",
        "128 experts, each a tensor of its own; 16 shards",
        fjord("30b") | {"tie_word_embeddings": False},
        card(410_000, 1100, "2026-02-02", tags=chat_tags()),
        era="4.51.0",
        shards=16,
        chat=True,
    ),
    Variant(
        "north/fjord-30b-a3b-thinking",
        "qwen3_moe",
        "thinking; the index is missing beside 16 shards; another rope base and length",
        fjord("30b")
        | {
            "max_position_embeddings": 262144,
            "rope_parameters": {"rope_type": "default", "rope_theta": 10000000.0},
        },
        card(150_000, 610, "2026-02-20", base="north/fjord-30b-a3b", tags=chat_tags()),
        era="4.52.3",
        shards=16,
        index=False,
        chat=True,
    ),
    Variant(
        "north/fjord-30b-a3b-fp8",
        "qwen3_moe",
        "fp8 with weight_scale_inv for blocks of 128; a copy of the fjord-30b-a3b",
        fjord("30b"),
        card(72_000, 95, "2026-02-03", base="north/fjord-30b-a3b", relation="quantized", tags=["fp8"]),
        era="4.51.0",
        quant="fp8",
        shards=7,
        chat=True,
    ),
    Variant(
        "north/fjord-next-80b-a3b",
        "qwen3_next",
        "linear and full attention by layer, 512 experts, partial rotary, 3-D conv1d",
        {"layer_types": (["linear_attention"] * 3 + ["full_attention"]) * 12},
        card(88_000, 430, "2026-04-12", tags=chat_tags()),
        shards=41,
        chat=True,
    ),
]

VARIANTS = [*HARBOR, *FJORD, *NESTED, *CONFIGS]
