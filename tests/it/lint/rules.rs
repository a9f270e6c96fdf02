//! Every rule against its pair of fixtures, and all rules against the model files that upstream has merged.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use mlxport::hub::data::{Config, Json, Member};
use mlxport::lint::{Finding, Formatted, Kind, Linted, Peer, RULES, Severity, Subject, Wanted, judge};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/lint")
}

/// What a rule needs beyond the file's own text: the same for the good file and for the bad one, but for what is bad.
fn surround(id: &str, good: bool, subject: &mut Subject) {
    let names = |list: &[&str]| list.iter().map(|name| name.to_string()).collect::<BTreeSet<_>>();
    match id {
        "L1-format" => {
            subject.formatted = Formatted::Text("# Copyright © 2026 Apple Inc.\n\nx = {\"a\": 1}\n".into())
        }
        "L3-imports" => subject.around.modules = names(&["base", "llama", "rope_utils"]),
        "L4-checkpoint-default" => subject.wanted = wanted(),
        "L5-shared-files" => {
            let mut changed = vec!["mlx_lm/models/new_model.py", "tests/test_models.py"];
            changed.extend((!good).then_some("mlx_lm/models/base.py"));
            subject.around.changed = Some(changed.into_iter().map(str::to_string).collect());
        }
        "L9-peers" => {
            let peer = |name: &str| Peer { name: name.into(), methods: names(&["sanitize"]) };
            subject.peers = vec![peer("llama"), peer("olmo2"), peer("qwen3")];
        }
        "L10-test" => {
            let entry = if good { "                \"model_type\": \"new_model\",\n" } else { "" };
            subject.around.tests = Some(format!("class TestModels:\n    configs = [\n{entry}    ]\n"));
        }
        _ => {}
    }
}

fn wanted() -> Wanted {
    let member = |key: &str, value: Json| Member { key: key.into(), value, line: 1 };
    let number = |text: &str| Json::Number(text.into());
    let root = vec![
        member("hidden_size", number("2560")),
        member("rms_norm_eps", number("1e-5")),
        member("rope_theta", number("10000")),
        member("hidden_act", Json::Text("relu2".into())),
    ];
    let config =
        Config { name: "AFM".into(), path: "config.json".into(), model_type: Some("new_model".into()), root };
    let defaults = [
        ("hidden_size", number("2560")),
        ("rms_norm_eps", number("1e-06")),
        ("rope_theta", number("10000.0")),
        ("hidden_act", Json::Text("silu".into())),
    ];
    let defaults = defaults.into_iter().map(|(key, value)| (key.to_string(), value)).collect();
    Wanted { model_type: None, configs: vec![config], defaults: Some(defaults) }
}

/// The findings of one rule in its fixture.
fn found(id: &str, good: bool) -> Vec<Finding> {
    let file = fixtures().join(id).join(if good { "good.py" } else { "bad.py" });
    let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let mut subject = Subject::new("mlx_lm/models/new_model.py", &text);
    surround(id, good, &mut subject);
    judge(&subject).findings.into_iter().filter(|finding| finding.id == id).collect()
}

#[test]
fn every_rule_finds_what_is_bad_in_its_bad_fixture_and_nothing_in_its_good_one() {
    let mut all = String::new();
    for rule in RULES {
        assert_eq!(found(rule.id, true), [], "{}: the good fixture", rule.id);
        let bad = found(rule.id, false);
        assert!(!bad.is_empty(), "{}: nothing found in the bad fixture", rule.id);
        for finding in bad {
            let severity = finding.severity.name();
            all += &format!("{} {severity} {}:{} {}\n", rule.id, finding.line, finding.column, finding.text);
        }
    }
    insta::assert_snapshot!("bad_fixtures", all);
}

#[test]
fn every_fixture_belongs_to_a_rule_and_every_rule_says_what_to_do_and_where_it_is_seen() {
    let ids: BTreeSet<String> = RULES.iter().map(|rule| rule.id.to_string()).collect();
    assert_eq!(ids.len(), RULES.len(), "two rules of one name");
    let folders = std::fs::read_dir(fixtures()).unwrap().map(|entry| entry.unwrap().file_name());
    let folders: BTreeSet<String> = folders.map(|name| name.to_string_lossy().into_owned()).collect();
    assert_eq!(folders, ids);
    for rule in RULES {
        assert!(rule.says.ends_with('.') && !rule.fix.is_empty() && !rule.source.is_empty(), "{}", rule.id);
    }
}

fn merged() -> PathBuf {
    crate::support::env::shared().checkout.join("mlx_lm/models")
}

fn judged(folder: &Path) -> Vec<Linted> {
    let modules: BTreeSet<String> = names(folder);
    let one = |name: &String| {
        let path = folder.join(format!("{name}.py"));
        let mut subject = Subject::new(&path, &std::fs::read_to_string(&path).unwrap());
        subject.around.modules = modules.clone();
        judge(&subject)
    };
    modules.iter().map(one).collect()
}

