"""Port of granitemoe_swa: granitemoeshared with windows, sinks and a rope base per layer (0: none)."""

from dataclasses import dataclass

import mlx.core as mx
import mlx.nn as nn

from . import granitemoe
from .activations import swiglu
from .base import create_attention_mask, scaled_dot_product_attention
from .cache import KVCache, RotatingKVCache
from .rope_utils import initialize_rope


@dataclass
class ModelArgs(granitemoe.ModelArgs):
    shared_intermediate_size: int = 0
    sliding_window: int | None = 128
    layer_types: list[str] | None = None
    layer_rope_theta: list[float] | None = None

    def __post_init__(self):
        count = self.num_hidden_layers
        if self.layer_types is None:
            self.layer_types = ["sliding_attention" if i % 4 else "full_attention" for i in range(count)]
        if self.layer_rope_theta is None:
            self.layer_rope_theta = [self.rope_theta] * count


class Attention(granitemoe.GraniteMoeAttention):
    def __init__(self, args: ModelArgs, theta: float):
        super().__init__(args)
        self.sinks = mx.zeros((self.n_heads,))
        self.turns = bool(theta)
        if theta:
            scaling, most = args.rope_scaling, args.max_position_embeddings
            self.rope = initialize_rope(self.head_dim, theta, False, scaling, most)

    def __call__(self, x, mask=None, cache=None):
        b, n, _ = x.shape
        q = self.q_proj(x).reshape(b, n, self.n_heads, -1).transpose(0, 2, 1, 3)
        k = self.k_proj(x).reshape(b, n, self.n_kv_heads, -1).transpose(0, 2, 1, 3)
        v = self.v_proj(x).reshape(b, n, self.n_kv_heads, -1).transpose(0, 2, 1, 3)
        if self.turns:
            offset = cache.offset if cache is not None else 0
            q, k = self.rope(q, offset=offset), self.rope(k, offset=offset)
        if cache is not None:
            k, v = cache.update_and_fetch(k, v)
        out = scaled_dot_product_attention(
            q, k, v, cache=cache, scale=self.scale, mask=mask, sinks=self.sinks
        )
        return self.o_proj(out.transpose(0, 2, 1, 3).reshape(b, n, -1))


class SharedMLP(nn.Module):
    def __init__(self, args: ModelArgs):
        super().__init__()
        self.input_linear = nn.Linear(args.hidden_size, 2 * args.shared_intermediate_size, bias=False)
        self.output_linear = nn.Linear(args.shared_intermediate_size, args.hidden_size, bias=False)

    def __call__(self, x):
        gate, up = mx.split(self.input_linear(x), 2, axis=-1)
        return self.output_linear(swiglu(gate, up))


class Layer(granitemoe.GraniteMoeDecoderLayer):
    def __init__(self, args: ModelArgs, index: int):
        super().__init__(args)
        self.sliding = args.layer_types[index] == "sliding_attention"
        self.self_attn = Attention(args, args.layer_rope_theta[index])
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


class SWAModel(granitemoe.GraniteMoEModel):
    def __init__(self, args: ModelArgs):
        super().__init__(args)
        self.layers = [Layer(args, i) for i in range(args.num_hidden_layers)]

    def __call__(self, inputs, cache=None):
        h = self.embed_tokens(inputs) * self.embedding_multiplier
        for layer, c in zip(self.layers, cache or [None] * len(self.layers), strict=True):
            h = layer(h, create_attention_mask(h, c, self.args.sliding_window if layer.sliding else None), c)
        return self.norm(h)


class Model(granitemoe.Model):
    def __init__(self, args: ModelArgs):
        super().__init__(args)
        self.model = SWAModel(args)

    def make_cache(self):
        window = self.args.sliding_window
        return [RotatingKVCache(max_size=window) if layer.sliding else KVCache() for layer in self.layers]
