"""The wire: handshake, stray prints, queueing, cancel, timeouts, crashes; the worker outlives them all."""

from __future__ import annotations

import time

import pytest

from client import records

LOOP = ("class MLP(nn.Module):", "while True:\n    pass\n\n\nclass MLP(nn.Module):")
TOP = "# Copyright © 2026 Apple Inc."


@pytest.fixture(params=["fork", "spare"])
def any_worker(request):
    return request.getfixturevalue("worker" if request.param == "fork" else "spare_worker")


def serves_on(worker, arcee) -> None:
    assert worker.run("arcee", arcee(), checks=["exact"])[-1]["verdict"] == "pass"


def test_hello_says_everything_the_program_needs(any_worker):
    hello = any_worker.hello
    assert set(hello) == {"type", "proto", "pid", "versions", "device", "strategy", "checks"}
    assert (hello["type"], hello["proto"], hello["device"]) == ("hello", 1, "cpu")
    assert {"mlx", "mlx_lm", "transformers", "torch", "python", "mlxport_harness"} <= set(hello["versions"])
    assert {"exact", "dtype", "cache", "locate"} <= set(hello["checks"])


def test_messages_are_tagged_numbered_and_end_once(any_worker, arcee):
    messages = any_worker.run("arcee", arcee())
    assert messages[0]["type"] == "started"
    assert [m["seq"] for m in messages] == list(range(1, len(messages) + 1))
    assert all(isinstance(m["t"], float) for m in messages)
    assert [m["type"] for m in messages if m["type"] in ("done", "failed", "cancelled")] == ["done"]
    result = messages[-1]["result"]
    assert set(result) == {
        "schema",
        "run_id",
        "family",
        "model_type",
        "variant",
        "verdict",
        "checks",
        "environment",
    }
    assert result["environment"]["port_isolation"].startswith("landlock")
    first = next(m for m in messages if m["type"] == "check")
    assert first["check"]["id"] == "exact"


def test_stray_prints_of_the_port_become_a_log(worker, arcee):
    noise = f"{TOP}\nimport os\nprint('noise')\nos.write(1, b'raw noise')\nos.system('echo shell noise')\n"
    messages = worker.run("arcee", arcee((TOP, noise)), checks=["exact"])
    assert messages[-1]["verdict"] == "pass"
    assert any("noise" in m["text"] for m in messages if m["type"] == "log")


def test_cancel_stops_an_endless_loop_at_once(any_worker, arcee):
    name = any_worker.start("arcee", arcee(LOOP))
    time.sleep(1.0)
    began = time.monotonic()
    any_worker.send({"id": "c", "op": "cancel", "target_id": name})
    assert any_worker.finish(name)[-1]["type"] == "cancelled"
    assert time.monotonic() - began < 1.0
    serves_on(any_worker, arcee)


def test_ping_answers_during_a_run_and_a_queued_run_can_be_cancelled(worker, arcee):
    name = worker.start("arcee", arcee(LOOP))
    waiting = worker.start("arcee", arcee(LOOP))
    worker.send({"id": "p", "op": "ping"})
    while (message := worker.read(10))["type"] != "pong":
        pass
    assert message["id"] == "p"
    worker.send({"op": "cancel", "target_id": waiting})
    assert worker.finish(waiting)[-1]["type"] == "cancelled"
    worker.send({"op": "cancel", "target_id": name})
    assert worker.finish(name)[-1]["type"] == "cancelled"


def test_a_hanging_port_fails_at_the_timeout(any_worker, arcee):
    any_worker.run("arcee", arcee(), checks=["exact"])  # the reference's time is not what is tested
    found = records(any_worker.run("arcee", arcee(LOOP), timeout_s=4))
    assert found["exact std 1.0"]["verdict"] == "fail"
    assert found["exact std 1.0"]["error"]["kind"] == "port"
    assert "within 4 s" in found["exact std 1.0"]["unanswered"]
    serves_on(any_worker, arcee)


def in_cached_passes(code: str) -> tuple[str, str]:
    """A change that leaves a full pass alone: what came before must be kept."""
    line = "        h = self.embed_tokens(inputs)\n"
    return line, f"        if cache is not None and cache[0] is not None:\n            {code}\n{line}"


