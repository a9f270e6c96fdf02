"""The scorecard: every fault of the library through the checks, and what they said of the right ports.

The unmutated port runs first, for false alarms only: no rule looks at it. The quick checks run on every
fault, the slow ones on what survives them. Results are kept line by line: a cut run can be continued.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mlxport_harness.errors import Failure
from mlxport_harness.mutants import library
from mlxport_harness.mutants.library import Mutant, Subject
from mlxport_harness.mutants.session import Outcome, Session, harness_revision, plan

Row = dict[str, Any]
Say = Callable[[str], None]


class Store:
    """Rows by key in JSON lines; a later row of the same key replaces the earlier one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: dict[str, Row] = {}
        if path.exists():
            text = path.read_text()
            if text and not text.endswith("\n"):
                path.write_text(text + "\n")
            for line in text.splitlines():
                try:
                    row = json.loads(line)
                except ValueError:  # the last line of a run that was cut
                    continue
                self.rows[row["key"]] = row

    def get(self, key: str, plan_name: str) -> Row | None:
        row = self.rows.get(key)
        whole = row and (row["plan"] in (plan_name, "full") or row["fail"])
        # What gave no answer is asked again: the machine may have been busy.
        silent = row and not row["fail"] and (row["unanswered"] or row["failure"])
        return row if whole and not silent else None

    def add(self, row: Row) -> None:
        self.rows[row["key"]] = row
        with open(self.path, "a") as out:
            out.write(json.dumps(row) + "\n")


def scorecard(types: list[str] | None, work: Path, options: dict[str, Any], say: Say) -> Row:
    """Runs what is not yet known and gives the whole table. `options`: jobs, plan, strategy."""
    subjects = library.chosen(types, options.get("only"))
    for subject in subjects:  # a fault that does not apply stops here, not after minutes
        for mutant in subject.mutants:
            library.mutated(mutant)
    began = time.monotonic()
    revision = harness_revision()
    store = work / f"results-{revision}.jsonl"
    _in_parts(subjects, store, work, options, say)
    rows = Store(store).rows
    controls = [rows[_control_key(s, c)] for s in subjects for c in s.configs]
    mutants = [rows[_key(m, s)] | _about(m) for s in subjects for m in s.mutants]
    return {
        "schema": 1,
        "revision": revision,
        "versions": _versions(),
        "plan": options["plan"],
        "seconds": round(time.monotonic() - began, 1),
        "controls": controls,
        "mutants": mutants,
    }


def _in_parts(subjects: list[Subject], store: Path, work: Path, options: dict[str, Any], say: Say) -> None:
    """Whole types to each of `jobs` processes: two that share a twin would both build its reference."""
    jobs = max(1, min(int(options["jobs"]), len(subjects)))
    if jobs == 1:
        _part(subjects, Store(store), work, options, say)
        return
    parts: list[list[Subject]] = [[] for _ in range(jobs)]
    for subject in sorted(subjects, key=lambda s: -len(s.mutants)):
        min(parts, key=lambda p: sum(len(s.mutants) for s in p)).append(subject)
    from mlxport_harness import preload

    preload.imports()
    children = []
    for part in parts:
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                _part(part, Store(store), work, options, say)
                status = 0
            except Failure as failure:
                say(f"{failure.kind}: {failure.text}")
            finally:
                sys.stderr.flush()
                os._exit(status)
        children.append(pid)
    ended = [os.waitpid(pid, 0)[1] for pid in children]
    if any(ended):
        raise Failure("bug", "A part of the scorecard stopped early.", "Run it again: what is done is kept.")


def _part(subjects: list[Subject], store: Store, work: Path, options: dict[str, Any], say: Say) -> None:
    session = Session(work, options["strategy"], options["timeout"])
    try:
        for subject in subjects:
            for name in subject.configs:
                _control(session, store, subject, name, options["plan"], say)
            for mutant in subject.mutants:
                _mutant(session, store, subject, mutant, options["plan"], say)
    finally:
        session.close()


