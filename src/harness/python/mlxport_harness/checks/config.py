"""H10 `config`: does the port obey the keys of its config? By behaviour: nothing reads the port's source.

Each key, and each key within a rope dictionary or a nested config, is set to another legal value, to null,
and removed; both sides run the twin so. Both must move, and to the same logits. Where the port is wrong even
before a change, a change that makes it right becomes the base of all others: a diagnosis by toggle.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

from mlxport_harness.checks import Check, changes
from mlxport_harness.checks.obeyed import TWIN, Pair, Row
from mlxport_harness.checks.verdict import record
from mlxport_harness.errors import PortFault

if TYPE_CHECKING:
    from mlxport_harness.view import View

RULE = "suspect where a key that a given config sets off its default is ignored; the rest are findings"
TITLE = "each config key changed, nulled and removed: both sides must move alike"
CHECK = Check("config", "config", "slow", "rule", RULE, TITLE, limit_s=240.0)
SMALL = 2e-3  # a port that is this much off is judged by larger moves
UNFIT = re.compile(r"parameters not in model|Missing \d+ parameters|Expected shape")

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
    pair = Pair(view)
    try:
        pair.ask([])
    except PortFault as fault:
        if not view.port_alive():
            raise
        text = f"The port does not run the twin as it is, so no key was tried: {fault.text}"
        return [_untried("base_wrong", text, began)]
    toggled = None
    if not pair.right:
        rows = pair.rate(0.0)
        toggled = min((r for r in rows if r["outcome"] == "same"), key=_smallest, default=None)
        if toggled is not None:
            pair.ask([changes.sent(toggled)])
        elif pair.base_error > SMALL:
            error = f"relative error {pair.base_error:.2g}"
            text = f"The port is wrong before any change ({error}) and no change makes it right."
            return [_untried("base_wrong", text, began)]
    found = _judge(view, pair, toggled, time.monotonic() - began)
    if not pair.right and toggled is None:
        text = f"The port is {pair.base_error:.2g} off before any change: smaller moves were not judged."
        found["findings"].insert(0, {"id": "base_wrong", "text": text})
    return [found]


def _untried(id: str, text: str, began: float) -> dict[str, Any]:
    findings = [{"id": id, "text": text}]
    return record("config", TWIN, "not_exercised", findings=findings, seconds=time.monotonic() - began)


def _smallest(row: Row) -> tuple[bool, int, str]:
    """Of several changes that make the port right, the one that says most: a value, an inner key."""
    return (row["kind"] != "value", -len(row["path"]), row["kind"])


def _judge(view: View, pair: Pair, toggled: Row | None, seconds: float) -> dict[str, Any]:
    rated = pair.rate(0.0 if pair.right else pair.base_error)
    by_key: dict[str, list[Row]] = {}
    for row in rated:
        by_key.setdefault(changes.name(row), []).append(row)
    findings, ignored, suspect = [], [], []
    if toggled is not None:
        findings.append(_toggle_finding(toggled))
        if _set_by_person(view, pair.meta, toggled):
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
            if _set_by_person(view, pair.meta, rows[0]):
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
        keys=[_shown(row) for row in rated],
        not_tried=pair.meta["left"],
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
