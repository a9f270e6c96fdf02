"""What the sandbox refused the port: named as such where it ends a check, and logged where the port hides it.

A refusal reaches Python as an OSError like any other. Whether it was the sandbox is told by what was asked
for: a path that no wall opens to the port, or a file whose own mode allows what was refused.
"""

from __future__ import annotations

import errno
import os
import socket
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

WHY_FILE = (
    "A port is code that nobody has read yet: it may read the Python environment, its own file and the "
    "checkpoint it is given, and writes nothing. Take this out of the port."
)
WHY_NETWORK = (
    "A port is code that nobody has read yet, and gets no network: it could send out keys or fetch other "
    "code. Take this out of the port."
)
WHY_CALL = "A port computes; it does not touch other processes or the system. Take this out of the port."
TOLD = 20

_readable: list[Path] = []
_writable: list[Path] = []


def within(readable: list[Path], writable: list[Path]) -> None:
    """Says which paths the port may have; until then every path counts as refused."""
    _readable[:] = [path.resolve() for path in readable]
    _writable[:] = [path.resolve() for path in writable]


def of(error: BaseException) -> tuple[str, str] | None:
    """What the sandbox refused, and why; None where the error is another. Looks at the causes too."""
    for found in _chain(error):
        if isinstance(found, socket.gaierror):
            return "the network (a host's address was asked for)", WHY_NETWORK
        if not isinstance(found, OSError) or found.errno not in (errno.EACCES, errno.EPERM):
            continue
        if isinstance(found.filename, str | bytes | os.PathLike):
            path = os.fsdecode(found.filename)
            if not _own_mode(path):
                return path, WHY_FILE
            continue
        frames = traceback.extract_tb(found.__traceback__)
        last = frames[-1] if frames else None
        line = (last.line or "") if last else ""
        if last and (
            Path(last.filename).name in ("socket.py", "ssl.py") or "socket" in line or "connect" in line
        ):
            return "a network socket", WHY_NETWORK
        return f"the call `{line}`" if line else "a system call", WHY_CALL
    return None


def watch(port: Path, emit: Callable[[dict[str, Any]], None]) -> None:
    """Logs what the port asks for and does not get, also where it catches the error.

    Python code is seen, native code is not: what that asks for is refused all the same, unreported.
    """
    told: set[str] = set()
    state = {"busy": False}

    def hook(event: str, args: tuple[Any, ...]) -> None:
        if event not in WATCHED or state["busy"] or len(told) >= TOLD:
            return
        where = _port_line(str(port))
        if where is None:
            return
        state["busy"] = True
        try:
            what = _asked(event, args)
            if what is not None and what not in told:
                told.add(what)
                emit({"log": f"The port asked for {what} at {port}:{where}; the sandbox refuses it."})
        finally:
            state["busy"] = False

    sys.addaudithook(hook)


WATCHED = ("open", "os.listdir", "os.scandir", "socket.getaddrinfo", "socket.connect", "socket.sendto")


def _asked(event: str, args: tuple[Any, ...]) -> str | None:
    if event.startswith("socket."):
        return "a network socket"
    if not args or not isinstance(args[0], str | bytes | os.PathLike):
        return None
    path = os.fsdecode(args[0])
    flags = args[2] if event == "open" and len(args) > 2 and isinstance(args[2], int) else 0
    if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
        return None if _below(path, _writable) else f"writing to {path}"
    if not _below(path, _readable):
        return path  # also where there is nothing: it was looked for
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
    except PermissionError:
        return None if _own_mode(path) else path
    except OSError:
        pass
    return None


def _own_mode(path: str) -> bool:
    """Whether the file's own mode refuses, which is no matter of the sandbox's."""
    return _below(path, _readable) and os.path.exists(path) and not os.access(path, os.R_OK)


def _below(path: str, roots: list[Path]) -> bool:
    real = Path(os.path.realpath(path))
    return any(real.is_relative_to(root) for root in roots)


def _port_line(port: str) -> int | None:
    frame = sys._getframe(2)
    while frame is not None:
        if frame.f_code.co_filename == port:
            return frame.f_lineno
        frame = frame.f_back  # type: ignore[assignment]
    return None


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        found = waiting.pop(0)
        if id(found) in seen:
            continue
        seen.add(id(found))
        yield found
        behind = found.__cause__ or (None if found.__suppress_context__ else found.__context__)
        if behind is not None:
            waiting.append(behind)
