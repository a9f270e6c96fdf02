"""Why a source tensor may be left unused, each reason by name. A drop without a reason is a fault.

Leaves out what only one architecture does: for that, the patterns that transformers itself ignores are asked.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

LAYER = re.compile(r"(?:^|\.)(?:layers|layer|h|blocks|block)\.(\d+)(?:\.|$)")
LAYER_KEYS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers")
TOWERS = re.compile(
    r"(?:^|\.)(vision_tower|vision_model|visual|vision_encoder|vision_embed\w*|embed_vision|vit|image_newline|"
    r"multi_modal_projector|mm_projector|vision_projector|audio_tower|audio_model|audio_encoder|embed_audio|"
    r"talker|token2wav|code2wav|mm_vision_tower|perception|connector)(?:\.|$)"
)
DRAFT = re.compile(r"(?:^|\.)(mtp|nextn|mtp_layers|mtp_block|model_nextn|eagle\w*|medusa\w*)(?:\.|$)")
SCALE = re.compile(r"(weight)?(_scale_inv|_scale|_scales|\.scales|_scale_2|_zero_point|_global_scale)$")
STATIC = re.compile(
    r"(?:^|[._])(input_scale|output_scale|act_scale|activation_scale|k_scale|v_scale|kv_scale)$"
)
MASK = re.compile(r"(attn|attention|self_attn)\.(bias|masked_bias|mask)$")


@dataclass(frozen=True)
class Reason:
    """`fault`: the drop is wrong whatever the port meant."""

    rule: str
    fault: bool = False
    grouped: str | None = None


class Rules:
    """The reasons of one checkpoint: its config and which of its tensors are used."""

    def __init__(
        self, config: dict[str, Any], tensors: dict[str, tuple[str, list[int]]], used: set[str]
    ) -> None:
        self.config, self.tensors, self.used = config, tensors, used
        self.inner = config["text_config"] if isinstance(config.get("text_config"), dict) else config
        self.layers, self.layers_key = self._layers()
        self._ignored: list[str] | None = None

    def why(self, name: str) -> Reason | None:
        for rule in RULES:
            found = rule(self, name)
            if found:
                return found
        return None

    def _layers(self) -> tuple[int | None, str]:
        for key in LAYER_KEYS:
            for config in (self.inner, self.config):
                if isinstance(config.get(key), int):
                    return config[key], key
        return None, ""

    def scale(self, name: str) -> Reason | None:
        """A scale's weight decides: used without its scale is wrong numbers."""
        found = SCALE.search(name)
        if not found:
            return None
        base = name[: found.start()]
        weights = [
            w for w in (f"{base}weight", f"{base}.weight", base, f"{base}_packed") if w in self.tensors
        ]
        weights += [w for w in (f"{base}weight_packed", f"{base}_blocks") if w in self.tensors]
        if any(w in self.used for w in weights):
            return Reason(
                f"the scale of {stars(weights[0])}, which is used: without it the values are wrong", True
            )
        return None

    def static(self, name: str) -> Reason | None:
        return (
            Reason("scale of activations or of the cache, for other runtimes")
            if STATIC.search(name)
            else None
        )

    def rotary(self, name: str) -> Reason | None:
        return Reason("rotary frequencies, computed from the config") if "inv_freq" in name else None

    def beyond(self, name: str) -> Reason | None:
        layer = layer_of(name)
        if layer is None or self.layers is None or layer < self.layers or TOWERS.search(name):
            return None
        prefix = name[: LAYER.search(name).end()].rstrip(".")  # type: ignore[union-attr]
        return Reason(f"MTP layer beyond {self.layers_key}={self.layers}", grouped=f"{prefix}.*")

    def draft(self, name: str) -> Reason | None:
        found = DRAFT.search(name)
        return (
            Reason("multi-token prediction or draft head", grouped=f"{name[: found.end()]}*")
            if found
            else None
        )

    def tied(self, name: str) -> Reason | None:
        tied = self.config.get("tie_word_embeddings", self.inner.get("tie_word_embeddings"))
        head = re.search(r"(?:^|\.)(lm_head|output|embed_out)\.(weight|scales|biases)$", name)
        return Reason("head tied to the embedding (tie_word_embeddings)") if tied and head else None

    def tower(self, name: str) -> Reason | None:
        found = TOWERS.search(name)
        return Reason("not part of the language model", grouped=f"{name[: found.end()]}*") if found else None

    def mask(self, name: str) -> Reason | None:
        shape = self.tensors[name][1]
        square = len(shape) == 4 and shape[2] == shape[3]
        return Reason("causal mask kept as a buffer") if MASK.search(name) and (square or not shape) else None

    def ignored(self, name: str) -> Reason | None:
        """What transformers' own class ignores when it loads; imported only when no other rule speaks."""
        if self._ignored is None:
            self._ignored = _ignored_by_transformers(str(self.config.get("model_type")))
        found = next((p for p in self._ignored if re.search(p, name)), None)
        return Reason(f"transformers ignores it too ({found})") if found else None


RULES: tuple[Callable[[Rules, str], Reason | None], ...] = (
    Rules.rotary, Rules.beyond, Rules.draft, Rules.tied, Rules.tower, Rules.static, Rules.scale, Rules.mask,
    Rules.ignored,
)  # fmt: skip


def _ignored_by_transformers(model_type: str) -> list[str]:
    try:
        from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

        name = MODEL_FOR_CAUSAL_LM_MAPPING_NAMES[model_type]
        name = name if isinstance(name, str) else name[0]
        found = getattr(importlib.import_module("transformers"), name)
        return [str(p) for p in getattr(found, "_keys_to_ignore_on_load_unexpected", None) or []]
    except Exception:
        return []


def layer_of(name: str) -> int | None:
    found = LAYER.search(name)
    return int(found[1]) if found else None


_NUMBER = re.compile(r"\.\d+(?=\.)")


def stars(name: str) -> str:
    """The name modulo layer and expert index."""
    return _NUMBER.sub(".*", name)
