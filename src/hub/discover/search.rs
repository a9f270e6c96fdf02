//! The search itself: what MODEL means, what this machine knows of it, then the Hub's listing page by page, and what the
//! listing leaves open: the makers' checkpoints that few load, and bases that it does not show.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use futures::{StreamExt, TryStreamExt};
use tokio_util::sync::CancellationToken;

use super::arrange::{Entry, arrange};
use super::{cached, fit, kept, look, wanted};
use crate::hub;
use crate::hub::HubError;
use crate::hub::data::discover::{Fit, Found, Note, Progress, Seen, Wanted, Weight, age};
use crate::hub::data::{RepoInfo, RepoRef};
use crate::hub::remote::{Hub, ListQuery, RemoteError};
use crate::util::blame::Report;
use crate::util::sink::Sink;

/// Repositories in one page of a listing: the first ones are there soon.
const PAGE: u32 = 100;
/// Of one organisation, at most so many are asked for; the largest has some hundreds of one architecture.
const OF_OWNER: usize = 400;
/// Bases that no listing shows and that are asked for one by one.
const BASES: usize = 6;
/// Originals whose size is asked for one by one.
const SIZES: usize = 12;

/// What transformers on this machine says, where there is one.
pub trait Library: Send + Sync {
    /// Repositories that the reference's source names, with the file that names them.
    fn named(&self, model_type: &str) -> Vec<(String, String)>;
    /// The model_type of a class of `architectures`.
    fn type_of(&self, class: &str) -> Option<String>;
}

/// One search.
pub struct Search<'a> {
    pub hub: &'a Hub,
    pub wanted: Wanted,
    /// The most repositories that the listing is followed for; the makers' own come on top.
    pub limit: usize,
    pub library: &'a dyn Library,
    /// Where listings are kept between runs.
    pub kept: Option<PathBuf>,
    pub cancel: CancellationToken,
}

/// What a search tells while it runs: all that is known, again and again.
pub type Event = Found;

struct State {
    found: Found,
    entries: BTreeMap<String, Entry>,
    named: Vec<(String, String)>,
    /// Repositories with the tag and another model_type in their config.
    others: BTreeSet<String>,
}

