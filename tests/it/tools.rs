//! The tools as a hostile model calls them: nothing outside the two folders is read, nothing is written without the
//! person, and every refusal is a sentence the model can act on.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use futures::FutureExt;
use futures::future::BoxFuture;
use mlxport::agent::data::{
    Approval, ApprovedEdit, EditOrigin, EditScope, Proposal, ToolCall, ToolOutcome, ToolRun,
};
use mlxport::harness::data::{
    CheckId, CheckRecord, CheckVerdict, Divergence, Event, Figure, Finding, RunResult, TwinRequest, Verdict,
};
use mlxport::port::data::EditReceipt;
use mlxport::tools::{Artifact, Prepared, Registry, Services, ToolContext, ToolEnd, ToolEvent};
use mlxport::util::blame::{Blame, Report};
use mlxport::util::sink::{self, Sink};
use serde_json::json;
use tokio_util::sync::CancellationToken;

const PORT: &str = "mlx_lm/models/arcee.py";

/// Records what the tools ask of other rooms.
struct Fake {
    checkout: PathBuf,
    asked: Mutex<Vec<TwinRequest>>,
    check: Mutex<Result<RunResult, Report>>,
}

impl Services for Fake {
    fn check_twin<'a>(
        &'a self,
        request: TwinRequest,
        sink: Sink<Event>,
        _cancel: CancellationToken,
    ) -> BoxFuture<'a, Result<RunResult, Report>> {
        async move {
            self.asked.lock().unwrap().push(request);
            sink(Event::Warming);
            self.check.lock().unwrap().clone()
        }
        .boxed()
    }

    fn inventory<'a>(
        &'a self,
        wanted: mlxport::tools::inventory::Wanted,
        _cancel: CancellationToken,
    ) -> BoxFuture<'a, Result<Vec<mlxport::hub::data::inventory::Inventory>, Report>> {
        let text = format!("{} cannot be reached", wanted.repos[0]);
        async move { Err(Report::new(Blame::Environment, text)) }.boxed()
    }

    fn apply_edit<'a>(
        &'a self,
        edit: ApprovedEdit,
        _scope: EditScope,
    ) -> BoxFuture<'a, Result<EditReceipt, Report>> {
        async move {
            std::fs::write(self.checkout.join(&edit.path), &edit.after).unwrap();
            Ok(receipt(&edit.path))
        }
        .boxed()
    }

    fn format<'a>(
        &'a self,
        text: String,
        _cancel: CancellationToken,
    ) -> BoxFuture<'a, Result<String, Report>> {
        async move { Ok(text.replace("  # untidy", "")) }.boxed()
    }
}

fn receipt(path: &str) -> EditReceipt {
    EditReceipt { path: path.into(), backup: None, old_sha: None, new_sha: "new".into() }
}

fn passed() -> RunResult {
    RunResult {
        family: "twin".into(),
        schema: 1,
        run_id: "r1".into(),
        model_type: "arcee".into(),
        variant: "defaults".into(),
        verdict: Verdict::Pass,
        checks: Vec::new(),
        environment: serde_json::Map::new(),
    }
}

struct Place {
    folder: tempfile::TempDir,
    fake: Arc<Fake>,
    registry: Registry,
    runtime: tokio::runtime::Runtime,
}

fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

