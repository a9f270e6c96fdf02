//! What a run is given: files looked up and hashed when it is asked for, and brought where the worker may read them.

use std::path::{Path, PathBuf};

use tokio::time::Instant;

use super::data::{CheckId, PortFile, TwinRequest};
use super::error::HarnessError;
use super::launch::Site;
use super::plan;
use super::process::Rename;
use super::store::read_port;
use super::wire::{Configs, Target};
use crate::util::fs::{FsError, create_dir, write_atomic};
use crate::util::id::{new_id, timestamp};

/// A request with everything looked up that can be without the worker.
pub struct Prepared {
    pub run_id: String,
    pub model_type: String,
    pub checks: Vec<CheckId>,
    pub configs: Vec<PathBuf>,
    pub port: Option<PortFile>,
    pub asked: String,
    pub begun: Instant,
}

impl Prepared {
    /// Names the variant where the worker does not.
    pub fn variant(&self) -> String {
        match self.configs.as_slice() {
            [] => "defaults".into(),
            configs => configs.iter().map(|path| variant_name(path)).collect::<Vec<_>>().join(", "),
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
    let checks = plan::order(&request.checks);
    let (run_id, asked, begun) = (new_id(), timestamp(), Instant::now());
    Ok((Prepared { run_id, model_type, checks, configs, port, asked, begun }, bytes))
}

/// The files of a run as the worker sees them. A file outside the checkout is out of its reach: it gets a copy, of the
/// bytes that were hashed, and replies name the file that the person gave.
pub struct Inputs {
    pub run_dir: PathBuf,
    pub renames: Vec<Rename>,
    port: Option<PathBuf>,
    configs: Vec<PathBuf>,
}

impl Inputs {
    /// Brings the files of a run into its scratch folder.
    pub fn bring(
        site: &Site,
        prepared: &Prepared,
        scratch: &Path,
        port: Option<&[u8]>,
    ) -> Result<Self, HarnessError> {
        let mut inputs =
            Self { run_dir: scratch.join("run"), renames: Vec::new(), port: None, configs: Vec::new() };
        create_dir(&inputs.run_dir)?;
        if let (Some(file), Some(bytes)) = (&prepared.port, port) {
            inputs.port = Some(match file.path.starts_with(absolute(&site.mlx_lm)) {
                true => file.path.clone(),
                false => inputs.copy(&file.path, bytes, scratch.join("port"))?,
            });
        }
        for (index, path) in prepared.configs.iter().enumerate() {
            let bytes = std::fs::read(path).map_err(|source| FsError::Read { path: path.clone(), source })?;
            // The folder's name is the variant's name.
            let folder = path.parent().and_then(Path::file_name).unwrap_or_default();
            let copy = inputs.copy(path, &bytes, scratch.join(format!("config-{index}")).join(folder))?;
            inputs.configs.push(copy);
        }
        Ok(inputs)
    }

    /// Gives the target as the request says it.
    pub fn target<'a>(&self, prepared: &'a Prepared) -> Target<'a> {
        Target {
            model_type: &prepared.model_type,
            config: Configs::of(self.configs.clone()),
            port_path: self.port.clone(),
            port_sha: prepared.port.as_ref().map(|port| port.sha256.as_str()),
        }
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

fn config_file(path: &Path) -> Result<PathBuf, HarnessError> {
    let file = if path.is_dir() { path.join("config.json") } else { path.to_path_buf() };
    match file.is_file() {
        true => Ok(absolute(&file)),
        false => Err(HarnessError::NoConfig { path: file }),
    }
}

/// Names a variant by its file, or by its folder where the file is called config.json.
fn variant_name(path: &Path) -> String {
    let named = match path.file_name() {
        Some(name) if name == "config.json" => path.parent().and_then(Path::file_name),
        _ => path.file_stem(),
    };
    named.map_or_else(|| "config".into(), |name| name.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variant_is_named_by_its_file_or_folder() {
        let names = ["/a/AFM-4.5B/config.json", "/a/small.json"].map(|path| variant_name(Path::new(path)));
        assert_eq!(names, ["AFM-4.5B", "small"]);
    }
}
