"""The port's process: mlx-lm with the port, the checkpoint read once, every stage on that one model.

Untrusted code runs here, shut in: it reads the checkpoint and the libraries, writes its own folder. What it
says are claims; the judge compares files of numbers. Quantized copies are made in memory from the same
weights; the 4-bit one is saved and read back, as upstream's test does.
"""

from __future__ import annotations

import contextlib
import io
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from mlxport_harness import isolate, preload
from mlxport_harness.battery import answer, decode, flow, parallel, template_probe, widen
from mlxport_harness.battery.answer import Answer
from mlxport_harness.battery.capture import Capture
from mlxport_harness.errors import PortFault
from mlxport_harness.port import load, shims


def serve(job: dict[str, Any], emit: Any, commands: Any) -> None:
    out, port = Path(job["out_dir"]), Path(job["port_path"])
    answer.log_to(out / "port.log")
    folder = Path(job["folder"])
    preload.one_side("port", torch=_needs_torch(folder))
    changed = preload.refresh()
    if changed:
        emit({"log": f"mlx-lm changed on disk, imported again: {', '.join(changed)}"})
        preload.imports()
    shimmed = shims.apply()
    device = _device(job.get("device"))
    torch = sys.modules.get("torch")
    sys.modules["torch"] = None  # type: ignore[assignment]
    roots = isolate.readable_roots(Path(job["states_dir"]))
    weights = {p.resolve() for p in folder.iterdir()}
    isolation = isolate.restrict_files([*roots, port, folder, *weights], [out, Path("/dev/null")])
    memory = _limit_memory(job["mem_mb"], job["bytes"])
    emit({"ready": True, "port_isolation": isolation, "memory": memory, "shims": shimmed, "device": device})
    side = Port(folder, port, out, torch, emit)
    handlers = {
        name: getattr(side, name)
        for name in (
            "load",
            "dtype",
            "forward",
            "exact",
            "generate",
            "follow",
            "decode",
            "template",
            "quantize",
            "quant_dtype",
            "quant_generate",
            "quant_forward",
        )
    }

    def fault(error: BaseException) -> dict[str, Any]:
        found = load.fault(error, port)
        return {"text": found.text, "where": found.where, "hint": found.hint}

    answer.loop(handlers, out, emit, commands, fault)


