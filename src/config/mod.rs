//! Settings and folders: flag > environment > config.toml > default, each value with where it came from. The only
//! room that reads the environment.

pub mod home;

pub use home::Home;
