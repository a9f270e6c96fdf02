//! What tools need of other rooms. The runtime connects it, for the chat and for other agents; tests fake it.

use std::path::PathBuf;
use std::sync::Arc;

use futures::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use super::check_load::LoadSource;
use super::inventory::Wanted;
use crate::agent::data::{ApprovedEdit, EditScope};
use crate::harness::data::{Event, FamilyRequest, RunResult, TwinRequest};
use crate::hub::data::inventory::Inventory;
use crate::hub::data::{Keys, Ledger, Matrix};
use crate::port::data::EditReceipt;
use crate::util::blame::Report;
use crate::util::sink::Sink;

/// An answer of another room.
pub type Reply<'a, T> = BoxFuture<'a, Result<T, Report>>;

/// What a battery costs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Estimate {
    pub seconds: f64,
    pub memory_gb: f64,
    /// The harness's own words, a line a checkpoint.
    pub words: Vec<String>,
}

/// The rooms behind the tools.
pub trait Services: Send + Sync {
    /// Runs the harness's twin check.
    fn check_twin<'a>(
        &'a self,
        request: TwinRequest,
        sink: Sink<Event>,
        cancel: CancellationToken,
    ) -> Reply<'a, RunResult>;

    /// Loads a checkpoint at full size from its headers.
    fn check_load<'a>(
        &'a self,
        source: LoadSource,
        sink: Sink<Event>,
        cancel: CancellationToken,
    ) -> Reply<'a, RunResult>;

    /// Runs a family in a worker of its own, which may read and write what the request names.
    fn check_family<'a>(
        &'a self,
        request: FamilyRequest,
        sink: Sink<Event>,
        cancel: CancellationToken,
    ) -> Reply<'a, RunResult>;

    /// Says what a battery would cost, from headers alone. What stands against it is a report of the user's.
    fn estimate<'a>(&'a self, request: FamilyRequest, cancel: CancellationToken) -> Reply<'a, Estimate>;

    /// Runs a battery as a job of its own, or follows the one that does the same, to its end. Stops it when cancelled.
    fn battery<'a>(
        &'a self,
        request: FamilyRequest,
        sink: Sink<Event>,
        cancel: CancellationToken,
    ) -> Reply<'a, RunResult>;

    /// Reads the headers of repositories.
    fn inventory<'a>(&'a self, wanted: Wanted, cancel: CancellationToken) -> Reply<'a, Vec<Inventory>>;

    /// Lists the config files of the session, as the configs pane has them now.
    fn configs(&self) -> Vec<PathBuf>;

    /// Lays the session's configs side by side, with what the config class gives alone.
    fn matrix<'a>(&'a self, cancel: CancellationToken) -> Reply<'a, (Matrix, Arc<Keys>)>;

    /// Says who reads each key. `run` names a run that changed the keys; else the newest.
    fn ledger<'a>(&'a self, run: Option<String>, cancel: CancellationToken) -> Reply<'a, Ledger>;

    /// Writes an agreed edit: atomically, with a backup, and only if the file still reads `before`.
    fn apply_edit<'a>(&'a self, edit: ApprovedEdit, scope: EditScope) -> Reply<'a, EditReceipt>;

    /// Formats Python text with black and isort.
    fn format<'a>(&'a self, text: String, cancel: CancellationToken) -> Reply<'a, String>;
}
