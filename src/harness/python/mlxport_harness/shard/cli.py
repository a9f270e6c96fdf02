"""`check shard MODEL`: flags and the request they make."""

from __future__ import annotations

import argparse
import os
from typing import Any

from mlxport_harness import cliparts


def add(families: Any, strategies: dict[str, Any]) -> None:
    parser = families.add_parser("shard", help="the port over several processes against one")
    parser.add_argument("model_type")
    parser.add_argument("--port", help="the port's file; default: mlx-lm's own")
    parser.add_argument("--config", action="append", default=[], help="a config.json")
    parser.add_argument("--processes", type=_numbers, default=[2, 4], help="how many, by commas; default 2,4")
    parser.add_argument("--hostfile", help="hosts of a real cluster, handed to mlx.launch")
    cliparts.common(parser, strategies)
    parser.set_defaults(request=request)


def request(options: argparse.Namespace, scratch: str) -> dict[str, Any]:
    hostfile = os.path.abspath(options.hostfile) if options.hostfile else None
    params = {"processes": options.processes, "hostfile": hostfile}
    return cliparts.request(options, scratch, "shard", params)


def _numbers(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not numbers separated by commas") from None
