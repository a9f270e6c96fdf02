//! Which keys of the config a file reads, and where: `config.x`, `self.args.x`, `getattr(config, "x")`, `config.x["y"]`,
//! `args.x.get("y")`, and `self.x` in a class of fields (ModelArgs, a config class).

use tree_sitter::Node;

use super::data::{KeyRead, SourceDoc, Symbol};

/// Finds every read of a key. A key is found by its last name too: `rope_theta` in `rope_parameters.rope_theta`.
pub fn reads_of<'a>(doc: &'a SourceDoc, key: &str) -> Vec<&'a KeyRead> {
    let exact: Vec<_> = doc.reads.iter().filter(|read| read.key == key).collect();
    if !exact.is_empty() {
        return exact;
    }
    let last = key.rsplit('.').next().unwrap_or(key);
    let by_last: Vec<_> = doc.reads.iter().filter(|read| read.key.rsplit('.').next() == Some(last)).collect();
    if !by_last.is_empty() {
        return by_last;
    }
    // A block that is read whole, such as `rope_scaling` handed to a helper, reads its keys.
    let parent = key.rsplit_once('.').map_or("", |(parent, _)| parent);
    doc.reads.iter().filter(|read| !parent.is_empty() && read.key == parent).collect()
}

/// Gives the fields of the file's config class with their defaults as written.
pub fn class_defaults(doc: &SourceDoc) -> Vec<(String, String)> {
    let classes = doc.classes().filter(|class| is_config(class));
    classes
        .flat_map(|class| &class.fields)
        .filter_map(|field| Some((field.name.clone(), field.default.clone()?)))
        .collect()
}

pub(super) fn is_config(class: &Symbol) -> bool {
    class.name.ends_with("Args") || class.name.ends_with("Config")
}

pub(super) fn reads(root: Node<'_>, doc: &SourceDoc) -> Vec<KeyRead> {
    let mut found: Vec<KeyRead> = Vec::new();
    for class in doc.classes().filter(|class| is_config(class)) {
        found.extend(class.fields.iter().map(|field| KeyRead { key: field.name.clone(), line: field.line }));
    }
    let mut cursor = root.walk();
    'tree: loop {
        let node = cursor.node();
        let key = match node.kind() {
            "attribute" => attribute(node, doc),
            "call" => by_getattr(node, &doc.text),
            _ => None,
        };
        if let Some(key) = key {
            let line = node.start_position().row as u32 + 1;
            found.push(KeyRead { key: nested(node, key, &doc.text), line });
        }
        if cursor.goto_first_child() {
            continue;
        }
        while !cursor.goto_next_sibling() {
            if !cursor.goto_parent() {
                break 'tree;
            }
        }
    }
    found.sort_by_key(|read| read.line);
    found.dedup();
    found
}

fn attribute(node: Node<'_>, doc: &SourceDoc) -> Option<String> {
    let object = node.child_by_field_name("object")?;
    let name = &doc.text[node.child_by_field_name("attribute")?.byte_range()];
    let object = &doc.text[object.byte_range()];
    if object == "self" {
        let line = node.start_position().row as u32 + 1;
        let mut around = doc.classes().filter(|class| class.first <= line && line <= class.last);
        let field =
            around.any(|class| is_config(class) && class.fields.iter().any(|field| field.name == name));
        return field.then(|| name.to_string());
    }
    (is_config_name(object) && !is_method(name) && !is_config_name(name)).then(|| name.to_string())
}

fn is_config_name(object: &str) -> bool {
    let last = object.rsplit('.').next().unwrap_or(object);
    object.len() < 60
        && matches!(last, "config" | "args" | "cfg" | "text_config" | "text_args" | "model_args")
}

fn is_method(name: &str) -> bool {
    name.starts_with("__")
        || matches!(name, "from_dict" | "to_dict" | "get_text_config" | "update" | "items" | "get")
}

fn by_getattr(call: Node<'_>, text: &str) -> Option<String> {
    let function = call.child_by_field_name("function")?;
    let arguments = call.child_by_field_name("arguments")?;
    let (object, key) = match &text[function.byte_range()] {
        "getattr" | "hasattr" => (&text[arguments.named_child(0)?.byte_range()], arguments.named_child(1)?),
        shown => (shown.strip_suffix(".get")?, arguments.named_child(0)?),
    };
    is_config_name(object).then(|| literal(key, text)).flatten()
}

/// Adds the keys that follow: `["y"]` and `.get("y")`.
fn nested(node: Node<'_>, mut key: String, text: &str) -> String {
    let mut at = node;
    while let Some(parent) = at.parent() {
        let next = match parent.kind() {
            "subscript" if parent.child_by_field_name("value") == Some(at) => {
                parent.child_by_field_name("subscript").and_then(|inner| literal(inner, text))
            }
            "attribute" if parent.child_by_field_name("object") == Some(at) => {
                let call = parent.parent().filter(|call| call.kind() == "call");
                let get = parent.child_by_field_name("attribute").map(|name| &text[name.byte_range()]);
                let first = call
                    .filter(|_| get == Some("get"))
                    .and_then(|call| call.child_by_field_name("arguments")?.named_child(0));
                first.and_then(|inner| literal(inner, text))
            }
            _ => None,
        };
        let Some(next) = next else { break };
        key = format!("{key}.{next}");
        at = if parent.kind() == "attribute" { parent.parent().unwrap_or(parent) } else { parent };
    }
    key
}

fn literal(node: Node<'_>, text: &str) -> Option<String> {
    if node.kind() != "string" {
        return None;
    }
    let shown = text[node.byte_range()].trim_matches(['"', '\'']);
    (!shown.is_empty() && shown.chars().all(|c| c.is_alphanumeric() || c == '_')).then(|| shown.to_string())
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    #[test]
    fn every_way_of_reading_a_key_is_found() {
        let text = "\
class ModelArgs(BaseModelArgs):
    hidden_size: int
    rope_scaling: dict = None
    def __post_init__(self):
        if self.rope_scaling.get(\"type\"):
            self.other = 1

class A(nn.Module):
    def __init__(self, config):
        self.eps = config.rms_norm_eps
        self.dim = getattr(config, \"head_dim\", None)
        base = self.config.rope_parameters[\"rope_theta\"]
        self.config.to_dict()
        self.hidden_size = 3
";
        let doc = parse("a.py", text);
        let shown: Vec<_> = doc.reads.iter().map(|read| (read.key.as_str(), read.line)).collect();
        let own = [
            ("hidden_size", 2),
            ("rope_scaling", 3),
            ("rope_scaling.type", 5),
            ("rms_norm_eps", 10),
            ("head_dim", 11),
            ("rope_parameters.rope_theta", 12),
        ];
        assert_eq!(shown, own);
        let lines = |key: &str| reads_of(&doc, key).iter().map(|read| read.line).collect::<Vec<_>>();
        assert_eq!(lines("rope_theta"), [12]);
        assert_eq!(lines("text_config.hidden_size"), [2]);
        assert_eq!(lines("rope_scaling.factor"), [3]);
        assert_eq!(lines("vocab_size"), [] as [u32; 0]);
        assert_eq!(class_defaults(&doc), [("rope_scaling".to_string(), "None".to_string())]);
    }
}
