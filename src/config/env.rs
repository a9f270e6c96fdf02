//! The process environment, read once. Tests make their own; nothing else in the program asks the system.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// What the program knows of the environment it was started in.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Env {
    vars: BTreeMap<String, String>,
    data_dir: Option<PathBuf>,
    home_dir: Option<PathBuf>,
    exe: Option<PathBuf>,
}

impl Env {
    /// Reads the environment of this process. Variables that are not UTF-8 are read with replacements.
    pub fn from_process() -> Self {
        let text = |value: std::ffi::OsString| value.to_string_lossy().into_owned();
        let dirs = directories::BaseDirs::new();
        Self {
            vars: std::env::vars_os().map(|(key, value)| (text(key), text(value))).collect(),
            data_dir: dirs.as_ref().map(|dirs| dirs.data_dir().to_path_buf()),
            home_dir: dirs.as_ref().map(|dirs| dirs.home_dir().to_path_buf()),
            exe: std::env::current_exe().ok(),
        }
    }

    /// Makes an environment of these variables alone.
    pub fn of<K: Into<String>, V: Into<String>>(vars: impl IntoIterator<Item = (K, V)>) -> Self {
        let vars = vars.into_iter().map(|(key, value)| (key.into(), value.into())).collect();
        Self { vars, ..Self::default() }
    }

    /// Sets one variable.
    pub fn with(mut self, key: &str, value: impl Into<String>) -> Self {
        self.vars.insert(key.into(), value.into());
        self
    }

    /// Sets the platform's data folder and the program's path, which a made environment lacks.
    pub fn at(mut self, data_dir: impl Into<PathBuf>, exe: impl Into<PathBuf>) -> Self {
        self.data_dir = Some(data_dir.into());
        self.exe = Some(exe.into());
        self
    }

    /// Gives a variable; an empty one counts as unset, as shells can hardly unset one for a single command.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.vars.get(key).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Gives the platform's folder for application data.
    pub(super) fn data_dir(&self) -> Option<&PathBuf> {
        self.data_dir.as_ref()
    }

    /// Gives the person's home folder, for `~` in config.toml.
    pub(super) fn home_dir(&self) -> Option<PathBuf> {
        self.get("HOME").map(PathBuf::from).or_else(|| self.home_dir.clone())
    }

    pub(super) fn exe(&self) -> Option<&PathBuf> {
        self.exe.as_ref()
    }

    /// Gives the variables that a trusted tool (uv, pip, git) may see: everything but what may hold a key.
    pub(super) fn for_tools(&self) -> Vec<(String, String)> {
        self.vars.iter().filter(|(key, _)| !secret_name(key)).map(|(k, v)| (k.clone(), v.clone())).collect()
    }
}

// Values may be keys, so that only names are shown.
impl std::fmt::Debug for Env {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.vars.keys()).finish()
    }
}

/// Says whether a variable's name is one under which people keep keys. Our own variables go too: a tool needs none.
fn secret_name(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    let index_login = name.starts_with("UV_INDEX_") || name.starts_with("PIP_") || name == "GIT_ASKPASS";
    let words = ["KEY", "TOKEN", "SECRET", "PASSWORD", "PASSWD", "CREDENTIAL"];
    !index_login && (name.starts_with("MLXPORT_") || words.iter().any(|word| name.contains(word)))
}

/// What the environment says of the terminal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terminal {
    pub no_color: bool,
    pub term: Option<String>,
    pub colorterm: Option<String>,
    /// Runs inside tmux.
    pub tmux: bool,
    /// Came in over SSH.
    pub ssh: bool,
}

impl Terminal {
    pub(super) fn of(env: &Env) -> Self {
        Self {
            no_color: env.get("NO_COLOR").is_some(),
            term: env.get("TERM").map(str::to_string),
            colorterm: env.get("COLORTERM").map(str::to_string),
            tmux: env.get("TMUX").is_some(),
            ssh: ["SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY"].iter().any(|key| env.get(key).is_some()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools_see_proxies_and_certificates_but_no_keys() {
        let env = Env::of([
            ("MLXPORT_API_KEY", "k"),
            ("MLXPORT_HOME", "h"),
            ("HF_TOKEN", "t"),
            ("OPENAI_API_KEY", "o"),
            ("HTTPS_PROXY", "p"),
            ("SSL_CERT_FILE", "c"),
            ("PATH", "/bin"),
            ("UV_INDEX_INTERNAL_PASSWORD", "own index"),
        ]);
        let names: Vec<String> = env.for_tools().into_iter().map(|(key, _)| key).collect();
        assert_eq!(names, ["HTTPS_PROXY", "PATH", "SSL_CERT_FILE", "UV_INDEX_INTERNAL_PASSWORD"]);
    }

    #[test]
    fn debug_shows_names_and_never_values() {
        let shown = format!("{:?}", Env::of([("HF_TOKEN", "hf_secret")]));
        assert_eq!(shown, "{\"HF_TOKEN\"}");
    }
}
