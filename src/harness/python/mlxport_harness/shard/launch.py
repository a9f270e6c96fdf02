"""The child that runs mlx.launch, and mlx.launch itself under a death signal.

Everything stays in the child's process group, so that killing the group leaves no rank behind; and each dies
with the one that started it, should this worker be killed.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from mlxport_harness import isolate, states

FIRST_PORT, LAST_PORT = 21000, 60000


def serve(job: dict[str, Any], emit: Any, commands: Any) -> None:
    """Answers each request, one launch, with the arrays of every rank under `<rank>:<name>`."""
    emit({"ready": True})
    for number, line in enumerate(commands):
        request = json.loads(line)
        began = time.perf_counter()
        arrays, meta = _launch(job, request)
        name = f"{number}.bin"
        states.save(Path(job["out_dir"]) / name, arrays, meta)
        emit({"file": name, "seconds": time.perf_counter() - began})


def _launch(job: dict[str, Any], request: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    folder = Path(job["out_dir"]) / f"{request['mode']}-{request['processes']}"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "tmp").mkdir(parents=True)
    path = folder / "job.json"
    hostfile = request.get("hostfile")
    backend = request.get("backend") or "ring"
    shared = {k: job[k] for k in ("port_path", "checkpoint", "ids", "mem_mb")}
    shared |= {"mode": request["mode"], "out_dir": str(folder), "backend": backend, "local": hostfile is None}
    path.write_text(json.dumps(shared))
    package = str(Path(__file__).parents[2])
    options = ["--backend", backend, "--env", f"PYTHONPATH={package}"]
    if hostfile is None:
        processes = request["processes"]
        options += ["-n", str(processes), "--starting-port", str(free_ports(processes))]
    else:
        options += ["--hostfile", hostfile]
    command = [sys.executable, "-m", "mlxport_harness.shard.launch", *options, "--"]
    command += [sys.executable, "-m", "mlxport_harness.shard.rank", str(path)]
    environment = {k: v for k, v in os.environ.items() if k not in ("MLX_HOSTFILE", "MLX_RANK")}
    environment |= {"PYTHONPATH": package, "TMPDIR": str(folder / "tmp")}
    log = folder / "launch.log"
    with open(log, "wb") as out:
        # Its stdin must stay open and silent: mlx.launch reads it, and spins on one that is closed.
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=out, stderr=subprocess.STDOUT, env=environment
        )
        status = process.wait()
    return _gather(folder, status, log)


def _gather(folder: Path, status: int, log: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    arrays: dict[str, Any] = {}
    notes, faults = {}, {}
    for one in sorted(p for p in folder.iterdir() if p.name.isdigit()):
        if (one / "logits.bin").exists():
            found, notes[one.name] = states.load(one / "logits.bin")
            arrays |= {f"{one.name}:{k}": v for k, v in found.items()}
        if (one / "fault.json").exists():
            faults[one.name] = json.loads((one / "fault.json").read_text())
    text = log.read_bytes()[-4000:].decode(errors="replace")
    return arrays, {"status": status, "ranks": notes, "faults": faults, "log": text}


def free_ports(count: int) -> int:
    """The first of `count` neighbouring ports of the loopback that nothing listens on now."""
    first = FIRST_PORT + (os.getpid() * 37) % 20000
    for base in range(first, LAST_PORT, count):
        taken = []
        try:
            for port in range(base, base + count):
                one = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
                taken.append(one)
                one.bind(("127.0.0.1", port))
            return base
        except OSError:
            continue
        finally:
            for one in taken:
                one.close()
    raise OSError("no free ports on the loopback")


def main() -> None:
    isolate.die_with_parent(os.getppid())
    from mlx._distributed_utils.launch import main as launch

    launch()


if __name__ == "__main__":
    main()
