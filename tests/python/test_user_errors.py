"""What the person can get wrong is said plainly, names the place, and is never a crash."""

from __future__ import annotations

import json

import pytest


def failed(worker, *args, **fields) -> dict:
    final = worker.run(*args, **fields)[-1]
    assert final["type"] == "failed"
    assert final["kind"] == "user"
    return final


def test_unknown_model_type_suggests_near_names(worker):
    assert "qwen3" in failed(worker, "qwen33")["hint"]


@pytest.mark.parametrize("model_type", ["bert", "t5", "whisper"])
def test_models_that_do_not_generate_text_alone_are_refused(worker, model_type):
    assert "not a causal language model" in failed(worker, model_type)["text"]


def test_a_type_without_a_port_asks_for_one(worker):
    assert "--port" in failed(worker, "arcee")["hint"]


def test_a_missing_port_file(worker, tmp_path):
    assert "no port file" in failed(worker, "arcee", tmp_path / "none.py")["text"]


def test_invalid_config_names_line_and_column(worker, tmp_path):
    path = tmp_path / "config.json"
    path.write_text('{\n  "model_type": "qwen3",\n  oops\n}')
    assert f"{path}:3:3" in failed(worker, "qwen3", config=str(path))["text"]


def test_config_of_another_type(worker, tmp_path):
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"model_type": "llama"}))
    assert "llama" in failed(worker, "qwen3", config=[str(path)])["text"]


def test_changed_port_and_unknown_check(worker, arcee):
    assert "changed" in failed(worker, "arcee", arcee(), port_sha="0" * 64)["text"]
    assert "no check" in failed(worker, "arcee", arcee(), checks=["dance"])["text"]
