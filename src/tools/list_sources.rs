//! `list_sources`: the reference's files of this model type, the port, mlx-lm's models and its shared helpers.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use walkdir::WalkDir;

use super::args;
use super::def::{Class, Desk, Told, ToolDef, Work};
use super::error::ToolError;
use super::paths::{Roots, Writable};

pub const NAME: &str = "list_sources";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Args {}

pub const DEF: ToolDef = ToolDef {
    name: NAME,
    about: include_str!("../../prompts/tools/list_sources.md"),
    class: Class::Read,
    schema,
    check: |arguments, _| parse(arguments),
    work: Work::Read(read),
};

fn schema(_: &Writable) -> Value {
    json!({"type": "object", "properties": {}, "additionalProperties": false})
}

fn read(arguments: Value, desk: &Desk, _: &CancellationToken) -> Result<Told, ToolError> {
    parse(arguments)?;
    run((&desk.roots, &desk.writable), &desk.folders)
}

fn parse(arguments: Value) -> Result<(), ToolError> {
    args::typed::<Args>(NAME, arguments).map(|_| ())
}

fn run((roots, writable): (&Roots, &Writable), folders: &[PathBuf]) -> Result<(String, String), ToolError> {
    let mut text = String::from("Reference:\n");
    let mut count = 0;
    for (path, lines) in folders.iter().flat_map(|folder| python(folder)) {
        let _ = writeln!(text, "  {} ({lines} lines)", roots.name(&path));
        count += 1;
    }
    if count == 0 {
        text.push_str("  none: the installed transformers has no folder for this model type\n");
    }
    for (title, target) in [("Port", writable.port()), ("Tests", writable.tests())] {
        let state = match writable.read(roots, &target)? {
            Some(now) => format!("{} lines", now.lines().count()),
            None => "does not exist yet".into(),
        };
        let _ = writeln!(text, "{title}:\n  {} ({state})", target.path);
    }
    let folder = roots.checkout().join("mlx_lm/models");
    let (models, helpers): (Vec<_>, Vec<_>) =
        python(&folder).into_iter().partition(|(path, _)| defines_model(path));
    let _ = writeln!(text, "Shared helpers in mlx_lm/models:\n  {}", names(&helpers));
    let _ = writeln!(text, "Models in mlx_lm/models:\n  {}", names(&models));
    Ok((text, format!("list {count} reference files, {} models of mlx-lm", models.len())))
}

/// Finds the folders of a model type in the transformers package: by name, else by the config class that declares it
/// (`gemma3_text` lives in `gemma3`).
pub fn reference_folders(transformers: &Path, model_type: &str) -> Vec<PathBuf> {
    let models = transformers.join("models");
    let own = models.join(model_type.replace('-', "_"));
    if own.is_dir() {
        return vec![own];
    }
    let declared = [format!("model_type = \"{model_type}\""), format!("model_type: str = \"{model_type}\"")];
    let declares = |path: &Path| {
        std::fs::read_to_string(path).is_ok_and(|text| declared.iter().any(|line| text.contains(line)))
    };
    let mut found: Vec<PathBuf> = WalkDir::new(&models)
        .min_depth(2)
        .max_depth(2)
        .sort_by_file_name()
        .into_iter()
        .filter_map(Result::ok)
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("configuration_"))
        .filter(|entry| entry.file_type().is_file() && declares(entry.path()))
        .filter_map(|entry| entry.path().parent().map(Path::to_path_buf))
        .collect();
    found.dedup();
    found
}

fn python(folder: &Path) -> Vec<(PathBuf, usize)> {
    WalkDir::new(folder)
        .min_depth(1)
        .max_depth(1)
        .sort_by_file_name()
        .into_iter()
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_file())
        .map(walkdir::DirEntry::into_path)
        .filter(|path| path.extension().is_some_and(|end| end == "py"))
        .filter(|path| path.file_name().is_some_and(|name| name != "__init__.py"))
        .map(|path| {
            let lines = std::fs::read(&path).map_or(0, |bytes| bytes.iter().filter(|&&b| b == b'\n').count());
            (path, lines)
        })
        .collect()
}

fn defines_model(path: &Path) -> bool {
    std::fs::read_to_string(path).is_ok_and(|text| text.lines().any(|line| line.starts_with("class Model(")))
}

fn names(files: &[(PathBuf, usize)]) -> String {
    let stem =
        |(path, _): &(PathBuf, usize)| path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    files.iter().filter_map(stem).collect::<Vec<_>>().join(" ")
}