fn place_for(model_type: &str) -> Place {
    let folder = tempfile::tempdir().unwrap();
    let (root, checkout) = (folder.path(), folder.path().join("mlx-lm"));
    let transformers = root.join("site/transformers");
    write(
        &transformers.join("models/arcee/modeling_arcee.py"),
        "class ArceeMLP:\n    act = \"relu2\"\n\nclass B: pass\n",
    );
    write(&transformers.join("models/arcee/configuration_arcee.py"), "model_type = \"arcee\"\n");
    write(
        &transformers.join("models/gemma3/configuration_gemma3.py"),
        "class C:\n    model_type = \"gemma3_text\"\n",
    );
    write(&transformers.join("models/gemma3/modeling_gemma3.py"), "x = 1\n");
    write(&transformers.join("models/llama/modeling_llama.py"), &"y = 2\n".repeat(1200));
    write(&checkout.join("mlx_lm/models/llama.py"), "class Model(nn.Module):\n    pass\n");
    write(&checkout.join("mlx_lm/models/base.py"), "class BaseModelArgs:\n    pass\n");
    write(&checkout.join("tests/test_models.py"), "def test_llama():\n    pass\n");
    write(&checkout.join(".git/config"), "[remote]\n");
    write(&checkout.join("setup.py"), "import os\n");
    write(&root.join("secret.py"), "KEY = 'hunter2'\n");
    let fake = Arc::new(Fake {
        checkout: checkout.clone(),
        asked: Mutex::default(),
        check: Mutex::new(Ok(passed())),
    });
    let context = ToolContext {
        checkout,
        transformers,
        model_type: model_type.into(),
        results: root.join("results"),
        lessons: root.join("lessons.md"),
        services: fake.clone(),
    };
    let registry = Registry::new(context).expect("a registry");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    Place { folder, fake, registry, runtime }
}

fn place() -> Place {
    place_for("arcee")
}

impl Place {
    fn prepare(&self, name: &str, arguments: &str) -> Prepared {
        let call = ToolCall { id: "c1".into(), name: name.into(), arguments: arguments.into() };
        self.runtime.block_on(self.registry.prepare(&call, &CancellationToken::new()))
    }

    fn run(&self, run: ToolRun) -> ToolEnd {
        self.runtime.block_on(self.registry.run(run, sink::discard(), CancellationToken::new()))
    }

    /// Calls a tool that asks nobody; the text for the model and whether it is an error.
    fn call(&self, name: &str, arguments: serde_json::Value) -> (bool, String) {
        let outcome = match self.prepare(name, &arguments.to_string()) {
            Prepared::Run(run) => self.run(run).outcome,
            Prepared::Reject(outcome) => outcome,
            Prepared::Propose(proposal) => panic!("a proposal: {proposal:?}"),
        };
        match outcome {
            ToolOutcome::Done { text } => (true, text),
            ToolOutcome::Failed { text } => (false, text),
            other => panic!("neither done nor failed: {other:?}"),
        }
    }

    fn done(&self, name: &str, arguments: serde_json::Value) -> String {
        let (good, text) = self.call(name, arguments);
        assert!(good, "{text}");
        text
    }

    fn failed(&self, name: &str, arguments: serde_json::Value) -> String {
        let (good, text) = self.call(name, arguments);
        assert!(!good, "{text}");
        text
    }

    fn proposal(&self, name: &str, arguments: serde_json::Value) -> Proposal {
        match self.prepare(name, &arguments.to_string()) {
            Prepared::Propose(proposal) => proposal,
            other => panic!("no proposal: {other:?}"),
        }
    }

    fn approve(&self, name: &str, proposal: &Proposal) -> ToolEnd {
        self.run(ToolRun {
            call_id: proposal.call_id.clone(),
            name: name.into(),
            arguments: json!({}),
            approved: Some(ApprovedEdit {
                path: proposal.path.clone(),
                before: proposal.before.clone(),
                after: proposal.after.clone(),
                by: EditOrigin::Model,
            }),
        })
    }

    /// Every file of the place with its bytes.
    fn snapshot(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        walkdir::WalkDir::new(self.folder.path())
            .into_iter()
            .map(Result::unwrap)
            .filter(|entry| entry.file_type().is_file())
            .map(|entry| (entry.path().to_path_buf(), std::fs::read(entry.path()).unwrap()))
            .collect()
    }
}

#[test]
fn the_list_names_reference_port_helpers_and_models() {
    assert_eq!(
        place().done("list_sources", json!({})),
        "Reference:\n  transformers/models/arcee/configuration_arcee.py (1 lines)\n  \
         transformers/models/arcee/modeling_arcee.py (4 lines)\n\
         Port:\n  mlx_lm/models/arcee.py (does not exist yet)\n\
         Tests:\n  tests/test_models.py (2 lines)\n\
         Shared helpers in mlx_lm/models:\n  base\nModels in mlx_lm/models:\n  llama\n"
    );
}

