//! Makes `import mlx_lm` find the checkout. A .pth file and not `pip install -e`: that would run the checkout's build
//! outside the sandbox, want a git history with tags, and change an environment that is what the lock says.

use std::path::{Path, PathBuf};

use super::context::Context;
use super::data::EnvOwner;
use super::error::PortError;
use super::python::PythonEnv;
use super::step::Told;
use crate::util::fs::{read_text, write_atomic};

const PTH: &str = "mlxport_checkout.pth";

/// Writes what upstream's build would: the version file, and the path into our own environment. The person's
/// environment is left alone; the harness puts the checkout on the path by itself.
pub(super) async fn link(
    context: &Context,
    checkout: &Path,
    (env, version): (&PythonEnv, &str),
) -> Result<((), Told), PortError> {
    write_version(context, checkout, version).await?;
    if env.owner == EnvOwner::Person {
        return Ok((
            (),
            Told::skipped("the person's environment is left alone; checks use the checkout by path"),
        ));
    }
    if context.home().shared() != context.home().root() {
        let text = "the shared environment is left alone; checks use the checkout by path";
        return Ok(((), Told::skipped(text)));
    }
    let Some(site) = site_packages(&env.dir) else {
        return Err(PortError::Internal(format!("no site-packages below {}", env.dir.display())));
    };
    let path = site.join(PTH);
    let text = pth(checkout);
    if read_text(&path).is_ok_and(|found| found == text) {
        return Ok(((), Told::skipped("already linked")));
    }
    write_atomic(&path, text.as_bytes())?;
    Ok(((), Told::done(format!("{} comes before the installed release", checkout.display()))))
}

/// A line of a .pth file that starts with `import` is run. Before site-packages, so that the checkout hides the
/// installed release; after PYTHONPATH, so that a worker of another checkout gets its own.
fn pth(checkout: &Path) -> String {
    let quoted = serde_json::Value::from(checkout.to_string_lossy().into_owned()).to_string();
    format!(
        "import sys; sys.path.insert(next((i for i, p in enumerate(sys.path) if p.endswith('site-packages')), \
         len(sys.path)), {quoted})\n"
    )
}

/// Finds the environment's site-packages.
pub(super) fn site_packages(env: &Path) -> Option<PathBuf> {
    let folders = std::fs::read_dir(env.join("lib")).ok()?.flatten().map(|entry| entry.path());
    folders.map(|folder| folder.join("site-packages")).find(|site| site.is_dir())
}

/// `import mlx_lm` needs `_version.py`, which upstream's build writes and its repository ignores.
async fn write_version(context: &Context, checkout: &Path, version: &str) -> Result<(), PortError> {
    let path = checkout.join("mlx_lm/_version.py");
    if path.exists() {
        return Ok(());
    }
    let described = context.git(checkout).args(["describe", "--tags", "--always", "--dirty"]).run().await;
    let local = described.map(|output| output.text()).unwrap_or_default().replace('-', ".");
    let text = match local.starts_with(|c: char| c == 'v' || local.contains('.') && c.is_ascii_digit()) {
        true => local.trim_start_matches('v').to_string(),
        false => format!("{version}+g{local}"),
    };
    write_atomic(&path, format!("__version__ = '{text}'\n").as_bytes())?;
    Ok(())
}

/// Reads the checkout's version without running it.
pub(super) fn checkout_version(checkout: &Path) -> String {
    let text = read_text(&checkout.join("mlx_lm/_version.py")).unwrap_or_default();
    let value = text.lines().find_map(|line| line.split_once("__version__ = ")).map(|(_, value)| value);
    value.unwrap_or("").trim().trim_matches(['\'', '"']).to_string()
}
