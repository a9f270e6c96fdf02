//! What jobs share: settings, the workspace once it is there, the warm harness, and when the program started.

use std::sync::RwLock;
use std::time::Instant;

use crate::app::Millis;
use crate::config::Home;

/// Shared by all jobs of a run.
#[derive(Debug)]
pub struct Services {
    pub home: Home,
    pub session: String,
    start: Instant,
    _workspace: RwLock<()>,
}

impl Services {
    /// Starts the clock.
    pub fn new(home: Home, session: String) -> Self {
        Self { home, session, start: Instant::now(), _workspace: RwLock::new(()) }
    }

    /// Gives the milliseconds since the program started: the only clock of `app`.
    pub fn now(&self) -> Millis {
        Millis::try_from(self.start.elapsed().as_millis()).unwrap_or(Millis::MAX)
    }

    /// Gives the moment at which the clock shows this.
    pub fn instant(&self, at: Millis) -> Instant {
        self.start + std::time::Duration::from_millis(at)
    }
}
