//! Calls as such: malformed, unknown, thousands of broken ones.

use super::*;

#[test]
fn malformed_calls_are_answered_with_what_is_wrong() {
    let place = place();
    let said = |name: &str, arguments: &str| match place.prepare(name, arguments) {
        Prepared::Reject(ToolOutcome::Failed { text }) => text,
        other => panic!("not refused: {other:?}"),
    };
    assert_eq!(
        said("rm_rf", "{}"),
        "there is no tool named `rm_rf`; the tools are: list_sources, outline_source, read_source, search_sources, read_inheritance, nearest_ports, config_diff, config_ledger, inventory, write_port, edit_port, edit_test, edit_shared, check_twin, check_load, check_shard, check_speed, check_battery, check_golden, write_golden, list_checks, locate_fault, debug_checklist, read_run, compare_runs, lint_port, format_port, read_lessons, add_lesson"
    );
    assert_eq!(said("read_source", "{}"), "arguments of `read_source`: missing field `path`");
    assert_eq!(
        said("read_source", "{\"path\": \"a\", \"recursive\": true}"),
        "arguments of `read_source`: unknown field `recursive`, expected one of `path`, `start`, `end`"
    );
    assert!(said("read_source", "{\"path\": 3}").contains("invalid type: integer `3`, expected a string"));
    assert!(said("read_source", "{\"path\": \"a\", \"start\": -1}").contains("invalid value: integer `-1`"));
    assert!(said("read_source", "{\"path\": \"a\", \"start\": 0}").contains("lines are counted from 1"));
    assert!(
        said("read_source", "{\"path\": \"a\", \"start\": 9, \"end\": 3}")
            .contains("`end` is before `start`")
    );
    assert!(
        said("check_twin", "{\"checks\": [\"exakt\"]}")
            .contains("no check is named `exakt`; there are exact, ")
    );
    assert!(said("check_twin", "{\"checks\": []}").contains("leave it out for the quick ones"));
    assert!(
        said("write_port", &format!("{{\"path\": \"{PORT}\", \"text\": \"\"}}"))
            .contains("the new text is empty")
    );
    assert!(said("write_port", &"x".repeat(2 << 20)).contains("at most 1048576 are taken"));
    assert!(said("\u{1b}[31mx\u{202e}", "{}").starts_with("there is no tool named `␛[31mx·`"));
}

/// A small generator: the same calls on every machine.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.roll(from.len())]
    }
}

/// Paths that a hostile model may try: climbing, absolute, links, look-alikes, bidi, long, folded, encoded.
const PATHS: [&str; 30] = [
    "mlx_lm/models/base.py",
    "mlx_lm/models/arcee.py",
    "tests/test_models.py",
    "../secret.py",
    "mlx_lm/../../secret.py",
    "transformers/../../secret.py",
    "/etc/passwd",
    "/proc/self/environ",
    "~/.netrc",
    "~root/x.py",
    "mlx_lm/models/link.py",
    "mlx_lm/up/secret.py",
    "tests/git/config",
    ".git/hooks/post-checkout",
    "mlx_lm/models/\u{0}base.py",
    "mlx_lm/models/base.py\u{0}.txt",
    "mlx_lm/models/\u{202e}yp.esab",
    "mlx_lm/models/b\u{430}se.py",
    "mlx_lm\u{2215}models\u{2215}base.py",
    "mlx_lm/\u{ff0e}\u{ff0e}/secret.py",
    "MLX_LM/MODELS/BASE.PY",
    "mlx_lm/models/BASE.py",
    "mlx_lm//models///base.py",
    "mlx_lm/./models/base.py",
    "mlx_lm\\..\\..\\secret.py",
    "mlx_lm/%2e%2e/secret.py",
    "file:///etc/passwd",
    "lessons.md",
    "results/r1/run.json",
    " ",
];

/// Patterns that hang or eat memory elsewhere, and plain rubbish.
const PATTERNS: [&str; 10] = [
    "(a+)+$",
    "(a|a)*b",
    "(?:a{1000}){1000}",
    "((((((((((a{9}){9}){9}){9}){9}){9}){9}){9}){9}){9})",
    "(",
    "[",
    "\\",
    "(?=x)",
    ".*.*.*.*=.*",
    "\u{202e}\u{0}",
];

