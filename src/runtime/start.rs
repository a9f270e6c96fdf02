//! How a run begins: settings and session to state, front and loop. The first frame waits for nothing else.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use tokio::sync::mpsc;

use super::demo::{Demo, DemoOptions};
use super::event_loop::{self, EventLoop};
use super::front::Front;
use super::jobs::{CHANNEL, keeper};
use super::services::Services;
use crate::app::State;
use crate::app::keymap::Keymap;
use crate::app::pane::configs::discover::Taken;
use crate::config::{Provider, Settings, Terminal};
use crate::session::data::{Header, Live};
use crate::session::writer::WriterEvent;
use crate::session::{self, Redactor, Writer};
use crate::theme::{Depth, Theme};
use crate::util::blame::{Blame, Explain, Report};
use crate::util::id;
use crate::util::sink::Sink;

/// What a run of the workbench starts from.
#[derive(Debug)]
pub struct Options {
    pub settings: Settings,
    pub start: Start,
    pub configs: Vec<PathBuf>,
    /// Starts discovery from this, as typed; its own config is among `configs`.
    pub discover: Option<(String, Taken)>,
    /// Where plain lines go; none takes the screen.
    pub plain: Option<fn(&str)>,
    /// Plays a recording.
    pub demo: Option<DemoOptions>,
    /// Where the last words go once the terminal is given back.
    pub farewell: Option<fn(&str)>,
    /// Breaks in a job after the first frame (tests only).
    pub break_soon: bool,
}

/// New or again.
#[derive(Debug)]
pub enum Start {
    /// A new session, on a model if one is named.
    New { model_type: Option<String> },
    /// An earlier session, by its whole id.
    Resume { id: String },
}

impl Options {
    /// A new session on no model yet.
    pub fn new(settings: Settings) -> Self {
        let start = Start::New { model_type: None };
        Self {
            settings,
            start,
            configs: Vec::new(),
            discover: None,
            plain: None,
            demo: None,
            farewell: None,
            break_soon: false,
        }
    }
}

/// Runs the workbench until the person quits.
pub fn run(options: Options) -> Result<ExitCode, Report> {
    super::log::start(&options.settings);
    let farewell = options.farewell.filter(|_| options.plain.is_none());
    let ended = event_loop::block_on(async move {
        let (to, messages) = mpsc::channel(CHANNEL);
        let (writer, header, live) = open_session(&options, keeper(to.clone()))?;
        let services = Arc::new(Services::new(options.settings.clone(), header.session.clone()));
        let mut state = first_state(&options, &header);
        let front = match options.plain {
            Some(out) => Front::plain(out),
            None => screen(&options.settings, &mut state)?,
        };
        let demo = match &options.demo {
            Some(demo) => Some(Demo::start(demo, played(live.as_ref()), &services).await?),
            None => None,
        };
        state.facts.demo = demo.as_ref().map(Demo::facts);
        let mut event_loop = EventLoop::new(state, services, front, writer, (to, messages))?;
        event_loop.demo = demo;
        event_loop.discover = options.discover;
        if let Some(live) = live {
            event_loop.restore(&live, redactor(&options.settings));
        }
        if options.break_soon {
            event_loop.break_soon();
        }
        Ok((event_loop.run().await?, header.session))
    })?;
    super::terminal::give_back();
    if let (Some(say), Ok((_, id))) = (farewell, &ended) {
        say(&format!("session {id} is saved; go on with: mlxport resume {id}"));
    }
    ended.map(|(code, _)| code)
}

/// How many of its steps an earlier run of the demo played.
fn played(live: Option<&Live>) -> usize {
    let kept = live.and_then(|live| live.panes.get("app")?["played"].as_u64());
    kept.and_then(|played| usize::try_from(played).ok()).unwrap_or(0)
}

fn report(error: &impl Explain) -> Report {
    Report::from(error)
}

