//! The harness and the rules through the tools.

use super::*;

#[test]
fn linting_tells_what_ci_refuses_first_and_stays_short() {
    let place = place();
    let port = place.folder.path().join("mlx-lm").join(PORT);
    assert!(place.failed("lint_port", json!({})).contains("does not exist yet"));
    assert!(
        place.failed("lint_port", json!({"path": "mlx_lm/models/base.py"})).contains("may not be changed")
    );
    write(&port, "# Copyright © 2026 Apple Inc.\n\nimport os  # untidy\n\nprint(1)\n");
    let said = place.done("lint_port", json!({}));
    let lines: Vec<&str> = said.lines().take(5).collect();
    assert_eq!(lines[0], "mlx_lm/models/arcee.py: 4 errors, 2 warnings (upstream's CI would fail)");
    assert!(lines[1..5].iter().all(|line| line.contains(" error ")), "{said}");
    assert!(
        said.contains(
            "3:8      error   L8-unused-import     os is imported and never used → drop the import"
        ),
        "{said}"
    );
    assert!(said.contains("L10-test") && said.contains("tests/test_models.py never names arcee"), "{said}");
    let many: String = (0..200).map(|at| format!("print({at})\nx{at} = f\"\"\n")).collect();
    write(&port, &many);
    let said = place.done("lint_port", json!({}));
    assert!(said.contains("more findings; mend these and ask again") && said.lines().count() < 90, "{said}");
    assert!(place.done("lint_port", json!({"path": "tests/test_models.py"})).contains("nothing to change"));
}

#[test]
fn the_check_is_told_in_few_words_with_the_place_in_both_sources() {
    let place = place();
    let exact = CheckRecord {
        verdict: CheckVerdict::Fail,
        figure: Some(Figure::Number(0.29)),
        bar: Some(Figure::Number(1e-5)),
        metric: Some("relative error".into()),
        twin: Some("std 1.0".into()),
        error: None,
        first_divergence: Some(Divergence {
            module: "model.layers.5.mlp".into(),
            reference: Some("modeling_arcee.py:98".into()),
            port: Some("arcee.py:41".into()),
        }),
        findings: vec![Finding { id: "rope".into(), text: "reads rope_theta only".into(), key: None }],
        series: (0..20)
            .map(|layer| (format!("model.layers.{layer}.mlp"), (layer > 4).then_some(Figure::Number(0.1))))
            .collect(),
        ..CheckRecord::failed(
            CheckId::EXACT,
            mlxport::harness::data::CheckError {
                kind: mlxport::harness::data::Kind::Port,
                text: String::new(),
                hint: None,
            },
        )
    };
    let failing = RunResult { verdict: Verdict::Fail, checks: vec![exact.clone(), exact], ..passed() };
    *place.fake.check.lock().unwrap() = Ok(failing.clone());
    let Prepared::Run(run) = place.prepare("check_twin", "{\"checks\": [\"locate\", \"exact\", \"exact\"]}")
    else {
        panic!("a check runs at once")
    };
    let events = Arc::new(Mutex::new(Vec::new()));
    let kept = events.clone();
    let sink: Sink<ToolEvent> = Arc::new(move |event| kept.lock().unwrap().push(event));
    let end = place.runtime.block_on(place.registry.run(run, sink, CancellationToken::new()));
    assert_eq!(*events.lock().unwrap(), [ToolEvent::Harness(Event::Warming)]);
    assert_eq!(place.fake.asked.lock().unwrap()[0].checks, [CheckId::EXACT, CheckId::LOCATE]);
    assert_eq!(end.summary, "check fail: model.layers.5.mlp");
    assert_eq!(end.artifacts, [Artifact::Check { result: Box::new(failing) }]);
    assert_eq!(
        end.outcome,
        ToolOutcome::Done {
            text: "verdict: fail (run r1)\n\
                   judged on the config class's own defaults: the session has no configs\n\
                   exact: fail, twin std 1.0, relative error 2.9e-01 (bar 1e-5)\n\
                   exact: fail, twin std 1.0, relative error 2.9e-01 (bar 1e-5)\n\
                   first divergent module: model.layers.5.mlp\n  \
                   reference: modeling_arcee.py:98\n  port:      arcee.py:41\n\
                   divergence by module, in order of execution:\n  2 modules before\n  model.layers.2.mlp no counterpart\n  model.layers.3.mlp no counterpart\n  model.layers.4.mlp no counterpart\n  model.layers.5.mlp 1.0e-01\n  model.layers.6.mlp 1.0e-01\n  model.layers.7.mlp 1.0e-01\n  model.layers.8.mlp 1.0e-01\n  model.layers.9.mlp 1.0e-01\n  model.layers.10.mlp 1.0e-01\n  model.layers.11.mlp 1.0e-01\n  model.layers.12.mlp 1.0e-01\n  model.layers.13.mlp 1.0e-01\n  6 modules after\nfinding rope: reads rope_theta only\n"
                .into()
        }
    );
}

