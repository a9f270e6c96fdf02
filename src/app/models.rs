//! The model picker: who answers in which role, what can be chosen instead, what an endpoint lists, and how a test of it
//! went. What is chosen holds from the next request on, and for this session.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::job::JobKind;
use super::key::{Code, Key};
use super::pane::Ctx;
use super::{effect, msg::PaneMsg, pane::chat};
use crate::util::blame::Report;

/// What a model is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// The chat of a port.
    #[default]
    Port,
    /// The second reader.
    Review,
}

impl Role {
    /// Names the role for a person.
    pub fn name(self) -> &'static str {
        match self {
            Self::Port => "port",
            Self::Review => "review",
        }
    }

    fn other(self) -> Self {
        match self {
            Self::Port => Self::Review,
            Self::Review => Self::Port,
        }
    }
}

/// What its jobs say.
#[derive(Clone, Debug)]
pub enum Msg {
    /// What can be chosen, and what is, by role.
    Profiles { profiles: Vec<Profile>, roles: Vec<(Role, Chosen)> },
    /// An endpoint's list of models.
    Listed { profile: String, models: Vec<Model> },
    /// A step of a test.
    Tested { title: String, finding: Finding },
    /// Another answers in a role.
    Chose { role: Role, chosen: Chosen },
    /// What is waited for.
    Waiting(String),
}

/// What the runtime is asked to do.
#[derive(Clone, Debug)]
pub enum Job {
    /// Look what there is; answers with [`Msg::Profiles`].
    Profiles,
    /// Ask an endpoint for its models; answers with [`Msg::Listed`].
    List { profile: String },
    /// Try an endpoint; answers with [`Msg::Tested`], once a step.
    Test { title: String },
    /// Let `NAME` or `NAME/MODEL` answer; answers with [`Msg::Chose`].
    Choose { role: Role, title: String },
}

/// A profile as shown. Never its key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    pub name: String,
    /// The address, or what answers in its place.
    pub place: String,
    pub model: Option<String>,
    /// Whether there is a key, in words.
    pub key: String,
    /// Whether a key is needed and not there.
    pub key_missing: bool,
    /// Every value with its source, a line each.
    pub sources: Vec<String>,
    /// Whether an endpoint can be asked for its models.
    pub lists: bool,
}

/// Who answers in a role.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chosen {
    /// `NAME/MODEL`, for a person and for [`Job::Choose`].
    pub title: String,
    pub model: String,
    /// Provider or address, for the status line.
    pub provider: String,
    /// What chose it.
    pub by: String,
}

/// A model as its endpoint lists it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Model {
    pub id: String,
    /// What the endpoint says of it: context, tools.
    pub said: String,
}

/// A step of a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub glyph: char,
    pub text: String,
    pub hint: Option<String>,
}

/// A line that can be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Row<'a> {
    Profile(&'a Profile),
    Model(&'a Profile, &'a Model),
}

/// The picker.
#[derive(Clone, Debug, Default)]
pub struct State {
    pub shown: bool,
    pub role: Role,
    pub query: String,
    pub selected: usize,
    pub profiles: Vec<Profile>,
    pub roles: BTreeMap<Role, Chosen>,
    listed: BTreeMap<String, Vec<Model>>,
    /// The profile whose models are shown.
    pub unfolded: Option<String>,
    pub waiting: Option<String>,
    pub tested: Option<(String, Vec<Finding>)>,
    pub failed: Option<Report>,
    /// What the person chose in this session, kept for its next run.
    kept: BTreeMap<Role, String>,
}

impl State {
    /// Opens the picker.
    pub fn open(&mut self, ctx: &mut Ctx<'_>) {
        (self.shown, self.selected) = (true, 0);
        self.query.clear();
        (self.failed, self.tested, self.waiting) = (None, None, None);
        self.start("models", Job::Profiles, ctx);
    }

