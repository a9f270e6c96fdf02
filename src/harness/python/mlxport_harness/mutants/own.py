"""A person's own port: would my checks have caught it? What survives is a limit to state.

A fault on a line that no check's forward pass reached is listed as not exercised, and only where a trace of
the unmutated port shows that; everything else that no check failed is a survivor.
"""

from __future__ import annotations

import hashlib
import re
import time
from pathlib import Path
from typing import Any

from mlxport_harness.errors import Failure
from mlxport_harness.mutants import generic
from mlxport_harness.mutants.run import Say, Store, kept, merged, row_words
from mlxport_harness.mutants.session import Session, harness_revision, plan

# Lines go to the port's own log, the one place in which its process may write without being asked.
_TRACE = """

def _trace():
    import os
    import sys

    here, seen = __file__, set()

    def lines(frame, event, argument):
        if frame.f_lineno not in seen:
            seen.add(frame.f_lineno)
            os.write(1, f"mlxport line {frame.f_lineno}\\n".encode())
        return lines

    sys.settrace(lambda frame, event, argument: lines if frame.f_code.co_filename == here else None)


_trace()
"""
Row = dict[str, Any]


def run(
    port: Path, model_type: str, config: Path | None, limit: int | None, work: Path, options: Row, say: Say
) -> Row:
    began = time.monotonic()
    text = _read(port)
    found = generic.faults(text)
    config = config.resolve() if config else None
    session = Session(work, options["strategy"], options["timeout"])
    try:
        executed = _executed(session, port, text, model_type, config, options["plan"], say)
        apart = [f for f in found if executed is not None and not _reached(f, executed)]
        left = [f for f in found if f not in apart]
        if limit and limit < len(left):
            left = [left[i * len(left) // limit] for i in range(limit)]
        rows = _judged(session, port, text, model_type, config, left, work, options["plan"], say)
    finally:
        session.close()
    place = ("line", "kind", "what")
    return {
        "schema": 1,
        "port": str(port),
        "model_type": model_type,
        "plan": options["plan"],
        "faults": len(found),
        "judged": len(rows),
        "killed": sum(bool(r["fail"]) for r in rows),
        "raised": sum(_raised(r) for r in rows),
        "suspect": sum(bool(r["suspect"]) and not r["fail"] for r in rows),
        "survivors": [
            {k: r[k] for k in (*place, "suspect", "error", "unanswered", "failure")}
            for r in rows
            if not r["fail"]
        ],
        "by_check": {c: sum(c in r["fail"] for r in rows) for r0 in rows for c in r0["fail"]},
        "traced": executed is not None,
        "not_exercised": [{k: getattr(f, k) for k in place} for f in apart],
        "seconds": round(time.monotonic() - began, 1),
    }


def _raised(row: Row) -> bool:
    """Killed without a figure: the port only raised, which any use of it would show."""
    said = [error for verdict, _, error in row["figures"].values() if verdict == "fail"]
    return bool(row["fail"]) and all(said)


def _read(port: Path) -> str:
    try:
        text = port.read_text()
        compile(text, str(port), "exec")
    except OSError as error:
        raise Failure("user", f"Cannot read {port}: {error.strerror}.", "Check --port.") from None
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        raise Failure(
            "user", f"{port} does not parse: {error}.", f"See line {line}." if line else ""
        ) from None
    return text


def _executed(
    session: Session, port: Path, text: str, model_type: str, config: Path | None, plan_name: str, say: Say
) -> set[int] | None:
    """Lines that the checks reach; None where no trace proves it. Raises where the port does not pass."""
    plain = session.judge(model_type, session.write_port(port.name, text), config, plan(plan_name))
    if plain.failure:
        raise Failure(**plain.failure)
    wrong = [*plain.by("fail", "suspect", "error"), *plain.unanswered()]
    if wrong:
        text = f"The port itself does not pass: {', '.join(wrong)}. Every fault would seem caught."
        raise Failure("user", text, "Make it pass first: `check twin`.")
    traced = session.judge(model_type, session.write_port(port.name, text + _TRACE), config, plan(plan_name))
    if traced.failure or traced.by("fail", "suspect", "error") or traced.unanswered():
        say("the lines that the checks reach could not be traced: nothing is listed as not exercised")
        return None
    logs = session.run_folder().rglob("port.log")
    lines = {int(n) for log in logs for n in re.findall(r"^mlxport line (\d+)$", log.read_text(), re.M)}
    return lines or None


def _reached(fault: generic.Fault, executed: set[int]) -> bool:
    first, last = fault.lines
    return fault.always or any(line in executed for line in range(first, last + 1))


def _judged(
    session: Session,
    port: Path,
    text: str,
    model_type: str,
    config: Path | None,
    faults: list[generic.Fault],
    work: Path,
    plan_name: str,
    say: Say,
) -> list[Row]:
    base = [text, model_type, config.read_text() if config else ""]
    about = hashlib.sha256("\0".join(base).encode()).hexdigest()[:16]
    store = Store(work / f"own-{about}-{harness_revision()}.jsonl")
    rows = []
    for number, fault in enumerate(faults):
        row = store.get(fault.id, plan_name)
        if row is None:
            path = session.write_port(port.name, fault.text)
            ran, said = "quick", kept(session.judge(model_type, path, config, plan("quick")))
            slow = [c for c in plan("full") if c not in plan("quick")]
            if plan_name == "full" and not said["fail"]:
                if slow:
                    said = merged(said, kept(session.judge(model_type, path, config, slow)))
                ran = "full"
            row = {
                "key": fault.id,
                "line": fault.line,
                "kind": fault.kind,
                "what": fault.what,
                "plan": ran,
                **said,
            }
            store.add(row)
            say(f"{number + 1} of {len(faults)}  {port.name}:{fault.id}: {', '.join(row_words(row))}")
        rows.append(row)
    return rows
