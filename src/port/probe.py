"""Runs mlx, torch and transformers once and says, as one JSON object on stdout, what they are and where.

Imports nothing of the mlx-lm checkout: this process is not sandboxed.
"""

import contextlib
import hashlib
import importlib.metadata
import importlib.util
import json
import pathlib
import platform
import sys


def version(name):
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def record_hash(name):
    try:
        text = importlib.metadata.distribution(name).read_text("RECORD") or ""
    except importlib.metadata.PackageNotFoundError:
        return ""
    return hashlib.sha256(text.encode()).hexdigest()


def run_mlx():
    import mlx.core as mx

    assert mx.sum(mx.array([1.0, 2.0])).item() == 3.0


def run_torch():
    import torch

    assert torch.tensor([1.0, 2.0]).sum().item() == 3.0


def run_transformers():
    import transformers

    assert transformers.AutoConfig is not None


def main():
    errors = []
    with contextlib.redirect_stdout(sys.stderr):
        for run in (run_mlx, run_torch, run_transformers):
            try:
                run()
            except Exception as error:
                errors.append(f"{run.__name__.removeprefix('run_')}: {type(error).__name__}: {error}")
    spec = importlib.util.find_spec("transformers")
    folder = str(pathlib.Path(spec.origin).parent) if spec and spec.origin else ""
    facts = {
        "python": platform.python_version(),
        "prefix": sys.prefix,
        "mlx": version("mlx"),
        "torch": version("torch"),
        "transformers": version("transformers"),
        "transformers_record": record_hash("transformers"),
        "transformers_dir": folder,
        "errors": errors,
    }
    print(json.dumps(facts))


main()
