//! Where requests go and with which key. The key is never printed, not by `Debug`, not in an error.

use std::fmt;
use std::time::Duration;

use async_openai::config::Config;
use http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;

use crate::agent::data::StreamFailure;
use crate::util::blame::{Blame, Explain};

/// An OpenAI-compatible endpoint.
#[derive(Clone)]
pub struct Endpoint {
    base: Url,
    key: Option<SecretString>,
    extra: HeaderMap,
    pub timeouts: Timeouts,
}

/// How long to wait for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    pub connect: Duration,
    /// Until the answer's headers: a local server may read a long prompt first.
    pub first_byte: Duration,
    /// Between two bytes of an answer; comments that keep a connection alive count.
    pub idle: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(15),
            first_byte: Duration::from_secs(180),
            idle: Duration::from_secs(60),
        }
    }
}

/// Why an endpoint cannot be used as given.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum EndpointError {
    #[error("the base URL {url:?} is not one: {why}")]
    Url { url: String, why: String },
    #[error("the base URL holds a user name or password")]
    UrlHoldsSecret,
    #[error(
        "the API key holds a character that a header cannot carry (a newline or another control character)"
    )]
    Key,
    #[error("the header {name:?} cannot be sent")]
    Header { name: String },
    #[error("secure connections cannot be set up: {text}")]
    Tls { text: String },
}

impl Explain for EndpointError {
    fn blame(&self) -> Blame {
        match self {
            Self::Url { .. } | Self::UrlHoldsSecret | Self::Key | Self::Header { .. } => Blame::User,
            Self::Tls { .. } => Blame::Environment,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Url { .. } => {
                "give one such as http://localhost:8080/v1 with --base-url or MLXPORT_BASE_URL".into()
            }
            Self::UrlHoldsSecret => "put the key in MLXPORT_API_KEY and take it out of the URL".into(),
            Self::Key => "set MLXPORT_API_KEY again without line breaks".into(),
            Self::Header { .. } => "mend it under headers of the profile in config.toml".into(),
            Self::Tls { .. } => "install the system's CA certificates".into(),
        })
    }
}

impl Endpoint {
    /// Reads a base URL as people write it: with or without a slash or `/chat/completions` at its end.
    ///
    /// # Errors
    /// Not an http or https URL, a URL with credentials, or a key that no header can carry.
    pub fn new(base_url: &str, key: Option<SecretString>) -> Result<Self, EndpointError> {
        let wrong = |why: &str| EndpointError::Url { url: base_url.trim().to_string(), why: why.into() };
        if base_url.contains('@') {
            // Before any message that would repeat the URL.
            return Err(EndpointError::UrlHoldsSecret);
        }
        let trimmed = base_url.trim().trim_end_matches('/');
        let trimmed = trimmed.strip_suffix("/chat/completions").unwrap_or(trimmed);
        let base = Url::parse(trimmed).map_err(|error| wrong(&error.to_string()))?;
        if !matches!(base.scheme(), "http" | "https") || base.host_str().is_none() {
            return Err(wrong("it must begin with http:// or https://"));
        }
        let key = key.filter(|key| !key.expose_secret().trim().is_empty());
        let key = key.map(|key| SecretString::from(key.expose_secret().trim().to_string()));
        if let Some(key) = &key {
            bearer(key).ok_or(EndpointError::Key)?;
        }
        Ok(Self { base, key, extra: HeaderMap::new(), timeouts: Timeouts::default() })
    }

