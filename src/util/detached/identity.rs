//! Which process a number means: numbers are used again, a number with its start is not. Also who belongs to a session.

use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

/// A process, recognisable after its number was given to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    pub pid: i32,
    /// When it started, in the system's own words.
    pub started: String,
}

impl Identity {
    /// Takes the identity of this process.
    pub fn own() -> Self {
        let pid = Pid::this().as_raw();
        Self { pid, started: started(pid).unwrap_or_default() }
    }

    /// Says whether this very process still lives.
    pub fn lives(&self) -> bool {
        !self.started.is_empty() && started(self.pid).as_deref() == Some(self.started.as_str())
    }
}

/// Gives a live process's start: boot and clock ticks since. A zombie has ended.
#[cfg(target_os = "linux")]
fn started(pid: i32) -> Option<String> {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let fields = fields(pid)?;
    if matches!(fields.first().map(String::as_str), Some("Z" | "X")) {
        return None;
    }
    Some(format!("{} {}", boot.trim(), fields.get(19)?))
}

/// Reads `/proc/PID/stat` from the third field on (proc_pid_stat(5)); the second may hold anything.
#[cfg(target_os = "linux")]
fn fields(pid: i32) -> Option<Vec<String>> {
    let text = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
    let text = String::from_utf8_lossy(&text).into_owned();
    let (_, rest) = text.rsplit_once(')')?;
    Some(rest.split_whitespace().map(str::to_string).collect())
}

/// Lists the live processes of a session.
#[cfg(target_os = "linux")]
pub async fn session(leader: i32) -> Vec<Pid> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    let numbers = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let in_session = |pid: &i32| {
        fields(*pid).is_some_and(|fields| {
            !matches!(fields[0].as_str(), "Z" | "X")
                && fields.get(3).is_some_and(|id| *id == leader.to_string())
        })
    };
    numbers.filter(in_session).map(Pid::from_raw).collect()
}

#[cfg(not(target_os = "linux"))]
fn started(pid: i32) -> Option<String> {
    // A thread of its own: this may be called from an asynchronous worker.
    let look = move || ps(&["-o", "stat=,lstart=", "-p", &pid.to_string()]).run_blocking();
    let text = std::thread::spawn(look).join().ok()?.ok()?.text();
    let (stat, start) = text.trim().split_once(' ')?;
    (!stat.starts_with('Z')).then(|| start.trim().to_string())
}

/// Lists a process and its descendants: `ps` does not tell sessions here.
#[cfg(not(target_os = "linux"))]
pub async fn session(leader: i32) -> Vec<Pid> {
    let Ok(output) = ps(&["-axo", "pid=,ppid=,stat="]).run().await else { return Vec::new() };
    let rows: Vec<(i32, i32)> = output.text().lines().filter_map(row).collect();
    let mut found = vec![leader];
    let mut at = 0;
    while let Some(parent) = found.get(at).copied() {
        found.extend(rows.iter().filter(|(_, of)| *of == parent).map(|(pid, _)| *pid));
        at += 1;
    }
    found.retain(|pid| rows.iter().any(|(alive, _)| alive == pid));
    found.into_iter().map(Pid::from_raw).collect()
}

#[cfg(not(target_os = "linux"))]
fn row(line: &str) -> Option<(i32, i32)> {
    let mut parts = line.split_whitespace();
    let pair = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    parts.next().is_some_and(|stat| !stat.starts_with('Z')).then_some(pair)
}

#[cfg(not(target_os = "linux"))]
fn ps(arguments: &[&str]) -> crate::util::process::Command {
    crate::util::process::Command::new("/bin/ps").args(arguments)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_with_another_start_is_another_process() {
        let own = Identity::own();
        assert!(own.lives());
        assert!(!Identity { started: "long ago".into(), ..own }.lives());
    }
}
