//! What a run is given: files looked up and hashed when it is asked for, and brought where the worker may read them.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::beside;
use super::data::{CheckId, FamilyRequest, Limits, PortFile, ReferenceCode, TwinRequest, plan};
use super::error::HarnessError;
use super::launch::Site;
use super::process::Rename;
use super::store::read_port;
use crate::util::fs::{FsError, create_dir, write_atomic};
use crate::util::id::{new_id, timestamp};

/// A request with everything looked up that can be without the worker.
pub struct Prepared {
    pub run_id: String,
    pub family: String,
    pub model_type: String,
    pub checks: Vec<CheckId>,
    pub configs: Vec<PortFile>,
    pub port: Option<PortFile>,
    pub reference_code: Option<ReferenceCode>,
    /// What the family's own worker reads besides; see [`FamilyRequest`].
    pub asks: Option<(Map<String, Value>, Map<String, Value>)>,
    pub seed: u64,
    pub limits: Limits,
    pub asked: String,
    pub begun: Instant,
}

impl Prepared {
    /// Says whether a family was only asked what a run would cost.
    pub fn is_estimate(&self) -> bool {
        self.asks.as_ref().is_some_and(|(_, params)| params.get("estimate") == Some(&Value::Bool(true)))
    }

    /// Names the variant where the worker does not.
    pub fn variant(&self) -> String {
        match self.configs.as_slice() {
            [] => "defaults".into(),
            configs => configs.iter().map(|file| variant_name(&file.path)).collect::<Vec<_>>().join(", "),
        }
    }
}

/// Looks up the port and the configs and takes the port's hash.
pub fn prepare(site: &Site, request: &TwinRequest) -> Result<(Prepared, Option<Vec<u8>>), HarnessError> {
    let model_type = request.model_type.clone();
    let legal = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    if model_type.is_empty() || model_type.starts_with('.') || !model_type.chars().all(legal) {
        return Err(HarnessError::ModelType { model_type });
    }
    let port = match &request.port {
        Some(path) if !path.is_file() => {
            return Err(HarnessError::NoPort { model_type, path: path.clone() });
        }
        Some(path) => Some(absolute(path)),
        // Without the file the worker answers: it knows the names that mlx-lm maps to another module, and
        // whether transformers has the type at all.
        None => Some(site.port_of(&model_type)).filter(|path| path.is_file()),
    };
    let (bytes, port) = match port {
        Some(path) => {
            let (bytes, port) = read_port(&path)?;
            (Some(bytes), Some(port))
        }
        None => (None, None),
    };
    let configs = request.configs.iter().map(|path| config_file(path)).collect::<Result<_, _>>()?;
    let prepared = Prepared {
        run_id: new_id(),
        family: "twin".into(),
        model_type,
        checks: plan::order(&request.checks),
        configs,
        port,
        reference_code: request.reference_code.clone(),
        asks: None,
        seed: request.seed,
        limits: request.limits,
        asked: timestamp(),
        begun: Instant::now(),
    };
    Ok((prepared, bytes))
}

/// Takes the request of a family with a worker of its own.
pub fn prepare_family(request: &FamilyRequest) -> Result<(Prepared, Option<Vec<u8>>), HarnessError> {
    let (bytes, port) = match &request.port {
        Some(path) if !path.is_file() => {
            return Err(HarnessError::NoPort { model_type: request.subject.clone(), path: path.clone() });
        }
        Some(path) => {
            let (bytes, port) = read_port(&absolute(path))?;
            (Some(bytes), Some(port))
        }
        None => (None, None),
    };
    let prepared = Prepared {
        run_id: new_id(),
        family: request.family.clone(),
        model_type: request.subject.clone(),
        checks: Vec::new(),
        configs: Vec::new(),
        port,
        reference_code: None,
        asks: Some((request.target.clone(), request.params.clone())),
        seed: request.seed,
        limits: request.limits,
        asked: timestamp(),
        begun: Instant::now(),
    };
    Ok((prepared, bytes))
}

/// The files of a run as the worker sees them. A file outside the checkout is out of its reach: it gets a copy, of the
/// bytes that were hashed, and replies name the file that the person gave.
pub struct Inputs {
    pub run_dir: PathBuf,
    pub renames: Vec<Rename>,
    port: Option<PathBuf>,
    configs: Vec<PathBuf>,
    /// Folder and accepted hash.
    code: Option<(PathBuf, String)>,
    /// The checkout, whose tests the check `upstream-test` reads.
    checkout: PathBuf,
}

