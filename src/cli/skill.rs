//! `mlxport skill export DIR`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::{Common, output};
use crate::agent::recipe::Recipe;
use crate::mcp::skill;
use crate::util::blame::{Blame, Report};
use crate::util::fs::{read_text, write_atomic};
use crate::util::id::sha256_hex;

/// Flags of `mlxport skill`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Write the skill into a folder of skills, as DIR/mlxport
    Export {
        /// The folder of skills, such as ~/.claude/skills
        #[arg(value_name = "DIR")]
        folder: PathBuf,
        /// Overwrite files there that somebody else wrote or changed
        #[arg(long)]
        force: bool,
    },
}

/// What was written, by path, with its hash: a file with another hash is no longer ours.
const WRITTEN: &str = ".mlxport-written.json";

/// Writes the skill; overwrites only what an earlier export wrote and nobody has changed.
pub fn run(args: Args, common: &Common) -> Result<ExitCode, Report> {
    let What::Export { folder, force } = args.what;
    let settings = common.settings()?;
    let recipe = Recipe::load(&settings.home.value.root().join("prompts/recipe"));
    let files =
        skill::files(&recipe.map_err(|error| Report::from(&error))?).map_err(|error| Report::from(&error))?;
    let place = folder.join(skill::NAME);
    let known = written(&place)?;
    let foreign: Vec<String> =
        files.keys().filter(|path| is_foreign(&place, path, &known)).cloned().collect();
    if let (Some(first), false) = (foreign.first(), force) {
        let more = if foreign.len() > 1 { format!(" and {} more", foreign.len() - 1) } else { String::new() };
        let text = format!(
            "{}{more} was not written by this program, or has been changed since",
            place.join(first).display()
        );
        return Err(Report::new(Blame::User, text).hint("give another folder, or --force to overwrite"));
    }
    // What an earlier version wrote and this one has not would be a stale reference.
    for path in known.keys().filter(|path| !files.contains_key(*path) && !is_foreign(&place, path, &known)) {
        let _ = std::fs::remove_file(place.join(path));
    }
    let mut hashes = BTreeMap::new();
    for (path, text) in &files {
        write_atomic(&place.join(path), text.as_bytes()).map_err(|error| Report::from(&error))?;
        hashes.insert(path.clone(), sha256_hex(text.as_bytes()));
    }
    let kept = serde_json::to_vec_pretty(&hashes).unwrap_or_default();
    write_atomic(&place.join(WRITTEN), &kept).map_err(|error| Report::from(&error))?;
    match common.json {
        true => output::json(&serde_json::json!({"skill": place, "files": files.keys().collect::<Vec<_>>()})),
        false => {
            output::line(&format!("{} files in {}", files.len(), place.display()));
            output::line("an agent that loads skills from there finds it as `mlxport`");
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn written(place: &Path) -> Result<BTreeMap<String, String>, Report> {
    let path = place.join(WRITTEN);
    if !path.exists() {
        return Ok(BTreeMap::new());
    }
    let text = read_text(&path).map_err(|error| Report::from(&error))?;
    // A list that is broken protects everything: nothing counts as ours.
    Ok(serde_json::from_str(&text).unwrap_or_default())
}

/// Whether there is a file that we did not write as it is now. A path that leads elsewhere is never ours.
fn is_foreign(place: &Path, path: &str, known: &BTreeMap<String, String>) -> bool {
    let plain = Path::new(path).components().all(|part| matches!(part, std::path::Component::Normal(_)));
    let file = place.join(path);
    match std::fs::symlink_metadata(&file) {
        Err(_) => !plain,
        Ok(meta) if !meta.is_file() || !plain => true,
        Ok(_) => std::fs::read(&file).map_or(true, |bytes| known.get(path) != Some(&sha256_hex(&bytes))),
    }
}
