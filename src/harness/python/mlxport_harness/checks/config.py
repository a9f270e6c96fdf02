"""H10 `config`: does the port obey the keys of its config? By behaviour: nothing reads the port's source.

Each key, and each key within a rope dictionary or a nested config, is set to another legal value, to null,
and removed; both sides run the twin so. Both must move, and to the same logits. Where the port is wrong even
before a change, a change that makes it right becomes the base of all others: a diagnosis by toggle.
"""

from __future__ import annotations

import hashlib
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mlxport_harness.checks import Check, changes
from mlxport_harness.checks.exact import BARS, relative
from mlxport_harness.checks.verdict import FLOOR_PASS, by_floor, record
from mlxport_harness.errors import Failure, PortFault
from mlxport_harness.view import STD_005

if TYPE_CHECKING:
    from mlxport_harness.view import View

RULE = "suspect where a given config's own non-default value is ignored or misread; the rest are findings"
TITLE = "each config key changed, nulled and removed: both sides must move alike"
CHECK = Check("config", "config", "slow", "rule", RULE, TITLE, limit_s=240.0)
TWIN = STD_005  # eps shows only there
BATCH = 40
UNFIT = re.compile(r"parameters not in model|Missing \d+ parameters|Expected shape")
Row = dict[str, Any]

# What a change led to, worst first: the worst of a key's changes names its finding.
OUTCOMES = {
    "ignored": "ignored_key",
    "different": "wrong_value",
    "port_only": "wrong_default",
    "port_rejects": "rejected_value",
    "close": "",
    "same": "",
    "inert": "",
    "reference_rejects": "",
}
KIND_IDS = {"absent": "wrong_default", "null": "wrong_null"}


def run(view: View) -> list[dict[str, Any]]:
    began = time.monotonic()
    made: list[changes.Change] = []
    outcome = _both(view, made)
    toggled = None
    if not outcome.base_right:
        right = [r for r in outcome.rows if r["outcome"] == "same"]
        toggled = min(right, key=_smallest, default=None)
        if toggled is None:
            error = f"relative error {outcome.base_error:.2g}"
            text = f"The port is wrong before any change ({error}) and no change makes it right."
            finding = {"id": "base_wrong", "text": text}
            seconds = time.monotonic() - began
            return [record("config", TWIN, "not_exercised", findings=[finding], seconds=seconds)]
        made = [changes.sent(toggled)]
        outcome = _both(view, made)
    return [_judge(view, outcome, toggled, time.monotonic() - began)]


def _smallest(row: Row) -> tuple[bool, int, str]:
    """Of several changes that make the port right, the one that says most: a value, an inner key."""
    return (row["kind"] != "value", -len(row["path"]), row["kind"])


class Outcome:
    """Both sides under every change, from one base."""

    def __init__(self, base_error: float, base_right: bool, rows: list[Row], meta: dict[str, Any]) -> None:
        self.base_error, self.base_right, self.rows, self.meta = base_error, base_right, rows, meta


def _both(view: View, made: list[changes.Change]) -> Outcome:
    here = Path(__file__)
    files = (here, here.with_name("changes.py"), here.with_name("changes.json"))
    rules = hashlib.sha256(b"".join(p.read_bytes() for p in files[1:])).hexdigest()[:12]
    reference, meta = view.reference("config", TWIN, spelling=view.spelling, base=made, rules=rules)
    rows, floor = meta["rows"], meta["floor"]
    if not made and relative(reference["base"], view.exact_reference(TWIN)[0]["logits"]) > BARS[TWIN][0]:
        text = f"transformers does not read the config spelled {view.spelling} as it reads its own."
        raise Failure("reference", text, "Give a config.json in the other spelling with --config.")
    wanted = [(n, r) for n, r in enumerate(rows) if "rejected" not in r]
    arrays, said = _ask(view, made, meta["weights"], wanted)
    base = arrays["base"]
    base_error = _error(base, reference["base"])
    right = by_floor(base_error, floor, BARS[TWIN]) == "pass"
    for number, row in enumerate(rows):
        key = str(number)
        row["outcome"] = "reference_rejects"
        if "rejected" not in row:
            port, claim = arrays.get(key), said.get(key) or {}
            _one(row, reference.get(key), reference["base"], port, base, claim)
    return Outcome(base_error, right, rows, meta)


