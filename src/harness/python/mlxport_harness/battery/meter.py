"""Runs a command and meters its whole process tree: time, processor time, bytes read, peak memory (Linux).

Bytes read are what `read` calls moved plus the resident part of mapped weight files, each process for
itself: a file that is mapped is not read by calls. Memory is the tree's own: anonymous pages in proportion,
so that pages shared by a parent and its fork count once, and the resident pages of mapped files, once a
file. What other processes of the machine map (the same libraries, say) changes nothing.
"""

from __future__ import annotations

import os
import re
import resource
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

EVERY = 0.1
SHARE = 4  # sampling takes at most a fifth of one processor
MAPPING = re.compile(
    rb"^[0-9a-f]+-[0-9a-f]+ \S+ \S+ \S+ (\d+) *(.*)\n(?:.*\n)*?Rss: +(\d+) kB\nPss: +(\d+) kB\n"
    rb"Pss_Dirty: +(\d+) kB\n(?:.*\n)*?Anonymous: +(\d+) kB\n",
    re.MULTILINE,
)


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
            sampled = time.process_time()
            _sample(process.pid, found)
            sampled = time.process_time() - sampled
            if time.monotonic() - began > timeout:
                os.killpg(process.pid, 9)
                process.wait()
                break
            time.sleep(max(EVERY, SHARE * sampled))
    found.seconds, found.cpu_seconds = time.monotonic() - began, _cpu() - used
    found.read = _read_calls() - read + sum(found._mapped.values())
    found.exit_code = process.returncode
    found.stdout = (logs / "stdout").read_text(errors="replace")
    found.stderr = (logs / "stderr").read_text(errors="replace")
    return found


def _sample(root: int, found: Metered) -> None:
    own, files = 0, {}
    for pid in _tree(root):
        anonymous, mapped = memory(pid)
        own += anonymous
        for name, size in mapped.items():
            files[name] = max(files.get(name, 0), size)
            if name.endswith(b".safetensors"):
                key = (pid, name.decode(errors="replace"))
                found._mapped[key] = max(found._mapped.get(key, 0), size)
    found.peak = max(found.peak, own + sum(files.values()))


def memory(pid: int) -> tuple[int, dict[bytes, int]]:
    """Bytes of anonymous pages, in proportion, and resident bytes of each mapped file as it is on disk."""
    try:
        listing = Path(f"/proc/{pid}/smaps").read_bytes()
    except OSError:
        return 0, {}
    own, files = 0, {}
    for inode, name, rss, pss, dirty, anonymous in MAPPING.findall(listing):
        if inode == b"0":
            own += int(pss) << 10
        elif rss != b"0":
            # What the process changed of a file is its own; a file just written is dirty, but not that.
            own += min(int(dirty), int(anonymous)) << 10
            files[name] = files.get(name, 0) + ((int(rss) - int(anonymous)) << 10)
    return own, files


def works() -> bool:
    """Whether the system's listing has what is counted, of a process that this one starts."""
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        return any(memory(child.pid)[0] for _ in _patiently())
    finally:
        child.communicate(b"\n")


def _patiently() -> Iterator[int]:
    for _ in range(50):
        yield 0
        time.sleep(0.02)


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


def _read_calls() -> int:
    """Of this process and of its ended children: the kernel adds theirs when they are waited for."""
    for line in Path("/proc/self/io").read_text().splitlines():
        if line.startswith("rchar:"):
            return int(line.split()[1])
    return 0


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
