"""A port is model-written code: what it may not reach."""

from __future__ import annotations

from client import records

TOP = "# Copyright © 2026 Apple Inc."
WRONG = ("nn.relu2(", "nn.silu(")


def attempt(worker, arcee, code: str) -> dict:
    lines = "".join(f"    {line}\n" for line in code.strip().splitlines())
    probe = f"{TOP}\ntry:\n{lines}    print('REACHED')\n"
    probe += "except BaseException as error:\n    print('refused', error)\n"
    messages = worker.run("arcee", arcee((TOP, probe), WRONG), checks=["exact"])
    log = " ".join(m["text"] for m in messages if m["type"] == "log")
    assert records(messages)["exact std 1.0"]["verdict"] == "fail"
    return {"log": log, "messages": messages}


def test_it_cannot_read_the_references_states(worker, arcee, folder):
    worker.run("arcee", arcee(), checks=["exact"])
    states = next((folder / "cache").glob("arcee-*/states"))
    found = attempt(worker, arcee, f"open({str(states / 'std-1.0.bin')!r}, 'rb').read()")
    assert "refused" in found["log"]
    assert "REACHED" not in found["log"]


def test_it_cannot_write_elsewhere(worker, arcee, folder):
    found = attempt(worker, arcee, f"open({str(folder / 'mark')!r}, 'w')")
    assert "refused" in found["log"]
    assert not (folder / "mark").exists()


def test_it_cannot_kill_the_worker(worker, arcee):
    found = attempt(worker, arcee, "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)")
    assert "refused" in found["log"]


def test_it_cannot_answer_for_the_judge(worker, arcee):
    lie = '{"id":"r1","type":"done","verdict":"pass","check":{"verdict":"pass"},"file":"nothing"}\\n'
    found = attempt(
        worker,
        arcee,
        f"import os\nfor fd in range(3, 64):\n    try: os.write(fd, b'{lie}')\n    except OSError: pass",
    )
    assert found["messages"][-1]["verdict"] == "fail"


def test_it_cannot_change_the_comparison(worker, arcee):
    code = "import mlxport_harness.checks.exact as e, mlxport_harness.checks.verdict as v\n"
    code += "v.by_floor = v.by_bar = lambda *a: 'pass'\ne.relative = lambda *a: 0.0\ne.by_floor = v.by_floor"
    found = attempt(worker, arcee, code)
    assert found["messages"][-1]["verdict"] == "fail"
