//! Takes files to the rules with all that lies around them: the checkout, the nearest accepted ports, the configs.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::data::Linted;
use super::error::LintError;
use super::read::{self, Loaded};
use super::rules;
use super::subject::{Peer, Subject, Wanted};
use crate::hub::data::{Config, Keys};
use crate::source::data::SourceDoc;
use crate::source::{self, syntax};

/// How many of the nearest ports a model is compared with.
const NEAREST: usize = 3;

/// What is the same for all files of a run.
#[derive(Default)]
pub struct Linter {
    configs: Vec<Config>,
    /// The `transformers` package.
    transformers: Option<PathBuf>,
    /// The accepted ports of each `mlx_lm/models` seen so far.
    ports: HashMap<PathBuf, Vec<Arc<SourceDoc>>>,
}

impl Linter {
    /// Takes the architecture's configs and the `transformers` package; either may be missing, and fewer rules judge.
    pub fn new(configs: Vec<Config>, transformers: Option<PathBuf>) -> Self {
        Self { configs, transformers, ports: HashMap::new() }
    }

    /// Reads a file and what lies around it. A file that is no text is judged already.
    pub fn open(&mut self, path: &Path) -> Result<Result<Subject, Linted>, LintError> {
        match read::read(path)? {
            Loaded::Text(text) => Ok(Ok(self.subject(path, &text))),
            Loaded::NotText(error) => Ok(Err(super::not_text(path, &error))),
        }
    }

    /// Makes the subject of a text that stands, or will stand, at a path.
    pub fn subject(&mut self, path: &Path, text: &str) -> Subject {
        let mut subject = Subject::new(path, text);
        subject.around = read::around(path);
        subject.wanted = self.wanted(&subject);
        subject.peers = self.peers(&subject);
        subject
    }

    fn wanted(&self, subject: &Subject) -> Wanted {
        let stem = subject.stem();
        let model_type = self.configs.iter().find_map(|config| config.model_type.clone()).unwrap_or(stem);
        let models = self.transformers.as_ref().map(|package| package.join("models"));
        let files = models.and_then(|models| source::reference_files(&models, &model_type).ok());
        let defaults = files
            .and_then(|files| files.configuration)
            .and_then(|path| std::fs::read_to_string(path).ok())
            .map(|text| defaults(&text, &model_type));
        Wanted { model_type: None, configs: self.configs.clone(), defaults }
    }

    fn peers(&mut self, subject: &Subject) -> Vec<Peer> {
        let Some(models) = subject.around.models.clone().filter(|_| subject.model().is_some()) else {
            return Vec::new();
        };
        let ports =
            self.ports.entry(models).or_insert_with_key(|models| source::ports(models).unwrap_or_default());
        let doc = source::parse(&subject.path, subject.syntax.text());
        let near = source::nearest(&doc, None, ports).into_iter().take(NEAREST);
        near.filter_map(|near| {
            ports.iter().find(|port| port.path == near.path).map(|port| peer(near.name, port))
        })
        .collect()
    }
}

fn peer(name: String, port: &SourceDoc) -> Peer {
    let offers = rules::OFFERS.into_iter().filter(|offer| port.symbol(&format!("Model.{offer}")).is_some());
    Peer { name, methods: offers.map(str::to_string).collect::<BTreeSet<_>>() }
}

/// What the config class of a model type gives by itself.
fn defaults(text: &str, model_type: &str) -> Keys {
    let tree = syntax::read(text);
    let named = |class: &syntax::Class<'_>| {
        class.fields().any(|(name, _, default)| {
            name == "model_type"
                && default.is_some_and(|node| node.text().trim_matches(['"', '\'']) == model_type)
        })
    };
    let own: Vec<_> = tree.classes().filter(named).collect();
    let fields = own.iter().flat_map(|class| class.fields().collect::<Vec<_>>());
    fields.filter_map(|(name, _, default)| Some((name.to_string(), rules::literal(default?)?))).collect()
}