/// Makes a value: mostly of the kind that a field of this name wants, seldom of another.
fn value(dice: &mut Dice, key: &str, depth: usize) -> serde_json::Value {
    let rubbish = dice.roll(50);
    match (rubbish, key) {
        (0, _) => json!(null),
        (1, _) => json!(-1),
        (2, _) => json!(1e308),
        (3, _) => json!(u64::MAX),
        (4, _) => json!({"a": [[[[[[]]]]]]}),
        (_, "path") if dice.roll(2) == 0 => json!(dice.pick(&PATHS[..3])),
        (_, "path") => json!(dice.pick(&PATHS)),
        (_, "pattern") => json!(dice.pick(&PATTERNS)),
        (_, "edits") if depth < 3 => {
            let texts = ["pass", "a = 1", "class", "def", "\u{0}", "x\r\n", "", "$1"];
            let edit = |dice: &mut Dice| {
                let replace = dice.pick(&texts).repeat(1 + dice.roll(50));
                let most = 1 + dice.roll(8);
                json!({"search": dice.pick(&texts[..most]), "replace": replace})
            };
            json!((0..1 + dice.roll(2)).map(|_| edit(dice)).collect::<Vec<_>>())
        }
        (_, "config") => {
            let nested = (0..dice.roll(12)).fold(json!(1), |inner, _| json!([inner]));
            json!({"vocab_size": dice.roll(3) * 50, "num_hidden_layers": dice.roll(20), "\u{202e}k\n": nested})
        }
        (_, "checks" | "repos" | "variants" | "tests") => {
            let names = ["exact", "quick", "full", "all", "../x", "acme/harbor", "acme/../x", "/etc", "v1"];
            json!([dice.pick(&names), dice.pick(&names)])
        }
        (_, "processes") => json!([dice.roll(10), 2]),
        (_, "pack") => json!(dice.pick(&["arcee.gold", "../arcee.gold", "/etc/passwd", ".", "link.gold"])),
        (_, "variant") => json!(dice.pick(&["v1", "defaults", "../x", "/etc", "all"])),
        (_, "budget_s" | "max_tokens") => json!(dice.roll(700)),
        (_, "run" | "before" | "after") => {
            json!(dice.pick(&["last", "last-1", "r1", "../r1", "last-99999999999999999999", "\u{0}"]))
        }
        (_, "start" | "end" | "count" | "lines" | "seed" | "context") => json!(dice.roll(70)),
        _ => {
            let words = ["literal", "regex", "all", "alarms", "notable", "é\u{1b}[2J", "x", "v1", ""];
            json!(dice.pick(&words).repeat(1 + dice.roll(2) * dice.roll(400)))
        }
    }
}

/// Writes a call's arguments: fields of the tool's own schema, and now and then a strange one, a cut, or a huge one.
fn arguments(dice: &mut Dice, schema: &serde_json::Value) -> String {
    let own: Vec<String> = schema["properties"].as_object().unwrap().keys().cloned().collect();
    let mut fields = serde_json::Map::new();
    for key in own {
        if dice.roll(12) > 0 {
            fields.insert(key.clone(), value(dice, &key, 0));
        }
    }
    if dice.roll(8) == 0 {
        fields.insert("é\u{202e}".into(), json!(1));
    }
    let mut text = serde_json::Value::Object(fields).to_string();
    match dice.roll(40) {
        0 => text
            .truncate((0..=dice.roll(text.len() + 1)).rev().find(|at| text.is_char_boundary(*at)).unwrap()),
        1 => text = "[".repeat(1 + dice.roll(100_000)),
        2 => text = format!("{{\"path\": \"{}\"}}", "a/".repeat(dice.roll(100_000))),
        3 => text = text.replace("\"path\"", "\"path\": 1, \"path\""),
        4 => text = format!("\u{feff}{text}"),
        5 => text = text.replace("\"", "\"\\ud800"),
        6 => text.clear(),
        _ => {}
    }
    text
}

