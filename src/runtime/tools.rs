//! Connects the tool registry to the rooms that do the work: harness, edits, formatter.

use std::path::Path;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use crate::agent::data::ApprovedEdit;
use crate::harness::Harness;
use crate::harness::data::{Event, RunResult, TwinRequest};
use crate::port::Workspace;
use crate::port::data::{AllowList, EditReceipt};
use crate::port::edit::{Expect, apply_edit};
use crate::tools::format_port::black_isort;
use crate::util::blame::Report;
use crate::util::id::sha256_hex;
use crate::util::sink::Sink;

/// The rooms behind the tools of one session.
pub struct ToolServices {
    pub harness: Harness,
    pub workspace: Workspace,
    pub model_type: String,
    pub session: String,
}

impl crate::tools::Services for ToolServices {
    fn check_twin<'a>(
        &'a self,
        request: TwinRequest,
        sink: Sink<Event>,
        cancel: CancellationToken,
    ) -> BoxFuture<'a, Result<RunResult, Report>> {
        async move {
            let result = self.harness.check_twin(request, sink, cancel).await;
            result.map_err(|error| Report::from(&error))
        }
        .boxed()
    }

    fn apply_edit(&self, edit: ApprovedEdit) -> BoxFuture<'_, Result<EditReceipt, Report>> {
        let allow = AllowList::for_port(&self.workspace, &self.model_type, &self.session);
        async move {
            let path = Path::new(&edit.path);
            let sha = sha256_hex(edit.before.as_bytes());
            let new = edit.before.is_empty() && !self.workspace.checkout.join(path).exists();
            let expect = if new { Expect::Absent } else { Expect::Sha(&sha) };
            apply_edit(&allow, path, expect, &edit.after).map_err(|error| Report::from(&error))
        }
        .boxed()
    }

    fn format<'a>(
        &'a self,
        text: String,
        cancel: CancellationToken,
    ) -> BoxFuture<'a, Result<String, Report>> {
        async move { black_isort(&self.workspace.python, &text, &cancel).await }.boxed()
    }
}
