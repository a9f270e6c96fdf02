//! `mlxport bench agent`: accepted ports, hidden one at a time, are ported anew by a model with the same conversation,
//! tools and harness as on the screen, within one budget; the twin check judges. Finished rows are kept at once, so that
//! a cut bench goes on where it was.

mod headless;
mod room;

use std::path::{Path, PathBuf};
use std::time::Instant;

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::models::{Answering, Models};
use crate::agent::machine::gates::Gates;
use crate::agent::machine::{Limits, Machine, Provider, Setup};
use crate::config::{Role, Settings};
use crate::harness::data::{Environment, TwinRequest, Verdict};
use crate::port::Workspace;
use crate::util::blame::{Blame, Report};
use crate::util::fs::{create_dir, read_text, write_atomic};
use crate::util::id;
use crate::util::sink::{Sink, discard};
use headless::{Counts, Headless, Rest};
use room::Room;

const FIRST: &str = include_str!("../../prompts/bench.md");
const AGAIN: &str = include_str!("../../prompts/bench_again.md");
/// How often a model that stops before the checks pass is told to go on.
const NUDGES: u32 = 2;
const SCHEMA: u32 = 1;

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Wanted {
    pub model_types: Vec<String>,
    pub budget: Budget,
    /// An earlier bench to go on with.
    pub id: Option<String>,
}

/// Of one port, all its answers together; the same for every type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// Answers that call tools.
    pub rounds: u32,
    /// Tokens, as the endpoint counts them.
    pub tokens: Option<u64>,
}

/// What came of it. Written whole after each row.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AgentReport {
    pub schema: u32,
    pub id: String,
    pub date: String,
    pub profile: String,
    pub model: String,
    /// Host and port of the endpoint; never a key.
    pub endpoint: String,
    pub budget: Budget,
    pub nudges: u32,
    pub mlx_lm: String,
    pub environment: Environment,
    pub rows: Vec<Row>,
}

/// One port.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Row {
    pub model_type: String,
    pub passed: bool,
    pub verdict: Verdict,
    pub run_id: String,
    /// How the conversation ended.
    pub ended: String,
    #[serde(flatten)]
    pub counts: Counts,
    pub minutes: f64,
    /// Edits by a person: nobody sits here.
    pub person_edits: u32,
    /// What was hidden: files, lines of tests, words.
    pub hidden_files: Vec<String>,
    pub hidden_lines: usize,
    pub hidden_words: usize,
    pub finished: String,
}

/// What a bench needs of the program.
pub struct Ground<'a> {
    pub settings: &'a Settings,
    pub workspace: &'a Workspace,
    pub say: Sink<String>,
}

impl AgentReport {
    /// The share of rows that passed, if there are any.
    pub fn pass_rate(&self) -> Option<f64> {
        let passed = self.rows.iter().filter(|row| row.passed).count();
        (!self.rows.is_empty()).then(|| passed as f64 / self.rows.len() as f64)
    }
}

/// Runs the bench; none when it was interrupted: what is finished is kept.
pub async fn bench(
    ground: &Ground<'_>,
    wanted: &Wanted,
    cancel: &CancellationToken,
) -> Result<(AgentReport, bool), Report> {
    let models = Models::new(ground.settings.clone());
    let who = models.answering(Role::Port, &ground.say).await?;
    let (mut report, folder) = opened(ground, wanted, &who)?;
    let context = models.context(&who).await;
    for model_type in &wanted.model_types {
        if report.rows.iter().any(|row| row.model_type == *model_type) {
            (ground.say)(format!("{model_type}: done already in bench {}", report.id));
            continue;
        }
        let done = one(ground, (&who, context, &mut report, &folder), model_type, cancel).await;
        let done = done.map_err(|error| {
            let hint = error.hint.clone().map_or(String::new(), |hint| format!("{hint}; "));
            let again = format!("{hint}go on with: mlxport bench agent --run {} …", report.id);
            Report { hint: Some(again), ..error }
        })?;
        let Some(row) = done else { return Ok((report, false)) };
        (ground.say)(row.line());
        report.rows.push(row);
        save(&folder, &report)?;
    }
    Ok((report, true))
}

