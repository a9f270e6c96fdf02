//! How far, how fast, how long still; told a few times a second.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::hub::data::{DownloadEvent, DownloadPlan};
use crate::util::sink::Sink;

const EVERY: Duration = Duration::from_millis(250);
/// The rate is over this long.
const WINDOW: Duration = Duration::from_secs(5);

/// Counts bytes of all files of a download.
pub(super) struct Meter {
    sink: Sink<DownloadEvent>,
    total: u64,
    files: usize,
    state: Mutex<State>,
}

struct State {
    /// Bytes that are there, from before or now.
    done: u64,
    files_done: usize,
    /// Bytes that came over the wire, by time.
    came: u64,
    seen: VecDeque<(Instant, u64)>,
    told: Option<Instant>,
}

impl Meter {
    pub(super) fn new(plan: &DownloadPlan, sink: Sink<DownloadEvent>) -> Self {
        let state = State { done: 0, files_done: 0, came: 0, seen: VecDeque::new(), told: None };
        Self { sink, total: plan.total, files: plan.files.len(), state: Mutex::new(state) }
    }

    /// Tells something other than progress.
    pub(super) fn say(&self, event: DownloadEvent) {
        (self.sink)(event);
    }

    /// Bytes that are there from before.
    pub(super) fn had(&self, bytes: u64) {
        self.with(|state| state.done += bytes);
    }

    /// Bytes that came.
    pub(super) fn came(&self, bytes: u64) {
        let due = self.with(|state| {
            state.done += bytes;
            state.came += bytes;
            state.told.is_none_or(|told| told.elapsed() >= EVERY)
        });
        if due {
            self.tell();
        }
    }

    /// Bytes that turned out to be wrong.
    pub(super) fn lost(&self, bytes: u64) {
        self.with(|state| state.done = state.done.saturating_sub(bytes));
    }

    /// One file is whole.
    pub(super) fn finished(&self) {
        self.with(|state| state.files_done += 1);
        self.tell();
    }

    /// Gives the bytes that are there.
    pub(super) fn done(&self) -> u64 {
        self.with(|state| state.done)
    }

    /// Tells where it stands.
    pub(super) fn tell(&self) {
        let (total, files) = (self.total, self.files);
        let event = self.with(|state| {
            let now = Instant::now();
            state.told = Some(now);
            state.seen.push_back((now, state.came));
            while state.seen.len() > 2 && state.seen.front().is_some_and(|(at, _)| now - *at > WINDOW) {
                state.seen.pop_front();
            }
            let rate = rate(&state.seen);
            let seconds_left = total.saturating_sub(state.done).checked_div(rate);
            DownloadEvent::Progress {
                done: state.done,
                total,
                rate,
                seconds_left,
                files_done: state.files_done,
                files,
            }
        });
        (self.sink)(event);
    }

    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        change(&mut state)
    }
}

/// Bytes a second between the first and the last reading.
fn rate(seen: &VecDeque<(Instant, u64)>) -> u64 {
    let (Some((start, from)), Some((end, to))) = (seen.front(), seen.back()) else { return 0 };
    let seconds = (*end - *start).as_secs_f64();
    if seconds > 0.0 { ((to - from) as f64 / seconds) as u64 } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_between_the_first_and_the_last_reading() {
        let now = Instant::now();
        let seen = VecDeque::from([
            (now, 100),
            (now + Duration::from_secs(2), 500),
            (now + Duration::from_secs(4), 900),
        ]);
        assert_eq!(rate(&seen), 200);
        assert_eq!(rate(&VecDeque::from([(now, 7)])), 0);
    }
}
