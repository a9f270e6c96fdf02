"""The package by itself: one JSON object on stdout, and exit codes a script can rely on."""

from __future__ import annotations

import json
import subprocess
import sys

from client import environment


def check(*args: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "mlxport_harness", "check", "twin", *args, "--json"]
    return subprocess.run(command, capture_output=True, text=True, env=environment(), timeout=120)


def test_right_port_exits_0_with_the_run_object(arcee, folder):
    done = check("arcee", "--port", str(arcee()), "--checks", "exact", "--cache-dir", str(folder / "cache"))
    result = json.loads(done.stdout)
    assert done.returncode == 0
    assert (result["schema"], result["model_type"], result["verdict"]) == (1, "arcee", "pass")
    assert [c["id"] for c in result["checks"]] == ["exact", "exact"]


def test_wrong_port_exits_1(arcee, folder):
    port = str(arcee(("nn.relu2(", "nn.silu(")))
    done = check("arcee", "--port", port, "--checks", "exact", "--cache-dir", str(folder / "cache"))
    assert (done.returncode, json.loads(done.stdout)["verdict"]) == (1, "fail")


def test_unknown_type_exits_2(folder):
    done = check("qwen33")
    assert (done.returncode, json.loads(done.stdout)["verdict"]) == (2, "could_not_run")
    assert "Did you mean" in done.stderr
