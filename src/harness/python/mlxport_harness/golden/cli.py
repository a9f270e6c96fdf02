"""`golden write MODEL|CHECKPOINT -o PACK` and `golden check PACK`: flags and the requests they make."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from mlxport_harness import cliparts

if TYPE_CHECKING:
    import argparse


def add(commands: Any, strategies: dict[str, Any]) -> None:
    golden = commands.add_parser("golden", help="golden packs: the reference's numbers in a file")
    actions = golden.add_subparsers(dest="action", required=True)
    write = actions.add_parser("write", help="write a pack from the reference; needs torch")
    write.add_argument("source", help="a model_type, or a checkpoint's folder")
    write.add_argument("-o", "--output", required=True, help="the pack to write")
    write.add_argument("--config", action="append", default=[], help="a config.json for the twin")
    check = actions.add_parser("check", help="check a port against a pack; needs no torch")
    check.add_argument("pack")
    check.add_argument("--port", help="the port's file; default: mlx-lm's own")
    check.add_argument("--checkpoint", help="the folder of the checkpoint that the pack is of")
    for parser in (write, check):
        cliparts.common(parser, strategies, 1800.0)
        parser.set_defaults(request=request, family="golden", model_type=None)


def request(options: argparse.Namespace, scratch: str) -> dict[str, Any]:
    if options.action == "check":
        checkpoint = os.path.abspath(options.checkpoint) if options.checkpoint else None
        params = {"action": "check", "pack": os.path.abspath(options.pack), "checkpoint": checkpoint}
        return cliparts.request(options, scratch, "golden", params)
    folder = os.path.isdir(options.source)
    params = {"action": "write", "pack": os.path.abspath(options.output)}
    params["checkpoint"] = os.path.abspath(options.source) if folder else None
    options.model_type = None if folder else options.source
    return cliparts.request(options, scratch, "golden", params)
