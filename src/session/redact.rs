//! What must not reach a log: known secrets, whatever looks like a key, and paths of this machine. Works on the strings
//! of the JSON value, not on its text, so that an escaped quote cannot hide a secret.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use regex::{Captures, Regex};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

/// What stands in place of a secret.
pub const REDACTED: &str = "[redacted]";

/// Shorter values are no secrets (`none`, `ollama`), and replacing them would ruin the text.
const SHORTEST_SECRET: usize = 8;

/// Removes secrets and machine paths from values.
#[derive(Clone, Default)]
pub struct Redactor {
    secrets: Vec<SecretString>,
    /// Absolute prefixes and their tokens, longest first.
    paths: Vec<(String, String)>,
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Redactor({} secrets, {} paths)", self.secrets.len(), self.paths.len())
    }
}

impl Redactor {
    /// Adds a secret that is known: it is removed wherever it stands, whole.
    pub fn secret(mut self, value: &str) -> Self {
        // A tool call's arguments are JSON in a string: there the secret stands escaped.
        let escaped = serde_json::to_string(value).unwrap_or_default();
        let escaped = escaped.trim_matches('"');
        for form in [value, escaped] {
            if form.len() >= SHORTEST_SECRET
                && !self.secrets.iter().any(|known| known.expose_secret() == form)
            {
                self.secrets.push(SecretString::from(form.to_string()));
            }
        }
        self
    }

    /// Writes a folder as a token (`$CHECKOUT`, `$TRANSFORMERS`, `$HOME_DIR`), in its given and canonical spelling.
    pub fn folder(mut self, folder: &Path, token: &str) -> Self {
        let canonical = folder.canonicalize().unwrap_or_else(|_| folder.to_path_buf());
        for form in [folder.to_path_buf(), canonical] {
            let text = form.to_string_lossy().trim_end_matches('/').to_string();
            if form.is_absolute() && !text.is_empty() && !self.paths.iter().any(|(known, _)| *known == text) {
                self.paths.push((text, token.to_string()));
            }
        }
        // Stable: the spelling given first is the one that `expand` restores.
        self.paths.sort_by_key(|(text, _)| std::cmp::Reverse(text.len()));
        self
    }

    /// Cleans every string of a value, keys included.
    pub fn value(&self, value: &mut Value) {
        each_string(value, &|text| self.text(text));
    }

