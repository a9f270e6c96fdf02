//! What is marked, what was fetched for it, and what is taken: the configs of taken variants are the session's configs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::super::list::{self, Go};
use super::rows::Line;
use super::{Job, State};
use crate::app::effect;
use crate::app::job::JobKind;
use crate::app::msg::PaneMsg;
use crate::app::pane::Ctx;
use crate::hub::data::discover::Fit;
use crate::util::blame::Report;

/// A variant whose config.json is on this machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Taken {
    /// Where a repository was renamed, its name of today.
    pub id: String,
    pub config: PathBuf,
    /// `bfloat16 by dtype`; none where the config says nothing.
    pub dtype: Option<String>,
    /// Its code is in its repository.
    pub custom_code: bool,
    pub fit: Fit,
}

/// How far a mark is.
#[derive(Clone, Debug, PartialEq)]
pub enum Mark {
    /// Its config is being fetched.
    Fetching,
    Ready(Taken),
    /// Its config cannot be had; why.
    Refused(Report),
}

/// Marks by repository.
#[derive(Clone, Debug, Default)]
pub struct Marks {
    pub all: BTreeMap<String, Mark>,
    /// Those whose configs are among the session's, with the path.
    pub taken: BTreeMap<String, PathBuf>,
    /// Enter was pressed while configs were still fetched.
    taking: bool,
    /// Names that were typed and are taken when they come.
    named: BTreeSet<String>,
}

impl Marks {
    /// Enters a variant whose config is among the session's already.
    pub(super) fn taken(&mut self, taken: Taken) {
        self.taken.insert(taken.id.clone(), taken.config.clone());
        self.all.insert(taken.id.clone(), Mark::Ready(taken));
    }

    /// Counts those that can be taken or may become so.
    pub fn count(&self) -> usize {
        self.all.values().filter(|mark| !matches!(mark, Mark::Refused(_))).count()
    }

    /// Whether a repository is marked.
    pub fn has(&self, id: &str) -> bool {
        self.all.get(id).is_some_and(|mark| !matches!(mark, Mark::Refused(_)))
    }

    pub(super) fn save(&self) -> serde_json::Value {
        let ready = |mark: &Mark| match mark {
            Mark::Ready(taken) => Some(taken.clone()),
            _ => None,
        };
        let ready: Vec<Taken> = self.all.values().filter_map(ready).collect();
        let open = self.all.iter().filter(|(_, mark)| **mark == Mark::Fetching).map(|(id, _)| id);
        serde_json::json!({"ready": ready, "fetching": open.collect::<Vec<_>>(), "taken": self.taken})
    }

    pub(super) fn restore(&mut self, saved: &serde_json::Value) {
        let ready: Vec<Taken> = serde_json::from_value(saved["ready"].clone()).unwrap_or_default();
        let fetching: Vec<String> = serde_json::from_value(saved["fetching"].clone()).unwrap_or_default();
        self.taken = serde_json::from_value(saved["taken"].clone()).unwrap_or_default();
        self.all = ready.into_iter().map(|taken| (taken.id.clone(), Mark::Ready(taken))).collect();
        self.all.extend(fetching.into_iter().map(|id| (id, Mark::Fetching)));
    }

    /// Gives those that were being fetched when the last run ended.
    pub(super) fn to_fetch(&self) -> Vec<String> {
        self.all.iter().filter(|(_, mark)| **mark == Mark::Fetching).map(|(id, _)| id.clone()).collect()
    }
}

impl State {
    /// Marks or unmarks the variant under the cursor; on a group's title, all that are shown of it.
    pub(super) fn mark(&mut self, ctx: &mut Ctx<'_>) {
        match self.rows.get(self.cursor.at).copied() {
            Some(Line::Candidate(..)) => {
                let Some(id) = self.candidate().map(|one| one.id.clone()) else { return };
                self.turn(&id, !self.marks.all.contains_key(&id), ctx);
                self.next(ctx);
            }
            Some(Line::Group(group)) => {
                let shown = self.found.iter().filter_map(|found| found.groups.get(group));
                let open = shown.clone().any(|group| self.is_open(group));
                let ids: Vec<String> = shown
                    .flat_map(|group| &group.candidates)
                    .map(|one| one.id.clone())
                    .take(if open { 40 } else { 0 })
                    .collect();
                if ids.is_empty() {
                    return ctx.toast("Open the group first: right");
                }
                let all = ids.iter().all(|id| self.marks.has(id));
                ids.iter().for_each(|id| self.turn(id, !all, ctx));
            }
            _ => ctx.toast("Only checkpoints are marked"),
        }
    }

    /// Marks the first of each size and kind by the makers.
    pub(super) fn mark_canonical(&mut self, ctx: &mut Ctx<'_>) {
        let groups = self.found.iter().flat_map(|found| &found.groups);
        let first = groups.filter_map(|group| group.candidates.iter().find(|one| one.canonical));
        let ids: Vec<String> = first.map(|one| one.id.clone()).collect();
        if ids.is_empty() {
            return ctx.toast("No organisation stands out as the makers: mark by hand");
        }
        ids.iter().for_each(|id| self.turn(id, true, ctx));
        ctx.toast(format!("Marked one of each size and kind: {}. Enter takes them", ids.len()));
    }

