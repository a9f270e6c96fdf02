"""A checkpoint small enough to run whole in a test: random llama weights, a byte-level tokenizer, a template.

The template writes calls as mlx-lm's `json_tools` reads them and closes thinking when it is switched off.
"""

from __future__ import annotations

import json
from pathlib import Path

TEMPLATE = (
    "{% if tools %}<|im_start|>system\n{% for tool in tools %}{{ tool | tojson }}\n{% endfor %}<|im_end|>\n"
    "{% endif %}"
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}"
    "{% for tool_call in message.get('tool_calls', []) %}{% set tool_call = tool_call.function %}"
    '<tool_call>\n{"name": "{{ tool_call.name }}", "arguments": {{ tool_call.arguments | tojson }}}\n'
    "</tool_call>"
    "{% endfor %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n"
    "{% if enable_thinking is defined and not enable_thinking %}<think>\n\n</think>\n{% endif %}{% endif %}"
)
SPECIAL = ["<|im_end|>", "<|im_start|>", "<think>", "</think>", "<tool_call>", "</tool_call>"]
CONFIG = {
    "vocab_size": 640,
    "hidden_size": 128,
    "intermediate_size": 256,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 32,
    "max_position_embeddings": 8192,
    "rms_norm_eps": 1e-5,
    "tie_word_embeddings": True,
    "bos_token_id": 1,
    "eos_token_id": 0,
}
THETA = 50000.0


def make(folder: Path) -> Path:
    import torch
    from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM

    rope = {"rope_type": "default", "rope_theta": THETA}
    torch.manual_seed(3)
    model = LlamaForCausalLM(LlamaConfig(**CONFIG, rope_parameters=rope))
    for parameter in model.parameters():
        if parameter.dim() > 1:
            parameter.data.normal_(0, 1.5 / parameter.shape[-1] ** 0.5)
    model.generation_config = GenerationConfig(bos_token_id=1, eos_token_id=[0, 1])
    model.to(torch.bfloat16).save_pretrained(folder)
    path = folder / "config.json"
    config = json.loads(path.read_text())
    config.pop("rope_parameters")
    config |= {"rope_theta": THETA, "torch_dtype": config.pop("dtype")}
    path.write_text(json.dumps(config))
    tokenizer(folder)
    return folder


def tokenizer(folder: Path) -> None:
    from mlxport_harness.battery import facts
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    text = [facts.TEXT, facts.NUMERICAL, *facts.GENERATE.values(), *facts.LONG.values(), TEMPLATE]
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    made.train_from_iterator(
        text * 4,
        trainers.BpeTrainer(
            vocab_size=CONFIG["vocab_size"],
            special_tokens=SPECIAL,
            initial_alphabet=alphabet,
            show_progress=False,
        ),
    )
    fast = PreTrainedTokenizerFast(tokenizer_object=made, bos_token=SPECIAL[1], eos_token=SPECIAL[0])
    fast.chat_template = TEMPLATE
    fast.save_pretrained(folder)
