//! Program output that may enter a Voice field: from stored runs only.

use super::gates::CheckRun;

/// One stored run as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgramOutput {
    pub run: String,
    /// What the list shows: `check twin arcee: pass`.
    pub title: String,
    /// What is inserted. Untrusted: neutralise before drawing.
    pub text: String,
    /// What the run says of the port, for the gate.
    pub check: Option<CheckRun>,
}
