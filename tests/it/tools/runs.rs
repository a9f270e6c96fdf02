//! Stored runs through the tools: read, compared, turned into a checklist; and the fault shown in both sources.

use super::*;

fn record(verdict: CheckVerdict, figure: f64, module: Option<(&str, String, String)>) -> CheckRecord {
    let error = mlxport::harness::data::CheckError {
        kind: mlxport::harness::data::Kind::Port,
        text: String::new(),
        hint: None,
    };
    CheckRecord {
        verdict,
        figure: Some(Figure::Number(figure)),
        bar: Some(Figure::Number(1e-5)),
        metric: Some("relative error".into()),
        error: None,
        first_divergence: module.map(|(module, reference, port)| Divergence {
            module: module.into(),
            reference: Some(reference),
            port: Some(port),
        }),
        ..CheckRecord::failed(CheckId::EXACT, error)
    }
}

fn run(id: &str, verdict: Verdict, check: CheckRecord) -> RunResult {
    RunResult { run_id: id.into(), verdict, checks: vec![check], ..passed() }
}

/// A place with a port, and two runs of it: a failure in the second layer's MLP, then a pass.
fn with_runs() -> Place {
    let place = place();
    let root = place.folder.path().to_path_buf();
    write(&root.join("mlx-lm").join(PORT), "class MLP:\n    act = \"relu\"\n");
    let reference = root.join("site/transformers/models/arcee/modeling_arcee.py:2");
    let port = root.join("mlx-lm").join(format!("{PORT}:2"));
    let module = ("model.layers.1.mlp", reference.display().to_string(), port.display().to_string());
    place.store(run("20261125T100000-a", Verdict::Fail, record(CheckVerdict::Fail, 0.3, Some(module))));
    place.store(run("20261125T110000-b", Verdict::Pass, record(CheckVerdict::Pass, 1e-7, None)));
    place.store(RunResult {
        model_type: "llama".into(),
        ..run("20261125T120000-c", Verdict::Pass, record(CheckVerdict::Pass, 0.0, None))
    });
    place
}

#[test]
fn runs_are_listed_read_and_compared_by_id_or_by_how_new_they_are() {
    let place = with_runs();
    assert_eq!(
        place.done("read_run", json!({})),
        "newest first:\n20261125T110000-b twin defaults: check pass\n20261125T100000-a twin defaults: check fail: model.layers.1.mlp\n"
    );
    let last = place.done("read_run", json!({"run": "last"}));
    assert!(
        last.starts_with(
            "run 20261125T110000-b of twin at 2026-11-25T10:00:00Z, 1.5 s, variants: defaults\ncurrent: "
        ),
        "{last}"
    );
    let older = place.done("read_run", json!({"run": "last-1"}));
    assert!(
        older.contains("  reference: transformers/models/arcee/modeling_arcee.py:2\n  port:      mlx_lm/models/arcee.py:2\n"),
        "{older}"
    );
    let one = place.done("read_run", json!({"run": "20261125T100000-a", "check": "exact"}));
    assert!(one.contains("exact: fail, relative error 3.0e-01 (bar 1e-5)\n"), "{one}");
    let compared = place.done("compare_runs", json!({"before": "last-1"}));
    assert_eq!(
        compared,
        "20261125T100000-a → 20261125T110000-b\nchanged inputs: none: the same port, configs, harness and versions\n\
         better: exact fail 3.0e-01 at model.layers.1.mlp → pass 1.0e-07\n0 worse, 1 better, 0 neither\n"
    );
    write(&place.folder.path().join("mlx-lm").join(PORT), "changed\n");
    let last = place.done("read_run", json!({"run": "last"}));
    assert!(last.contains("stale: mlx_lm/models/arcee.py has changed since"), "{last}");
}

