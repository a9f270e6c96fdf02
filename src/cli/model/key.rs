//! `mlxport model key`: from standard input or typed without echo; never from the command line, which every process of the
//! machine can read.

use std::io::{IsTerminal, Read};
use std::process::ExitCode;

use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use crate::cli::{Common, INTERRUPTED, output};
use crate::config::keys::{self, Keep};
use crate::util::blame::{Blame, Report};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Key {
    /// Keep the key of a profile, read from standard input or typed without echo
    Set {
        /// The profile's name
        #[arg(value_name = "PROFILE")]
        chosen: String,
        /// Keep it in the system's keychain instead of a file that only you can read
        #[arg(long)]
        keyring: bool,
    },
    /// Forget the kept key of a profile
    Remove {
        /// The profile's name
        #[arg(value_name = "PROFILE")]
        chosen: String,
    },
}

pub(super) fn run(key: Key, common: &Common) -> Result<ExitCode, Report> {
    let settings = common.settings()?;
    let home = &settings.home.value;
    match key {
        Key::Set { chosen, keyring } => {
            let profile = super::named(&settings, &chosen)?;
            let Some(text) = read(profile.shown())? else { return Ok(ExitCode::from(INTERRUPTED)) };
            let keep = if keyring { Keep::Keyring } else { Keep::File };
            keys::set(home, &profile, text.expose_secret(), keep).map_err(|error| Report::from(&error))?;
            let place = match keep {
                Keep::File => home.keys_file().display().to_string(),
                Keep::Keyring => "the system's keychain".into(),
            };
            let before = keys::shadow(&profile);
            if common.json {
                output::json(
                    &json!({"schema": 1, "profile": profile.name, "kept_in": place, "stands_behind": before}),
                );
                return Ok(ExitCode::SUCCESS);
            }
            output::line(&format!("the key of profile {} is kept in {place}", profile.shown()));
            if let Some(source) = before {
                output::line(&format!("it is not used while {source} gives another"));
            }
        }
        Key::Remove { chosen } => {
            let removed = keys::remove(home, &chosen).map_err(|error| Report::from(&error))?;
            if common.json {
                output::json(&json!({"schema": 1, "profile": chosen, "removed": removed}));
            } else if removed {
                output::line(&format!("the kept key of profile {chosen} is removed"));
            } else {
                output::line(&format!("no key of profile {chosen} was kept"));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Reads the key; none when the person gave up.
fn read(profile: &str) -> Result<Option<SecretString>, Report> {
    let failed =
        |error: std::io::Error| Report::new(Blame::Environment, format!("cannot read the key: {error}"));
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        let mut text = String::new();
        stdin.lock().take(64 << 10).read_to_string(&mut text).map_err(failed)?;
        return Ok(Some(SecretString::from(text)));
    }
    output::progress(&format!("type or paste the key of profile {profile}, then Enter; it is not shown"));
    let before = tcgetattr(&stdin).map_err(|errno| failed(errno.into()))?;
    let mut silent = before.clone();
    // Without signals: Ctrl-C must not end the program while the terminal is silent.
    silent.local_flags.remove(LocalFlags::ECHO | LocalFlags::ICANON | LocalFlags::ISIG);
    let _back = Back(before);
    tcsetattr(&stdin, SetArg::TCSANOW, &silent).map_err(|errno| failed(errno.into()))?;
    let mut typed = String::new();
    for byte in stdin.lock().bytes() {
        match byte.map_err(failed)? {
            b'\r' | b'\n' => break,
            3 | 4 => return Ok(None),
            8 | 127 => drop(typed.pop()),
            21 => typed.clear(),
            byte => typed.push(char::from(byte)),
        }
    }
    Ok(Some(SecretString::from(typed)))
}

/// Gives the terminal back as it was.
struct Back(Termios);

impl Drop for Back {
    fn drop(&mut self) {
        let _ = tcsetattr(std::io::stdin(), SetArg::TCSANOW, &self.0);
    }
}