#[test]
fn a_model_type_without_a_folder_is_found_by_its_config_class() {
    let listed = place_for("gemma3_text").done("list_sources", json!({}));
    assert!(listed.contains("transformers/models/gemma3/modeling_gemma3.py"), "{listed}");
}

#[test]
fn reading_is_numbered_and_bounded_and_says_what_follows() {
    let place = place();
    assert_eq!(
        place.done(
            "read_source",
            json!({"path": "transformers/models/arcee/modeling_arcee.py", "start": 1, "end": 2})
        ),
        "transformers/models/arcee/modeling_arcee.py, lines 1-2 of 4\n    1  class ArceeMLP:\n    2      act = \"relu2\"\n2 more lines; ask for lines 3-4"
    );
    let long = place.done("read_source", json!({"path": "transformers/models/llama/modeling_llama.py"}));
    assert!(
        long.ends_with("  500  y = 2\n700 more lines; ask for lines 501-1000"),
        "{}",
        &long[long.len() - 80..]
    );
    let absolute = place.folder.path().join("mlx-lm/mlx_lm/models/base.py").canonicalize().unwrap();
    assert!(
        place
            .done("read_source", json!({"path": absolute}))
            .starts_with("mlx_lm/models/base.py, lines 1-2 of 2")
    );
}

#[test]
fn a_line_of_a_million_characters_stays_short() {
    let place = place();
    write(&place.folder.path().join("mlx-lm/mlx_lm/wide.py"), &"é".repeat(1_000_000));
    let text = place.done("read_source", json!({"path": "mlx_lm/wide.py"}));
    assert!(text.len() < 2000 && text.contains("… (999600 more characters)"), "{}", text.len());
}

#[test]
fn an_outline_has_classes_methods_and_attributes_with_their_lines() {
    let place = place();
    let port = place.folder.path().join("mlx-lm").join(PORT);
    let text = "class MLP(nn.Module):\n    def __init__(self):\n        self.up = nn.Linear(1, 2)\n        self.n = 3\n\n\ndef f():\n    return 1\n";
    write(&port, text);
    let own = format!(
        "{PORT}, 8 lines\n    1-4      class MLP(nn.Module)\n               self.up: nn.Linear, self.n\n    2-4        def __init__\n    7-8      def f\n"
    );
    assert_eq!(place.done("outline_source", json!({"path": PORT})), own);
    let one = place.done("outline_source", json!({"path": PORT, "class": "MLP"}));
    assert!(one.contains("def __init__") && !one.contains("def f"), "{one}");
    let said = place.failed("outline_source", json!({"path": PORT, "class": "Mlp"}));
    assert!(said.ends_with("has no class `Mlp`; it has MLP"), "{said}");
    write(&port, &(0..300).map(|at| format!("def f{at}():\n    return {at}\n")).collect::<String>());
    assert!(
        place
            .done("outline_source", json!({"path": PORT}))
            .ends_with("100 more; name a class to see it alone\n")
    );
    write(&port, "def f(:\n");
    assert!(place.done("outline_source", json!({"path": PORT})).contains("line 1 is not Python"));
    place.failed("outline_source", json!({"path": "../secret.py"}));
}

#[test]
fn the_nearest_ports_have_reasons_and_are_counted() {
    let place = place();
    let models = place.folder.path().join("mlx-lm/mlx_lm/models");
    for name in ["a", "b", "c"] {
        write(&models.join(format!("{name}.py")), "class Model(nn.Module):\n    pass\n");
    }
    let text = place.done("nearest_ports", json!({"count": 2}));
    assert!(
        text.starts_with("nearest to transformers/models/arcee/modeling_arcee.py, best first:\n"),
        "{text}"
    );
    assert!(text.contains("mlx_lm/models/a.py: ") && text.ends_with("2 more\n"), "{text}");
    assert!(place.failed("nearest_ports", json!({"count": 0})).contains("`count` is from 1 to 20"));
    let unknown = place_for("nowhere");
    assert!(unknown.failed("nearest_ports", json!({})).contains("no folder for model_type nowhere"));
}

