"""H4 `locate`: the first module whose input agrees and whose output does not.

Modules are paired by path. A divergence that heals (an embedding scaled inside on one side, outside on the
other) is skipped by starting at the last layer whose input still agrees. A leaf whose input already differs
points to the smallest enclosing module whose input agrees: between its parts lies the fault.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from mlxport_harness.checks import Check
from mlxport_harness.checks.exact import BARS, relative
from mlxport_harness.checks.verdict import FLOOR_PASS, record

CHECK = Check(
    "locate",
    "locate",
    "fast",
    "figure",
    "places the first divergence; decides nothing by itself",
    "the first module whose output differs, in both sources",
)
PREFIX = re.compile(r"^(language_model\.|model\.|transformer\.|backbone\.|gpt_neox\.|decoder\.)+")
LAYER = re.compile(r"(^|\.)(layers|h|blocks|block)\.\d+$")
STACK = re.compile(r"(^|\.)(layers|h|blocks|block)\.(\d+)(?=\.|$)")

Arrays = dict[str, np.ndarray]


def pair(rows: dict[str, dict], port_rows: dict[str, dict]) -> dict[str, str | None]:
    """The port's name of each of the reference's modules: the same path, whatever the model is wrapped in.

    The list of layers may go by another name on each side (`layers`, `h`, `blocks`).
    """
    exact = {PREFIX.sub("", name): name for name in port_rows}
    loose = {_loose(name): name for name in port_rows}
    return {n: n if n in port_rows else exact.get(PREFIX.sub("", n)) or loose.get(_loose(n)) for n in rows}


def _loose(name: str) -> str:
    return STACK.sub(r"\1layers.\3", PREFIX.sub("", name), count=1)


class Pairing:
    """Error of input and output of every module that both sides have, in the reference's order."""

    def __init__(self, twin: str, reference: tuple[Arrays, dict], port: tuple[Arrays, dict]) -> None:
        (self.ref, meta), (self.port, port_meta) = reference, port
        self.floors, self.bar = meta["floors"], BARS[twin][0]
        self.rows, self.port_rows = meta["modules"], port_meta["modules"]
        self.pairs = pair(self.rows, self.port_rows)
        self.order = sorted((n for n in self.rows if self.pairs[n]), key=lambda n: self.rows[n]["end"])
        self.inside = {n: self.error("in", n) for n in self.order}
        self.outside = {n: self.error("out", n) for n in self.order}

    def error(self, side: str, name: str) -> float | None:
        """None where there is nothing to compare."""
        one, other = self.port.get(f"{side}:{self.pairs[name]}"), self.ref.get(f"{side}:{name}")
        if one is None or other is None or one.size != other.size:
            return None
        if [d for d in one.shape if d > 1] != [d for d in other.shape if d > 1]:
            return None
        return relative(one.reshape(other.shape), other)

    def bad(self, side: str, name: str) -> bool | None:
        value = (self.inside if side == "in" else self.outside)[name]
        if value is None:
            return None
        return not value <= max(self.bar, FLOOR_PASS * self.floors.get(f"{side}:{name}", 0.0))

    def culprit(self) -> str | None:
        layers = sorted((n for n in self.order if LAYER.search(n)), key=lambda n: self.rows[n]["start"])
        agreed = [self.rows[n]["start"] for n in layers if self.bad("in", n) is False]
        since = max(agreed, default=0)
        for name in self.order:
            if self.rows[name]["end"] >= since and self.bad("out", name):
                return self._climb(name)
        return None

    def _climb(self, name: str) -> str:
        while self.bad("in", name) and "." in name:
            parent = name.rpartition(".")[0]
            while parent and parent not in self.inside:
                parent = parent.rpartition(".")[0]
            if not parent:
                return name
            name = parent
        return name


def judge(
    twin: str, reference: tuple[Arrays, dict], port: tuple[Arrays, dict], seconds: float
) -> dict[str, Any]:
    pairing = Pairing(twin, reference, port)
    name = pairing.culprit()
    compared = [n for n in pairing.order if pairing.outside[n] is not None]
    place = None
    if name:
        place = {"module": name, "reference": pairing.rows[name]["where"]}
        place["port"] = pairing.port_rows[pairing.pairs[name]]["where"]
    layers = [n for n in compared if LAYER.search(n)]
    verdict = "pass" if name is None else "suspect"
    return record(
        "locate",
        twin,
        verdict if compared else "not_exercised",
        figure=pairing.outside.get(name) if name else max((pairing.outside[n] for n in layers), default=None),
        unit="relative",
        bar=pairing.bar,
        metric="relative error of the first divergent module's output"
        if name
        else "largest relative error of a layer",
        seconds=seconds,
        first_divergence=place,
        series=[[n, pairing.outside[n]] for n in (layers or compared)],
        paired=len(compared),
        modules=len(pairing.rows),
    )
