"""The battery on a small whole checkpoint: a right port passes, each fault is seen by the test for it."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
from pathlib import Path

import pytest
import yaml

import tiny
from client import Message

TOKENS = 24
CALL = "return self.down_proj(swiglu(self.gate_proj(x), self.up_proj(x)))"
UPSTREAM = {
    "dtype",
    "generate",
    "predictions",
    "layers",
    "long_sequence",
    "quantize",
    "quant_dtype",
    "quant_generate",
}


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory) -> Path:
    return tiny.make(tmp_path_factory.mktemp("tiny") / "tiny")


@pytest.fixture
def llama(tmp_path):
    """Writes mlx-lm's own llama port with each (old, new) replaced."""

    def write(*changes: tuple[str, str]) -> Path:
        package = Path(importlib.util.find_spec("mlx_lm").origin).parent
        text = (package / "models" / "llama.py").read_text()
        for old, new in changes:
            assert old in text, old
            text = text.replace(old, new)
        path = tmp_path / "llama.py"
        path.write_text(text)
        return path

    return write


@pytest.fixture
def battery(worker, tmp_path):
    def run(source: Path, port: Path | None = None, **params) -> list[Message]:
        target = {"checkpoint": str(source), "port_path": port and str(port)}
        params = {"out": str(tmp_path / "out"), "max_tokens": TOKENS} | params
        return worker.run(None, check="battery", target=target, params=params, timeout_s=300)

    return run


def verdicts(messages: list[Message]) -> dict[str, str]:
    assert messages[-1]["type"] == "done", messages[-1]
    return {c["id"]: c["verdict"] for c in messages[-1]["result"]["checks"]}


def check(messages: list[Message], name: str) -> Message:
    assert messages[-1]["type"] == "done", messages[-1]
    return next(c for c in messages[-1]["result"]["checks"] if c["id"] == name)


def manifest(path: Path, repo_id: str, **changes) -> Path:
    raw = {
        "version": 1,
        "pr": {"number": 7, "repo": "someone/mlx-lm", "branch": "add-tiny"},
        "model_type": "llama",
        "variants": [{"repo_id": repo_id, "type": "instruct", "memory_gb": 1, "expected_dtype": "bfloat16"}],
        "notes": "Nothing unusual.",
    }
    raw = {k: v for k, v in (raw | changes).items() if v is not None}
    path.write_text(yaml.safe_dump(raw))
    return path


