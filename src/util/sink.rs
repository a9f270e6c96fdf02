//! How a room reports progress: it calls a sink with plain data. The screen's sink posts a message, the command
//! line's prints a line, a test's pushes to a vector; the room cannot tell which.

use std::sync::Arc;

/// Receives a room's events, from any thread. Must not block for long.
pub type Sink<E> = Arc<dyn Fn(E) + Send + Sync>;

/// A sink that forgets everything.
pub fn discard<E: 'static>() -> Sink<E> {
    Arc::new(|_| {})
}
