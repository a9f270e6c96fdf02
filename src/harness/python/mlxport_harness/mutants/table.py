"""The scorecard as text: killed by which check, what survived, and upstream's rules beside it."""

from __future__ import annotations

from collections import Counter
from typing import Any

Row = dict[str, Any]
WORDS = {"unanswered": "no answer"}


def killed(row: Row) -> bool:
    return bool(row["fail"])


def suspected(row: Row) -> bool:
    return bool(row["suspect"]) and not row["fail"]


def upstream_killed(row: Row) -> bool | None:
    """None where upstream's rules could not be computed for a reason that is not the port's."""
    found = row["upstream"]
    return None if found is None else not found["passes"]


def unanswered(row: Row) -> bool:
    """Neither killed nor survived: time, memory or a process was gone in some check, or nothing could run."""
    return not killed(row) and bool(row["unanswered"] or row["failure"])


def survivors(rows: list[Row]) -> list[Row]:
    return [r for r in rows if not killed(r) and not unanswered(r)]


def plain(found: Row) -> str:
    rows = found["mutants"]
    lines = [counts(found)]
    lines += [f"  survived  {r['id']}  ({r['usage']}): {r['why']}{_state(r)}" for r in survivors(rows)]
    lines += [f"  no answer {r['id']}  ({r['usage']}): {r['why']}{_state(r)}" for r in rows if unanswered(r)]
    lines += [f"  alarm     {r['id']}, unmutated: {_alarm(r)}" for r in alarms(found["controls"])]
    return "\n".join(lines) + "\n"


def counts(found: Row) -> str:
    rows = found["mutants"]
    hit, total = sum(map(killed, rows)), len(rows)
    judged = [r for r in rows if upstream_killed(r) is not None]
    theirs = sum(bool(upstream_killed(r)) for r in judged)
    text = f"{hit} of {total} faults killed ({hit / total:.1%})" if total else "No faults."
    silent = sum(map(unanswered, rows))
    text += f", {silent} gave no answer" if silent else ""
    text += f", {sum(map(suspected, rows))} more suspect; upstream's rules: {theirs} of {len(judged)}"
    calm = {(c["type"], c["config"]) for c in found["controls"] if upstream_killed(c) is False}
    fair = [r for r in judged if (r["type"], r["config"]) in calm]
    text += (
        f", and {sum(bool(upstream_killed(r)) for r in fair)} of {len(fair)} where they pass the right port"
    )
    wrong = len(alarms(found["controls"]))
    theirs_wrong = sum(bool(upstream_killed(r)) for r in found["controls"])
    text += f". Unmutated: {wrong} alarms on {len(found['controls'])}, upstream's rules {theirs_wrong}."
    return text + f" {found['seconds']:.0f} s."


def alarms(controls: list[Row]) -> list[Row]:
    """Right ports with any verdict that is not a pass."""
    return [c for c in controls if any(c[k] for k in ("failure", "fail", "suspect", "error", "unanswered"))]


def markdown(found: Row) -> str:
    rows, controls = found["mutants"], found["controls"]
    checks = list(dict.fromkeys(c for r in rows for c in [*r["fail"], *r["suspect"]]))
    versions = ", ".join(
        f"{k.replace('_', '-')} {found['versions'][k]}" for k in ("mlx", "mlx_lm", "transformers")
    )
    parts = [f"{counts(found)}\n\nPlan `{found['plan']}`, {versions}, harness {found['revision']}.\n"]
    parts.append("## By kind of use\n\n" + _by(rows, "usage", checks))
    parts.append("## By kind of fault\n\n" + _by(rows, "kind", checks))
    parts.append("## By architecture\n\n" + _by(rows, "type", checks))
    parts.append("## Survivors\n\n" + _survivors(rows))
    parts.append("## Unmutated ports\n\n" + _controls(controls))
    return "\n".join(parts)


def _by(rows: list[Row], key: str, checks: list[str]) -> str:
    head = ["", "faults", "killed", "suspect", *(f"`{c}`" for c in checks), "upstream's rules"]
    lines = [_line(head), _line(["---"] * len(head))]
    groups = sorted({r[key] for r in rows})
    for name, group in [*((g, [r for r in rows if r[key] == g]) for g in groups), ("all", rows)]:
        fails = Counter(c for r in group for c in r["fail"])
        judged = [r for r in group if upstream_killed(r) is not None]
        theirs = f"{sum(bool(upstream_killed(r)) for r in judged)} of {len(judged)}"
        counted = [len(group), sum(map(killed, group)), sum(map(suspected, group))]
        lines.append(_line([name, *counted, *(fails[c] or "" for c in checks), theirs]))
    return "\n".join(lines) + "\n"


