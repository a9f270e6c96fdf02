"""The command line of `check load`: its arguments, and the request they make."""

from __future__ import annotations

import argparse
import os
from typing import Any


def add_parser(family: Any, common: argparse.ArgumentParser) -> None:
    text = "load a checkpoint's headers at full size, without weights"
    load = family.add_parser("load", help=text, parents=[common])
    load.add_argument("source", help="a folder: config.json and model*.safetensors, whole or headers alone")
    load.add_argument("--model-type", help="default: the config's")
    load.add_argument("--port", help="the port's file; default: mlx-lm's own")


def target(options: argparse.Namespace) -> dict[str, Any]:
    return {
        "checkpoint": os.path.abspath(options.source),
        "model_type": options.model_type,
        "port_path": os.path.abspath(options.port) if options.port else None,
    }
