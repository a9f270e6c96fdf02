"""Finds by trying what released files have and a twin of class defaults lacks: writes `found.json`.

`python -m mlxport_harness.twin.search [TYPE …]`, after another mlx-lm or transformers was pinned. An accepted
port loads released files; what it refuses of a twin, `proposals.py` answers, one piece after another, until
port and reference both run. No entry written by hand is used. A twin that both sides run is not changed by
what the figure says, except for a value that was guessed: the one under which the port comes closest is kept.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from mlxport_harness.twin import mends, portfacts, proposals, shrink
from mlxport_harness.twin.proposals import Refusal

Config = dict[str, Any]
FILE = Path(__file__).with_name("found.json")
STEPS, TRIES = 8, 12
# Tensors under each other's names put the logits further off than this; then a guess of names is dropped.
WRONG = 1e-2
ABOUT = (
    "Written by `python -m mlxport_harness.twin.search`: pieces of entries as in `types` of rules.json, "
    "found by trying, for types whose twin of defaults upstream's port does not load. `why`: what it refused."
)


class Outcome:
    """One run of a type: how far it came, in an order (`rank`), and what was said."""

    def __init__(self, final: Config, cache: Path) -> None:
        result = final.get("result") or {}
        self.rows = [c for c in result.get("checks", []) if c["id"] == "exact"]
        self.figures = [c["figure"] for c in self.rows if c["figure"] is not None]
        fit = (result.get("environment") or {}).get("fit") or {}
        errors = [c["error"]["text"] for c in self.rows if c["error"]]
        self.text = str(fit.get("error") or ("" if fit else next(iter(errors), final.get("text", ""))))
        self.refusal = Refusal(self.text, *(fit.get(k) or {} for k in ("missing", "extra", "shapes")))
        self.verdict = result.get("verdict", "could_not_run")
        meta = next(iter(cache.glob("*/twin/meta.json")), None)
        self.meta: Config = json.loads(meta.read_text()) if meta else {}
        spelled = [json.loads(p.read_text()) for p in cache.glob("*/twin/std-1.0/*/config.json")]
        inner = [config.get("text_config") or config for config in spelled]
        self.refusal.known = {key for config in inner for key in config}
        self.compared = len(self.figures) == 2

    @property
    def rank(self) -> tuple[int, float, float]:
        """More is further: reference refuses, keys lacking, port raises, names, shapes, figures."""
        off = self.refusal
        if self.compared:
            return (6, -("pass", "suspect", "fail").index(self.verdict), -max(self.figures))
        if off.missing or off.extra:
            return (4, -float(len(off.missing) + len(off.extra)), -float(len(off.shapes)))
        if off.shapes:
            return (5, -float(len(off.shapes)), 0.0)
        if not self.meta:
            return (0, 0.0, 0.0)
        lacking = proposals._LACKS.search(self.text)
        return (1, -float(lacking[1].count(",")), 0.0) if lacking else (2, 0.0, 0.0)


class Search:
    def __init__(self, worker: Any, model_type: str, port: Path) -> None:
        self.worker, self.model_type = worker, model_type
        self.port, self.tried = portfacts.read(port), 0
        base = default_config(model_type)
        self.base = {**base, **(base.get("text_config") or {})}

    def run(self) -> tuple[Config, list[str], Outcome]:
        """The entry (by name: of the type, and of its text part), why each piece, and where it ended."""
        entry: Config = {}
        reasons: list[str] = []
        outcome = self.attempt(entry)
        # What the reference itself refuses, no answer to the port mends.
        while outcome.rank[0] and not outcome.compared and len(reasons) < STEPS:
            for piece, why in self._proposals(outcome):
                guess = piece.pop("guess", False)
                following = self._with(entry, piece, outcome)
                better = self.attempt(following)
                if guess and better.compared and max(better.figures) > WRONG:
                    continue
                if better.rank > outcome.rank or (
                    better.rank == outcome.rank and better.text != outcome.text
                ):
                    entry, outcome = following, better
                    reasons.append(why)
                    break
                if self.tried > TRIES:
                    return entry, reasons, outcome
            else:
                break
        entry, outcome = self._settle(entry, outcome)
        return entry, reasons, outcome

    def attempt(self, entry: Config) -> Outcome:
        self.tried += 1
        with tempfile.TemporaryDirectory(prefix="mlxport-") as scratch:
            cache = Path(scratch, "cache")
            final = self.worker.one(
                {
                    "id": self.model_type,
                    "op": "run",
                    "check": "twin",
                    "target": {"model_type": self.model_type},
                    "seed": 0,
                    "params": {"checks": ["exact"], "trial": entry},
                    "timeout_s": 120.0,
                    "mem_mb": 8192,
                    "run_dir": f"{scratch}/run",
                    "cache_dir": str(cache),
                }
            )
            return Outcome(final, cache)

    def _proposals(self, outcome: Outcome) -> Any:
        twin, filled = outcome.meta.get("config") or {}, outcome.meta.get("filled") or {}
        outside: set[str] = set()
        if isinstance(twin.get("text_config"), dict):
            outside = twin.keys() - twin["text_config"].keys()
            twin, filled = {**twin, **twin["text_config"]}, {**filled, **(filled.get("text_config") or {})}
        about = proposals.About(
            {**twin, **filled}, self.base, filled, mends.kinds_of(self.model_type), outside
        )
        return proposals.propose(outcome.refusal, self.port, about)

    def _with(self, entry: Config, piece: Config, outcome: Outcome) -> Config:
        """The entry with the piece; of a type with a text part, sizes go to that part."""
        nested = isinstance((outcome.meta.get("config") or {}).get("text_config"), dict)
        placed: Config = {}
        for section, content in piece.items():
            inside = nested and section in ("set", "base")
            name = f"{self.model_type}.text_config" if inside else self.model_type
            if nested and section == "released":
                content = {"text_config": content}
            placed.setdefault(name, {})[section] = content
        return _merge(entry, placed)

    def _settle(self, entry: Config, outcome: Outcome) -> tuple[Config, Outcome]:
        """Other values of what was guessed, where the figures are no pass: the closest is kept."""
        own = dict(entry.get(self.model_type, {}).get("released") or {})
        for key in own:
            if not outcome.compared or outcome.verdict == "pass" or self.tried > TRIES:
                break
            for value in proposals.guesses(key, self.port, outcome.meta.get("config") or {}):
                if value != own[key]:
                    following = _merge(entry, {self.model_type: {"released": {key: value}}})
                    other = self.attempt(following)
                    if other.rank > outcome.rank:
                        entry, outcome = following, other
        return entry, outcome


def default_config(model_type: str) -> Config:
    from transformers import AutoConfig

    try:
        return AutoConfig.for_model(model_type).to_dict()
    except Exception:
        return {}  # the run says why


def _merge(one: Any, other: Any) -> Any:
    if isinstance(one, dict) and isinstance(other, dict):
        return {**one, **{k: _merge(one[k], v) if k in one else v for k, v in other.items()}}
    return [*one, *other] if isinstance(one, list) and isinstance(other, list) else other


def main(types: list[str]) -> None:
    from mlxport_harness.serve import Worker
    from mlxport_harness.sweep import composite_types, port_file, shared_types

    shrink.use(False, None)
    found = json.loads(FILE.read_text())["types"] if types else {}
    worker = Worker(os.open(os.devnull, os.O_WRONLY), None, "fork")
    try:
        for model_type in types or [*shared_types(), *composite_types()]:
            search = Search(worker, model_type, port_file(model_type))
            entry, reasons, outcome = search.run()
            found = {k: v for k, v in found.items() if k.split(".")[0] != model_type}
            if outcome.compared:
                found |= {name: {**fact, "why": "; ".join(reasons)} for name, fact in entry.items()}
            said = "; ".join(reasons) or "as it is"
            end = outcome.verdict if outcome.compared else f"not compared: {outcome.text[:160]}"
            print(f"{model_type}: {search.tried} tries, {said}: {end}", file=sys.stderr, flush=True)
            _write(found)
    finally:
        worker.spawner.close()


def _write(found: Config) -> None:
    rows = ",\n".join(f"    {json.dumps(k)}: {json.dumps(v)}" for k, v in sorted(found.items()))
    FILE.write_text(f'{{\n  "about": {json.dumps(ABOUT)},\n  "types": {{\n{rows}\n  }}\n}}\n')


if __name__ == "__main__":
    main(sys.argv[1:])
