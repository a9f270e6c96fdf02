"""Port of diffllama: llama whose heads subtract one half from the other."""

import math
from dataclasses import dataclass

import mlx.core as mx

from . import llama
from .base import scaled_dot_product_attention


@dataclass
class ModelArgs(llama.ModelArgs):
    tie_word_embeddings: bool = False


class Attention(llama.Attention):
    def __init__(self, args: ModelArgs, layer: int):
        super().__init__(args)
        self.lambda_init = 0.8 - 0.6 * math.exp(-0.3 * layer)
        for name in ("q1", "k1", "q2", "k2"):
            setattr(self, f"lambda_{name}", mx.zeros((self.head_dim,)))
        self.eps = args.rms_norm_eps

    def __call__(self, x, mask=None, cache=None):
        b, n, _ = x.shape
        q = self.q_proj(x).reshape(b, n, self.n_heads, -1).transpose(0, 2, 1, 3)
        k = self.k_proj(x).reshape(b, n, self.n_kv_heads, -1).transpose(0, 2, 1, 3)
        v = self.v_proj(x).reshape(b, n, self.n_kv_heads, -1).transpose(0, 2, 1, 3)
        offset = cache.offset if cache is not None else 0
        q, k = self.rope(q, offset=offset), self.rope(k, offset=offset)
        if cache is not None:
            k, v = cache.update_and_fetch(k, v)
        halves = [mx.tile(half, (1, 2, 1, 1)) for half in mx.split(v, 2, axis=1)]
        out = mx.concatenate(
            [
                scaled_dot_product_attention(q, k, half, cache=cache, scale=self.scale, mask=mask)
                for half in halves
            ],
            axis=-1,
        )
        one, two = mx.split(out, 2, axis=1)
        full = (
            mx.exp((self.lambda_q1 * self.lambda_k1).sum())
            - mx.exp((self.lambda_q2 * self.lambda_k2).sum())
            + self.lambda_init
        )
        out = (1 - self.lambda_init) * mx.fast.rms_norm(one - full.astype(one.dtype) * two, None, self.eps)
        return self.o_proj(out.transpose(0, 2, 1, 3).reshape(b, n, -1))


class Model(llama.Model):
    def __init__(self, args: ModelArgs):
        super().__init__(args)
        for i, layer in enumerate(self.model.layers):
            layer.self_attn = Attention(args, i)
