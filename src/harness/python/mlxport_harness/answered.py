"""What a command line says at its end: records as rows, figures, or why there are none; and the exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mlxport_harness.errors import Failure
from mlxport_harness.wire import write_line

if TYPE_CHECKING:
    import argparse

Found = dict[str, Any]


def run(
    out: int, options: argparse.Namespace, final: Found, extra: Callable[[Found], list[str]] | None = None
) -> int:
    """A finished run: 0 pass, 1 fail or suspect, 2 could not run. `extra`: lines after the rows."""
    if final["type"] != "done":
        return failed(out, options, {k: final.get(k, "") for k in ("kind", "text", "hint")})
    result = final["result"]
    if options.json:
        write_line(out, result)
    else:
        rows = [line for check in result["checks"] for line in lines(check)]
        say(out, [*rows, *(extra or verdict)(result)])
    return {"pass": 0, "could_not_run": 2}.get(result["verdict"], 1)


def bench(
    out: int,
    options: argparse.Namespace,
    measured: Callable[[], tuple[Found, str]],
    code: Callable[[Found], int] = lambda found: 0,
) -> int:
    """Figures, as one object or as text; 2 where they could not be had."""
    try:
        found, text = measured()
    except Failure as failure:
        return failed(out, options, failure.record())
    if options.json:
        write_line(out, found)
    else:
        say(out, [text.rstrip("\n")])
    return code(found)


def failed(out: int, options: argparse.Namespace, error: Found) -> int:
    if options.json:
        empty = {"schema": 1, "run_id": "cli", "model_type": getattr(options, "model_type", None)}
        empty |= {"variant": None, "verdict": "could_not_run", "checks": [], "environment": {}}
        write_line(out, {**empty, "error": error})
    print(f"{error['kind']}: {error['text']}\n{error['hint']}".rstrip(), file=sys.stderr)
    return 2


def verdict(result: Found) -> list[str]:
    return [f"verdict: {result['verdict']}  {result['model_type']}, {result['variant']}"]


def lines(check: Found) -> list[str]:
    """A record: the row, then its error, its place and its findings."""
    figure = f"{check['figure']:.3g}" if isinstance(check["figure"], (int, float)) else "–"
    bar = f"  bar {check['bar']:g}" if check["bar"] is not None else ""
    floor = f"  floor {check['floor']:.2g}" if check.get("floor") else ""
    upstream = (check.get("upstream") or {}).get("verdict")
    told = f"  upstream: {upstream}" if upstream else ""
    head = f"{check['id']:13} {check['twin']:10} {check['verdict']:14} {figure:>9} {check['unit']}"
    rows = [f"{head}{bar}{floor}{told}".rstrip()]
    if check["error"]:
        rows.append(f"    {check['error']['text']}")
    if check["first_divergence"]:
        place = check["first_divergence"]
        rows.append(f"    first divergence: {place['module']}  {place['reference']}  {place['port']}")
    return rows + [f"    finding: {finding['text']}" for finding in check["findings"]]


def say(out: int, text: list[str]) -> None:
    os.write(out, "".join(f"{line}\n" for line in text).encode())
