"""The registry: what each check needs, what it costs, how it decides. One check per file."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    """`needs`: the port stage that records for it. `cost`: fast (< 1 s), slow, or heavy (a checkpoint)."""

    id: str
    needs: str
    cost: str
    decides: str
    rule: str


def registry() -> dict[str, Check]:
    from mlxport_harness.checks import cache, dtype, exact, locate

    return {module.CHECK.id: module.CHECK for module in (exact, dtype, cache, locate)}
