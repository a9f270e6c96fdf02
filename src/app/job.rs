//! The table of running jobs. A message for a job that has ended or was cancelled is dropped, because its number is no
//! longer here.

use std::collections::BTreeMap;

use super::Millis;
use super::models::Role;
use super::pane::PaneId;

/// A job's number; never used twice in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobId(pub u64);

/// The families of jobs; one of each runs at a time, the latest wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum JobKind {
    Setup,
    /// Takes a snapshot of the checkout; each by its number, none replaces another.
    Checkpoint(u32),
    /// Lists snapshots, looks at one, puts the files back.
    Rewind,
    /// What the model picker asks for.
    Models,
    /// Takes up a role's model from an earlier run.
    Model(Role),
    /// A streaming answer of the model.
    Stream,
    /// The second reader: its preparation, its stream, its calls, by number.
    Reader(u32),
    /// Writes the session as a document.
    Export,
    /// Tool calls; several may run, told apart by number.
    Tool(u32),
    Check,
    /// Watches the file of the edit that waits for the person.
    WatchEdit,
    /// Puts a new port beside what it answers to.
    Draft,
    /// Takes back a written edit.
    TakeBack,
    LoadSource,
    /// Watches port and reference files for changes.
    Watch,
    LoadConfigs,
    Ledger,
    /// Reads the Hub's list of checkpoints.
    Discover,
    /// Fetches the config of one marked variant; several run, told apart by number.
    Look(u32),
    LoadPr,
    /// Stage, unstage, commit, push: one after the other, each by its number; none replaces another.
    PersonAct(u32),
    SaveFile,
    Search,
    Editor,
}

impl JobKind {
    /// The pane that is told when a job of this kind ends; none where a layer above the panes is.
    pub fn pane(self) -> Option<PaneId> {
        match self {
            Self::Setup | Self::Models | Self::Model(_) | Self::Checkpoint(_) | Self::Rewind => None,
            Self::Stream
            | Self::Tool(_)
            | Self::WatchEdit
            | Self::Draft
            | Self::TakeBack
            | Self::Reader(_)
            | Self::Export => Some(PaneId::Chat),
            Self::Check => Some(PaneId::Harness),
            Self::LoadSource | Self::Watch | Self::SaveFile | Self::Search | Self::Editor => {
                Some(PaneId::Source)
            }
            Self::LoadConfigs | Self::Ledger | Self::Discover | Self::Look(_) => Some(PaneId::Configs),
            Self::LoadPr | Self::PersonAct(_) => Some(PaneId::Pr),
        }
    }
}

/// What is known of a running job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobInfo {
    pub kind: JobKind,
    pub title: String,
    pub since: Millis,
}

/// The running jobs.
#[derive(Clone, Debug, Default)]
pub struct Jobs {
    last: u64,
    live: BTreeMap<JobId, JobInfo>,
}

impl Jobs {
    /// Enters a job; gives the number of the job of the same kind that it replaces.
    pub fn start(&mut self, kind: JobKind, title: String, now: Millis) -> (JobId, Option<JobId>) {
        let replaced = self.end_kind(kind);
        self.last += 1;
        let id = JobId(self.last);
        self.live.insert(id, JobInfo { kind, title, since: now });
        (id, replaced)
    }

    /// Removes a job that ended; gives what was known of it.
    pub fn end(&mut self, id: JobId) -> Option<JobInfo> {
        self.live.remove(&id)
    }

    /// Removes the job of a kind.
    pub fn end_kind(&mut self, kind: JobKind) -> Option<JobId> {
        let id = self.live.iter().find(|(_, info)| info.kind == kind).map(|(id, _)| *id)?;
        self.live.remove(&id);
        Some(id)
    }

    /// Says whether a job still runs; messages of others are dropped.
    pub fn is_live(&self, id: JobId) -> bool {
        self.live.contains_key(&id)
    }

    /// Gives the running job of a kind.
    pub fn of(&self, kind: JobKind) -> Option<&JobInfo> {
        self.live.values().find(|info| info.kind == kind)
    }

    /// Gives all running jobs, oldest first.
    pub fn running(&self) -> impl Iterator<Item = (&JobId, &JobInfo)> {
        self.live.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_of_a_kind_wins_and_late_messages_find_nobody() {
        let mut jobs = Jobs::default();
        let (first, none) = jobs.start(JobKind::Check, "a".into(), 0);
        let (second, replaced) = jobs.start(JobKind::Check, "b".into(), 5);
        assert_eq!((none, replaced), (None, Some(first)));
        assert!(!jobs.is_live(first) && jobs.is_live(second));
        assert_eq!(jobs.of(JobKind::Check).map(|info| info.since), Some(5));
    }
}
