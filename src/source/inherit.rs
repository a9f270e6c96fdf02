//! Where a class of `modular_*.py` comes from: `class ArceeMLP(NemotronMLP): pass` is read in the file that has
//! NemotronMLP, by following the imports as text. Nothing is imported.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::data::{Inherited, SourceDoc, Symbol, SymbolKind};

/// Follows the bases of every class of a modular file that come from another model; PreTrainedConfig and the like do not
/// count. `open` gives a file of transformers, parsed; a base whose file it
/// does not give is left out.
pub fn inherited(doc: &SourceDoc, open: &dyn Fn(&Path) -> Option<Arc<SourceDoc>>) -> Vec<Inherited> {
    let mut found = Vec::new();
    for class in doc.classes() {
        for base in &class.bases {
            found.extend(follow(doc, class, base, open));
        }
    }
    found
}

fn follow(
    doc: &SourceDoc,
    class: &Symbol,
    base: &str,
    open: &dyn Fn(&Path) -> Option<Arc<SourceDoc>>,
) -> Option<Inherited> {
    let import = doc.imports.iter().find(|import| import.alias == base)?;
    let model = model_of(&import.module)?;
    let file = module_file(&doc.path, &import.module)?;
    let there = open(&file)?;
    let symbol = there.symbol(&import.name)?;
    let methods = doc.symbols.iter().filter(|symbol| symbol.kind == SymbolKind::Method);
    let own = methods.filter(|method| method.path == format!("{}.{}", class.path, method.name));
    Some(Inherited {
        class: class.path.clone(),
        line: class.line,
        base: import.name.clone(),
        model,
        base_line: symbol.line,
        children: brings(symbol),
        overrides: own.map(|method| method.name.clone()).collect(),
        empty: class.empty,
        file,
    })
}

/// What a class gives itself that computes: modules and activations, not sizes.
fn brings(class: &Symbol) -> Vec<String> {
    let computes = |name: &str| matches!(name, "act" | "act_fn" | "activation" | "activation_fn");
    let children = class.children.iter().filter(|child| !child.classes.is_empty() || computes(&child.name));
    children.map(|child| child.name.clone()).collect()
}

/// Gives the file of a relative import: `..nemotron.modeling_nemotron` beside `arcee/modular_arcee.py`.
pub(super) fn module_file(from: &Path, module: &str) -> Option<PathBuf> {
    let rest = module.trim_start_matches('.');
    let up = module.len() - rest.len();
    let mut folder = from.parent()?;
    for _ in 1..up {
        folder = folder.parent()?;
    }
    let mut file = folder.to_path_buf();
    for part in rest.split('.').filter(|part| !part.is_empty()) {
        file.push(part);
    }
    (up > 0 && !rest.is_empty()).then(|| file.with_extension("py"))
}

/// Gives the model of a module name: `nemotron` of `..nemotron.modeling_nemotron`.
pub(super) fn model_of(module: &str) -> Option<String> {
    let mut parts = module.trim_start_matches('.').split('.');
    let (model, file) = (parts.next()?, parts.next()?);
    let kind = file.split('_').next()?;
    (module.starts_with("..")
        && !module.starts_with("...")
        && matches!(kind, "modeling" | "configuration" | "modular"))
    .then(|| model.to_string())
}