impl Inputs {
    /// Brings the files of a run into its scratch folder.
    pub fn bring(
        site: &Site,
        prepared: &Prepared,
        scratch: &Path,
        port: Option<&[u8]>,
    ) -> Result<Self, HarnessError> {
        let mut inputs = Self {
            run_dir: scratch.join("run"),
            renames: Vec::new(),
            port: None,
            configs: Vec::new(),
            code: None,
            checkout: absolute(&site.mlx_lm),
        };
        create_dir(&inputs.run_dir)?;
        if let (Some(file), Some(bytes)) = (&prepared.port, port) {
            inputs.port = Some(match file.path.starts_with(absolute(&site.mlx_lm)) {
                true => file.path.clone(),
                false => inputs.copy(&file.path, bytes, scratch.join("port"))?,
            });
        }
        for (index, PortFile { path, .. }) in prepared.configs.iter().enumerate() {
            let bytes = std::fs::read(path).map_err(|source| FsError::Read { path: path.clone(), source })?;
            // The folder's name is the variant's name.
            let folder = folder_name(path);
            let copy = inputs.copy(path, &bytes, scratch.join(format!("config-{index}")).join(folder))?;
            // Only `names` and `load` read them, and a large release has a hundred.
            if prepared.checks.iter().any(|check| matches!(check.name(), "names" | "load")) {
                beside::copy(path, copy.parent().unwrap_or(scratch))?;
            }
            inputs.configs.push(copy);
        }
        if let Some(code) = &prepared.reference_code {
            let folder = scratch.join("code");
            for name in &code.files {
                let path = code.folder.join(name);
                let bytes =
                    std::fs::read(&path).map_err(|source| FsError::Read { path: path.clone(), source })?;
                inputs.copy(&path, &bytes, folder.join(name).parent().unwrap_or(&folder).to_path_buf())?;
            }
            inputs.code = Some((folder, code.digest.clone()));
        }
        Ok(inputs)
    }

    /// Gives target and parameters as the request says them.
    pub fn asked(&self, prepared: &Prepared) -> (Value, Value) {
        let (mut target, params) = prepared.asks.clone().unwrap_or_else(|| {
            let configs: Vec<&PathBuf> = self.configs.iter().collect();
            let target = [
                ("model_type", json!(prepared.model_type)),
                ("config", if configs.is_empty() { Value::Null } else { json!(configs) }),
            ];
            let target = target.into_iter().map(|(key, value)| (key.to_string(), value)).collect();
            let params = [("checks", json!(prepared.checks)), ("checkout", json!(self.checkout))];
            (target, params.into_iter().map(|(key, value)| (key.to_string(), value)).collect())
        });
        if let Some((folder, digest)) = &self.code {
            target.insert("reference_code".into(), json!({"folder": folder, "digest": digest}));
        }
        target.insert("port_path".into(), json!(self.port));
        target.insert("port_sha".into(), json!(prepared.port.as_ref().map(|port| &port.sha256)));
        (Value::Object(target), Value::Object(params))
    }

    fn copy(&mut self, file: &Path, bytes: &[u8], folder: PathBuf) -> Result<PathBuf, HarnessError> {
        let copy = folder.join(file.file_name().unwrap_or_default());
        write_atomic(&copy, bytes)?;
        let text = |path: &Path| path.to_string_lossy().into_owned();
        self.renames.push(Rename { copy: text(&copy), file: text(file) });
        Ok(copy)
    }
}

/// A folder for one run, removed with what the run left in it.
pub struct Scratch(pub PathBuf);

impl Scratch {
    /// Makes the folder.
    pub fn create(folder: PathBuf) -> Result<Self, HarnessError> {
        create_dir(&folder)?;
        Ok(Self(folder))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed lies in the cache, where everything can be removed by hand.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn absolute(path: &Path) -> PathBuf {
    std::fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf())
}

fn config_file(path: &Path) -> Result<PortFile, HarnessError> {
    let file = if path.is_dir() { path.join("config.json") } else { path.to_path_buf() };
    match file.is_file() {
        true => Ok(read_port(&in_its_folder(&file))?.1),
        false => Err(HarnessError::NoConfig { path: file }),
    }
}

/// Makes a path absolute without following the file's own link: in the Hub cache that leads away from its checkpoint.
fn in_its_folder(file: &Path) -> PathBuf {
    let path = std::path::absolute(file).unwrap_or_else(|_| file.to_path_buf());
    match (path.parent().map(std::fs::canonicalize), path.file_name()) {
        (Some(Ok(folder)), Some(name)) => folder.join(name),
        _ => path,
    }
}

/// Names the folder of a config: of a commit in the Hub cache, by its repository.
fn folder_name(path: &Path) -> String {
    let folder = path.parent().unwrap_or(Path::new(""));
    let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let is_commit = name.len() == 40 && name.chars().all(|c| c.is_ascii_hexdigit());
    let repo = || folder.ancestors().find_map(|above| above.file_name()?.to_str()?.strip_prefix("models--"));
    match is_commit.then(repo).flatten() {
        Some(repo) => repo.rsplit("--").next().unwrap_or(repo).to_string(),
        None => name,
    }
}

/// Names a variant by its file, or by its folder where the file is called config.json.
fn variant_name(path: &Path) -> String {
    let named = match path.file_name() {
        Some(name) if name == "config.json" => Some(folder_name(path)).filter(|name| !name.is_empty()),
        _ => path.file_stem().map(|name| name.to_string_lossy().into_owned()),
    };
    named.unwrap_or_else(|| "config".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variant_is_named_by_its_file_or_folder() {
        let cached = format!("/hub/models--acme--harbor-1b/snapshots/{}/config.json", "0a".repeat(20));
        let paths = ["/a/AFM-4.5B/config.json", "/a/small.json", &cached];
        assert_eq!(paths.map(|path| variant_name(Path::new(path))), ["AFM-4.5B", "small", "harbor-1b"]);
    }
}
