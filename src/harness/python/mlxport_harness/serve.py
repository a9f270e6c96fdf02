"""The warm worker: reads requests, runs one at a time, answers in JSON lines.

It never blocks on a child: while a run waits, stdin is read, so ping, cancel and shutdown work. A child
that hangs, crashes or is cancelled is killed with its whole process group; this process serves on.
"""

from __future__ import annotations

import json
import os
import selectors
import time
from collections import deque
from typing import Any

from mlxport_harness import PROTO, preload
from mlxport_harness.checks import registry
from mlxport_harness.errors import Cancelled, Failure
from mlxport_harness.run import Context, Run, revision
from mlxport_harness.spawn import Child, Fork, Spare
from mlxport_harness.wire import MAX_LINE, write_line

TIMEOUT_S = 60.0
WARM_S = 180.0
POLL_S = 0.05
MEM_MB = 8192


class Shutdown(Exception):
    """The input ended or asked to stop."""


class Worker:
    def __init__(self, out: int, source: int | None, strategy: str, preloaded: bool = True) -> None:
        """`preloaded`: for many runs. For a single one of two processes, each imports its own side."""
        self.out, self.source = out, source
        self.spawner = Fork(preloaded) if strategy == "fork" else Spare(preloaded)
        self.queue: deque[dict[str, Any]] = deque()
        self.pending = bytearray()
        self.current: dict[str, Any] | None = None
        self.revision = revision()
        self.deadline, self.began, self.limit, self.seq = 0.0, 0.0, 0.0, 0
        self.children: list[Child] = []
        self.sink: Any = None

    def serve(self) -> None:
        write_line(self.out, self.hello())
        try:
            while True:
                self.spawner.prepare()
                while not self.queue:
                    self._read_input(None)
                self.one(self.queue.popleft())
        except Shutdown:
            pass
        finally:
            self.spawner.close()

    def hello(self) -> dict[str, Any]:
        return {
            "type": "hello",
            "proto": PROTO,
            "pid": os.getpid(),
            "versions": preload.versions(),
            "device": "cpu",
            "strategy": self.spawner.name,
            "checks": list(registry()),
        }

    def one(self, request: dict[str, Any]) -> dict[str, Any]:
        """Runs a request to its one final reply, and returns that."""
        self.current, self.seq, self.began = request, 0, time.monotonic()
        self.limit = float(request.get("timeout_s") or TIMEOUT_S)
        self.deadline = self.began + self.limit
        try:
            self.emit({"type": "started"})
            context = Context(
                self.start,
                self.receive,
                self.emit,
                self.spawner.name,
                self.revision,
                self.spawner.lanes,
                self.spawner.preloaded,
            )
            result = Run(request, context).execute()
            final = {"type": "done", "verdict": result["verdict"], "result": result}
            for child in self.children:
                child.kill()
            self.emit(final)
            self.spawner.prepare()  # for the next run, while the system clears this one's processes away
        except Cancelled:
            final = {"type": "cancelled"}
        except Failure as failure:
            final = {"type": "failed", **failure.record()}
        except (Shutdown, BrokenPipeError):
            raise Shutdown from None
        except Exception as error:
            text = f"The worker failed: {type(error).__name__}: {error}"
            final = {"type": "failed", "kind": "bug", "text": text[:600], "hint": "Please report this."}
        finally:
            for child in self.children:
                child.stop()
            self.children.clear()
        if final["type"] != "done":
            self.emit(final)
        self.current = None
        return final

    def start(self, job: dict[str, Any], wait: bool = True) -> Child:
        """Starts a child; `wait`: until it is warm, which does not count against the run's time."""
        began = time.monotonic()
        limit, self.deadline = self.deadline, began + WARM_S
        child = self.spawner.start(job)
        self.children.append(child)
        warm = self._receive(child, None) if wait else {}
        if warm is None or "timeout" in warm:
            raise Failure("environment", "A worker process did not start.", "See the worker's stderr.")
        self.deadline = limit + time.monotonic() - began
        return child

    def emit(self, message: dict[str, Any]) -> None:
        self.seq += 1
        elapsed = round(time.monotonic() - self.began, 6)
        head = {"id": self.current["id"] if self.current else None, "seq": self.seq, "t": elapsed}
        write_line(self.out, head | message)
        if self.sink:
            self.sink(message)

    def receive(self, child: Child, stage: str, until: float | None = None) -> dict[str, Any] | None:
        """The child's next message; None when it is gone; `timeout` when the time is up.

        That is the run's, or the moment `until` where it comes first; the seconds named are those of either.
        Getting ready (the stage `start`) is ours to do: it does not count against the run's time.
        """
        if stage != "start":
            return self._receive(child, until)
        began = time.monotonic()
        limit, self.deadline = self.deadline, began + WARM_S
        message = self._receive(child, until)
        self.deadline = limit + time.monotonic() - began
        return message

    def _receive(self, child: Child, until: float | None) -> dict[str, Any] | None:
        began = time.monotonic()
        end_at = self.deadline if until is None else min(until, self.deadline)
        while True:
            end = child.buffer.find(b"\n")
            if end >= 0:
                line = bytes(child.buffer[:end])
                del child.buffer[: end + 1]
                message = _object(line)
                if message is not None:
                    return message
                continue
            left = end_at - time.monotonic()
            if left <= 0 or len(child.buffer) > MAX_LINE:
                return {"timeout": self.limit if end_at == self.deadline else round(end_at - began, 1)}
            if child.resident_mb() > self._memory(child):
                return {"over_memory": True}
            if self._wait(child, min(left, POLL_S)):
                data = os.read(child.events, 1 << 16)
                if not data:
                    return None
                child.buffer += data

    def _memory(self, child: Child) -> float:
        """The resident size at which a child is stopped: what it had when warm, and `mem_mb` more."""
        if child.warm_mb is None:
            child.warm_mb = child.resident_mb()
        return child.warm_mb + float((self.current or {}).get("mem_mb") or MEM_MB)

    def _wait(self, child: Child, left: float) -> bool:
        """True when the child has something to say; handles the input meanwhile."""
        with selectors.DefaultSelector() as selector:
            selector.register(child.events, selectors.EVENT_READ)
            if self.source is not None:
                selector.register(self.source, selectors.EVENT_READ)
            ready = {key.fd for key, _ in selector.select(left)}
        if self.source in ready:
            self._read_input(child)
        return child.events in ready

    def _read_input(self, child: Child | None) -> None:
        data = os.read(self.source, 1 << 16)
        if not data:
            raise Shutdown
        self.pending += data
        while (end := self.pending.find(b"\n")) >= 0:
            line = bytes(self.pending[:end])
            del self.pending[: end + 1]
            if line.strip():
                self._accept(line)

    def _accept(self, line: bytes) -> None:
        request = _object(line)
        op = request.get("op") if request else None
        if request is None:
            self._reply(None, {"type": "failed", "kind": "user", "text": "Not a JSON object.", "hint": ""})
        elif op == "shutdown":
            raise Shutdown
        elif op == "ping":
            self._reply(request.get("id"), {"type": "pong"})
        elif op == "run" and request.get("id") is not None:
            self.queue.append(request)
        elif op == "cancel":
            self._cancel(request.get("target_id"))
        else:
            text = f"There is no operation {op!r}, or the id is missing."
            hint = "Operations: run, cancel, ping, shutdown."
            self._reply(request.get("id"), {"type": "failed", "kind": "user", "text": text, "hint": hint})

    def _cancel(self, target: Any) -> None:
        if self.current is not None and self.current["id"] == target:
            raise Cancelled
        for request in [r for r in self.queue if r["id"] == target]:
            self.queue.remove(request)
            self._reply(target, {"type": "cancelled"})

    def _reply(self, request_id: Any, message: dict[str, Any]) -> None:
        write_line(self.out, {"id": request_id, "seq": 1, "t": 0.0, **message})


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
