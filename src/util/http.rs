//! What answers over HTTP say beside their body: how long to wait, and what an error page means in one line.

use http::header::{DATE, HeaderMap, RETRY_AFTER};

use super::text;

/// Reads how long to wait: seconds, a date, or the milliseconds that some endpoints add.
pub fn retry_after_ms(headers: &HeaderMap) -> Option<u64> {
    let get = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    if let Some(ms) = get("retry-after-ms").and_then(|text| text.parse::<f64>().ok()) {
        return Some(ms.max(0.0) as u64);
    }
    let text = get(RETRY_AFTER.as_str())?;
    if let Ok(seconds) = text.parse::<f64>() {
        return Some((seconds.max(0.0) * 1000.0) as u64);
    }
    let read = |text: &str| jiff::fmt::rfc2822::parse(text).ok().map(|date| date.timestamp());
    // The server's clock where it says it: ours may be wrong.
    let now = get(DATE.as_str()).and_then(read).unwrap_or_else(jiff::Timestamp::now);
    let wait = read(text)?.as_millisecond() - now.as_millisecond();
    u64::try_from(wait.max(0)).ok()
}

/// Gives the start of a body as one safe line; of a page, its title.
pub fn excerpt(body: &[u8]) -> String {
    let whole = String::from_utf8_lossy(&body[..body.len().min(4096)]);
    let lower = whole.to_ascii_lowercase();
    let title = lower.find("<title>").and_then(|start| {
        let end = start + lower[start..].find("</title>")?;
        whole.get(start + 7..end)
    });
    let said = title.unwrap_or(&whole);
    let line = said.split_whitespace().collect::<Vec<_>>().join(" ");
    text::truncate(&text::one_line(&line), 300)
}
