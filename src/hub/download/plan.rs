//! Which files of a repository mlx-lm and transformers need.

use std::path::{Component, Path};

use super::error::DownloadError;
use crate::hub::data::{RepoFile, RepoId};

/// The files that are fetched, and those that are not, with the reason.
#[derive(Debug)]
pub(super) struct Choice {
    pub files: Vec<RepoFile>,
    pub left_out: Vec<(String, String)>,
}

/// Chooses as mlx-lm does, without code: that is for the person to read first.
pub(super) fn choose(repo: &RepoId, all: Vec<RepoFile>) -> Result<Choice, DownloadError> {
    let mut choice = Choice { files: Vec::new(), left_out: Vec::new() };
    for file in all {
        match verdict(&file.path) {
            Ok(()) if leaves(&file.path) => {
                return Err(DownloadError::BadPath { repo: repo.clone(), path: file.path });
            }
            Ok(()) => choice.files.push(file),
            Err(why) => choice.left_out.push((file.path, why.to_string())),
        }
    }
    if choice.files.iter().any(|file| is_weights(&file.path)) {
        return Ok(choice);
    }
    let kinds = [
        (".gguf", "GGUF files"),
        (".bin", "PyTorch .bin files"),
        (".pth", "PyTorch .pth files"),
        (".onnx", "ONNX files"),
    ];
    let found = kinds.iter().find(|(end, _)| choice.left_out.iter().any(|(path, _)| path.ends_with(end)));
    let found = found.map_or("no weights at all", |(_, kind)| kind);
    Err(DownloadError::NoWeights { repo: repo.clone(), found: format!("it has {found}") })
}

/// Tells whether a file holds tensors that are loaded.
pub(super) fn is_weights(path: &str) -> bool {
    path.ends_with(".safetensors") && verdict(path).is_ok()
}

fn verdict(path: &str) -> Result<(), &'static str> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let nested = path.contains('/');
    if name.ends_with(".py") {
        return Err("code of the repository: read and accept it first");
    }
    if nested {
        return Err("in a subfolder: neither mlx-lm nor transformers reads it");
    }
    if name.ends_with(".safetensors") {
        return match name.starts_with("model") {
            true => Ok(()),
            false => Err("weights under another name than model*.safetensors: mlx-lm reads only those"),
        };
    }
    let ends = [".json", ".jsonl", ".txt", ".jinja", ".tiktoken", "tokenizer.model", ".md"];
    match ends.iter().any(|end| name.ends_with(end)) || name == "LICENSE" {
        true => Ok(()),
        false => Err("neither mlx-lm nor transformers needs it"),
    }
}

/// A repository's paths are untrusted.
fn leaves(path: &str) -> bool {
    let normal = |part: Component<'_>| matches!(part, Component::Normal(_));
    path.is_empty() || path.contains('\\') || path.contains('\0') || !Path::new(path).components().all(normal)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(paths: &[&str]) -> Vec<RepoFile> {
        let file = |path: &&str| RepoFile { path: path.to_string(), size: 1, oid: "a".into(), sha256: None };
        paths.iter().map(file).collect()
    }

    #[test]
    fn what_is_needed_is_taken_and_the_rest_has_a_reason() {
        let repo = RepoId::parse("o/n").expect("a name");
        let all = files(&[
            "config.json",
            "model-00001-of-00002.safetensors",
            "model.safetensors.index.json",
            "tokenizer.model",
            "chat_template.jinja",
            "modeling_x.py",
            "pytorch_model.bin",
            "original/consolidated.safetensors",
            "consolidated.safetensors",
        ]);
        let choice = choose(&repo, all).expect("weights");
        let taken: Vec<_> = choice.files.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(
            taken,
            [
                "config.json",
                "model-00001-of-00002.safetensors",
                "model.safetensors.index.json",
                "tokenizer.model",
                "chat_template.jinja"
            ]
        );
        assert_eq!(choice.left_out.len(), 4);
        assert!(choice.left_out[0].1.starts_with("code of the repository"));
    }

    #[test]
    fn a_repository_without_safetensors_says_what_it_has() {
        let repo = RepoId::parse("o/n").expect("a name");
        let error = choose(&repo, files(&["config.json", "pytorch_model.bin"])).expect_err("no safetensors");
        assert_eq!(error.to_string(), "o/n has no safetensors: it has PyTorch .bin files");
    }

    #[test]
    fn a_path_that_leaves_the_folder_is_refused() {
        for path in ["../model.safetensors", "/etc/x.json", "a\\..\\b.json", ""] {
            assert!(leaves(path), "{path}");
        }
        let repo = RepoId::parse("o/n").expect("a name");
        assert!(choose(&repo, files(&["..\\model.json"])).is_err());
    }
}
