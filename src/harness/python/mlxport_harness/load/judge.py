"""Accounts for every source tensor and every parameter of a recorded load. Pure: no files, no frameworks."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from mlxport_harness.checks.verdict import record
from mlxport_harness.load.headers import Headers
from mlxport_harness.load.lineage import UNKNOWN
from mlxport_harness.load.rules import Rules, layer_of, stars

SHOWN = 12
FLOATS = {"float16", "bfloat16", "float32", "float64"}
WIDTH = {"bool": 1, "uint8": 1, "int8": 1, "uint16": 2, "int16": 2, "uint32": 4, "int32": 4, "uint64": 8,
         "int64": 8, "float16": 2, "bfloat16": 2, "float32": 4, "complex64": 8}  # fmt: skip
METRIC = "source tensors and parameters not accounted for"


class Known:
    """What the headers alone say, made ready while the port works."""

    def __init__(self, headers: Headers) -> None:
        self.headers = headers
        self.tensors = dict(zip(headers.names, zip(headers.dtypes, headers.shapes, strict=True), strict=True))
        self.stars = stars("\n".join(headers.names)).split("\n")  # at once: a third of the time
        if len(self.stars) != len(headers.names):
            self.stars = [stars(name) for name in headers.names]
        self.layers = [layer_of(name) for name in headers.names]


@dataclass
class Fault:
    """A reason to fail: what, how often, and where, as short as it can be said."""

    id: str
    text: str
    count: int


def judge(account: Account, seconds: float) -> dict[str, Any]:
    """The record of `load`."""
    meta = account.meta
    faults, findings = account.faults(), account.notes()
    findings = [{"id": f.id, "text": f.text} for f in faults] + findings
    common = account.figures() | {"seconds": seconds, "unit": "tensors", "bar": 0, "metric": METRIC}
    fault = meta.get("fault")
    if fault and fault.get("value_dependent"):
        where = fault["value_dependent"]
        text = f"{fault['step']} asks for the value of a source tensor at {where}: without weights that "
        text += "cannot be judged at full size; `sanitize` settles it on a twin."
        findings.insert(0, {"id": "value_dependent", "text": text, "key": where})
        return record("load", "headers", "not_exercised", findings=findings, **common)
    error = None
    if fault:
        text = f"{fault['text']} at {fault['where']}" if fault.get("where") else fault["text"]
        step = STEPS.get(fault["step"], fault["step"])
        error = {"kind": "port", "text": f"{step}: {text}", "hint": fault.get("hint") or ""}
    if error and fault["step"] == "load" and faults:
        error = None  # the strict load's own words say less than ours
    if faults and not error:
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        error = {"kind": "port", "text": faults[0].text + more, "hint": HINTS.get(faults[0].id, "")}
    count = sum(f.count for f in faults) + (1 if fault and not faults else 0)
    verdict = "fail" if error else "suspect" if account.crossed else "pass"
    return record("load", "headers", verdict, figure=count, findings=findings, error=error, **common)


STEPS = {"model": "Building the model", "sanitize": "sanitize", "quantize": "Quantizing as the config says"}
STEPS |= {"load": "The strict load"}
HINTS = {
    "missing": "Rename or split the tensor in sanitize, or give the module its name in the checkpoint.",
    "unexpected": "Drop it in sanitize by its exact name, or add the module that it belongs to.",
    "lost": "Use the tensor, or drop it for a reason: see docs/HARNESS.md for the reasons that are known.",
    "scale": "Multiply the weight by its scale in sanitize, as upstream's ports of fp8 checkpoints do.",
    "mismatch": "Compare the width in ModelArgs with the config, and the axis order with the checkpoint.",
    "initial": "Make sanitize give the tensor from the checkpoint.",
    "packed": "Dequantize in sanitize, or quantize the module as the config says.",
}


class Account:
    """Joins the three lists: the checkpoint's tensors, what sanitize gave, the parameters to fill."""

    def __init__(
        self, known: Known, config: dict[str, Any], arrays: dict[str, np.ndarray], meta: dict[str, Any]
    ) -> None:
        headers = known.headers
        self.headers, self.known, self.meta, self.reached = headers, known, meta, meta["reached"]
        sources = headers.names
        self.given = {str(n): (str(d), [int(x) for x in s]) for n, d, s in meta["given"]}
        self.expected = {str(n): (str(d), [int(x) for x in s]) for n, d, s in meta["expected"]}
        sizes, flat = arrays["sizes"], arrays["sources"]
        if len(sizes) != len(meta["given"]) or int(sizes.sum()) != len(flat) or (flat >= len(sources)).any():
            raise ValueError("the lineage does not fit the list of parameters")
        self.made_of: dict[str, list[int]] = {}
        at = 0
        for (name, _, _), size in zip(meta["given"], sizes.tolist(), strict=True):
            self.made_of[name] = flat[at : at + size].tolist()
            at += size
        use = Counter(flat[flat >= 0].tolist())
        self.uses = use
        used = {sources[n] for n in use}
        self.unused = [n for n in range(len(sources)) if n not in use]
        self.rules = Rules(config, known.tensors, used)
        self.dropped: dict[tuple[str, bool], list[str]] = defaultdict(list)
        self.patterns: dict[str, Counter[str]] = defaultdict(Counter)
        for number in self.unused:
            reason = self.rules.why(sources[number])
            rule, fault = (reason.rule, reason.fault) if reason else ("", True)
            self.dropped[(rule, fault)].append(sources[number])
            pattern = reason.grouped if reason and reason.grouped else known.stars[number]
            self.patterns[rule][pattern] += 1

    def faults(self) -> list[Fault]:
        if self.reached in ("model", "sanitize"):
            return []
        found = []
        missing = [n for n in self.expected if n not in self.given]
        unexpected = [n for n in self.given if n not in self.expected]
        if missing:
            found.append(_fault("missing", missing, "{} got no tensor", "parameter"))
        if unexpected:
            found.append(
                _fault(
                    "unexpected", unexpected, "{} given to the strict load that no parameter has", "tensor"
                )
            )
        both = [n for n in self.given if n in self.expected]
        shapes = [n for n in both if self.given[n][1] != self.expected[n][1]]
        if shapes:
            one = shapes[0]
            detail = f"{one} is {self.given[one][1]}, the model has {self.expected[one][1]}"
            found.append(_fault("mismatch", shapes, "{} of another shape: " + detail, "parameter"))
        packed = [n for n in both if self.expected[n][0] in FLOATS and self.given[n][0] not in FLOATS]
        if packed:
            kind = self.given[packed[0]][0]
            found.append(
                _fault("packed", packed, "{} filled with raw " + kind + " where numbers belong", "parameter")
            )
        made_up = [
            n for n in both if not any(s >= 0 for s in self.made_of[n]) and not self._origin_unknown(n)
        ]
        if not (missing or unexpected or shapes or self.meta.get("fault")):
            made_up += [n for n in self.meta.get("unplaced", []) if n in self.expected]
        if made_up:
            how = "{} left at the initial value, or made up by sanitize: no source tensor went in"
            found.append(_fault("initial", made_up, how, "parameter"))
        for (rule, fault), names in self.dropped.items():
            if fault:
                why = f": {rule}" if rule else " without a reason that is known"
                kind = "scale" if rule else "lost"
                found.append(_fault(kind, names, "{} dropped" + why, "tensor", self.patterns[rule]))
        return found

    def notes(self) -> list[dict[str, Any]]:
        found = []
        if self.reached not in ("model", "sanitize"):
            for (rule, fault), names in self.dropped.items():
                if not fault:
                    found.append({"id": "dropped", "text": f"{_many(len(names), 'tensor')} dropped: "
                                  f"{_list(self.patterns[rule])} ({rule})."})  # fmt: skip
        crossed = self.crossed
        if crossed:
            text = f"{_many(len(crossed), 'parameter')} made of another layer's tensors: {crossed[0]}."
            found.append({"id": "crossed", "text": text})
        unknown = [n for n in self.made_of if self._origin_unknown(n)]
        if unknown:
            found.append(
                {
                    "id": "unknown",
                    "text": f"{_many(len(unknown), 'parameter')} of unknown origin: {unknown[0]}.",
                }
            )
        for where in self.meta.get("evaluated", []):
            text = f"sanitize evaluates source tensors at {where}: at full size that allocates them. Skipped."
            found.append({"id": "evaluates", "text": text, "key": str(where)})
        if not self.meta.get("poison", True):
            text = "This mlx evaluates what the check takes for unevaluable: value dependence goes unseen."
            found.append({"id": "trap", "text": text})
        if self.headers.header_only:
            text = f"{_many(self.headers.header_only, 'file')} of headers alone: no weights were read."
            found.append({"id": "headers", "text": text})
        return found

    @cached_property
    def crossed(self) -> list[str]:
        """Parameters of layer i made of tensors of layer j alone; layers beyond the model's are not meant."""
        found, layers, last = [], self.known.layers, self.rules.layers or math.inf
        for name, sources in self.made_of.items():
            own = layer_of(name)
            if own is None:
                continue
            others = {layers[n] for n in sources if n >= 0}
            if others and None not in others and own not in others and max(others) < last:
                found.append(f"{name} from layer {sorted(others)[0]}")
        return found

    def figures(self) -> dict[str, Any]:
        dtypes: Counter[str] = Counter()
        size = 0
        for kind, shape in self.given.values():
            dtypes[kind] += 1
            size += math.prod(shape) * WIDTH.get(kind, 4)
        stored = Counter(self.headers.dtypes)
        return {
            "tensors": len(self.headers.names),
            "files": len(self.headers.files),
            "consumed": len(self.uses),
            "shared": sum(1 for n in self.uses.values() if n > 1),
            "dropped": sum(len(names) for names in self.dropped.values()),
            "parameters": len(self.expected),
            "source_dtypes": dict(stored.most_common()),
            "dtypes": dict(dtypes.most_common()),
            "source_bytes": self.headers.bytes,
            "bytes": size,
            "rows": self.rows(),
            "times": {str(k): float(v) for k, v in self.meta.get("times", {}).items()},
            "cpu_seconds": float(self.meta.get("cpu_seconds", 0)),
            "peak_mlx_bytes": int(self.meta.get("peak_mlx_bytes", 0)),
            "peak_rss_mb": float(self.meta.get("peak_rss_mb", 0)),
            "rss_growth_mb": float(self.meta.get("rss_growth_mb", 0)),
        }

    def rows(self, most: int = 200) -> list[dict[str, Any]]:
        """What becomes of what, modulo layer and expert index: for a screen, and for a person to read."""
        short, by_target = self.known.stars, defaultdict(Counter)
        for target, sources in self.made_of.items():
            by_target[stars(target)].update([short[n] for n in sources if n >= 0])
        rows = [{"source": s, "parameter": t, "count": n} for t, c in by_target.items() for s, n in c.items()]
        dropped = Counter(short[n] for n in self.unused)
        rows += [{"source": s, "parameter": None, "count": n} for s, n in dropped.items()]
        return rows[:most]

    def table(self) -> Iterable[str]:
        """Every source tensor with what it is used for, one tab-separated line each."""
        targets: dict[int, list[str]] = defaultdict(list)
        for name, sources in self.made_of.items():
            for number in sources:
                targets[number].append(name)
        for number, name in enumerate(self.headers.names):
            reason = None if number in targets else self.rules.why(name)
            what = (
                ", ".join(targets.get(number, []))
                or f"dropped: {reason.rule if reason else 'no reason known'}"
            )
            yield f"{name}\t{self.headers.dtypes[number]}\t{self.headers.shapes[number]}\t{what}\n"

    def _origin_unknown(self, name: str) -> bool:
        return UNKNOWN in self.made_of[name]


def _fault(kind: str, names: list[str], how: str, noun: str, patterns: Counter[str] | None = None) -> Fault:
    patterns = patterns or Counter(stars(n) for n in names)
    text = how.format(_many(len(names), noun))
    return Fault(kind, f"{text}: {names[0] if len(names) == 1 else _list(patterns)}.", len(names))


def _list(patterns: Counter[str]) -> str:
    shown = [f"{p} ({n})" if n > 1 and len(patterns) > 1 else p for p, n in patterns.most_common(SHOWN)]
    more = len(patterns) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
