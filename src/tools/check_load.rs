//! `check_load`: a checkpoint loaded at full size by the port, from its headers alone: every tensor accounted for.

use std::path::PathBuf;

use futures::FutureExt;
use serde::Deserialize;
use serde_json::{Value, json};

use super::data::ToolEnd;
use super::def::{Answer, Class, Desk, Line, ToolDef, Work, checked};
use super::error::ToolError;
use super::paths::Writable;
use super::{args, bound, variants};
use crate::hub::data::RepoRef;
use crate::util::text::one_line;

pub const NAME: &str = "check_load";

/// What is loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoadSource {
    /// A repository of the Hub, by its headers.
    Repo(RepoRef),
    /// The folder of one of the session's variants.
    Folder { name: String, path: PathBuf },
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Args {
    #[serde(default)]
    repo: Option<String>,
    #[serde(default)]
    variant: Option<String>,
}

pub const DEF: ToolDef = ToolDef {
    name: NAME,
    about: include_str!("../../prompts/tools/check_load.md"),
    class: Class::Check,
    schema,
    check: |arguments, _| parse(arguments).map(drop),
    work: Work::Wait(wait),
};

fn schema(_: &Writable) -> Value {
    json!({
        "type": "object",
        "properties": {
            "repo": {"type": "string", "description": "owner/name or owner/name@revision of the Hub; only headers are read"},
            "variant": {"type": "string", "description": "Instead of a repository, a variant of the session whose folder holds headers"},
        },
        "additionalProperties": false,
    })
}

enum Wanted {
    Repo(RepoRef),
    Variant(String),
}

fn parse(arguments: Value) -> Result<Wanted, ToolError> {
    let Args { repo, variant } = args::typed(NAME, arguments)?;
    let wrong = |text: String| ToolError::Arguments { tool: NAME, text };
    match (repo, variant) {
        (Some(repo), None) => RepoRef::parse(&repo)
            .map(Wanted::Repo)
            .map_err(|error| wrong(bound::line(&one_line(&error.to_string())))),
        (None, Some(variant)) => Ok(Wanted::Variant(variant)),
        _ => Err(wrong("give either `repo` or `variant`".into())),
    }
}

fn wait(arguments: Value, desk: &Desk, line: Line) -> Answer<'_, ToolEnd> {
    async move {
        let source = match parse(arguments)? {
            Wanted::Repo(repo) => LoadSource::Repo(repo),
            Wanted::Variant(name) => {
                let path = variants::folder_of(NAME, name.clone(), desk).await?;
                LoadSource::Folder { name, path }
            }
        };
        let result = desk.services.check_load(source, line.events(), line.cancel).await;
        Ok(checked(result.map_err(ToolError::Service)?, "", desk))
    }
    .boxed()
}
