"""Port of ministral: mistral with windows on the layers that `layer_types` names, possibly on all."""

import mlx.nn as nn

from .base import create_attention_mask
from .llama import LlamaModel, ModelArgs, TransformerBlock
from .llama import Model as LlamaLM

__all__ = ["Model", "ModelArgs"]


class MinistralModel(LlamaModel):
    def __init__(self, args: ModelArgs):
        nn.Module.__init__(self)
        self.args = args
        self.sliding_window = args.sliding_window
        self.embed_tokens = nn.Embedding(args.vocab_size, args.hidden_size)
        self.layers = [TransformerBlock(args, kind == "sliding_attention") for kind in args.layer_types]
        self.norm = nn.RMSNorm(args.hidden_size, eps=args.rms_norm_eps)

    def __call__(self, inputs, cache=None, input_embeddings=None):
        h = self.embed_tokens(inputs) if input_embeddings is None else input_embeddings
        cache = cache or [None] * len(self.layers)
        masks = {}
        for layer, c in zip(self.layers, cache, strict=True):
            if layer.use_sliding not in masks:
                window = {"window_size": self.sliding_window} if layer.use_sliding else {}
                masks[layer.use_sliding] = create_attention_mask(h, c, **window)
            h = layer(h, masks[layer.use_sliding], c)
        return self.norm(h)


class Model(LlamaLM):
    def __init__(self, args: ModelArgs):
        nn.Module.__init__(self)
        self.args, self.model_type = args, args.model_type
        self.model = MinistralModel(args)
        if not args.tie_word_embeddings:
            self.lm_head = nn.Linear(args.hidden_size, args.vocab_size, bias=False)
