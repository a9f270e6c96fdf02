"""The mutants themselves: the library fits the release, and each way of mutating says what it saw."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from mlxport_harness.errors import Failure
from mlxport_harness.mutants import generic, library, table, upstream_rules
from mlxport_harness.mutants.run import Store, kept
from mlxport_harness.mutants.session import Outcome

from client import PORTS, environment, records

LIBRARY = {
    "family": "dense",
    "mutants": [
        {"id": "residual", "kind": "residual", "usage": "math", "in": "TransformerBlock",
         "old": "out = h + r", "new": "out = x + r", "why": "in the port's own text"},
        {"id": "rope", "kind": "rope", "usage": "math", "in": "initialize_rope", "file": "rope_utils",
         "old": "traditional=traditional, base=base, scale", "new": "traditional=True, base=base, scale",
         "why": "in a shared module"},
        {"id": "nothing", "kind": "train", "usage": "train", "in": "TransformerBlock", "old": "out = h + r",
         "new": "out = r + h", "why": "no fault at all, so it must survive"},
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder of twins for all tests on arcee."""
    return tmp_path_factory.mktemp("mutants")


def bench(*arguments: str, folder: Path | None = None) -> tuple[int, dict, str]:
    """The command in a process of its own, with another folder of library files where one is given."""
    script = "import sys; from pathlib import Path; from mlxport_harness import cli; "
    if folder:
        script += f"from mlxport_harness.mutants import library; library.FOLDER = Path({str(folder)!r}); "
    script += "sys.exit(cli.main(['bench', 'mutants', '--json', *sys.argv[1:]]))"
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        capture_output=True,
        text=True,
        env=environment(),
        timeout=500,
        check=False,
    )
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout), done.stderr


def test_library_fits_the_installed_release_and_is_as_large_as_the_bar():
    subjects = library.chosen(None)
    mutants = [m for s in subjects for m in s.mutants]
    assert len(subjects) >= 12 and len({s.family for s in subjects}) >= 12
    assert len(mutants) >= 120
    for mutant in mutants:
        assert library.mutated(mutant) != library.port_file(mutant.type).read_text()
        assert mutant.why


def test_fault_whose_text_is_gone_is_an_error_that_names_it():
    mutant = library.Mutant("llama/gone", "llama", "rope", "math", "no such line", "x", "why")
    with pytest.raises(Failure, match=r"llama/gone: its text is 0 times in llama\.py, not 1"):
        library.mutated(mutant)


def test_unknown_type_is_the_users_mistake():
    code, found, _ = bench("--types", "nonesuch")
    assert (code, found["error"]["kind"]) == (2, "user")
    assert "nonesuch" in found["error"]["text"] and "llama" in found["error"]["hint"]


def test_scorecard_kills_faults_not_rewrites_and_goes_on_where_it_was_cut(tmp_path):
    folder, work = tmp_path / "library", tmp_path / "work"
    folder.mkdir()
    (folder / "llama.json").write_text(json.dumps(LIBRARY))
    code, found, said = bench("--plan", "quick", "--work", str(work), folder=folder)
    assert code == 0
    assert {r["id"]: r["fail"] for r in found["mutants"]} == {
        "llama/residual": ["exact"],
        "llama/rope": ["exact"],
        "llama/nothing": [],
    }
    assert [(r["config"], r["fail"], r["suspect"], r["error"]) for r in found["controls"]] == [
        ("defaults", [], [], [])
    ]
    theirs = {r["id"]: r["upstream"]["passes"] for r in found["mutants"]}
    assert theirs["llama/nothing"] and not theirs["llama/residual"]
    assert "llama/residual: fail exact" in said
    results = next(work.glob("results-*.jsonl"))
    lines = results.read_text().splitlines()
    results.write_text("\n".join(lines[:-1]) + "\n" + lines[-1][:40])
    _, again, said = bench("--plan", "quick", "--work", str(work), folder=folder)
    assert "llama/nothing: pass" in said and "llama/residual" not in said
    assert [r["fail"] for r in again["mutants"]] == [r["fail"] for r in found["mutants"]]


