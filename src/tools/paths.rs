//! What may be read and written. The model names files as `transformers/…`, `mlx_lm/…` and `tests/…`; everything else
//! is refused, and what a link points to counts, not where the link stands. Written are two files only.

use std::path::{Component, Path, PathBuf};

use super::error::ToolError;
use crate::agent::data::EditScope;

const LONGEST: usize = 512;
/// Larger files are not source that anyone reads.
const MOST_BYTES: u64 = 4 << 20;

/// The folders that tools see. Canonical, so that a containment test means something.
#[derive(Clone, Debug)]
pub struct Roots {
    transformers: PathBuf,
    checkout: PathBuf,
}

/// A file that may be read: as the model names it, and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourcePath {
    pub shown: String,
    pub real: PathBuf,
}

impl Roots {
    /// Takes the `transformers` package folder and the mlx-lm checkout.
    pub fn new(transformers: &Path, checkout: &Path) -> Result<Self, ToolError> {
        Ok(Self { transformers: canonical(transformers)?, checkout: canonical(checkout)? })
    }

    /// Gives the `transformers` package folder.
    pub fn transformers(&self) -> &Path {
        &self.transformers
    }

    /// Gives the mlx-lm checkout.
    pub fn checkout(&self) -> &Path {
        &self.checkout
    }

    /// Resolves an existing Python file.
    pub fn file(&self, path: &str) -> Result<SourcePath, ToolError> {
        let found = self.resolve(path)?;
        let refuse = |text: &str| Err(ToolError::Path { path: shown(path), text: text.into() });
        let meta = std::fs::metadata(&found.real)
            .map_err(|error| ToolError::Read { path: found.shown.clone(), text: error.to_string() })?;
        if meta.is_dir() {
            return refuse("is a folder; name a file, or search in the folder with search_sources");
        }
        if !meta.is_file() || found.real.extension().is_none_or(|end| end != "py") {
            return refuse("only Python source files can be read");
        }
        if meta.len() > MOST_BYTES {
            return refuse("is larger than 4 MB");
        }
        Ok(found)
    }

    /// Resolves an existing file or folder.
    pub fn resolve(&self, path: &str) -> Result<SourcePath, ToolError> {
        let relative = self.relative(path)?;
        let lexical = self.place(&relative).ok_or_else(|| ToolError::Path {
            path: shown(path),
            text: "must start with transformers/, mlx_lm/ or tests/".into(),
        })?;
        let refuse = |text: String| ToolError::Path { path: shown(path), text };
        let real = lexical
            .canonicalize()
            .map_err(|_| refuse("does not exist; list_sources shows what there is".into()))?;
        // The whole named area must hold the real place: a link out of `tests/` into the checkout's .git is refused.
        let area = relative.components().next().map(|first| PathBuf::from(first.as_os_str()));
        let base = area.and_then(|area| self.place(&area)).unwrap_or_default();
        let base = base.canonicalize().map_err(|_| refuse("does not exist".into()))?;
        let inside_root = base == self.transformers || base.starts_with(&self.checkout);
        if !inside_root || !real.starts_with(&base) {
            return Err(refuse("leads outside the folders that tools may read".into()));
        }
        Ok(SourcePath { shown: relative.to_string_lossy().into_owned(), real })
    }

    /// Names a real place as the model names it.
    pub fn name(&self, real: &Path) -> String {
        if let Ok(rest) = real.strip_prefix(&self.transformers) {
            return Path::new("transformers").join(rest).to_string_lossy().into_owned();
        }
        real.strip_prefix(&self.checkout).unwrap_or(real).to_string_lossy().into_owned()
    }

    fn place(&self, relative: &Path) -> Option<PathBuf> {
        let mut parts = relative.components();
        match parts.next()?.as_os_str().to_str()? {
            "transformers" => Some(self.transformers.join(parts.as_path())),
            "mlx_lm" | "tests" => Some(self.checkout.join(relative)),
            _ => None,
        }
    }

    /// Checks the spelling, and turns an absolute path inside the roots into the model's form.
    fn relative(&self, path: &str) -> Result<PathBuf, ToolError> {
        spelled(path)?;
        let given = Path::new(path);
        let named = match given.is_absolute() {
            true => PathBuf::from(self.name(given)),
            false => given.strip_prefix("src").unwrap_or(given).to_path_buf(),
        };
        let plain = |part: Component<'_>| match part {
            Component::Normal(name) => !name.to_string_lossy().starts_with(['.', '~']),
            _ => false,
        };
        // Components drop `.` and doubled slashes, so they are looked for in the text itself.
        let dotted = path.split('/').any(|part| part == "." || part == "..");
        if dotted || !named.components().all(plain) {
            return Err(ToolError::Path {
                path: shown(path),
                text:
                    "must be relative, without `.` or `..`, and start with transformers/, mlx_lm/ or tests/"
                        .into(),
            });
        }
        Ok(named)
    }
}

