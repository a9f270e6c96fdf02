"""Runs a command and meters its whole process tree: time, processor time, bytes read, peak memory (Linux).

Bytes read are what `read` calls moved plus the resident part of mapped weight files, each process for
itself: a file that is mapped is not read by calls. Memory is the tree's proportional share (PSS), so that
pages shared by a parent and its fork count once.
"""

from __future__ import annotations

import os
import resource
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

EVERY = 0.1


@dataclass
class Metered:
    """`exit_code`; seconds of wall clock and processor; bytes read; peak bytes of memory of the tree."""

    exit_code: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    read: int = 0
    peak: int = 0
    stdout: str = ""
    stderr: str = ""
    _mapped: dict[tuple[int, str], int] = field(default_factory=dict)

    def add(self, other: Metered) -> None:
        """One process after another: times and bytes add up, memory does not."""
        self.exit_code = self.exit_code or other.exit_code
        self.seconds += other.seconds
        self.cpu_seconds += other.cpu_seconds
        self.read += other.read
        self.peak = max(self.peak, other.peak)


def run(command: list[str], env: dict[str, str], timeout: float, logs: Path) -> Metered:
    """Output goes to files in `logs`: a full pipe would stop what is measured."""
    logs.mkdir(parents=True, exist_ok=True)
    found, read, used = Metered(), _read_calls(), _cpu()
    began = time.monotonic()
    with open(logs / "stdout", "wb") as out, open(logs / "stderr", "wb") as err:
        process = subprocess.Popen(
            command, env=env, stdout=out, stderr=err, stdin=subprocess.DEVNULL, start_new_session=True
        )
        while process.poll() is None:
            _sample(process.pid, found)
            if time.monotonic() - began > timeout:
                os.killpg(process.pid, 9)
                process.wait()
                break
            time.sleep(EVERY)
    found.seconds, found.cpu_seconds = time.monotonic() - began, _cpu() - used
    found.read = _read_calls() - read + sum(found._mapped.values())
    found.exit_code = process.returncode
    found.stdout = (logs / "stdout").read_text(errors="replace")
    found.stderr = (logs / "stderr").read_text(errors="replace")
    return found


def _sample(root: int, found: Metered) -> None:
    total = 0
    for pid in _tree(root):
        total += _pss(pid)
        for name, size in _weights(pid).items():
            key = (pid, name)
            found._mapped[key] = max(found._mapped.get(key, 0), size)
    found.peak = max(found.peak, total)


def _tree(root: int) -> list[int]:
    found, queue = [], [root]
    while queue:
        pid = queue.pop()
        found.append(pid)
        try:
            for task in os.listdir(f"/proc/{pid}/task"):
                queue += map(int, Path(f"/proc/{pid}/task/{task}/children").read_text().split())
        except (OSError, ValueError):
            continue
    return found


def _pss(pid: int) -> int:
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) << 10
    except (OSError, ValueError):
        pass
    return 0


def _weights(pid: int) -> dict[str, int]:
    """Resident bytes of mapped safetensors files; the long listing is read only when there is one."""
    try:
        if ".safetensors" not in Path(f"/proc/{pid}/maps").read_text():
            return {}
        found: dict[str, int] = {}
        name = ""
        for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
            if "-" in line.partition(" ")[0]:
                name = line.split(maxsplit=5)[-1] if ".safetensors" in line else ""
            elif name and line.startswith("Rss:"):
                found[name] = found.get(name, 0) + (int(line.split()[1]) << 10)
        return found
    except (OSError, ValueError):
        return {}


def _read_calls() -> int:
    """Of this process and of its ended children: the kernel adds theirs when they are waited for."""
    for line in Path("/proc/self/io").read_text().splitlines():
        if line.startswith("rchar:"):
            return int(line.split()[1])
    return 0


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
