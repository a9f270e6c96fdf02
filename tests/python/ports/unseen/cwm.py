"""Port of cwm: llama with windows on the layers that `layer_types` names."""

from .llama import Model, ModelArgs

__all__ = ["Model", "ModelArgs"]
