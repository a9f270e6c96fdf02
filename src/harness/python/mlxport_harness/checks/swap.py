"""H4 `swap`: every module of the port alone, on the input that the reference's module got.

A fault upstream cannot hide one downstream here, nor can a neighbour's be taken for it. Named is the
innermost module that is wrong; one around it only if it stays wrong with the named ones replaced by the
reference's outputs. A module inside one that is right counts as right. One that is off by a factor alone is
left to the module around it, for scales may sit elsewhere on one side. The port's process for this is its
own and is thrown away, because it gets to see the reference's activations.
"""

from __future__ import annotations

import math
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np

from mlxport_harness import states
from mlxport_harness.checks import Check
from mlxport_harness.checks.exact import BARS, relative
from mlxport_harness.checks.locate import LAYER, pair
from mlxport_harness.checks.verdict import FLOOR_PASS, by_floor, record
from mlxport_harness.errors import PortFault
from mlxport_harness.stagechild import StageChild
from mlxport_harness.view import STD_005, STD_1, slug

if TYPE_CHECKING:
    from mlxport_harness.view import View

CHECK = Check(
    "swap",
    "swap",
    "slow",
    "figure",
    "each ≤ 10 × its own floor or ≤ bar; names modules, decides nothing by itself",
    "each module alone, fed the reference's input: every one that is wrong, in both sources",
)
TOP = ""  # the whole model, from token ids to logits
FACTOR = 1e-3  # a factor nearer to 1 is none
Arrays = dict[str, np.ndarray]


class Alone:
    """The port's process for this check. What it is given lies in its own folder, removed at the end."""

    def __init__(self, view: View) -> None:
        self.view, self.seconds = view, 0.0
        job = {"role": "port", "port_path": str(view.target.port_path), "twin_dir": str(view.twin_dir)}
        job["ids"] = view.meta["ids"]
        self.child = StageChild(view.run, job, view.run.run_dir / "swap", "port")

    def ask(self, twin: str, given: Arrays | None = None, **params: Any) -> tuple[Arrays, dict[str, Any]]:
        if given is not None:
            params["inputs"] = "inputs.bin"
            states.save(self.child.out_dir / "inputs.bin", given, {})
        params |= {"twin": slug(twin), "spelling": self.view.spelling}
        arrays, meta, seconds = self.child.ask("swap", self.view.limit, **params)
        self.seconds += seconds
        return arrays, meta

    def close(self) -> None:
        self.child.close()
        shutil.rmtree(self.child.out_dir, ignore_errors=True)


