"""Real fixes of mlx-lm's history, applied backwards. A set apart: nothing was tuned on it.

Where the fix still applies in reverse to the installed port, that is the mutant; else the file as it was
before the fix. It is judged as any port. The text with the fix tells, for the reader and not for the rules,
whether the verdict is about that fix at all.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

from mlxport_harness.errors import Failure
from mlxport_harness.mutants.library import models_folder
from mlxport_harness.mutants.run import Say, Store, kept, merged, row_words
from mlxport_harness.mutants.session import Session, harness_revision, plan

MODELS = "mlx_lm/models"
FIX = re.compile(r"\b(fix(es|ed)?|bug|wrong|correct(s|ed|ly)?|missing|broken|mismatch|regression)\b", re.I)
Row = dict[str, Any]


def run(clone: Path, since: str, work: Path, options: Row, say: Say) -> Row:
    began = time.monotonic()
    fixes = commits(clone, since)
    store = Store(work / f"history-{harness_revision()}.jsonl")
    session = Session(work, options["strategy"], options["timeout"])
    rows = []
    try:
        for fix in fixes:
            for path in changed(clone, fix["sha"]):
                row = store.get(f"{fix['sha']} {path}", options["plan"])
                if row is None:
                    row = _one(session, clone, fix, path, options["plan"])
                    store.add(row)
                elif "before" in row:  # judged by a run that was cut; what it means may be put better since
                    row = {k: v for k, v in row.items() if k != "reason"} | _outcome(
                        row["before"], row["after"]
                    )
                rows.append(row)
                say(f"{fix['sha'][:8]} {Path(path).name}: {row['outcome']}{_why(row)}  ({fix['subject']})")
    finally:
        session.close()
    outcomes = [r["outcome"] for r in rows]
    return {
        "schema": 1,
        "clone": str(clone),
        "since": since,
        "plan": options["plan"],
        "commits": len(fixes),
        "files": len(rows),
        "counts": {word: outcomes.count(word) for word in dict.fromkeys(outcomes)},
        "rows": rows,
        "seconds": round(time.monotonic() - began, 1),
    }


def commits(clone: Path, since: str) -> list[Row]:
    """Fixes of model files by their subject, oldest first."""
    log = _git(
        clone, "log", f"--since={since}", "--no-merges", "--date=short", "--format=%H\t%ad\t%s", "--", MODELS
    )
    found = [
        dict(zip(("sha", "date", "subject"), line.split("\t", 2), strict=True)) for line in log.splitlines()
    ]
    return [f for f in reversed(found) if FIX.search(f["subject"])]


def changed(clone: Path, sha: str) -> list[str]:
    names = _git(clone, "diff-tree", "--no-commit-id", "--name-only", "-r", sha, "--", MODELS)
    return [n for n in names.splitlines() if n.endswith(".py")]


def _one(session: Session, clone: Path, fix: Row, path: str, plan_name: str) -> Row:
    row: Row = {"key": f"{fix['sha']} {path}", **fix, "file": path, "plan": plan_name, "fail": []}
    model_type = Path(path).stem
    reason = _unjudged(model_type)
    if reason:
        return row | {"outcome": "not runnable here", "reason": reason}
    texts, how = _reversed(clone, fix["sha"], path, session.work), "the installed port without the fix"
    if texts is None:
        texts, how = _as_it_was(clone, fix["sha"], path), "the file before the fix"
    if texts is None:
        return row | {"outcome": "not runnable here", "reason": "the commit adds or removes the file"}
    first, then = (_judge(session, model_type, text, plan_name) for text in texts)
    row |= {"how": how, "before": first, "after": then, "fail": first["fail"]}
    return row | _outcome(first, then)


def _reversed(clone: Path, sha: str, path: str, work: Path) -> tuple[str, str] | None:
    """The installed port without the fix, and as it is; None where the fix does not apply in reverse."""
    port = models_folder() / Path(path).name
    if not port.is_file():
        return None
    folder = work / "reverse"
    shutil.rmtree(folder, ignore_errors=True)
    target = folder / path
    target.parent.mkdir(parents=True)
    right = port.read_text()
    target.write_text(right)
    (folder / "fix.patch").write_text(_git(clone, "diff", f"{sha}^", sha, "--", path))
    try:
        _git(folder, "apply", "--reverse", "--recount", "-C1", "fix.patch")
    except Failure:
        return None
    return (target.read_text(), right) if target.is_file() and target.read_text() != right else None


def _as_it_was(clone: Path, sha: str, path: str) -> tuple[str, str] | None:
    try:
        return _git(clone, "show", f"{sha}^:{path}"), _git(clone, "show", f"{sha}:{path}")
    except Failure:
        return None


def _outcome(before: Row, after: Row) -> Row:
    for when, said in (("before", before), ("after", after)):
        if said["failure"]:
            return {"outcome": "not runnable here", "reason": f"{when} the fix: {said['failure']['text']}"}
        if said["unanswered"] and not said["fail"]:
            checks = ", ".join(said["unanswered"])
            return {"outcome": "not runnable here", "reason": f"{when} the fix: no answer in {checks}"}
    raised = _raises(before)
    if raised and not _raises(after):
        return {"outcome": "only raises", "reason": f"without the fix it does not run here: {raised}"}
    bad_before, bad_after = (bool(s["fail"] or s["suspect"]) for s in (before, after))
    if bad_before and not bad_after:
        return {"outcome": "caught" if before["fail"] else "suspect"}
    if not bad_before and not bad_after:
        return {"outcome": "missed"}
    new = [c for c in before["fail"] if c not in after["fail"]]
    if new:
        return {"outcome": "caught", "reason": f"by {', '.join(new)}; another fault remains after the fix"}
    raised = _raises(after)
    words = f"the fixed file fails too ({', '.join(after['fail'] or after['suspect'])})"
    return {"outcome": "not told apart", "reason": words + (f": {raised}" if raised else "")}


def _raises(said: Row) -> str | None:
    """The error of a port that gives no logits at all: as likely an interface that is gone as the fault."""
    return next((e for name, (_, _, e) in said["figures"].items() if name.startswith("exact") and e), None)


def _judge(session: Session, model_type: str, text: str, plan_name: str) -> Row:
    """Each text once: many fixes are of one port, whose installed text is the other half of all."""
    key = (model_type, text, plan_name)
    if key not in session.known:
        session.known[key] = _judged(session, model_type, text, plan_name)
    return session.known[key]


def _judged(session: Session, model_type: str, text: str, plan_name: str) -> Row:
    path = session.write_port(f"{model_type}.py", text)
    said = kept(session.judge(model_type, path, None, plan("quick")))
    slow = [c for c in plan("full") if c not in plan("quick")]
    if plan_name == "full" and slow and not said["fail"] and not said["failure"]:
        said = merged(said, kept(session.judge(model_type, path, None, slow)))
    return said


def _unjudged(stem: str) -> str | None:
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    if stem in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES:
        return None
    shared = {
        "base",
        "cache",
        "rope_utils",
        "switch_layers",
        "gated_delta",
        "ssm",
        "mla",
        "activations",
        "pipeline",
    }
    if stem in shared:
        return "a shared module, not a port"
    return f"transformers has no causal model of type {stem}"


def _git(clone: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(clone), *arguments],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            env=os.environ | {"GIT_CEILING_DIRECTORIES": str(clone.parent)},
        )
    except FileNotFoundError:
        raise Failure(
            "environment", "git is not installed.", "Install git, or leave out --history."
        ) from None
    except subprocess.TimeoutExpired:
        raise Failure("environment", f"git {arguments[0]} took more than 120 s.", "Try again.") from None
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["no message"])[-1]
        hint = "Give a clone of mlx-lm with its history: git clone https://github.com/ml-explore/mlx-lm"
        raise Failure("user", f"git {arguments[0]} failed in {clone}: {said}", hint)
    return done.stdout


def _why(row: Row) -> str:
    if row.get("reason"):
        return f" ({row['reason'][:160]})"
    said = row.get("before")
    return f" by {', '.join(row_words(said))}" if said and row["outcome"] in ("caught", "suspect") else ""
