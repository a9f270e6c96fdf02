//! Names for what goes wrong between us and an endpoint, with what to do next. Texts hold the host, never the key (the
//! client scrubs what servers echo).

use std::error::Error;
use std::time::Duration;

use http::StatusCode;
use http::header::{HeaderMap, LOCATION};
use serde_json::Value;

use super::endpoint::Endpoint;
use crate::agent::data::{FailureKind, StreamFailure};
use crate::util::http::{excerpt, retry_after_ms as retry_after};

fn make(kind: FailureKind, text: String, hint: Option<&str>) -> StreamFailure {
    StreamFailure { kind, text, hint: hint.map(str::to_string) }
}

/// The stream ended before the model did.
pub(super) fn cut(endpoint: &Endpoint) -> StreamFailure {
    make(
        FailureKind::Cut,
        format!("{} closed the stream before the model was finished", endpoint.host()),
        None,
    )
}

/// Nothing came for too long.
pub(super) fn stalled(endpoint: &Endpoint, limit: Duration) -> StreamFailure {
    let text = format!("{} said nothing for {} s", endpoint.host(), limit.as_secs_f32());
    make(
        FailureKind::Stalled,
        text,
        Some("it is asked again; a local server may still be reading the prompt"),
    )
}

/// The answer is not what the API promises.
pub(super) fn protocol(endpoint: &Endpoint, what: &str) -> StreamFailure {
    make(FailureKind::Protocol, format!("{}: {what}", endpoint.host()), Some("check the base URL"))
}

/// The answer is a page, or another API's.
pub(super) fn not_an_api(endpoint: &Endpoint, kind: &str, body: &[u8]) -> StreamFailure {
    let kind = if kind.is_empty() { "an unnamed type" } else { kind };
    let start = excerpt(body);
    let text =
        format!("{} answered with {kind} where chat completions were expected: {start}", endpoint.shown());
    make(FailureKind::Protocol, text, Some("check the base URL; it usually ends in /v1"))
}

/// No connection, or a request that could not leave.
pub(super) fn connect(endpoint: &Endpoint, error: reqwest::Error) -> StreamFailure {
    let error = error.without_url();
    let mut root: &dyn Error = &error;
    while let Some(source) = root.source() {
        root = source;
    }
    let why = if error.is_timeout() { "no connection in time".to_string() } else { root.to_string() };
    let hint = match endpoint.is_loopback() {
        true => "is the local server running, and on this port",
        false => "check the network and the base URL",
    };
    make(FailureKind::Connect, format!("cannot reach {}: {why}", endpoint.host()), Some(hint))
}

/// The endpoint answered with a status that is not success.
pub(super) fn refused(
    endpoint: &Endpoint,
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
) -> StreamFailure {
    let object: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
    let said = message(&object).unwrap_or_else(|| excerpt(body));
    let text = match said.is_empty() {
        true => format!("{} answered {status}", endpoint.host()),
        false => format!("{} answered {}: {said}", endpoint.host(), status.as_u16()),
    };
    let retry_after_ms = retry_after(headers);
    match status.as_u16() {
        401 | 403 => {
            let hint = match endpoint.has_key() {
                true => "check the API key and that it may use this model",
                false => "set MLXPORT_API_KEY",
            };
            make(FailureKind::Auth, text, Some(hint))
        }
        402 => make(FailureKind::Auth, text, Some("the account has no credit left")),
        429 if is_quota(&object) => make(FailureKind::Auth, text, Some("the account has no credit left")),
        429 => make(FailureKind::RateLimit { retry_after_ms }, text, None),
        // Before 404 and 5xx: servers refuse a request that is too long under any of these.
        _ if is_overflow(&object, &said) => make(
            FailureKind::ContextOverflow,
            text,
            Some("start a new session, or use a model with a longer context"),
        ),
        404 => make(
            FailureKind::BadRequest,
            text,
            Some("check the model's name, and the base URL: it usually ends in /v1"),
        ),
        408 | 409 | 425 | 500.. => make(FailureKind::Server { retry_after_ms }, text, None),
        300..=399 => {
            let to = headers.get(LOCATION).and_then(|value| value.to_str().ok()).unwrap_or("another address");
            let text = format!("{} redirects to {}", endpoint.host(), excerpt(to.as_bytes()));
            make(
                FailureKind::BadRequest,
                text,
                Some("set that as the base URL; a key is not sent after a redirect"),
            )
        }
        413 => make(FailureKind::ContextOverflow, text, None),
        _ => make(FailureKind::BadRequest, text, None),
    }
}

