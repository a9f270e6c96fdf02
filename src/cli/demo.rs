//! `mlxport demo`: the recorded session on a real architecture.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::builder::PossibleValuesParser;

use super::{Common, output};
use crate::config::{Home, MlxLmSource, PushMode, Setting, Settings, Source};
use crate::runtime::recordings::{BROUGHT, Which};
use crate::runtime::{self, DemoOptions, Mode, Options, Start, demo};
use crate::session::data::Header;
use crate::util::blame::Report;
use crate::util::id;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Play every step without waiting for keys; exit 0 only if all went as recorded, the final checks
    /// passed and the push arrived
    #[arg(long)]
    auto: bool,
    /// Another recording, as `mlxport record` writes it, with its configs beside it
    #[arg(long, value_name = "FILE", conflicts_with = "name")]
    recording: Option<PathBuf>,
    /// One of the recordings that the program brings [default: arcee]
    #[arg(value_parser = PossibleValuesParser::new(BROUGHT.iter().map(|brought| brought.name)))]
    name: Option<String>,
}

/// A recording fits one baseline and one endpoint, whatever the person's settings are; its fork is always local.
fn settle(settings: &mut Settings, model: &str) {
    settings.mlx_lm = Setting { value: MlxLmSource::Pypi, source: Source::Flag("--mlx-lm") };
    settings.answered_by(format!("{model} (recorded)"));
    settings.fork = Setting::default(None);
    settings.push = Setting::default(PushMode::Push);
}

/// Goes on with an earlier demo in its folder: what was played stays, the rest of the recording is played by keys.
pub(super) fn resume(home: Home, id: String, mut options: Options) -> Result<ExitCode, Report> {
    let demo = demo::options(&home)?;
    let model = demo.which.recording()?.header.model;
    options.settings.home.value = home;
    settle(&mut options.settings, &model);
    options.demo = Some(demo);
    options.start = Start::Resume { id };
    runtime::run(options)
}

/// Plays the demo in a workspace of its own.
pub fn run(args: Args, common: &Common) -> Result<ExitCode, Report> {
    let mode = if args.auto { Mode::Auto } else { Mode::Keys };
    let named = args.name.as_deref().and_then(Which::named);
    let which = args.recording.map(Which::File).or(named).unwrap_or_default();
    let mut demo = DemoOptions { which, mode, lock: None };
    let Header { model_type, model, .. } = demo.which.recording()?.header;
    let mut settings = common.settings()?;
    let (home, lock) = demo::home(&settings.home.value, &id::new_id())?;
    settings.home.value = home;
    demo.lock = Some(lock);
    settle(&mut settings, &model);
    let configs = demo::keep(&demo.which, &settings.home.value)?;
    if common.plain {
        output::line(
            "[demo] This is a recorded session: the model's words and the person's acts are replayed;",
        );
        output::line(
            "[demo] tools, files, checks, commit and push are real, and happen now on this machine.",
        );
    }
    let mut options = Options::new(settings);
    options.farewell = Some(output::line);
    options.plain = common.plain.then_some(output::line as fn(&str));
    options.start = Start::New { model_type: Some(model_type) };
    options.configs = configs;
    options.demo = Some(demo);
    runtime::run(options)
}
