//! `check_speed`: prefill, decode and memory of the port beside an accepted one, with random 4-bit weights. Figures only.

use futures::FutureExt;
use serde::Deserialize;
use serde_json::{Value, json};

use super::data::ToolEnd;
use super::def::{Answer, Class, Desk, Line, ToolDef, Work, judged};
use super::error::ToolError;
use super::paths::Writable;
use super::{args, variants};
use crate::harness::asks::{self, Pace};

pub const NAME: &str = "check_speed";

/// Seconds that a measurement may be given.
const LEAST: u32 = 10;
const MOST: u32 = 600;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Args {
    #[serde(default)]
    against: Option<String>,
    #[serde(default)]
    budget_s: Option<u32>,
    #[serde(default)]
    variant: Option<String>,
}

pub const DEF: ToolDef = ToolDef {
    name: NAME,
    about: include_str!("../../prompts/tools/check_speed.md"),
    class: Class::Check,
    schema,
    check: |arguments, _| parse(arguments).map(drop),
    work: Work::Wait(wait),
};

fn schema(_: &Writable) -> Value {
    json!({
        "type": "object",
        "properties": {
            "against": {"type": "string", "description": "An accepted port by its model type; the nearest by its config when left out"},
            "budget_s": {"type": "integer", "minimum": LEAST, "maximum": MOST, "description": "Seconds that it may take, 60 when left out; more is nearer to the real size"},
            "variant": variants::schema_one(),
        },
        "additionalProperties": false,
    })
}

fn parse(arguments: Value) -> Result<Args, ToolError> {
    let args: Args = args::typed(NAME, arguments)?;
    let wrong = |text: String| Err(ToolError::Arguments { tool: NAME, text });
    if args.budget_s.is_some_and(|seconds| !(LEAST..=MOST).contains(&seconds)) {
        return wrong(format!("`budget_s` is from {LEAST} to {MOST} seconds"));
    }
    // It becomes a file's name below mlx_lm/models.
    match &args.against {
        Some(name) if Writable::new(name).is_err() => {
            wrong("`against` is the model type of an accepted port, such as `llama`".into())
        }
        _ => Ok(args),
    }
}

fn wait(arguments: Value, desk: &Desk, line: Line) -> Answer<'_, ToolEnd> {
    async move {
        let Args { against, budget_s, variant } = parse(arguments)?;
        let config = variants::choose_one(NAME, variant, desk).await?;
        let pace = Pace { against, budget_s, ..Pace::default() };
        judged(asks::speed(&desk.model_type, config, pace), desk, line).await
    }
    .boxed()
}
