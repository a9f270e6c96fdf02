"""The family `battery`: reads the manifest, records the reference, then runs test after test on the port.

A test that fails, raises, hangs or takes its process down is a record like any other; the rest goes on. Each
record is on disk before the next test starts.
"""

from __future__ import annotations

import hashlib
import shlex
import sys
import time
from pathlib import Path
from typing import Any

from mlxport_harness import preload
from mlxport_harness.battery import estimate, judge, manifest, results, summary
from mlxport_harness.battery.case import Case, Outcome
from mlxport_harness.battery.checkpoint import Checkpoint, find, inspect
from mlxport_harness.battery.plan import Test, choose
from mlxport_harness.errors import Failure, PortFault
from mlxport_harness.trim import trim
from mlxport_harness.twin.target import _port_path

TIMED_OUT, KILLED = 124, 137


def execute(run: Any) -> dict[str, Any]:
    """`target`: checkpoint (manifest or folder), port_path; `params`: tests, out, continue, sha, max_tokens,
    folders {repo_id: path}, trust_remote_code, estimate, device, layerwise.
    """
    target, params = run.request.get("target") or {}, run.params
    given = target.get("checkpoint")
    if not isinstance(given, str) or not given:
        raise Failure("user", "A battery needs target.checkpoint, a manifest or a folder.", "")
    plan, tests = manifest.read(Path(given)), choose(params.get("tests"))
    for key in plan.unknown:
        run.emit({"type": "log", "text": f"{given}: the key {key} is not in version 1; it is ignored."})
    if plan.trust_remote_code and not params.get("trust_remote_code"):
        text = f"{given} needs trust_remote_code: its reference runs code from the checkpoint."
        raise Failure("user", text, "Read that code, then give --trust-remote-code.")
    folders = params.get("folders") or {}
    cases = []
    for variant in plan.variants:
        checkpoint = inspect(find(variant, folders), variant)
        cases.append(_case(run, plan, variant, checkpoint, target.get("port_path")))
    model_type = cases[0].checkpoint.model_type
    about = {"model_type": model_type, "variant": ", ".join(c.model for c in cases)}
    for case in cases:
        _tell_estimate(run, case, tests)
    if params.get("estimate"):
        return about | {"verdict": "pass", "estimates": [c.kept["estimate"] for c in cases]}
    tree = _tree(run, plan, cases, tests)
    run.environment["results"] = str(tree.folder)
    for case in cases:
        _battery(run, case, tests, tree)
    return about | {"results": str(tree.folder)}


def _case(run: Any, plan: manifest.Manifest, variant: manifest.Variant, found: Checkpoint, port: Any) -> Case:
    path, chosen = _port_path(found.model_type, port)
    run.environment["port"] = {
        "path": str(path),
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "given": chosen,
    }
    fits = estimate.float32_fits(found, run.mem_mb) and not run.params.get("layerwise")
    remote = bool(run.params.get("trust_remote_code"))
    return Case(run, variant, found, path, plan.quantize, fits, remote)


def _tell_estimate(run: Any, case: Case, tests: list[Test]) -> None:
    known = case.states_dir.is_dir() and any(case.states_dir.iterdir())
    limits = (case.generate_tokens, case.long_tokens)
    found = estimate.estimate(case.checkpoint, tests, case.float32, limits, run.cache_dir, known)
    case.kept["estimate"] = found | {"checkpoint": case.model}
    run.metric("estimated_seconds", found["seconds"], "s", None, "estimate")
    run.metric("estimated_memory", found["memory_gb"], "GB", None, "estimate")
    run.emit({"type": "log", "text": f"{case.model}: {estimate.words(found)}"})
    needed, there = found["memory_gb"], estimate.memory_bytes() / 1e9
    if case.checkpoint.bytes > estimate.memory_bytes():
        text = f"{case.model} needs {needed:.0f} GB of memory, this machine has {there:.0f}."
        raise Failure(
            "environment", text, "Run it on a larger machine, or use `check load` and `check twin`."
        )


def _tree(run: Any, plan: manifest.Manifest, cases: list[Case], tests: list[Test]) -> results.Tree:
    params, port = run.params, run.environment["port"]["sha256"]
    sha = str(params.get("sha") or port)
    identity = {
        "sha": sha,
        "port": port,
        "checkpoints": {c.model: c.checkpoint.key for c in cases},
        "max_tokens": params.get("max_tokens"),
        "float32": [c.float32 for c in cases],
        "harness": results.harness_sha(),
        "versions": preload.versions(),
    }
    if params.get("continue"):
        return results.Tree.resume(Path(params["continue"]), plan, sha, identity)
    return results.Tree.start(Path(params.get("out") or run.run_dir), plan, sha, identity)


