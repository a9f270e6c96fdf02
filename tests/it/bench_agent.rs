//! `mlxport bench agent` with a scripted endpoint and the real machine, tools, hiding and harness.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use mlxport::agent::data::{ToolCall, ToolOutcome};
use mlxport::config::{Provider, Settings};
use mlxport::harness::data::Verdict;
use mlxport::learn::{LearnError, export, hide};
use mlxport::runtime::bench_agent::{AgentReport, Budget, Ground, Wanted, bench};
use mlxport::tools::{Prepared, Registry, ToolContext};
use mlxport::util::fs::read_text;
use mlxport::util::sink::discard;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::support::env::{TestWorkspace, test_workspace};
use crate::support::sse::{Play, Server, chunk};

const TYPE: &str = "helium";
const BUDGET: Budget = Budget { rounds: 12, tokens: Some(100_000) };
/// Lines of the accepted port that nobody would guess.
const TELLING: &str = "class HeliumAttention(nn.Module):";

fn calling(name: &str, arguments: &Value) -> Play {
    let function = json!({"name": name, "arguments": arguments.to_string()});
    let call = json!({"index": 0, "id": format!("c-{name}"), "type": "function", "function": function});
    counted(&json!({"tool_calls": [call]}), "tool_calls")
}

fn saying(text: &str) -> Play {
    counted(&json!({"content": text}), "stop")
}

fn counted(delta: &Value, reason: &str) -> Play {
    let usage = json!({"choices": [], "usage": {"prompt_tokens": 100, "completion_tokens": 10}}).to_string();
    let lines = [chunk(delta, None), chunk(&json!({}), Some(reason)), usage, "[DONE]".into()];
    Play::events(&lines.iter().map(String::as_str).collect::<Vec<_>>())
}

fn port_path() -> String {
    format!("mlx_lm/models/{TYPE}.py")
}

fn accepted(world: &TestWorkspace) -> String {
    read_text(&world.workspace.checkout.join(port_path())).expect("an accepted port")
}

fn settings(world: &TestWorkspace, server: &Server) -> Settings {
    let mut settings = world.settings.clone();
    settings.port.base_url.value = Some(server.base_url.clone());
    settings.port.model.value = Some("scripted".into());
    settings.port.provider.value = Provider::OpenaiCompatible;
    settings
}

async fn run(world: &TestWorkspace, server: &Server, id: Option<String>) -> (AgentReport, Vec<String>) {
    run_within(world, server, id, BUDGET).await
}

