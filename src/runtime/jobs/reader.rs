//! Runs the jobs of the second reader ([`crate::app::pane::chat::reader`]): what it is given to read, its stream, and its
//! calls, which read and do nothing else.

use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;

use serde_json::json;
use similar::TextDiff;
use tokio_util::sync::CancellationToken;

use super::JobSink;
use crate::agent::data::{ToolOutcome, ToolRun, ToolSpec};
use crate::agent::machine::{Limits, Provider as Answers, Setup};
use crate::agent::prompt::{Facts, Prompts};
use crate::app::msg::PaneMsg;
use crate::app::pane::chat::Msg as ChatMsg;
use crate::app::pane::chat::reader::{Job, Msg};
use crate::config::Role;
use crate::git::{GitError, Repo, Side};
use crate::runtime::services::{Connected, Services};
use crate::tools::Registry;
use crate::tools::def::Class;
use crate::util::blame::{Blame, Report};
use crate::util::sink::discard;

/// What it may use in one reading.
const ROUNDS: u32 = 24;
const TOKENS: u64 = 400_000;
/// Characters of each thing that it is given at once; it can read the rest.
const DIFF: usize = 60_000;
const OUTLINE: usize = 12_000;
const FINDINGS: usize = 6_000;

/// Runs one job to its end.
pub(super) async fn run(
    job: Job,
    services: Arc<Services>,
    sink: JobSink,
    cancel: CancellationToken,
) -> Result<(), Report> {
    match job {
        Job::Load => load(&services, &sink, &cancel).await,
        Job::Stream { stream, request } => {
            let events = sink.sink(move |event| said(Msg::Stream { stream, event }));
            super::chat::ask((Role::Review, *request), &services, (&sink, events), cancel).await
        }
        Job::Run { run } => read(*run, &services, &sink, cancel).await,
    }
}

fn said(msg: Msg) -> PaneMsg {
    PaneMsg::Chat(ChatMsg::Reader(msg))
}

async fn load(services: &Services, sink: &JobSink, cancel: &CancellationToken) -> Result<(), Report> {
    let manual = services.models.is_manual(Role::Review);
    let profile = services.models.profile(Role::Review);
    let connected = services.connected()?;
    let registry = connected.registry.as_ref().ok_or_else(super::chat::no_tools)?;
    let checkout = connected.workspace.checkout.clone();
    let changes = tokio::task::spawn_blocking(move || changes(&checkout)).await;
    let changes = changes.map_err(|error| Report::new(Blame::Bug, error.to_string()))??;
    let prompts =
        Prompts::load(&services.home().root().join("prompts")).map_err(|error| Report::from(&error))?;
    let facts = super::chat::facts(&connected);
    let setup = Setup {
        provider: if manual { Answers::Manual } else { Answers::Endpoint },
        model: profile.model.value.unwrap_or_default(),
        system: facts.place(prompts.reader.trim()),
        tools: reading(registry),
        limits: Limits {
            rounds: ROUNDS,
            tokens: Some(TOKENS),
            attempts: 4,
            context: profile.context.value,
            output: profile.output.value,
            ..Limits::default()
        },
        model_type: facts.model_type.clone(),
        ..Setup::default()
    };
    let opening = opening(&changes, &connected, &facts, cancel).await;
    sink.send(said(Msg::Ready { setup: Box::new(setup), opening, about: changes.about }));
    Ok(())
}

/// The tools that read: nothing that runs the port, nothing that changes a file.
fn reading(registry: &Registry) -> Vec<ToolSpec> {
    registry.specs().into_iter().filter(|spec| Registry::class(&spec.name) == Some(Class::Read)).collect()
}

async fn read(
    run: ToolRun,
    services: &Services,
    sink: &JobSink,
    cancel: CancellationToken,
) -> Result<(), Report> {
    let connected = services.connected()?;
    let registry = connected.registry.as_ref().ok_or_else(super::chat::no_tools)?;
    let call_id = run.call_id.clone();
    // The machine offers no other tool; what a model makes up must not get further than here either.
    if Registry::class(&run.name) != Some(Class::Read) {
        return Err(Report::new(
            Blame::Bug,
            format!("the second reader asked for {}, which does not only read", run.name),
        ));
    }
    let end = Box::new(registry.run(run, discard(), cancel).await);
    sink.send(said(Msg::ToolEnded { call_id, end }));
    Ok(())
}

