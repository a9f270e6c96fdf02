//! Connects the tool registry to the rooms that do the work: harness, edits, formatter.

use std::path::Path;

use futures::FutureExt;
use tokio_util::sync::CancellationToken;

use crate::agent::data::{ApprovedEdit, EditScope};
use crate::config::Settings;
use crate::harness::Harness;
use crate::harness::data::{Event, RunResult, TwinRequest};
use crate::hub::data::inventory::{Inventory, Machine};
use crate::hub::headers;
use crate::hub::inventory::{Terms, take};
use crate::hub::remote::Hub;
use crate::port::Workspace;
use crate::port::data::{AllowList, EditReceipt};
use crate::port::edit::{Expect, apply_edit};
use crate::tools::def::LESSONS;
use crate::tools::format_port::black_isort;
use crate::tools::inventory::Wanted;
use crate::tools::services::Reply;
use crate::util::blame::{Blame, Report};
use crate::util::id::sha256_hex;
use crate::util::sink::{Sink, discard};

/// The rooms behind the tools of one session.
pub struct ToolServices {
    pub harness: Harness,
    pub workspace: Workspace,
    pub model_type: String,
    pub session: String,
    pub settings: Settings,
}

impl crate::tools::Services for ToolServices {
    fn check_twin<'a>(
        &'a self,
        request: TwinRequest,
        sink: Sink<Event>,
        cancel: CancellationToken,
    ) -> Reply<'a, RunResult> {
        async move {
            let result = self.harness.check_twin(request, sink, cancel).await;
            result.map_err(|error| Report::from(&error))
        }
        .boxed()
    }

    fn inventory<'a>(&'a self, wanted: Wanted, cancel: CancellationToken) -> Reply<'a, Vec<Inventory>> {
        let interrupted = || Report::new(Blame::User, "interrupted");
        async move {
            let machine = machine().await;
            let hub = Hub::open(&self.settings, discard()).map_err(|error| Report::from(&error))?;
            let cache = self.settings.home.value.cache();
            let mut taken = Vec::new();
            for repo in &wanted.repos {
                let sink = discard();
                let read = tokio::select! {
                    read = headers::fetch(&hub, &cache, repo, &sink) => read,
                    () = cancel.cancelled() => return Err(interrupted()),
                };
                let read = read.map_err(|error| Report::from(&error))?;
                taken.push(take(&read, Terms { context: wanted.context, machine }));
            }
            Ok(taken)
        }
        .boxed()
    }

    fn apply_edit<'a>(&'a self, edit: ApprovedEdit, scope: EditScope) -> Reply<'a, EditReceipt> {
        let root = self.settings.home.value.root();
        let of = (self.model_type.as_str(), self.session.as_str());
        let (allow, folder) = allowed(&self.workspace, of, root, (scope, &edit.path));
        async move {
            let path = Path::new(&edit.path);
            let sha = sha256_hex(edit.before.as_bytes());
            let new = edit.before.is_empty() && !folder.join(path).exists();
            let expect = if new { Expect::Absent } else { Expect::Sha(&sha) };
            apply_edit(&allow, path, expect, &edit.after).map_err(|error| Report::from(&error))
        }
        .boxed()
    }

    fn format<'a>(&'a self, text: String, cancel: CancellationToken) -> Reply<'a, String> {
        async move { black_isort(&self.workspace.python, &text, &cancel).await }.boxed()
    }
}

/// Gives the files that an edit of a scope may write, and the folder that its path counts from.
pub fn allowed<'a>(
    workspace: &'a Workspace,
    (model_type, session): (&str, &str),
    root: &'a Path,
    (scope, path): (EditScope, &str),
) -> (AllowList, &'a Path) {
    let checkout = workspace.checkout.as_path();
    let backups = workspace.home.join("cache/backups").join(session);
    match scope {
        EditScope::Port | EditScope::Test => (AllowList::for_port(workspace, model_type, session), checkout),
        EditScope::Shared => (AllowList::one(checkout, path, backups), checkout),
        EditScope::Lessons => (AllowList::one(root, LESSONS, backups), root),
    }
}

/// Gives what memory is held against; none where the system does not say.
pub async fn machine() -> Option<Machine> {
    let here = crate::port::data::Machine::here().await;
    (here.ram > 0).then_some(Machine { ram: here.ram, wired: here.wired().await })
}
