"""Layouts of quantized checkpoints, for the tensors of a model: block fp8, mxfp4, GPTQ, mlx.

Shapes only. Each takes the model and its saved tensors, and gives the quantized ones and config.json's entry.
"""

from __future__ import annotations

from typing import Any

from torch import nn
from transformers import PreTrainedModel

Tensors = dict[str, tuple[str, list[int]]]
BLOCK = 128
GROUP = 128


def fp8(model: PreTrainedModel, tensors: Tensors) -> tuple[Tensors, dict[str, Any]]:
    """DeepSeek's: weights of the projections in E4M3, an inverse scale in F32 per block of 128 by 128."""
    out: Tensors = {}
    for name, (dtype, shape) in tensors.items():
        if (
            (name.endswith("_proj.weight") and "eh_proj" not in name)
            or "_proj_with_mqa.weight" in name
            or "_a_proj.weight" in name
        ):
            out[name] = ("F8_E4M3", shape)
            out[name.replace(".weight", ".weight_scale_inv")] = ("F32", [-(-size // BLOCK) for size in shape])
        else:
            out[name] = (dtype, shape)
    quantization = {
        "activation_scheme": "dynamic",
        "fmt": "e4m3",
        "quant_method": "fp8",
        "weight_block_size": [BLOCK, BLOCK],
    }
    return out, {"quantization_config": quantization}


def mxfp4(model: PreTrainedModel, tensors: Tensors) -> tuple[Tensors, dict[str, Any]]:
    """gpt-oss's: experts in blocks of 32 four-bit values, transposed, a shared exponent each."""
    out: Tensors = {}
    for name, (dtype, shape) in tensors.items():
        if name.endswith(("experts.gate_up_proj", "experts.down_proj")):
            experts, ins, outs = shape
            out[f"{name}_blocks"] = ("U8", [experts, outs, ins // 32, 16])
            out[f"{name}_scales"] = ("U8", [experts, outs, ins // 32])
        else:
            out[name] = (dtype, shape)
    kept = ["model.layers.*.self_attn", "model.layers.*.mlp.router", "model.embed_tokens", "lm_head"]
    return out, {"quantization_config": {"modules_to_not_convert": kept, "quant_method": "mxfp4"}}


def gptq(model: PreTrainedModel, tensors: Tensors) -> tuple[Tensors, dict[str, Any]]:
    """GPTQ at four bits: eight inputs packed in an I32, zeros packed over outputs, the head left alone."""
    out: Tensors = {}
    linear = modules(model, nn.Linear) - {"lm_head"}
    for name, (_, shape) in tensors.items():
        module = name.removesuffix(".weight")
        if module not in linear:
            out[name] = ("F16", shape)
            continue
        outs, ins = shape
        out[f"{module}.g_idx"] = ("I32", [ins])
        out[f"{module}.qweight"] = ("I32", [ins // 8, outs])
        out[f"{module}.qzeros"] = ("I32", [ins // GROUP, outs // 8])
        out[f"{module}.scales"] = ("F16", [ins // GROUP, outs])
    quantization = {
        "bits": 4,
        "damp_percent": 0.1,
        "desc_act": False,
        "group_size": GROUP,
        "quant_method": "gptq",
        "sym": True,
        "true_sequential": True,
    }
    return out, {"quantization_config": quantization, "dtype": "float16"}


def mlx4(model: PreTrainedModel, tensors: Tensors) -> tuple[Tensors, dict[str, Any]]:
    """mlx at four bits in groups of 64: eight values in a U32, a scale and a bias for each group."""
    out: Tensors = {}
    packed = modules(model, nn.Linear) | modules(model, nn.Embedding)
    for name, (dtype, shape) in tensors.items():
        module = name.removesuffix(".weight")
        if module not in packed:
            out[name] = (dtype, shape)
            continue
        rows, columns = shape
        out[name] = ("U32", [rows, columns // 8])
        out[f"{module}.scales"] = (dtype, [rows, columns // 64])
        out[f"{module}.biases"] = (dtype, [rows, columns // 64])
    entry = {"group_size": 64, "bits": 4, "mode": "affine"}
    return out, {"quantization": entry, "quantization_config": entry}


def modules(model: PreTrainedModel, kind: type[nn.Module]) -> set[str]:
    return {name for name, module in model.named_modules() if isinstance(module, kind)}


QUANTIZED = {"fp8": fp8, "mxfp4": mxfp4, "gptq": gptq, "mlx4": mlx4}