#[test]
fn a_modular_file_is_followed_to_the_bodies_and_not_out_of_the_folders() {
    let place = place();
    assert!(place.failed("read_inheritance", json!({})).contains("has no modular file"));
    let models = place.folder.path().join("site/transformers/models");
    write(
        &models.join("llama/modeling_llama.py"),
        "class LlamaMLP(nn.Module):\n    def __init__(self):\n        self.up_proj = nn.Linear(1, 2)\n",
    );
    let outside = place.folder.path().join("outside");
    write(&outside.join("modeling_evil.py"), "class Evil:\n    hunter2 = 1\n");
    std::os::unix::fs::symlink(&outside, models.join("evil")).unwrap();
    write(
        &models.join("arcee/modular_arcee.py"),
        "from ..llama.modeling_llama import LlamaMLP\nfrom ..evil.modeling_evil import Evil\n\n\nclass ArceeMLP(LlamaMLP):\n    pass\n\n\nclass ArceeEvil(Evil):\n    pass\n",
    );
    assert_eq!(
        place.done("read_inheritance", json!({})),
        "transformers/models/arcee/modular_arcee.py: where its classes come from\nArceeMLP (line 5) is LlamaMLP of \
         transformers/models/llama/modeling_llama.py:1, unchanged; brings up_proj\n"
    );
    let path = "transformers/models/llama/modeling_llama.py";
    assert!(place.done("read_inheritance", json!({"path": path})).contains("no class of"));
}

#[test]
fn searching_is_literal_unless_asked_and_bounded() {
    let place = place();
    assert_eq!(
        place.done("search_sources", json!({"pattern": "relu2"})),
        "transformers/models/arcee/modeling_arcee.py:2:     act = \"relu2\"\n"
    );
    assert_eq!(
        place.done("search_sources", json!({"pattern": "a.b"})),
        "no line matches `a.b` in the reference's folders and mlx_lm"
    );
    assert_eq!(
        place.done("search_sources", json!({"pattern": "^class \\w+:", "syntax": "regex", "path": "mlx_lm"})),
        "mlx_lm/models/base.py:1: class BaseModelArgs:\n"
    );
    let many = place.done("search_sources", json!({"pattern": "y", "path": "transformers/models/llama"}));
    assert!(many.ends_with("1100 more lines match; narrow the pattern or the path"), "{many}");
}

#[test]
fn patterns_that_would_hang_or_eat_memory_are_refused_or_run_in_linear_time() {
    let place = place();
    write(&place.folder.path().join("mlx-lm/mlx_lm/as.py"), &format!("{}!\n", "a".repeat(100_000)));
    place.done("search_sources", json!({"pattern": "(a+)+$", "syntax": "regex"}));
    for pattern in ["(", "a{1000}{1000}{1000}", "(?=x)", "[[:alpha:]", "\\"] {
        let said = place.failed("search_sources", json!({"pattern": pattern, "syntax": "regex"}));
        assert!(said.contains("the pattern is no regular expression"), "{said}");
    }
    for pattern in ["".to_string(), "x".repeat(501)] {
        let said = place.failed("search_sources", json!({"pattern": pattern}));
        assert!(said.contains("the pattern must have 1 to 500 bytes"), "{said}");
    }
}

