"""Port of kolibri1: qwen3_moe's experts chosen by biased logits, exaone4's attention, glm4's four norms."""

from dataclasses import dataclass

import mlx.core as mx
import mlx.nn as nn

from .activations import swiglu
from .base import BaseModelArgs, create_attention_mask, scaled_dot_product_attention
from .cache import KVCache, RotatingKVCache
from .rope_utils import initialize_rope
from .switch_layers import SwitchGLU


@dataclass
class ModelArgs(BaseModelArgs):
    model_type: str
    vocab_size: int
    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    head_dim: int
    moe_intermediate_size: int
    shared_expert_intermediate_size: int
    num_experts: int
    num_experts_per_tok: int
    norm_topk_prob: bool
    rms_norm_eps: float
    max_position_embeddings: int
    layer_types: list[str]
    rope_theta: float = 10000.0
    rope_scaling: dict | None = None
    sliding_window: int | None = None
    tie_word_embeddings: bool = False


class Attention(nn.Module):
    def __init__(self, args: ModelArgs, sliding: bool):
        super().__init__()
        self.heads, self.kv_heads, d = args.num_attention_heads, args.num_key_value_heads, args.head_dim
        self.q_proj = nn.Linear(args.hidden_size, self.heads * d, bias=False)
        self.k_proj = nn.Linear(args.hidden_size, self.kv_heads * d, bias=False)
        self.v_proj = nn.Linear(args.hidden_size, self.kv_heads * d, bias=False)
        self.o_proj = nn.Linear(self.heads * d, args.hidden_size, bias=False)
        self.q_norm = nn.RMSNorm(d, eps=args.rms_norm_eps)
        self.k_norm = nn.RMSNorm(d, eps=args.rms_norm_eps)
        self.scale = d**-0.5
        self.turns = sliding or args.sliding_window is None
        self.rope = initialize_rope(
            d, args.rope_theta, False, args.rope_scaling, args.max_position_embeddings
        )

    def __call__(self, x, mask=None, cache=None):
        b, n, _ = x.shape
        q = self.q_norm(self.q_proj(x).reshape(b, n, self.heads, -1)).transpose(0, 2, 1, 3)
        k = self.k_norm(self.k_proj(x).reshape(b, n, self.kv_heads, -1)).transpose(0, 2, 1, 3)
        v = self.v_proj(x).reshape(b, n, self.kv_heads, -1).transpose(0, 2, 1, 3)
        if self.turns:
            offset = cache.offset if cache is not None else 0
            q, k = self.rope(q, offset=offset), self.rope(k, offset=offset)
        if cache is not None:
            k, v = cache.update_and_fetch(k, v)
        out = scaled_dot_product_attention(q, k, v, cache=cache, scale=self.scale, mask=mask)
        return self.o_proj(out.transpose(0, 2, 1, 3).reshape(b, n, -1))


class MLP(nn.Module):
    def __init__(self, width: int, hidden: int):
        super().__init__()
        self.gate_proj = nn.Linear(width, hidden, bias=False)
        self.up_proj = nn.Linear(width, hidden, bias=False)
        self.down_proj = nn.Linear(hidden, width, bias=False)

    def __call__(self, x):
        return self.down_proj(swiglu(self.gate_proj(x), self.up_proj(x)))


class Gate(nn.Module):
    def __init__(self, args: ModelArgs):
        super().__init__()
        self.weight = mx.zeros((args.num_experts, args.hidden_size))
        self.e_score_correction_bias = mx.zeros((args.num_experts,))
        self.top_k, self.norm = args.num_experts_per_tok, args.norm_topk_prob

    def __call__(self, x):
        logits = x.astype(mx.float32) @ self.weight.T.astype(mx.float32)
        choice = logits + self.e_score_correction_bias
        indices = mx.argpartition(-choice, kth=self.top_k - 1, axis=-1)[..., : self.top_k]
        scores = mx.sigmoid(mx.take_along_axis(logits, indices, axis=-1))
        if self.norm:
            scores = scores / scores.sum(axis=-1, keepdims=True)
        return indices, scores


class MoE(nn.Module):
    def __init__(self, args: ModelArgs):
        super().__init__()
        self.gate = Gate(args)
        self.switch_mlp = SwitchGLU(args.hidden_size, args.moe_intermediate_size, args.num_experts)
        self.shared_experts = MLP(args.hidden_size, args.shared_expert_intermediate_size)

    def __call__(self, x):
        indices, scores = self.gate(x)
        y = (self.switch_mlp(x, indices) * scores[..., None]).sum(axis=-2).astype(x.dtype)
        return y + self.shared_experts(x)


class Layer(nn.Module):
    def __init__(self, args: ModelArgs, sliding: bool):
        super().__init__()
        self.sliding = sliding
        self.self_attn, self.mlp = Attention(args, sliding), MoE(args)
        for name in ("input", "post_self_attn", "post_attention", "post_mlp"):
            setattr(self, f"{name}_layernorm", nn.RMSNorm(args.hidden_size, eps=args.rms_norm_eps))

    def __call__(self, x, mask=None, cache=None):
        x = x + self.post_self_attn_layernorm(self.self_attn(self.input_layernorm(x), mask, cache))
        return x + self.post_mlp_layernorm(self.mlp(self.post_attention_layernorm(x)))


class Kolibri1Model(nn.Module):
    def __init__(self, args: ModelArgs):
        super().__init__()
        self.window = args.sliding_window
        self.embed_tokens = nn.Embedding(args.vocab_size, args.hidden_size)
        self.layers = [Layer(args, kind == "sliding_attention") for kind in args.layer_types]
        self.norm = nn.RMSNorm(args.hidden_size, eps=args.rms_norm_eps)

    def __call__(self, inputs, cache=None):
        h = self.embed_tokens(inputs)
        for layer, c in zip(self.layers, cache or [None] * len(self.layers), strict=True):
            h = layer(h, create_attention_mask(h, c, self.window if layer.sliding else None), c)
        return self.norm(h)


class Model(nn.Module):
    def __init__(self, args: ModelArgs):
        super().__init__()
        self.args, self.model_type = args, args.model_type
        self.model = Kolibri1Model(args)
        if not args.tie_word_embeddings:
            self.lm_head = nn.Linear(args.hidden_size, args.vocab_size, bias=False)

    def __call__(self, inputs, cache=None):
        out = self.model(inputs, cache)
        return self.model.embed_tokens.as_linear(out) if self.args.tie_word_embeddings else self.lm_head(out)

    def sanitize(self, weights):
        released = {
            "moe.router.expert_bias": "mlp.gate.e_score_correction_bias",
            "post_attn_norm": "post_self_attn_layernorm",
            "post_ffn_norm": "post_mlp_layernorm",
        }
        for old, new in released.items():
            weights = {k.replace(old, new): v for k, v in weights.items()}
        if self.args.tie_word_embeddings:
            weights.pop("lm_head.weight", None)
        for i in range(self.args.num_hidden_layers):
            for name in ("gate_proj", "up_proj", "down_proj"):
                prefix = f"model.layers.{i}.mlp"
                keys = [f"{prefix}.experts.{e}.{name}.weight" for e in range(self.args.num_experts)]
                if keys[0] in weights:
                    weights[f"{prefix}.switch_mlp.{name}.weight"] = mx.stack([weights.pop(k) for k in keys])
        return weights

    @property
    def layers(self):
        return self.model.layers

    def make_cache(self):
        window = self.args.sliding_window
        return [RotatingKVCache(max_size=window) if layer.sliding else KVCache() for layer in self.layers]