/// An error object inside a stream or a 200.
pub(super) fn in_stream(object: &Value) -> StreamFailure {
    let said = message(object).unwrap_or_else(|| "an error without words".into());
    let text = format!("the endpoint reported: {said}");
    let inner = if object["error"].is_object() { &object["error"] } else { object };
    let code = [&inner["code"], &inner["status"], &inner["status_code"]];
    let code = code.iter().find_map(|code| code.as_u64().or_else(|| code.as_str()?.parse().ok()));
    let kind = match code {
        _ if is_overflow(object, &said) => FailureKind::ContextOverflow,
        Some(401..=403) => FailureKind::Auth,
        Some(429) => FailureKind::RateLimit { retry_after_ms: None },
        Some(400 | 404 | 422) => FailureKind::BadRequest,
        _ if said.to_ascii_lowercase().contains("rate limit") => {
            FailureKind::RateLimit { retry_after_ms: None }
        }
        _ => FailureKind::Server { retry_after_ms: None },
    };
    make(kind, text, None)
}

/// Finds the words in an error object of any of the shapes that servers use.
fn message(object: &Value) -> Option<String> {
    let error = &object["error"];
    let places =
        [&error["message"], error, &object["message"], &object["detail"], &object["detail"][0]["msg"]];
    let said = places.into_iter().find_map(Value::as_str)?;
    // Some gateways put the provider's own refusal, as text, below their own "Provider returned error".
    let raw = error["metadata"]["raw"].as_str().map(|raw| format!(" ({raw})")).unwrap_or_default();
    Some(excerpt(format!("{said}{raw}").as_bytes()))
}

fn is_overflow(object: &Value, said: &str) -> bool {
    let code =
        object["error"]["code"].as_str().or_else(|| object["error"]["type"].as_str()).unwrap_or_default();
    let said = said.to_ascii_lowercase();
    // OpenAI, vLLM and llama.cpp in their several versions, Ollama, LM Studio, SGLang, TGI, and what the router's
    // providers pass on.
    let signs = [
        "context length",
        "context window",
        "context size",
        "context_length",
        "maximum context",
        "maximum model length",
        "max_model_len",
        "maximum prompt length",
        "prompt is too long",
        "prompt too long",
        "input is too long",
        "too many tokens",
        "maximum number of tokens",
        "reduce the length of the messages",
        "max_new_tokens` must be <=",
        "`inputs` must have less than",
    ];
    let codes = ["context_length_exceeded", "exceed_context_size_error", "context_window_exceeded"];
    codes.contains(&code) || signs.iter().any(|sign| said.contains(sign))
}

fn is_quota(object: &Value) -> bool {
    let error = &object["error"];
    [&error["code"], &error["type"]].into_iter().any(|value| value.as_str() == Some("insufficient_quota"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (http::HeaderName::from_static(name), http::HeaderValue::from_static(value))
        };
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn waits_are_read_in_every_spelling() {
        assert_eq!(retry_after(&headers(&[("retry-after", "7")])), Some(7000));
        assert_eq!(retry_after(&headers(&[("retry-after", "0.5")])), Some(500));
        assert_eq!(retry_after(&headers(&[("retry-after-ms", "250"), ("retry-after", "9")])), Some(250));
        let dated =
            [("date", "Wed, 21 Oct 2015 07:28:00 GMT"), ("retry-after", "Wed, 21 Oct 2015 07:28:30 GMT")];
        assert_eq!(retry_after(&headers(&dated)), Some(30_000));
        assert_eq!(retry_after(&headers(&[("retry-after", "soon")])), None);
    }

    #[test]
    fn error_objects_of_every_shape_keep_their_words_and_kind() {
        let cases = [
            (
                json!({"error": {"message": "slow down", "code": 429}}),
                FailureKind::RateLimit { retry_after_ms: None },
            ),
            (json!({"error": "slow down"}), FailureKind::Server { retry_after_ms: None }),
            (json!({"object": "error", "message": "slow down", "code": 400}), FailureKind::BadRequest),
            (
                json!({"error": {"message": "slow down", "code": "context_length_exceeded"}}),
                FailureKind::ContextOverflow,
            ),
        ];
        for (object, kind) in cases {
            let failure = in_stream(&object);
            assert_eq!(
                (failure.kind, failure.text.as_str()),
                (kind, "the endpoint reported: slow down"),
                "{object}"
            );
        }
    }

    #[test]
    fn a_page_is_known_by_its_title_and_control_characters_do_not_pass() {
        assert_eq!(excerpt(b"<html><head><TITLE>Sign\n in</title></head>"), "Sign in");
        assert_eq!(excerpt(b"a\x1b[31mb"), "a\u{241b}[31mb");
    }
}