class Swap:
    """One twin. Names are the reference's."""

    def __init__(self, alone: Alone, twin: str, reference: tuple[Arrays, dict[str, Any]]) -> None:
        self.alone, self.twin, (self.ref, self.meta) = alone, twin, reference
        self.rows: dict[str, Any] = self.meta["modules"]
        self.errors: dict[str, float] = {}
        self.factors: dict[str, float] = {}
        self.made_up: set[str] = set()  # modules off by a factor that something around makes up for
        self.rest: dict[str, float] = {}  # error of a module with the named ones inside it put right
        self.skipped: dict[str, str] = {}
        own, notes = alone.ask(twin)
        self.port_rows, self.top = notes["modules"], notes["top"]
        self.pairs = pair(self.rows, self.port_rows)
        whole = {n for n, p in self.pairs.items() if p in set(notes["whole"])}
        self.whole = whole | {TOP}
        self._judge(TOP, own["logits"])
        for name in whole:
            self._judge(name, own.get(f"out:{self.pairs[name]}"))
        self._feed({n: self.ref[f"in:{n}"] for n in self._feedable()})

    def _feedable(self) -> list[str]:
        found = []
        for name in self.rows:
            if name in self.whole:
                continue
            if not self.pairs[name]:
                self.skipped[name] = "the port has no module of this path"
            elif f"in:{name}" not in self.ref or f"out:{name}" not in self.ref:
                self.skipped[name] = "the reference's input or output is not an array of floats"
            elif self.pairs[name] not in self.port_rows:
                self.skipped[name] = "the port does not call it"
            else:
                found.append(name)
        return found

    def _feed(self, inputs: Arrays) -> None:
        """On the reference's input; and where the port hands on a multiple of it, on that multiple too."""
        back = {self.pairs[n]: n for n in inputs}
        arrays, notes = self.alone.ask(self.twin, {f"in:{self.pairs[n]}": v for n, v in inputs.items()})
        self.skipped |= {back[p]: str(why) for p, why in notes["skipped"].items() if p in back}
        scaled = {}
        for port, name in back.items():
            self._judge(name, arrays.get(f"out:{port}"))
            seen = arrays.get(f"seen:{port}")
            factor = multiple(inputs[name], seen, self._limit(name)) if seen is not None else None
            if factor and abs(factor - 1) > FACTOR:
                scaled[f"in:{port}"] = (inputs[name] / np.float32(factor)).astype(np.float32)
        if scaled:
            arrays, _ = self.alone.ask(self.twin, scaled)
            for key in scaled:
                self._judge(back[key[3:]], arrays.get(f"out:{key[3:]}"))

    def _judge(self, name: str, found: np.ndarray | None) -> None:
        """Keeps the smaller error where a module is tried twice."""
        wanted = self.ref.get(key(name))
        if found is None or wanted is None:
            self.skipped.setdefault(name, "it gives no array of floats")
            return
        if [d for d in found.shape if d > 1] != [d for d in wanted.shape if d > 1]:
            text = f"its output is {list(found.shape)}, the reference's {list(wanted.shape)}"
            self.skipped.setdefault(name, text)
            return
        found = found.reshape(wanted.shape)
        error = relative(found, wanted)
        error = error if math.isfinite(error) else math.inf
        if error < self.errors.get(name, math.inf) or name not in self.errors:
            self.errors[name] = error
            self.factors.pop(name, None)
            factor = multiple(found, wanted, self._limit(name))
            if name != TOP and factor and abs(factor - 1) > FACTOR and self.wrong(name):
                self.factors[name] = factor

    def _limit(self, name: str) -> float:
        return max(BARS[self.twin][0], FLOOR_PASS * self.meta["floors"].get(f"out:{name}", 0.0))

    def wrong(self, name: str) -> bool:
        if name == TOP:
            return by_floor(self.errors[TOP], self.meta["floor"], BARS[self.twin]) != "pass"
        return not self.errors[name] <= self._limit(name)

    def named(self) -> list[str]:
        """The modules that are wrong by themselves, in order of execution."""
        found: list[str] = []
        for name in sorted(self.errors, key=lambda n: (-depth(n), self._end(n))):
            if not self.wrong(name) or name in self.factors or self._healed(name):
                continue
            inner = [n for n in found if inside(n, name)]
            factors = [n for n in self.open_factors() if inside(n, name)]
            if inner:
                if not self._stays_wrong(name, inner, factors):
                    self.made_up.update(factors)
                elif not factors:
                    found.append(name)
            else:
                found.append(factors[0] if len(factors) == 1 else name)
        return sorted(found, key=self._end)

    def open_factors(self) -> list[str]:
        """Modules off by a factor that nothing around them is seen to make up for."""
        return [n for n in self.factors if n not in self.made_up and not self._healed(n)]

    def _healed(self, name: str) -> bool:
        """Something around it is right, but for a factor at most: what differs inside comes to the same."""
        return any(not self.wrong(n) or n in self.factors for n in self.errors if inside(name, n))

    def _stays_wrong(self, name: str, inner: list[str], factors: list[str]) -> bool:
        """With the reference's outputs for the modules that are named, and a moved scale left where it is."""
        given = {f"patch:{self.pairs[n]}": self.ref[f"out:{n}"] for n in inner}
        for one in factors:
            value = self.ref[f"out:{one}"] * np.float32(self.factors[one])
            given[f"patch:{self.pairs[one]}"] = value.astype(np.float32)
        if name in self.whole:
            arrays, _ = self.alone.ask(self.twin, given, whole=True)
        else:
            given[f"in:{self.pairs[name]}"] = self.ref[f"in:{name}"]
            arrays, _ = self.alone.ask(self.twin, given)
        found, wanted = arrays.get(key(name if name == TOP else self.pairs[name])), self.ref[key(name)]
        if found is None or found.size != wanted.size:
            return False
        error = relative(found.reshape(wanted.shape), wanted)
        floor = self.meta["floor"] if name == TOP else self.meta["floors"].get(f"out:{name}", 0.0)
        self.rest[name] = error
        return not error <= max(BARS[self.twin][0], FLOOR_PASS * floor)

    def _end(self, name: str) -> float:
        return math.inf if name == TOP else self.rows[name]["end"]

    def place(self, name: str) -> dict[str, Any]:
        if name == TOP:
            return {"module": "Model", "reference": None, "port": self.top["where"]}
        port = self.port_rows[self.pairs[name]]["where"]
        return {"module": name, "reference": self.rows[name]["where"], "port": port}

    def finding(self, name: str) -> dict[str, str]:
        place, error = self.place(name), self.errors[name]
        where = ", ".join(f"{side} {place[side]}" for side in ("reference", "port") if place[side])
        text = f"wrong alone: {place['module']} ({where}), {error:.2g}"
        if name in self.factors:
            text += f": it differs by the factor {self.factors[name]:.4g} only"
        inner = [n for n in self.errors if inside(n, name)]
        if name in self.rest:
            text += f"; still {self.rest[name]:.2g} with the outputs of those named inside it put right"
        elif inner and not any(self.wrong(n) for n in inner):
            text += "; its parts are right: the fault is between them"
        return {"id": "wrong_alone", "text": text, "key": place["module"]}

    def result(self) -> dict[str, Any]:
        named, fed = self.named(), [n for n in self.errors if n not in self.whole]
        fed.sort(key=self._end)
        if not fed:
            text = "No module with an input of its own has the same path on both sides."
            findings = [{"id": "unpaired", "text": text}]
        else:
            findings = [self.finding(name) for name in named[:40]]
            rest = [f"{n} × {self.factors[n]:.4g}" for n in self.open_factors() if n not in named]
            if named and rest:
                text = (
                    f"Off by a factor alone, which something around may make up for: {', '.join(rest[:12])}"
                )
                findings.append(
                    {"id": "factor", "text": text + (" …" if len(rest) > 12 else ""), "key": rest[0]}
                )
        errors = {n: e if math.isfinite(e) else None for n, e in self.errors.items()}
        layers = [n for n in fed if LAYER.search(n)]
        worst = max((self.errors[n] for n in (named or fed)), default=None)
        return record(
            "swap",
            self.twin,
            "not_exercised" if not fed else "suspect" if named else "pass",
            figure=worst if worst is not None and math.isfinite(worst) else None,
            unit="relative",
            bar=BARS[self.twin][0],
            metric="largest relative error of a module that is wrong alone"
            if named
            else "largest relative error of a module alone",
            seconds=self.alone.seconds,
            first_divergence=self.place(named[0]) if named and fed else None,
            findings=findings,
            modules=[[n, errors[n]] for n in fed],
            series=[[n, errors[n]] for n in (layers or fed)],
            factors=[[n, self.factors[n]] for n in fed if n in self.factors],
            not_judged=[[n, why] for n, why in self.skipped.items() if n not in self.errors],
        )


