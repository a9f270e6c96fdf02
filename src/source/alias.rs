//! Whether a model type needs a port at all: mlx-lm may send it to a module it has, or its reference may change nothing of a
//! model that mlx-lm has. Read as text; nothing is imported.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use tree_sitter::{Node, Parser};

use super::data::{Inherited, Remap, SourceDoc, Standin, Symbol, SymbolKind};
use super::{SourceError, inherited, load, nearest, ports, reference_files};

/// At least so alike, 0 to 1, and a look at the port before writing another pays.
const ALIKE: f32 = 0.93;

/// Reads the tables by which mlx-lm sends a model type to another's module, from the text of `mlx_lm/utils.py`.
pub fn remappings(text: &str) -> Vec<Remap> {
    let mut parser = Parser::new();
    if parser.set_language(&tree_sitter_python::LANGUAGE.into()).is_err() {
        return Vec::new();
    }
    let Some(tree) = parser.parse(text, None) else { return Vec::new() };
    let root = tree.root_node();
    let mut cursor = root.walk();
    let tables: Vec<Node<'_>> = root
        .named_children(&mut cursor)
        .filter_map(|statement| statement.named_child(0).filter(|node| node.kind() == "assignment"))
        .filter(|node| {
            let name = node.child_by_field_name("left").map(|left| &text[left.byte_range()]);
            matches!(name, Some("MODEL_REMAPPING" | "MODEL_ARCHITECTURE_REMAPPING"))
        })
        .filter_map(|node| node.child_by_field_name("right").filter(|node| node.kind() == "dictionary"))
        .collect();
    let mut found = Vec::new();
    for table in tables {
        let mut cursor = table.walk();
        for pair in table.named_children(&mut cursor).filter(|node| node.kind() == "pair") {
            let side =
                |name| pair.child_by_field_name(name).map(|node| strings(node, text)).unwrap_or_default();
            let (key, value) = (side("key"), side("value"));
            if let ([from, class @ ..], [to]) = (key.as_slice(), value.as_slice()) {
                let line = pair.start_position().row as u32 + 1;
                found.push(Remap { from: from.clone(), class: class.first().cloned(), to: to.clone(), line });
            }
        }
    }
    found
}

/// Finds what stands in for a port already: a remapping, an unchanged parent, a port of the same structure. `mlx_lm` is the
/// package's folder, `models` transformers' folder of models. A reference that cannot be found only shortens the list.
pub fn standins(mlx_lm: &Path, models: &Path, model_type: &str) -> Result<Vec<Standin>, SourceError> {
    let utils = mlx_lm.join("utils.py");
    let text = load(&utils)?.doc.text.clone();
    let remaps = remappings(&text);
    let mut found: Vec<Standin> = remaps
        .iter()
        .filter(|remap| remap.from == model_type)
        .map(|remap| Standin::Remapped(remap.clone()))
        .collect();
    let Ok(files) = reference_files(models, model_type) else { return Ok(found) };
    let modular = files.modular.as_deref().and_then(|path| load(path).ok()).map(|loaded| loaded.doc);
    let ported = ports(&mlx_lm.join("models"))?;
    let has = |name: &str| {
        let target = remaps.iter().find(|remap| remap.from == name).map_or(name, |remap| &remap.to);
        ported.iter().any(|port| port.path.file_stem().is_some_and(|stem| stem.to_string_lossy() == target))
    };
    if let Some(doc) = &modular
        && let Some((parent, classes)) = unchanged(doc)
    {
        found.push(Standin::Unchanged { ported: has(&parent), parent, classes });
    }
    let modeling = load(&files.modeling)?.doc;
    let near = nearest(&modeling, modular.as_deref(), &ported);
    found.extend(near.into_iter().take_while(|near| near.score >= ALIKE).take(3).map(Standin::Alike));
    Ok(found)
}

/// Gives the one model that a modular file takes everything from, and the classes it takes; none where anything that computes
/// is its own.
fn unchanged(doc: &SourceDoc) -> Option<(String, Vec<String>)> {
    let mut opened: BTreeMap<_, Arc<SourceDoc>> = BTreeMap::new();
    for import in &doc.imports {
        if let Some(file) = super::inherit::module_file(&doc.path, &import.module)
            && let Ok(loaded) = load(&file)
        {
            opened.insert(file, loaded.doc);
        }
    }
    let parents: Vec<Inherited> = inherited(doc, &|path| opened.get(path).cloned());
    let mut models = BTreeSet::new();
    let mut classes = Vec::new();
    for class in doc.classes().filter(|class| computes(class)) {
        let parent = parents.iter().find(|parent| parent.class == class.path)?;
        let own_forward = parent.overrides.iter().any(|method| method == "forward");
        let only_passes_on = own_forward && parent.overrides.len() == 1 && passes_on(doc, class);
        if !(parent.empty || parent.overrides.is_empty() && class.children.is_empty() || only_passes_on) {
            return None;
        }
        models.insert(parent.model.clone());
        classes.push(class.name.clone());
    }
    let model = models.pop_first()?;
    models.is_empty().then_some((model, classes))
}

