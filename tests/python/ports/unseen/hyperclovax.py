"""Port of hyperclovax: granite with norms behind attention and mlp, and logits that are multiplied."""

from dataclasses import dataclass

import mlx.nn as nn

from . import granite


@dataclass
class ModelArgs(granite.ModelArgs):
    head_dim: int | None = None
    use_post_norm: bool = True

    def __post_init__(self):
        self.head_dim = self.head_dim or self.hidden_size // self.num_attention_heads
        if self.attention_multiplier is None:
            self.attention_multiplier = self.head_dim**-0.5


class Attention(granite.Attention):
    def __init__(self, args: ModelArgs):
        super().__init__(args)
        width, d, bias = args.hidden_size, args.head_dim, args.attention_bias
        self.q_proj = nn.Linear(width, self.n_heads * d, bias=bias)
        self.k_proj = nn.Linear(width, self.n_kv_heads * d, bias=bias)
        self.v_proj = nn.Linear(width, self.n_kv_heads * d, bias=bias)
        self.o_proj = nn.Linear(self.n_heads * d, width, bias=bias)
        self.rope = granite.initialize_rope(
            d, args.rope_theta, False, args.rope_scaling, args.max_position_embeddings
        )


class TransformerBlock(granite.TransformerBlock):
    def __init__(self, args: ModelArgs):
        super().__init__(args)
        self.self_attn = Attention(args)
        self.post = args.use_post_norm
        if self.post:
            self.post_norm1 = nn.RMSNorm(args.hidden_size, eps=args.rms_norm_eps)
            self.post_norm2 = nn.RMSNorm(args.hidden_size, eps=args.rms_norm_eps)

    def __call__(self, x, mask=None, cache=None):
        r = self.self_attn(self.input_layernorm(x), mask, cache)
        h = x + (self.post_norm1(r) if self.post else r) * self.residual_multiplier
        r = self.mlp(self.post_attention_layernorm(h))
        return h + (self.post_norm2(r) if self.post else r) * self.residual_multiplier


class Model(granite.Model):
    def __init__(self, args: ModelArgs):
        super().__init__(args)
        self.model.layers = [TransformerBlock(args) for _ in range(args.num_hidden_layers)]
        self.logits_scaling = 1 / args.logits_scaling  # granite divides
