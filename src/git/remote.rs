//! Remotes, and addresses compared by what they point to rather than by how they are spelled.

use super::{GitError, Repo};

/// A remote as it is configured; rewriting (`url.*.insteadOf`) is applied by git itself when it pushes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remote {
    pub name: String,
    pub url: String,
    pub push_url: Option<String>,
}

/// An address in its normal form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RemoteUrl {
    /// A host and a path: `github.com`, `ml-explore/mlx-lm`.
    Host { host: String, path: String },
    /// A folder of this machine.
    Local(String),
}

impl RemoteUrl {
    /// Reads `https://host/path.git`, `ssh://git@host:22/path`, `git@host:path`, `file:///path` or a path. Scheme,
    /// user, port, `.git`, doubled slashes and the host's case do not count; on GitHub the path's case neither.
    pub fn parse(url: &str) -> Self {
        let url = url.trim();
        if let Some(path) = url.strip_prefix("file://") {
            return Self::Local(folder(path.strip_prefix("localhost").unwrap_or(path)));
        }
        let (host, path) = match url.split_once("://") {
            Some((_, rest)) => rest.split_once('/').unwrap_or((rest, "")),
            None => match url.split_once(':') {
                // As git does: a colon before any slash is host:path, else it is a folder.
                Some((host, path)) if !host.contains('/') && !host.is_empty() => (host, path),
                _ => return Self::Local(folder(url)),
            },
        };
        let host = host.rsplit('@').next().unwrap_or(host);
        let host = host.split(':').next().unwrap_or(host).trim_end_matches('.').to_ascii_lowercase();
        let host = host.strip_prefix("www.").unwrap_or(&host).to_string();
        // GitHub also answers SSH on ssh.github.com, for networks that block port 22.
        let host = if host == "ssh.github.com" { "github.com".to_string() } else { host };
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        let path = parts.join("/");
        let path = path.strip_suffix(".git").unwrap_or(&path);
        let path = if host == "github.com" { path.to_ascii_lowercase() } else { path.to_string() };
        Self::Host { host, path }
    }

    /// Gives owner and repository of a GitHub address, as they were written.
    pub fn github(url: &str) -> Option<(String, String)> {
        let Self::Host { host, path } = Self::parse(url) else { return None };
        if host != "github.com" {
            return None;
        }
        // The normal form is lower case; the person reads their own spelling.
        let at = url.to_ascii_lowercase().find(&path)?;
        let (owner, name) = url.get(at..at + path.len())?.split_once('/')?;
        (!name.contains('/') && !name.is_empty()).then(|| (owner.to_string(), name.to_string()))
    }
}

impl Repo {
    /// Lists the remotes by name.
    pub fn remotes(&self) -> Result<Vec<Remote>, GitError> {
        let wrap = GitError::wrap("read the remotes");
        let names = self.inner.remotes().map_err(&wrap)?;
        let mut remotes = Vec::new();
        for name in names.iter().flatten().flatten() {
            let remote = self.inner.find_remote(name).map_err(&wrap)?;
            remotes.push(Remote {
                name: name.to_string(),
                url: String::from_utf8_lossy(remote.url_bytes()).into_owned(),
                push_url: remote.pushurl_bytes().map(|url| String::from_utf8_lossy(url).into_owned()),
            });
        }
        Ok(remotes)
    }

    /// Finds a remote by name.
    pub fn remote(&self, name: &str) -> Result<Option<Remote>, GitError> {
        Ok(self.remotes()?.into_iter().find(|remote| remote.name == name))
    }
}

fn folder(path: &str) -> String {
    let trimmed = path.trim_end_matches('/');
    let trimmed = trimmed.strip_suffix("/.git").unwrap_or(trimmed);
    trimmed.strip_suffix(".git").unwrap_or(trimmed).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_one_address_is_the_same_address() {
        let expected = RemoteUrl::Host { host: "github.com".into(), path: "ml-explore/mlx-lm".into() };
        for url in [
            "https://github.com/ml-explore/mlx-lm",
            "https://github.com/ml-explore/mlx-lm.git",
            "https://token@GitHub.com//ml-explore/MLX-LM.git/",
            "http://www.github.com/ml-explore/mlx-lm/",
            "git@github.com:ml-explore/mlx-lm.git",
            "git@github.com:/ml-explore/mlx-lm.git",
            "ssh://git@github.com:22/ml-explore/mlx-lm",
            "ssh://git@ssh.github.com:443/ml-explore/mlx-lm.git",
            "git://github.com/ml-explore/mlx-lm.git",
        ] {
            assert_eq!(RemoteUrl::parse(url), expected, "{url}");
        }
    }

    #[test]
    fn folders_are_not_hosts() {
        assert_eq!(RemoteUrl::parse("/a/b.git"), RemoteUrl::Local("/a/b".into()));
        assert_eq!(RemoteUrl::parse("file:///a/b.git/"), RemoteUrl::Local("/a/b".into()));
        assert_eq!(RemoteUrl::parse("./x:y"), RemoteUrl::Local("./x:y".into()));
        assert_eq!(RemoteUrl::github("/a/b.git"), None);
    }

    #[test]
    fn owner_and_name_keep_their_case() {
        assert_eq!(
            RemoteUrl::github("git@github.com:Person/MLX-lm.git"),
            Some(("Person".into(), "MLX-lm".into()))
        );
        assert_eq!(RemoteUrl::github("https://gitlab.com/a/b"), None);
    }
}
