//! What was asked, by whom, and how many bytes went out.

use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use super::store::lock;

/// Where a request arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    Hub,
    Cdn,
}

/// One request.
#[derive(Clone, Debug)]
pub struct Request {
    pub origin: Origin,
    pub method: String,
    /// As sent, without the query.
    pub path: String,
    pub query: String,
    /// `<id>/<path>` for a file at either origin, else the path.
    pub subject: String,
    pub range: Option<String>,
    pub if_none_match: Option<String>,
    pub authorization: Option<String>,
    pub user_agent: Option<String>,
    /// 0 while it is open or was never answered.
    pub status: u16,
    /// Body bytes handed to the socket; a client that leaves early may have read less.
    pub sent: u64,
}

/// A request under way.
pub struct Entry {
    request: Request,
    status: AtomicU16,
    sent: AtomicU64,
}

impl Entry {
    pub fn answered(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }

    pub fn sent(&self, bytes: usize) {
        self.sent.fetch_add(bytes as u64, Ordering::SeqCst);
    }
}

#[derive(Default)]
pub struct Log {
    entries: Mutex<Vec<Arc<Entry>>>,
    problems: Mutex<Vec<String>>,
}

impl Log {
    pub fn open(&self, request: Request) -> Arc<Entry> {
        let entry = Arc::new(Entry { request, status: AtomicU16::new(0), sent: AtomicU64::new(0) });
        lock(&self.entries).push(entry.clone());
        entry
    }

    pub fn problem(&self, text: String) {
        lock(&self.problems).push(text);
    }

    pub fn requests(&self) -> Vec<Request> {
        let view = |entry: &Arc<Entry>| Request {
            status: entry.status.load(Ordering::SeqCst),
            sent: entry.sent.load(Ordering::SeqCst),
            ..entry.request.clone()
        };
        lock(&self.entries).iter().map(view).collect()
    }

    pub fn problems(&self) -> Vec<String> {
        lock(&self.problems).clone()
    }

    pub fn clear(&self) {
        lock(&self.entries).clear();
        lock(&self.problems).clear();
    }
}