#[test]
fn no_spelling_of_a_path_leads_outside() {
    let place = place();
    let checkout = place.folder.path().join("mlx-lm");
    let outside = place.folder.path().join("secret.py");
    std::os::unix::fs::symlink(&outside, checkout.join("mlx_lm/models/link.py")).unwrap();
    std::os::unix::fs::symlink(place.folder.path(), checkout.join("mlx_lm/up")).unwrap();
    std::os::unix::fs::symlink(checkout.join(".git"), checkout.join("tests/git")).unwrap();
    let spellings = [
        "secret.py",
        "../secret.py",
        "mlx_lm/../../secret.py",
        "mlx_lm/models/../../../secret.py",
        "transformers/../../secret.py",
        "mlx_lm/./models/base.py",
        "./mlx_lm/models/base.py",
        "mlx_lm/models/link.py",
        "mlx_lm/up/secret.py",
        "tests/git/config",
        ".git/config",
        "mlx_lm/../.git/config",
        "setup.py",
        "/etc/passwd",
        "/proc/self/environ",
        "~/.netrc",
        "mlx_lm/~/x.py",
        "file:///etc/passwd",
        "mlx_lm\\..\\..\\secret.py",
        "mlx_lm/%2e%2e/%2e%2e/secret.py",
        "mlx_lm/\u{ff0e}\u{ff0e}/\u{ff0e}\u{ff0e}/secret.py",
        "mlx_lm\u{2044}models\u{2044}base.py",
        "mlx_lm/models/\u{202e}yp.esab",
        "mlx_lm/models/base.py\0.txt",
        "mlx_lm/models/base.py\n",
        "",
        " ",
        "transformers",
        "mlx_lm",
        "mlx_lm/models",
        "mlx_lm/models/*.py",
        "TRANSFORMERS/models/arcee/modeling_arcee.py",
    ];
    for path in spellings {
        let said = place.failed("read_source", json!({"path": path}));
        assert!(!said.contains("hunter2") && !said.contains("[remote]"), "{path:?}: {said}");
        assert!(!said.chars().any(|c| c.is_control() && c != '\n'), "{path:?}: {said:?}");
    }
    let long = "mlx_lm/".to_string() + &"a/".repeat(300) + "b.py";
    assert!(place.failed("read_source", json!({"path": long})).contains("is too long"));
    for path in [outside.to_str().unwrap(), "mlx_lm/up", "mlx_lm/models/link.py"] {
        let (_, said) = place.call("search_sources", json!({"pattern": "KEY", "path": path}));
        assert!(!said.contains("hunter2"), "{path}: {said}");
    }
    assert!(place.done("search_sources", json!({"pattern": "hunter2"})).starts_with("no line matches"));
}