    /// Takes what is marked; where nothing new is, opens or closes a group, or takes the variant under the cursor.
    pub(super) fn enter(&mut self, ctx: &mut Ctx<'_>) {
        let wanted: BTreeSet<&String> = self
            .marks
            .all
            .iter()
            .filter(|(_, mark)| !matches!(mark, Mark::Refused(_)))
            .map(|(id, _)| id)
            .collect();
        let pending = !wanted.iter().copied().eq(self.marks.taken.keys());
        if let (false, Some(Line::Group(_))) = (pending, self.rows.get(self.cursor.at)) {
            let open = self.group_here().is_some_and(|group| self.is_open(group));
            return self.fold(if open { super::Folded::Shut } else { super::Folded::Open });
        }
        if !pending {
            let Some(id) = self.candidate().map(|one| one.id.clone()) else { return };
            self.turn(&id, true, ctx);
        }
        self.marks.taking = true;
        self.take(ctx);
    }

    /// Goes to the next checkpoint below, so that marking goes on.
    fn next(&mut self, ctx: &Ctx<'_>) {
        let below =
            self.rows.iter().skip(self.cursor.at + 1).position(|line| matches!(line, Line::Candidate(..)));
        if let Some(by) = below.and_then(|by| i32::try_from(by + 1).ok()) {
            list::go(self, Go::Lines(by), ctx);
        }
    }

    fn turn(&mut self, id: &str, marked: bool, ctx: &mut Ctx<'_>) {
        if !marked {
            self.marks.all.remove(id);
            return;
        }
        // A refusal may have passed: a token was set, conditions were accepted.
        if !self.marks.has(id) {
            self.look(id.to_string(), ctx);
        }
    }

    pub(super) fn look(&mut self, id: String, ctx: &mut Ctx<'_>) {
        self.looks += 1;
        self.marks.all.insert(id.clone(), Mark::Fetching);
        let title = format!("config of {id}");
        ctx.start(JobKind::Look(self.looks), title, effect::Job::Discover(Job::Look { id }));
    }

    /// A repository or link that was typed where files are added.
    pub(super) fn add(&mut self, text: String, ctx: &mut Ctx<'_>) {
        self.marks.named.insert(text.clone());
        self.look(text, ctx);
    }

    pub(super) fn looked(&mut self, asked: &str, looked: Result<Taken, Report>, ctx: &mut Ctx<'_>) {
        // Unmarked meanwhile.
        if self.marks.all.remove(asked).is_none() {
            return;
        }
        let named = self.marks.named.remove(asked);
        match looked {
            Ok(taken) => {
                self.marks.all.insert(taken.id.clone(), Mark::Ready(taken));
                self.marks.taking |= named;
            }
            Err(report) => {
                ctx.toast(report.text.clone());
                // What is in the list says it on its own line; a typed name has none.
                if named {
                    self.problem = Some(report);
                } else {
                    self.marks.all.insert(asked.to_string(), Mark::Refused(report));
                }
            }
        }
        if self.marks.taking {
            self.take(ctx);
        }
    }

    /// Takes what is marked once all of it is there: the session's configs are then exactly the marked ones and the files
    /// that the person named otherwise.
    fn take(&mut self, ctx: &mut Ctx<'_>) {
        if self.marks.all.values().any(|mark| *mark == Mark::Fetching) {
            return ctx.toast("Fetching the configs; they are taken when all are there");
        }
        self.marks.taking = false;
        let ready: BTreeMap<String, PathBuf> = self
            .marks
            .all
            .iter()
            .filter_map(|(id, mark)| match mark {
                Mark::Ready(taken) => Some((id.clone(), taken.config.clone())),
                _ => None,
            })
            .collect();
        let gone: Vec<&PathBuf> = self
            .marks
            .taken
            .iter()
            .filter(|(id, _)| !ready.contains_key(*id))
            .map(|(_, path)| path)
            .collect();
        let configs = &mut ctx.facts.configs;
        configs.retain(|path| !gone.contains(&path));
        for path in self.in_order(&ready) {
            if !configs.contains(&path) {
                configs.push(path);
            }
        }
        let refused = self.marks.all.len() - ready.len();
        self.marks.taken = ready;
        let count = self.marks.taken.len();
        let left = if refused > 0 { format!("; {refused} could not be fetched") } else { String::new() };
        let mut text =
            format!("{count} variant{} in the matrix and the twins{left}", if count == 1 { "" } else { "s" });
        if ctx.facts.model_type.is_none() {
            ctx.facts.model_type = self.found.as_ref().and_then(|found| found.model_type.clone());
            text.push_str(". Ctrl-P, Set up the workspace, goes on");
        }
        ctx.toast(text);
        ctx.post(PaneMsg::Configs(super::super::Msg::Taken));
    }

    /// As the list has them; those that it does not show come last.
    fn in_order(&self, ready: &BTreeMap<String, PathBuf>) -> Vec<PathBuf> {
        let listed = self.found.iter().flat_map(|found| found.candidates()).map(|one| &one.id);
        let listed: Vec<&String> = listed.filter(|id| ready.contains_key(*id)).collect();
        let rest = ready.keys().filter(|id| !listed.contains(id));
        listed.iter().copied().chain(rest).filter_map(|id| ready.get(id).cloned()).collect()
    }
}
