//! Which accepted mlx-lm ports are nearest to a reference, with reasons: the models its modular file inherits from, the
//! attributes its classes share with the port's, the config keys both read.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use super::data::{Near, SourceDoc, Symbol};
use super::inherit::model_of;
use super::pair::role;
use super::{SourceError, load};

/// Ranks ports against a reference, nearest first; the port of the same name is left out, it is what is being made.
pub fn nearest(modeling: &SourceDoc, modular: Option<&SourceDoc>, ports: &[Arc<SourceDoc>]) -> Vec<Near> {
    let parents = modular.map(parents).unwrap_or_default();
    let own = model_name(modeling);
    let ours = Profile::of(modeling);
    let mut ranked: Vec<Near> = ports
        .iter()
        .filter(|port| !is_own(&stem(&port.path), &own) && super::top_class(port).is_some())
        .map(|port| rank(&ours, &parents, port))
        .collect();
    ranked.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.name.cmp(&b.name)));
    ranked
}

/// Reads every port of `mlx_lm/models`. Files that cannot be read are left out: the list is advice.
pub fn ports(models: &Path) -> Result<Vec<Arc<SourceDoc>>, SourceError> {
    let failed = |source| SourceError::Read { path: models.to_path_buf(), source };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(models).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|end| end == "py") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths.iter().filter_map(|path| load(path).ok()).map(|loaded| loaded.doc).collect())
}

/// What a file is made of, for comparison.
struct Profile {
    /// The modules of each role: the MLP has up_proj, down_proj.
    parts: BTreeMap<&'static str, BTreeSet<String>>,
    keys: BTreeSet<String>,
}

impl Profile {
    fn of(doc: &SourceDoc) -> Self {
        let mut parts: BTreeMap<&'static str, BTreeSet<String>> = BTreeMap::new();
        for class in doc.classes() {
            if let Some(role) = role(&class.name).filter(|role| {
                matches!(
                    *role,
                    "attention" | "the MLP" | "a layer" | "the mixture of experts" | "the stack of layers"
                )
            }) {
                parts.entry(role).or_default().extend(module_names(class));
            }
        }
        parts.retain(|_, names| !names.is_empty());
        let keys = doc.reads.iter().map(|read| key_name(&read.key)).filter(|key| !is_plumbing(key)).collect();
        Self { parts, keys }
    }
}

fn rank(ours: &Profile, parents: &BTreeMap<String, Vec<String>>, port: &SourceDoc) -> Near {
    let theirs = Profile::of(port);
    let name = stem(&port.path);
    let mut reasons = Vec::new();
    let total: usize = parents.values().map(Vec::len).sum();
    let inherits = parents.get(&name).map(|classes| {
        reasons.push(format!("modular parent of {}", classes.join(", ")));
        0.5 + 0.5 * classes.len() as f32 / total as f32
    });
    let (mut parts, mut same) = (Vec::new(), Vec::new());
    for role in ours.parts.keys().chain(theirs.parts.keys()).collect::<BTreeSet<_>>() {
        let empty = BTreeSet::new();
        let (a, b) = (ours.parts.get(role).unwrap_or(&empty), theirs.parts.get(role).unwrap_or(&empty));
        parts.push(jaccard(a, b));
        match difference(role, a, b) {
            Some(reason) => reasons.push(reason),
            None => same.push(*role),
        }
    }
    if !same.is_empty() {
        reasons.push(format!("the same modules in {}", same.join(", ")));
    }
    let parts = if parts.is_empty() { 0.0 } else { parts.iter().sum::<f32>() / parts.len() as f32 };
    let keys = jaccard(&ours.keys, &theirs.keys);
    reasons.push(format!(
        "{} of {} config keys shared",
        ours.keys.intersection(&theirs.keys).count(),
        ours.keys.len()
    ));
    let likeness = 0.65 * parts + 0.35 * keys;
    let score = match (parents.is_empty(), inherits) {
        (true, _) => likeness,
        (false, inherits) => 0.35 * inherits.unwrap_or(0.0) + 0.65 * likeness,
    };
    Near { name, path: port.path.clone(), score, reasons }
}

fn difference(role: &str, ours: &BTreeSet<String>, theirs: &BTreeSet<String>) -> Option<String> {
    let words = |names: Vec<&String>| names.into_iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    match (ours.is_empty(), theirs.is_empty()) {
        (true, _) => return Some(format!("{role} only in the port")),
        (_, true) => return Some(format!("{role} only in the reference")),
        _ => {}
    }
    let less: Vec<_> = ours.difference(theirs).collect();
    let more: Vec<_> = theirs.difference(ours).collect();
    match (less.is_empty(), more.is_empty()) {
        (true, true) => None,
        (false, true) => Some(format!("{role}: without {}", words(less))),
        (true, false) => Some(format!("{role}: also {}", words(more))),
        (false, false) => Some(format!("{role}: without {}, also {}", words(less), words(more))),
    }
}

/// The models that a modular file inherits from, and for which classes. Classes that no language model uses do not count.
fn parents(modular: &SourceDoc) -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for class in modular.classes() {
        // The same base for everyone says little; what another task needs says nothing.
        let plumbing = class.name.ends_with("Config") || class.name.ends_with("PreTrainedModel");
        let other_task = plumbing || (class.name.contains("For") && !class.name.ends_with("ForCausalLM"));
        for base in class.bases.iter().filter(|_| !other_task) {
            let import = modular.imports.iter().find(|import| import.alias == *base);
            if let Some(model) = import.and_then(|import| model_of(&import.module)) {
                found.entry(model).or_default().push(class.name.clone());
            }
        }
    }
    found
}

fn module_names(class: &Symbol) -> impl Iterator<Item = String> {
    class
        .children
        .iter()
        .filter(|child| !child.classes.is_empty())
        .map(|child| match child.name.as_str() {
            "switch_mlp" => "experts".to_string(),
            "rotary_emb" => "rope".to_string(),
            name => name.to_string(),
        })
        .filter(|name| !matches!(name.as_str(), "act_fn" | "rope" | "activation"))
}

fn key_name(key: &str) -> String {
    let key = key.split('.').next().unwrap_or(key);
    // transformers 5 renamed the first two; a port that reads the old name reads the same thing.
    match key {
        "rope_theta" | "rope_scaling" => "rope_parameters".into(),
        key => key.into(),
    }
}

fn is_plumbing(key: &str) -> bool {
    key.starts_with('_')
        || matches!(
            key,
            "model_type"
                | "vocab_size"
                | "pad_token_id"
                | "use_cache"
                | "attention_dropout"
                | "rope_traditional"
                | "initializer_range"
                | "num_labels"
                | "problem_type"
                | "output_attentions"
                | "output_hidden_states"
                | "return_dict"
        )
}

fn jaccard(a: &BTreeSet<String>, b: &BTreeSet<String>) -> f32 {
    let both = a.intersection(b).count() as f32;
    let all = a.union(b).count() as f32;
    if all > 0.0 { both / all } else { 0.0 }
}

/// The text model of a family has the family's reference.
fn is_own(port: &str, own: &str) -> bool {
    port.strip_prefix(own).is_some_and(|rest| rest.is_empty() || rest == "_text")
}

fn model_name(modeling: &SourceDoc) -> String {
    let stem = stem(&modeling.path);
    stem.strip_prefix("modeling_").unwrap_or(&stem).to_string()
}

fn stem(path: &Path) -> String {
    path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}
