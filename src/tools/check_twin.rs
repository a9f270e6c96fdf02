//! `check_twin`: the harness's verdict on the port as it stands, on the session's configs, or the class's defaults where it has none.

use futures::FutureExt;
use serde::Deserialize;
use serde_json::{Value, json};

use super::data::ToolEnd;
use super::def::{Answer, Class, Desk, Line, ToolDef, Work, checked};
use super::error::ToolError;
use super::paths::Writable;
use super::variants::{self, Variants};
use super::{args, bound};
use crate::harness::data::{CheckId, TwinRequest, plan};
use crate::util::text::one_line;

pub const NAME: &str = "check_twin";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Args {
    #[serde(default)]
    checks: Option<Checks>,
    #[serde(default)]
    variants: Variants,
    #[serde(default)]
    seed: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Checks {
    Plan(String),
    Named(Vec<String>),
}

pub const DEF: ToolDef = ToolDef {
    name: NAME,
    about: include_str!("../../prompts/tools/check_twin.md"),
    class: Class::Check,
    schema,
    check: |arguments, desk| request(args::typed(NAME, arguments)?, &desk.model_type).map(drop),
    work: Work::Wait(wait),
};

fn schema(_: &Writable) -> Value {
    let names: Vec<_> = plan::named().iter().map(|id| id.name()).collect();
    let named = json!({"type": "array", "items": {"type": "string", "enum": names}});
    let plan = json!({"type": "string", "enum": ["quick", "full"]});
    json!({
        "type": "object",
        "properties": {
            "checks": {"anyOf": [named, plan], "description": "Names of checks, or a plan; quick when left out"},
            "variants": variants::schema(),
            "seed": {"type": "integer", "minimum": 0, "description": "Of the random weights, 0 when left out"},
        },
        "additionalProperties": false,
    })
}

fn wait(arguments: Value, desk: &Desk, line: Line) -> Answer<'_, ToolEnd> {
    async move {
        let args: Args = args::typed(NAME, arguments)?;
        let wanted = variants::choose(NAME, &args.variants, desk).await?;
        let count = wanted.len();
        let request = TwinRequest { configs: wanted, ..request(args, &desk.model_type)? };
        let result = desk.services.check_twin(request, line.events(), line.cancel).await;
        let result = result.map_err(ToolError::Service)?;
        let note = variants::judged(count, &result, desk);
        Ok(checked(result, &note, desk))
    }
    .boxed()
}

/// Turns the arguments into what the harness is asked; the variants are still to be chosen.
fn request(args: Args, model_type: &str) -> Result<TwinRequest, ToolError> {
    let wrong = |text: String| ToolError::Arguments { tool: NAME, text };
    let checks = match args.checks {
        None => plan::quick(),
        Some(Checks::Plan(name)) => plan::parse(&bound::line(&one_line(&name))).map_err(wrong)?,
        Some(Checks::Named(names)) if names.is_empty() => {
            return Err(wrong("`checks` is empty; leave it out for the quick ones".into()));
        }
        Some(Checks::Named(names)) => plan::order(&named(&names).map_err(wrong)?),
    };
    Ok(TwinRequest { checks, seed: args.seed.unwrap_or(0), ..TwinRequest::new(model_type) })
}

fn named(names: &[String]) -> Result<Vec<CheckId>, String> {
    let known = plan::named();
    let one = |name: &String| {
        known.iter().copied().find(|check| check.name() == name).ok_or_else(|| {
            let name = bound::line(&one_line(name));
            let known = known.iter().map(|id| id.name()).collect::<Vec<_>>().join(", ");
            format!("no check is named `{name}`; there are {known}")
        })
    };
    names.iter().map(one).collect()
}
