//! What tools need of other rooms. The runtime connects it, for the chat and for other agents; tests fake it.

use futures::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use super::inventory::Wanted;
use crate::agent::data::{ApprovedEdit, EditScope};
use crate::harness::data::{Event, RunResult, TwinRequest};
use crate::hub::data::inventory::Inventory;
use crate::port::data::EditReceipt;
use crate::util::blame::Report;
use crate::util::sink::Sink;

/// An answer of another room.
pub type Reply<'a, T> = BoxFuture<'a, Result<T, Report>>;

/// The rooms behind the tools.
pub trait Services: Send + Sync {
    /// Runs the harness's twin check.
    fn check_twin<'a>(
        &'a self,
        request: TwinRequest,
        sink: Sink<Event>,
        cancel: CancellationToken,
    ) -> Reply<'a, RunResult>;

    /// Reads the headers of repositories.
    fn inventory<'a>(&'a self, wanted: Wanted, cancel: CancellationToken) -> Reply<'a, Vec<Inventory>>;

    /// Writes an agreed edit: atomically, with a backup, and only if the file still reads `before`.
    fn apply_edit<'a>(&'a self, edit: ApprovedEdit, scope: EditScope) -> Reply<'a, EditReceipt>;

    /// Formats Python text with black and isort.
    fn format<'a>(&'a self, text: String, cancel: CancellationToken) -> Reply<'a, String>;
}