/// Configs only name keys; heads of other tasks are not ported.
fn computes(class: &Symbol) -> bool {
    let plumbing = ["Config", "PreTrainedModel", "Tokenizer", "TokenizerFast", "Output", "OutputWithPast"];
    !plumbing.iter().any(|end| class.name.ends_with(end))
        && (!class.name.contains("For") || class.name.ends_with("ForCausalLM"))
}

/// A forward that is written only for its docstring: `return super().forward(**kwargs)`.
fn passes_on(doc: &SourceDoc, class: &Symbol) -> bool {
    let path = format!("{}.forward", class.path);
    let Some(method) = doc.symbols.iter().find(|one| one.kind == SymbolKind::Method && one.path == path)
    else {
        return false;
    };
    let body: String = (method.line..=method.last)
        .map(|line| doc.line(line))
        .fold(String::new(), |text, line| text + line + "\n");
    let body = body.replace("r\"\"\"", "\"\"\"");
    // What is outside triple quotes: the even pieces.
    let code: String = body.split("\"\"\"").step_by(2).collect();
    let after =
        code.split_once("):").or_else(|| code.split_once(":\n")).map_or(code.as_str(), |(_, rest)| rest);
    let after = after
        .split_once(":\n")
        .filter(|(head, _)| head.trim_start().starts_with("->"))
        .map_or(after, |(_, rest)| rest);
    after.trim_start().starts_with("return super().forward(")
}

/// The texts of a string, or of a tuple of strings.
fn strings(node: Node<'_>, text: &str) -> Vec<String> {
    let one = |node: Node<'_>| {
        (node.kind() == "string").then(|| text[node.byte_range()].trim_matches(['"', '\'']).to_string())
    };
    if node.kind() == "tuple" {
        let mut cursor = node.walk();
        return node.named_children(&mut cursor).filter_map(one).collect();
    }
    one(node).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const UTILS: &str = "\
import x
MODEL_REMAPPING = {
    \"mistral\": \"llama\",
    'kimi_k2': \"deepseek_v3\",  # a comment
    **other,
    \"computed\": name(),
}
OTHER = {\"a\": \"b\"}
MODEL_ARCHITECTURE_REMAPPING = {
    (\"bailing_hybrid\", \"BailingMoeV3ForCausalLM\"): \"bailing_moe_v3\",
}
def f():
    MODEL_REMAPPING = {\"no\": \"no\"}
";

    #[test]
    fn the_tables_of_mlx_lm_are_read_with_their_lines() {
        let shown: Vec<String> = remappings(UTILS)
            .into_iter()
            .map(|one| format!("{}:{} {:?} -> {}", one.line, one.from, one.class, one.to))
            .collect();
        let wanted = [
            "3:mistral None -> llama",
            "4:kimi_k2 None -> deepseek_v3",
            "10:bailing_hybrid Some(\"BailingMoeV3ForCausalLM\") -> bailing_moe_v3",
        ];
        assert_eq!(shown, wanted);
        assert_eq!(remappings("MODEL_REMAPPING = make()\n"), []);
        assert_eq!(remappings("MODEL_REMAPPING = {"), []);
    }

    #[test]
    fn a_model_that_changes_nothing_of_another_is_told_from_one_that_does() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            crate::util::fs::write_atomic(&path, text.as_bytes()).expect("written");
            path
        };
        write(
            "a/modeling_a.py",
            "class AAttention(nn.Module):\n    def forward(self, x):\n        return x\nclass AForCausalLM(nn.Module):\n    \
             def forward(self, x):\n        return x\n",
        );
        let head = "from ..a.modeling_a import AAttention, AForCausalLM\nclass BConfig(AConfig):\n    x: int = 1\n\
                    class BForSequenceClassification(Q):\n    y = 1\n";
        let same = "class BAttention(AAttention):\n    pass\nclass BForCausalLM(AForCausalLM):\n    def forward(\n        self,\n        \
                    **kwargs,\n    ) -> X:\n        r\"\"\"\n        Example: forward(x)\n        \"\"\"\n        return super().forward(**kwargs)\n";
        let own = "class BAttention(AAttention):\n    def __init__(self, config):\n        self.q_norm = N(config)\n\
                   class BForCausalLM(AForCausalLM):\n    pass\n";
        let read = |name: &str, text: &str| {
            let path = write(&format!("b/{name}.py"), &format!("{head}{text}"));
            unchanged(&load(&path).expect("a file").doc)
        };
        let classes = vec!["BAttention".to_string(), "BForCausalLM".to_string()];
        assert_eq!(read("same", same), Some(("a".to_string(), classes)));
        assert_eq!(read("own", own), None);
        assert_eq!(
            read("new", "class BMLP(nn.Module):\n    def forward(self, x):\n        return x\n"),
            None
        );
    }
}
