//! Config files from local paths: a folder with config.json, or the file itself.

use std::io::Read;
use std::path::{Path, PathBuf};

use super::HubError;
use super::data::{Config, Json, Member};
use super::json::parse;
use super::syntax::JsonError;

/// Real configs are under 2 MB even with ten thousand labels.
const LARGEST: u64 = 4 << 20;
const MOST_KEYS: usize = 100_000;

/// Reads one config from a folder or a file.
pub fn read(path: &Path) -> Result<Config, HubError> {
    let file = config_file(path)?;
    let text = text(&file)?;
    let wrong = |error| HubError::Json { path: file.clone(), error };
    let root = match parse(&text).map_err(wrong)? {
        Json::Object(members) => members,
        other => return Err(wrong(JsonError::NotAnObject { found: kind(&other) })),
    };
    if count(&root) > MOST_KEYS {
        return Err(HubError::TooManyKeys { path: file, limit: MOST_KEYS });
    }
    let model_type = text_at(&root, "model_type");
    Ok(Config { name: name(&file, &root), path: file, model_type, root })
}

/// Reads several, and tells apart those of the same name.
pub fn read_all(paths: &[PathBuf]) -> Result<Vec<Config>, HubError> {
    let mut configs = paths.iter().map(|path| read(path)).collect::<Result<Vec<_>, _>>()?;
    tell_apart(&mut configs);
    Ok(configs)
}

/// Numbers configs of the same name: `AFM`, `AFM #2`.
pub fn tell_apart(configs: &mut [Config]) {
    let names: Vec<String> = configs.iter().map(|config| config.name.clone()).collect();
    for (index, config) in configs.iter_mut().enumerate() {
        let same = names[..index].iter().filter(|name| **name == config.name).count();
        if same > 0 {
            config.name = format!("{} #{}", config.name, same + 1);
        }
    }
}

fn config_file(path: &Path) -> Result<PathBuf, HubError> {
    let meta = std::fs::metadata(path).map_err(|source| match source.kind() {
        std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => {
            HubError::Missing { path: path.into() }
        }
        _ => HubError::Read { path: path.into(), source },
    })?;
    if meta.is_file() {
        return Ok(path.to_path_buf());
    }
    let inner = path.join("config.json");
    match (meta.is_dir(), inner.is_file()) {
        (true, true) => Ok(inner),
        (true, false) => Err(HubError::NoConfig { path: path.into() }),
        // A named pipe or a device would be read for ever.
        (false, _) => Err(HubError::NotAFile { path: path.into() }),
    }
}

fn text(path: &Path) -> Result<String, HubError> {
    let failed = |source| HubError::Read { path: path.to_path_buf(), source };
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > LARGEST {
        return Err(HubError::TooBig { path: path.into(), limit: LARGEST });
    }
    String::from_utf8(bytes).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        HubError::NotUtf8 {
            path: path.into(),
            line: good.iter().filter(|byte| **byte == b'\n').count() as u32 + 1,
        }
    })
}

/// The folder's name; for a snapshot in the Hub cache the repository's; else what the config calls itself.
fn name(file: &Path, root: &[Member]) -> String {
    let absolute = std::path::absolute(file).unwrap_or_else(|_| file.to_path_buf());
    let part = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
    let file_name = part(&absolute).unwrap_or_default();
    if file_name != "config.json" {
        let stem = file_name.strip_suffix(".json").unwrap_or(&file_name);
        return stem.to_string();
    }
    let mut above = absolute.ancestors().skip(1).filter_map(part);
    let folder = above.next().unwrap_or_default();
    let in_cache = above.next().as_deref() == Some("snapshots");
    let repo = above.next().filter(|_| in_cache);
    if let Some(repo) = repo.as_deref().and_then(|repo| repo.strip_prefix("models--")) {
        return repo.replacen("--", "/", 1);
    }
    let is_hash = folder.len() >= 32 && folder.bytes().all(|byte| byte.is_ascii_hexdigit());
    let own = text_at(root, "_name_or_path").filter(|own| !own.is_empty());
    match own {
        Some(own) if is_hash || folder.is_empty() => own,
        _ => folder,
    }
}

fn text_at(root: &[Member], key: &str) -> Option<String> {
    root.iter().find(|member| member.key == key).and_then(|member| match &member.value {
        Json::Text(text) => Some(text.clone()),
        _ => None,
    })
}

fn count(members: &[Member]) -> usize {
    members.iter().map(|member| 1 + inner_count(&member.value)).sum()
}

fn inner_count(value: &Json) -> usize {
    match value {
        Json::Object(members) => count(members),
        _ => 0,
    }
}

fn kind(value: &Json) -> &'static str {
    match value {
        Json::Null => "null",
        Json::Bool(_) => "true or false",
        Json::Number(_) => "a number",
        Json::Text(_) => "a text",
        Json::List(_) => "a list",
        Json::Object(_) => "an object",
    }
}
