//! The program's own log: a file in the data folder, one a day, written only where `-v` or MLXPORT_LOG asks for it.

use tracing_subscriber::EnvFilter;

use crate::config::Settings;
use crate::util::{fs, id};

/// Starts logging to `logs/<date>.log`. Without a writable folder there is no log, and the program goes on.
pub fn start(settings: &Settings) {
    let Ok(filter) = EnvFilter::try_new(&settings.log.value) else { return };
    let day = id::timestamp().split('T').next().unwrap_or("log").to_string();
    let path = settings.home.value.logs().join(format!("{day}.log"));
    let Ok(file) = fs::open_append(&path) else { return };
    // A second run in one process (tests) keeps the first log.
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_writer(file).try_init();
}
