"""Port of vaultgemma: gemma2 without the norms behind attention and mlp."""

from dataclasses import dataclass

import mlx.nn as nn

from . import gemma2
from .base import create_attention_mask
from .cache import KVCache, RotatingKVCache


@dataclass
class ModelArgs(gemma2.ModelArgs):
    sliding_window: int = 4096
    layer_types: list[str] | None = None

    def __post_init__(self):
        if self.layer_types is None:
            kinds = ("sliding_attention", "full_attention")
            self.layer_types = [kinds[i % 2] for i in range(self.num_hidden_layers)]


class TransformerBlock(gemma2.TransformerBlock):
    def __init__(self, args: ModelArgs, sliding: bool):
        super().__init__(args)
        del self.post_attention_layernorm
        del self.post_feedforward_layernorm
        self.sliding = sliding

    def __call__(self, x, mask=None, cache=None):
        x = x + self.self_attn(self.input_layernorm(x), mask, cache)
        return x + self.mlp(self.pre_feedforward_layernorm(x))


class VaultGemmaModel(gemma2.GemmaModel):
    def __init__(self, args: ModelArgs):
        super().__init__(args)
        self.layers = [TransformerBlock(args, kind == "sliding_attention") for kind in args.layer_types]

    def __call__(self, inputs, cache=None):
        h = self.embed_tokens(inputs) * self.args.hidden_size**0.5
        cache = cache or [None] * len(self.layers)
        for layer, c in zip(self.layers, cache, strict=True):
            window = self.args.sliding_window if layer.sliding else None
            mask = create_attention_mask(h, c, window_size=window, return_array=True)
            h = layer(h, mask, c)
        return self.norm(h)


class Model(gemma2.Model):
    def __init__(self, args: ModelArgs):
        nn.Module.__init__(self)
        self.args, self.model_type = args, args.model_type
        self.final_logit_softcapping = args.final_logit_softcapping
        self.model = VaultGemmaModel(args)

    def make_cache(self):
        window = self.args.sliding_window
        return [RotatingKVCache(max_size=window) if layer.sliding else KVCache() for layer in self.layers]
