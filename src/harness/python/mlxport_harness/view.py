"""What a twin check sees of its run: the twin, and both sides on request. It decides nothing.

`port` asks the untrusted process that records what the port does; `reference` asks transformers, and keeps
the answer on disk, for it stays the same while the port changes.
"""

from __future__ import annotations

import hashlib
import json
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mlxport_harness import states

if TYPE_CHECKING:
    from mlxport_harness.variant import VariantRun

STD_1, STD_005, BF16 = "std 1.0", "std 0.05", "bf16"
Arrays = dict[str, np.ndarray]


class View:
    """One check of one variant. `spelling`: the one under which the port reads the config right."""

    def __init__(self, variant_run: VariantRun, spelling: str, limit: float) -> None:
        self._of = variant_run
        self.run, self.target, self.variant = variant_run.run, variant_run.target, variant_run.variant
        self.spelling, self.limit = spelling, limit
        self.twin_dir = variant_run.twin_dir
        self.params: dict[str, Any] = self.run.params

    @cached_property
    def meta(self) -> dict[str, Any]:
        return json.loads((self.twin_dir / "meta.json").read_text())

    @cached_property
    def config(self) -> dict[str, Any]:
        """The twin's config.json, in the chosen spelling."""
        return json.loads((self.twin_dir / slug(STD_1) / self.spelling / "config.json").read_text())

    @cached_property
    def ids(self) -> np.ndarray:
        """Token ids [1, 40], int64."""
        return np.array(self.meta["ids"], dtype=np.int64)

    def exact_reference(self, twin: str = STD_1) -> tuple[Arrays, dict[str, Any]]:
        """What `exact` and `locate` compare with: logits [1, 40, vocabulary], taps, floors."""
        return self._of.reference[twin]

    def port(self, stage: str, twin: str = STD_1, **params: Any) -> tuple[Arrays, dict[str, Any], float]:
        """Arrays, notes and seconds of `port/stages/<stage>.py`. Raises `PortFault`."""
        return self._of.ask_port(stage, twin, self.spelling, self.limit, **params)

    def port_alive(self) -> bool:
        """False where the last stage took the port's process with it; the next one gets a new process."""
        return not self._of.lost

    def reference(self, stage: str, twin: str = STD_1, **params: Any) -> tuple[Arrays, dict[str, Any]]:
        """Arrays and notes of `reference/stages/<stage>.py`, from disk where known. Raises `Failure`."""
        source = Path(__file__).with_name("reference") / "stages" / f"{stage}.py"
        request = json.dumps([stage, twin, params], sort_keys=True).encode()
        key = hashlib.sha256(request + source.read_bytes()).hexdigest()[:20]
        kept = self._of.states_dir / "stages" / f"{stage}-{key}.bin"
        if kept.exists():
            return states.load(kept)
        arrays, meta = self._of.ask_reference(stage, twin, self.limit, **params)
        kept.parent.mkdir(exist_ok=True)
        states.save(kept, arrays, meta)
        return arrays, meta


def slug(twin: str) -> str:
    return twin.replace(" ", "-")
