//! What goes wrong between us and a Hub: which repository or file, whose fault, what to do. Never a token.

use std::time::Duration;

use thiserror::Error;

use crate::hub::data::{RepoId, RepoIdError};
use crate::util::blame::{Blame, Explain};
use crate::util::text;

/// Whether requests carry a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token {
    Given,
    None,
}

/// Why a Hub did not give what was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RemoteError {
    #[error("{what} is not in the cache, and the Hub is offline by HF_HUB_OFFLINE or hub.offline")]
    Offline { what: String },
    #[error("{repo} is gated{}", match token { Token::Given => ": this token has no access to it", Token::None => " and no token is set" })]
    Gated { repo: RepoId, host: String, token: Token },
    #[error("{host} does not know the token")]
    BadToken { host: String },
    #[error("{repo} does not exist on {host}, or is private{}", match token { Token::Given => " to others than this token's owner", Token::None => "" })]
    NoRepo { repo: RepoId, host: String, token: Token },
    #[error("{repo} has no revision `{revision}`")]
    NoRevision { repo: RepoId, revision: String },
    #[error("{repo} has no file {path} at {revision}")]
    NoFile { repo: RepoId, revision: String, path: String },
    #[error("{host} refuses {what}: {said}")]
    Forbidden { host: String, what: String, said: String },
    #[error("{host} limits requests: {what} was refused {attempts} times")]
    RateLimited { host: String, what: String, attempts: u32, after: Option<Duration> },
    #[error("{host} answered {status} for {what}{}", tail(said))]
    Status {
        host: String,
        what: String,
        status: u16,
        /// The Hub's own name for it: `GatedRepo`, `RepoNotFound`, …
        code: Option<String>,
        said: String,
    },
    #[error("cannot reach {host} for {what}: {why}")]
    Connect { host: String, what: String, why: String },
    #[error("{host} said nothing for {} s while {what} was fetched", seconds(limit))]
    Stalled { host: String, what: String, limit: Duration },
    #[error("{host} cut {what} off after {}{}", text::bytes(*got), match wanted { Some(wanted) => format!(" of {}", text::bytes(*wanted)), None => String::new() })]
    Cut { host: String, what: String, got: u64, wanted: Option<u64> },
    #[error("{what} is {} and more, which is over the limit of {}", text::bytes(*size), text::bytes(*limit))]
    TooLarge { what: String, size: u64, limit: u64 },
    #[error("{host} gave {what} in a form that no Hub gives: {why}")]
    Malformed { host: String, what: String, why: String },
    #[error("{what} was redirected {hops} times")]
    Redirects { what: String, hops: usize },
    #[error(transparent)]
    Name(#[from] RepoIdError),
    #[error("the Hub's endpoint {url:?} is not a URL: {why}")]
    Endpoint { url: String, why: String },
    #[error("secure connections cannot be set up: {why}")]
    Tls { why: String },
    #[error("there is no Hub cache: the home folder is unknown")]
    NoCache,
}

impl RemoteError {
    /// Tells whether another attempt may help.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Self::RateLimited { .. } | Self::Connect { .. } | Self::Stalled { .. } | Self::Cut { .. } => true,
            Self::Status { status, .. } => matches!(status, 408 | 425 | 500 | 502 | 503 | 504),
            _ => false,
        }
    }

    /// Tells whether it is about one repository alone, so that asking for others still makes sense.
    pub fn is_of_repo(&self) -> bool {
        matches!(
            self,
            Self::Gated { .. }
                | Self::NoRepo { .. }
                | Self::NoRevision { .. }
                | Self::NoFile { .. }
                | Self::Forbidden { .. }
        )
    }

    /// Gives why, in few words, for a countdown.
    pub(super) fn short(&self) -> String {
        match self {
            Self::RateLimited { host, .. } => format!("{host} limits requests"),
            Self::Status { host, status, .. } => format!("{host} answered {status}"),
            Self::Connect { host, why, .. } => format!("cannot reach {host}: {why}"),
            Self::Stalled { host, .. } => format!("{host} is silent"),
            Self::Cut { host, .. } => format!("{host} cut the transfer off"),
            other => other.to_string(),
        }
    }
}

impl Explain for RemoteError {
    fn blame(&self) -> Blame {
        match self {
            Self::Connect { .. }
            | Self::Stalled { .. }
            | Self::Cut { .. }
            | Self::RateLimited { .. }
            | Self::Status { .. }
            | Self::Malformed { .. }
            | Self::Redirects { .. }
            | Self::Tls { .. }
            | Self::NoCache => Blame::Environment,
            _ => Blame::User,
        }
    }

    fn hint(&self) -> Option<String> {
        let login = "set HF_TOKEN, or run `hf auth login`";
        Some(match self {
            Self::Offline { .. } => "unset HF_HUB_OFFLINE to reach the Hub".into(),
            Self::Gated { repo, host, token: Token::None } => {
                format!("accept its conditions at https://{host}/{repo}, then {login}")
            }
            Self::Gated { repo, host, token: Token::Given } => {
                format!(
                    "accept its conditions at https://{host}/{repo} with the account of this token; some owners answer by hand"
                )
            }
            Self::BadToken { .. } => {
                "set HF_TOKEN to a valid token, or unset it: open models need none".into()
            }
            Self::NoRepo { token: Token::None, .. } => format!("check the name; if it is private, {login}"),
            Self::NoRepo { token: Token::Given, .. } => {
                "check the name, and that the token may read this repository".into()
            }
            Self::NoRevision { .. } => "check the branch, tag or commit after the `@`".into(),
            Self::Forbidden { .. } => "check what the token may do".into(),
            Self::RateLimited { after: Some(after), .. } => {
                format!("try again in {} s{}", seconds(after), "; a token raises the limit")
            }
            Self::RateLimited { after: None, .. } => "try again later; a token raises the limit".into(),
            Self::Status { status: 500.., .. } => "the Hub has a fault: try again later".into(),
            Self::Connect { .. } => {
                "check the network and HF_ENDPOINT; HF_HUB_OFFLINE=1 works from the cache".into()
            }
            Self::Stalled { .. } | Self::Cut { .. } => "try again: what was fetched is kept".into(),
            Self::Malformed { .. } | Self::Redirects { .. } => "check HF_ENDPOINT".into(),
            Self::Name(_) => "give owner/name, owner/name@revision, or the link of the model's page".into(),
            Self::Endpoint { .. } => "write HF_ENDPOINT or hub.endpoint like https://huggingface.co".into(),
            Self::Tls { .. } => "install the system's CA certificates".into(),
            Self::NoCache => "set HOME or HF_HOME".into(),
            Self::NoFile { .. } | Self::TooLarge { .. } | Self::Status { .. } => return None,
        })
    }
}

fn tail(said: &str) -> String {
    if said.is_empty() { String::new() } else { format!(": {said}") }
}

fn seconds(time: &Duration) -> f64 {
    (time.as_secs_f64() * 10.0).round() / 10.0
}
