"""Starts children: `fork` from this preloaded process, or `spare`, pre-warmed processes used once.

Fork is Linux's: forked children of a process that touched Metal crash. Every child leads its own group,
so that killing the group stops whatever it started.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import Any

from mlxport_harness import child, isolate
from mlxport_harness.wire import write_line

POOL = 2
LANES = 2


@dataclass
class Child:
    """A running job: `events` is read from it, `commands` is written to it."""

    pid: int
    events: int
    commands: int
    buffer: bytearray = field(default_factory=bytearray)
    process: Any = None
    stopped: bool = False
    warm_mb: float | None = None

    def send(self, message: dict[str, Any]) -> bool:
        try:
            write_line(self.commands, message)
            return True
        except OSError:
            return False

    def stop(self) -> None:
        """Kills the group, reaps, closes; a second call does nothing."""
        if self.stopped:
            return
        self.stopped = True
        self.kill()
        self._reap()
        for fd in (self.events, self.commands):
            os.close(fd)

    def kill(self) -> None:
        """Kills the group without waiting for it."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass

    def ended(self) -> str:
        """Why it is gone, after its pipe closed; kills what closed its pipe without going."""
        try:
            done, raw = os.waitpid(self.pid, os.WNOHANG)
            for _ in range(50):
                if done:
                    break
                time.sleep(0.01)
                done, raw = os.waitpid(self.pid, os.WNOHANG)
        except ChildProcessError:
            return "ended"
        if not done:
            return "closed its pipe"
        self._note(raw)
        if os.WIFSIGNALED(raw):
            return f"was killed by {signal.Signals(os.WTERMSIG(raw)).name}"
        return f"ended with status {os.WEXITSTATUS(raw)}"

    def resident_mb(self) -> float:
        """Memory in use now, in MiB; 0 where the system does not say."""
        try:
            with open(f"/proc/{self.pid}/statm") as statm:
                return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / (1 << 20)
        except (OSError, ValueError, IndexError):
            return 0.0

    def _reap(self) -> None:
        try:
            self._note(os.waitpid(self.pid, 0)[1])
        except ChildProcessError:
            pass

    def _note(self, raw: int) -> None:
        if self.process is not None:
            self.process.returncode = os.waitstatus_to_exitcode(raw)


class Fork:
    """Forks children ahead of their jobs, so that copying this process's page tables costs no one's time.

    `lanes`: how many processes of one port a run may use at a time. Two, where they do not share a processor.
    `preloaded`: this process has both frameworks, for many short jobs; else a child imports what it needs.
    """

    name = "fork"

    def __init__(self, preloaded: bool = True) -> None:
        if preloaded:
            from mlxport_harness import preload

            preload.imports()
        self.preloaded = preloaded
        self.lanes = min(LANES, _cpus())
        self._ready: list[Child] = []

    def prepare(self) -> None:
        while self.preloaded and len(self._ready) < self.lanes:
            self._ready.append(self._fork())

    def start(self, job: dict[str, Any]) -> Child:
        found = self._ready.pop(0) if self._ready else self._fork()
        found.send(job)
        return found

    def close(self) -> None:
        for one in self._ready:
            one.stop()

    def _fork(self) -> Child:
        event_read, event_write = os.pipe()
        command_read, command_write = os.pipe()
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            _become_child(event_write, command_read, parent)
            _serve()
        os.close(event_write)
        os.close(command_read)
        try:
            os.setpgid(pid, pid)
        except OSError:
            pass
        return Child(pid, event_read, command_write)


class Spare:
    """A second process a run would cost the next run its warm one: starting one takes seconds."""

    name, lanes = "spare", 1

    def __init__(self, preloaded: bool = True) -> None:
        self.preloaded = preloaded
        self._pool: list[subprocess.Popen] = []
        self.prepare()

    def prepare(self) -> None:
        if self.preloaded:
            self._fill(POOL)

    def start(self, job: dict[str, Any]) -> Child:
        while self._pool and self._pool[0].poll() is not None:
            self._pool.pop(0)
        if not self._pool:
            self._fill(1)
        process = self._pool.pop(0)
        self.prepare()
        found = Child(
            process.pid, os.dup(process.stdout.fileno()), os.dup(process.stdin.fileno()), process=process
        )
        process.stdout.close()
        process.stdin.close()
        found.send(job)
        return found

    def close(self) -> None:
        for process in self._pool:
            process.kill()
            process.wait()

    def _fill(self, size: int) -> None:
        while len(self._pool) < size:
            command = [sys.executable, "-m", "mlxport_harness", "_spare", str(os.getpid())]
            command += ["preloaded"] if self.preloaded else []
            self._pool.append(
                subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, start_new_session=True
                )
            )


def spare_main(parent: int, preloaded: bool) -> None:
    """The body of a spare: import everything where it is to be `preloaded`, then wait for the one job."""
    from mlxport_harness import preload
    from mlxport_harness.wire import protect_stdout

    events = protect_stdout()
    isolate.die_with_parent(parent)
    if preloaded:
        preload.imports()
    commands = os.dup(0)
    _become_child(events, commands, parent)
    _serve()


def _serve() -> None:
    """Waits for the one job and does it."""
    commands = os.fdopen(3, "rb")
    line = commands.readline()
    if not line.endswith(b"\n"):
        os._exit(0)
    child.run(json.loads(line), 4, commands)


def _cpus() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _become_child(events: int, commands: int, parent: int) -> None:
    """Leaves only: 0 nothing, 1 and 2 the log, 3 commands, 4 events."""
    if os.getpgrp() != os.getpid():
        os.setpgid(0, 0)
    isolate.die_with_parent(parent)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    high_events, high_commands = _above(events), _above(commands)
    os.dup2(high_commands, 3)
    os.dup2(high_events, 4)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.closerange(5, max(os.sysconf("SC_OPEN_MAX"), 64) if os.sysconf("SC_OPEN_MAX") < 1 << 16 else 1 << 16)
    sys.stdout = sys.stderr


def _above(fd: int) -> int:
    import fcntl

    return fcntl.fcntl(fd, fcntl.F_DUPFD, 64)