fn open_session(
    options: &Options,
    events: Sink<WriterEvent>,
) -> Result<(Writer, Header, Option<Live>), Report> {
    let home = &options.settings.home.value;
    let redactor = redactor(&options.settings);
    match &options.start {
        Start::Resume { id } => {
            let opened = session::open(home, id, redactor, events).map_err(|error| report(&error))?;
            Ok((opened.writer, opened.header, Some(opened.live)))
        }
        Start::New { model_type } => {
            let header = Header {
                session: id::new_id(),
                model_type: model_type.clone().unwrap_or_default(),
                created: id::timestamp(),
                model: options.settings.port.model.value.clone().unwrap_or_default(),
                recording: options.demo.is_some(),
                ..Header::default()
            };
            let writer = session::create(home, header.clone(), redactor, events);
            Ok((writer.map_err(|error| report(&error))?, header, None))
        }
    }
}

pub(super) fn redactor(settings: &Settings) -> Redactor {
    use secrecy::ExposeSecret;
    let redactor = Redactor::default().folder(settings.home.value.root(), "$HOME_DIR");
    settings.secrets().iter().fold(redactor, |redactor, key| redactor.secret(key.expose_secret()))
}

fn first_state(options: &Options, header: &Header) -> State {
    let settings = &options.settings;
    let mut state = State::default();
    let (keymap, warnings) = Keymap::new(&key_changes(settings));
    state.keymap = keymap;
    let facts = &mut state.facts;
    facts.warnings = settings.warnings.iter().map(ToString::to_string).chain(warnings).collect();
    facts.session.clone_from(&header.session);
    facts.model_type = Some(header.model_type.clone()).filter(|name| !name.is_empty());
    facts.configs.clone_from(&options.configs);
    facts.ssh = settings.terminal.ssh;
    facts.focused = true;
    facts.model.model = settings.port.model.value.clone().unwrap_or_default();
    facts.model.provider = match settings.port.provider.value {
        provider @ (Provider::Manual | Provider::MlxLm) => provider.name().into(),
        Provider::OpenaiCompatible => settings.port.base_url.value.clone().unwrap_or_default(),
    };
    state
}

fn key_changes(settings: &Settings) -> std::collections::BTreeMap<String, Vec<String>> {
    let one = |value: &toml::Value| match value {
        toml::Value::String(key) => vec![key.clone()],
        toml::Value::Array(keys) => keys.iter().filter_map(|key| key.as_str().map(str::to_string)).collect(),
        other => vec![other.to_string()],
    };
    settings.keys.iter().map(|(id, value)| (id.clone(), one(value))).collect()
}

fn screen(settings: &Settings, state: &mut State) -> Result<Front, Report> {
    let depth = depth(&settings.terminal);
    let name = match (settings.theme.value.as_str(), depth) {
        ("auto", Depth::None) => "mono",
        ("auto", Depth::Ansi16) => "ansi16",
        ("auto", _) => "dark",
        (name, _) => name,
    };
    let theme = Theme::named(name).or_else(|error| {
        state.facts.warnings.push(error.to_string());
        Theme::named("dark")
    });
    let theme = theme.map_err(|error| Report::new(Blame::Bug, error.to_string()))?;
    let editor = ["VISUAL", "EDITOR"].iter().find_map(|name| settings.tool_var(name)).map(str::to_string);
    Front::screen(theme, depth, editor)
}

/// How many colours the terminal says it shows; truecolor is never assumed (OpenSSH drops COLORTERM).
fn depth(terminal: &Terminal) -> Depth {
    let term = terminal.term.as_deref().unwrap_or("");
    let colour = terminal.colorterm.as_deref().unwrap_or("");
    if terminal.no_color || term == "dumb" || term.is_empty() {
        Depth::None
    } else if colour.contains("truecolor") || colour.contains("24bit") || term.contains("direct") {
        Depth::True
    } else if term.contains("256color") {
        Depth::Indexed256
    } else {
        Depth::Ansi16
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_what_the_terminal_says() {
        let terminal = |term: &str, colorterm: &str, no_color: bool| Terminal {
            no_color,
            term: Some(term.into()),
            colorterm: Some(colorterm.into()),
            ..Terminal::default()
        };
        assert_eq!(depth(&terminal("xterm-256color", "truecolor", false)), Depth::True);
        assert_eq!(depth(&terminal("xterm-256color", "", false)), Depth::Indexed256);
        assert_eq!(depth(&terminal("xterm", "", false)), Depth::Ansi16);
        assert_eq!(depth(&terminal("xterm-256color", "truecolor", true)), Depth::None);
        assert_eq!(depth(&terminal("dumb", "", false)), Depth::None);
    }
}
