//! Small tools every room may use: child processes, atomic writes, hashes, ids, safe text, and the
//! shape of an error report. Knows nothing of ports, models or screens; imports no other room.

pub mod blame;
pub mod detached;
pub mod front;
pub mod fs;
pub mod http;
pub mod id;
pub mod process;
pub mod sandbox;
pub mod sink;
pub mod text;