#[test]
fn a_run_is_never_a_path_and_never_another_models() {
    let place = with_runs();
    for name in [
        "../secret",
        "/etc/passwd",
        "",
        "last-2",
        "last-99999999999999999999",
        "20261125T100000-a/run.json",
        "\u{1b}[31m",
    ] {
        for (tool, key) in [
            ("read_run", "run"),
            ("compare_runs", "before"),
            ("debug_checklist", "run"),
            ("locate_fault", "run"),
        ] {
            let said = place.failed(tool, json!({key: name}));
            assert!(said.contains("there is no run"), "{tool} {name:?}: {said}");
            assert!(!said.contains('\u{1b}') && !said.contains("hunter2"), "{said}");
        }
    }
    let said = place.failed("read_run", json!({"run": "20261125T120000-c"}));
    assert!(said.contains("run 20261125T120000-c is of llama, not of arcee"), "{said}");
    let said = place.failed("read_run", json!({"run": "last", "check": "exakt"}));
    assert!(said.contains("has no check `exakt`; it has exact"), "{said}");
    assert!(place.failed("read_run", json!({"check": "exact"})).contains("`check` needs a `run`"));
}

#[test]
fn a_located_fault_shows_the_lines_of_both_sources() {
    let place = with_runs();
    let text = place.done("locate_fault", json!({"run": "last-1", "lines": 1}));
    assert_eq!(
        text,
        "verdict: fail (run 20261125T100000-a)\nfirst divergent module: model.layers.1.mlp\n  \
         reference: transformers/models/arcee/modeling_arcee.py:2\n  port:      mlx_lm/models/arcee.py:2\n\
         reference:\n  transformers/models/arcee/modeling_arcee.py\n     1  class ArceeMLP:\n>    2      act = \"relu2\"\n     3\n\
         port:\n  mlx_lm/models/arcee.py\n     1  class MLP:\n>    2      act = \"relu\"\n"
    );
    assert!(place.done("locate_fault", json!({"run": "last"})).ends_with("no module diverges in this run\n"));
    // Without a run the harness is asked anew, for these two checks alone.
    place.done("locate_fault", json!({}));
    assert_eq!(place.fake.asked.lock().unwrap()[0].checks, [CheckId::EXACT, CheckId::LOCATE]);
    // A place outside the folders is told and not read.
    let secret = format!("{}:1", place.folder.path().join("secret.py").display());
    let module = ("model.norm", secret.clone(), secret);
    place.store(run("20261125T130000-d", Verdict::Fail, record(CheckVerdict::Fail, 1.0, Some(module))));
    let text = place.done("locate_fault", json!({"run": "last"}));
    assert!(
        text.contains("are not among the files that tools may read") && !text.contains("hunter2"),
        "{text}"
    );
}

#[test]
fn the_checklist_follows_from_what_failed() {
    let place = with_runs();
    let text = place.done("debug_checklist", json!({"run": "last-1"}));
    let at = |title: &str| text.find(title).unwrap_or_else(|| panic!("{title}: {text}"));
    assert!(
        at("not passed: exact") < at("## Where to begin")
            && at("## Where to begin") < at("## The MLP diverges")
    );
    assert!(!text.contains("## Attention diverges"), "{text}");
    let clean = place.done("debug_checklist", json!({}));
    assert!(clean.contains("## Nothing diverges") && !clean.contains("## Where to begin"), "{clean}");
    // The person's own list of the same name stands for ours; a new one is added; a broken one is named.
    let folder = place.folder.path().join("prompts/debug");
    std::fs::create_dir_all(&folder).unwrap();
    let list = |name: &str, text: &str| write(&folder.join(name), text);
    list("mlp.md", "+++\ntitle = \"My MLP\"\nmodules = [\"mlp\"]\n+++\nLook at the gate.\n");
    list("mine.md", "+++\ntitle = \"Mine\"\nchecks = [\"exact\"]\n+++\nLook twice.\n");
    let text = place.done("debug_checklist", json!({"run": "last-1"}));
    assert!(text.contains("## My MLP\n\nLook at the gate.\n") && text.contains("## Mine"), "{text}");
    assert!(!text.contains("## The MLP diverges"), "{text}");
    list("mine.md", "Look twice.\n");
    let text = place.done("debug_checklist", json!({"run": "last-1"}));
    assert!(
        text.contains("debug/mine.md: it does not begin with +++") && text.contains("## My MLP"),
        "{text}"
    );
    let none = place_for("gemma3_text");
    assert!(none.failed("debug_checklist", json!({})).contains("gemma3_text has 0 runs"));
}
