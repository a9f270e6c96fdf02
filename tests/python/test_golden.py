"""Golden packs: written with torch, checked without; wrong ports fail; damaged packs are refused by name."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from mlxport_harness.errors import Failure
from mlxport_harness.golden import pack

from client import PACKAGE, environment


@pytest.fixture(scope="module")
def written(worker, folder):
    path = folder / "arcee.gold"
    params = {"action": "write", "pack": str(path)}
    final = worker.run("arcee", check="golden", params=params)[-1]
    assert final["type"] == "done" and final["verdict"] == "pass", final
    return path


def check(worker, path, port):
    final = worker.run(None, port, check="golden", params={"action": "check", "pack": str(path)})[-1]
    return final if final["type"] != "done" else {c["twin"]: c for c in final["result"]["checks"]}


def test_pack_is_checked_where_there_is_no_torch(written, arcee, tmp_path):
    (tmp_path / "sitecustomize.py").write_text('import sys\n\nsys.modules["torch"] = None\n')
    command = [sys.executable, "-m", "mlxport_harness", "golden", "check", str(written), "--json"]
    paths = os.pathsep.join([str(PACKAGE), str(tmp_path)])
    done = subprocess.run(
        [*command, "--port", str(arcee())],
        capture_output=True,
        text=True,
        timeout=200,
        env=environment() | {"PYTHONPATH": paths},
    )
    result = json.loads(done.stdout)
    assert (done.returncode, result["verdict"], result["model_type"]) == (0, "pass", "arcee"), done.stderr
    assert result["checks"][0]["figure"] < 1e-5
    assert written.stat().st_size < 2_000_000


def test_wrong_port_fails_and_the_first_layer_that_differs_is_named(worker, written, arcee):
    found = check(worker, written, arcee(("nn.relu2(", "nn.silu(")))
    assert found["twin"]["verdict"] == "fail"
    assert found["twin layers"]["first_divergence"]["module"] == "model.layers.0"


def test_truncated_altered_foreign_and_newer_packs_are_refused_by_name(worker, written, arcee, tmp_path):
    data = written.read_bytes()
    middle = bytearray(data)
    middle[len(data) // 2] ^= 1
    newer = data[:-32].replace(b'"format": 1', b'"format": 9')
    cases = {
        "truncated": data[:-100],
        "altered": bytes(middle),
        "not a golden pack": b"something else" * 10,
        "format 9": newer + hashlib.sha256(newer).digest(),
    }
    for word, content in cases.items():
        path = tmp_path / f"{word.replace(' ', '-')}.gold"
        path.write_bytes(content)
        with pytest.raises(Failure) as raised:
            pack.read(path)
        assert word in raised.value.text and str(path) in raised.value.text
    final = check(worker, path, arcee())
    assert (final["type"], final["kind"]) == ("failed", "user") and "format 9" in final["text"]


def test_numbers_come_back_bit_for_bit(tmp_path):
    exact = np.array([[1.0, -0.5], [3.0, 2.0**-100]], dtype=np.float32)
    other = np.random.default_rng(0).standard_normal((3, 5)).astype(np.float32)
    head = {"kind": "twin", "model_type": "x", "ids": [], "versions": {}, "reference": "", "floor": 0.0}
    pack.write(tmp_path / "p", head, {"exact": exact, "other": other})
    read, arrays = pack.read(tmp_path / "p")
    assert [row[0] for row in read["arrays"].values()] == ["bf16", "f32"]
    assert np.array_equal(arrays["exact"], exact) and np.array_equal(arrays["other"], other)
