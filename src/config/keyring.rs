//! The system's keychain through the system's own tool: `security` on macOS, `secret-tool` on a Linux desktop. It may be
//! missing, locked, or wait for somebody at the desktop while the person is here over SSH: then the reason is said, and
//! nothing hangs. Keys go through standard input and output, never on a command line.

use std::path::Path;
use std::time::Duration;

use super::env::Env;
use super::error::ConfigError;
use crate::util::process::{Command, Output, ProcessError};

/// The name under which keys stand in the keychain.
const SERVICE: &str = "mlxport";
/// How long an answer may take. An unlock dialog takes longer: the person answers it and asks again.
const LIMIT: Duration = Duration::from_secs(20);
/// What the tools need to find the desktop. Nothing else of the environment is theirs.
const NEEDED: [&str; 8] = [
    "PATH",
    "HOME",
    "DBUS_SESSION_BUS_ADDRESS",
    "XDG_RUNTIME_DIR",
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "XAUTHORITY",
    "LANG",
];

/// Gives a profile's key, if there is one.
pub(super) fn read(profile: &str) -> Result<Option<String>, ConfigError> {
    let env = Env::from_process();
    let done = match cfg!(target_os = "macos") {
        true => ask(&env, "security", &["find-generic-password", "-s", SERVICE, "-a", profile, "-w"], "")?,
        false => ask(&env, "secret-tool", &["lookup", "service", SERVICE, "profile", profile], "")?,
    };
    let text = done.text();
    match (done.status.success(), text.is_empty()) {
        (true, false) => Ok(Some(text)),
        // Both tools say nothing on stdout, and end with an error, where there is no such entry.
        (_, _) if is_absent(&done) => Ok(None),
        _ => Err(failed(&done)),
    }
}

/// Keeps a profile's key, in place of an earlier one.
pub(super) fn write(profile: &str, key: &str) -> Result<(), ConfigError> {
    let env = Env::from_process();
    let done = match cfg!(target_os = "macos") {
        true => {
            // In hex: the tool's own line reader would take quotes and backslashes for itself.
            let hex: String = key.bytes().map(|byte| format!("{byte:02x}")).collect();
            let line = format!("add-generic-password -U -s {SERVICE} -a {profile} -X {hex}\n");
            ask(&env, "security", &["-i"], &line)?
        }
        false => {
            let label = format!("--label=mlxport: key of profile {profile}");
            ask(&env, "secret-tool", &["store", &label, "service", SERVICE, "profile", profile], key)?
        }
    };
    // `security -i` ends well whatever its commands did: what counts is whether the key can be read again.
    match done.status.success() && read(profile)?.as_deref() == Some(key) {
        true => Ok(()),
        false => Err(failed(&done)),
    }
}

/// Removes a profile's key.
pub(super) fn remove(profile: &str) -> Result<(), ConfigError> {
    let env = Env::from_process();
    let done = match cfg!(target_os = "macos") {
        true => ask(&env, "security", &["delete-generic-password", "-s", SERVICE, "-a", profile], "")?,
        false => ask(&env, "secret-tool", &["clear", "service", SERVICE, "profile", profile], "")?,
    };
    if done.status.success() || is_absent(&done) { Ok(()) } else { Err(failed(&done)) }
}

fn ask(env: &Env, tool: &str, args: &[&str], input: &str) -> Result<Output, ConfigError> {
    let refused = |why: String| ConfigError::Keyring { why };
    reachable(env)?;
    let command = Command::new(tool).args(args).clear_env().stdin(input).timeout(LIMIT).any_exit();
    let vars = NEEDED.into_iter().filter_map(|name| Some((name, env.get(name)?)));
    let command = vars.fold(command, |command, (name, value)| command.env(name, value));
    command.run_blocking().map_err(|error| match error {
        ProcessError::Start { .. } if cfg!(target_os = "linux") => {
            refused(format!("`{tool}` is not installed (package libsecret-tools or libsecret)"))
        }
        ProcessError::Timeout { .. } => refused(format!(
            "no answer within {} s; it may be locked and wait for a password on the desktop",
            LIMIT.as_secs()
        )),
        // Without the command: it names the profile, which is fine, and nothing that helps.
        other => refused(other.to_string()),
    })
}

/// Says whether the tool's answer means that there is no such entry: 44 is errSecItemNotFound's exit code.
fn is_absent(done: &Output) -> bool {
    match cfg!(target_os = "macos") {
        true => done.status.code() == Some(44),
        false => done.status.code() == Some(1) && done.tail.trim().is_empty(),
    }
}

fn failed(done: &Output) -> ConfigError {
    let said = done.tail.lines().last().unwrap_or("it refused without words").trim().to_string();
    let locked =
        ["interaction is not allowed", "locked"].iter().any(|sign| said.to_lowercase().contains(sign));
    let why = if locked { format!("it is locked here ({said})") } else { said };
    ConfigError::Keyring { why }
}

/// Says at once where there can be no answer: `secret-tool` would try to start a desktop's bus.
fn reachable(env: &Env) -> Result<(), ConfigError> {
    let socket = env.get("XDG_RUNTIME_DIR").map(|folder| Path::new(folder).join("bus"));
    let bus = env.get("DBUS_SESSION_BUS_ADDRESS").is_some() || socket.is_some_and(|path| path.exists());
    match cfg!(target_os = "macos") || bus {
        true => Ok(()),
        false => Err(ConfigError::Keyring {
            why: "there is no desktop session here (no session bus: SSH, a container, or a machine without a desktop)"
                .into(),
        }),
    }
}
