//! What discovery takes from several rooms: transformers' source for names of checkpoints and classes, and the radar for ports
//! that exist already. The command line and the pane use the same.

use std::path::PathBuf;

use crate::app::pane::configs::discover::Taken;
use crate::config::Settings;
use crate::hub::data::discover::{About, Finding, Note, Weight, age};
use crate::hub::discover::{Library, Looked, named_in};
use crate::hub::pulls::{self, pulls};
use crate::port::data::Duplicate;
use crate::port::{Workspace, duplicates};
use crate::source::data::Standin;
use crate::source::{standins, type_of_class};
use crate::util::blame::Report;
use crate::util::text::one_line;

/// transformers of the workspace, where there is one.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    workspace: Option<Workspace>,
}

impl Sources {
    /// Opens the workspace of the settings' data folder.
    pub fn of(settings: &Settings) -> Self {
        Self { workspace: Workspace::open(&settings.home.value) }
    }
}

impl Library for Sources {
    fn named(&self, model_type: &str) -> Vec<(String, String)> {
        let files = self
            .workspace
            .as_ref()
            .map(|workspace| workspace.reference_files(model_type))
            .unwrap_or_default();
        let mut found: Vec<(String, String)> = Vec::new();
        for path in files {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            for (id, file) in named_in(&name, &text) {
                if found.iter().all(|(known, _)| *known != id) {
                    found.push((id, file));
                }
            }
        }
        found
    }

    fn type_of(&self, class: &str) -> Option<String> {
        type_of_class(&self.workspace.as_ref()?.transformers_dir, class)
    }
}

/// Takes what the pane keeps of a look.
pub fn taken(looked: Looked) -> Taken {
    Taken {
        id: looked.repo.to_string(),
        config: looked.config,
        dtype: looked.dtype.map(|(dtype, key)| format!("{dtype} by {key}")),
        custom_code: looked.custom_code,
        fit: looked.fit,
    }
}

/// Where listings are kept between runs.
pub fn kept(settings: &Settings) -> PathBuf {
    settings.home.value.root().join("cache/discover")
}

/// Searches for ports of a model type that exist already: upstream's table and modules, models that it changes nothing of,
/// branches, open pull requests. What could not be searched is a finding too.
pub async fn radar(settings: &Settings, sources: &Sources, model_type: &str) -> Vec<Finding> {
    let mut found = Vec::new();
    match &sources.workspace {
        Some(workspace) => {
            let (workspace, wanted) = (workspace.clone(), model_type.to_string());
            let local = tokio::task::spawn_blocking(move || local(&workspace, &wanted)).await;
            found.extend(local.unwrap_or_default());
        }
        None => found
            .push(unsearched("mlx-lm was not searched: there is no workspace yet", "run `mlxport setup`")),
    }
    if settings.hf_offline.value {
        found.push(unsearched(
            "open pull requests were not searched: HF_HUB_OFFLINE is set",
            "unset it to search",
        ));
        return found;
    }
    let api = settings.github_api.value.as_deref().unwrap_or(pulls::GITHUB);
    match pulls(api, model_type).await {
        Ok(open) => found.extend(open.into_iter().map(|pull| {
            let text = format!(
                "open pull request #{} by {}: {} (updated {})",
                pull.number,
                pull.author,
                pull.title,
                day(&pull.updated)
            );
            finding(
                About::PullRequest,
                Weight::Warn,
                text,
                Some(format!("read {} before starting", pull.url)),
            )
        })),
        Err(error) => found.push(finding(About::Unsearched, Weight::Say, error.to_string(), None)),
    }
    found
}

fn local(workspace: &Workspace, model_type: &str) -> Vec<Finding> {
    let mut found = Vec::new();
    let (package, models) = (workspace.checkout.join("mlx_lm"), workspace.transformers_dir.join("models"));
    match standins(&package, &models, model_type) {
        Ok(standins) => {
            found.extend(standins.into_iter().filter_map(|standin| stands_in(standin, model_type)))
        }
        Err(error) => {
            let report = Report::from(&error);
            found.push(finding(About::Unsearched, Weight::Say, report.text, report.hint));
        }
    }
    match duplicates(&workspace.checkout, workspace.baseline.commit(), &workspace.branch, model_type) {
        Ok(duplicates) => found.extend(duplicates.into_iter().map(exists)),
        Err(error) => {
            let report = Report::from(&error);
            found.push(finding(About::Unsearched, Weight::Say, report.text, report.hint));
        }
    }
    found.sort_by_key(|finding| finding.about);
    found
}

fn stands_in(standin: Standin, model_type: &str) -> Option<Finding> {
    Some(match standin {
        Standin::Remapped(remap) => {
            let of = remap.class.as_ref().map(|class| format!(" with the class {class}")).unwrap_or_default();
            let text =
                format!("mlx_lm/utils.py:{} sends {model_type}{of} to the module {}", remap.line, remap.to);
            finding(
                About::Alias,
                Weight::Refuse,
                text,
                Some("it needs no port; check that the alias is right".into()),
            )
        }
        Standin::Unchanged { parent, classes, ported } => {
            let text =
                format!("only an alias: transformers takes {} unchanged from {parent}", classes.join(", "));
            let hint = match ported {
                true => format!("mlx-lm has {parent}: a line in MODEL_REMAPPING may be the whole port"),
                false => format!("mlx-lm has no {parent} either: port {parent}"),
            };
            finding(About::Alias, Weight::Warn, text, Some(hint))
        }
        Standin::Alike(near) => {
            let text =
                format!("{} is {:.0} % alike: {}", near.name, near.score * 100.0, near.reasons.join("; "));
            finding(
                About::Alike,
                Weight::Say,
                text,
                Some(format!("compare with mlx_lm/models/{}.py first", near.name)),
            )
        }
    })
}

fn exists(duplicate: Duplicate) -> Finding {
    let short = |commit: &str| commit.get(..9).unwrap_or(commit).to_string();
    match duplicate {
        Duplicate::Upstream { path, commit } => {
            let text = format!("mlx-lm has {path} already, at {}", short(&commit));
            finding(
                About::Module,
                Weight::Refuse,
                text,
                Some("read it: what is missing may be a change to it, not a port".into()),
            )
        }
        Duplicate::Branch { name, commit, subject, time } => {
            let old = u64::try_from(jiff::Timestamp::now().as_second() - time).unwrap_or(0);
            let text = format!(
                "branch {} has this module, at {} ({} ago): {}",
                one_line(&name),
                short(&commit),
                age(old),
                one_line(&subject)
            );
            finding(About::Branch, Weight::Warn, text, Some("look at it before starting another".into()))
        }
    }
}

fn unsearched(text: &str, hint: &str) -> Finding {
    finding(About::Unsearched, Weight::Say, text.into(), Some(hint.into()))
}

fn finding(about: About, weight: Weight, text: String, hint: Option<String>) -> Finding {
    Finding { about, note: Note { weight, text, hint } }
}

fn day(date: &str) -> &str {
    date.get(..10).unwrap_or(date)
}
