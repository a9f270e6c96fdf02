"""Both sides under every change of the config, for the check `config`: who moved, and to the same place?

Not a check: it rates changes, `config.py` judges keys.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mlxport_harness.checks import changes
from mlxport_harness.checks.exact import BARS, relative
from mlxport_harness.checks.verdict import FLOOR_PASS, WIDE, by_floor
from mlxport_harness.errors import PortFault
from mlxport_harness.view import STD_005, slug

if TYPE_CHECKING:
    from mlxport_harness.view import View

TWIN = STD_005  # eps shows only there
BATCH = 40
SLACK = 3.0  # times the error before any change, for a port that is a little wrong
UNREAD = "rope keys: transformers reads another spelling than the port"
Row = dict[str, Any]
Arrays = dict[str, np.ndarray]


class Pair:
    """Reference and port of one variant, from one base: the twin's config, or it with changes made."""

    def __init__(self, view: View) -> None:
        self.view, self.spelling = view, view.spelling
        self.meta: dict[str, Any] = {}
        self.reference: Arrays = {}
        self.port: Arrays = {}
        self.said: dict[str, Any] = {}

    def ask(self, made: list[changes.Change]) -> None:
        self.reference, self.meta = self._reference(made)
        if not made and self._unread():
            native = self.view.twin_dir / slug(TWIN) / "native"
            self.spelling = native.read_text().strip()
            self.reference, self.meta = self._reference(made)
        if self.spelling != self.view.spelling:
            self._leave_rope()
        wanted = [(n, r) for n, r in enumerate(self.meta["rows"]) if "rejected" not in r]
        self.port, self.said = self._port(made, self.meta["weights"], wanted)
        self.base_error = _error(self.port["base"], self.reference["base"])
        self.right = by_floor(self.base_error, self.meta["floor"], BARS[TWIN]) == "pass"

    def rate(self, slack: float) -> list[Row]:
        """`slack`: how wrong the port is before any change; 0 where it is right."""
        rows = []
        for number, found in enumerate(self.meta["rows"]):
            row = dict(found)
            rows.append(row)
            if "rejected" in row:
                row["outcome"] = "reference_rejects"
            else:
                self._one(row, str(number), SLACK * slack)
        return rows

    def _reference(self, made: list[changes.Change]) -> tuple[Arrays, dict[str, Any]]:
        here = Path(__file__)
        files = [here.with_name(name).read_bytes() for name in ("changes.py", "changes.json")]
        rules = hashlib.sha256(b"".join(files)).hexdigest()[:12]
        return self.view.reference("config", TWIN, spelling=self.spelling, base=made, rules=rules)

    def _unread(self) -> bool:
        """True where transformers does not read the port's spelling as it reads its own."""
        known = self.view.exact_reference(TWIN)[0]["logits"]
        return relative(self.reference["base"], known) > BARS[TWIN][0]

    def _leave_rope(self) -> None:
        rows, left = self.meta["rows"], self.meta["left"]
        for row in rows:
            key = row["path"][0]
            if "rejected" not in row and (key in changes.ROPE or key not in self.view.config):
                row["rejected"] = UNREAD
                left.setdefault(UNREAD, []).append(changes.name(row))

    def _port(
        self, made: list[changes.Change], weights: str | None, wanted: list[tuple[int, Row]]
    ) -> tuple[Arrays, dict[str, Any]]:
        """In batches; where a change takes the port's process down, its batch is asked again one by one."""
        arrays: Arrays = {}
        said: dict[str, Any] = {}
        asked = [[str(n), changes.sent(r), r["weights"]] for n, r in wanted]
        queue = [asked[i : i + BATCH] for i in range(0, len(asked), BATCH)] or [[]]
        while queue:
            batch = queue.pop(0)
            try:
                found, meta, _ = self.view.port("config", TWIN, base=made, weights=weights, changes=batch)
            except PortFault as fault:
                if self.view.port_alive() or not batch:
                    raise
                if len(batch) == 1:
                    said[batch[0][0]] = {"error": fault.text, "where": fault.where}
                else:
                    queue = [[one] for one in batch] + queue
                continue
            arrays |= found
            said |= meta["rows"]
        if "base" not in arrays:
            raise PortFault("The port's process ended under every change of the config.")
        return arrays, said

    def _one(self, row: Row, key: str, slack: float) -> None:
        """Fills in who moved, by how much, and whether to the same place."""
        base, port_base, claim = self.reference["base"], self.port["base"], self.said.get(key) or {}
        reference = self.reference.get(key, base)
        row["reference_moved"] = _error(reference, base) if row["moved"] else 0.0
        if "error" in claim:
            where = f" at {claim['where']}" if claim.get("where") else ""
            row |= {"outcome": "port_rejects", "text": f"{claim['error']}{where}"[:400]}
            return
        port = self.port.get(key, port_base)  # absent: the same arguments as before
        row["port_moved"], row["error"] = _error(port, port_base), _error(port, reference)
        grade = by_floor(row["error"], row["floor"], BARS[TWIN], WIDE)
        agree = grade == "pass" or row["error"] <= slack
        least = max(FLOOR_PASS * row["floor"], slack)
        moved = row["port_moved"] > least
        row["agree"] = agree
        if not row["moved"] or row["reference_moved"] <= slack:
            row["outcome"] = "port_only" if moved and not agree else "inert"
        elif agree:
            row["outcome"] = "same"
        elif not moved:
            row["outcome"] = "ignored"
        else:
            row["outcome"] = "close" if grade == "suspect" else "different"


def _error(one: np.ndarray, other: np.ndarray) -> float:
    if one.shape != other.shape or not np.isfinite(one).all():
        return float("inf")
    return relative(one, other)