async fn run_within(
    world: &TestWorkspace,
    server: &Server,
    id: Option<String>,
    budget: Budget,
) -> (AgentReport, Vec<String>) {
    let settings = settings(world, server);
    let lines: Arc<Mutex<Vec<String>>> = Arc::default();
    let to = Arc::clone(&lines);
    let say = Arc::new(move |text| to.lock().expect("not poisoned").push(text));
    let ground = Ground { settings: &settings, workspace: &world.workspace, say };
    let wanted = Wanted { model_types: vec![TYPE.into()], budget, id };
    let (report, whole) = bench(&ground, &wanted, &CancellationToken::new()).await.expect("a bench");
    assert!(whole);
    assert_eq!(server.problems(), Vec::<String>::new());
    let said = lines.lock().expect("not poisoned").clone();
    (report, said)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_right_port_passes_its_row_is_kept_and_not_run_again() {
    let world = tokio::task::spawn_blocking(|| test_workspace("arcee")).await.expect("a workspace");
    let write = json!({"path": port_path(), "text": accepted(&world)});
    let plays = vec![calling("write_port", &write), calling("check_twin", &json!({})), saying("Done.")];
    let server = Server::start(None, plays).await;
    let (report, said) = run(&world, &server, None).await;
    let row = &report.rows[0];
    assert_eq!((row.passed, row.verdict, row.person_edits), (true, Verdict::Pass, 0), "{said:?}");
    assert_eq!((row.counts.turns, row.counts.tool_calls, row.counts.edits), (3, 2, 1));
    assert_eq!((row.counts.prompt_tokens, row.counts.completion_tokens), (300, 30));
    assert_eq!(row.hidden_files, [port_path()]);
    assert!(row.hidden_lines > 5 && report.environment.contains_key("versions"), "{report:?}");
    assert_eq!(report.pass_rate(), Some(1.0));
    // What the model was told before it wrote anything holds nothing of the accepted port.
    let first = server.requests()[0].to_string();
    assert!(first.contains("Port `helium` to mlx-lm") && !first.contains("HeliumAttention"), "{first}");
    let folder = world.home().results().join("bench-agent").join(&report.id);
    assert_eq!(read_text(&folder.join("helium.py")).expect("the port is kept"), accepted(&world));
    assert!(read_text(&folder.join("helium.jsonl")).expect("the conversation").lines().count() > 6);
    assert!(
        !world.home().root().join("bench-agent").join(&report.id).join(TYPE).exists(),
        "the room is gone"
    );
    let asked = server.requests().len();
    let (again, said) = run(&world, &server, Some(report.id.clone())).await;
    assert_eq!((again.rows.len(), server.requests().len()), (1, asked));
    assert!(said[0].contains("done already"), "{said:?}");
}

/// A port that looks for the accepted one wherever it could be, and tells in its error what it found.
fn spy(world: &TestWorkspace) -> String {
    let site: Vec<PathBuf> = std::fs::read_dir(world.workspace.env_dir.join("lib"))
        .expect("an environment")
        .map(|entry| entry.expect("an entry").path().join("site-packages/mlx_lm/models/helium.py"))
        .filter(|path| path.exists())
        .collect();
    assert_eq!(site.len(), 1, "the installed release has the port: there is something to hide");
    let mut paths: Vec<String> = site.iter().map(|path| path.display().to_string()).collect();
    paths.push(world.workspace.checkout.join(port_path()).display().to_string());
    paths.push(world.workspace.checkout.join(".git/HEAD").display().to_string());
    format!(
        r#"
import glob, os, sys

said = []
for path in {paths:?} + [os.path.join(p, "mlx_lm/models/helium.py") for p in sys.path]:
    try:
        text = open(path).read()
        said.append("FOUND" if "SPY" not in text else "myself")
    except OSError as error:
        said.append(type(error).__name__)
for folder in sys.path + [os.path.dirname(os.path.dirname(os.path.dirname(__file__)))]:
    for path in glob.glob(os.path.join(folder, "mlx_lm", "**", "*helium*"), recursive=True):
        if os.path.realpath(path) != os.path.realpath(__file__):
            try:
                open(path, "rb").read()
                said.append("FOUND " + path)
            except OSError as error:
                said.append(type(error).__name__)
raise RuntimeError("SPY " + " ".join(said))
"#
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_looks_for_the_accepted_one_finds_nothing_and_fails() {
    let world = tokio::task::spawn_blocking(|| test_workspace("arcee")).await.expect("a workspace");
    let write = json!({"path": port_path(), "text": spy(&world)});
    let give_up = || saying("I cannot do it.");
    let plays = vec![
        calling("write_port", &write),
        calling("check_twin", &json!({})),
        give_up(),
        give_up(),
        give_up(),
    ];
    let server = Server::start(None, plays).await;
    let (report, _) = run(&world, &server, None).await;
    let row = &report.rows[0];
    assert_eq!((row.passed, row.verdict), (false, Verdict::Fail));
    assert_eq!(row.ended, "the model said that it was done");
    let told = server.requests()[2].to_string();
    let found = told.split("SPY ").last().unwrap_or_default();
    assert!(found.starts_with("PermissionError"), "{found}");
    assert!(!found.contains("FOUND"), "{found}");
    let last = server.requests().pop().expect("a request").to_string();
    assert!(last.contains("The twin check gives: fail"), "{last}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_is_told_to_go_on_has_what_is_left_of_the_budget() {
    let world = tokio::task::spawn_blocking(|| test_workspace("arcee")).await.expect("a workspace");
    let write = json!({"path": port_path(), "text": "import nowhere\n"});
    let plays = vec![
        calling("write_port", &write),
        saying("Done."),
        calling("list_checks", &json!({})),
        saying("Never asked."),
    ];
    let server = Server::start(None, plays).await;
    // Two answers take 220, the third all that is left: an answer of its own would have 300 again.
    let budget = Budget { rounds: 12, tokens: Some(300) };
    let (report, said) = run_within(&world, &server, None, budget).await;
    let row = &report.rows[0];
    assert_eq!((row.passed, row.ended.as_str()), (false, "300 tokens are spent"), "{said:?}");
    assert_eq!((row.counts.turns, server.requests().len()), (3, 3));
}

async fn asked(registry: &Registry, name: &str, arguments: Value) -> String {
    let call = ToolCall { id: "c".into(), name: name.into(), arguments: arguments.to_string() };
    let cancel = CancellationToken::new();
    match registry.prepare(&call, &cancel).await {
        Prepared::Run(run) => match registry.run(run, discard(), cancel).await.outcome {
            ToolOutcome::Done { text } | ToolOutcome::Failed { text } | ToolOutcome::Interrupted { text } => {
                text
            }
            ToolOutcome::Stop { report } => report.text,
        },
        Prepared::Reject(ToolOutcome::Failed { text } | ToolOutcome::Done { text }) => text,
        other => format!("{other:?}"),
    }
}

/// What every reading tool says of the accepted port, by each of its names.
async fn everything(registry: &Registry, checkout: &Path) -> String {
    let port = port_path();
    let paths = [
        port.clone(),
        format!("./{port}"),
        format!("mlx_lm/../{port}"),
        format!("mlx_lm//models/{TYPE}.py"),
        checkout.join(&port).display().to_string(),
        format!("mlx_lm/models/__pycache__/{TYPE}.cpython-311.pyc"),
        ".git/HEAD".into(),
    ];
    let mut said = String::new();
    for path in paths {
        for tool in ["read_source", "outline_source", "read_inheritance"] {
            said += &asked(registry, tool, json!({"path": path})).await;
            said.push('\n');
        }
    }
    for wanted in ["HeliumAttention", "class Model", "helium"] {
        for folder in ["mlx_lm", "tests"] {
            said += &asked(registry, "search_sources", json!({"pattern": wanted, "path": folder})).await;
            said.push('\n');
        }
    }
    said += &asked(registry, "nearest_ports", json!({"count": 20})).await;
    said += &asked(registry, "list_sources", json!({})).await;
    said
}

#[tokio::test(flavor = "multi_thread")]
async fn no_tool_reads_a_hidden_port_and_each_reads_it_where_it_is_not_hidden() {
    let world = tokio::task::spawn_blocking(|| test_workspace("arcee")).await.expect("a workspace");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let copy = folder.path().canonicalize().expect("a real path").join("mlx-lm");
    let commit = world.workspace.baseline.commit();
    let hidden = export((&world.workspace.checkout, commit), TYPE, &copy).expect("hidden");
    assert_eq!(hide::left(&copy, TYPE).expect("read"), Vec::<String>::new());
    assert!(copy.join("mlx_lm/models/llama.py").exists() && !copy.join(".git").exists());
    let tests = read_text(&copy.join("tests/test_models.py")).expect("tests");
    assert!(!tests.contains("helium") && tests.contains("test_llama"), "only its own tests are gone");
    assert_eq!(hidden.removed, [port_path()]);
    let registry = |checkout: &Path| {
        Registry::new(ToolContext {
            checkout: checkout.to_path_buf(),
            transformers: world.workspace.transformers_dir.clone(),
            model_type: TYPE.into(),
            results: folder.path().join("results"),
            lessons: folder.path().join("lessons.md"),
            prompts: folder.path().join("prompts"),
            services: Arc::new(NoServices),
        })
        .expect("tools")
    };
    let said = everything(&registry(&copy), &copy).await;
    for telling in [TELLING, "mlx_lm/models/helium.py:", "helium.Model"] {
        assert!(!said.contains(telling), "{telling} in {said}");
    }
    let open = &world.workspace.checkout;
    let said = everything(&registry(open), open).await;
    assert!(said.contains(TELLING), "the same questions do find it where it is not hidden: {said}");
}

struct NoServices;

impl mlxport::tools::Services for NoServices {
    fn check_twin<'a>(
        &'a self,
        _: mlxport::harness::data::TwinRequest,
        _: mlxport::util::sink::Sink<mlxport::harness::data::Event>,
        _: CancellationToken,
    ) -> mlxport::tools::services::Reply<'a, mlxport::harness::data::RunResult> {
        Box::pin(async { Err(no()) })
    }

    fn check_load<'a>(
        &'a self,
        _: mlxport::tools::check_load::LoadSource,
        _: mlxport::util::sink::Sink<mlxport::harness::data::Event>,
        _: CancellationToken,
    ) -> mlxport::tools::services::Reply<'a, mlxport::harness::data::RunResult> {
        Box::pin(async { Err(no()) })
    }

    fn check_family<'a>(
        &'a self,
        _: mlxport::harness::data::FamilyRequest,
        _: mlxport::util::sink::Sink<mlxport::harness::data::Event>,
        _: CancellationToken,
    ) -> mlxport::tools::services::Reply<'a, mlxport::harness::data::RunResult> {
        Box::pin(async { Err(no()) })
    }

    fn estimate<'a>(
        &'a self,
        _: mlxport::harness::data::FamilyRequest,
        _: CancellationToken,
    ) -> mlxport::tools::services::Reply<'a, mlxport::tools::services::Estimate> {
        Box::pin(async { Err(no()) })
    }

    fn battery<'a>(
        &'a self,
        _: mlxport::harness::data::FamilyRequest,
        _: mlxport::util::sink::Sink<mlxport::harness::data::Event>,
        _: CancellationToken,
    ) -> mlxport::tools::services::Reply<'a, mlxport::harness::data::RunResult> {
        Box::pin(async { Err(no()) })
    }

    fn configs(&self) -> Vec<PathBuf> {
        Vec::new()
    }

    fn matrix<'a>(
        &'a self,
        _: CancellationToken,
    ) -> mlxport::tools::services::Reply<'a, (mlxport::hub::data::Matrix, Arc<mlxport::hub::data::Keys>)>
    {
        Box::pin(async { Err(no()) })
    }

    fn ledger<'a>(
        &'a self,
        _: Option<String>,
        _: CancellationToken,
    ) -> mlxport::tools::services::Reply<'a, mlxport::hub::data::Ledger> {
        Box::pin(async { Err(no()) })
    }

    fn inventory<'a>(
        &'a self,
        _: mlxport::tools::inventory::Wanted,
        _: CancellationToken,
    ) -> mlxport::tools::services::Reply<'a, Vec<mlxport::hub::data::inventory::Inventory>> {
        Box::pin(async { Err(no()) })
    }

    fn apply_edit<'a>(
        &'a self,
        _: mlxport::agent::data::ApprovedEdit,
        _: mlxport::agent::data::EditScope,
    ) -> mlxport::tools::services::Reply<'a, mlxport::port::data::EditReceipt> {
        Box::pin(async { Err(no()) })
    }

    fn format<'a>(
        &'a self,
        text: String,
        _: CancellationToken,
    ) -> mlxport::tools::services::Reply<'a, String> {
        Box::pin(async { Ok(text) })
    }
}

