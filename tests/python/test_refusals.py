"""What the sandbox refuses a port is named as that, with what was touched, why, and whose fault it is."""

from __future__ import annotations

import pytest

from client import records

TOP = "# Copyright © 2026 Apple Inc."
CALL = ("        out = self.model(inputs, cache)", "        {code}\n        out = self.model(inputs, cache)")


def found(worker, arcee, *changes: tuple[str, str]) -> tuple[dict, str]:
    messages = worker.run("arcee", arcee(*changes), checks=["exact"])
    assert messages[-1]["type"] == "done", messages[-1]
    log = " ".join(m["text"] for m in messages if m["type"] == "log")
    return records(messages)["exact std 1.0"], log


def at_import(code: str) -> tuple[str, str]:
    return TOP, f"{TOP}\n{code}\n"


def in_call(code: str) -> tuple[str, str]:
    return CALL[0], CALL[1].format(code=code)


@pytest.fixture
def key(folder):
    path = folder / "home" / ".ssh" / "id_ed25519"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("secret")
    return path


@pytest.mark.parametrize("place", [at_import, in_call])
def test_a_key_that_the_port_opens_is_named(worker, arcee, key, place):
    record, log = found(worker, arcee, place(f"open({str(key)!r}).read()"))
    error = record["error"]
    assert record["verdict"] == "fail"
    assert error["kind"] == "port"
    assert error["text"].startswith(f"The sandbox refused the port {key} (PermissionError")
    assert ".py:" in error["text"]
    assert "nobody has read yet" in error["hint"]
    assert f"The port asked for {key} at" in log


@pytest.mark.parametrize("place", [at_import, in_call])
def test_a_connection_that_the_port_opens_is_named(worker, arcee, place):
    code = "import socket; socket.create_connection(('127.0.0.1', 9))"
    record, log = found(worker, arcee, place(code))
    assert record["error"]["text"].startswith(
        "The sandbox refused the port a network socket (PermissionError"
    )
    assert "no network" in record["error"]["hint"]
    assert "The port asked for a network socket at" in log


def test_a_refusal_behind_another_error_is_named_and_one_that_is_hidden_is_logged(worker, arcee, key):
    behind = f"\ntry:\n    open({str(key)!r})\nexcept OSError as e:\n    raise ValueError('no config') from e"
    record, _log = found(worker, arcee, at_import(behind))
    assert record["error"]["text"].startswith(f"The sandbox refused the port {key} (ValueError: no config)")
    hidden = f"\ntry:\n    open({str(key)!r}, 'w')\nexcept OSError:\n    pass"
    record, log = found(worker, arcee, at_import(hidden))
    assert record["verdict"] == "pass"
    assert f"The port asked for writing to {key} at" in log
    assert key.read_text() == "secret"
    looked = f"\ntry:\n    open({str(key.parent / 'id_rsa')!r})\nexcept OSError:\n    pass"
    _record, log = found(worker, arcee, at_import(looked))
    assert log.count(f"The port asked for {key.parent / 'id_rsa'} at") == 1, "also what is not there, once"


def test_another_error_is_not_the_sandboxs(worker, arcee):
    record, log = found(worker, arcee, in_call("open('/usr/no-such-file')"))
    assert record["error"]["text"].startswith("The port raised FileNotFoundError")
    assert "sandbox" not in log