#[test]
fn whose_fault_it_is_decides_whether_the_model_or_the_person_hears_of_it() {
    let place = place();
    let outcome = |blame| {
        *place.fake.check.lock().unwrap() = Err(Report::new(blame, "said").hint("do this"));
        let Prepared::Run(run) = place.prepare("check_twin", "") else { panic!("a check runs at once") };
        place.run(run).outcome
    };
    assert_eq!(outcome(Blame::Port), ToolOutcome::Failed { text: "said (do this)".into() });
    let report = Report::new(Blame::Environment, "said").hint("do this");
    assert_eq!(outcome(Blame::Environment), ToolOutcome::Stop { report });
    let Prepared::Run(run) = place.prepare("check_twin", "{}") else { panic!("a check runs at once") };
    let cancelled = CancellationToken::new();
    cancelled.cancel();
    let end = place.runtime.block_on(place.registry.run(run, sink::discard(), cancelled));
    assert_eq!(
        end.outcome,
        ToolOutcome::Interrupted { text: "check_twin was interrupted by the person".into() }
    );
}

#[test]
fn checks_run_on_the_sessions_variants_by_name() {
    let place = place();
    let asked = |arguments| {
        place.done("check_twin", arguments);
        place.fake.asked.lock().unwrap().pop().unwrap()
    };
    assert_eq!(asked(json!({})).configs, Vec::<PathBuf>::new());
    let first = place.config("Harbor-8B", r#"{"model_type": "arcee"}"#);
    let second = place.config("Harbor-70B", r#"{"model_type": "arcee"}"#);
    assert_eq!(asked(json!({})).configs, [first.clone(), second.clone()], "what the harness pane judges");
    assert_eq!(asked(json!({"variants": "all"})).configs, [first.clone(), second.clone()]);
    place.done("locate_fault", json!({}));
    assert_eq!(place.fake.asked.lock().unwrap().pop().unwrap().configs, [first, second.clone()]);
    let said = |arguments| place.done("check_twin", arguments).lines().nth(1).unwrap_or_default().to_string();
    assert_eq!(said(json!({})), "judged on the session's configs: defaults");
    assert_eq!(
        said(json!({"variants": "defaults"})),
        "judged on the config class's own defaults, not on the session's 2 configs"
    );
    assert_eq!(asked(json!({"variants": "defaults"})).configs, Vec::<PathBuf>::new());
    let one = asked(json!({"variants": ["Harbor-70B"], "checks": "full", "seed": 7}));
    assert_eq!((one.configs, one.seed), (vec![second], 7));
    assert_eq!(one.checks, mlxport::harness::data::plan::full());
    let said = place.failed("check_twin", json!({"variants": "../../secret.py"}));
    assert!(
        said.ends_with("there is no variant `../../secret.py`; there are Harbor-8B, Harbor-70B"),
        "{said}"
    );
    assert!(place.failed("check_twin", json!({"checks": "fast"})).contains("and the plans quick and full"));
    let listed = place.done("list_checks", json!({}));
    assert!(
        listed.contains("  exact (fast, judges): ") && listed.contains("  swap (slow, shows figures): "),
        "{listed}"
    );
}

#[test]
fn a_load_check_takes_a_repository_or_a_variants_folder_and_nothing_else() {
    let place = place();
    let config = place.config("Harbor-8B", r#"{"model_type": "arcee"}"#);
    place.done("check_load", json!({"repo": "acme/harbor@v2"}));
    place.done("check_load", json!({"variant": "Harbor-8B"}));
    let repo = hub::data::RepoRef::parse("acme/harbor@v2").unwrap();
    let path = config.parent().unwrap().to_path_buf();
    assert_eq!(
        *place.fake.loads.lock().unwrap(),
        [LoadSource::Repo(repo), LoadSource::Folder { name: "Harbor-8B".into(), path }]
    );
    for wrong in [
        json!({}),
        json!({"repo": "acme/harbor", "variant": "Harbor-8B"}),
        json!({"repo": "/root/checkpoints/x"}),
        json!({"repo": "../x"}),
        json!({"variant": "/root/checkpoints"}),
    ] {
        place.failed("check_load", wrong);
    }
    assert_eq!(place.fake.loads.lock().unwrap().len(), 2);
}

#[test]
fn families_are_asked_of_the_port_on_the_sessions_configs_and_nothing_else() {
    let place = place();
    let port = place.folder.path().join("mlx-lm").join(PORT);
    let asked = |name: &str, arguments: serde_json::Value| {
        place.done(name, arguments);
        place.fake.families.lock().unwrap().pop().unwrap()
    };
    let request = asked("check_shard", json!({}));
    assert_eq!((request.family.as_str(), request.port), ("shard", None), "there is no port yet");
    assert_eq!(request.target, *json!({"model_type": "arcee"}).as_object().unwrap());
    assert_eq!(request.params["processes"], json!([2, 4]));
    write(&port, "x = 1\n");
    let first = place.config("Harbor-8B", r#"{"model_type": "arcee"}"#);
    let second = place.config("Harbor-70B", r#"{"model_type": "arcee"}"#);
    let port = Some(port.canonicalize().unwrap());
    let request = asked("check_shard", json!({"processes": [4, 2, 2], "variant": "Harbor-70B"}));
    assert_eq!((&request.port, &request.params["processes"]), (&port, &json!([2, 4])));
    assert_eq!(request.target["config"], json!(second));
    assert!(request.reads.contains(&second) && request.writes.is_empty(), "{request:?}");
    let request = asked("check_speed", json!({"budget_s": 30, "against": "llama"}));
    assert_eq!((&request.port, &request.target["config"]), (&port, &json!(first)));
    assert_eq!(request.params, *json!({"against": "llama", "budget_s": 30}).as_object().unwrap());
    let request = asked("check_speed", json!({"variant": "defaults"}));
    assert_eq!(request.target.get("config"), None);
    for (name, wrong, why) in [
        ("check_shard", json!({"processes": []}), "numbers from 2 to 8"),
        ("check_shard", json!({"processes": [2, 64]}), "numbers from 2 to 8"),
        ("check_shard", json!({"variant": "/etc"}), "there is no variant `/etc`; there are Harbor-8B"),
        ("check_shard", json!({"hostfile": "/etc/hosts"}), "unknown field `hostfile`"),
        ("check_speed", json!({"budget_s": 6000}), "from 10 to 600 seconds"),
        ("check_speed", json!({"against": "../../secret"}), "model type of an accepted port"),
    ] {
        let said = place.failed(name, wrong);
        assert!(said.contains(why), "{name}: {said}");
    }
    assert!(place.fake.families.lock().unwrap().is_empty(), "what was refused was not run");
}

#[test]
fn packs_lie_in_one_folder_and_none_is_written_over() {
    let place = place();
    let folder = place.folder.path().join("results/golden");
    let asked = |name: &str, arguments: serde_json::Value| {
        place.done(name, arguments);
        place.fake.families.lock().unwrap().pop().unwrap()
    };
    let said = place.failed("check_golden", json!({"pack": "arcee.gold"}));
    assert!(
        said.contains("there is no pack `arcee.gold`; no pack is kept yet: write_golden writes one"),
        "{said}"
    );
    let request = asked("write_golden", json!({}));
    assert_eq!(request.params["pack"], json!(folder.join("arcee.gold")));
    assert_eq!((request.reads.len(), &request.writes[..]), (0, &[folder.clone()][..]));
    write(&folder.join("arcee.gold"), "mine");
    assert_eq!(asked("write_golden", json!({})).params["pack"], json!(folder.join("arcee-2.gold")));
    let config = place.config("Harbor 8B/../x", r#"{"model_type": "arcee"}"#);
    let name = hub::read(&config).unwrap().name;
    let request = asked("write_golden", json!({"variant": name}));
    let pack = PathBuf::from(request.params["pack"].as_str().unwrap());
    assert_eq!(pack.parent(), Some(folder.as_path()), "a variant's name climbs nowhere");
    assert_eq!(request.params["checkpoint"], json!(config.parent().unwrap()));
    let request = asked("check_golden", json!({"pack": "arcee.gold"}));
    assert_eq!(request.target["model_type"], "arcee");
    assert_eq!(request.reads, [folder.join("arcee.gold")]);
    for wrong in ["../golden/arcee.gold", "/etc/passwd", "", "."] {
        let said = place.failed("check_golden", json!({"pack": wrong}));
        assert!(said.ends_with("there are arcee.gold"), "{said}");
    }
}

#[test]
fn an_interrupted_family_says_so_and_every_check_of_the_harness_has_a_tool() {
    let place = place();
    let Prepared::Run(run) = place.prepare("check_shard", "{}") else { panic!("a check runs at once") };
    let cancelled = CancellationToken::new();
    cancelled.cancel();
    let end = place.runtime.block_on(place.registry.run(run, sink::discard(), cancelled));
    assert!(matches!(end.outcome, ToolOutcome::Interrupted { .. }), "{end:?}");
    let names: Vec<String> = place.registry.specs().into_iter().map(|spec| spec.name).collect();
    for check in mlxport::harness::data::plan::list() {
        assert_eq!(check.family, "twin");
        place.done("check_twin", json!({"checks": [check.id.name()]}));
        assert_eq!(place.fake.asked.lock().unwrap().pop().unwrap().checks, [check.id]);
    }
    let families = include_str!("../../../src/harness/python/mlxport_harness/families.py");
    let (_, table) = families.split_once("FAMILIES = {").expect("the families");
    let (table, _) = table.split_once('}').expect("its end");
    let known: Vec<&str> = table.lines().filter_map(|line| line.trim().split('"').nth(1)).collect();
    assert!(known.len() >= 7, "{known:?}");
    // `reference` records the reference's side of a twin for the others; it judges no port.
    for family in known.into_iter().filter(|family| *family != "reference") {
        assert!(names.contains(&format!("check_{family}")), "no tool for {family}");
    }
}

#[test]
fn a_battery_is_shown_with_its_cost_and_runs_as_it_was_agreed_to() {
    let place = place();
    write(&place.folder.path().join("mlx-lm").join(PORT), "x = 1\n");
    let config = place.config("Harbor-8B", r#"{"model_type": "arcee"}"#);
    place.config("Harbor-70B", r#"{"model_type": "arcee"}"#);
    let folder = config.parent().unwrap().canonicalize().unwrap();
    write(&folder.join("model.safetensors"), "weights");
    let wanted = json!({"variant": "Harbor-8B", "tests": ["dtype", "predictions"], "max_tokens": 8});
    let proposal = place.proposal("check_battery", wanted.clone());
    assert_eq!(proposal.title, "run the battery on Harbor-8B: about 5 min, 1.2 GB of memory");
    assert_eq!((proposal.scope, proposal.before.as_str()), (EditScope::Run { seconds: 241 }, ""));
    assert_eq!(
        proposal.after,
        format!(
            "checkpoint  {}\nport        mlx_lm/models/arcee.py, as it is saved when it starts\n\
             tests       dtype, predictions; generates at most 8 tokens\n135 million parameters: about 4 min\n\
             It is a job of its own and goes on when mlxport is closed;\nan interrupt stops it, what is finished stays.\n",
            folder.display()
        )
    );
    let run = |path: &str, by, arguments: &serde_json::Value| {
        let edit = ApprovedEdit { path: path.into(), before: "".into(), after: "".into(), by };
        let arguments = arguments.clone();
        place.run(ToolRun {
            call_id: "c1".into(),
            name: "check_battery".into(),
            arguments,
            approved: Some(edit),
        })
    };
    let other = json!({"variant": "Harbor-70B"});
    for (path, by, arguments) in [
        ("the battery on Harbor-8B", EditOrigin::Model, &other),
        ("the battery on Harbor-8B", EditOrigin::Person, &wanted),
        (PORT, EditOrigin::Model, &wanted),
    ] {
        let end = run(path, by, arguments);
        assert!(
            matches!(&end.outcome, ToolOutcome::Failed { text } if text.contains("another run")),
            "{end:?}"
        );
    }
    let run_alone = ToolRun {
        call_id: "c1".into(),
        name: "check_battery".into(),
        arguments: wanted.clone(),
        approved: None,
    };
    assert!(matches!(place.run(run_alone).outcome, ToolOutcome::Stop { .. }), "nobody agreed");
    assert!(place.fake.batteries.lock().unwrap().is_empty());
    let end = run("the battery on Harbor-8B", EditOrigin::Model, &wanted);
    assert!(matches!(&end.artifacts[..], [Artifact::Check { .. }]), "{end:?}");
    let request = place.fake.batteries.lock().unwrap().pop().unwrap();
    assert_eq!(request.target["checkpoint"], json!(folder));
    assert_eq!(request.params["tests"], json!(["dtype", "predictions"]));
    assert_eq!(request.writes, [place.folder.path().canonicalize().unwrap().join("results/battery")]);
    for (wrong, why) in [
        (json!({}), "missing field `variant`"),
        (json!({"variant": "Harbor-70B"}), "there are no weights in Harbor-70B"),
        (json!({"variant": "/etc"}), "there is no variant `/etc`; there are Harbor-8B, Harbor-70B"),
        (json!({"variant": "Harbor-8B", "max_tokens": 0}), "from 1 to 4096"),
        (json!({"variant": "Harbor-8B", "manifest": "/x.yaml"}), "unknown field `manifest`"),
    ] {
        let said = place.failed("check_battery", wrong);
        assert!(said.contains(why), "{said}");
    }
}
