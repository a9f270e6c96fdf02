"""Port of flex_olmo: olmoe's experts with olmo2's attention and norms behind."""

import mlx.nn as nn

from . import olmo2, olmoe
from .olmoe import ModelArgs

__all__ = ["Model", "ModelArgs"]


class TransformerBlock(nn.Module):
    def __init__(self, args: ModelArgs):
        super().__init__()
        self.self_attn = olmo2.Attention(args)
        self.mlp = olmoe.OlmoeSparseMoeBlock(args)
        self.post_attention_layernorm = nn.RMSNorm(args.hidden_size, eps=args.rms_norm_eps)
        self.post_feedforward_layernorm = nn.RMSNorm(args.hidden_size, eps=args.rms_norm_eps)

    def __call__(self, x, mask=None, cache=None):
        x = x + self.post_attention_layernorm(self.self_attn(x, mask, cache))
        return x + self.post_feedforward_layernorm(self.mlp(x))


class Model(olmoe.Model):
    def __init__(self, args: ModelArgs):
        super().__init__(args)
        self.model.layers = [TransformerBlock(args) for _ in range(args.num_hidden_layers)]