    /// Cleans one text.
    pub fn text(&self, text: &str) -> String {
        let mut out = text.to_string();
        for secret in &self.secrets {
            if out.contains(secret.expose_secret()) {
                out = out.replace(secret.expose_secret(), REDACTED);
            }
            out = without_halves(out, secret.expose_secret());
        }
        for (pattern, keep) in PATTERNS.iter() {
            if pattern.is_match(&out) {
                out = pattern.replace_all(&out, |found: &Captures<'_>| replaced(found, *keep)).into_owned();
            }
        }
        for (prefix, token) in &self.paths {
            out = replace_prefix(&out, prefix, token);
        }
        out
    }

    /// Puts this machine's folders back in anything that can be written as JSON.
    pub fn expanded<T: serde::Serialize + serde::de::DeserializeOwned>(&self, of: T) -> T {
        let Ok(mut value) = serde_json::to_value(&of) else { return of };
        self.expand(&mut value);
        serde_json::from_value(value).unwrap_or(of)
    }

    /// Puts this machine's folders back for their tokens.
    pub fn expand(&self, value: &mut Value) {
        each_string(value, &|text| {
            let mut out = text.to_string();
            for (prefix, token) in &self.paths {
                out = replace_prefix(&out, token, prefix);
            }
            out
        });
    }
}

/// Removes the beginning of a secret at a text's end, and its end at a text's beginning: a message that was cut off, and what
/// came after it.
fn without_halves(mut text: String, secret: &str) -> String {
    // Half of a short secret would be found in ordinary words.
    if secret.len() < 2 * SHORTEST_SECRET {
        return text;
    }
    let lengths = || (SHORTEST_SECRET..secret.len()).rev().filter(|at| secret.is_char_boundary(*at));
    let trimmed = text.trim_end().len();
    if let Some(at) = lengths().find(|at| text[..trimmed].ends_with(&secret[..*at])) {
        text.replace_range(trimmed - at..trimmed, REDACTED);
    }
    let start = text.len() - text.trim_start().len();
    let ends = |at: &usize| text[start..].starts_with(&secret[secret.len() - *at..]);
    let boundary = |at: &usize| secret.is_char_boundary(secret.len() - *at);
    if let Some(at) = (SHORTEST_SECRET..secret.len()).rev().filter(boundary).find(ends) {
        text.replace_range(start..start + at, REDACTED);
    }
    text
}

/// How much of a match must stay.
#[derive(Clone, Copy)]
enum Keep {
    /// Nothing.
    None,
    /// The first group, if the second looks random: prose such as `bearer authentication` stays.
    FirstIfRandom,
    /// The first group.
    First,
}

static PATTERNS: LazyLock<Vec<(Regex, Keep)>> = LazyLock::new(|| {
    [
        (r"\bsk-[A-Za-z0-9_-]{16,}", Keep::None),
        (r"\b(?:hf|api_org)_[A-Za-z0-9]{16,}", Keep::None),
        (r"\bgh[pousr]_[A-Za-z0-9]{20,}", Keep::None),
        (r"\bgithub_pat_[A-Za-z0-9_]{20,}", Keep::None),
        (r"\bxox[abprs]-[A-Za-z0-9-]{10,}", Keep::None),
        (r"\bAIza[A-Za-z0-9_-]{35}", Keep::None),
        (r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b", Keep::None),
        (r"\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{5,}", Keep::None),
        (r"(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\z)", Keep::None),
        (r#"((?i:api[_-]?key|access[_-]?token|x-api-key)\\?["']?\s*[:=]\s*\\?["']?)([A-Za-z0-9._~+/=-]{16,})"#, Keep::FirstIfRandom),
        (r"((?i:authorization:\s*basic)\s+)([A-Za-z0-9+/=]{12,})", Keep::First),
        (r"((?i:bearer)\s+)([A-Za-z0-9._~+/=-]{12,})", Keep::FirstIfRandom),
        (r"(\b[A-Z][A-Z0-9_]*(?:API_KEY|_TOKEN|_SECRET|PASSWORD)\s*=\s*)\S+", Keep::First),
        (r"(\b[a-z][a-z0-9+.-]*://[^\s/:@]*:)[^\s/@]+(?:@)", Keep::First),
    ]
    .into_iter()
    .map(|(pattern, keep)| (Regex::new(pattern).expect("the patterns above are regular expressions"), keep))
    .collect()
});

fn replaced(found: &Captures<'_>, keep: Keep) -> String {
    let group = |index: usize| found.get(index).map_or("", |group| group.as_str());
    match keep {
        Keep::None => REDACTED.into(),
        Keep::First if group(0).ends_with('@') => format!("{}{REDACTED}@", group(1)),
        Keep::First => format!("{}{REDACTED}", group(1)),
        Keep::FirstIfRandom if group(2).contains(|c: char| c.is_ascii_digit()) => {
            format!("{}{REDACTED}", group(1))
        }
        Keep::FirstIfRandom => group(0).into(),
    }
}

/// Replaces a path where it ends at the end of a component: `/a/b` stands in `/a/b/c` but not in `/a/bc`.
fn replace_prefix(text: &str, prefix: &str, token: &str) -> String {
    if !text.contains(prefix) {
        return text.to_string();
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(prefix) {
        let after = &rest[at + prefix.len()..];
        let goes_on = after.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '-'));
        out.push_str(&rest[..at]);
        out.push_str(if goes_on { prefix } else { token });
        rest = after;
    }
    out.push_str(rest);
    out
}

fn each_string(value: &mut Value, change: &dyn Fn(&str) -> String) {
    match value {
        Value::String(text) => *text = change(text),
        Value::Array(items) => items.iter_mut().for_each(|item| each_string(item, change)),
        Value::Object(map) => {
            let old = std::mem::take(map);
            for (key, mut item) in old {
                each_string(&mut item, change);
                map.insert(change(&key), item);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The tokens of a session's folders.
pub fn tokens(checkout: &Path, transformers: &Path, home: &Path, person: Option<PathBuf>) -> Redactor {
    let redactor = Redactor::default()
        .folder(checkout, "$CHECKOUT")
        .folder(transformers, "$TRANSFORMERS")
        .folder(home, "$HOME_DIR");
    match person {
        Some(folder) => redactor.folder(&folder, "~"),
        None => redactor,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn known_secrets_go_in_every_spelling() {
        let redactor = Redactor::default().secret("a\"b\\c-secret").secret("short");
        let arguments = serde_json::to_string(&json!({"key": "a\"b\\c-secret"})).expect("json");
        let mut value =
            json!({"plain": "x a\"b\\c-secret y", "arguments": arguments, "a\"b\\c-secret": "short"});
        redactor.value(&mut value);
        assert_eq!(
            value,
            json!({"plain": "x [redacted] y", "arguments": "{\"key\":\"[redacted]\"}", "[redacted]": "short"})
        );
    }

    #[test]
    fn what_looks_like_a_key_goes_and_source_stays() {
        let redactor = Redactor::default();
        let cases = [
            ("key sk-proj-abcdefghij0123456789 end", "key [redacted] end"),
            ("hf_abcdefghijklmnopqrstuvwxyz", "[redacted]"),
            ("Authorization: Bearer abc.def-123456789", "Authorization: Bearer [redacted]"),
            ("HF_TOKEN=verysecret next", "HF_TOKEN=[redacted] next"),
            ("https://me:pass1@host/x", "https://me:[redacted]@host/x"),
            ("the bearer authentication-scheme stays", "the bearer authentication-scheme stays"),
            ("task-specific-arguments-for-sk-learn", "task-specific-arguments-for-sk-learn"),
            ("pad_token = self.tokenizer_of_a_model", "pad_token = self.tokenizer_of_a_model"),
            ("hf_config.num_hidden_layers", "hf_config.num_hidden_layers"),
            ("{\"api_key\": \"abcdefgh12345678\"}", "{\"api_key\": \"[redacted]\"}"),
            ("api_key = os.environ.get_the_value", "api_key = os.environ.get_the_value"),
            ("Authorization: Basic dXNlcjpwYXNzd29yZA==", "Authorization: Basic [redacted]"),
            ("t eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abcDEF_123", "t [redacted]"),
            ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\nx", "[redacted]\nx"),
        ];
        for (text, wanted) in cases {
            assert_eq!(redactor.text(text), wanted);
        }
    }

    #[test]
    fn halves_of_a_known_secret_go_where_a_text_was_cut() {
        let redactor = Redactor::default().secret("gizmo-4711-purple-elephant");
        assert_eq!(redactor.text("the key is gizmo-4711-pur"), "the key is [redacted]");
        assert_eq!(redactor.text("ple-elephant, then go on"), "[redacted], then go on");
        assert_eq!(redactor.text("a gizmo"), "a gizmo", "too little to be a secret");
    }

    #[test]
    fn folders_become_tokens_and_come_back() {
        let redactor = Redactor::default()
            .folder(Path::new("/data"), "$HOME_DIR")
            .folder(Path::new("/data/co"), "$CHECKOUT");
        let mut value =
            json!({"open": "/data/co/mlx_lm/a.py:3", "other": "/data/cold/x", "not": "/database"});
        redactor.value(&mut value);
        assert_eq!(
            value,
            json!({"open": "$CHECKOUT/mlx_lm/a.py:3", "other": "$HOME_DIR/cold/x", "not": "/database"})
        );
        redactor.expand(&mut value);
        assert_eq!(value["open"], "/data/co/mlx_lm/a.py:3");
    }
}
