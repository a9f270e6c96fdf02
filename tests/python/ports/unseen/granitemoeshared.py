"""Port of granitemoeshared: granitemoe with a shared expert."""

from dataclasses import dataclass

import mlx.core as mx
import mlx.nn as nn

from . import granitemoe
from .activations import swiglu


@dataclass
class ModelArgs(granitemoe.ModelArgs):
    shared_intermediate_size: int = 0


class SharedMLP(nn.Module):
    def __init__(self, args: ModelArgs):
        super().__init__()
        self.input_linear = nn.Linear(args.hidden_size, 2 * args.shared_intermediate_size, bias=False)
        self.output_linear = nn.Linear(args.shared_intermediate_size, args.hidden_size, bias=False)

    def __call__(self, x):
        gate, up = mx.split(self.input_linear(x), 2, axis=-1)
        return self.output_linear(swiglu(gate, up))


class DecoderLayer(granitemoe.GraniteMoeDecoderLayer):
    def __init__(self, args: ModelArgs):
        super().__init__(args)
        self.has_shared = args.shared_intermediate_size > 0
        if self.has_shared:
            self.shared_mlp = SharedMLP(args)

    def __call__(self, x, mask=None, cache=None):
        h = x + self.self_attn(self.input_layernorm(x), mask, cache) * self.residual_multiplier
        y = self.post_attention_layernorm(h)
        r = self.block_sparse_moe(y)
        if self.has_shared:
            r = r + self.shared_mlp(y)
        return h + r * self.residual_multiplier


class Model(granitemoe.Model):
    def __init__(self, args: ModelArgs):
        super().__init__(args)
        self.model.layers = [DecoderLayer(args) for _ in range(args.num_hidden_layers)]