    /// Gives the lines that fit what was typed.
    pub fn rows(&self) -> Vec<Row<'_>> {
        let words = self.query.to_lowercase();
        let fits = |text: &str| words.split_whitespace().all(|word| text.to_lowercase().contains(word));
        let mut rows = Vec::new();
        for profile in &self.profiles {
            let open = self.unfolded.as_ref() == Some(&profile.name);
            let models = self.listed.get(&profile.name).filter(|_| open).map_or(&[][..], Vec::as_slice);
            let of = |model: &&Model| fits(&format!("{}/{}", profile.name, model.id));
            let found: Vec<Row<'_>> =
                models.iter().filter(of).map(|model| Row::Model(profile, model)).collect();
            let own =
                format!("{} {} {}", profile.name, profile.place, profile.model.as_deref().unwrap_or(""));
            if fits(&own) || !found.is_empty() {
                rows.push(Row::Profile(profile));
            }
            rows.extend(found);
        }
        rows
    }

    /// Takes a key while the picker is open.
    pub fn key(&mut self, key: Key, ctx: &mut Ctx<'_>) {
        match key.code {
            Code::Esc => self.close(ctx),
            Code::Char('c') if key.ctrl => self.close(ctx),
            Code::Char('u') if key.ctrl => (self.query, self.selected) = (String::new(), 0),
            Code::Char('t') if key.ctrl => self.test(ctx),
            Code::Tab => self.role = self.role.other(),
            Code::Up => self.selected = self.selected.saturating_sub(1),
            Code::Down => self.selected += 1,
            Code::PageUp => self.selected = self.selected.saturating_sub(10),
            Code::PageDown => self.selected += 10,
            Code::Right => self.list(ctx),
            Code::Left => self.unfolded = None,
            Code::Enter => self.enter(ctx),
            Code::Backspace => {
                self.query.pop();
            }
            _ => {
                if let Some(c) = key.typed() {
                    self.query.push(c);
                    self.selected = 0;
                }
            }
        }
        self.selected = self.selected.min(self.rows().len().saturating_sub(1));
    }

    /// Adds pasted text to what was typed.
    pub fn paste(&mut self, text: &str) {
        self.query.extend(text.chars().filter(|c| !c.is_control()));
        self.selected = 0;
    }

    /// Takes what a job says.
    pub fn on(&mut self, msg: Msg, ctx: &mut Ctx<'_>) {
        match msg {
            Msg::Profiles { profiles, roles } => {
                self.profiles = profiles;
                self.roles.extend(roles);
            }
            Msg::Listed { profile, models } => {
                if models.is_empty() {
                    ctx.toast(format!("{profile} lists no model"));
                }
                self.listed.insert(profile.clone(), models);
                self.unfolded = Some(profile);
            }
            Msg::Tested { title, finding } => match &mut self.tested {
                Some((of, findings)) if *of == title => findings.push(finding),
                _ => self.tested = Some((title, vec![finding])),
            },
            Msg::Chose { role, chosen } => self.chose(role, chosen, ctx),
            Msg::Waiting(text) => self.waiting = Some(text),
        }
    }

    /// Is told that its job ended.
    pub fn ended(&mut self, result: Result<(), Report>, ctx: &mut Ctx<'_>) {
        self.waiting = None;
        let Err(report) = result else { return };
        if !self.shown {
            // Taken up again from an earlier run: what it chose is not there any more.
            ctx.post(PaneMsg::Chat(chat::Msg::Note(format!(
                "the model chosen earlier is not used: {}",
                report.text
            ))));
        }
        self.failed = Some(report);
    }

    /// Gives what was chosen, for the session's next run.
    pub fn save(&self) -> serde_json::Value {
        serde_json::to_value(&self.kept).unwrap_or_default()
    }

    /// Chooses again what an earlier run chose.
    pub fn restore(&mut self, saved: serde_json::Value, ctx: &mut Ctx<'_>) {
        let kept: BTreeMap<Role, String> = serde_json::from_value(saved).unwrap_or_default();
        for (role, title) in kept {
            ctx.start(JobKind::Model(role), "model", effect::Job::Models(Job::Choose { role, title }));
        }
    }

    fn close(&mut self, ctx: &mut Ctx<'_>) {
        self.shown = false;
        ctx.cancel(JobKind::Models);
    }

    fn enter(&mut self, ctx: &mut Ctx<'_>) {
        let title = match self.rows().get(self.selected) {
            None => return,
            Some(Row::Model(profile, model)) => format!("{}/{}", profile.name, model.id),
            Some(Row::Profile(profile)) => match (&profile.model, profile.lists) {
                (Some(model), _) => format!("{}/{model}", profile.name),
                // Nothing to name: a person answers.
                (None, false) => profile.name.clone(),
                (None, true) => return self.list(ctx),
            },
        };
        let role = self.role;
        self.start("model", Job::Choose { role, title }, ctx);
    }

    fn list(&mut self, ctx: &mut Ctx<'_>) {
        let Some(Row::Profile(profile)) = self.rows().get(self.selected).copied() else { return };
        if !profile.lists {
            return;
        }
        let profile = profile.name.clone();
        self.waiting = Some(format!("asking {profile} for its models"));
        self.start("models of an endpoint", Job::List { profile }, ctx);
    }

    fn test(&mut self, ctx: &mut Ctx<'_>) {
        let title = match self.rows().get(self.selected) {
            None => return,
            Some(Row::Model(profile, model)) => format!("{}/{}", profile.name, model.id),
            Some(Row::Profile(profile)) => match &profile.model {
                Some(model) => format!("{}/{model}", profile.name),
                None => profile.name.clone(),
            },
        };
        self.tested = Some((title.clone(), Vec::new()));
        self.waiting = Some(format!("testing {title}"));
        self.start("test of a model", Job::Test { title }, ctx);
    }

    fn start(&mut self, title: &str, job: Job, ctx: &mut Ctx<'_>) {
        self.failed = None;
        ctx.start(JobKind::Models, title, effect::Job::Models(job));
    }

    fn chose(&mut self, role: Role, chosen: Chosen, ctx: &mut Ctx<'_>) {
        if role == Role::Port {
            ctx.facts.model.model.clone_from(&chosen.model);
            ctx.facts.model.provider.clone_from(&chosen.provider);
        }
        self.kept.insert(role, chosen.title.clone());
        if self.shown {
            ctx.toast(format!("{} from the next request on: {}", role.name(), chosen.title));
            self.shown = false;
        }
        self.roles.insert(role, chosen);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::update::update;
    use crate::app::{Effect, Msg as AppMsg, State as App};

    fn profile(name: &str, model: Option<&str>, lists: bool) -> Profile {
        let model = model.map(str::to_string);
        Profile { name: name.into(), place: format!("http://{name}/v1"), model, lists, ..Profile::default() }
    }

    fn opened() -> App {
        let mut app = App::default();
        update(&mut app, 0, AppMsg::Resize(80, 24));
        update(&mut app, 0, AppMsg::Key("f4".parse().expect("a key")));
        let profiles = vec![
            profile("router", None, true),
            profile("work", Some("coder"), true),
            profile("manual", None, false),
        ];
        tell(&mut app, Msg::Profiles { profiles, roles: Vec::new() });
        app
    }

    fn tell(app: &mut App, msg: Msg) {
        update(app, 0, AppMsg::Post(PaneMsg::Models(msg)));
    }

    /// Presses keys; gives the jobs of the picker that they started.
    fn press(app: &mut App, keys: &str) -> Vec<Job> {
        let mut jobs = Vec::new();
        for key in keys.split_whitespace() {
            for effect in update(app, 0, AppMsg::Key(key.parse().expect("a key"))) {
                if let Effect::Start(_, effect::Job::Models(job)) = effect {
                    jobs.push(job);
                }
            }
        }
        jobs
    }

    #[test]
    fn a_profile_with_a_model_is_chosen_and_one_without_lists_its_models_first() {
        let mut app = opened();
        let asked = press(&mut app, "enter");
        assert!(matches!(&asked[..], [Job::List { profile }] if profile == "router"), "{asked:?}");
        let model = |id: &str| Model { id: id.into(), said: String::new() };
        tell(
            &mut app,
            Msg::Listed { profile: "router".into(), models: vec![model("a/small"), model("b/large")] },
        );
        assert_eq!(app.models.rows().len(), 5);
        let asked = press(&mut app, "l a r g e down enter");
        assert!(
            matches!(&asked[..], [Job::Choose { role: Role::Port, title }] if title == "router/b/large"),
            "{asked:?}"
        );
        let asked = press(&mut app, "ctrl-u tab left down enter");
        assert!(
            matches!(&asked[..], [Job::Choose { role: Role::Review, title }] if title == "work/coder"),
            "{asked:?}"
        );
        let asked = press(&mut app, "down enter");
        assert!(matches!(&asked[..], [Job::Choose { title, .. }] if title == "manual"), "{asked:?}");
    }

    #[test]
    fn what_was_chosen_is_shown_kept_and_chosen_again_after_a_resume() {
        let mut app = opened();
        let chosen = Chosen {
            title: "work/coder".into(),
            model: "coder".into(),
            provider: "http://work/v1".into(),
            by: "you".into(),
        };
        tell(&mut app, Msg::Chose { role: Role::Port, chosen });
        assert!(!app.models.shown);
        assert_eq!(
            (app.facts.model.model.as_str(), app.facts.model.provider.as_str()),
            ("coder", "http://work/v1")
        );
        let saved = app.save()["app"]["models"].clone();
        assert_eq!(saved, serde_json::json!({"port": "work/coder"}));
        let mut again = App::default();
        let mut live = crate::session::data::Live::default();
        live.panes.insert("app".into(), serde_json::json!({"models": saved}));
        let effects = update(&mut again, 0, AppMsg::Restore(Box::new(live)));
        let chooses = |effect: &Effect| matches!(effect, Effect::Start(_, effect::Job::Models(Job::Choose { title, .. })) if title == "work/coder");
        assert!(effects.iter().any(chooses), "{effects:?}");
    }

    #[test]
    fn escape_closes_and_stops_what_it_asked_and_a_failure_stays_in_sight() {
        let mut app = opened();
        press(&mut app, "enter");
        let effects = update(&mut app, 0, AppMsg::Key(Key::plain(Code::Esc)));
        assert!(matches!(effects[..], [Effect::Cancel(_)]), "{effects:?}");
        assert!(!app.models.shown);
        press(&mut app, "f4 ctrl-t");
        assert_eq!(app.models.waiting.as_deref(), Some("testing router"));
        let id = *app.jobs.running().last().expect("a job").0;
        let report = Report::new(crate::util::blame::Blame::User, "no key");
        update(&mut app, 0, AppMsg::Ended(id, Err(report.clone())));
        assert_eq!((&app.models.failed, &app.models.waiting), (&Some(report), &None));
    }
}