fn no() -> mlxport::util::blame::Report {
    mlxport::util::blame::Report::new(mlxport::util::blame::Blame::Bug, "not here")
}

#[test]
fn a_type_that_is_no_accepted_port_is_refused_with_what_is_near() {
    let world = test_workspace("arcee");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let made =
        export((&world.workspace.checkout, world.workspace.baseline.commit()), "heliun", folder.path());
    match made {
        Err(LearnError::NotAccepted { near, .. }) => assert_eq!(near, ["helium"]),
        other => panic!("{other:?}"),
    }
}

/// Every accepted port can be hidden, not only the one that the tests use.
#[test]
fn every_accepted_port_can_be_hidden() {
    let world = test_workspace("arcee");
    let commit = world.workspace.baseline.commit();
    let all = mlxport::learn::accepted(&world.workspace.checkout).expect("a list");
    assert!(all.len() > 80, "{all:?}");
    // One in nine, and those that others build on or are named like.
    let some =
        all.iter().step_by(9).map(String::as_str).chain(["llama", "deepseek_v3", "gemma2", "mamba", "olmo"]);
    for model_type in some {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let hidden = export((&world.workspace.checkout, commit), model_type, folder.path());
        let hidden = hidden.unwrap_or_else(|error| panic!("{model_type}: {error}"));
        let tests = read_text(&folder.path().join("tests/test_models.py")).expect("tests");
        assert!(tests.contains("class TestModels"), "{model_type}");
        assert!(hidden.removed[0] == format!("mlx_lm/models/{model_type}.py"), "{hidden:?}");
    }
}
