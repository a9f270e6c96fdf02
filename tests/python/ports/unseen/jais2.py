"""Port of jais2: llama with biases, layer norms and a squared relu."""

from dataclasses import dataclass

import mlx.nn as nn

from . import llama


@dataclass
class ModelArgs(llama.ModelArgs):
    rms_norm_eps: float = 1e-5
    vocab_size: int = 150272
    layer_norm_eps: float = 1e-5
    attention_bias: bool = True
    mlp_bias: bool = True
    tie_word_embeddings: bool = False


class MLP(nn.Module):
    def __init__(self, args: ModelArgs):
        super().__init__()
        self.up_proj = nn.Linear(args.hidden_size, args.intermediate_size, bias=args.mlp_bias)
        self.down_proj = nn.Linear(args.intermediate_size, args.hidden_size, bias=args.mlp_bias)

    def __call__(self, x):
        return self.down_proj(nn.relu2(self.up_proj(x)))


class Model(llama.Model):
    def __init__(self, args: ModelArgs):
        super().__init__(args)
        for layer in self.model.layers:
            layer.mlp = MLP(args)
            layer.input_layernorm = nn.LayerNorm(args.hidden_size, eps=args.layer_norm_eps)
            layer.post_attention_layernorm = nn.LayerNorm(args.hidden_size, eps=args.layer_norm_eps)
        self.model.norm = nn.LayerNorm(args.hidden_size, eps=args.layer_norm_eps)
