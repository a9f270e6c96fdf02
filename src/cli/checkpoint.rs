//! `mlxport checkpoints` and `mlxport rewind`: the files as they were before a turn.

use std::process::ExitCode;

use serde_json::json;

use super::{Common, output};
use crate::config::Home;
use crate::git::Repo;
use crate::port::Workspace;
use crate::port::checkpoint::{Checkpoints, newest, rows};
use crate::port::data::checkpoint::{Over, Row};
use crate::runtime::demo;
use crate::session;
use crate::util::blame::{Blame, Report};
use crate::util::text::one_line;

#[derive(Debug, clap::Args)]
pub struct ListArgs {
    /// The session's id or a unique start of it; `mcp`: the newest of `mlxport mcp` [default: the last session]
    pub id: Option<String>,
}

#[derive(Debug, clap::Args)]
pub struct RewindArgs {
    /// The number that `mlxport checkpoints` shows
    pub number: u32,
    /// The session's id or a unique start of it [default: the last session]
    #[arg(long, value_name = "ID")]
    pub session: Option<String>,
    /// Say what would change and change nothing
    #[arg(long)]
    pub dry_run: bool,
}

pub fn list(args: ListArgs, common: &Common) -> Result<ExitCode, Report> {
    let (id, workspace) = find(args.id.as_deref(), common)?;
    let checkpoints = Checkpoints::new(&workspace.checkout, &id);
    let repo = Repo::open(&workspace.checkout).map_err(|error| Report::from(&error))?;
    let found = checkpoints.list().and_then(|all| rows(&repo, &all)).map_err(|error| Report::from(&error))?;
    if common.json {
        let checkout = &workspace.checkout;
        output::json(&json!({"schema": 1, "session": id, "checkout": checkout, "checkpoints": found}));
    } else if found.is_empty() {
        output::line(&format!("session {id} has nothing to go back to: no turn changed a file"));
    } else {
        output::line(&format!("session {id}, newest first; mlxport rewind NUMBER goes back to before it"));
        found.iter().for_each(|row| output::line(&shown(row)));
    }
    Ok(ExitCode::SUCCESS)
}

pub fn rewind(args: RewindArgs, common: &Common) -> Result<ExitCode, Report> {
    let (id, workspace) = find(args.session.as_deref(), common)?;
    let checkpoints = Checkpoints::new(&workspace.checkout, &id);
    let preview = checkpoints.preview(args.number).map_err(|error| Report::from(&error))?;
    if !common.json {
        preview
            .files
            .iter()
            .for_each(|file| output::line(&format!("{:<11} {}", file.kind.word(), one_line(&file.path))));
        for file in &preview.left_out {
            output::line(&format!("{:<11} {}: {}", "stays", one_line(&file.path), one_line(&file.why)));
        }
    }
    if args.dry_run {
        match common.json {
            true => output::json(&json!({"schema": 1, "session": id, "preview": preview})),
            false => output::line("nothing was changed (--dry-run)"),
        }
        return Ok(ExitCode::SUCCESS);
    }
    let done = checkpoints.rewind(args.number, Some(&preview.now)).map_err(|error| Report::from(&error))?;
    if common.json {
        output::json(&json!({"schema": 1, "session": id, "rewound": done}));
    } else {
        let count = done.written.len() + done.removed.len();
        let files = if count == 1 { "file" } else { "files" };
        output::line(&format!(
            "{count} {files} put back in {}; HEAD, index and conversation are as they were. To undo: mlxport rewind {} --session {id}",
            workspace.checkout.display(),
            done.undo
        ));
    }
    Ok(ExitCode::SUCCESS)
}

/// Finds a session and the workspace that it worked in; a demo's is in the demo's own folder.
fn find(id: Option<&str>, common: &Common) -> Result<(String, Workspace), Report> {
    let settings = common.settings()?;
    let own = settings.home.value.clone();
    let (home, id): (Home, String) = match session::find(&own, id) {
        Ok(id) => (own, id),
        Err(error) => {
            demo::again(&own, id).or_else(|| other(own, id?)).ok_or_else(|| Report::from(&error))?
        }
    };
    let workspace = Workspace::open(&home).ok_or_else(|| {
        Report::new(Blame::User, format!("there is no workspace in {}", home.root().display()))
            .hint("mlxport setup builds one")
    })?;
    Ok((id, workspace))
}

/// Finds the session of a server: it has snapshots and no log.
fn other(home: Home, start: &str) -> Option<(Home, String)> {
    let id = newest(&Workspace::open(&home)?.checkout, start)?;
    Some((home, id))
}

fn shown(row: &Row) -> String {
    let what = match row.over {
        Over::Turn => format!("turn {}", row.turn),
        Over::Own => format!("yours, before turn {}", row.turn),
        Over::Rewind => "undo going back".to_string(),
    };
    let files = if row.files == 1 { "file" } else { "files" };
    let counts = format!("{} {files} +{} −{}", row.files, row.added, row.removed);
    one_line(&format!("{:>4}  {}  {what:<22} {counts:<20} {}", row.number, row.at, row.words))
}
