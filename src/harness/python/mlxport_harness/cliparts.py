"""What the command lines of the families share: flags, and the request they make."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse


def common(parser: argparse.ArgumentParser, strategies: dict[str, Any], timeout: float = 600.0) -> None:
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--timeout", type=float, default=timeout, help="seconds for the whole run")
    parser.add_argument("--mem-mb", type=int, default=8192, help="memory the port may use")
    parser.add_argument("--cache-dir", default=None)
    parser.add_argument("--run-dir", default=None)
    parser.add_argument("--strategy", **strategies)


def request(options: argparse.Namespace, scratch: str, family: str, params: dict[str, Any]) -> dict[str, Any]:
    """One run of a family on `options.model_type`, `config` and `port`, as far as they are there."""
    configs = getattr(options, "config", None) or []
    configs = [configs] if isinstance(configs, str) else configs
    port = getattr(options, "port", None)
    target = {
        "model_type": options.model_type,
        "config": [os.path.abspath(c) for c in configs],
        "port_path": os.path.abspath(port) if port else None,
    }
    return {
        "id": "cli",
        "op": "run",
        "check": family,
        "target": target,
        "seed": options.seed,
        "params": params,
        "timeout_s": options.timeout,
        "mem_mb": options.mem_mb,
        "run_dir": os.path.abspath(options.run_dir or Path(scratch, "run")),
        "cache_dir": os.path.abspath(options.cache_dir or Path(scratch, "cache")),
    }
