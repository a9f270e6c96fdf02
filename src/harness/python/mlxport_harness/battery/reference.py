"""The reference's process: transformers, the checkpoint read once, every figure to disk.

float32 is a pass over the weights in their own dtype, each layer widened while it runs. Only where the class
keeps constants in its dtype (a scale, say), and float32 fits, are all weights wide first, and then narrowed
into a second model built for the own dtype, each dropped as its narrower copy is made: so both have the
constants that loading in that dtype gives. Nothing here sees the port.
"""

from __future__ import annotations

import contextlib
import gc
import os
from pathlib import Path
from typing import Any

import numpy as np

from mlxport_harness import preload
from mlxport_harness.battery import answer, template_probe
from mlxport_harness.battery.answer import Answer
from mlxport_harness.errors import Failure


def serve(job: dict[str, Any], emit: Any, commands: Any) -> None:
    answer.log_to(Path(job["out_dir"]) / "reference.log")
    preload.one_side("reference")
    import torch

    torch.manual_seed(0)
    torch.set_num_threads(threads())
    torch.set_grad_enabled(False)
    emit({"ready": True})
    reference = Reference(Path(job["folder"]), job["dtype"], job["float32"], job["remote_code"])
    handlers = {
        "forward": reference.forward,
        "generate": reference.generate,
        "template": reference.template,
    }
    answer.loop(handlers, Path(job["out_dir"]), emit, commands, _fault)


def threads() -> int:
    """The processors that are free: torch's threads spin, and on a busy machine two are slower than one."""
    try:
        running = Path("/proc/loadavg").read_text().split()[3]  # now, where the average is of a minute
        busy = int(running.partition("/")[0]) - 1
    except (OSError, ValueError, IndexError):
        busy = round(os.getloadavg()[0])
    return max(1, (os.cpu_count() or 1) - busy)


class Reference:
    """One checkpoint. `float32`: whether all weights fit in that width."""

    def __init__(self, folder: Path, dtype: str, float32: bool, remote_code: bool) -> None:
        self.folder, self.dtype, self.float32, self.remote_code = folder, dtype, float32, remote_code
        self._whole: bool | None = None
        self._wide: Any = None
        self._native: Any = None
        self._tokenizer: Any = None

    @property
    def tokenizer(self) -> Any:
        from transformers import AutoTokenizer

        if self._tokenizer is None:
            self._tokenizer = AutoTokenizer.from_pretrained(self.folder, trust_remote_code=self.remote_code)
        return self._tokenizer

    def forward(self, text: str, width: str, hidden: bool) -> Answer:
        """Ids [tokens], logits [tokens, vocabulary], with `hidden` also layers [layers, tokens, width].

        The last row of layers is after the final norm, as `output_hidden_states` has it.
        """
        import torch

        ids = self.tokenizer.encode(text)
        wide = width == "float32"
        model = self.wide() if wide and self.whole else self.native()
        with _streamed(model) if wide and not self.whole else contextlib.nullcontext():
            out = model(torch.tensor([ids]), output_hidden_states=hidden, use_cache=False)
        arrays = {"ids": np.array(ids, np.int64), "logits": _numbers(out.logits[0])}
        if hidden:
            depth = model.config.get_text_config().num_hidden_layers
            states = out.hidden_states[1 : depth + 1]
            arrays["layers"] = np.stack([_numbers(h[0]) for h in states])
        return arrays, {"dtype": str(out.logits.dtype).rpartition(".")[2]}

    def generate(self, prompt: str, tokens: int) -> Answer:
        """Greedy ids, and how far the best logit was above the second at each step."""
        import torch

        ids = template_probe.prompt_ids(self.tokenizer, prompt)
        model, stop = self.native(), self._stops()
        chosen, margins, cache, step = [], [], None, torch.tensor([ids])
        for _ in range(tokens):
            out = model(step, past_key_values=cache, use_cache=True)
            cache = out.past_key_values
            best = torch.topk(out.logits[0, -1].float(), 2)
            token = int(best.indices[0])
            chosen.append(token)
            margins.append(float(best.values[0] - best.values[1]))
            if token in stop:
                break
            step = torch.tensor([[token]])
        arrays = {
            "prompt": np.array(ids, np.int64),
            "tokens": np.array(chosen, np.int64),
            "margins": np.array(margins, np.float64),
        }
        return arrays, {"text": self.tokenizer.decode(chosen, skip_special_tokens=True)}

    def template(self) -> Answer:
        return {}, template_probe.reference(self.tokenizer, sorted(self._stops()))

    def _stops(self) -> set[int]:
        """What `generate` of transformers stops at."""
        from transformers import GenerationConfig

        try:
            eos = GenerationConfig.from_pretrained(self.folder).eos_token_id
        except OSError:
            eos = None
        if eos is None:
            from transformers import AutoConfig

            config = AutoConfig.from_pretrained(self.folder, trust_remote_code=self.remote_code)
            eos = config.get_text_config().eos_token_id
        if eos is None:
            eos = self.tokenizer.eos_token_id
        return {eos} if isinstance(eos, int) else set(eos or [])

    @property
    def whole(self) -> bool:
        """Whether float32 needs a model of its own, and there is room for it."""
        if self._whole is None:
            self._whole = self.float32 and self._constants()
        return self._whole

    def _constants(self) -> bool:
        """Whether the class keeps floating constants in the own dtype; told from a model without memory."""
        import torch
        from transformers import AutoConfig, AutoModelForCausalLM

        kind = getattr(torch, self.dtype)
        config = AutoConfig.from_pretrained(self.folder, trust_remote_code=self.remote_code)
        try:
            with torch.device("meta"):
                model = AutoModelForCausalLM.from_config(
                    config, dtype=kind, trust_remote_code=self.remote_code, attn_implementation="eager"
                )
        except Exception:
            return True
        held = [v for m in model.modules() for v in (*m._buffers.values(), *vars(m).values())]
        return kind != torch.float32 and any(isinstance(v, torch.Tensor) and v.dtype == kind for v in held)

    def wide(self) -> Any:
        if self._native is not None:
            raise Failure(
                "bug", "float32 was asked for after the weights were narrowed.", "Please report this."
            )
        if self._wide is None:
            self._wide = self._load("float32")
        return self._wide

    def native(self) -> Any:
        if self._native is None:
            if self._wide is None:
                self._native = self._load(self.dtype)
            elif self.dtype == "float32":
                self._native = self._wide
            else:
                self._native, self._wide = self._narrowed(), None
                gc.collect()
        return self._native

    def _load(self, dtype: str) -> Any:
        import torch
        from transformers import AutoModelForCausalLM

        model = AutoModelForCausalLM.from_pretrained(
            self.folder,
            dtype=getattr(torch, dtype),
            trust_remote_code=self.remote_code,
            attn_implementation="eager",
        )
        return model.eval()

    def _narrowed(self) -> Any:
        """The model class built in the own dtype, around the weights already read."""
        import torch
        from transformers import AutoModelForCausalLM

        wide, kind = self._wide, getattr(torch, self.dtype)
        with torch.device("meta"):
            probe = AutoModelForCausalLM.from_config(wide.config, dtype=kind, attn_implementation="eager")
        keep = tuple(getattr(probe, "_keep_in_fp32_modules", None) or ())
        keep += tuple(getattr(probe, "_keep_in_fp32_modules_strict", None) or ())
        del probe
        with _no_init():
            model = AutoModelForCausalLM.from_config(wide.config, dtype=kind, attn_implementation="eager")
        places = {name: module for name, module in model.named_modules()}
        done: dict[int, Any] = {}
        for name, parameter in list(wide.named_parameters(remove_duplicate=False)):
            if id(parameter) not in done:
                width = torch.float32 if any(k in name.split(".") for k in keep) else kind
                done[id(parameter)] = torch.nn.Parameter(parameter.detach().to(width), requires_grad=False)
                parameter.data = torch.empty(0)
            owner, _, leaf = name.rpartition(".")
            setattr(places[owner], leaf, done[id(parameter)])
        saved = set(wide.state_dict())
        for name, buffer in wide.named_buffers():
            if name in saved:
                owner, _, leaf = name.rpartition(".")
                setattr(places[owner], leaf, buffer.to(kind) if buffer.is_floating_point() else buffer)
        return model.eval()