class Port:
    """One port and one checkpoint. `torch`: hidden from the port; a tokenizer needs it to load."""

    def __init__(self, folder: Path, port: Path, out: Path, torch: Any, emit: Any) -> None:
        self.folder, self.port, self.out, self.torch, self.emit = folder, port, out, torch, emit
        self._native: Any = None
        self._quantized: Any = None
        self._module: Any = None
        self._tokenizer: Any = None
        self.config: dict[str, Any] = {}

    def model(self) -> Any:
        if self._native is None:
            self.emit({"progress": [0, 1, "load", "port: reads the checkpoint"]})
            self._native, self.config = self._load(self.folder)
        return self._native

    def load(self) -> Answer:
        self.model()
        return {}, {}

    @property
    def tokenizer(self) -> Any:
        """As mlx-lm loads it beside the model: eos from the config, the port's own defaults."""
        if self._tokenizer is None:
            from mlx_lm.tokenizer_utils import load as load_tokenizer
            from mlx_lm.utils import load_config

            eos = (self.config or load_config(self.folder)).get("eos_token_id")
            defaults = getattr(self._import(), "TOKENIZER_DEFAULTS", None)
            # transformers' configs import torch; the port's own code has run by now and cannot.
            sys.modules["torch"] = self.torch  # type: ignore[assignment]
            try:
                self._tokenizer = load_tokenizer(self.folder, {}, eos_token_ids=eos, defaults=defaults)
            finally:
                sys.modules["torch"] = None  # type: ignore[assignment]
        return self._tokenizer

    def dtype(self) -> Answer:
        return {}, flow.flow(self.model())

    def forward(self, text: str, hidden: bool) -> Answer:
        """Ids, logits and, with `hidden`, layers as the reference has them: the last after the final norm."""
        import mlx.core as mx

        model, ids = self.model(), self.tokenizer.encode(text)
        if not hidden:
            with parallel.products():
                logits = model(mx.array([ids]))
            return _arrays(ids, logits), {"dtype": flow.name(logits.dtype)}
        capture = Capture(model)
        with parallel.products():
            logits = capture.run(mx.array([ids]))
        layers = [call.output for call in capture.calls]
        if capture.norm is not None:
            layers[-1] = capture.norm(layers[-1])
        mx.eval(logits, layers)
        arrays = _arrays(ids, logits) | {"layers": np.stack([load_numbers(h[0]) for h in layers])}
        kind = flow.name(logits.dtype)
        capture.undo()
        del capture, layers, logits
        mx.clear_cache()
        return arrays, {"dtype": kind}

    def exact(self, text: str, layerwise: bool) -> Answer:
        """Logits in float32, the weights widened all, or layer by layer as each runs."""
        import mlx.core as mx

        model, ids = self.model(), self.tokenizer.encode(text)
        wide = widen.streamed(model) if layerwise else widen.widened(model)
        with wide, parallel.products():
            logits = model(mx.array([ids]))
            mx.eval(logits)
        mx.clear_cache()
        return _arrays(ids, logits), {"dtype": flow.name(logits.dtype)}

    def generate(self, prompt: str, tokens: int) -> Answer:
        return decode.generate(self.model(), self.tokenizer, prompt, tokens, self.emit)

    def follow(self, prompt: list[int], tokens: list[int]) -> Answer:
        """The port's best token at each step of a text that the reference wrote, in one pass."""
        import mlx.core as mx

        with parallel.products():
            logits = self.model()(mx.array([[*prompt, *tokens[:-1]]]))
        best = mx.argmax(logits[0, len(prompt) - 1 :], axis=-1)
        return {"best": np.array(best.astype(mx.int32)).astype(np.int64)}, {}

    def decode(self, tokens: int) -> Answer:
        return decode.growth(self.model(), self.tokenizer, tokens, self.emit)

    def template(self) -> Answer:
        return {}, template_probe.port(self.tokenizer)

    def quant_forward(self, text: str, bits: int) -> Answer:
        """Logits of a copy quantized in memory; the unquantized modules are put back afterwards."""
        import mlx.core as mx

        if self._quantized is not None and bits == self._quantized[1]:
            model, ids = self._quantized[0], self.tokenizer.encode(text)
            with parallel.products():
                logits = model(mx.array([ids]))
            return _arrays(ids, logits), flow.flow(model)
        from mlx.utils import tree_flatten, tree_unflatten
        from mlx_lm.utils import compute_bits_per_weight, quantize_model

        model, ids = self.model(), self.tokenizer.encode(text)
        leaves = tree_flatten(model.leaf_modules(), is_leaf=_is_module)
        with contextlib.redirect_stdout(io.StringIO()):
            quantize_model(model, dict(self.config), None, bits)
        try:
            with parallel.products():
                logits = model(mx.array([ids]))
            mx.eval(logits)
            meta = flow.flow(model) | {"bits_per_weight": compute_bits_per_weight(model)}
        finally:
            model.update_modules(tree_unflatten(leaves))
        mx.clear_cache()
        return _arrays(ids, logits), meta

    def quantize(self, bits: int) -> Answer:
        """mlx-lm's convert on the weights already here: cast, quantize, save. They are given up for it."""
        import mlx.core as mx
        from mlx.utils import tree_map_with_path
        from mlx_lm.utils import quantize_model, save

        model, began = self.model(), time.perf_counter()
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            print("[INFO] Loading")
            name = self.config.get("torch_dtype") or (self.config.get("text_config") or {}).get("dtype")
            if name in ("float16", "bfloat16", "float32"):
                print("[INFO] Using dtype:", name)
                kind = getattr(mx, name)
                keep = getattr(model, "cast_predicate", lambda _: True)
                model.update(
                    tree_map_with_path(
                        lambda k, v: v.astype(kind) if keep(k) and mx.issubdtype(v.dtype, mx.floating) else v,
                        model.parameters(),
                    )
                )
            print("[INFO] Quantizing")
            model, config = quantize_model(model, self.config, None, bits)
            target = self.out / "quantized"
            shutil.rmtree(target, ignore_errors=True)
            save(target, self.folder, model, self.tokenizer, config)
        self._native, self._quantized = None, None
        del model
        mx.clear_cache()
        size = sum(f.stat().st_size for f in target.glob("*.safetensors"))
        return {}, {"stdout": said.getvalue(), "bytes": size, "seconds": time.perf_counter() - began}

    def quant_dtype(self, bits: int) -> Answer:
        return {}, flow.flow(self._saved(bits))

    def quant_generate(self, prompt: str, tokens: int, bits: int) -> Answer:
        return decode.generate(self._saved(bits), self.tokenizer, prompt, tokens, self.emit)

    def _saved(self, bits: int) -> Any:
        """The saved copy, read back; made again where this process did not make it."""
        if self._quantized is None:
            target = self.out / "quantized"
            if not (target / "config.json").is_file():
                self.quantize(bits)
            self._quantized = (self._load(target)[0], bits)
        return self._quantized[0]

    def _import(self) -> Any:
        if self._module is None:
            self._module = load.import_port(self.port)
        return self._module

    def _load(self, folder: Path) -> tuple[Any, dict[str, Any]]:
        from mlx_lm.utils import load_model

        module = self._import()
        for needed in ("Model", "ModelArgs"):
            if not hasattr(module, needed):
                raise PortFault(f"The port defines no {needed}.", module.__file__)
        return load_model(
            folder, lazy=False, strict=True, get_model_classes=lambda config: (module.Model, module.ModelArgs)
        )


def _needs_torch(folder: Path) -> bool:
    """Whether the tokenizer is of a kind that may import torch: its own code, or no `tokenizer.json`."""
    told = [p.read_text() for p in (folder / "tokenizer_config.json", folder / "config.json") if p.is_file()]
    return not (folder / "tokenizer.json").is_file() or any('"auto_map"' in text for text in told)


def load_numbers(array: Any) -> np.ndarray:
    import mlx.core as mx

    return np.array(array.astype(mx.float32))


def _arrays(ids: list[int], logits: Any) -> dict[str, np.ndarray]:
    return {"ids": np.array(ids, np.int64), "logits": load_numbers(logits[0])}


def _is_module(value: Any) -> bool:
    import mlx.nn as nn

    return isinstance(value, nn.Module)


def _device(wanted: str | None) -> str:
    """Real checkpoints run on the GPU where there is one; the twins' verdicts stay on the CPU."""
    import mlx.core as mx

    gpu = wanted != "cpu" and mx.metal.is_available()
    mx.set_default_device(mx.gpu if gpu else mx.cpu)
    return "gpu" if gpu else "cpu"


def _limit_memory(mem_mb: int, size: int) -> str:
    """As for twins, but a converted checkpoint of any size may be written."""
    import resource

    if sys.platform != "linux":
        return "none"
    limit, room = isolate.measure() + (mem_mb << 20), size * 2 + (1 << 30)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
    return "rlimit_data"
