//! Tries an endpoint with three small requests: its list of models, one streamed reply, one tool call. Says for each what
//! happened and whose fault it is. The command line and the model picker ask the same.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use serde::Serialize;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::ChatClient;
use crate::agent::data::{
    Approval, ChatRequest, FailureKind, FinishReason, Message, StreamEvent, StreamFailure, ToolSpec, Usage,
};
use crate::util::blame::Report;
use crate::util::text::{one_line, truncate};

/// Enough for a reasoning model to come to the word.
const OUTPUT: u32 = 512;

/// One thing that was tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// The list of models: address and key.
    Models,
    /// One streamed reply.
    Reply,
    /// One tool call.
    Tool,
}

impl Step {
    /// Names the step for a person.
    pub fn words(self) -> &'static str {
        match self {
            Self::Models => "models",
            Self::Reply => "reply",
            Self::Tool => "tool call",
        }
    }
}

/// How a step went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Good,
    /// It works, with something to know.
    Note,
    Bad,
}

/// What a step found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub step: Step,
    pub outcome: Outcome,
    pub text: String,
    /// Whose fault it is and what to do, for [`Outcome::Bad`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report: Option<Report>,
    pub ms: u64,
}

/// Tries an endpoint with a model; each finding is also given to `each` as it comes. Stops after what makes the rest
/// pointless.
pub async fn probe(
    client: &ChatClient,
    model: Option<&str>,
    each: &mut (dyn FnMut(&Finding) + Send),
) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut tell = |finding: Finding| {
        each(&finding);
        found.push(finding);
    };
    let listed = models(client, model).await;
    let reachable = match &listed {
        Ok(finding) => {
            tell(finding.clone());
            true
        }
        Err((finding, failure)) => {
            tell(finding.clone());
            // Some servers have no list and answer all the same.
            !matches!(failure, FailureKind::Connect | FailureKind::Auth | FailureKind::Stalled)
        }
    };
    if let (true, Some(model)) = (reachable, model) {
        let reply = reply(client, model).await;
        let answered = reply.outcome != Outcome::Bad;
        tell(reply);
        if answered {
            tell(tool(client, model).await);
        }
    }
    found
}

async fn models(client: &ChatClient, model: Option<&str>) -> Result<Finding, (Finding, FailureKind)> {
    let start = Instant::now();
    let listed = client.list_models().await;
    let make = |outcome, text, report| Finding { step: Step::Models, outcome, text, report, ms: ms(start) };
    match listed {
        Ok(models) => {
            let count = format!("{} model{}", models.len(), if models.len() == 1 { "" } else { "s" });
            Ok(match model {
                None => make(Outcome::Note, format!("{count}; none is chosen, so nothing was asked"), None),
                Some(name) if models.iter().any(|model| model.id == name) => {
                    make(Outcome::Good, format!("{count}, {name} among them"), None)
                }
                Some(name) => make(Outcome::Note, format!("{count}, {name} not among them"), None),
            })
        }
        Err(failure) => {
            // A server without a list says so with a status that also means a wrong address: the reply decides.
            let no_list = matches!(failure.kind, FailureKind::BadRequest | FailureKind::Protocol);
            let outcome = if no_list { Outcome::Note } else { Outcome::Bad };
            let report = (!no_list).then(|| Report::from(&failure));
            Err((make(outcome, failure.text.clone(), report), failure.kind))
        }
    }
}

async fn reply(client: &ChatClient, model: &str) -> Finding {
    let heard = hear(client, request(model, "Answer with the one word: ready", Vec::new())).await;
    let make = |outcome, text, report| Finding { step: Step::Reply, outcome, text, report, ms: heard.ms };
    match &heard.end {
        Err(failure) => make(Outcome::Bad, failure.text.clone(), Some(Report::from(failure))),
        Ok((reason, usage)) => {
            let said = truncate(&one_line(heard.text.trim()), 40);
            let mut text = match (said.is_empty(), heard.reasoned, reason) {
                (false, ..) => format!("said {said:?}"),
                (true, true, FinishReason::Length) => format!("still reasoning after {OUTPUT} tokens"),
                (true, ..) => "an empty reply".to_string(),
            };
            if let Some(first) = heard.first_ms {
                text.push_str(&format!(", first words after {:.1} s", first as f64 / 1e3));
            }
            if usage.is_none() {
                text.push_str("; it does not count tokens, so the context meter estimates");
            }
            let outcome = match (said.is_empty(), heard.reasoned, usage) {
                (true, false, _) => Outcome::Bad,
                (true, true, _) | (_, _, None) => Outcome::Note,
                _ => Outcome::Good,
            };
            let report = (outcome == Outcome::Bad).then(|| {
                Report::new(crate::util::blame::Blame::Environment, "the model returned an empty reply")
                    .hint("try another model of the endpoint: `mlxport model list`")
            });
            make(outcome, text, report)
        }
    }
}

