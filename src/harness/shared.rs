//! Which model types both libraries have: what `mlxport check twin --all` runs over.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Lists the model types with a file in mlx-lm's models folder and a config class in transformers, sorted. Read from
/// the sources: nothing is imported.
pub fn model_types(mlx_lm: &Path, transformers: &Path) -> Vec<String> {
    let ports = stems(&mlx_lm.join("mlx_lm/models"));
    let mut types = BTreeSet::new();
    for folder in entries(&transformers.join("models")) {
        let configurations = entries(&folder).into_iter().filter(|path| {
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("configuration_"))
        });
        for file in configurations {
            types.extend(fs::read_to_string(file).unwrap_or_default().lines().filter_map(declared));
        }
    }
    types.into_iter().filter(|name| ports.contains(name)).collect()
}

/// Reads `model_type = "x"` as a class declares it.
fn declared(line: &str) -> Option<String> {
    let value = line.trim().strip_prefix("model_type")?.trim_start();
    let value = value.strip_prefix(": str").unwrap_or(value).trim_start().strip_prefix('=')?.trim();
    let name = value.strip_prefix('"')?.split('"').next()?;
    Some(name.to_string())
}

fn stems(folder: &Path) -> BTreeSet<String> {
    entries(folder)
        .into_iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "py"))
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_string()))
        .collect()
}

fn entries(folder: &Path) -> Vec<std::path::PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    entries.filter_map(Result::ok).map(|entry| entry.path()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_declared_type_is_read_in_either_spelling() {
        let lines = ["    model_type = \"arcee\"", "    model_type: str = \"qwen3\"", "    model_types = 3"];
        let found: Vec<_> = lines.into_iter().filter_map(declared).collect();
        assert_eq!(found, ["arcee", "qwen3"]);
    }
}