impl Search<'_> {
    /// Searches; each event is whole, the last one is also given back. An error means that MODEL itself cannot be ported
    /// or found; a Hub that fails half way is part of what is given.
    pub async fn run(&self, sink: &Sink<Event>) -> Result<Found, HubError> {
        let mut state = State::new(self.wanted.clone());
        let ended = tokio::select! {
            ended = self.all(&mut state, sink) => ended?,
            () = self.cancel.cancelled() => Progress::Stopped,
        };
        state.found.progress = ended;
        self.tell(&mut state, sink);
        Ok(state.found)
    }

    /// Only finds what MODEL means: the model_type, and what is to be said of it.
    pub async fn name(&self) -> Result<(String, Vec<Note>), HubError> {
        let mut state = State::new(self.wanted.clone());
        let model_type = self.resolve(&mut state, &crate::util::sink::discard()).await?;
        Ok((model_type, state.found.notes))
    }

    async fn all(&self, state: &mut State, sink: &Sink<Event>) -> Result<Progress, HubError> {
        let model_type = self.resolve(state, sink).await?;
        state.found.model_type = Some(model_type.clone());
        state.named = self.library.named(&model_type);
        for entry in cached::cached(self.hub, &model_type).await {
            state.add(entry);
        }
        let origin = self.hub.origin();
        let file = self.kept.as_ref().map(|folder| kept::file(folder, &origin.host(), &model_type));
        for entry in file.as_deref().map(kept::load).unwrap_or_default() {
            state.add(entry);
        }
        if origin.offline {
            state.note(offline(state));
            return Ok(Progress::Done);
        }
        state.found.progress = Progress::Asking { what: format!("checkpoints of {model_type}") };
        self.tell(state, sink);
        let result = self.listings(state, &model_type, sink).await;
        let infos: Vec<RepoInfo> = state
            .entries
            .values()
            .filter(|entry| entry.seen == Seen::Hub)
            .map(|entry| entry.info.clone())
            .collect();
        if let Some(file) = file.filter(|_| !infos.is_empty()) {
            kept::store(&file, &infos);
        }
        match result {
            Ok(()) => {
                if state.entries.is_empty() {
                    state.note(nothing(&model_type, &origin.host()));
                }
                state.refuse(&model_type);
                Ok(Progress::Done)
            }
            Err(error) => {
                state.note(offline(state));
                Ok(Progress::Failed(Report::from(&error)))
            }
        }
    }

    /// Finds the model_type, and refuses what cannot be ported.
    async fn resolve(&self, state: &mut State, sink: &Sink<Event>) -> Result<String, HubError> {
        match &self.wanted {
            Wanted::ModelType(text) => Ok(text.clone()),
            Wanted::Class(class) => {
                let known = self.library.type_of(class);
                if known.is_none() {
                    let guess = wanted::guess(class);
                    let text = format!("{class} is not in transformers' table; taken for {guess}");
                    state.note(Note::say(Weight::Warn, text).hint("give the model_type if it is another"));
                }
                Ok(known.unwrap_or_else(|| wanted::guess(class)))
            }
            Wanted::Folder(path) => {
                let config = hub::read(path)?;
                self.judge(state, &path.display().to_string(), &fit::of_config(&config), config.model_type)
            }
            Wanted::Repo(repo) => {
                self.tell(state, sink);
                self.repository(state, repo).await
            }
        }
    }

    async fn repository(&self, state: &mut State, repo: &RepoRef) -> Result<String, HubError> {
        let info = match self.hub.info(repo).await {
            Ok(info) => info,
            Err(error) => {
                // The config of an earlier visit names the architecture; the rest of the search says what is missing.
                let known = look::in_cache(self.hub, repo).and_then(|path| hub::read(&path).ok());
                let Some(config) = known else { return Err(self.near(repo, error).await) };
                if !matches!(error, RemoteError::Offline { .. }) {
                    state.note(Note {
                        hint: Report::from(&error).hint,
                        ..Note::say(Weight::Warn, error.to_string())
                    });
                }
                return self.judge(state, &repo.to_string(), &fit::of_config(&config), config.model_type);
            }
        };
        if let Some(now) = info.id.as_ref().filter(|now| **now != repo.id) {
            state.note(Note::say(Weight::Warn, format!("{} was renamed: it is {now} now", repo.id)));
        }
        let id = info.id.clone().unwrap_or_else(|| repo.id.clone());
        let model_type = info.model_type.clone();
        let judged = fit::fit(&info);
        state.add(Entry { info, seen: Seen::Hub, config: None });
        match (&judged, model_type) {
            (Fit::Language | Fit::Not { .. }, Some(model_type)) => {
                self.judge(state, id.as_str(), &judged, Some(model_type))
            }
            // The Hub keeps neither text_config nor, of some repositories, anything: the file itself says it.
            (_, model_type) => {
                let at = RepoRef { id: id.clone(), revision: repo.revision.clone() };
                match look::look(self.hub, &at).await {
                    Ok(looked) => {
                        let own = looked.model_type.or(model_type);
                        self.judge(state, id.as_str(), &looked.fit, own)
                    }
                    Err(error) => match (&judged, model_type) {
                        (Fit::Not { why }, _) => {
                            Err(HubError::NotLanguage { repo: id.to_string(), why: why.clone() })
                        }
                        (_, Some(model_type)) => {
                            state.note(Note {
                                hint: Report::from(&error).hint,
                                ..Note::say(Weight::Warn, error.to_string())
                            });
                            self.judge(state, id.as_str(), &judged, Some(model_type))
                        }
                        (_, None) => Err(error),
                    },
                }
            }
        }
    }

    fn judge(
        &self,
        state: &mut State,
        what: &str,
        fit: &Fit,
        model_type: Option<String>,
    ) -> Result<String, HubError> {
        let missing = || HubError::NoModelType { what: what.to_string() };
        match fit {
            Fit::Not { why } => Err(HubError::NotLanguage { repo: what.to_string(), why: why.clone() }),
            Fit::Inside { text_type } => {
                let outer = model_type.clone().unwrap_or_default();
                let inner = text_type.clone().or(model_type).ok_or_else(missing)?;
                let text = format!(
                    "{what} also sees or hears ({outer}); its language model is its text_config, {inner}"
                );
                let hint = "mlx-lm gets the text part alone; the whole model is for mlx-vlm";
                state.note(Note::say(Weight::Warn, text).hint(hint));
                Ok(inner)
            }
            Fit::Language | Fit::Unknown => model_type.ok_or_else(missing),
        }
    }

    /// Adds names that the person may have meant to a repository that is not there.
    async fn near(&self, repo: &RepoRef, error: RemoteError) -> HubError {
        let RemoteError::NoRepo { .. } = &error else { return error.into() };
        let query = ListQuery {
            search: Some(repo.id.name().to_string()),
            sort: Some("downloads"),
            page: 3,
            ..ListQuery::default()
        };
        let first = std::pin::pin!(self.hub.list(&query)).next().await;
        let near: Vec<String> = match first {
            Some(Ok(page)) => {
                page.into_iter().filter_map(|info| Some(info.id?.to_string())).take(3).collect()
            }
            _ => Vec::new(),
        };
        if near.is_empty() { error.into() } else { HubError::Near { error: Box::new(error), near } }
    }

    async fn listings(
        &self,
        state: &mut State,
        model_type: &str,
        sink: &Sink<Event>,
    ) -> Result<(), RemoteError> {
        let by_type = ListQuery {
            filter: Some(model_type.to_string()),
            sort: Some("downloads"),
            page: PAGE.min(u32::try_from(self.limit).unwrap_or(PAGE)).max(1),
            ..ListQuery::default()
        };
        state.found.more = self.pages(state, &by_type, self.limit, sink).await?;
        let officials = arrange(&state.list(), &state.named).0;
        // What the listing showed whole has the makers' checkpoints in it.
        let open = if state.found.more { officials.len().min(3) } else { 0 };
        for official in &officials[..open] {
            let what = format!("checkpoints of {model_type} by {}", official.owner);
            state.found.progress = Progress::Asking { what };
            self.tell(state, sink);
            let query = ListQuery { author: Some(official.owner.clone()), page: PAGE, ..by_type.clone() };
            self.pages(state, &query, OF_OWNER, sink).await?;
        }
        self.bases(state, sink).await?;
        self.sizes(state, sink).await
    }

    /// Asks for the size of originals whose name does not say it: only an info has the Hub's count.
    async fn sizes(&self, state: &mut State, sink: &Sink<Event>) -> Result<(), RemoteError> {
        let groups = arrange(&state.list(), &state.named).1;
        let unknown = groups.iter().filter(|group| group.kind.is_original() && group.size.is_none());
        let unknown: Vec<String> =
            unknown.flat_map(|group| &group.candidates).map(|one| one.id.clone()).take(SIZES).collect();
        for id in unknown {
            let Ok(repo) = RepoRef::parse(&id) else { continue };
            state.found.progress = Progress::Asking { what: format!("the size of {id}") };
            self.tell(state, sink);
            match self.hub.info(&repo).await {
                Ok(info) => state.listed(info),
                Err(error) if error.is_of_repo() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Follows a listing; tells whether there is more of it.
    async fn pages(
        &self,
        state: &mut State,
        query: &ListQuery,
        limit: usize,
        sink: &Sink<Event>,
    ) -> Result<bool, RemoteError> {
        let mut pages = std::pin::pin!(self.hub.list(query));
        let mut left = limit;
        while let Some(page) = pages.try_next().await? {
            let count = page.len();
            for info in page.into_iter().take(left) {
                state.listed(info);
            }
            self.tell(state, sink);
            if count > left || (count == left && count == query.page as usize) {
                return Ok(true);
            }
            left -= count;
            if left == 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Asks for the bases that many come from and that no listing shows: renamed, private or gone, and worth a word.
    async fn bases(&self, state: &mut State, sink: &Sink<Event>) -> Result<(), RemoteError> {
        let mut missing: BTreeMap<String, usize> = BTreeMap::new();
        for entry in state.entries.values() {
            for (_, base) in super::lineage::bases(&entry.info) {
                if !state.entries.contains_key(&base) && !state.others.contains(&base) {
                    *missing.entry(base).or_default() += 1;
                }
            }
        }
        let mut missing: Vec<(String, usize)> =
            missing.into_iter().filter(|(_, count)| *count >= 2).collect();
        missing.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        for (base, count) in missing.into_iter().take(BASES) {
            let Ok(repo) = RepoRef::parse(&base) else { continue };
            state.found.progress = Progress::Asking { what: base.clone() };
            self.tell(state, sink);
            match self.hub.info(&repo).await {
                Ok(info) => {
                    if let Some(now) = info.id.as_ref().filter(|now| **now != repo.id) {
                        state.note(Note::say(
                            Weight::Say,
                            format!("{base}, which {count} come from, was renamed: it is {now} now"),
                        ));
                    }
                    state.listed(info);
                }
                Err(error) if error.is_of_repo() => {
                    let text = format!("{count} come from {base}, but {error}");
                    state.note(Note { hint: Report::from(&error).hint, ..Note::say(Weight::Say, text) });
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn tell(&self, state: &mut State, sink: &Sink<Event>) {
        (state.found.officials, state.found.groups) = arrange(&state.list(), &state.named);
        let others = state.others.len();
        state.found.notes.retain(|note| !note.text.ends_with(OTHER));
        if others > 0 {
            let are = if others == 1 { "repository is" } else { "repositories are" };
            let text = format!("{others} {are}{OTHER}");
            state.found.notes.push(Note::say(Weight::Say, text));
        }
        sink(state.found.clone());
    }
}

const OTHER: &str = " tagged so, but of another model_type by config: left out";

impl State {
    fn new(wanted: Wanted) -> Self {
        let progress = Progress::Asking { what: wanted.to_string() };
        Self {
            found: Found {
                wanted,
                model_type: None,
                officials: Vec::new(),
                groups: Vec::new(),
                notes: Vec::new(),
                more: false,
                progress,
            },
            entries: BTreeMap::new(),
            named: Vec::new(),
            others: BTreeSet::new(),
        }
    }

    fn list(&self) -> Vec<Entry> {
        self.entries.values().cloned().collect()
    }

    /// Says it where nothing that was found is a language model.
    fn refuse(&mut self, model_type: &str) {
        let mut reasons = self.entries.values().map(|entry| fit::fit(&entry.info));
        let Some(Fit::Not { why }) = reasons.next() else { return };
        if reasons.all(|fit| matches!(fit, Fit::Not { .. })) {
            let text = format!("{model_type} is no language model by what the Hub lists: {why}");
            self.note(Note::say(Weight::Refuse, text).hint("mlx-lm runs decoders that generate text"));
        }
    }

    fn note(&mut self, note: Note) {
        if !self.found.notes.contains(&note) {
            self.found.notes.push(note);
        }
    }

    /// Takes what a listing says; another model_type by config is counted, not shown.
    fn listed(&mut self, info: RepoInfo) {
        let Some(id) = info.id.as_ref().map(ToString::to_string) else { return };
        let wanted = self.found.model_type.as_deref().unwrap_or_default();
        let is_outer = |own: &str| wanted.strip_suffix("_text") == Some(own);
        match info.model_type.as_deref() {
            Some(own) if own != wanted && !is_outer(own) => {
                self.others.insert(id);
            }
            _ => self.add(Entry { info, seen: Seen::Hub, config: None }),
        }
    }

    /// Adds an entry; the Hub's word of today wins over what was kept, and a config in the cache stays known.
    fn add(&mut self, entry: Entry) {
        let Some(id) = entry.info.id.as_ref().map(ToString::to_string) else { return };
        let trust = |seen: &Seen| match seen {
            Seen::Hub => 2,
            Seen::Kept { .. } => 1,
            Seen::Cache { .. } => 0,
        };
        match self.entries.get_mut(&id) {
            Some(known) if trust(&known.seen) > trust(&entry.seen) => {
                known.config = known.config.take().or(entry.config);
            }
            Some(known) => {
                let config = entry.config.or(known.config.take());
                *known = Entry { config, ..entry };
            }
            None => {
                self.entries.insert(id, entry);
            }
        }
    }
}

/// Says what is shown without the Hub, and how old it is.
fn offline(state: &State) -> Note {
    let ages = |pick: fn(&Seen) -> Option<u64>| {
        state.entries.values().filter_map(|entry| pick(&entry.seen)).collect::<Vec<_>>()
    };
    let cached = ages(|seen| if let Seen::Cache { age } = seen { Some(*age) } else { None });
    let kept = ages(|seen| if let Seen::Kept { age } = seen { Some(*age) } else { None });
    let mut parts = Vec::new();
    if let Some(newest) = cached.iter().min() {
        parts.push(format!(
            "{} from this machine's Hub cache, the newest {} old",
            cached.len(),
            age(*newest)
        ));
    }
    if let Some(newest) = kept.iter().min() {
        parts.push(format!("{} from a listing {} old", kept.len(), age(*newest)));
    }
    if parts.is_empty() {
        let text =
            "nothing of this architecture is in this machine's Hub cache, and no earlier listing is kept";
        return Note::say(Weight::Warn, text).hint("unset HF_HUB_OFFLINE, or name a folder or config.json");
    }
    Note::say(Weight::Say, format!("without the Hub: {}", parts.join("; ")))
}

fn nothing(model_type: &str, host: &str) -> Note {
    Note::say(Weight::Warn, format!("{host} has no repository tagged {model_type}"))
        .hint("check the model_type in a checkpoint's config.json, or give a repository")
}
