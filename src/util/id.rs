//! Short sortable identifiers and timestamps.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use sha2::{Digest, Sha256};

static COUNTER: AtomicU32 = AtomicU32::new(0);

/// Makes an identifier such as `20261123T221500-3f2a`: sorts by time, unique on this machine.
pub fn new_id() -> String {
    let now = jiff::Timestamp::now();
    let count = COUNTER.fetch_add(1, Ordering::Relaxed);
    let salt = format!("{}-{}-{count}", std::process::id(), nanos());
    format!("{}-{}", now.strftime("%Y%m%dT%H%M%S"), &sha256_hex(salt.as_bytes())[..6])
}

/// Gives the current time as RFC 3339 in UTC, to the second.
pub fn timestamp() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Shows seconds since 1970 by this machine's clock, to the minute: `2026-11-25 14:02`.
pub fn local_time(seconds: i64) -> String {
    let Ok(time) = jiff::Timestamp::from_second(seconds) else { return seconds.to_string() };
    jiff::tz::TimeZone::system().to_datetime(time).strftime("%Y-%m-%d %H:%M").to_string()
}

/// Hashes bytes with SHA-256, as lower-case hex.
pub fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn nanos() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_nanos())
}
