//! What the configs pane and the command line both need of variants: the files, what their config class makes of them,
//! and the ledger. Rooms do the work; this brings them together.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::harness::data::{CheckId, StoredRun};
use crate::harness::defaults::{Answer, Ask, ask};
use crate::harness::{Site, store};
use crate::hub::data::{Config, Defaults, Keys, Ledger, Matrix, Origin};
use crate::hub::{self, Account, Sides, decisions};
use crate::source;
use crate::util::blame::{Blame, Report};

/// Larger ones are not sent to the class: no config that a class reads is.
const LARGEST: usize = 512 << 10;
/// How many runs of a model type are looked through for one that changed the keys.
const RUNS: usize = 60;
/// Parts of a config that the language model does not read.
const OTHER_PARTS: [&str; 4] =
    ["vision_config.", "audio_config.", "vision_encoder_config.", "speech_config."];

/// Reads what can be read; one bad file does not hide the others.
pub fn read(paths: &[PathBuf]) -> (Vec<Config>, Vec<Report>) {
    let (mut configs, mut problems) = (Vec::new(), Vec::new());
    for path in paths {
        match hub::read(path) {
            Ok(config) => configs.push(config),
            Err(error) => problems.push(Report::from(&error)),
        }
    }
    hub::tell_apart(&mut configs);
    (configs, problems)
}

/// Reads the literal defaults in the source of the config class.
pub fn from_source(configuration: Option<&Path>, files: usize) -> Defaults {
    let loaded = configuration.and_then(|path| source::load(path).ok());
    let written = loaded.map(|loaded| source::class_defaults(&loaded.doc)).unwrap_or_default();
    hub::from_source(hub::literals(written.iter().map(|(key, text)| (key.as_str(), text.as_str()))), files)
}

/// Finds the file of the config class among a reference's files.
pub fn configuration(references: &[PathBuf]) -> Option<&PathBuf> {
    references.iter().find(|path| named(path, "configuration_"))
}

/// Asks the config classes: of `model_type` alone, and of each config's own type for that config.
pub async fn from_class(
    site: &Site,
    version: &str,
    (model_type, configs): (Option<&str>, &[Config]),
    cancel: &CancellationToken,
) -> Result<Defaults, Report> {
    let main = model_type.or_else(|| configs.iter().find_map(|config| config.model_type.as_deref()));
    let types: BTreeSet<&str> =
        main.into_iter().chain(configs.iter().filter_map(|config| config.model_type.as_deref())).collect();
    let alone = |name: &&str| Ask { model_type: name.to_string(), config: None };
    let mut asks: Vec<Ask> = types.iter().map(alone).collect();
    let mut at: Vec<Option<usize>> = Vec::new();
    for config in configs {
        let text = std::fs::read_to_string(&config.path).ok().filter(|text| text.len() <= LARGEST);
        at.push(config.model_type.clone().zip(text).map(|(model_type, text)| {
            asks.push(Ask { model_type, config: Some(text) });
            asks.len() - 1
        }));
    }
    let answers = ask(site, version, &asks, cancel).await?;
    let mut refused: Vec<String> = Vec::new();
    let keys = |answer: &Answer| {
        answer.as_ref().ok().and_then(|text| hub::parse(text).ok()).map(|json| leaves(&json))
    };
    let class_of = |name: Option<&str>| {
        let index = types.iter().position(|known| Some(*known) == name)?;
        keys(&answers[index])
    };
    let mut variants = Vec::new();
    for (config, at) in configs.iter().zip(at) {
        let own = at.and_then(|at| keys(&answers[at]));
        if let Some(Err(error)) = at.map(|at| &answers[at]) {
            refused.push(format!("{}: {}", config.name, error.text));
        }
        variants.push(Arc::new(own.or_else(|| class_of(config.model_type.as_deref())).unwrap_or_default()));
    }
    let class = class_of(main);
    if let (None, Some(Err(error))) = (&class, answers.first()) {
        refused.push(error.text.clone());
    }
    let known = class.is_some() || variants.iter().any(|keys| !keys.is_empty());
    let origin = if known { Origin::Class { transformers: version.into() } } else { Origin::Nowhere };
    Ok(Defaults { class: Arc::new(class.unwrap_or_default()), variants, origin, refused })
}

fn leaves(json: &hub::data::Json) -> Keys {
    let mut keys = hub::leaves(json);
    keys.retain(|path, _| {
        !OTHER_PARTS.iter().any(|part| path.starts_with(part)) && !path.ends_with("model_type")
    });
    keys
}

/// Where a ledger's evidence is.
#[derive(Clone, Debug)]
pub struct Evidence {
    pub home: PathBuf,
    pub results: PathBuf,
    pub model_type: String,
    /// The reference's files.
    pub references: Vec<PathBuf>,
    pub port: Option<PathBuf>,
    /// A run by its id, instead of the newest that changed the keys.
    pub run: Option<String>,
}

/// Makes the ledger from what there is now: sources, the newest run, what was rejected.
pub fn ledger(evidence: &Evidence, matrix: &Matrix, class: &Keys) -> Result<Ledger, Report> {
    // A modular file is written out as the modeling file, which is what runs.
    let readers = ["modeling_", "modular_"].into_iter();
    let modeling =
        readers.filter_map(|kind| evidence.references.iter().find(|path| named(path, kind))).next();
    let load = |path: &PathBuf| source::load(path).map_err(|error| Report::from(&error));
    let reference = modeling.map(load).transpose()?;
    let port = evidence.port.as_ref().filter(|path| path.is_file()).map(load).transpose()?;
    let rejected =
        decisions::load(&evidence.home, &evidence.model_type).map_err(|error| Report::from(&error))?;
    let run = match &evidence.run {
        Some(id) => Some(store::load(&evidence.results, id).map_err(|error| Report::from(&error))?),
        None => newest(evidence),
    };
    if let (Some(run), Some(id)) = (run.as_ref().filter(|run| !tried(run)), &evidence.run) {
        let text = format!("run {id} of {} changed no keys", run.result.model_type);
        let hint = format!("`mlxport check twin {} --checks exact,config` does", evidence.model_type);
        return Err(Report::new(Blame::User, text).hint(hint));
    }
    let (reference, port) = (reference.map(|loaded| loaded.doc), port.map(|loaded| loaded.doc));
    let reference: Vec<_> = reference.iter().map(Arc::as_ref).collect();
    let port: Vec<_> = port.iter().map(Arc::as_ref).collect();
    let account =
        Account { model_type: &evidence.model_type, matrix, class, run: run.as_ref(), rejected: &rejected };
    let mut made = hub::ledger(Sides { reference: &reference, port: &port }, account);
    if let Some(run) = &run {
        made.known.extend(store::stale(run).into_iter().map(|why| format!("that run is stale: {why}")));
    }
    Ok(made)
}

fn newest(evidence: &Evidence) -> Option<StoredRun> {
    let of_port = |run: &StoredRun| match (&run.port, &evidence.port) {
        (Some(run), Some(port)) => same(&run.path, port),
        _ => true,
    };
    let runs = store::list(&evidence.results, &evidence.model_type, RUNS);
    runs.into_iter().find(|run| tried(run) && of_port(run))
}

fn same(a: &Path, b: &Path) -> bool {
    a == b || matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

fn tried(run: &StoredRun) -> bool {
    let config = CheckId::named("config");
    run.result.checks.iter().any(|check| Some(check.id) == config && check.extra.contains_key("keys"))
}

fn named(path: &Path, start: &str) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(start))
}
