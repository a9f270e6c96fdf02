//! Names of repositories on a Hub, as people write them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A model repository: `owner/name`, or a bare old name such as `gpt2`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct RepoId(String);

/// A repository at a revision.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RepoRef {
    pub id: RepoId,
    /// A branch, tag, `refs/pr/N` or commit; `None` is the default branch.
    pub revision: Option<String>,
}

/// Why a text is not the name of a model repository.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RepoIdError {
    #[error("`{text}` is not the name of a repository: {why}")]
    Name { text: String, why: &'static str },
    #[error("{text} is a {kind}, not a model")]
    NotAModel { text: String, kind: &'static str },
}

const LONGEST: usize = 96;

impl RepoId {
    /// Reads `owner/name` by the Hub's own rules for names.
    ///
    /// # Errors
    /// Says which rule the text breaks.
    pub fn parse(text: &str) -> Result<Self, RepoIdError> {
        let wrong = |why| Err(RepoIdError::Name { text: clip(text), why });
        let parts: Vec<&str> = text.split('/').collect();
        if parts.len() > 2 {
            return wrong("it has more than one slash");
        }
        for part in &parts {
            if part.is_empty() || part.len() > LONGEST {
                return wrong("each part has 1 to 96 characters");
            }
            if !part.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)) {
                return wrong("only letters, digits, `-`, `_` and `.` are allowed");
            }
            if part.contains("--") || part.contains("..") {
                return wrong("`--` and `..` are not allowed");
            }
            if part.starts_with(['-', '.']) || part.ends_with(['-', '.']) || part.ends_with(".git") {
                return wrong("a part neither begins nor ends with `-` or `.`, nor ends with `.git`");
            }
        }
        Ok(Self(text.to_string()))
    }

    /// Gives `owner/name`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Gives the organisation or person; none for old bare names.
    pub fn owner(&self) -> Option<&str> {
        self.0.split_once('/').map(|(owner, _)| owner)
    }

    /// Gives the name without its owner.
    pub fn name(&self) -> &str {
        self.0.split_once('/').map_or(&self.0, |(_, name)| name)
    }

    /// Gives the repository's folder in the Hub cache: `models--owner--name`.
    pub fn cache_folder(&self) -> String {
        format!("models--{}", self.0.replace('/', "--"))
    }
}

impl fmt::Display for RepoId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<RepoId> for String {
    fn from(id: RepoId) -> Self {
        id.0
    }
}

impl TryFrom<String> for RepoId {
    type Error = RepoIdError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl RepoRef {
    /// Reads `owner/name`, `owner/name@revision`, or a link to any page of a model on a Hub.
    ///
    /// # Errors
    /// Not a name by the Hub's rules, or the link of a dataset, a space or a collection.
    pub fn parse(text: &str) -> Result<Self, RepoIdError> {
        let text = text.trim();
        let (path, is_link) = match text.split_once("://") {
            Some((scheme, rest)) if scheme == "https" || scheme == "http" => {
                (rest.split_once('/').map_or("", |(_, path)| path), true)
            }
            Some(("hf", rest)) => (rest, true),
            Some(_) => {
                let why = "a link to a Hub begins with https:// or hf://";
                return Err(RepoIdError::Name { text: clip(text), why });
            }
            None => match ["huggingface.co/", "hf.co/", "www.huggingface.co/"]
                .iter()
                .find_map(|host| text.strip_prefix(host))
            {
                Some(path) => (path, true),
                None => (text, false),
            },
        };
        if !is_link {
            return Self::plain(text);
        }
        let path = path.split(['?', '#']).next().unwrap_or_default().trim_matches('/');
        let path = path.strip_prefix("models/").unwrap_or(path);
        for (prefix, kind) in [
            ("datasets/", "dataset"),
            ("spaces/", "space"),
            ("collections/", "collection"),
            ("papers/", "paper"),
            ("docs/", "page of the documentation"),
            ("blog/", "blog post"),
        ] {
            if path.starts_with(prefix) {
                return Err(RepoIdError::NotAModel { text: clip(text), kind });
            }
        }
        let parts: Vec<&str> = path.split('/').collect();
        let pages =
            ["tree", "blob", "resolve", "raw", "commit", "commits", "discussions", "edit", "settings"];
        let at = parts.iter().position(|part| pages.contains(part)).unwrap_or(parts.len());
        let revision = match parts.get(at) {
            Some(&("tree" | "blob" | "resolve" | "raw" | "commit" | "commits")) => parts
                .get(at + 1)
                // A branch with a slash is written with %2F; `refs/pr/1` is not.
                .map(|first| match *first {
                    "refs" => parts[at + 1..].iter().take(3).copied().collect::<Vec<_>>().join("/"),
                    other => other.replace("%2F", "/").replace("%2f", "/"),
                })
                .filter(|revision| revision != "main"),
            _ => None,
        };
        Ok(Self { id: RepoId::parse(&parts[..at].join("/"))?, revision })
    }

    fn plain(text: &str) -> Result<Self, RepoIdError> {
        let (id, revision) = match text.split_once('@') {
            Some((id, revision)) if !revision.is_empty() => (id, Some(revision.to_string())),
            Some((id, _)) => (id, None),
            None => (text, None),
        };
        Ok(Self { id: RepoId::parse(id)?, revision })
    }

    /// Gives the revision, `main` unless another was named.
    pub fn revision(&self) -> &str {
        self.revision.as_deref().unwrap_or("main")
    }
}

impl From<RepoId> for RepoRef {
    fn from(id: RepoId) -> Self {
        Self { id, revision: None }
    }
}

impl fmt::Display for RepoRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.revision {
            Some(revision) => write!(f, "{}@{revision}", self.id),
            None => self.id.fmt(f),
        }
    }
}

fn clip(text: &str) -> String {
    crate::util::text::truncate(&crate::util::text::one_line(text), 120)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_links_and_revisions_are_read() {
        let read = |text: &str| RepoRef::parse(text).map(|repo| repo.to_string());
        let same = [
            ("org/Name-7B", "org/Name-7B"),
            ("gpt2", "gpt2"),
            (" org/Name@v1 ", "org/Name@v1"),
            ("https://huggingface.co/org/Name", "org/Name"),
            ("https://huggingface.co/org/Name/", "org/Name"),
            ("https://huggingface.co/org/Name/tree/main", "org/Name"),
            ("https://huggingface.co/org/Name/blob/dev/config.json?x=1#L2", "org/Name@dev"),
            ("hf.co/org/Name/tree/refs/pr/12", "org/Name@refs/pr/12"),
            ("https://hub.local:8080/org/Name/resolve/a%2Fb/config.json", "org/Name@a/b"),
            ("https://huggingface.co/gpt2/tree/abc", "gpt2@abc"),
            ("hf://org/Name", "org/Name"),
        ];
        for (text, wanted) in same {
            assert_eq!(read(text).as_deref(), Ok(wanted), "{text}");
        }
    }

    #[test]
    fn what_is_no_model_is_refused_by_name() {
        let error = |text: &str| RepoRef::parse(text).expect_err(text).to_string();
        assert_eq!(
            error("https://huggingface.co/datasets/a/b"),
            "https://huggingface.co/datasets/a/b is a dataset, not a model"
        );
        assert!(error("a/b/c").contains("more than one slash"));
        assert!(error("a/b c").contains("only letters"));
        assert!(error("../etc").contains("`..`"));
        assert!(error("a/-b").contains("neither begins"));
        assert!(error("ftp://x/y").contains("https://"));
        assert!(error("").contains("1 to 96"));
        assert!(error(&"x".repeat(200)).len() < 260);
    }
}