async fn tool(client: &ChatClient, model: &str) -> Finding {
    let schema = json!({
        "type": "object",
        "properties": {"path": {"type": "string", "description": "The file's path"}},
        "required": ["path"],
    });
    let tool = ToolSpec {
        name: "read_file".into(),
        description: "Reads a file and gives its text.".into(),
        schema,
        approval: Approval::Auto,
    };
    let asked = "Call the tool read_file with the path README.md. Do not answer in words.";
    let heard = hear(client, request(model, asked, vec![tool])).await;
    let make =
        |outcome, text: String, report| Finding { step: Step::Tool, outcome, text, report, ms: heard.ms };
    let no_tools = |failure: &StreamFailure| {
        Report::from(failure).hint(
            "the endpoint refuses tools for this model: choose one that takes them, or start the server with them \
             (vLLM: --enable-auto-tool-choice, llama.cpp: --jinja)",
        )
    };
    match (&heard.end, heard.calls.as_slice()) {
        (Err(failure), _) if failure.kind == FailureKind::BadRequest => {
            make(Outcome::Bad, failure.text.clone(), Some(no_tools(failure)))
        }
        (Err(failure), _) => make(Outcome::Bad, failure.text.clone(), Some(Report::from(failure))),
        (Ok(_), []) => make(
            Outcome::Note,
            "answered in words: this model, or its server, does not call tools when asked to. It can talk about a port \
             and not read or edit one"
                .into(),
            None,
        ),
        (Ok(_), [(name, arguments), ..]) => {
            let path = serde_json::from_str::<serde_json::Value>(arguments).ok();
            let path = path.and_then(|value| Some(value["path"].as_str()?.to_string()));
            match (name.as_str(), path) {
                ("read_file", Some(path)) => {
                    make(Outcome::Good, format!("called read_file with {:?}", truncate(&one_line(&path), 40)), None)
                }
                _ => make(
                    Outcome::Note,
                    format!(
                        "called {} with arguments that are not what the schema asks: {}",
                        truncate(&one_line(name), 40),
                        truncate(&one_line(arguments), 60)
                    ),
                    None,
                ),
            }
        }
    }
}

fn request(model: &str, text: &str, tools: Vec<ToolSpec>) -> ChatRequest {
    ChatRequest { model: model.into(), messages: vec![Message::user(text)], tools, max_tokens: Some(OUTPUT) }
}

/// What a stream said, gathered.
struct Heard {
    text: String,
    reasoned: bool,
    /// Name and arguments by slot.
    calls: Vec<(String, String)>,
    first_ms: Option<u64>,
    ms: u64,
    end: Result<(FinishReason, Option<Usage>), StreamFailure>,
}

async fn hear(client: &ChatClient, request: ChatRequest) -> Heard {
    let start = Instant::now();
    let events: Arc<Mutex<Vec<(u64, StreamEvent)>>> = Arc::default();
    let to = Arc::clone(&events);
    let sink = Arc::new(move |event| {
        to.lock().unwrap_or_else(PoisonError::into_inner).push((ms(start), event));
    });
    client.stream(request, sink, CancellationToken::new()).await;
    let events = std::mem::take(&mut *events.lock().unwrap_or_else(PoisonError::into_inner));
    let silent = super::failure::protocol(client.endpoint(), "the stream ended without a word");
    let mut heard = Heard {
        text: String::new(),
        reasoned: false,
        calls: Vec::new(),
        first_ms: None,
        ms: ms(start),
        end: Err(silent),
    };
    for (at, event) in events {
        match event {
            StreamEvent::Opened => continue,
            StreamEvent::Text { delta } => heard.text.push_str(&delta),
            StreamEvent::Reasoning { .. } => heard.reasoned = true,
            StreamEvent::ToolCall { delta } => {
                let slot = delta.slot as usize;
                heard.calls.resize(heard.calls.len().max(slot + 1), Default::default());
                heard.calls[slot].0.push_str(delta.name.as_deref().unwrap_or_default());
                heard.calls[slot].1.push_str(&delta.arguments);
            }
            StreamEvent::Finished { reason, usage } => {
                heard.end = Ok((reason, usage));
                continue;
            }
            StreamEvent::Failed { failure } => {
                heard.end = Err(failure);
                continue;
            }
        }
        heard.first_ms.get_or_insert(at);
    }
    heard
}

fn ms(start: Instant) -> u64 {
    u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX)
}