def test_time_that_ran_out_is_no_answer_and_kills_nothing(tmp_path):
    late = {"unanswered": "The port did not finish within 600 s (stage cache)"}
    said = {"twin": "std 1.0", "figure": None, "error": None, "findings": []}
    cache = {"id": "cache", "verdict": "fail", **said, **late}
    about = {
        "type": "llama",
        "config": "defaults",
        "id": "llama/a",
        "usage": "math",
        "why": "",
        "plan": "full",
    }
    slow = kept(Outcome([{"id": "exact", "verdict": "pass", **said}, cache])) | about
    assert (slow["fail"], slow["suspect"], slow["unanswered"]) == ([], [], ["cache"])
    wrong = kept(Outcome([{"id": "exact", "verdict": "fail", **said}, cache])) | about
    assert (wrong["fail"], wrong["unanswered"]) == (["exact"], ["cache"])
    lost = kept(Outcome(failure={"kind": "reference", "text": "no time", "hint": ""})) | about
    found = {"mutants": [slow, wrong, lost], "controls": [slow], "seconds": 1.0}
    assert table.counts(found).startswith("1 of 3 faults killed (33.3%), 2 gave no answer, 0 more suspect")
    assert "Unmutated: 1 alarms on 1" in table.counts(found)
    assert table.plain(found).count("  no answer ") == 2 and "survived" not in table.plain(found)
    store = Store(tmp_path / "rows.jsonl")
    store.add({"key": "late", **slow})
    store.add({"key": "wrong", **wrong})
    store.add({"key": "lost", **lost})
    assert store.get("late", "full") is store.get("lost", "full") is None and store.get("wrong", "full")


def test_own_port_lists_what_no_check_would_have_caught(tmp_path, work):
    port = tmp_path / "arcee.py"
    port.write_text((PORTS / "arcee.py").read_text() + "\n\ndef unused(x):\n    return x + 1\n")
    code, found, _ = bench(
        "--port", str(port), "--plan", "quick", "--limit", "5", "--work", str(tmp_path / "w")
    )
    assert code == 0
    assert found["judged"] == 5 and found["killed"] + len(found["survivors"]) == 5
    assert found["killed"] >= 3
    assert found["traced"]
    last = len(port.read_text().splitlines())
    assert {"line": last, "kind": "operator", "what": "`+` becomes `-`"} in found["not_exercised"]
    attention = port.read_text().splitlines().index("        B, L, _ = x.shape") + 1
    assert attention not in [f["line"] for f in found["not_exercised"]]


def test_own_port_that_is_wrong_already_is_refused(tmp_path, work):
    port = tmp_path / "arcee.py"
    port.write_text((PORTS / "arcee.py").read_text().replace("nn.relu2(", "nn.silu("))
    code, found, _ = bench("--port", str(port), "--plan", "quick", "--work", str(work))
    assert (code, found["error"]["kind"]) == (2, "user")
    assert "does not pass: exact" in found["error"]["text"]


