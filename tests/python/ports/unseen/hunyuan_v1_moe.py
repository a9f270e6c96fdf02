"""Port of hunyuan_v1_moe: hunyuan's attention with norms behind the rope, experts beside a shared mlp."""

from dataclasses import dataclass

import mlx.core as mx
import mlx.nn as nn

from . import llama
from .base import scaled_dot_product_attention
from .hunyuan import DynamicNTKAlphaRoPE, Gate
from .switch_layers import SwitchGLU


@dataclass
class ModelArgs(llama.ModelArgs):
    num_experts: int = 1
    moe_topk: int | list[int] = 1
    tie_word_embeddings: bool = False


class Attention(llama.Attention):
    def __init__(self, args: ModelArgs):
        super().__init__(args)
        self.query_layernorm = nn.RMSNorm(self.head_dim, eps=args.rms_norm_eps)
        self.key_layernorm = nn.RMSNorm(self.head_dim, eps=args.rms_norm_eps)
        scaling = args.rope_scaling or {}
        if scaling.get("alpha"):
            self.rope = DynamicNTKAlphaRoPE(self.head_dim, args.rope_theta, scaling["alpha"])

    def __call__(self, x, mask=None, cache=None):
        b, n, _ = x.shape
        q = self.q_proj(x).reshape(b, n, self.n_heads, -1).transpose(0, 2, 1, 3)
        k = self.k_proj(x).reshape(b, n, self.n_kv_heads, -1).transpose(0, 2, 1, 3)
        v = self.v_proj(x).reshape(b, n, self.n_kv_heads, -1).transpose(0, 2, 1, 3)
        offset = cache.offset if cache is not None else 0
        q = self.query_layernorm(self.rope(q, offset=offset))
        k = self.key_layernorm(self.rope(k, offset=offset))
        if cache is not None:
            k, v = cache.update_and_fetch(k, v)
        out = scaled_dot_product_attention(q, k, v, cache=cache, scale=self.scale, mask=mask)
        return self.o_proj(out.transpose(0, 2, 1, 3).reshape(b, n, -1))


class MoE(nn.Module):
    def __init__(self, args: ModelArgs, layer: int):
        super().__init__()
        self.top_k = args.moe_topk if isinstance(args.moe_topk, int) else args.moe_topk[layer]
        self.gate = Gate(args.hidden_size, args.num_experts)
        self.switch_mlp = SwitchGLU(args.hidden_size, args.intermediate_size, args.num_experts)
        self.shared_mlp = llama.MLP(args)

    def __call__(self, x):
        gates = mx.softmax(self.gate(x.astype(mx.float32)), axis=-1, precise=True)
        indices = mx.argpartition(-gates, kth=self.top_k - 1, axis=-1)[..., : self.top_k]
        scores = mx.take_along_axis(gates, indices, axis=-1)
        scores = scores / scores.sum(axis=-1, keepdims=True)
        y = (self.switch_mlp(x, indices) * scores[..., None].astype(x.dtype)).sum(axis=-2)
        return y + self.shared_mlp(x)


class Model(llama.Model):
    def __init__(self, args: ModelArgs):
        super().__init__(args)
        for i, layer in enumerate(self.model.layers):
            layer.self_attn, layer.mlp = Attention(args), MoE(args, i)

    def sanitize(self, weights):
        weights = super().sanitize(weights)
        for i in range(self.args.num_hidden_layers):
            prefix = f"model.layers.{i}.mlp"
            for name in ("gate_proj", "up_proj", "down_proj"):
                keys = [f"{prefix}.experts.{e}.{name}.weight" for e in range(self.args.num_experts)]
                if keys[0] in weights:
                    weights[f"{prefix}.switch_mlp.{name}.weight"] = mx.stack([weights.pop(k) for k in keys])
        return weights
