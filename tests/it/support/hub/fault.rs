//! What goes wrong, scripted: which requests, how many of them, and how.

use std::sync::Mutex;

use super::record::Origin;
use super::store::lock;

/// A fault. It matches all methods, both origins and every time unless narrowed.
#[derive(Clone, Debug)]
pub struct Fault {
    subject: String,
    origin: Option<Origin>,
    method: Option<&'static str>,
    skip: usize,
    left: usize,
    acts: Acts,
}

/// A scripted answer: status, headers, body.
pub type Given = (u16, Vec<(String, String)>, String);

/// How answers are changed; those of all matching faults are laid over each other.
#[derive(Clone, Debug, Default)]
pub struct Acts {
    /// Answered with this at once: status, headers, body.
    pub answer: Option<Given>,
    /// Headers set, or taken away.
    pub headers: Vec<(String, Option<String>)>,
    /// Bytes per second.
    pub slow: Option<u64>,
    pub cut: Option<u64>,
    pub silence: Option<u64>,
    /// No answer at all, and the connection stays.
    pub hang: bool,
    pub flip: Option<u64>,
    pub truncate: Option<u64>,
    pub ignore_range: bool,
    pub expired: bool,
    pub link_to: Option<String>,
}

impl Fault {
    /// Matches requests for a file, at the Hub and at the CDN. `*` in the path stands for anything.
    pub fn file(id: &str, path: &str) -> Self {
        Self::on(format!("{id}/{path}"))
    }

    /// Matches requests by path, as `/api/models/acme/harbor-1b*`; `*` stands for anything.
    pub fn api(path: &str) -> Self {
        Self::on(path.into())
    }

    /// Matches every request.
    pub fn all() -> Self {
        Self::on("*".into())
    }

    fn on(subject: String) -> Self {
        Self { subject, origin: None, method: None, skip: 0, left: usize::MAX, acts: Acts::default() }
    }

    /// Only at this origin.
    pub fn at(mut self, origin: Origin) -> Self {
        self.origin = Some(origin);
        self
    }

    /// Only this method: `GET`, `HEAD`.
    pub fn method(mut self, method: &'static str) -> Self {
        self.method = Some(method);
        self
    }

    /// Only the first `count` that match.
    pub fn times(mut self, count: usize) -> Self {
        self.left = count;
        self
    }

    /// Not the first `count` that match.
    pub fn after(mut self, count: usize) -> Self {
        self.skip = count;
        self
    }

    /// Answers with a status and the body that the Hub gives with it.
    pub fn status(self, status: u16) -> Self {
        let body = if status >= 500 {
            "<html><body>upstream error</body></html>"
        } else {
            "{\"error\":\"refused\"}"
        };
        self.answer(status, &[], body)
    }

    /// Answers with anything.
    pub fn answer(mut self, status: u16, headers: &[(&str, &str)], body: &str) -> Self {
        let headers = headers.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        self.acts.answer = Some((status, headers, body.into()));
        self
    }

    /// Answers 429 with `Retry-After` and the `RateLimit` headers.
    pub fn rate_limited(self, seconds: u64) -> Self {
        let (limit, retry) = (format!("\"api\";r=0;t={seconds}"), seconds.to_string());
        let policy = "\"fixed window\";\"api\";q=500;w=300";
        let headers = [("retry-after", retry.as_str()), ("ratelimit", &limit), ("ratelimit-policy", policy)];
        self.answer(429, &headers, "{\"error\":\"We had to rate limit you\"}")
    }

    /// Sends bodies at so many bytes per second.
    pub fn slow(mut self, bytes_per_second: u64) -> Self {
        self.acts.slow = Some(bytes_per_second);
        self
    }

    /// Breaks the connection after so many bytes of the body.
    pub fn cut_after(mut self, bytes: u64) -> Self {
        self.acts.cut = Some(bytes);
        self
    }

    /// Sends so many bytes of the body, then nothing, and keeps the connection.
    pub fn silence_after(mut self, bytes: u64) -> Self {
        self.acts.silence = Some(bytes);
        self
    }

    /// Never answers, and keeps the connection.
    pub fn hang(mut self) -> Self {
        self.acts.hang = true;
        self
    }

    /// Inverts the byte at this place of the file.
    pub fn flip(mut self, at: u64) -> Self {
        self.acts.flip = Some(at);
        self
    }

    /// Serves the file as if it ended here; what the Hub says of its size stays.
    pub fn truncate(mut self, size: u64) -> Self {
        self.acts.truncate = Some(size);
        self
    }

    /// Answers 200 with the whole file whatever range is asked.
    pub fn ignore_range(mut self) -> Self {
        self.acts.ignore_range = true;
        self
    }

    /// The signed link to the CDN is over: 403 there.
    pub fn expired(mut self) -> Self {
        self.acts.expired = true;
        self
    }

    /// The redirect to the CDN leads to this base URL instead, as a hostile Hub's might.
    pub fn link_to(mut self, base: &str) -> Self {
        self.acts.link_to = Some(base.into());
        self
    }

    /// Sets a header: a wrong `x-linked-size`, `etag`, `content-range`.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.acts.headers.push((name.into(), Some(value.into())));
        self
    }

    /// Takes a header away.
    pub fn without(mut self, name: &str) -> Self {
        self.acts.headers.push((name.into(), None));
        self
    }

    fn matches(&self, origin: Origin, method: &str, subject: &str) -> bool {
        self.origin.is_none_or(|only| only == origin)
            && self.method.is_none_or(|only| only == method)
            && glob(&self.subject, subject)
    }
}

#[derive(Default)]
pub struct Faults(Mutex<Vec<Fault>>);

impl Faults {
    pub fn add(&self, fault: Fault) {
        lock(&self.0).push(fault);
    }

    pub fn clear(&self) {
        lock(&self.0).clear();
    }

    /// Gives what happens to this request, and counts it.
    pub fn take(&self, origin: Origin, method: &str, subject: &str) -> Acts {
        let mut acts = Acts::default();
        for fault in lock(&self.0).iter_mut().filter(|fault| fault.matches(origin, method, subject)) {
            if fault.skip > 0 {
                fault.skip -= 1;
            } else if fault.left > 0 {
                fault.left -= 1;
                acts.lay(&fault.acts);
            }
        }
        acts
    }
}

impl Acts {
    fn lay(&mut self, over: &Self) {
        self.answer = self.answer.take().or_else(|| over.answer.clone());
        self.headers.extend(over.headers.iter().cloned());
        self.slow = self.slow.or(over.slow);
        self.cut = self.cut.or(over.cut);
        self.silence = self.silence.or(over.silence);
        self.flip = self.flip.or(over.flip);
        self.truncate = self.truncate.or(over.truncate);
        self.link_to = self.link_to.take().or_else(|| over.link_to.clone());
        self.hang |= over.hang;
        self.ignore_range |= over.ignore_range;
        self.expired |= over.expired;
    }
}

fn glob(pattern: &str, text: &str) -> bool {
    let Some((before, after)) = pattern.split_once('*') else { return pattern == text };
    let Some(rest) = text.strip_prefix(before) else { return false };
    after.is_empty() || (0..=rest.len()).any(|at| rest.is_char_boundary(at) && glob(after, &rest[at..]))
}