/// What the port changes.
struct Changes {
    diff: String,
    /// `the staged diff of 2 files`.
    about: String,
}

fn changes(checkout: &Path) -> Result<Changes, Report> {
    let wrong = |error: GitError| Report::from(&error);
    let repo = Repo::open(checkout).map_err(wrong)?;
    let base = repo.base().map_err(wrong)?;
    let layers = repo.layers(&base).map_err(wrong)?;
    let staged = layers.iter().any(|file| file.index != file.head);
    let mut diff = String::new();
    let mut files = 0;
    for file in &layers {
        let after = if staged { &file.index } else { &file.worktree };
        // Unstaged, what a build left in the checkout is nobody's change.
        if !staged && !file.path.starts_with("mlx_lm/models/") && !file.path.starts_with("tests/") {
            continue;
        }
        if file.base.as_ref().map(|side| &side.id) == after.as_ref().map(|side| &side.id) {
            continue;
        }
        files += 1;
        diff.push_str(&file_diff(&file.path, file.base.as_ref(), after.as_ref()));
    }
    if files == 0 {
        return Err(Report::new(Blame::User, "there is nothing to read: the port changes no file yet")
            .hint("accept a first edit, or write one; the second reader reads what differs from upstream"));
    }
    let count = format!("{files} file{}", if files == 1 { "" } else { "s" });
    let about = match staged {
        true => format!("the staged diff of {count}"),
        false => format!("the port's diff of {count} (nothing is staged)"),
    };
    Ok(Changes { diff, about })
}

fn file_diff(path: &str, before: Option<&Side>, after: Option<&Side>) -> String {
    let text = |side: Option<&Side>| {
        side.map(|side| side.bytes.as_deref().map(|bytes| String::from_utf8_lossy(bytes).into_owned()))
    };
    match (text(before), text(after)) {
        (Some(None), _) | (_, Some(None)) => format!("{path}: too large to show\n"),
        (before, after) => {
            let (before, after) = (before.flatten().unwrap_or_default(), after.flatten().unwrap_or_default());
            let diff = TextDiff::from_lines(&before, &after);
            diff.unified_diff()
                .context_radius(4)
                .header(&format!("a/{path}"), &format!("b/{path}"))
                .to_string()
        }
    }
}

/// Writes what it is given: the diff, what the reference holds, what the lint rules found.
async fn opening(
    changes: &Changes,
    connected: &Connected,
    facts: &Facts,
    cancel: &CancellationToken,
) -> String {
    let mut out =
        format!("# The diff: {}\n\n```diff\n{}\n```\n", changes.about, shortened(&changes.diff, DIFF));
    let Some(registry) = &connected.registry else { return out };
    let package = &connected.workspace.transformers_dir;
    let files = connected.workspace.reference_files(&facts.model_type);
    let named = files.iter().filter_map(|path| path.strip_prefix(package).ok());
    for path in named.map(|path| format!("transformers/{}", path.display())) {
        let text = tool(registry, "outline_source", json!({ "path": path }), cancel).await;
        let _ = write!(out, "\n# The reference: {path}\n\n{}\n", shortened(&text, OUTLINE));
    }
    let lint = tool(registry, "lint_port", json!({}), cancel).await;
    let _ =
        write!(out, "\n# What the lint rules found in {}\n\n{}\n", facts.port, shortened(&lint, FINDINGS));
    out.push_str("\nRead, and list your doubts.");
    out
}

/// Runs a tool for the opening; what it says of a failure is told as it is.
async fn tool(
    registry: &Registry,
    name: &str,
    arguments: serde_json::Value,
    cancel: &CancellationToken,
) -> String {
    let run = ToolRun { call_id: "opening".into(), name: name.into(), arguments, approved: None };
    match registry.run(run, discard(), cancel.clone()).await.outcome {
        ToolOutcome::Done { text } | ToolOutcome::Failed { text } | ToolOutcome::Interrupted { text } => text,
        ToolOutcome::Stop { report } => report.text,
    }
}

fn shortened(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.trim_end().to_string(),
        Some((at, _)) => {
            let lines = text[at..].lines().count();
            format!("{}\n[{lines} more lines; read them with your tools]", &text[..at])
        }
    }
}
