//! The tools as a hostile model calls them: nothing outside the two folders is read, nothing is written without the
//! person, and every refusal is a sentence the model can act on.

mod calls;
mod checks;
mod config;
mod edits;
mod paths;
mod read;
mod runs;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use futures::FutureExt;
use futures::future::BoxFuture;
use mlxport::agent::data::{
    Approval, ApprovedEdit, EditOrigin, EditScope, Proposal, ToolCall, ToolOutcome, ToolRun,
};
use mlxport::harness::data::{
    CheckId, CheckRecord, CheckVerdict, Divergence, Event, FamilyRequest, Figure, Finding, RunResult,
    StoredRun, TwinRequest, Verdict,
};
use mlxport::hub;
use mlxport::hub::data::{Defaults, Keys, Ledger, Matrix};
use mlxport::port::data::EditReceipt;
use mlxport::runtime::variants::{self, Evidence};
use mlxport::tools::check_load::LoadSource;
use mlxport::tools::services::Estimate;
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
    configs: Mutex<Vec<PathBuf>>,
    loads: Mutex<Vec<LoadSource>>,
    families: Mutex<Vec<FamilyRequest>>,
    batteries: Mutex<Vec<FamilyRequest>>,
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

    fn check_load<'a>(
        &'a self,
        source: LoadSource,
        _sink: Sink<Event>,
        _cancel: CancellationToken,
    ) -> BoxFuture<'a, Result<RunResult, Report>> {
        async move {
            self.loads.lock().unwrap().push(source);
            self.check.lock().unwrap().clone()
        }
        .boxed()
    }

    fn check_family<'a>(
        &'a self,
        request: FamilyRequest,
        sink: Sink<Event>,
        cancel: CancellationToken,
    ) -> BoxFuture<'a, Result<RunResult, Report>> {
        async move {
            self.families.lock().unwrap().push(request);
            sink(Event::Warming);
            if cancel.is_cancelled() {
                return Err(Report::new(Blame::User, "cancelled"));
            }
            self.check.lock().unwrap().clone()
        }
        .boxed()
    }

    fn estimate<'a>(
        &'a self,
        request: FamilyRequest,
        _cancel: CancellationToken,
    ) -> BoxFuture<'a, Result<Estimate, Report>> {
        async move {
            let folder = PathBuf::from(request.target["checkpoint"].as_str().unwrap());
            if !folder.join("model.safetensors").is_file() {
                let text = format!("there are no weights in {}", folder.file_name().unwrap().display());
                return Err(Report::new(Blame::Environment, text));
            }
            let words = vec!["135 million parameters: about 4 min".to_string()];
            Ok(Estimate { seconds: 241.0, memory_gb: 1.25, words })
        }
        .boxed()
    }

    fn battery<'a>(
        &'a self,
        request: FamilyRequest,
        _sink: Sink<Event>,
        _cancel: CancellationToken,
    ) -> BoxFuture<'a, Result<RunResult, Report>> {
        async move {
            self.batteries.lock().unwrap().push(request);
            self.check.lock().unwrap().clone()
        }
        .boxed()
    }

    fn configs(&self) -> Vec<PathBuf> {
        self.configs.lock().unwrap().clone()
    }

    fn matrix<'a>(
        &'a self,
        _cancel: CancellationToken,
    ) -> BoxFuture<'a, Result<(Matrix, Arc<Keys>), Report>> {
        async move {
            let configs = hub::read_all(&self.configs()).map_err(|error| Report::from(&error))?;
            Ok((hub::matrix(&configs, &Defaults::default()), Arc::default()))
        }
        .boxed()
    }

    fn ledger<'a>(
        &'a self,
        run: Option<String>,
        cancel: CancellationToken,
    ) -> BoxFuture<'a, Result<Ledger, Report>> {
        async move {
            let (matrix, class) = self.matrix(cancel).await?;
            let root = self.checkout.parent().unwrap().to_path_buf();
            let evidence = Evidence {
                references: vec![root.join("site/transformers/models/arcee/modeling_arcee.py")],
                port: Some(self.checkout.join(PORT)).filter(|port| port.is_file()),
                results: root.join("results"),
                model_type: "arcee".into(),
                home: root,
                run,
            };
            variants::ledger(&evidence, &matrix, &class)
        }
        .boxed()
    }

    fn apply_edit<'a>(
        &'a self,
        edit: ApprovedEdit,
        scope: EditScope,
    ) -> BoxFuture<'a, Result<EditReceipt, Report>> {
        async move {
            let folder = match scope {
                EditScope::Lessons => self.checkout.parent().unwrap(),
                EditScope::Port | EditScope::Test | EditScope::Shared => &self.checkout,
                EditScope::Run { .. } => panic!("a run writes nothing"),
            };
            std::fs::write(folder.join(&edit.path), &edit.after).unwrap();
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
        configs: Mutex::default(),
        loads: Mutex::default(),
        families: Mutex::default(),
        batteries: Mutex::default(),
    });
    let context = ToolContext {
        checkout,
        transformers,
        model_type: model_type.into(),
        results: root.join("results"),
        lessons: root.join("lessons.md"),
        prompts: root.join("prompts"),
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

    /// Gives the session a config under a name.
    fn config(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join("configs").join(name).join("config.json");
        write(&path, text);
        self.fake.configs.lock().unwrap().push(path.clone());
        path
    }

    /// Stores a run as the harness does.
    fn store(&self, result: RunResult) {
        let port = self.folder.path().join("mlx-lm").join(PORT);
        let run = StoredRun {
            asked: "2026-11-25T10:00:00Z".into(),
            seconds: 1.5,
            port: mlxport::harness::store::read_port(&port).ok().map(|(_, port)| port),
            configs: Vec::new(),
            harness: None,
            ground: Default::default(),
            result,
        };
        let folder = self.folder.path().join("results").join(&run.result.run_id);
        write(&folder.join("run.json"), &serde_json::to_string(&run).unwrap());
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
