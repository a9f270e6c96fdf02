"""summary.md and reproduce.md of a results folder: upstream's sections, our verdicts before them."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from mlxport_harness.battery.plan import TESTS
from mlxport_harness.battery.results import Tree

PASS_FAIL = ("dtype", "quant_dtype")


def write(tree: Tree, about: dict[str, Any]) -> None:
    """`about`: model_type, versions, port (path, sha256), command."""
    (tree.folder / "summary.md").write_text(_summary(tree, about))
    (tree.folder / "reproduce.md").write_text(_reproduce(tree, about))


def _summary(tree: Tree, about: dict[str, Any]) -> str:
    pr, title = tree.manifest.pr, "# Test Results"
    lines = [f"{title}: PR #{pr['number']}" if pr else title, ""]
    if pr:
        lines += [
            f"- **PR:** [{pr['repo']}#{pr['number']}](https://github.com/{pr['repo']}/pull/{pr['number']})",
            f"- **Branch:** `{pr['branch']}`",
        ]
    lines += [
        f"- **Commit:** `{tree.sha}`"
        if about["commit"]
        else f"- **Port file's sha256:** `{about['port']['sha256']}`",
        f"- **Model type:** `{about['model_type']}`",
        f"- **Timestamp:** {time.strftime('%Y-%m-%dT%H:%M:%S+00:00', time.gmtime())}",
        f"- **Harness:** mlxport_harness `{about['harness'][:12]}`",
        "",
    ]
    for variant in tree.manifest.variants:
        lines += [f"## {variant.repo_id}", ""]
        records = {t: r for t in TESTS if (r := tree_record(tree, variant.slug, t))}
        if not records:
            lines += ["No results found.", ""]
            continue
        lines += ["| test | verdict | figure | upstream's rule says | findings |", "|---|---|---|---|---|"]
        lines += [_row(r) for r in records.values()]
        lines.append("")
        for test in TESTS:
            lines += _detail(tree.folder / variant.slug / f"{test}.json", test)
    if tree.manifest.notes:
        lines += ["## Notes", "", tree.manifest.notes, ""]
    return "\n".join(lines)


def tree_record(tree: Tree, slug: str, test: str) -> dict[str, Any] | None:
    try:
        return json.loads((tree.folder / slug / "metrics" / f"{test}.json").read_text())
    except (OSError, ValueError):
        return None


def _row(found: dict[str, Any]) -> str:
    figure = found.get("figure")
    shown = f"{figure:.3g} {found.get('unit', '')}" if isinstance(figure, (int, float)) else "–"
    upstream = (found.get("upstream") or {}).get("verdict", "–")
    told = [f["text"] for f in found.get("findings") or []]
    if found.get("error"):
        told.append(found["error"]["text"])
    cell = "; ".join(told).replace("|", "\\|").replace("\n", " ")
    return f"| `{found['id']}` | {found['verdict']} | {shown.strip()} | {upstream} | {cell} |"


def _detail(path: Path, test: str) -> list[str]:
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return []
    ran = found["exit_code"] == 0
    label = ("PASS" if ran else "FAIL") if test in PASS_FAIL else ("ran" if ran else "errored")
    lines = [f"### {test} — {label}", ""]
    for name in ("stdout", "stderr"):
        text = found[name].strip()
        if text:
            lines += [f"<details><summary>{name}</summary>", "", "````text", text, "````", "</details>", ""]
    return lines


def _reproduce(tree: Tree, about: dict[str, Any]) -> str:
    pr = tree.manifest.pr
    head = (
        f"**PR:** https://github.com/{pr['repo']}/pull/{pr['number']} (branch `{pr['branch']}`)\n"
        if pr
        else ""
    )
    versions = ", ".join(f"{k} {v}" for k, v in about["versions"].items())
    return f"""# Reproducing these results

{head}**Commit:** `{tree.sha if about["commit"] else "not given (--sha)"}`
**Model type:** `{about["model_type"]}`
**Port file:** `{about["port"]["path"]}`, sha256 `{about["port"]["sha256"]}`
**Versions:** {versions}
**Harness:** sha256 `{about["harness"]}` over its files, archived in `scripts/`

In an environment with these versions, with the port's file at the hash above:

```bash
{about["command"]}
```

`<checkpoint>/<test>.json` holds what upstream's harness would have kept (command, exit code, stdout, stderr);
`<checkpoint>/metrics/<test>.json` the typed figures and the verdict
behind it. Times and memory depend on the machine.
"""