    /// Adds headers to every request. Their values may be secrets.
    ///
    /// # Errors
    /// A header's name or value cannot be sent.
    pub fn with_headers(mut self, headers: &[(String, SecretString)]) -> Result<Self, EndpointError> {
        for (name, value) in headers {
            let wrong = || EndpointError::Header { name: name.clone() };
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong())?;
            let mut value = HeaderValue::from_str(value.expose_secret()).map_err(|_| wrong())?;
            value.set_sensitive(true);
            self.extra.insert(name, value);
        }
        Ok(self)
    }

    /// Sets how long to wait.
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.timeouts = timeouts;
        self
    }

    /// Says whether a key is sent.
    pub fn has_key(&self) -> bool {
        self.key.is_some()
    }

    /// Gives scheme, host and path: what may be shown and logged.
    pub fn shown(&self) -> String {
        let mut url = self.base.clone();
        url.set_query(None);
        url.as_str().trim_end_matches('/').to_string()
    }

    /// Gives the host, for short messages.
    pub fn host(&self) -> String {
        let host = self.base.host_str().unwrap_or_default();
        self.base.port().map_or(host.to_string(), |port| format!("{host}:{port}"))
    }

    /// Says whether the endpoint is on this machine.
    pub fn is_loopback(&self) -> bool {
        matches!(self.base.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"))
    }

    pub(super) fn is_openai(&self) -> bool {
        self.base.host_str() == Some("api.openai.com")
    }

    pub(super) fn url(&self, path: &str) -> String {
        let mut url = self.base.clone();
        let joined = format!("{}{path}", url.path().trim_end_matches('/'));
        url.set_path(&joined);
        url.to_string()
    }

    pub(super) fn headers(&self) -> HeaderMap {
        let mut headers = self.extra.clone();
        headers.extend(self.key.as_ref().and_then(bearer).map(|value| (AUTHORIZATION, value)));
        headers
    }

    /// Takes the key out of a text: servers echo it in their refusals.
    pub(super) fn scrub(&self, failure: StreamFailure) -> StreamFailure {
        let key = self.key.as_ref().map(|key| key.expose_secret().to_string());
        // A short header value is a name, and taking it out would ruin the text.
        let values =
            self.extra.values().filter_map(|value| value.to_str().ok()).filter(|value| value.len() >= 8);
        let secrets: Vec<String> = key.into_iter().chain(values.map(str::to_string)).collect();
        let clean =
            |text: String| secrets.iter().fold(text, |text, secret| text.replace(secret.as_str(), "[key]"));
        StreamFailure { text: clean(failure.text), hint: failure.hint.map(clean), ..failure }
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = if self.has_key() { "set" } else { "none" };
        f.debug_struct("Endpoint").field("base", &self.shown()).field("key", &key).finish_non_exhaustive()
    }
}

fn bearer(key: &SecretString) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(&format!("Bearer {}", key.expose_secret())).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// The endpoint as async-openai wants it. Its own configuration reads OPENAI_API_KEY for any URL, panics on a key with a
/// newline, and prints the key.
pub(super) struct Keyed {
    endpoint: Endpoint,
    base: String,
    none: SecretString,
}

impl Keyed {
    pub(super) fn new(endpoint: &Endpoint) -> Self {
        Self { base: endpoint.shown(), endpoint: endpoint.clone(), none: SecretString::from(String::new()) }
    }
}

impl Config for Keyed {
    fn headers(&self) -> HeaderMap {
        self.endpoint.headers()
    }

    fn url(&self, path: &str) -> String {
        self.endpoint.url(path)
    }

    fn query(&self) -> Vec<(&str, &str)> {
        Vec::new()
    }

    fn api_base(&self) -> &str {
        &self.base
    }

    fn api_key(&self) -> &SecretString {
        // Asked for only by parts of the crate that are not used; the header is made above.
        &self.none
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(url: &str, key: &str) -> Result<Endpoint, EndpointError> {
        Endpoint::new(url, Some(SecretString::from(key.to_string())))
    }

    #[test]
    fn urls_are_read_as_people_write_them() {
        for url in ["http://h:1/v1", " http://h:1/v1/ ", "http://h:1/v1/chat/completions"] {
            assert_eq!(endpoint(url, "k").expect("good").url("/models"), "http://h:1/v1/models");
        }
        let azure = endpoint("https://h/openai?api-version=1", "k").expect("good");
        assert_eq!(azure.url("/chat/completions"), "https://h/openai/chat/completions?api-version=1");
        assert_eq!(azure.shown(), "https://h/openai");
    }

    #[test]
    fn a_bad_url_or_key_is_named_without_the_secret() {
        let why = "it must begin with http:// or https://".to_string();
        assert_eq!(endpoint("ftp://h", "k").err(), Some(EndpointError::Url { url: "ftp://h".into(), why }));
        assert_eq!(endpoint("http://me:sesame@h", "k").err(), Some(EndpointError::UrlHoldsSecret));
        assert_eq!(endpoint("http://h", "a\nb").err(), Some(EndpointError::Key));
        assert!(!endpoint("http://h", "  ").expect("an empty key is none").has_key());
    }

    #[test]
    fn debug_and_failures_do_not_hold_the_key() {
        let endpoint = endpoint("http://h/v1", "sk-secret").expect("good");
        assert_eq!(format!("{endpoint:?}"), "Endpoint { base: \"http://h/v1\", key: \"set\", .. }");
        assert!(!format!("{:?}", endpoint.headers()).contains("secret"));
        let failure = StreamFailure {
            kind: crate::agent::data::FailureKind::Auth,
            text: "bad key sk-secret".into(),
            hint: Some("sk-secret".into()),
        };
        let clean = endpoint.scrub(failure);
        assert_eq!((clean.text.as_str(), clean.hint.as_deref()), ("bad key [key]", Some("[key]")));
    }
}