def run(view: View) -> list[dict[str, Any]]:
    """On std 1.0; where nothing is wrong there, on std 0.05, which shows what large inputs drown."""
    try:
        alone = Alone(view)
        try:
            found = Swap(alone, STD_1, view.exact_reference(STD_1)).result()
            if found["verdict"] == "pass":
                other = Swap(alone, STD_005, view.exact_reference(STD_005)).result()
                found = other if other["verdict"] == "suspect" else found
        finally:
            alone.close()
    except PortFault as fault:
        text = f"The modules could not be run alone: {fault.text}"
        return [record("swap", STD_1, "not_exercised", findings=[{"id": "port", "text": text}])]
    return [found]


def multiple(one: np.ndarray, other: np.ndarray, limit: float) -> float | None:
    """The factor by which `one` is `other`, or None where it is no multiple of it."""
    if one.size != other.size:
        return None
    left, right = one.astype(np.float64).ravel(), other.astype(np.float64).ravel()
    size = float(np.square(right).sum())
    factor = float((left * right).sum()) / size if size > 0 else 0.0
    if not math.isfinite(factor) or factor == 0:
        return None
    return factor if relative(left / factor, right) <= limit else None


def key(name: str) -> str:
    return "logits" if name == TOP else f"out:{name}"


def depth(name: str) -> int:
    return -1 if name == TOP else name.count(".")


def inside(name: str, other: str) -> bool:
    return name != other and (other == TOP or name.startswith(f"{other}."))
