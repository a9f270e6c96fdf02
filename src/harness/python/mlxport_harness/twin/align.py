"""Which released name stands for which of the model's, where all are called otherwise. Pure.

Names of one kind are those that differ in numbers only. Kinds with the same numbers and shapes may stand for
each other; among several, the assignment whose words are most alike is taken. It is a guess: the search keeps
it only where the port's logits then come close.
"""

from __future__ import annotations

import re
from itertools import permutations

Shapes = dict[str, list[int]]
Kinds = dict[str, dict[tuple[str, ...], tuple[int, ...]]]
_NUMBER = re.compile(r"(?<=\.)\d+(?=\.)")
LARGEST = 6  # names of one shape that are told apart by their words


def steps(missing: Shapes, extra: Shapes) -> list[dict[str, str]]:
    """A step for each kind that is missing; none unless every one has its own."""
    wanted, given = _kinds(missing), _kinds(extra)
    found: dict[str, str] = {}
    for alike in _groups(wanted):
        others = [kind for kind in given if given[kind] == wanted[alike[0]]]
        if len(others) < len(alike) or len(others) > LARGEST:
            return []
        best = max(permutations(others, len(alike)), key=lambda order: _likeness(alike, order))
        found |= dict(zip(alike, best, strict=True))
    return [_step(old, new) for new, old in found.items()]


def _kinds(names: Shapes) -> Kinds:
    kinds: Kinds = {}
    for name, shape in names.items():
        kinds.setdefault(_NUMBER.sub("#", name), {})[tuple(_NUMBER.findall(name))] = tuple(shape)
    return kinds


def _groups(kinds: Kinds) -> list[list[str]]:
    groups: list[list[str]] = []
    for kind, instances in kinds.items():
        same = next((group for group in groups if kinds[group[0]] == instances), None)
        if same is None:
            groups.append([kind])
        else:
            same.append(kind)
    return groups


def _likeness(wanted: list[str], given: tuple[str, ...]) -> float:
    return sum(_alike(one, other) for one, other in zip(wanted, given, strict=True))


def _alike(one: str, other: str) -> float:
    """Shared words, those near the end for more."""
    score = 0.0
    for weight, (left, right) in zip((1.0, 0.5), zip(_parts(one), _parts(other), strict=False), strict=False):
        words, more = set(left.split("_")), set(right.split("_"))
        score += weight * len(words & more) / len(words | more)
    return score


def _parts(kind: str) -> list[str]:
    return [part for part in kind.split(".") if part not in ("#", "weight", "bias")][::-1]


def _step(old: str, new: str) -> dict[str, str]:
    pattern = re.escape(old).replace(r"\#", "#").replace("#", r"(\d+)")
    for at in range(1, new.count("#") + 1):
        new = new.replace("#", f"\\{at}", 1)
    return {"from": f"^{pattern}$", "to": new}