fn names(folder: &Path) -> BTreeSet<String> {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let python = files.filter(|path| path.extension().is_some_and(|end| end == "py"));
    python.map(|path| path.file_stem().unwrap().to_string_lossy().into_owned()).collect()
}

#[test]
fn no_accepted_port_has_an_error_and_each_rule_is_broken_by_as_many_as_it_says() {
    let models: Vec<_> =
        judged(&merged()).into_iter().filter(|linted| linted.kind == Some(Kind::Model)).collect();
    assert_eq!(models.len() as u32, mlxport::lint::MERGED.0, "{}", mlxport::lint::MERGED.1);
    let findings =
        || models.iter().flat_map(|linted| linted.findings.iter().map(|finding| (&linted.path, finding)));
    let errors: Vec<_> = findings().filter(|(_, finding)| finding.severity == Severity::Error).collect();
    assert!(errors.is_empty(), "false alarms: {errors:#?}");
    let mut breaking: BTreeMap<&str, BTreeSet<&String>> = BTreeMap::new();
    for (path, finding) in findings() {
        breaking.entry(&finding.id).or_default().insert(path);
    }
    let count = |id: &str| breaking.get(id).map_or(0, BTreeSet::len) as u32;
    let counted: Vec<_> = RULES.iter().map(|rule| (rule.id, rule.breaks.map(|_| count(rule.id)))).collect();
    let said: Vec<_> = RULES.iter().map(|rule| (rule.id, rule.breaks)).collect();
    assert_eq!(counted, said);
    // A warning that every sixth accepted file has teaches nobody anything.
    for rule in RULES.iter().filter(|rule| rule.severity == Severity::Warning) {
        let files: BTreeSet<_> = findings()
            .filter(|(_, finding)| finding.id == rule.id && finding.severity == Severity::Warning)
            .map(|(path, _)| path)
            .collect();
        assert!(files.len() * 100 <= models.len() * 15, "{} is in {} files", rule.id, files.len());
    }
}

#[test]
fn the_comment_and_docstring_budgets_are_those_of_the_merged_files() {
    let folder = merged();
    let (mut rates, mut bare) = (Vec::new(), 0);
    for name in names(&folder) {
        let text = std::fs::read_to_string(folder.join(format!("{name}.py"))).unwrap();
        let subject = Subject::new(folder.join(format!("{name}.py")), &text);
        if subject.kind != Kind::Model {
            continue;
        }
        let comments = subject.syntax.comments().filter(|node| !node.text().contains("Copyright")).count();
        rates.push(10_000 * comments / subject.syntax.line_count() as usize);
        bare += usize::from(judge(&subject).findings.iter().all(|finding| finding.id != "L2-docstrings"));
    }
    rates.sort_unstable();
    // Comments in 10,000 lines: half of the files have the first or fewer, nineteen of twenty fewer than the second.
    assert_eq!((rates[(rates.len() - 1) / 2], rates[rates.len() * 95 / 100], bare), (60, 451, 107));
}

#[test]
fn the_shared_helpers_that_own_copies_are_measured_against_exist() {
    let folder = merged();
    for helper in &mlxport::lint::HELPERS {
        let text = std::fs::read_to_string(folder.join(format!("{}.py", helper.module))).unwrap();
        let name = helper.name;
        let defined = text.lines().any(|line| {
            line.starts_with(&format!("def {name}(")) || line.starts_with(&format!("class {name}"))
        });
        assert!(defined, "{}.{name}", helper.module);
    }
}

#[test]
fn odd_texts_are_judged_without_falling_over() {
    let judged = |text: &str| judge(&Subject::new("mlx_lm/models/odd.py", text));
    let ids = |linted: &Linted| linted.findings.iter().map(|finding| finding.id.clone()).collect::<Vec<_>>();
    assert_eq!(ids(&judged("")), ["L9-surface", "L9-surface", "L3-copyright"]);
    assert_eq!(ids(&judged("\u{feff}# Copyright © 2026 Apple Inc.\n"))[..2], ["L9-surface", "L9-surface"]);
    assert!(ids(&judged("def f(:\n")).contains(&"L0-parse".to_string()));
    assert!(ids(&judged(&"(".repeat(50_000))).contains(&"L0-parse".to_string()));
    let deep = format!("x = {}1{}\n", "(".repeat(5_000), ")".repeat(5_000));
    judged(&deep);
    let many = judged(&"import os\n".repeat(3_000));
    assert_eq!(many.findings.iter().filter(|finding| finding.id == "L8-unused-import").count(), 50);
    assert!(
        many.findings.iter().any(|finding| finding.text.ends_with("(and 2950 more places)")),
        "{many:#?}"
    );
    judged("def f():\r\n\treturn 'é\0'\r\n");
}