def _battery(run: Any, case: Case, tests: list[Test], tree: results.Tree) -> None:
    several = len(tree.manifest.variants) > 1
    done = {t.id: r for t in tests if (r := tree.done(case.variant, t.id)) is not None}
    left = [t for t in tests if t.id not in done]
    for record in done.values():
        run.publish(record | {"continued": True})
    try:
        case.prepare([need for t in left for need in judge.module(t.id).needs(case)])
        for number, test in enumerate(left):
            case.progress(number, len(left), "tests", f"{case.model}: {test.id}, {test.title}")
            outcome = _one(case, test)
            if several:
                outcome.record["variant"] = case.model
            tree.save(case.variant, test.id, outcome, command(run, [test.id]))
            run.publish(outcome.record)
            for name, value in _metrics(outcome.record):
                run.metric(name, value, outcome.record["unit"], outcome.record["bar"], test.rule)
            summary.write(tree, _about(run, case))
    finally:
        case.close()
    summary.write(tree, _about(run, case))
    _learn(run, case)


def _one(case: Case, test: Test) -> Outcome:
    began = time.monotonic()
    try:
        found = judge.module(test.id).judge(case, test)
    except PortFault as fault:
        code = TIMED_OUT if "did not finish" in fault.text else KILLED if "killed" in fault.text else 1
        record = case.record(test, "fail", error=fault.record(), metric=test.rule)
        found = Outcome(record, "", code, f"{fault.record()['text']}\n")
    except Failure as failure:
        record = case.record(test, "error", error=failure.record(), metric=test.rule)
        found = Outcome(record, "", 1, f"{failure.text}\n")
    except (ArithmeticError, LookupError, TypeError, ValueError, OSError) as error:
        # What the port's process wrote is not to be trusted: a shape or a key that is not there ends here.
        text = f"The recording of {test.id} cannot be read: {type(error).__name__}: {error}"
        record = case.record(test, "fail", error={"kind": "port", "text": text[:400], "hint": ""})
        found = Outcome(record, "", 1, f"{text}\n")
    trim()
    found.record["wall_seconds"] = time.monotonic() - began
    found.record.setdefault("decides", test.decides)
    return found


def _metrics(record: dict[str, Any]) -> list[tuple[str, float]]:
    figures = [(record["id"], record["figure"])] if record["figure"] is not None else []
    return figures + [
        (f"{record['id']}.{k}", v)
        for k, v in (record.get("figures") or {}).items()
        if isinstance(v, (int, float)) and not isinstance(v, bool)
    ]


def command(run: Any, tests: list[str] | None = None) -> str:
    """What runs the same again, from any folder."""
    target, params = run.request.get("target") or {}, run.params
    words = ["python", "-m", "mlxport_harness", "check", "battery", str(target.get("checkpoint"))]
    if target.get("port_path"):
        words += ["--port", str(target["port_path"])]
    if params.get("sha"):
        words += ["--sha", str(params["sha"])]
    if params.get("max_tokens"):
        words += ["--max-tokens", str(params["max_tokens"])]
    if params.get("layerwise"):
        words.append("--layerwise")
    for repo, folder in (params.get("folders") or {}).items():
        words += ["--folder", f"{repo}={folder}"]
    if tests or params.get("tests"):
        words += ["--tests", ",".join(tests or params["tests"])]
    return shlex.join(words)


def _about(run: Any, case: Case) -> dict[str, Any]:
    return {
        "model_type": case.checkpoint.model_type,
        "versions": preload.versions() | {"platform": sys.platform},
        "port": run.environment["port"],
        "commit": bool(run.params.get("sha")),
        "command": command(run),
        "harness": results.harness_sha(),
    }


def _learn(run: Any, case: Case) -> None:
    """What this machine did, for the next estimate."""
    meta, size = case.kept.get("generate"), case.checkpoint.parameters
    passes = [v for k, v in case.kept.items() if k.startswith("forward ")]
    rates = {"decode": meta["generation_tps"] * size} if meta else {}
    if passes:
        rates["forward"] = max(len(a["ids"]) * size / max(s, 1e-3) for a, _, s in passes)
    if rates:
        estimate.learn(run.cache_dir, **rates)