#[test]
fn what_is_no_plain_python_file_is_not_read() {
    let place = place();
    let models = place.folder.path().join("mlx-lm/mlx_lm/models");
    write(&models.join("notes.txt"), "x");
    nix::unistd::mkfifo(&models.join("pipe.py"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    std::fs::File::create(models.join("huge.py")).unwrap().set_len(5 << 20).unwrap();
    for (name, why) in [
        ("notes.txt", "only Python source"),
        ("pipe.py", "only Python source"),
        ("huge.py", "larger than 4 MB"),
    ] {
        let said = place.failed("read_source", json!({"path": format!("mlx_lm/models/{name}")}));
        assert!(said.contains(why), "{said}");
    }
    place.done("search_sources", json!({"pattern": "class"}));
}

#[test]
fn a_proposal_changes_nothing_until_it_is_approved_and_then_only_its_file() {
    let place = place();
    let before = place.snapshot();
    let first = place.proposal("write_port", json!({"path": PORT, "text": "a = 1\nb = 2"}));
    assert_eq!(
        first,
        Proposal {
            call_id: "c1".into(),
            title: "create mlx_lm/models/arcee.py +2 -0".into(),
            path: PORT.into(),
            scope: EditScope::Port,
            before: String::new(),
            after: "a = 1\nb = 2\n".into()
        }
    );
    assert_eq!(place.snapshot(), before);
    assert!(!place.registry.is_stale(&first));
    let end = place.approve("write_port", &first);
    assert_eq!(
        end,
        ToolEnd {
            outcome: ToolOutcome::Done { text: "Applied: mlx_lm/models/arcee.py +2 -0.".into() },
            summary: "wrote mlx_lm/models/arcee.py +2 -0".into(),
            artifacts: vec![Artifact::Edit { receipt: receipt(PORT) }],
        }
    );
    let mut wanted = before;
    wanted.insert(place.folder.path().join("mlx-lm").join(PORT), b"a = 1\nb = 2\n".to_vec());
    assert_eq!(place.snapshot(), wanted);
    assert!(place.registry.is_stale(&first));
    let edit = json!({"path": PORT, "edits": [{"search": "b = 2", "replace": "b = 3"}, {"search": "b = 3", "replace": "c = 4"}]});
    assert_eq!(place.proposal("edit_port", edit).after, "a = 1\nc = 4\n");
    let tests = json!({"path": "tests/test_models.py", "edits": [{"search": "pass", "replace": "return"}]});
    assert_eq!(place.proposal("edit_port", tests).title, "edit tests/test_models.py +1 -1");
}

#[test]
fn only_two_files_may_be_proposed_for() {
    let place = place();
    let before = place.snapshot();
    for path in [
        "mlx_lm/models/llama.py",
        "mlx_lm/models/base.py",
        "mlx_lm/models/../models/arcee.py",
        "./mlx_lm/models/arcee.py",
        "mlx_lm//models/arcee.py",
        "mlx_lm/models/Arcee.py",
        "mlx_lm/models/arcee.py ",
        "mlx_lm/models/arcee.py\0",
        "setup.py",
        ".git/hooks/pre-commit",
        "/tmp/x.py",
        "tests/test_models.py/../x.py",
    ] {
        let said = place.failed("write_port", json!({"path": path, "text": "x"}));
        assert!(
            said.contains("may not be changed; only mlx_lm/models/arcee.py and tests/test_models.py may"),
            "{said}"
        );
        place.failed("edit_port", json!({"path": path, "edits": [{"search": "x", "replace": "y"}]}));
        place.failed("format_port", json!({"path": path}));
        let forged = ApprovedEdit {
            path: path.into(),
            before: String::new(),
            after: "x".into(),
            by: EditOrigin::Model,
        };
        let run = ToolRun {
            call_id: "c".into(),
            name: "write_port".into(),
            arguments: json!({}),
            approved: Some(forged),
        };
        assert!(matches!(place.run(run).outcome, ToolOutcome::Failed { .. }), "{path}");
    }
    let said = place.failed("write_port", json!({"path": "tests/test_models.py", "text": "x"}));
    assert_eq!(said, "tests/test_models.py is upstream's long file: change it with edit_port");
    let unapproved =
        ToolRun { call_id: "c".into(), name: "write_port".into(), arguments: json!({}), approved: None };
    assert!(matches!(place.run(unapproved).outcome, ToolOutcome::Stop { .. }));
    assert_eq!(place.snapshot(), before);
}

#[test]
fn a_link_where_the_port_belongs_is_not_followed() {
    let place = place();
    let port = place.folder.path().join("mlx-lm").join(PORT);
    std::os::unix::fs::symlink(place.folder.path().join("secret.py"), &port).unwrap();
    let said = place.failed("write_port", json!({"path": PORT, "text": "x = 1\n"}));
    assert!(said.contains("is a link or no plain file"), "{said}");
    let said = place.failed("edit_port", json!({"path": PORT, "edits": [{"search": "KEY", "replace": "y"}]}));
    assert!(!said.contains("hunter2"));
}

#[test]
fn an_edit_of_a_file_that_changed_meanwhile_is_not_written() {
    let place = place();
    let proposal = place.proposal("write_port", json!({"path": PORT, "text": "a\n"}));
    write(&place.folder.path().join("mlx-lm").join(PORT), "by hand\n");
    let end = place.approve("write_port", &proposal);
    let text = "mlx_lm/models/arcee.py changed since the edit was proposed; read it and propose again";
    assert_eq!(end.outcome, ToolOutcome::Failed { text: text.into() });
}

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
fn formatting_is_a_proposal_too_and_none_when_nothing_changes() {
    let place = place();
    assert!(place.failed("format_port", json!({})).contains("does not exist yet"));
    write(&place.folder.path().join("mlx-lm").join(PORT), "a = 1  # untidy\n");
    let proposal = place.proposal("format_port", json!({}));
    assert_eq!(
        (proposal.title.as_str(), proposal.after.as_str()),
        ("format mlx_lm/models/arcee.py +1 -1", "a = 1\n")
    );
    place.approve("format_port", &proposal);
    assert_eq!(
        place.done("format_port", json!({})),
        "mlx_lm/models/arcee.py is formatted already; nothing to change"
    );
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
fn malformed_calls_are_answered_with_what_is_wrong() {
    let place = place();
    let said = |name: &str, arguments: &str| match place.prepare(name, arguments) {
        Prepared::Reject(ToolOutcome::Failed { text }) => text,
        other => panic!("not refused: {other:?}"),
    };
    assert_eq!(
        said("rm_rf", "{}"),
        "there is no tool named `rm_rf`; the tools are: list_sources, outline_source, read_source, search_sources, read_inheritance, nearest_ports, write_port, edit_port, check_twin, lint_port, format_port, inventory"
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
    assert!(said("check_twin", "{\"checks\": []}").contains("leave it out for all"));
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

#[test]
fn thousands_of_broken_calls_are_answered_and_nothing_is_written() {
    let place = place();
    write(&place.folder.path().join("mlx-lm").join(PORT), "a = 1\n");
    let before = place.snapshot();
    let mut dice = Dice(2026);
    let tools = [
        "list_sources",
        "read_source",
        "search_sources",
        "edit_port",
        "write_port",
        "check_twin",
        "format_port",
        "lint_port",
        "outline_source",
        "read_inheritance",
        "nearest_ports",
        "x",
    ];
    let keys =
        ["path", "class", "count", "start", "end", "pattern", "syntax", "edits", "text", "checks", "é"];
    let values = [
        "\"mlx_lm/models/base.py\"",
        "\"mlx_lm/models/arcee.py\"",
        "\"../secret.py\"",
        "\"\\u0000\"",
        "\"\\ud800\"",
        "null",
        "-1",
        "0",
        "1e99",
        "18446744073709551615",
        "[]",
        "[{}]",
        "[{\"search\":\"a\",\"replace\":\"b\"}]",
        "\"regex\"",
        "\"(\"",
        "true",
        "{}",
        "\"",
        "[[[[",
        "\u{feff}",
    ];
    for _ in 0..3000 {
        let fields: Vec<String> =
            (0..dice.roll(4)).map(|_| format!("\"{}\": {}", dice.pick(&keys), dice.pick(&values))).collect();
        let mut arguments = format!("{{{}}}", fields.join(", "));
        if dice.roll(4) == 0 {
            let cut = dice.roll(arguments.len() + 1);
            arguments.truncate((0..=cut).rev().find(|at| arguments.is_char_boundary(*at)).unwrap());
        }
        let name = dice.pick(&tools);
        let text = match place.prepare(name, &arguments) {
            Prepared::Run(run) => match place.run(run).outcome {
                ToolOutcome::Done { text } | ToolOutcome::Failed { text } => text,
                other => panic!("{name} {arguments}: {other:?}"),
            },
            Prepared::Propose(proposal) => {
                assert_eq!(proposal.path, PORT, "{name} {arguments}");
                continue;
            }
            Prepared::Reject(ToolOutcome::Failed { text } | ToolOutcome::Done { text }) => text,
            Prepared::Reject(other) => panic!("{name} {arguments}: {other:?}"),
        };
        assert!(!text.is_empty() && !text.contains("hunter2"), "{name} {arguments}: {text}");
    }
    assert_eq!(place.snapshot(), before);
}

#[test]
fn a_model_type_that_is_no_file_name_has_no_tools() {
    let place = place();
    for model_type in ["", "../x", "a/b", "a.b", "a\0", "arcee.py", "é", &"x".repeat(65)] {
        let context = ToolContext {
            checkout: place.folder.path().join("mlx-lm"),
            transformers: place.folder.path().join("site/transformers"),
            model_type: model_type.into(),
            results: place.folder.path().join("results"),
            lessons: place.folder.path().join("lessons.md"),
            services: place.fake.clone(),
        };
        assert!(Registry::new(context).is_err(), "{model_type:?}");
    }
}

#[test]
fn every_spec_is_a_strict_schema_and_writers_ask() {
    let place = place();
    let specs = place.registry.specs();
    let asks: Vec<&str> =
        specs.iter().filter(|spec| spec.approval == Approval::Ask).map(|spec| spec.name.as_str()).collect();
    assert_eq!(asks, ["write_port", "edit_port", "format_port"]);
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
