"""The check `upstream-test`: the port's entry found, run on the port, on faults, and without the port."""

from __future__ import annotations

import textwrap

import pytest

from client import records

HEAD = """
import importlib
import unittest

import mlx.core as mx
from mlx.utils import tree_map
from mlx_lm.models.cache import make_prompt_cache
from mlx_lm.models.of_a_later_release import something


class TestModels(unittest.TestCase):
    def test_of_another(self):
        raise AssertionError("not the port's")

    def model_test_runner(self, model, model_type, vocabulary, layers):
        self.assertEqual((len(model.layers), model.model_type), (layers, model_type))
        for kind in (mx.float32, mx.float16):
            model.update(tree_map(lambda p: p.astype(kind), model.parameters()))
            out = model(mx.array([[0, 1]]), cache=make_prompt_cache(model))
            self.assertEqual((out.shape, out.dtype), ((1, 2, vocabulary), kind))
        self.assertEqual(model(mx.array([[0, 1], [2, 3]])).shape, (2, 2, vocabulary))
"""
ROW = """{"model_type": "arcee", "hidden_size": 64, "num_hidden_layers": 2, "intermediate_size": 96,
  "num_attention_heads": 4, "num_key_value_heads": 2, "rms_norm_eps": 1e-5, "vocab_size": 100,
  "rope_theta": 1000.0}"""
TABLE = f"""
    def test_all_models(self):
        for config in [{{"model_type": "absent", "vocab_size": 1}}, {ROW}]:
            arch = importlib.import_module(f"mlx_lm.models.{{config['model_type']}}")
            model = arch.Model(arch.ModelArgs.from_dict(config))
            self.model_test_runner(model, "arcee", 100, 2)
"""
FUNCTION = f"""
    def test_arcee(self):
        from mlx_lm.models import arcee

        config = {ROW}
        model = arcee.Model(arcee.ModelArgs.from_dict(config))
        self.model_test_runner(model, "arcee", 100, 2)
"""


@pytest.fixture
def check(worker, arcee, tmp_path):
    def run(body, *changes):
        (tmp_path / "tests").mkdir(exist_ok=True)
        (tmp_path / "tests" / "test_models.py").write_text(HEAD + body)
        params = {"checks": ["upstream-test"], "checkout": str(tmp_path)}
        return records(worker.run("arcee", arcee(*changes), params=params))["upstream-test"]

    return run


@pytest.mark.parametrize(("body", "kind"), [(TABLE, "table"), (FUNCTION, "function")])
def test_entry_passes_on_the_port_and_fails_without_it_and_on_each_fault(check, body, kind):
    found = check(body)
    assert (found["verdict"], found["kind"]) == ("pass", kind), found
    assert {n: r["verdict"] for n, r in found["runs"].items() if not n.startswith("widens")} == {
        "": "pass",
        **dict.fromkeys(("absent", "shape", "dtype", "layers", "cache", "batch"), "fail"),
    }


def test_faulty_port_fails_its_entry_with_the_line(check):
    found = check(TABLE, ("return self.lm_head(out)", "return self.lm_head(out) * mx.array([1.0])"))
    assert found["verdict"] == "fail"
    assert "float32" in found["findings"][0]["text"]
    found = check(TABLE, ("self.norm(h)", "self.norm(h, h)"))
    assert found["verdict"] == "fail" and "arcee.py" in found["findings"][0]["text"]


def test_entry_that_asserts_nothing_is_suspect(check):
    empty = FUNCTION.replace("self.model_test_runner(model", "self.null_runner(model")
    empty += textwrap.indent("def null_runner(self, *_):\n    pass\n", "    ")
    found = check(empty)
    assert found["verdict"] == "suspect"
    assert {f.get("key") for f in found["findings"]} >= {"shape", "dtype", "layers", "cache", "batch"}


def test_missing_entry_and_missing_checkout_are_named(check, worker, arcee, tmp_path):
    found = check(TABLE.replace('"arcee"', '"other"'))
    assert (found["verdict"], found["findings"][0]["id"]) == ("suspect", "no_entry")
    found = records(worker.run("arcee", arcee(), checks=["upstream-test"]))["upstream-test"]
    assert (found["verdict"], found["findings"][0]["id"]) == ("not_applicable", "no_checkout")
    params = {"checks": ["upstream-test"], "checkout": str(tmp_path / "nowhere")}
    found = records(worker.run("arcee", arcee(), params=params))["upstream-test"]
    assert (found["verdict"], found["error"]["kind"]) == ("error", "user")
    assert "nowhere/tests/test_models.py" in found["error"]["text"]