def test_a_port_that_hangs_in_native_code_fails_there_and_keeps_what_was_finished(worker, arcee):
    # `PyDLL` keeps the interpreter's lock, as a kernel that never returns may: no signal handler runs.
    hang = in_cached_passes("import ctypes; ctypes.PyDLL(None).pause()")
    worker.run("arcee", arcee(), checks=["exact"])  # the reference's time is not what is tested
    found = records(worker.run("arcee", arcee(hang), checks=["exact", "cache"], timeout_s=15))
    assert found["exact std 1.0"]["verdict"] == "pass"
    assert (found["cache"]["verdict"], found["cache"]["error"]["kind"]) == ("fail", "port")
    assert "within" in found["cache"]["error"]["text"]
    assert "unanswered" in found["cache"] and "unanswered" not in found["exact std 1.0"]
    serves_on(worker, arcee)


def test_a_port_that_is_killed_half_way_fails_there_and_the_other_checks_go_on(worker, arcee):
    killed = in_cached_passes("import os; os.kill(os.getpid(), 9)")
    found = records(worker.run("arcee", arcee(killed), checks=["exact", "cache", "norms"]))
    assert found["exact std 1.0"]["verdict"] == found["norms"]["verdict"] == "pass"
    assert "SIGKILL" in found["cache"]["error"]["text"]
    assert "SIGKILL" in found["cache"]["unanswered"] and "unanswered" not in found["norms"]
    serves_on(worker, arcee)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("import os; os._exit(0)", "ended with status 0"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "SIGSEGV"),
        ("import sys; sys.exit(3)", "called exit"),
        ("raise RuntimeError('no')", "RuntimeError: no"),
        ("def f(:", "does not parse"),
        ("import torch", "torch"),
    ],
    ids=["os._exit", "SIGSEGV", "exit", "raise", "syntax", "torch"],
)
def test_a_port_that_breaks_fails_and_the_worker_serves_on(worker, arcee, body, text):
    found = records(worker.run("arcee", arcee((TOP, f"{TOP}\n{body}\n"))))
    error = found["exact std 1.0"]["error"]
    assert (found["exact std 1.0"]["verdict"], error["kind"]) == ("fail", "port")
    assert text in error["text"]
    assert "Traceback" not in error["text"]
    if "import os" not in body:
        assert "arcee.py:2" in error["text"]
    serves_on(worker, arcee)


def test_a_crash_in_a_spare_is_a_fail_and_the_next_spare_serves(spare_worker, arcee):
    found = records(
        spare_worker.run("arcee", arcee((TOP, f"{TOP}\nimport os; os._exit(0)\n")), checks=["exact"])
    )
    assert "ended with status 0" in found["exact std 1.0"]["error"]["text"]
    serves_on(spare_worker, arcee)


def test_a_crash_inside_the_model_is_a_fail(worker, arcee):
    body = (
        "        h = self.embed_tokens(inputs)\n",
        "        import ctypes\n\n        ctypes.string_at(0)\n",
    )
    error = records(worker.run("arcee", arcee(body)))["exact std 1.0"]["error"]
    assert "SIGSEGV: probably the memory limit (4096 MB)" in error["text"]
    assert "--mem-mb" in error["hint"]


@pytest.mark.parametrize(
    "hog",
    ["bytearray(10 << 30)", "mx.eval([mx.ones((1 << 28,)) + i for i in range(10)])"],
    ids=["python", "mlx"],
)
def test_a_memory_hog_fails_and_names_memory(worker, arcee, hog):
    change = (
        "        h = self.embed_tokens(inputs)\n",
        f"        {hog}\n        h = self.embed_tokens(inputs)\n",
    )
    found = records(worker.run("arcee", arcee(change), mem_mb=2048))
    error = found["exact std 1.0"]["error"]
    assert error["kind"] == "port"
    assert "memory" in error["text"]
    serves_on(worker, arcee)


def test_bad_lines_are_answered_not_fatal(worker, arcee):
    worker.process.stdin.write(b"not json\n[1]\n")
    assert [worker.read()["type"] for _ in range(2)] == ["failed", "failed"]
    worker.send({"id": "x", "op": "dance"})
    assert worker.read()["kind"] == "user"
    serves_on(worker, arcee)