def _ask(
    view: View, made: list[changes.Change], weights: str | None, wanted: list[tuple[int, Row]]
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """In batches; where a change takes the port's process down, its batch is asked again one by one."""
    arrays: dict[str, np.ndarray] = {}
    said: dict[str, Any] = {}
    asked = [[n, changes.sent(r), r["weights"]] for n, r in wanted]
    queue = [asked[i : i + BATCH] for i in range(0, len(asked), BATCH)] or [[]]
    while queue:
        batch = queue.pop(0)
        keyed = [[str(n), change, w] for n, change, w in batch]
        try:
            found, meta, _ = view.port("config", TWIN, base=made, weights=weights, changes=keyed)
        except PortFault as fault:
            if view.port_alive():
                raise
            if len(batch) == 1:
                said[str(batch[0][0])] = {"error": fault.text, "where": fault.where}
            elif not batch:
                raise
            else:
                queue = [[one] for one in batch] + queue
            continue
        arrays |= found
        said |= meta["rows"]
    if "base" not in arrays:
        raise PortFault("The port's process ended under every change of the config.")
    return arrays, said


def _one(
    row: Row,
    reference: np.ndarray | None,
    base: np.ndarray,
    port: np.ndarray | None,
    port_base: np.ndarray,
    claim: dict[str, Any],
) -> None:
    """Fills in who moved, by how much, and whether to the same place."""
    row["reference_moved"] = _error(reference, base) if reference is not None else 0.0
    if "error" in claim:
        where = f" at {claim['where']}" if claim.get("where") else ""
        row |= {"outcome": "port_rejects", "text": f"{claim['error']}{where}"[:400]}
        return
    if port is None:  # the same arguments as before
        port = port_base
    row["port_moved"] = _error(port, port_base)
    row["error"] = _error(port, reference if reference is not None else base)
    grade = by_floor(row["error"], row["floor"], BARS[TWIN])
    moved = row["port_moved"] > FLOOR_PASS * row["floor"]
    row["agree"] = grade == "pass"
    if not row["moved"]:
        row["outcome"] = "port_only" if moved and grade != "pass" else "inert"
    elif grade == "pass":
        row["outcome"] = "same"
    elif not moved:
        row["outcome"] = "ignored"
    else:
        row["outcome"] = "close" if grade == "suspect" else "different"


def _error(one: np.ndarray, other: np.ndarray) -> float:
    if one.shape != other.shape or not np.isfinite(one).all():
        return float("inf")
    return relative(one, other)


def _judge(view: View, outcome: Outcome, toggled: Row | None, seconds: float) -> dict[str, Any]:
    by_key: dict[str, list[Row]] = {}
    for row in outcome.rows:
        by_key.setdefault(changes.name(row), []).append(row)
    findings, ignored, suspect = [], [], []
    if toggled is not None:
        findings.append(_toggle_finding(toggled))
        if _set_by_person(view, outcome.meta, toggled):
            suspect.append(changes.name(toggled))
    for key, rows in by_key.items():
        found = _finding(key, rows)
        if found is None:
            continue
        if toggled is not None and key == changes.name(toggled):
            continue
        findings.append(found)
        if found["id"] == "ignored_key":
            ignored.append(key)
        if found["id"] in ("ignored_key", "wrong_value") and _set_by_person(view, outcome.meta, rows[0]):
            suspect.append(key)
            found["text"] += " The given config.json sets it to another value than the class's default."
    inner = {f["key"] for f in findings}
    findings = [f for f in findings if not any(k.startswith(f"{f['key']}.") for k in inner)]
    findings += _rejections(by_key)
    if toggled is not None and changes.name(toggled) not in ignored:
        ignored.append(changes.name(toggled))
    return record(
        "config",
        TWIN,
        "suspect" if suspect else "pass",
        figure=len(ignored),
        unit="ignored keys",
        bar=0,
        metric="keys that move the reference and not the port",
        seconds=seconds,
        findings=findings,
        keys=[_shown(row) for row in outcome.rows],
        not_tried=outcome.meta["left"],
    )


def _toggle_finding(row: Row) -> dict[str, str]:
    key = changes.name(row)
    changed = f"without {key}" if row["kind"] == "absent" else f"with {key} = {row['label']}"
    text = f"The port is wrong on the twin as it is and right {changed}: other keys are tried from there."
    return {"id": "ignored_key", "key": key, "text": text}


def _finding(key: str, rows: list[Row]) -> dict[str, str] | None:
    """One finding per key. Keys that the port requires, or requires not null, are gathered apart."""
    loud = [r for r in rows if r["outcome"] == "port_rejects" and not _requires(r)]
    wrong = [r for r in rows if r["outcome"] in ("ignored", "different", "port_only")]
    if not wrong and not loud:
        return None
    values = [r for r in wrong if r["kind"] == "value"]
    order = list(OUTCOMES)
    kinds = ("value", "absent", "null")
    worst = min(values or loud or wrong, key=lambda r: (order.index(r["outcome"]), kinds.index(r["kind"])))
    found = OUTCOMES[worst["outcome"]]
    if worst["kind"] in KIND_IDS:
        found = KIND_IDS[worst["kind"]]
    elif worst["outcome"] == "port_only":
        found = "wrong_value"
    return {"id": found, "key": key, "text": " ".join(_told(key, r) for r in (wrong + loud)[:4])}


def _requires(row: Row) -> bool:
    """True where the port stops at once; weights that do not fit are another default instead."""
    return row["outcome"] == "port_rejects" and row["kind"] != "value" and not UNFIT.search(row["text"])


def _told(key: str, row: Row) -> str:
    how = {"null": f"{key} null", "absent": f"Without {key}"}.get(row["kind"], f"{key} = {row['label']}")
    if row["outcome"] == "ignored":
        return f"{how}: the reference moves by {row['reference_moved']:.2g}, the port does not."
    if row["outcome"] == "different":
        return f"{how}: both move, {row['error']:.2g} apart."
    if row["outcome"] == "port_only":
        return f"{how}: the port moves by {row['port_moved']:.2g}, the reference does not."
    takes = "the reference takes it" if row["moved"] else "the reference is not moved by it"
    return f"{how}: {takes}, the port raises: {row['text'][:160].rstrip('.')}."


def _rejections(by_key: dict[str, list[Row]]) -> list[dict[str, str]]:
    """Keys that the reference may go without and the port may not: loud, so one finding for all of a kind."""
    found = []
    for kind, words in (("absent", "does not load without"), ("null", "does not load with null for")):
        keys = [k for k, rows in by_key.items() if any(r["kind"] == kind and _requires(r) for r in rows)]
        if keys:
            text = f"The port {words} {', '.join(keys)}; the reference does."
            found.append({"id": f"rejects_{kind}", "key": keys[0], "text": text})
    return found


def _set_by_person(view: View, meta: dict[str, Any], row: Row) -> bool:
    """True where a given config.json holds the key with another value than the class's default."""
    raw, default = view.variant.raw, meta["defaults"]
    if raw is None:
        return False
    for key in changes.name(row).split("."):
        if not isinstance(raw, dict) or key not in raw:
            return False
        raw = raw[key]
        default = default.get(key) if isinstance(default, dict) else None
    return bool(raw != default)


def _shown(row: Row) -> dict[str, Any]:
    told = {k: row.get(k) for k in ("reference_moved", "port_moved", "error", "agree")}
    text = row.get("rejected") or row.get("text") or ""
    return {
        "path": changes.name(row),
        "mutation": row["kind"],
        "value": row["label"],
        "outcome": row["outcome"],
        **told,
        "text": text[:200],
    }