/// Ports one type; none when it was interrupted.
async fn one(
    ground: &Ground<'_>,
    (who, context, report, folder): (&Answering, Option<u64>, &mut AgentReport, &Path),
    model_type: &str,
    cancel: &CancellationToken,
) -> Result<Option<Row>, Report> {
    let start = Instant::now();
    let room = Room::make(ground, &report.id, model_type).await?;
    (ground.say)(format!(
        "{model_type}: hidden ({} files, {} lines of tests, {} words)",
        room.hidden.removed.len(),
        room.hidden.lines,
        room.hidden.words
    ));
    let limits = Limits {
        rounds: report.budget.rounds,
        tokens: report.budget.tokens,
        context,
        output: who.profile.output.value,
        ..Limits::default()
    };
    let setup = Setup {
        provider: Provider::Endpoint,
        model: report.model.clone(),
        system: room.system.clone(),
        tools: room.registry.specs(),
        limits,
        model_type: model_type.to_string(),
        // Nobody is there to say in their own words what the architecture does.
        gates: Gates::Open,
        ..Setup::default()
    };
    let mut talk = Headless::new(Machine::new(setup), (&who.client, &room.registry), start, cancel.clone());
    let mut words = FIRST.trim().replace("{{model_type}}", model_type).replace("{{port}}", &room.port());
    let mut nudges = 0;
    let (ended, result) = loop {
        let rest = talk.say(words).await;
        keep(folder, model_type, &talk)?;
        if cancel.is_cancelled() {
            return Ok(None);
        }
        let ended = match rest {
            Rest::Outside(report) => return Err(report),
            Rest::Answered => "the model said that it was done".to_string(),
            Rest::Spent(text) | Rest::Stopped(text) => text,
        };
        let judged = room.harness.check_twin(TwinRequest::new(model_type), discard(), cancel.clone()).await;
        let result = match judged {
            Ok(result) => result,
            Err(_) if cancel.is_cancelled() => return Ok(None),
            Err(error) => return Err(Report::from(&error)),
        };
        if result.verdict == Verdict::Pass || nudges == NUDGES || !talk.may_go_on() {
            break (ended, result);
        }
        nudges += 1;
        words = AGAIN.trim().replace("{{verdict}}", result.verdict.name());
    };
    let port = room.hidden.folder.join(room.port());
    if let Ok(text) = read_text(&port) {
        write_atomic(&folder.join(format!("{model_type}.py")), text.as_bytes())
            .map_err(|error| Report::from(&error))?;
    }
    report.environment.clone_from(&result.environment);
    Ok(Some(Row {
        model_type: model_type.to_string(),
        passed: result.verdict == Verdict::Pass,
        verdict: result.verdict,
        run_id: result.run_id,
        ended,
        counts: talk.counts(),
        minutes: start.elapsed().as_secs_f64() / 60.0,
        person_edits: 0,
        hidden_files: room.hidden.removed.clone(),
        hidden_lines: room.hidden.lines,
        hidden_words: room.hidden.words,
        finished: id::timestamp(),
    }))
}

impl Row {
    /// One line for a person.
    pub fn line(&self) -> String {
        let Counts { turns, tool_calls, edits, prompt_tokens, completion_tokens } = self.counts;
        format!(
            "{:<16} {:<13} {turns} turns, {tool_calls} tool calls, {edits} edits, {} tokens, {:.1} min; {}",
            self.model_type,
            self.verdict.name(),
            prompt_tokens + completion_tokens,
            self.minutes,
            self.ended
        )
    }
}

/// The endpoint's host and port: an address may hold a login, which no report shows.
fn host(who: &Answering) -> String {
    let Some(url) = who.profile.base_url.value.as_deref().filter(|_| who.local.is_none()) else {
        return "mlx_lm.server on this machine".into();
    };
    let rest = url.split("://").nth(1).unwrap_or(url);
    let host = rest.split('/').next().unwrap_or(rest);
    host.rsplit('@').next().unwrap_or(host).to_string()
}

fn opened(ground: &Ground<'_>, wanted: &Wanted, who: &Answering) -> Result<(AgentReport, PathBuf), Report> {
    let all = ground.settings.home.value.results().join("bench-agent");
    let fresh = AgentReport {
        schema: SCHEMA,
        id: wanted.id.clone().unwrap_or_else(id::new_id),
        date: id::timestamp(),
        profile: who.profile.shown().to_string(),
        model: who.model.clone(),
        endpoint: host(who),
        budget: wanted.budget,
        nudges: NUDGES,
        mlx_lm: ground.workspace.baseline.commit().to_string(),
        environment: Environment::new(),
        rows: Vec::new(),
    };
    let folder = all.join(&fresh.id);
    if wanted.id.is_none() {
        create_dir(&folder).map_err(|error| Report::from(&error))?;
        return Ok((fresh, folder));
    }
    let path = folder.join("report.json");
    let text = read_text(&path).map_err(|_| {
        Report::new(Blame::User, format!("--run {}: there is no such bench", fresh.id))
            .hint(format!("benches are in {}", all.display()))
    })?;
    let kept: AgentReport = serde_json::from_str(&text)
        .map_err(|error| Report::new(Blame::Environment, format!("{}: {error}", path.display())))?;
    let same = (&kept.model, kept.budget, &kept.mlx_lm) == (&fresh.model, fresh.budget, &fresh.mlx_lm);
    if !same {
        let text = format!(
            "bench {} was run with {}, {:?}, mlx-lm {}",
            kept.id, kept.model, kept.budget, kept.mlx_lm
        );
        return Err(Report::new(Blame::User, text)
            .hint("rows of one bench must be comparable: use the same, or start a new one"));
    }
    Ok((kept, folder))
}

fn save(folder: &Path, report: &AgentReport) -> Result<(), Report> {
    let text =
        serde_json::to_vec_pretty(report).map_err(|error| Report::new(Blame::Bug, error.to_string()))?;
    write_atomic(&folder.join("report.json"), &text).map_err(|error| Report::from(&error))
}

/// Keeps the conversation beside the rows, to be read.
fn keep(folder: &Path, model_type: &str, talk: &Headless<'_>) -> Result<(), Report> {
    let lines: Vec<String> =
        talk.log().iter().filter_map(|entry| serde_json::to_string(entry).ok()).collect();
    let path = folder.join(format!("{model_type}.jsonl"));
    write_atomic(&path, (lines.join("\n") + "\n").as_bytes()).map_err(|error| Report::from(&error))
}
