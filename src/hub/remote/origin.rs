//! Which Hub, with which token, how patiently, and where its cache is.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use http::HeaderValue;
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};

use super::error::{RemoteError, Token};
use crate::config::Settings;

const DEFAULT: &str = "https://huggingface.co";

/// One Hub. The token goes to this origin only.
#[derive(Clone)]
pub struct Origin {
    pub endpoint: Url,
    token: Option<SecretString>,
    /// Nothing goes over the network.
    pub offline: bool,
    /// The standard Hub cache.
    pub cache: PathBuf,
    pub patience: Patience,
}

/// How long to wait for what, and how often to try.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Patience {
    pub connect: Duration,
    /// Between two bytes of an answer, and until its first.
    pub idle: Duration,
    /// The pause after the first failure; doubled after each.
    pub pause: Duration,
    /// The longest pause that is waited out; a server that asks for more is not asked again.
    pub longest: Duration,
    pub attempts: u32,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            idle: Duration::from_secs(30),
            pause: Duration::from_millis(500),
            longest: Duration::from_secs(300),
            attempts: 5,
        }
    }
}

impl Origin {
    /// Takes the Hub from the settings.
    ///
    /// # Errors
    /// An endpoint that is no URL, or no known place for the cache.
    pub fn of(settings: &Settings) -> Result<Self, RemoteError> {
        let text = settings.hf_endpoint.value.as_deref().unwrap_or(DEFAULT);
        let wrong = |why: String| RemoteError::Endpoint { url: text.to_string(), why };
        let mut endpoint = Url::parse(text).map_err(|error| wrong(error.to_string()))?;
        if endpoint.cannot_be_a_base() || endpoint.host_str().is_none() {
            return Err(wrong("it names no host".into()));
        }
        let path = endpoint.path().trim_end_matches('/').to_string();
        endpoint.set_path(&path);
        let cache = settings.hf_cache.value.clone().ok_or(RemoteError::NoCache)?;
        let token = settings.hf_token.value.clone();
        let offline = settings.hf_offline.value;
        Ok(Self { endpoint, token, offline, cache, patience: Patience::default() })
    }

    /// Sets how long to wait.
    pub fn patience(mut self, patience: Patience) -> Self {
        self.patience = patience;
        self
    }

    /// Gives host and port, for words.
    pub fn host(&self) -> String {
        let host = self.endpoint.host_str().unwrap_or_default();
        self.endpoint.port().map_or_else(|| host.to_string(), |port| format!("{host}:{port}"))
    }

    /// Tells whether requests carry a token.
    pub fn token_state(&self) -> Token {
        if self.token.is_some() { Token::Given } else { Token::None }
    }

    /// Gives the header for a request to `url`: none for another origin.
    pub(super) fn bearer(&self, url: &Url) -> Option<HeaderValue> {
        let token = self.token.as_ref().filter(|_| url.origin() == self.endpoint.origin())?;
        let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose_secret())).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// Takes the token out of what a server said: some echo it.
    pub(super) fn scrub(&self, said: String) -> String {
        match &self.token {
            Some(token) => said.replace(token.expose_secret(), "[token]"),
            None => said,
        }
    }

    /// Gives a URL below the endpoint; each segment is escaped.
    pub fn url(&self, segments: &[&str]) -> Url {
        let mut url = self.endpoint.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        url
    }

    pub(super) fn is_loopback(&self) -> bool {
        matches!(self.endpoint.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"))
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Origin")
            .field("endpoint", &self.endpoint.as_str())
            .field("token", &self.token_state())
            .field("offline", &self.offline)
            .field("cache", &self.cache)
            .finish_non_exhaustive()
    }
}