#[test]
fn thousands_of_hostile_calls_touch_nothing_outside_the_allow_list() {
    let place = place();
    let root = place.folder.path().to_path_buf();
    let checkout = root.join("mlx-lm");
    write(&checkout.join(PORT), "a = 1\n");
    std::os::unix::fs::symlink(root.join("secret.py"), checkout.join("mlx_lm/models/link.py")).unwrap();
    std::os::unix::fs::symlink(&root, checkout.join("mlx_lm/up")).unwrap();
    std::os::unix::fs::symlink(checkout.join(".git"), checkout.join("tests/git")).unwrap();
    write(&root.join("lessons.md"), "# Lessons\n");
    let config = place.config("v1", r#"{"model_type": "arcee", "rope_theta": 1e6}"#);
    write(&config.parent().unwrap().join("model.safetensors"), "weights");
    place.store(passed());
    let before = place.snapshot();
    let allowed: Vec<PathBuf> =
        ["mlx-lm/mlx_lm/models/arcee.py", "mlx-lm/tests/test_models.py"].map(|path| root.join(path)).into();
    let shared = ["base.py", "llama.py"].map(|name| root.join("mlx-lm/mlx_lm/models").join(name));
    let mut dice = Dice(2026);
    let specs = place.registry.specs();
    let begun = std::time::Instant::now();
    let mut kinds = BTreeMap::<&str, usize>::new();
    for _ in 0..4000 {
        let spec = &specs[dice.roll(specs.len())];
        let text = arguments(&mut dice, &spec.schema);
        let said = match place.prepare(&spec.name, &text) {
            Prepared::Run(run) => {
                *kinds.entry("run").or_default() += 1;
                match place.run(run).outcome {
                    ToolOutcome::Done { text } | ToolOutcome::Failed { text } => text,
                    // The only machine's fault here is the made-up Hub that cannot be reached.
                    ToolOutcome::Stop { report } if spec.name == "inventory" => report.text,
                    other => panic!("{} {text}: {other:?}", spec.name),
                }
            }
            Prepared::Propose(proposal) => {
                *kinds.entry("propose").or_default() += 1;
                let path = root.join("mlx-lm").join(&proposal.path);
                let fits = match proposal.scope {
                    EditScope::Port => path == allowed[0],
                    EditScope::Test => path == allowed[1],
                    EditScope::Shared => shared.contains(&path),
                    EditScope::Lessons => proposal.path == "lessons.md",
                    EditScope::Run { .. } => proposal.path == "the battery on v1",
                };
                assert!(fits, "{} {text}: {proposal:?}", spec.name);
                continue;
            }
            Prepared::Reject(ToolOutcome::Failed { text } | ToolOutcome::Done { text }) => {
                *kinds.entry("reject").or_default() += 1;
                text
            }
            Prepared::Reject(other) => panic!("{} {text}: {other:?}", spec.name),
        };
        assert!(
            !said.is_empty() && !said.contains("hunter2") && !said.contains("[remote]"),
            "{} {text}: {said}",
            spec.name
        );
        assert!(said.len() < 70_000, "{}: {} bytes", spec.name, said.len());
        assert!(!said.contains(['\u{1b}', '\u{202e}', '\u{0}']), "{} {text}: {said:?}", spec.name);
    }
    assert_eq!(place.snapshot(), before, "nothing is written before the person agrees");
    assert!(
        kinds.values().all(|count| *count > 30) && kinds.len() == 3,
        "the calls are one-sided: {kinds:?}"
    );
    assert!(begun.elapsed().as_secs() < 60, "{:?}", begun.elapsed());
}

#[test]
fn an_approval_with_a_forged_path_writes_nothing_whatever_the_tool() {
    let place = place();
    write(&place.folder.path().join("mlx-lm").join(PORT), "a = 1\n");
    std::os::unix::fs::symlink(place.folder.path(), place.folder.path().join("mlx-lm/mlx_lm/up")).unwrap();
    let before = place.snapshot();
    for spec in place.registry.specs() {
        for path in PATHS.into_iter().filter(|path| *path != "lessons.md") {
            let approved = Some(ApprovedEdit {
                path: path.into(),
                before: "forged".into(),
                after: "x".into(),
                by: EditOrigin::Model,
            });
            let run =
                ToolRun { call_id: "c".into(), name: spec.name.clone(), arguments: json!({}), approved };
            let outcome = place.run(run).outcome;
            let wrote = matches!(&outcome, ToolOutcome::Done { text } if text.starts_with("Applied"));
            assert!(!wrote, "{} {path}: {outcome:?}", spec.name);
        }
    }
    assert_eq!(place.snapshot(), before);
}

#[test]
fn every_spec_is_a_strict_schema_and_writers_ask() {
    let place = place();
    let specs = place.registry.specs();
    let asks: Vec<&str> =
        specs.iter().filter(|spec| spec.approval == Approval::Ask).map(|spec| spec.name.as_str()).collect();
    assert_eq!(
        asks,
        ["write_port", "edit_port", "edit_test", "edit_shared", "format_port", "add_lesson"],
        "a new tool that asks, or one that no longer does, is a decision"
    );
    let costs = specs.iter().filter(|spec| spec.approval == Approval::Cost);
    assert_eq!(costs.map(|spec| spec.name.as_str()).collect::<Vec<_>>(), ["check_battery"]);
    for spec in specs {
        assert_eq!(spec.schema["type"], "object", "{}", spec.name);
        assert_eq!(spec.schema["additionalProperties"], false, "{}", spec.name);
        assert!(spec.description.len() > 60, "{}", spec.name);
        assert_eq!(Registry::approval(&spec.name), Some(spec.approval));
    }
    let call = ToolCall {
        id: "c".into(),
        name: "read_source".into(),
        arguments: "{\"path\": \"a\\u001b.py\"}".into(),
    };
    assert_eq!(Registry::title(&call), "read source a␛.py");
}
