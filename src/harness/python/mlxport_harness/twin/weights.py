"""Random weights that make mistakes visible. Needs torch.

Not the usual 0.02: attention would be uniform. 1/sqrt(fan in), queries and keys times 1.5, norms in 0.6–1.4,
biases 0.2; of the buffers those that a checkpoint holds, biases and scales. Every value is representable in
bfloat16, so both dtypes share weights.
"""

from __future__ import annotations

import math

import torch

# In the last two parts of a name: a bias that decides which experts are taken.
CHOOSING = ("correction_bias", "expert_bias", "balancing_bias", "router_bias")


def choosing(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """The biases by which routers choose experts, by name."""
    tensors = [*model.named_parameters(), *model.named_buffers()]
    return {name: tensor for name, tensor in tensors if any(part in _leaf(name) for part in CHOOSING)}


def fill(model: torch.nn.Module, seed: int, embedding_std: float) -> None:
    """Overwrites every parameter and the buffers that matter, in a fixed order."""
    generator = torch.Generator().manual_seed(seed * 1009 + 17)
    embeddings = {id(m.weight) for m in model.modules() if isinstance(m, torch.nn.Embedding)}
    kept = model.state_dict().keys()
    seen: set[int] = set()
    with torch.no_grad():
        for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
            if id(tensor) in seen or not tensor.is_floating_point():
                continue
            seen.add(id(tensor))
            if isinstance(tensor, torch.nn.Parameter):
                value = _value(name, tensor, id(tensor) in embeddings, embedding_std, generator)
            else:
                value = _buffer(name, tensor, generator) if name in kept else None
            if value is not None:
                tensor.copy_(value.to(torch.bfloat16).to(tensor.dtype))


def _value(
    name: str, tensor: torch.Tensor, embedding: bool, std: float, generator: torch.Generator
) -> torch.Tensor | None:
    leaf, shape = _leaf(name), tensor.shape

    def normal(scale: float) -> torch.Tensor:
        return torch.randn(shape, generator=generator) * scale

    def uniform(low: float, high: float) -> torch.Tensor:
        return torch.rand(shape, generator=generator) * (high - low) + low

    if "inv_freq" in leaf or "rotary" in leaf:
        return None
    if any(part in leaf for part in CHOOSING):
        return normal(0.2)
    if "a_log" in leaf:
        return uniform(0.0, 2.0)
    if "dt_bias" in leaf:
        return uniform(-4.0, -1.0)
    if embedding:
        return normal(std)
    if leaf.endswith("bias") or "sinks" in leaf:
        return normal(0.2)
    if tensor.dim() <= 1 or "norm" in leaf:
        return uniform(0.6, 1.4)
    fan_in = math.prod(shape[1:]) if "conv" in leaf else shape[-1]
    sharp = (
        1.5 if any(part in leaf for part in ("q_proj", "k_proj", "q_b_proj", "query", "key", "qkv")) else 1.0
    )
    return normal(sharp / math.sqrt(fan_in))


def _buffer(name: str, tensor: torch.Tensor, generator: torch.Generator) -> torch.Tensor | None:
    """Of a buffer that a checkpoint holds: what is added or multiplied, around what the class starts with."""
    leaf = _leaf(name)
    if "inv_freq" in leaf or "rotary" in leaf:
        return None
    if "a_log" in leaf or "dt_bias" in leaf:
        return _value(name, tensor, False, 0.0, generator)
    if "bias" in leaf:
        return tensor.float() + torch.randn(tensor.shape, generator=generator) * 0.2
    if "scal" in leaf and bool((tensor == 1).all()):
        return torch.rand(tensor.shape, generator=generator) * 0.8 + 0.6
    return None


def _leaf(name: str) -> str:
    """The last two parts say what a tensor is: a module such as `norm_attn_norm` holds more than norms."""
    return ".".join(name.lower().split(".")[-2:])
