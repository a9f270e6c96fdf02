"""The port's processes of one variant, and what they were asked ahead.

What is certain or likely to be wanted is asked before the judge comes to it, so that the processes compute
while it compares, and on two processors at a time. Every process loads the port and the twin anew. Leaves out
what is asked, and when: that is `variant.py` and the checks.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from mlxport_harness.stagechild import Answer, StageChild, Unanswered
from mlxport_harness.view import slug

if TYPE_CHECKING:
    from mlxport_harness.errors import Failure, PortFault
    from mlxport_harness.run import Run

FACTS = ("port_isolation", "memory", "shims")


class Lanes:
    """Lane 0 takes what nobody asked ahead. `last`: the process that was last waited for."""

    def __init__(self, run: Run, job: dict[str, Any]) -> None:
        self.run, self.job = run, job
        self.count = run.context.lanes
        self.lanes: list[StageChild | None] = [None] * self.count
        self.last: StageChild | None = None
        self._started: list[StageChild] = []
        self._posted: dict[str, tuple[StageChild, int]] = {}

    def ahead(self, lane: int, stage: str, twin: str, spelling: str, **params: Any) -> None:
        """Asks what `ask` will be asked with the same words; a second time changes nothing."""
        key = _key(stage, twin, spelling, params)
        if key not in self._posted:
            child = self._lane(lane % self.count)
            self._posted[key] = (child, child.post(stage, twin=slug(twin), spelling=spelling, **params))

    def ask(self, stage: str, limit: float | None, twin: str, spelling: str, **params: Any) -> Answer:
        """What a process that was lost before it came to this did not answer, another is asked."""
        posted = self._posted.pop(_key(stage, twin, spelling, params), None)
        if posted is not None:
            child, number = posted
            try:
                return self._take(child, number, limit)
            except Unanswered:
                pass
        child = self._lane(0)
        number = child.post(stage, twin=slug(twin), spelling=spelling, **params)
        return self._take(child, number, limit)

    @property
    def lost(self) -> PortFault | Failure | None:
        """How the process that was last waited for was lost."""
        return self.last.lost if self.last else None

    def close(self) -> None:
        """Ends all; what several printed alike is said once."""
        said: set[str] = set()
        for child in self._started:
            child.close(said)

    def _lane(self, lane: int) -> StageChild:
        child = self.lanes[lane]
        if child is None or child.lost is not None:
            folder = "port" if not self._started else f"port-{len(self._started) + 1}"
            child = StageChild(self.run, self.job, self.run.run_dir / folder, "port")
            self.lanes[lane] = child
            self._started.append(child)
        return child

    def _take(self, child: StageChild, number: int, limit: float | None) -> Answer:
        self.last = child
        self.run.environment |= {name: child.ready.get(name) for name in FACTS}
        return child.take(number, limit)


def _key(stage: str, twin: str, spelling: str, params: dict[str, Any]) -> str:
    return json.dumps([stage, twin, spelling, params], sort_keys=True)
