//! Connects the tool registry to the rooms that do the work: harness, edits, formatter.

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use crate::agent::data::ApprovedEdit;
use crate::harness::Harness;
use crate::harness::data::{Event, RunResult, TwinRequest};
use crate::port::Workspace;
use crate::port::data::EditReceipt;
use crate::util::blame::Report;
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

    fn apply_edit(&self, _edit: ApprovedEdit) -> BoxFuture<'_, Result<EditReceipt, Report>> {
        let _ = (&self.workspace, &self.model_type, &self.session);
        async move { Err(Report::new(crate::util::blame::Blame::Bug, "not connected yet")) }.boxed()
    }

    fn format<'a>(
        &'a self,
        _text: String,
        _cancel: CancellationToken,
    ) -> BoxFuture<'a, Result<String, Report>> {
        async move { Err(Report::new(crate::util::blame::Blame::Bug, "not connected yet")) }.boxed()
    }
}
