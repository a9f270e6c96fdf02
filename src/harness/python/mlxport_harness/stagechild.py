"""A child that is asked stage by stage: one request line out, one file of numbers back.

It may be asked ahead: requests queue in its pipe, so it computes the next while an answer is judged.
Whose fault a failure is depends on who the child is: the port's is a failed check (`PortFault`), the
reference's a broken run (`Failure`). A child that is gone stays gone; the caller decides about another.
"""

from __future__ import annotations

import os
import shutil
import time
from collections import deque
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mlxport_harness import states
from mlxport_harness.errors import Failure, PortFault

if TYPE_CHECKING:
    from mlxport_harness.run import Run

Answer = tuple[dict[str, np.ndarray], dict[str, Any], float]


class Unanswered(Exception):
    """The child was lost before it came to this request; another may be asked."""


class StageChild:
    """`blame`: "port" or "reference". `lost` is set once the child cannot answer any more."""

    def __init__(self, run: Run, job: dict[str, Any], out_dir: Path, blame: str) -> None:
        self.run, self.out_dir, self.blame = run, out_dir, blame
        self.name = f"The {blame}"
        self.lost: PortFault | Failure | None = None
        shutil.rmtree(out_dir, ignore_errors=True)
        out_dir.mkdir(parents=True)
        self.child = run.context.start({**job, "out_dir": str(out_dir), "mem_mb": run.mem_mb}, False)
        self._posted = 0
        self._waiting: deque[tuple[int, str]] = deque()  # requests not answered yet, in order
        self._answers: dict[int, dict[str, Any] | PortFault | Failure] = {}

    @cached_property
    def ready(self) -> dict[str, Any]:
        """What it said when it had shut itself in; waits for that."""
        try:
            return self._receive("start", None)
        except (PortFault, Failure) as fault:
            if isinstance(fault, Failure) and fault.kind != "reference":
                raise
            text = f"{self.name}'s process did not start: {fault.text}."
            raise Failure("environment", text, "Run it again; then see the worker's log.") from None

    def ask(self, stage: str, limit: float | None = None, **params: Any) -> Answer:
        """The arrays and notes of one stage, and the seconds it took; at most `limit` seconds."""
        if self.lost is not None:
            raise self.lost
        return self.take(self.post(stage, **params), limit)

    def post(self, stage: str, **params: Any) -> int:
        """Asks without waiting; gives what `take` needs. A child that is gone is noticed there."""
        number = self._posted
        self._posted += 1
        self._waiting.append((number, stage))
        self.child.send({"stage": stage, **params})
        return number

    def take(self, number: int, limit: float | None = None) -> Answer:
        """The answer to a request; `limit` counts from the one before it, or now. May raise `Unanswered`."""
        _said = self.ready
        while number not in self._answers:
            if self.lost is not None:
                raise Unanswered
            first, stage = self._waiting.popleft()
            try:
                self._answers[first] = self._receive(stage, limit)
            except (PortFault, Failure) as fault:
                self._answers[first] = fault
        reply = self._answers.pop(number)
        if isinstance(reply, Exception):
            raise reply
        if "fault" in reply:
            fault = reply["fault"]
            found = self._fault(str(fault.get("text")), fault.get("where"), str(fault.get("hint") or ""))
            if isinstance(found, PortFault):
                found.loading = bool(fault.get("loading"))
                found.unanswered = bool(fault.get("unanswered"))
            raise found
        try:
            path = self.out_dir / os.path.basename(str(reply["file"]))
            arrays, meta = states.load(path)
            path.unlink()
        except (OSError, ValueError, KeyError, TypeError) as error:
            text = f"{self.name} left an unreadable recording: {type(error).__name__}: {error}"
            raise self._fault(text) from None
        return arrays, meta, float(reply.get("seconds") or 0.0)

    def close(self, said: set[str] | None = None) -> None:
        """Ends the child; what it printed goes to the run's log, unless another has `said` it."""
        self.child.kill()
        try:
            with open(self.out_dir / f"{self.blame}.log", "rb") as log:
                text = log.read(4000).decode(errors="replace").strip()
        except OSError:
            return
        if text and text not in (said or ()):
            if said is not None:
                said.add(text)
            self.run.emit({"type": "log", "text": f"{self.name} printed: {text[:2000]}"})

    def _receive(self, stage: str, limit: float | None) -> dict[str, Any]:
        until = None if limit is None else time.monotonic() + limit
        while True:
            message = self.run.context.receive(self.child, stage, until)
            if message is None:
                self._gone()
            if "timeout" in message:
                self._lose(f"{self.name} did not finish within {message['timeout']:g} s (stage {stage})")
            if "over_memory" in message:
                self._lose(f"{self.name} used more than {self.run.mem_mb} MB of memory (stage {stage})")
            if "warm" in message:
                continue
            if "log" in message:
                self._log(str(message["log"]))
            elif "progress" in message:
                done, total, unit, text = message["progress"]
                self.run.emit({"type": "progress", "done": done, "total": total, "unit": unit, "text": text})
            elif "failure" in message:
                raise Failure(**message["failure"])
            else:
                return message

    def _log(self, text: str) -> None:
        """Once a run: processes that work beside each other say the same."""
        if text not in self.run.logged:
            self.run.logged.add(text)
            self.run.emit({"type": "log", "text": text})

    def _gone(self) -> None:
        ended = self.child.ended()
        limited = self.run.environment.get("memory") == "rlimit_data"
        hint = ""
        if "SIGSEGV" in ended and limited:
            ended += (
                f": probably the memory limit ({self.run.mem_mb} MB), which ends a process so when an "
                "allocation is refused; otherwise a crash in native code"
            )
            hint = "Run it again with a higher --mem-mb: a crash stays, a shortage of memory does not."
        elif "SIGSYS" in ended:
            ended += ": the sandbox refused it a system call"
            hint = "A port computes; it does not touch other processes or the system."
        elif "killed" in ended:
            ended += f" (a crash, or an allocation beyond the {self.run.mem_mb} MB of memory it may use)"
        self._lose(f"{self.name}'s process {ended}", hint)

    def _lose(self, text: str, hint: str = "") -> None:
        self.child.kill()
        self.lost = self._fault(text, None, hint)
        if isinstance(self.lost, PortFault):
            self.lost.unanswered = True
        raise self.lost

    def _fault(self, text: str, where: str | None = None, hint: str = "") -> PortFault | Failure:
        if self.blame == "port":
            return PortFault(text, where, hint)
        return Failure("reference", f"{text} at {where}" if where else text, hint)


def record_reference(run: Run, job: dict[str, Any]) -> None:
    """Has a child build the twin and record the reference's states, start to end."""
    child = run.context.start(job)
    try:
        while True:
            message = run.context.receive(child, "reference")
            if message is None:
                raise Failure("reference", f"The reference's process {child.ended()}.", "Run it again.")
            if "timeout" in message:
                text = f"The reference did not finish within {message['timeout']:g} s."
                raise Failure("reference", text, "Give a longer timeout.")
            if "over_memory" in message:
                text = f"The reference used more than {run.mem_mb} MB of memory."
                raise Failure("reference", text, "Allow more memory.")
            if "progress" in message:
                done, total, unit, text = message["progress"]
                run.emit({"type": "progress", "done": done, "total": total, "unit": unit, "text": text})
            if "failure" in message:
                raise Failure(**message["failure"])
            if "end" in message:
                return
    finally:
        child.stop()