def _no_init() -> Any:
    """transformers' own switch: the random initialisation would cost more than the load."""
    from transformers.initialization import no_init_weights

    return no_init_weights()


@contextlib.contextmanager
def _streamed(model: Any) -> Any:
    """A float32 pass over narrower weights: each layer is wide while it runs.

    What is around the layers is wide throughout, so the stream, masks and rotations are float32 as well.
    """
    layers = _layers(model)
    inside = {id(p) for layer in layers for p in layer.parameters()}
    outer = [p for p in model.parameters() if id(p) not in inside and p.is_floating_point()]
    kept: dict[int, list[tuple[Any, Any]]] = {}

    def widen(module: Any, _args: Any) -> None:
        kept[id(module)] = _float32(module.parameters())

    def narrow(module: Any, _args: Any, _output: Any) -> None:
        _put_back(kept.pop(id(module)))

    hooks = [layer.register_forward_pre_hook(widen) for layer in layers]
    hooks += [layer.register_forward_hook(narrow) for layer in layers]
    before = _float32(outer)
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
        _put_back(before)


def _float32(parameters: Any) -> list[tuple[Any, Any]]:
    """Widens, and gives what was there: pages of the mapped file, which a narrowed copy would double."""
    before = [(p, p.data) for p in parameters if p.is_floating_point()]
    for parameter, narrow in before:
        parameter.data = narrow.float()
    return before


def _put_back(before: list[tuple[Any, Any]]) -> None:
    for parameter, narrow in before:
        parameter.data = narrow


def _layers(model: Any) -> list[Any]:
    """The longest list of modules of one base: the decoder's layers."""
    import torch

    lists = [m for m in model.modules() if isinstance(m, torch.nn.ModuleList)]
    depth = model.config.get_text_config().num_hidden_layers
    for found in lists:
        if len(found) == depth:
            return list(found)
    raise Failure("reference", f"The reference has no list of {depth} layers.", "")


def _numbers(tensor: Any) -> np.ndarray:
    return tensor.detach().float().numpy()


def _fault(error: BaseException) -> dict[str, Any]:
    if isinstance(error, Failure):
        return {"text": error.text, "hint": error.hint}
    text = " ".join(str(error).split())[:600]
    return {"text": f"transformers raised {type(error).__name__}: {text}"}