def test_history_takes_fixes_backwards(tmp_path, work):
    clone, models = tmp_path / "clone", tmp_path / "clone" / "mlx_lm" / "models"
    models.mkdir(parents=True)
    right = (PORTS / "arcee.py").read_text()

    def commit(subject: str, **files: str) -> None:
        for name, text in files.items():
            (models / f"{name}.py").write_text(text)
        git("add", "-A")
        git("-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "-m", subject)

    def git(*arguments: str) -> None:
        clean = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
        subprocess.run(["git", "-C", str(clone), *arguments], check=True, env=clean)

    git("init", "-q")
    commit("Add arcee", arcee=right.replace("nn.relu2(", "nn.silu("), cache="a = 1\n")
    commit("Fix activation of arcee", arcee=right)
    commit("Fix a comment", arcee=right + "# the end\n")
    commit("fix cache", cache="a = 2\n")
    commit("Faster arcee", arcee=right)
    code, found, _ = bench("--history", str(clone), "--plan", "quick", "--work", str(work))
    assert code == 0
    assert [(r["subject"], r["outcome"], r["fail"]) for r in found["rows"]] == [
        ("Fix activation of arcee", "caught", ["exact"]),
        ("Fix a comment", "missed", []),
        ("fix cache", "not runnable here", []),
    ]
    code, found, _ = bench("--history", str(tmp_path), "--work", str(work))
    assert (code, found["error"]["kind"]) == (2, "user")


def test_generic_faults_change_one_place_and_leave_words_alone():
    text = 'def f(x: int, s=2):\n    """A word."""\n    assert x + 1\n    return x * 0.5\n'
    found = [(f.line, f.kind, f.text.splitlines()[3].strip()) for f in generic.faults(text)]
    assert found == [
        (4, "operand lost", "return (x)"),
        (4, "operand lost", "return (0.5)"),
        (4, "operator", "return ((x) / (0.5))"),
        (4, "constant", "return x * 0.75"),
    ]


def test_upstreams_rules_judge_as_their_scripts_do():
    logits = np.arange(20, dtype=np.float32)
    swapped = logits.copy()
    swapped[[19, 18]] = swapped[[18, 19]]
    partial = logits.copy()
    partial[[0, 1]] = 18.2, 18.4
    assert upstream_rules.predictions(logits, logits) == ("SUCCESS", True, 5)
    assert upstream_rules.predictions(logits, partial) == ("PARTIAL", True, 3)
    assert upstream_rules.predictions(logits, swapped) == ("FAILURE", False, 5)
    state = np.array([[1.0, -100.0]], dtype=np.float32)
    words = [upstream_rules.layer(state, state + d)[0] for d in (0.5, 5.0, 10.0)]
    assert words == ["ok", "warn", "DIVERGED"]
    assert upstream_rules.layer(state, state[:, :1])[0] == "SHAPE MISMATCH"
    assert upstream_rules.passes("SUCCESS", ["ok", "warn"], True)
    assert not upstream_rules.passes("PARTIAL", ["ok"], True)


def test_norm_with_another_epsilon_fails_alone_where_the_logits_hardly_move(worker, arcee):
    whole = records(worker.run("arcee", arcee(), checks=["norms", "router"]))
    right = whole["norms"]
    assert (right["verdict"], right["paired"]) == ("pass", 9)
    assert whole["router"]["verdict"] == "not_applicable"
    change = (
        "self.norm = nn.RMSNorm(args.hidden_size, eps=args.rms_norm_eps)",
        "self.norm = nn.RMSNorm(args.hidden_size, eps=1e-6)",
    )
    wrong = records(worker.run("arcee", arcee(change), checks=["norms", "exact"]))
    assert wrong["exact std 1.0"]["verdict"] == "pass"
    assert wrong["norms"]["verdict"] == "fail"
    assert wrong["norms"]["first_divergence"]["module"] == "model.norm"


def test_groups_masked_with_zero_fail_where_every_score_is_below_zero(worker, tmp_path):
    text = library.port_file("deepseek_v3").read_text()
    found = {}
    for mask in ("0.0", "-mx.inf"):
        port = tmp_path / mask / "deepseek_v3.py"
        port.parent.mkdir()
        port.write_text(text.replace("mx.array(0.0)", f"mx.array({mask})"))
        found[mask] = records(worker.run("deepseek_v3", port, checks=["exact", "router"]))
    assert {m: (r["exact std 1.0"]["verdict"], r["router"]["verdict"]) for m, r in found.items()} == {
        "0.0": ("pass", "fail"),
        "-mx.inf": ("pass", "pass"),
    }
    assert "masked with 0" in found["0.0"]["router"]["findings"][0]["text"]


def test_upstreams_rules_pass_a_right_port_and_see_a_coarse_fault(worker, arcee):
    right = records(worker.run("arcee", arcee(), checks=["upstream"]))["upstream"]
    assert (right["verdict"], right["predictions"], right["dtype"]) == ("pass", "SUCCESS", "bfloat16")
    assert len(right["states"]) == 5
    wrong = records(worker.run("arcee", arcee(("nn.relu2(", "nn.silu(")), checks=["upstream"]))["upstream"]
    assert wrong["verdict"] == "suspect" and "DIVERGED" in [word for _, word, _ in wrong["states"]]
