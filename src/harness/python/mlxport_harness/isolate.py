"""What a child may not do: outlive its parent, eat the machine, write elsewhere, read the reference.

Best effort and recorded: Landlock and the death signal exist on Linux only. The sandbox around the whole
worker is Rust's (`mlxport __sandbox`); this is the inner wall, between the port and its judge.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
from pathlib import Path

_READ = (1 << 2) | (1 << 3)  # read file, read folder
_EXECUTE = 1
_WRITE_ALL_V1 = (1 << 1) | sum(1 << bit for bit in range(4, 13))
_REFER, _TRUNCATE, _IOCTL = 1 << 13, 1 << 14, 1 << 15
_SYS_CREATE, _SYS_ADD, _SYS_RESTRICT = 444, 445, 446
_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38


class _Ruleset(ctypes.Structure):
    _fields_ = [("fs", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64)]


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = [("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32)]


def die_with_parent(parent: int) -> None:
    """Asks the kernel to kill this process when its parent goes; elsewhere Rust's group kill does it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(0)


_measured = 4 << 30


def measure() -> int:
    """Private memory in bytes; inside the sandbox a child cannot look, and takes what its parent last saw."""
    global _measured
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmData:"):
                _measured = int(line.split()[1]) << 10
    except OSError:
        pass
    return _measured


def limit_memory(mem_mb: int) -> str:
    """Caps private memory at what is in use plus `mem_mb`; RLIMIT_AS would count torch's mappings."""
    if sys.platform != "linux":
        return "none"
    limit = measure() + (mem_mb << 20)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 30, 1 << 30))
    return "rlimit_data"


def restrict_files(read: list[Path], write: list[Path]) -> str:
    """Landlock: reads below `read`, reads and writes below `write`, no new TCP, no signals outward."""
    if sys.platform != "linux":
        return "none"
    libc = ctypes.CDLL(None, use_errno=True)
    abi = libc.syscall(_SYS_CREATE, None, ctypes.c_size_t(0), 1)
    if abi < 1:
        return "none"
    write_bits = _WRITE_ALL_V1 | (_REFER if abi >= 2 else 0) | (_TRUNCATE if abi >= 3 else 0)
    handled = _READ | _EXECUTE | write_bits
    rules = _Ruleset(handled, 3 if abi >= 4 else 0, 3 if abi >= 6 else 0)
    size = 8 if abi < 4 else 16 if abi < 6 else 24
    ruleset = libc.syscall(_SYS_CREATE, ctypes.byref(rules), ctypes.c_size_t(size), 0)
    if ruleset < 0:
        return "none"
    for path in read:
        _allow(libc, ruleset, path, _READ | _EXECUTE)
    for path in write:
        _allow(libc, ruleset, path, _READ | write_bits)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    done = libc.syscall(_SYS_RESTRICT, ruleset, 0)
    os.close(ruleset)
    return f"landlock-{abi}" if done == 0 else "none"


def readable_roots(exclude: Path) -> list[Path]:
    """The interpreter, its packages and the system's libraries; never a root that holds `exclude`."""
    system = [
        "/usr",
        "/lib",
        "/lib64",
        "/bin",
        "/etc",
        "/dev",
        "/proc/self",
        "/proc/cpuinfo",
        "/proc/meminfo",
    ]
    roots = [Path(p) for p in [*system, "/sys/devices/system", sys.prefix, sys.base_prefix, *sys.path] if p]
    exclude = exclude.resolve()
    return [p for p in roots if p.exists() and not exclude.is_relative_to(p.resolve())]


def _allow(libc: ctypes.CDLL, ruleset: int, path: Path, bits: int) -> None:
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    if not path.is_dir():
        bits &= _EXECUTE | (1 << 1) | (1 << 2) | _TRUNCATE | _IOCTL
    rule = _PathBeneath(bits, fd)
    libc.syscall(_SYS_ADD, ruleset, 1, ctypes.byref(rule), 0)
    os.close(fd)
