//! Settings and folders: flag > environment > config.toml > default, each value with where it came from. The only
//! room that reads the environment. Leaves out what a setting does: rooms take [`Settings`] and decide.

mod env;
mod error;
mod file;
pub mod home;
mod hub;
mod keyring;
pub mod keys;
mod profile;
mod profiles;
mod settings;
mod value;

pub use env::{Env, Terminal};
pub use error::ConfigError;
pub use file::Warning;
pub use home::Home;
pub use profile::{Key, Profile, Role};
pub use settings::{Flags, Settings};
pub use value::{MlxLmSource, Provider, PushMode, Row, Setting, Source};