def _survivors(rows: list[Row]) -> str:
    left = [*survivors(rows), *filter(unanswered, rows)]
    if not left:
        return "None.\n"
    lines = [
        _line(["fault", "use", "what it is", "said", "why it survives", "upstream's rules"]),
        _line(["---"] * 6),
    ]
    for row in left:
        theirs = upstream_killed(row)
        word = "not computed" if theirs is None else "killed" if theirs else "passed"
        said = _state(row).strip(" ;") or "pass"
        lines.append(
            _line(
                [f"`{row['id']}`", row["usage"], row["why"], said, row["limit"] or "not explained yet", word]
            )
        )
    return "\n".join(lines) + "\n"


def _controls(controls: list[Row]) -> str:
    lines = [_line(["port", "config", "verdicts", "upstream's rules"]), _line(["---"] * 4)]
    for row in controls:
        theirs = upstream_killed(row)
        word = "not computed" if theirs is None else _theirs(row["upstream"]) if theirs else "pass"
        said = _alarm(row) or "all pass"
        if row.get("known"):
            said += f"; its own known deviation: {', '.join(row['known'])}"
        lines.append(_line([f"`{row['type']}`", row["config"], said, word]))
    return "\n".join(lines) + "\n"


def _theirs(upstream: Row) -> str:
    if upstream["error"]:
        return "raised"
    off = [share for _, word, share in upstream["states"] or [] if word == "DIVERGED"]
    words = [upstream["predictions"]] if upstream["predictions"] != "SUCCESS" else []
    words += [f"DIVERGED at {len(off)} states, up to {max(off):.0%}"] if off else []
    words += [f"dtype {upstream['dtype']}"] if upstream["dtype"] != "bfloat16" else []
    return ", ".join(words)


def _alarm(row: Row) -> str:
    if row["failure"]:
        return f"could not run: {row['failure']['text']}"
    kinds = ("fail", "suspect", "error", "unanswered")
    return "; ".join(f"{WORDS.get(kind, kind)}: {', '.join(row[kind])}" for kind in kinds if row[kind])


def _state(row: Row) -> str:
    said = _alarm(row)
    if row["said"]:
        said += ("; " if said else "") + "finding"
    return f"; {said}" if said else ""


def _line(cells: list[Any]) -> str:
    return "| " + " | ".join(str(c).replace("|", "\\|") for c in cells) + " |"


def own(found: Row) -> str:
    """A person's own port: what the checks would not have caught, by place."""
    total = found["judged"]
    share = f" ({found['killed'] / total:.1%})" if total else ""
    head = f"{found['killed']} of {total} faults in {found['port']} killed{share}, "
    head += f"{found['raised']} of these only raised, "
    head += f"{found['suspect']} more suspect; {found['faults']} can be made, "
    head += f"{len(found['not_exercised'])} of them on lines that no check reaches. "
    lines = [head + f"{found['seconds']:.0f} s."]
    if found["survivors"]:
        lines.append("Limits to state: no check failed for")
        lines += [
            f"  {found['port']}:{s['line']}  {s['kind']}: {s['what']}{_left(s)}" for s in found["survivors"]
        ]
    if not found["traced"]:
        lines.append("Which lines the checks reach could not be traced: some survivors may not be exercised.")
    for line, count in sorted(Counter(s["line"] for s in found["not_exercised"]).items()):
        lines.append(f"  not exercised  {found['port']}:{line}  ({count})")
    return "\n".join(lines) + "\n"


def history(found: Row) -> str:
    """Fixes taken backwards: counts, then a line for each."""
    counts_ = ", ".join(f"{word} {n}" for word, n in found["counts"].items())
    lines = [f"{found['commits']} fixes since {found['since']}, {found['files']} files: {counts_}."]
    ways = Counter(r["how"] for r in found["rows"] if r.get("how"))
    lines[0] += "".join(f" Judged as {way}: {n}." for way, n in ways.items())
    lines += [_line(["commit", "file", "outcome", "what it fixed", "note"]), _line(["---"] * 5)]
    for row in found["rows"]:
        note = row.get("reason") or (", ".join(row["fail"]) if row["outcome"] == "caught" else "")
        file = row["file"].rpartition("/")[2]
        lines.append(_line([row["sha"][:8], f"`{file}`", row["outcome"], row["subject"], note[:200]]))
    return "\n".join(lines) + "\n"


def _left(survivor: Row) -> str:
    if survivor["failure"]:
        return f"  (could not run: {survivor['failure']['text']})"
    kinds = ("suspect", "error", "unanswered")
    words = [f"{WORDS.get(kind, kind)} {', '.join(survivor[kind])}" for kind in kinds if survivor[kind]]
    return f"  ({'; '.join(words)})" if words else ""
