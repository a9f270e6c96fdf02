//! `check_golden` and `write_golden`: the reference's numbers in a file, and the port against them. Packs lie in one folder of
//! the data folder; the person brings those of other machines there.

use std::path::{Path, PathBuf};

use futures::FutureExt;
use serde::Deserialize;
use serde_json::{Value, json};

use super::data::ToolEnd;
use super::def::{Answer, Class, Desk, Line, ToolDef, Work, blocking, family, judged};
use super::error::ToolError;
use super::{args, bound, variants};
use crate::harness::asks::{self, PackOf};
use crate::util::blame::Report;
use crate::util::fs::create_dir;
use crate::util::text::one_line;

pub const CHECK: &str = "check_golden";
pub const WRITE: &str = "write_golden";

/// Most packs that are named when one is not found.
const MOST_NAMED: usize = 40;
/// Packs of one subject; nobody keeps more.
const MOST_PACKS: usize = 99;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Checked {
    pack: String,
    #[serde(default)]
    variant: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    variant: Option<String>,
}

pub const CHECK_DEF: ToolDef = ToolDef {
    name: CHECK,
    about: include_str!("../../prompts/tools/check_golden.md"),
    class: Class::Check,
    schema: |_| {
        json!({
            "type": "object",
            "properties": {
                "pack": {"type": "string", "description": "A pack's file name, as write_golden gives it"},
                "variant": {"type": "string", "description": "Of a checkpoint's pack: the variant of the session whose folder holds that checkpoint's weights"},
            },
            "required": ["pack"],
            "additionalProperties": false,
        })
    },
    check: |arguments, _| args::typed::<Checked>(CHECK, arguments).map(drop),
    work: Work::Wait(check),
};

pub const WRITE_DEF: ToolDef = ToolDef {
    name: WRITE,
    about: include_str!("../../prompts/tools/write_golden.md"),
    class: Class::Check,
    schema: |_| {
        json!({
            "type": "object",
            "properties": {
                "variant": {"type": "string", "description": "A variant of the session whose folder holds weights; a random twin of the config class when left out"},
            },
            "additionalProperties": false,
        })
    },
    check: |arguments, _| args::typed::<Written>(WRITE, arguments).map(drop),
    work: Work::Wait(write),
};

fn check(arguments: Value, desk: &Desk, line: Line) -> Answer<'_, ToolEnd> {
    async move {
        let Checked { pack, variant } = args::typed(CHECK, arguments)?;
        let folder = packs(desk);
        let pack = blocking(move || found(&folder, &pack)).await?;
        let checkpoint = match variant {
            Some(name) => Some(variants::folder_of(CHECK, name, desk).await?),
            None => None,
        };
        let mut request = asks::golden_check(pack, checkpoint);
        request.target.insert("model_type".into(), desk.model_type.as_str().into());
        judged(request, desk, line).await
    }
    .boxed()
}

fn write(arguments: Value, desk: &Desk, line: Line) -> Answer<'_, ToolEnd> {
    async move {
        let Written { variant } = args::typed(WRITE, arguments)?;
        let of = match &variant {
            Some(name) => PackOf::Checkpoint(variants::folder_of(WRITE, name.clone(), desk).await?),
            None => PackOf::Twin,
        };
        let stem: Vec<&str> = std::iter::once(desk.model_type.as_str()).chain(variant.as_deref()).collect();
        let (folder, stem) = (packs(desk), stem.join("-"));
        let (folder, name) = blocking(move || free(folder, &stem)).await?;
        let request = asks::golden_write(&desk.model_type, of, (folder, Path::new(&name)));
        family(request, desk, line).await
    }
    .boxed()
}

/// Where packs lie.
fn packs(desk: &Desk) -> PathBuf {
    desk.results.join("golden")
}

/// Finds a pack among the files that there are: a name is never made into a path.
fn found(folder: &Path, name: &str) -> Result<PathBuf, ToolError> {
    let mut known: Vec<String> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.path().is_file())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    known.sort();
    if known.iter().any(|known| known == name) {
        return Ok(folder.join(name));
    }
    let name = bound::line(&one_line(name));
    let known: Vec<String> = known.iter().map(|name| one_line(name)).collect();
    let there = match known.as_slice() {
        [] => "no pack is kept yet: write_golden writes one, or the person puts one into results/golden of the data folder"
            .to_string(),
        known => format!("there are {}", bound::list(known, MOST_NAMED)),
    };
    Err(ToolError::Arguments { tool: CHECK, text: format!("there is no pack `{name}`; {there}") })
}

/// Makes the folder and gives a name in it that no pack has: what is there may be the person's.
fn free(folder: PathBuf, stem: &str) -> Result<(PathBuf, String), ToolError> {
    create_dir(&folder).map_err(|error| ToolError::Service(Report::from(&error)))?;
    let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' };
    let stem: String = stem.chars().map(plain).take(100).collect();
    let names =
        std::iter::once(format!("{stem}.gold")).chain((2..=MOST_PACKS).map(|at| format!("{stem}-{at}.gold")));
    let free = names.into_iter().find(|name| !folder.join(name).exists());
    free.map(|name| (folder, name)).ok_or_else(|| {
        let text = format!("there are {MOST_PACKS} packs of {stem} already; the person may remove some");
        ToolError::Arguments { tool: WRITE, text }
    })
}
