"""A small client of the worker's protocol, for tests: one request, all its messages."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "harness" / "python"
PORTS = Path(__file__).parent / "ports"
FINAL = ("done", "failed", "cancelled")
Message = dict[str, Any]


def environment() -> dict[str, str]:
    return dict(os.environ, PYTHONPATH=str(PACKAGE))


class Client:
    def __init__(self, folder: Path, strategy: str = "fork") -> None:
        self.folder, self.count, self.buffer = folder, 0, b""
        folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "mlxport_harness", "serve", "--strategy", strategy]
        with open(folder / "stderr.log", "w") as log:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=environment(),
                bufsize=0,
            )
        self.hello = self.read(120)

    def send(self, message: Message) -> None:
        self.process.stdin.write(json.dumps(message).encode() + b"\n")

    def read(self, seconds: float = 120) -> Message:
        """The next line, which must be one JSON object."""
        deadline = time.monotonic() + seconds
        while b"\n" not in self.buffer:
            left = deadline - time.monotonic()
            ready, _, _ = select.select([self.process.stdout], [], [], max(left, 0))
            assert ready, (
                f"no line within {seconds} s; stderr: {(self.folder / 'stderr.log').read_text()[-2000:]}"
            )
            data = os.read(self.process.stdout.fileno(), 1 << 16)
            assert data, f"the worker ended; stderr: {(self.folder / 'stderr.log').read_text()[-2000:]}"
            self.buffer += data
        line, _, self.buffer = self.buffer.partition(b"\n")
        message = json.loads(line)
        assert isinstance(message, dict)
        return message

    def start(self, model_type: str | None, port: Path | None = None, **fields: Any) -> str:
        self.count += 1
        name = f"r{self.count}"
        checks, config = fields.pop("checks", None), fields.pop("config", None)
        target = {"model_type": model_type, "config": config, "port_path": port and str(port)}
        target["port_sha"] = fields.pop("port_sha", None)
        target["reference_code"] = fields.pop("reference_code", None)
        request = {"id": name, "op": "run", "check": "twin", "target": target, "seed": 0}
        request |= {"params": {"checks": checks} if checks else {}, "timeout_s": 90, "mem_mb": 4096}
        request |= {
            "run_dir": str(self.folder / "runs" / name),
            "cache_dir": str(self.folder.parent / "cache"),
        }
        self.send(request | fields)
        return name

    def finish(self, name: str) -> list[Message]:
        messages = []
        while True:
            message = self.read()
            if message.get("id") == name:
                messages.append(message)
                if message["type"] in FINAL:
                    return messages

    def run(self, model_type: str | None, port: Path | None = None, **fields: Any) -> list[Message]:
        return self.finish(self.start(model_type, port, **fields))

    def close(self) -> int:
        if self.process.poll() is None:
            self.send({"op": "shutdown"})
        return self.process.wait(30)


def records(messages: list[Message]) -> dict[str, Message]:
    """The final result's check records by id, `exact` by twin."""
    final = messages[-1]
    assert final["type"] == "done", final
    return {f"{c['id']} {c['twin']}" if c["id"] == "exact" else c["id"]: c for c in final["result"]["checks"]}
