"""The battery from the command line: each process imports its own side only, and finds the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from mlxport_harness import portnames, serve
from mlxport_harness.battery import port as port_side

import tiny
from client import environment

TESTS = ["dtype", "template", "predictions", "layers", "quantize", "quant_dtype"]
WITHOUT_TORCH = (
    "import sys\nfrom mlxport_harness import preload\npreload.one_side('port', torch=False)\n"
    "from pathlib import Path\nfrom mlx_lm.tokenizer_utils import load\n"
    "print(load(Path(sys.argv[1]), {}, eos_token_ids=[0]).encode('Hi'))\n"
    "print(sorted(n for n, m in sys.modules.items() if n.partition('.')[0] == 'torch' and m))\n"
)
PARENT = (
    "import sys\nfrom mlxport_harness.cli import main\ncode = main(sys.argv[1:])\n"
    "names = {'torch', 'transformers', 'mlx', 'mlx_lm'} & set(sys.modules)\n"
    "sys.stderr.write(f'{code} {sorted(names)}')\n"
)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return tiny.make(tmp_path_factory.mktemp("tiny") / "tiny")


def python(*words: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, *words], capture_output=True, text=True, env=environment(), timeout=240
    )


def test_it_finds_what_a_warm_worker_finds(worker, checkpoint, tmp_path):
    target = {"checkpoint": str(checkpoint), "port_path": None}
    params = {"out": str(tmp_path / "warm"), "tests": TESTS}
    warm = worker.run(None, check="battery", target=target, params=params, timeout_s=240)[-1]["result"]
    words = ["--tests", ",".join(TESTS), "--out", str(tmp_path / "alone")]
    done = python("-m", "mlxport_harness", "check", "battery", str(checkpoint), *words, "--json")
    alone = json.loads(done.stdout)
    assert [(c["id"], c["verdict"]) for c in alone["checks"]] == [(t, "pass") for t in TESTS], done.stderr
    assert [c["figure"] for c in alone["checks"]] == [c["figure"] for c in warm["checks"]]
    assert alone["environment"]["port_isolation"] == warm["environment"]["port_isolation"]
    assert alone["environment"]["memory"] == warm["environment"]["memory"]


def test_a_port_that_imports_torch_fails_there_too(checkpoint, tmp_path):
    port = tmp_path / "llama.py"
    port.write_text("import torch\n")
    words = ["--tests", "dtype", "--out", str(tmp_path), "--port", str(port), "--json"]
    done = python("-m", "mlxport_harness", "check", "battery", str(checkpoint), *words)
    assert done.returncode == 1
    assert "torch" in json.loads(done.stdout)["checks"][0]["error"]["text"]


def test_the_judge_imports_neither_side(checkpoint, tmp_path):
    words = ["check", "battery", str(checkpoint), "--out", str(tmp_path), "--estimate"]
    assert python("-c", PARENT, *words).stderr.endswith("0 []")


def test_the_port_side_has_its_tokenizer_without_torch(checkpoint):
    said = python("-c", WITHOUT_TORCH, str(checkpoint)).stdout.splitlines()
    assert json.loads(said[0]) and said[1] == "[]"


@pytest.mark.parametrize(
    ("files", "needed"),
    [
        ({"tokenizer.json": "{}", "tokenizer_config.json": "{}"}, False),
        ({"tokenizer.json": "{}", "tokenizer_config.json": '{"auto_map": {}}'}, True),
        ({"tokenizer.model": ""}, True),
    ],
)
def test_torch_is_there_for_tokenizers_that_may_need_it(tmp_path, files, needed):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert port_side._needs_torch(tmp_path) == needed


def test_port_names_are_read_as_mlx_lm_has_them(monkeypatch):
    from mlx_lm import utils

    imported = portnames.tables()
    monkeypatch.delitem(sys.modules, "mlx_lm.utils")
    assert (
        portnames.tables()
        == imported
        == (
            utils.MODEL_REMAPPING,
            getattr(utils, "MODEL_ARCHITECTURE_REMAPPING", {}),
        )
    )


def test_the_port_waits_for_the_recordings_and_finds_the_same(worker, checkpoint, tmp_path):
    """By spare processes, as on a Mac: the port's is there from the start, and reads no weights before."""
    target = {"checkpoint": str(checkpoint), "port_path": None}
    params = {"out": str(tmp_path / "out"), "tests": ["dtype", "predictions", "layers"]}
    request = {"id": "one", "op": "run", "check": "battery", "target": target, "params": params}
    request |= {"run_dir": str(tmp_path / "run"), "cache_dir": str(tmp_path / "cache"), "timeout_s": 240}
    alone = serve.Worker(os.open(os.devnull, os.O_WRONLY), None, "spare", preloaded=False)
    told = []
    alone.sink = told.append
    found = alone.one(request)["result"]
    order = [m["check"]["id"] if m["type"] == "check" else m.get("unit") for m in told]
    order = [o for o in order if o in ("recordings", "load", "dtype", "predictions", "layers")]
    assert order == ["recordings", "recordings", "load", "dtype", "predictions", "layers"]
    warm = worker.run(None, check="battery", target=target, params=params, timeout_s=240)[-1]["result"]
    assert [c["figure"] for c in found["checks"]] == [c["figure"] for c in warm["checks"]]
