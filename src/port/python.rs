//! The Python environment: found or made, filled from the lock, marked when complete.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::context::Context;
use super::data::{EnvOwner, StepId};
use super::error::PortError;
use super::lock::Recipe;
use super::measure;
use super::step::Told;
use super::uv::{self, Uv};
use crate::util::blame::Explain;
use crate::util::fs::write_atomic;
use crate::util::process::{Command, ProcessError};

/// What mlx-lm itself asks for.
const WANTED: &str = ">=3.11";
const OFFERED: &str = "3.12";
/// Present when all packages were installed.
const INSTALLED: &str = ".mlxport-installed";
/// Present when they were compiled too.
const MARKER: &str = ".mlxport-complete";

/// An environment, ours or the person's.
#[derive(Clone, Debug)]
pub(super) struct PythonEnv {
    pub dir: PathBuf,
    pub python: PathBuf,
    pub owner: EnvOwner,
}

impl PythonEnv {
    fn ours(context: &Context, recipe: &Recipe) -> Self {
        let dir = context.home().env().join(&recipe.sha()[..12]);
        Self { python: dir.join("bin/python"), dir, owner: EnvOwner::Mlxport }
    }

    /// Says whether every package was installed.
    pub fn complete(&self) -> bool {
        self.owner == EnvOwner::Person || (self.dir.join(MARKER).is_file() && self.python.exists())
    }
}

/// Gives the environment that setup will use, whether it exists or not.
pub(super) fn planned(context: &Context, recipe: &Recipe) -> PythonEnv {
    match &context.settings.env_python.value {
        None => PythonEnv::ours(context, recipe),
        Some(python) => PythonEnv {
            dir: python.parent().and_then(Path::parent).unwrap_or(Path::new("/")).to_path_buf(),
            python: python.clone(),
            owner: EnvOwner::Person,
        },
    }
}

/// Makes an empty environment. One that is not complete is made again: a package that was being linked when the
/// power went looks installed, and downloads are kept in uv's cache anyway.
pub(super) async fn make(
    context: &Context,
    env: &PythonEnv,
    uv: Option<&Uv>,
) -> Result<((), Told), PortError> {
    if env.owner == EnvOwner::Person {
        if !env.python.is_file() {
            return Err(PortError::BadEnv {
                python: env.python.clone(),
                why: "there is no such file".into(),
            });
        }
        return Ok(((), Told::skipped(format!("{} is used as it is", env.python.display()))));
    }
    if env.complete() || (env.dir.join(INSTALLED).is_file() && env.python.exists()) {
        return Ok(((), Told::skipped("it is there")));
    }
    let uv = needed(uv)?;
    let python = interpreter(context, uv).await?;
    let command =
        uv.command(context).args(["venv", "--clear", "--no-project", "--python"]).arg(&python).arg(&env.dir);
    context.run(StepId::Python, command).await?;
    Ok(((), Told::done(python.display().to_string())))
}

fn needed(uv: Option<&Uv>) -> Result<&Uv, PortError> {
    uv.ok_or_else(|| PortError::NoUv { why: "it was not found".into(), detail: String::new() })
}

/// Finds a Python that mlx-lm accepts; without one, lets uv install one into our folder.
async fn interpreter(context: &Context, uv: &Uv) -> Result<PathBuf, PortError> {
    let find = || uv.command(context).args(["python", "find", "--no-project", WANTED]);
    if let Ok(found) = find().run().await {
        return Ok(found.text().into());
    }
    let own = context.home().env().join("python");
    let with_own = |command: Command| command.env("UV_PYTHON_INSTALL_DIR", &own);
    context.line(StepId::Python, &format!("no Python {WANTED} here; asking uv to install {OFFERED}"));
    let install = with_own(uv.command(context))
        .args(["python", "install", "--no-bin", OFFERED])
        .env("UV_HTTP_TIMEOUT", "30")
        .timeout(Duration::from_secs(900));
    if let Err(error) = install.run_with(|line| context.line(StepId::Python, line)).await {
        return Err(match error {
            ProcessError::Cancelled { .. } => PortError::Cancelled,
            error => PortError::NoPython { detail: error.detail().unwrap_or_else(|| error.to_string()) },
        });
    }
    let found = with_own(find()).run().await.map_err(PortError::step(StepId::Python))?;
    Ok(found.text().into())
}

/// Installs exactly the locked packages.
pub(super) async fn fill(
    context: &Context,
    env: &PythonEnv,
    (recipe, uv): (&Recipe, Option<&Uv>),
) -> Result<((), Told), PortError> {
    if env.owner == EnvOwner::Person {
        return Ok(((), Told::skipped("nothing is installed into the person's environment")));
    }
    if env.complete() || env.dir.join(INSTALLED).is_file() {
        return Ok(((), Told::skipped(format!("{} has them", env.dir.display()))));
    }
    let uv = needed(uv)?;
    let lock = lock_file(env);
    write_atomic(&lock, recipe.lock.as_bytes())?;
    let folders = vec![uv::cache(context), env.dir.clone()];
    let work = context.run(StepId::Packages, sync(context, uv, env));
    measure::watch(context, StepId::Packages, (folders, recipe.bytes), work).await?;
    write_atomic(&env.dir.join(INSTALLED), recipe.sha().as_bytes())?;
    let size = measure::bytes_below(std::slice::from_ref(&env.dir));
    Ok(((), Told::done(format!("{} in {}", crate::util::text::bytes(size), env.dir.display()))))
}

/// Compiles everything installed: the worker may not write bytecode, and imports in half the time with it.
pub(super) async fn compile(
    context: &Context,
    env: &PythonEnv,
    uv: Option<&Uv>,
) -> Result<((), Told), PortError> {
    if env.owner == EnvOwner::Person {
        return Ok(((), Told::skipped("the person's environment is left alone")));
    }
    if env.complete() {
        return Ok(((), Told::skipped("already compiled")));
    }
    // A sync in which nothing is left to install compiles all that is there.
    let command = sync(context, needed(uv)?, env).arg("--compile-bytecode");
    let output = context.run(StepId::Compile, command).await?;
    write_atomic(&env.dir.join(MARKER), b"")?;
    let note =
        output.tail.lines().find(|line| line.starts_with("Bytecode")).unwrap_or("compiled").to_string();
    Ok(((), Told::done(note)))
}

fn lock_file(env: &PythonEnv) -> PathBuf {
    env.dir.join("requirements.lock")
}

fn sync(context: &Context, uv: &Uv, env: &PythonEnv) -> Command {
    let command = uv.command(context).args(["pip", "sync", "--require-hashes", "--python"]);
    command.arg(&env.python).arg(lock_file(env))
}