fn spelled(path: &str) -> Result<(), ToolError> {
    let refuse = |text: &str| Err(ToolError::Path { path: shown(path), text: text.into() });
    if path.is_empty() {
        return refuse("is empty");
    }
    if path.len() > LONGEST {
        return refuse("is too long");
    }
    // Names in both packages are plain ASCII: look-alikes, bidi marks and full-width dots have no business here.
    if !path.chars().all(|c| c.is_ascii_graphic() || c == ' ') || path.contains(['\\', '%', '*', '?']) {
        return refuse("holds characters that no source file's name has");
    }
    Ok(())
}

/// A file that an edit may be proposed for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// As the model and the person name it.
    pub path: String,
    pub scope: EditScope,
}

/// The two files that may change, for one model type, and those that may when the person says so.
#[derive(Clone, Debug)]
pub struct Writable {
    model_type: String,
    model: String,
}

/// Upstream's file of model tests.
pub const TESTS: &str = "tests/test_models.py";

impl Writable {
    /// Takes a model type; one that is no file name is refused.
    pub fn new(model_type: &str) -> Result<Self, ToolError> {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if model_type.is_empty() || model_type.len() > 64 || !model_type.chars().all(plain) {
            return Err(ToolError::Path {
                path: shown(model_type),
                text: "a model type has letters, digits, `_` and `-` only".into(),
            });
        }
        Ok(Self { model_type: model_type.into(), model: format!("mlx_lm/models/{model_type}.py") })
    }

    /// Gives the model type.
    pub fn model_type(&self) -> &str {
        &self.model_type
    }

    /// Gives the port's path in the checkout.
    pub fn model(&self) -> &str {
        &self.model
    }

    /// Says which file a path names; by its exact spelling, since there are two.
    pub fn target(&self, path: &str) -> Result<Target, ToolError> {
        let target = |scope| Ok(Target { path: path.into(), scope });
        match path {
            path if path == self.model => target(EditScope::Port),
            TESTS => target(EditScope::Test),
            _ => Err(ToolError::Path {
                path: shown(path),
                text: format!("may not be changed; only {} and {TESTS} may", self.model),
            }),
        }
    }

    /// Gives the port as a target.
    pub fn port(&self) -> Target {
        Target { path: self.model.clone(), scope: EditScope::Port }
    }

    /// Gives upstream's file of model tests as a target.
    pub fn tests(&self) -> Target {
        Target { path: TESTS.into(), scope: EditScope::Test }
    }

    /// Says whether a path is a shared file of mlx-lm: an existing Python file of its package that is not the port.
    pub fn shared(&self, roots: &Roots, path: &str) -> Result<Target, ToolError> {
        let refuse = |text: String| ToolError::Path { path: shown(path), text };
        if self.target(path).is_ok() {
            return Err(refuse("is no shared file: change it with edit_port".into()));
        }
        let found = roots.file(path)?;
        // One spelling only, as text: what the person agrees to is what is written.
        let plain = found.real == roots.checkout().join(path) && roots.name(&found.real) == path;
        if !plain || !path.starts_with("mlx_lm/") {
            return Err(refuse("may not be changed; shared files are those below mlx_lm/".into()));
        }
        Ok(Target { path: path.into(), scope: EditScope::Shared })
    }

    /// Reads a target's text as it is now; none when there is no file. A link is refused: the write would replace it
    /// or follow it, and neither is what the person sees.
    pub fn read(&self, roots: &Roots, target: &Target) -> Result<Option<String>, ToolError> {
        let path = target.path.as_str();
        let refuse = |text: &str| ToolError::Path { path: path.into(), text: text.into() };
        let place = roots.checkout().join(path);
        let folder = place.parent().unwrap_or(roots.checkout());
        match folder.canonicalize() {
            Ok(real) if real == folder => {}
            Ok(_) => return Err(refuse("its folder is a link; the checkout is not as it should be")),
            Err(_) => return Err(refuse("its folder is missing; the checkout is not as it should be")),
        }
        match std::fs::symlink_metadata(&place) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(ToolError::Read { path: path.into(), text: error.to_string() }),
            Ok(meta) if !meta.is_file() => Err(refuse("is a link or no plain file")),
            Ok(meta) if meta.len() > MOST_BYTES => Err(refuse("is larger than 4 MB")),
            Ok(_) => {
                let bytes = std::fs::read(&place)
                    .map_err(|error| ToolError::Read { path: path.into(), text: error.to_string() })?;
                let text = String::from_utf8(bytes).map_err(|_| refuse("is not UTF-8 text"))?;
                Ok(Some(text))
            }
        }
    }
}

fn canonical(path: &Path) -> Result<PathBuf, ToolError> {
    path.canonicalize().map_err(|error| ToolError::Read {
        path: path.to_string_lossy().into_owned(),
        text: error.to_string(),
    })
}

/// Shows a path as the model gave it, cut and without control characters.
fn shown(path: &str) -> String {
    format!("`{}`", crate::util::text::truncate(&crate::util::text::one_line(path), 120))
}
