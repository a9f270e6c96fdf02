"""A checkpoint's own code as the reference: only what was accepted, located in the person's own file."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from mlxport_harness.reference.code import digest

from client import Client, records

CONFIG = """
from transformers import LlamaConfig


class OwnConfig(LlamaConfig):
    model_type = "own_llama"
"""
MODEL = """
from transformers import LlamaForCausalLM

from .configuration_own import OwnConfig


class OwnForCausalLM(LlamaForCausalLM):
    config_class = OwnConfig

    def forward(self, *args, **kwargs):
        out = super().forward(*args, **kwargs)
        out.logits = out.logits * 0.5
        return out
"""
PORT = """
from dataclasses import dataclass

from mlx_lm.models import llama


@dataclass
class ModelArgs(llama.ModelArgs):
    pass


class Model(llama.Model):
    def __call__(self, inputs, cache=None, input_embeddings=None):
        return super().__call__(inputs, cache) * SCALE
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "configuration_own.py").write_text(CONFIG)
    (folder / "modeling_own.py").write_text(MODEL)
    places = {
        "AutoConfig": "configuration_own.OwnConfig",
        "AutoModelForCausalLM": "modeling_own.OwnForCausalLM",
    }
    (folder / "config.json").write_text(json.dumps({"model_type": "own_llama", "auto_map": places}))
    return folder


@pytest.fixture
def ask(worker: Client, own: Path, tmp_path: Path) -> Callable[..., list[dict]]:
    def run(scale: float = 0.5, wanted: str | None = None) -> list[dict]:
        port = tmp_path / "own_llama.py"
        port.write_text(PORT.replace("SCALE", str(scale)))
        code = {"folder": str(own), "digest": wanted or digest(own)}
        return worker.run("own_llama", port, reference_code=code, checks=["exact"])

    return run


def test_a_right_port_of_it_passes_and_a_wrong_one_fails(ask: Callable[..., list[dict]]) -> None:
    right = ask()
    assert {r["verdict"] for r in records(right).values()} == {"pass"}, right[-1]
    assert right[-1]["result"]["environment"]["reference"].startswith("code of ")
    wrong = ask(scale=1.0)
    assert wrong[-1]["verdict"] == "fail"


def test_code_that_changed_since_it_was_accepted_is_not_imported(
    ask: Callable[..., list[dict]], own: Path, tmp_path: Path
) -> None:
    accepted, trace = digest(own), tmp_path / "ran"
    (own / "modeling_own.py").write_text(MODEL + f"\nopen({str(trace)!r}, 'w')\n")
    last = ask(wanted=accepted)[-1]
    assert (last["type"], last["kind"]) == ("failed", "user")
    assert "not the code that was accepted" in last["text"]
    assert not trace.exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"auto_map": {"AutoConfig": "elsewhere/code--configuration_own.OwnConfig"}}, "another repository"),
        ({"auto_map": None}, "has no auto_map"),
    ],
)
def test_what_auto_map_lacks_is_named(
    ask: Callable[..., list[dict]], own: Path, change: dict, words: str
) -> None:
    path = own / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    last = ask()[-1]
    assert last["type"] == "failed" and words in last["text"], last


def test_an_import_that_is_missing_here_is_the_references_fault(
    ask: Callable[..., list[dict]], own: Path
) -> None:
    (own / "modeling_own.py").write_text("import flash_attn_of_nowhere\n" + MODEL)
    last = ask()[-1]
    assert (last["type"], last["kind"]) == ("failed", "reference")
    assert "flash_attn_of_nowhere" in last["text"]
