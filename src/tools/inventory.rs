//! `inventory`: what released checkpoints hold, from their headers. Repositories of the Hub only: a folder of the person's
//! disk is not the model's to read.

use futures::FutureExt;
use serde::Deserialize;
use serde_json::{Value, json};

use super::data::ToolEnd;
use super::def::{Answer, Class, Desk, Line, ToolDef, Work, done};
use super::error::ToolError;
use super::paths::Writable;
use super::{args, bound};
use crate::hub::data::RepoRef;
use crate::hub::data::inventory::Inventory;
use crate::hub::inventory::{compare, compared, lines};
use crate::util::text::one_line;

pub const NAME: &str = "inventory";

/// Most repositories of one call.
const MOST: usize = 4;

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
pub struct Wanted {
    pub repos: Vec<RepoRef>,
    pub context: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Args {
    repos: Vec<String>,
    #[serde(default)]
    context: Option<u64>,
}

pub const DEF: ToolDef = ToolDef {
    name: NAME,
    about: include_str!("../../prompts/tools/inventory.md"),
    class: Class::Read,
    schema,
    check: |arguments, _| parse(arguments).map(drop),
    work: Work::Wait(wait),
};

fn schema(_: &Writable) -> Value {
    json!({
        "type": "object",
        "properties": {
            "repos": {
                "type": "array",
                "items": {"type": "string"},
                "minItems": 1,
                "maxItems": MOST,
                "description": "owner/name or owner/name@revision; several are compared",
            },
            "context": {"type": "integer", "minimum": 1, "description": "Tokens in the cache, 8192 when left out"},
        },
        "required": ["repos"],
        "additionalProperties": false,
    })
}

fn wait(arguments: Value, desk: &Desk, line: Line) -> Answer<'_, ToolEnd> {
    async move {
        let wanted = parse(arguments)?;
        let taken = desk.services.inventory(wanted, line.cancel).await.map_err(ToolError::Service)?;
        Ok(done(told(&taken)))
    }
    .boxed()
}

/// Parses and checks the arguments alone.
fn parse(arguments: Value) -> Result<Wanted, ToolError> {
    let Args { repos, context } = args::typed(NAME, arguments)?;
    let wrong = |text: String| ToolError::Arguments { tool: NAME, text };
    if repos.is_empty() || repos.len() > MOST {
        return Err(wrong(format!("`repos` takes 1 to {MOST} repositories")));
    }
    let repos = repos
        .iter()
        .map(|text| RepoRef::parse(text).map_err(|error| wrong(bound::line(&one_line(&error.to_string())))));
    Ok(Wanted { repos: repos.collect::<Result<_, _>>()?, context: context.unwrap_or(8192).max(1) })
}

/// Writes inventories for the model, and the card's line.
fn told(taken: &[Inventory]) -> (String, String) {
    let mut all: Vec<String> =
        taken.iter().flat_map(|one| [lines(one), vec![String::new()]].concat()).collect();
    if taken.len() > 1 {
        // What differs is why several were asked for: first, where nothing is cut.
        all.splice(0..0, [compared(&compare(taken)), vec![String::new()]].concat());
    }
    let mut text = String::new();
    for (at, line) in all.iter().enumerate() {
        if text.len() + line.len() > bound::MOST_CHARS {
            text.push_str(&format!("{} more lines", all.len() - at));
            break;
        }
        text.push_str(&bound::line(line));
        text.push('\n');
    }
    let names: Vec<&str> = taken.iter().map(|one| one.name.as_str()).collect();
    (text, format!("inventory of {}", names.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repositories_are_named_as_people_name_them_and_folders_are_refused() {
        let wanted = parse(json!({"repos": ["acme/harbor@v2"]})).expect("arguments");
        let repo = RepoRef::parse("acme/harbor@v2").expect("a name");
        assert_eq!(wanted, Wanted { repos: vec![repo], context: 8192 });
        let refused = |arguments| parse(arguments).expect_err("refused").to_string();
        assert!(refused(json!({"repos": ["/root/secret/model"]})).contains("more than one slash"));
        assert!(refused(json!({"repos": ["../model"]})).contains("`..`"));
        assert!(refused(json!({"repos": []})).contains("1 to 4"));
    }
}
