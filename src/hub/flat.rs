//! Nested keys as dotted paths, and back from the values that a config class gives.

use std::collections::BTreeMap;

use super::data::{Json, Keys, Member};

/// Gives every key by its dotted path, blocks too.
pub fn flatten(root: &[Member]) -> BTreeMap<String, &Json> {
    let mut found = BTreeMap::new();
    let mut todo: Vec<(String, &[Member])> = vec![(String::new(), root)];
    while let Some((above, members)) = todo.pop() {
        for member in members {
            let path = join(&above, &member.key);
            if let Json::Object(inner) = &member.value {
                todo.push((path.clone(), inner));
            }
            found.insert(path, &member.value);
        }
    }
    found
}

/// Gives the values of an object by their dotted paths, without the blocks that hold others.
pub fn leaves(value: &Json) -> Keys {
    let Json::Object(root) = value else { return Keys::new() };
    let all = flatten(root).into_iter().filter(|(_, value)| !is_block(value));
    all.map(|(path, value)| (path, value.clone())).collect()
}

/// An object that holds something.
pub fn is_block(value: &Json) -> bool {
    matches!(value, Json::Object(members) if !members.is_empty())
}

/// A key that has a dot itself (module names in a quantization block) is bracketed, so that paths stay unique.
fn join(above: &str, key: &str) -> String {
    let key = if key.contains('.') || key.is_empty() { format!("[{key}]") } else { key.to_string() };
    if above.is_empty() { key } else { format!("{above}.{key}") }
}