def test_right_port_passes_every_test_and_leaves_upstreams_tree(battery, checkpoint, tmp_path):
    source = manifest(tmp_path / "pr-7.yaml", "org/Tiny-1M")
    sha = "0123456789abcdef0123456789abcdef01234567"
    found = battery(source, folders={"org/Tiny-1M": str(checkpoint)}, sha=sha)
    seen = verdicts(found)
    assert {k: v for k, v in seen.items() if v != "pass"} == {}
    assert len(seen) == 14
    tree = Path(found[-1]["result"]["results"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d{6}-0123456", tree.name) and tree.parent.name == "pr-7"
    folder = tree / "org--Tiny-1M"
    for name in UPSTREAM:
        kept = json.loads((folder / f"{name}.json").read_text())
        assert set(kept) == {"command", "exit_code", "stdout", "stderr"} and kept["exit_code"] == 0
    assert (
        sha in (tree / "reproduce.md").read_text() and "Nothing unusual." in (tree / "summary.md").read_text()
    )
    assert (tree / "scripts/mlxport_harness/battery/plan.py").is_file()
    assert yaml.safe_load((tree / "manifest.yaml").read_text())["pr"]["number"] == 7


def test_upstreams_parsers_read_our_stdout(battery, checkpoint):
    """The patterns are upstream's, for its summary's two tables."""
    found = battery(checkpoint, tests=["predictions", "layers"])
    folder = Path(found[-1]["result"]["results"]) / "local--tiny"
    text = json.loads((folder / "predictions.json").read_text())["stdout"]
    for pattern in (
        r"Absolute diff -.*?max:\s*([\d.eE+-]+)",
        r"Absolute diff -.*?mean:\s*([\d.eE+-]+)",
        r"<\s*0\.001:\s*([\d.]+)%",
        r"<\s*0\.1:\s*([\d.]+)%",
        r"Top-1 match:\s*(True|False)",
        r"Top-10 overlap:\s*(\d+/\d+)",
    ):
        assert re.search(pattern, text), pattern
    row = r"^(layer \d+|post-norm|logits)\s+([\d.]+)\s+([\d.]+)\s+([\d.]+)\s+([\d.]+)\s+([\d.]+%)\s+(\w+)"
    table = json.loads((folder / "layers.json").read_text())["stdout"]
    assert [m[0] for m in re.findall(row, table, re.M)] == ["layer 0", "layer 1", "post-norm", "logits"]


def test_wrong_rope_theta_fails_predictions_layers_and_exact(battery, checkpoint, llama):
    port = llama(("args.rope_theta,", "10000.0,"))
    found = battery(checkpoint, port, tests=["predictions", "layers", "exact", "quality"])
    assert verdicts(found) == {"predictions": "fail", "layers": "fail", "exact": "fail", "quality": "fail"}


def test_layer_by_layer_a_right_port_is_exact_and_a_wrong_one_is_not(battery, checkpoint, llama):
    right = battery(checkpoint, tests=["exact"], layerwise=True)
    assert check(right, "exact")["figure"] < 1e-5
    assert "one layer at a time" in check(right, "exact")["findings"][0]["text"]
    wrong = battery(checkpoint, llama(("eps=args.rms_norm_eps", "eps=1e-3")), tests=["exact"], layerwise=True)
    assert verdicts(wrong) == {"exact": "fail"}


def test_float32_constant_fails_both_dtype_tests_and_names_the_module(battery, checkpoint, llama):
    port = llama((CALL, CALL + " * mx.array([1.0])"))
    found = battery(checkpoint, port, tests=["dtype", "quantize", "quant_dtype"])
    assert verdicts(found) == {"dtype": "fail", "quantize": "pass", "quant_dtype": "fail"}
    assert check(found, "dtype")["first_divergence"]["module"] == "model.layers.0.mlp"
    assert check(found, "dtype")["upstream"]["verdict"] == "FAIL"


def test_hoarded_activations_fail_memory(battery, checkpoint, llama):
    hoard = ("class MLP(nn.Module):", "HOARD = []\n\n\nclass MLP(nn.Module):")
    call = (CALL, f"HOARD.append(mx.zeros(8192) + x[0, 0, 0])\n        mx.eval(HOARD[-1])\n        {CALL}")
    found = battery(checkpoint, llama(hoard, call), tests=["memory"])
    assert verdicts(found) == {"memory": "fail"}
    assert pytest.approx(check(found, "memory")["figure"], rel=0.1) == 3 * 32768


def test_a_killed_port_process_fails_its_tests_and_the_rest_goes_on(battery, checkpoint, llama):
    """It dies at the first decoded token, whatever the test."""
    dies = (
        "if cache is not None and cache.offset and L == 1:\n            import os; os.kill(os.getpid(), 9)\n"
    )
    change = ("        B, L, D = x.shape\n", f"        B, L, D = x.shape\n        {dies}")
    tests = ["dtype", "generate", "predictions", "memory", "quantize", "quant_dtype"]
    found = battery(checkpoint, llama(change), tests=tests)
    assert verdicts(found) == {t: "fail" if t in ("generate", "memory") else "pass" for t in tests}
    folder = Path(found[-1]["result"]["results"]) / "local--tiny"
    assert json.loads((folder / "generate.json").read_text())["exit_code"] == 137


def test_a_port_that_does_not_load_is_tried_once(battery, checkpoint, llama):
    found = battery(checkpoint, llama(("self.o_proj = ", "self.out_proj = ")), tests=["dtype", "predictions"])
    assert verdicts(found) == {"dtype": "fail", "predictions": "fail"}
    assert "o_proj" in check(found, "predictions")["error"]["text"]


def test_a_cut_run_goes_on_and_one_about_another_port_does_not(battery, checkpoint, llama):
    port = llama()
    first = battery(checkpoint, port, tests=["dtype"])
    tree = first[-1]["result"]["results"]
    second = battery(checkpoint, port, tests=["dtype", "template"], **{"continue": tree})
    assert [bool(c.get("continued")) for c in second[-1]["result"]["checks"]] == [True, False]
    assert second[-1]["result"]["results"] == tree
    port.write_text(port.read_text() + "\n# edited\n")
    third = battery(checkpoint, port, tests=["dtype"], **{"continue": tree})
    assert (third[-1]["type"], third[-1]["kind"]) == ("failed", "user")
    assert "port" in third[-1]["text"]


def test_the_estimate_comes_first_and_runs_nothing(battery, checkpoint, tmp_path):
    found = battery(checkpoint, estimate=True)
    assert [m["name"] for m in found if m["type"] == "metric"][:2] == [
        "estimated_seconds",
        "estimated_memory",
    ]
    assert found[-1]["result"]["estimates"][0]["parameters"] > 100_000
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"version": 2}, "version is 2"),
        ({"pr": None}, "pr is missing"),
        ({"pr": {"number": 1, "repo": "a/b"}}, "pr.branch is missing"),
        ({"variants": []}, "variants is empty"),
        (
            {"variants": [{"repo_id": "a/b", "type": "chat", "expected_dtype": "bfloat16"}]},
            "variants[0].type is 'chat'",
        ),
        ({"variants": [{"repo_id": "a/b", "type": "base"}]}, "variants[0].expected_dtype is missing"),
        (
            {"variants": [{"repo_id": "no/such", "type": "base", "expected_dtype": "bfloat16"}]},
            "no/such is neither",
        ),
        ({"trust_remote_code": True}, "trust_remote_code"),
    ],
)
def test_a_wrong_manifest_is_told_by_key(battery, checkpoint, tmp_path, change, words):
    final = battery(manifest(tmp_path / "m.yaml", str(checkpoint), **change))[-1]
    assert (final["type"], final["kind"]) == ("failed", "user")
    assert words in final["text"] and final["hint"]


