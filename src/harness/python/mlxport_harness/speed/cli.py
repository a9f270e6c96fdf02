"""`check speed MODEL`: flags and the request they make."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlxport_harness import cliparts

if TYPE_CHECKING:
    import argparse


def add(families: Any, strategies: dict[str, Any]) -> None:
    parser = families.add_parser(
        "speed", help="prefill, decode and memory at full width, beside an accepted port"
    )
    parser.add_argument("model_type")
    parser.add_argument("--port", help="the port's file; default: mlx-lm's own")
    parser.add_argument("--config", action="append", default=[], help="a config.json; default: the class's")
    parser.add_argument("--against", help="the accepted port to measure beside; default: the nearest")
    parser.add_argument(
        "--budget-s", type=float, help="seconds it may take, start apart: fewer tokens and layers; default 60"
    )
    parser.add_argument("--prompt", type=int, help="tokens of the prompt; default up to 64")
    parser.add_argument("--decode", type=int, help="tokens decoded; default up to 16")
    parser.add_argument("--repeat", type=int, help="repetitions; default up to 3")
    cliparts.common(parser, strategies)
    parser.set_defaults(request=request)


def request(options: argparse.Namespace, scratch: str) -> dict[str, Any]:
    params = {k: getattr(options, k) for k in ("against", "budget_s", "prompt", "decode", "repeat")}
    return cliparts.request(options, scratch, "speed", params)
