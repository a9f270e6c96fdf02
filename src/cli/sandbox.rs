//! `mlxport __sandbox PROFILE … -- PROGRAM ARGUMENTS…`: this process restricts itself and becomes the program.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::process::ExitCode;

use nix::unistd::{Pid, getppid};

use crate::util::blame::{Blame, Report};
use crate::util::sandbox::{Limits, Profile, Sandbox, enter};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Which sockets the program may have
    #[arg(value_enum)]
    profile: Profile,
    /// Let it read and run what is below PATH
    #[arg(long, value_name = "PATH")]
    read: Vec<PathBuf>,
    /// Let it write below FOLDER
    #[arg(long, value_name = "FOLDER")]
    write: Vec<PathBuf>,
    /// Keep PATH shut, although a folder above it may be read
    #[arg(long, value_name = "PATH")]
    hide: Vec<PathBuf>,
    /// Its whole environment
    #[arg(long, value_name = "NAME=VALUE")]
    env: Vec<OsString>,
    #[arg(long, value_name = "MIB")]
    mem_mb: Option<u64>,
    #[arg(long, value_name = "SECONDS")]
    cpu_s: Option<u64>,
    #[arg(long, default_value_t = Limits::default().procs)]
    procs: u64,
    #[arg(long, value_name = "MIB", default_value_t = Limits::default().file_mb)]
    file_mb: u64,
    /// The process that starts it, with which it ends
    #[arg(long, value_name = "PID", default_value_t = getppid().as_raw())]
    parent: i32,
    #[arg(last = true, required = true, value_name = "PROGRAM")]
    command: Vec<OsString>,
}

pub fn run(args: Args) -> Result<ExitCode, Report> {
    let env = args.env.into_iter().map(variable).collect::<Result<_, _>>()?;
    let limits = Limits { mem_mb: args.mem_mb, cpu_s: args.cpu_s, procs: args.procs, file_mb: args.file_mb };
    let sandbox =
        Sandbox { profile: args.profile, read: args.read, write: args.write, hidden: args.hide, env, limits };
    let Some((program, arguments)) = args.command.split_first() else {
        return Err(Report::new(Blame::User, "no program was given after `--`"));
    };
    match enter(&sandbox, Pid::from_raw(args.parent), program.as_ref(), arguments) {
        Ok(never) => match never {},
        Err(error) => Err(Report::from(&error)),
    }
}

fn variable(pair: OsString) -> Result<(OsString, OsString), Report> {
    let mut bytes = pair.into_vec();
    match bytes.iter().position(|byte| *byte == b'=') {
        Some(at) => {
            let value = OsString::from_vec(bytes.split_off(at + 1));
            bytes.pop();
            Ok((OsString::from_vec(bytes), value))
        }
        None => {
            let shown = OsString::from_vec(bytes).as_os_str().as_bytes().escape_ascii().to_string();
            Err(Report::new(Blame::User, format!("--env takes NAME=VALUE, not {shown}")))
        }
    }
}
