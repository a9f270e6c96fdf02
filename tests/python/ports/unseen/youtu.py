"""Port of youtu: llama with the latent attention of deepseek_v3, dense in every layer."""

from dataclasses import dataclass

from . import deepseek_v3


@dataclass
class ModelArgs(deepseek_v3.ModelArgs):
    tie_word_embeddings: bool = True


class Model(deepseek_v3.Model):
    def __init__(self, config: ModelArgs):
        super().__init__(config)
        if config.tie_word_embeddings:
            del self.lm_head

    def __call__(self, inputs, cache=None):
        out = self.model(inputs, cache)
        if self.args.tie_word_embeddings:
            return self.model.embed_tokens.as_linear(out)
        return self.lm_head(out)

    def sanitize(self, weights):
        weights = super().sanitize(weights)
        if self.args.tie_word_embeddings:
            weights.pop("lm_head.weight", None)
        return weights
