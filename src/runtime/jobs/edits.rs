//! The chat's jobs about edits: watching the file of a proposal, taking back what was written.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::JobSink;
use crate::agent::approval::hunks::rebase;
use crate::agent::data::EditScope;
use crate::app::msg::PaneMsg;
use crate::app::pane::chat::{Msg, TookBack, Written};
use crate::port::data::AllowList;
use crate::port::edit::{Expect, apply_edit, undo_edit};
use crate::runtime::services::{Connected, Services};
use crate::runtime::tools::allowed;
use crate::source;
use crate::util::blame::{Blame, Report};
use crate::util::id::sha256_hex;

/// How often the file of a proposal is looked at while the person judges.
const LOOK: Duration = Duration::from_millis(300);

/// Says what the file of a proposal reads, now and whenever that changes, until cancelled.
pub(super) async fn watch(
    (call_id, scope, path): (String, EditScope, String),
    services: &Services,
    sink: &JobSink,
    cancel: &CancellationToken,
) -> Result<(), Report> {
    let connected = services.connected()?;
    let mut seen: Option<Option<String>> = None;
    loop {
        let present = read(&connected, scope, &path).await?;
        if seen.as_ref() != Some(&present) {
            seen = Some(present.clone());
            sink.send(PaneMsg::Chat(Msg::FileNow { call_id: call_id.clone(), present }));
        }
        tokio::select! {
            () = cancel.cancelled() => return Ok(()),
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

async fn read(connected: &Arc<Connected>, scope: EditScope, path: &str) -> Result<Option<String>, Report> {
    let (connected, path) = (Arc::clone(connected), path.to_string());
    let read = tokio::task::spawn_blocking(move || {
        let registry = connected.registry.as_ref().ok_or_else(super::chat::no_tools)?;
        registry.present(scope, &path).map_err(|error| Report::from(&error))
    });
    read.await.map_err(|error| Report::new(Blame::Bug, format!("reading a file broke: {error}")))?
}

/// Puts a new port beside the nearest accepted one and the reference.
pub(super) async fn draft(
    (call_id, path, text): (String, String, String),
    services: &Services,
    sink: &JobSink,
) -> Result<(), Report> {
    let connected = services.connected()?;
    let work = move || {
        let model_type = connected.model_type.clone().unwrap_or_default();
        let references = connected.workspace.reference_files(&model_type);
        let load = |path: &PathBuf| source::load(path).ok().map(|loaded| loaded.doc);
        let starts = |path: &&PathBuf, start: &str| {
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(start))
        };
        let modeling = references.iter().find(|path| starts(path, "modeling_")).and_then(load);
        let modular = references.iter().find(|path| starts(path, "modular_")).and_then(load);
        let models = connected.workspace.checkout.join("mlx_lm/models");
        let ports = source::ports(&models).map_err(|error| Report::from(&error))?;
        let own = connected.workspace.checkout.join(&path);
        let made = source::draft((&own, &text), modeling.as_deref(), modular.as_deref(), &ports);
        Ok::<_, Report>(made)
    };
    let made = tokio::task::spawn_blocking(work).await;
    let draft =
        made.map_err(|error| Report::new(Blame::Bug, format!("comparing the draft broke: {error}")))??;
    sink.send(PaneMsg::Chat(Msg::Drafted { call_id, draft: Box::new(draft) }));
    Ok(())
}

/// Takes back a written edit and says what came of it.
pub(super) async fn take_back(edit: Written, services: &Services, sink: &JobSink) -> Result<(), Report> {
    let end = taken_back(&edit, services).await;
    sink.send(PaneMsg::Chat(Msg::TookBack { call_id: edit.call_id, end }));
    Ok(())
}

async fn taken_back(edit: &Written, services: &Services) -> Result<TookBack, Report> {
    let connected = services.connected()?;
    let present = read(&connected, edit.scope, &edit.path).await?;
    let model_type = connected.model_type.clone().unwrap_or_default();
    let home = services.home().root();
    let place = (connected.workspace.clone(), model_type, services.session.clone());
    let (allow, _) = allowed(&place.0, (&place.1, &place.2), home, (edit.scope, &edit.path));
    undo(edit, present, &allow)
}

/// Puts the old bytes back where the file still is as the edit left it; else takes the edit's lines out of the file as it is,
/// where all of them still stand. The person's own lines stay either way.
fn undo(edit: &Written, present: Option<String>, allow: &AllowList) -> Result<TookBack, Report> {
    if present.as_deref() == Some(edit.after.as_str()) {
        undo_edit(allow, &edit.receipt).map_err(|error| Report::from(&error))?;
        let after = edit.receipt.backup.is_some().then(|| edit.before.clone());
        return Ok(TookBack { before: present, after, receipt: None });
    }
    let Some(now) = present else {
        return Err(Report::new(
            Blame::User,
            format!("{} is gone: there is nothing to take back", edit.path),
        ));
    };
    let back = rebase(&edit.after, &edit.before, &now);
    if back.fits.contains(&false) {
        let (stand, all) = (back.count(), back.fits.len());
        let text = format!(
            "{}: not taken back, only {stand} of the edit's {all} changes still stand as they were written",
            edit.path
        );
        return Err(Report::new(Blame::User, text).hint("later edits go first; or change the lines by hand"));
    }
    let sha = sha256_hex(now.as_bytes());
    let receipt = apply_edit(allow, Path::new(&edit.path), Expect::Sha(&sha), &back.text)
        .map_err(|error| Report::from(&error))?;
    Ok(TookBack { before: Some(now), after: Some(back.text), receipt: Some(receipt) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::data::policy::By;
    use crate::app::pane::chat::Stands;
    use crate::util::fs::{read_text, write_atomic};

    const PORT: &str = "mlx_lm/models/arcee.py";

    fn place() -> (tempfile::TempDir, AllowList) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let checkout = folder.path().join("mlx-lm");
        std::fs::create_dir_all(checkout.join("mlx_lm/models")).expect("folders");
        let allow = AllowList::one(&checkout, PORT, folder.path().join("backups"));
        (folder, allow)
    }

    fn written(allow: &AllowList, before: &str, after: &str) -> Written {
        let expect = sha256_hex(before.as_bytes());
        let expect = if before.is_empty() { Expect::Absent } else { Expect::Sha(&expect) };
        let receipt = apply_edit(allow, Path::new(PORT), expect, after).expect("written");
        Written {
            call_id: "c".into(),
            path: PORT.into(),
            scope: EditScope::Port,
            before: before.into(),
            proposed: None,
            after: after.into(),
            by: By::Mode,
            receipt,
            stands: Stands::Yes,
        }
    }

    #[test]
    fn edits_are_taken_back_in_any_order_and_the_persons_lines_stay() {
        let (_folder, allow) = place();
        let first = written(&allow, "", "a\nb\nc\nd\ne\nf\n");
        let second = written(&allow, &first.after, "a\nB\nc\nd\ne\nf\n");
        let third = written(&allow, &second.after, "a\nB\nc\nd\nE\nf\n");
        let now = || read_text(&third.receipt.path).expect("read");
        let mine = now().replace("f\n", "f\nmine\n");
        write_atomic(&third.receipt.path, mine.as_bytes()).expect("saved by hand");
        undo(&second, Some(now()), &allow).expect("taken back");
        assert_eq!(now(), "a\nb\nc\nd\nE\nf\nmine\n");
        // What was changed since is not touched.
        let text = now().replace("E\n", "EE\n");
        write_atomic(&third.receipt.path, text.as_bytes()).expect("saved by hand");
        let said = undo(&third, Some(now()), &allow).expect_err("changed since").to_string();
        assert!(said.contains("only 0 of the edit's 1 changes still stand"), "{said}");
        assert_eq!(now(), text);
    }

    #[test]
    fn a_new_file_that_is_taken_back_is_gone() {
        let (_folder, allow) = place();
        let edit = written(&allow, "", "a\n");
        let done = undo(&edit, Some("a\n".into()), &allow).expect("taken back");
        assert_eq!((done.after, edit.receipt.path.exists()), (None, false));
    }
}
