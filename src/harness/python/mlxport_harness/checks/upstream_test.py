"""H14 `upstream-test`: the port's entry in upstream's tests/test_models.py passes, and fails on faulty ports.

The release of mlx-lm ships no tests: a checkout is given (`--checkout`). The entry is a function that imports
the port, or a row of the table of all models; the file is cut down to it, parsed and never imported here.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlxport_harness.checks import Check
from mlxport_harness.checks.verdict import record
from mlxport_harness.errors import Failure
from mlxport_harness.twin.target import port_name

if TYPE_CHECKING:
    from mlxport_harness.view import View

CHECK = Check(
    "upstream-test",
    "upstream_test",
    "slow",
    "rule",
    "the entry passes on the port, fails without it and on faults of shape, dtype, layers, cache and batch",
    "the port's entry in mlx-lm's own test_models, and whether it can fail",
    limit_s=300.0,
)
FILE = "tests/test_models.py"
KNOWN = {
    "absent": "without the port's file",
    "shape": "with logits cut by one",
    "dtype": "with float32 logits",
    "layers": "with a layer missing",
    "cache": "without a cache",
    "batch": "with only the first of a batch",
}


def run(view: View) -> list[dict[str, Any]]:
    checkout = view.params.get("checkout")
    if not checkout:
        text = "mlx-lm's release ships no tests. Give a checkout with --checkout FOLDER."
        return [_record("not_applicable", text, "no_checkout")]
    path = Path(checkout) / FILE
    names = {view.target.port_path.stem, port_name(view.target.model_type)}
    module = port_name(view.target.model_type)
    try:
        source = path.read_text()
        found = entry(source, names)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        hint = "Give the folder of a checkout of mlx-lm."
        raise Failure("user", f"Cannot read {path}: {reason}.", hint) from None
    except SyntaxError as error:
        raise Failure(
            "user", f"{path}:{error.lineno}: does not parse: {error.msg}.", "Mend the test file."
        ) from None
    if found is None:
        text = (
            f"{path} has no test of {module}: upstream asks for one, a row of test_all_models or a function."
        )
        return [_record("suspect", text, "no_entry")]
    _, notes, seconds = view.port(
        "upstream_test",
        module=module,
        path=str(path),
        mem_mb=view.run.mem_mb,
        **found,
    )
    return [judge(found, notes, seconds)]


def judge(found: dict[str, Any], notes: dict[str, Any], seconds: float) -> dict[str, Any]:
    runs, tests = notes["runs"], ", ".join(found["tests"])
    clean = runs[""]
    extras: dict[str, Any] = {
        "seconds": seconds,
        "tests": found["tests"],
        "kind": found["kind"],
        "runs": runs,
    }
    if clean["verdict"] == "skipped":
        why = "; ".join(clean["skipped"]) or "it holds no test"
        return _record("not_exercised", f"{tests} was skipped: {why}.", "skipped", **extras)
    if clean["verdict"] == "fail":
        text = f"{'; '.join(clean['text'])}"
        if clean["where"]:
            text += f" ({clean['where']})"
        return _record("fail", text, "fails", **extras)
    alive = [name for name in notes["basic"] if runs[name]["verdict"] == "pass"]
    findings = [
        {"id": "alive", "text": f"{tests} passes {KNOWN[name]} too: it does not test the port.", "key": name}
        for name in alive
    ]
    idle = [n.partition(" ")[2] for n, r in runs.items() if n.startswith("widens ") and not r["calls"]]
    if idle:
        text = f"The test's config never runs {', '.join(idle)}."
        findings.append({"id": "never_run", "text": text})
    quiet = [
        n.partition(" ")[2]
        for n, r in runs.items()
        if n.startswith("widens ") and r["calls"] and r["verdict"] == "pass"
    ]
    if quiet:
        text = (
            f"A float32 output of {', '.join(quiet)} goes unseen by {tests}: cast back, or not in the logits."
        )
        findings.append({"id": "unseen", "text": text})
    killed = sum(r["verdict"] == "fail" for n, r in runs.items() if n)
    return record(
        "upstream-test",
        "",
        "suspect" if alive else "pass",
        figure=killed,
        unit="faults",
        metric=f"faults of the port that {tests} sees, of {len(runs) - 1}",
        findings=findings,
        **extras,
    )


def entry(source: str, names: set[str]) -> dict[str, Any] | None:
    """The source cut down to the tests of a port under one of `names`; None where there is none.

    Other rows of a table and other tests go; a top-level import that this mlx-lm lacks is let pass.
    """
    tree = ast.parse(source)
    for case in [n for n in tree.body if isinstance(n, ast.ClassDef)]:
        tests = [n for n in case.body if isinstance(n, ast.FunctionDef) and n.name.startswith("test")]
        chosen = {}
        for test in tests:
            table = _Rows(names)
            table.visit(test)
            if table.kept:
                chosen[test.name] = "table"
            elif not table.dropped and _imports(test, names):
                chosen[test.name] = "function"
        runs = [t for t in chosen if chosen[t] == "table" or _calls_runner(tests, t)]
        if not runs:
            continue
        case.body = [n for n in case.body if n not in tests or n.name in runs]
        tree.body = [n for n in tree.body if not isinstance(n, ast.ClassDef) or n is case]
        tree.body = [_lenient(n) if isinstance(n, (ast.Import, ast.ImportFrom)) else n for n in tree.body]
        text = ast.unparse(ast.fix_missing_locations(tree))
        kind = "table" if "table" in (chosen[t] for t in runs) else "function"
        return {"source": text, "case": case.name, "tests": runs, "kind": kind}
    return None


class _Rows(ast.NodeTransformer):
    """Keeps, in lists of dicts with a model_type, only the rows of the port."""

    def __init__(self, names: set[str]) -> None:
        self.names, self.kept, self.dropped = names, 0, 0

    def visit_List(self, node: ast.List) -> ast.AST:
        rows = [(e, _model_type(e)) for e in node.elts]
        if not rows or any(t is None for _, t in rows):
            return self.generic_visit(node)
        node.elts = [e for e, t in rows if t in self.names]
        self.kept += len(node.elts)
        self.dropped += len(rows) - len(node.elts)
        return node


def _model_type(node: ast.expr) -> str | None:
    if not isinstance(node, ast.Dict):
        return None
    for key, value in zip(node.keys, node.values, strict=True):
        if isinstance(key, ast.Constant) and key.value == "model_type" and isinstance(value, ast.Constant):
            return str(value.value)
    return None


def _imports(test: ast.FunctionDef, names: set[str]) -> bool:
    for node in ast.walk(test):
        if not isinstance(node, ast.ImportFrom):
            continue
        taken = {alias.name for alias in node.names} if node.module == "mlx_lm.models" else set()
        if taken & names or node.module in {f"mlx_lm.models.{n}" for n in names}:
            return True
    return False


def _calls_runner(tests: list[ast.FunctionDef], name: str) -> bool:
    """Tests of one special case are upstream's; the entry of a port is what goes through the runner."""
    test = next(t for t in tests if t.name == name)
    calls = [
        n.func.attr for n in ast.walk(test) if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute)
    ]
    return any(re.search(r"runner$", c) for c in calls)


def _lenient(node: ast.stmt) -> ast.stmt:
    missing = ast.Name("ImportError", ast.Load())
    return ast.Try([node], [ast.ExceptHandler(missing, None, [ast.Pass()])], [], [])


def _record(verdict: str, text: str, key: str, **extras: Any) -> dict[str, Any]:
    return record("upstream-test", "", verdict, findings=[{"id": key, "text": text}], **extras)