def _control(session: Session, store: Store, subject: Subject, name: str, plan_name: str, say: Say) -> None:
    key = _control_key(subject, name)
    if store.get(key, plan_name) and store.rows[key]["plan"] == plan_name:
        return
    config = session.write_config(f"{subject.type}-{name}", subject.configs[name])
    checks = [*plan(plan_name), "upstream"]
    found = session.judge(subject.type, None, config, checks)
    row = {
        "key": key,
        "id": f"{subject.type}/{name}",
        "type": subject.type,
        "config": name,
        "plan": plan_name,
    }
    store.add(row | kept(found, subject.known))
    say(f"{subject.type} ({name}), unmutated: {', '.join(row_words(store.rows[key]))}")


def _mutant(
    session: Session, store: Store, subject: Subject, mutant: Mutant, plan_name: str, say: Say
) -> None:
    key = _key(mutant, subject)
    if store.get(key, plan_name):
        return
    config = session.write_config(f"{subject.type}-{mutant.config}", subject.configs[mutant.config])
    path = session.write_port(library.port_file(subject.type).name, library.mutated(mutant))
    ran, said = (
        "quick",
        kept(session.judge(subject.type, path, config, [*plan("quick"), "upstream"]), subject.known),
    )
    if plan_name == "full" and not said["fail"]:
        slow = [c for c in plan("full") if c not in plan("quick")]
        if slow:
            said = merged(said, kept(session.judge(subject.type, path, config, slow), subject.known))
        ran = "full"
    store.add({"key": key, **_about(mutant), "plan": ran, **said})
    say(f"{mutant.id}: {', '.join(row_words(store.rows[key]))}")


def kept(found: Outcome, known: Iterable[str] = ()) -> Row:
    """What is kept of an outcome: verdicts, figures, upstream's word. `known`: checks that kill nothing."""
    fail = [c for c in found.by("fail") if c not in known]
    figures = {}
    for one in found.records:
        error = one["error"]["text"][:200] if one["error"] else None
        figures[f"{one['id']} {one['twin']}"] = [one["verdict"], one["figure"], error]
    return {
        "fail": fail,
        "suspect": [c for c in found.by("suspect") if c not in fail and c not in known],
        "known": [c for c in found.by("fail", "suspect") if c in known],
        "error": found.by("error"),
        "unanswered": found.unanswered(),
        "said": [f["text"][:200] for r in found.records for f in r["findings"]],
        "figures": figures,
        "upstream": found.upstream(),
        "failure": found.failure,
        "seconds": found.seconds,
    }


def merged(quick: Row, slow: Row) -> Row:
    """The second run's `exact` is the first's again; the rest adds up."""
    lists = ("fail", "suspect", "error", "unanswered", "said", "known")
    both = {k: list(dict.fromkeys([*quick[k], *slow[k]])) for k in lists}
    return {
        **quick,
        **both,
        "figures": quick["figures"] | slow["figures"],
        "failure": quick["failure"] or slow["failure"],
        "seconds": quick["seconds"] + slow["seconds"],
    }


def row_words(row: Row) -> list[str]:
    if row["failure"]:
        return [f"could not run ({row['failure']['kind']}): {row['failure']['text']}"]
    words = [f"{kind} {' '.join(row[kind])}" for kind in ("fail", "suspect", "error") if row[kind]]
    words += [f"no answer {' '.join(row['unanswered'])}"] if row["unanswered"] else []
    return words or ["pass"]


def _about(mutant: Mutant) -> Row:
    return {k: v for k, v in asdict(mutant).items() if k not in ("old", "new", "within", "count")}


def _key(mutant: Mutant, subject: Subject) -> str:
    """What decides the outcome; words about it do not."""
    change = [mutant.old, mutant.new, mutant.count, mutant.within, mutant.file]
    about = [change, subject.configs[mutant.config], *sorted(subject.known)]
    content = json.dumps(about, sort_keys=True)
    return f"{mutant.id} {hashlib.sha256(content.encode()).hexdigest()[:12]}"


def _control_key(subject: Subject, name: str) -> str:
    config = subject.configs[name]
    content = json.dumps([config, sorted(subject.known)] if subject.known else config, sort_keys=True)
    return f"unmutated {subject.type}/{name} {hashlib.sha256(content.encode()).hexdigest()[:12]}"


def _versions() -> dict[str, str]:
    from mlxport_harness import preload

    return preload.versions()