@pytest.mark.parametrize(
    ("remove", "add", "words"),
    [
        (["tokenizer.json"], {}, "has no tokenizer"),
        (["chat_template.jinja"], {}, "no chat template"),
        (["model.safetensors"], {}, "has no weights"),
        (["config.json"], {}, "config.json"),
        ([], {"config.json": "{"}, "not valid JSON"),
        ([], {"model.safetensors": "short"}, "not a whole safetensors file"),
        (
            ["model.safetensors"],
            {"model.safetensors.index.json": '{"weight_map": {"a": "model-00001-of-00002.safetensors"}}'},
            "lacks 1 of 1 shards",
        ),
    ],
)
def test_a_broken_checkpoint_is_told_by_file(battery, checkpoint, tmp_path, remove, add, words):
    broken = tmp_path / "broken"
    shutil.copytree(checkpoint, broken)
    for name in remove:
        (broken / name).unlink()
    for name, text in add.items():
        (broken / name).write_text(text)
    final = battery(manifest(tmp_path / "m.yaml", str(broken)))[-1]
    assert (final["type"], final["kind"]) == ("failed", "user")
    assert words in final["text"] and final["hint"]


def test_each_checkpoint_of_a_manifest_has_its_own_records(battery, checkpoint, tmp_path):
    """The second one's config has another theta: both sides read it."""
    other = tmp_path / "other"
    shutil.copytree(checkpoint, other)
    config = json.loads((other / "config.json").read_text()) | {"rope_theta": 2000.0}
    (other / "config.json").write_text(json.dumps(config))
    one = {"type": "instruct", "expected_dtype": "bfloat16"}
    variants = [{"repo_id": "org/A"} | one, {"repo_id": "org/B"} | one | {"type": "base"}]
    source = manifest(tmp_path / "two.yaml", "", variants=variants)
    folders = {"org/A": str(checkpoint), "org/B": str(other)}
    found = battery(source, folders=folders, tests=["exact", "dtype"])
    checks = found[-1]["result"]["checks"]
    seen = [(c["variant"], c["id"], c["verdict"]) for c in checks]
    assert seen == [(v, t, "pass") for v in ("org/A", "org/B") for t in ("dtype", "exact")]
    tree = Path(found[-1]["result"]["results"])
    assert sorted(p.name for p in tree.glob("org--*")) == ["org--A", "org--B"]


def test_an_unknown_test_is_told_with_the_list(battery, checkpoint):
    final = battery(checkpoint, tests=["dtypes"])[-1]
    assert final["kind"] == "user" and "dtypes" in final["text"] and "long_sequence" in final["hint"]
