//! Landlock: files, TCP and signals. A newer kernel enforces more; the system call filter covers for an older one.

use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, LandlockStatus, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreated, RulesetCreatedAttr, RulesetError, Scope, path_beneath_rules,
};

use super::super::around::around;
use super::super::error::SandboxError;
use super::super::spec::{Profile, Sandbox};
use super::super::system;

/// The newest rights that these rules were tried with.
const TRIED: ABI = ABI::V6;

/// Restricts this process; fails when the kernel has no Landlock.
pub fn restrict(sandbox: &Sandbox, program: &Path) -> Result<(), SandboxError> {
    let rules = create(sandbox.profile).map_err(|error| SandboxError::Files(error.to_string()))?;
    let rules = readable(rules, sandbox, program).map_err(|error| SandboxError::Files(error.to_string()))?;
    let rules = writable(rules, &sandbox.write)?;
    let status = rules.restrict_self().map_err(|error| SandboxError::Files(error.to_string()))?;
    match status.landlock {
        LandlockStatus::Available { .. } => Ok(()),
        LandlockStatus::NotEnabled | LandlockStatus::NotImplemented => Err(SandboxError::NoLandlock),
    }
}

fn create(profile: Profile) -> Result<RulesetCreated, RulesetError> {
    let rules = Ruleset::default().handle_access(AccessFs::from_all(TRIED))?.scope(Scope::from_all(TRIED))?;
    match profile {
        Profile::None => rules.handle_access(AccessNet::from_all(TRIED))?.create(),
        Profile::Loopback => rules.create(),
    }
}

fn readable(
    rules: RulesetCreated,
    sandbox: &Sandbox,
    program: &Path,
) -> Result<RulesetCreated, RulesetError> {
    let system = system::READ.iter().map(Path::new);
    let around = around(&sandbox.read, &sandbox.hidden);
    let paths = system.chain(around.read.iter().map(PathBuf::as_path)).chain([program]);
    let devices = system::WRITE.iter().map(Path::new);
    rules
        .add_rules(path_beneath_rules(paths, AccessFs::from_read(TRIED)))?
        .add_rules(path_beneath_rules(&around.list, AccessFs::ReadDir))?
        .add_rules(path_beneath_rules(devices, AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::Truncate))
}

/// A folder that cannot be opened is an error here: the child would fail later, somewhere less clear.
fn writable(mut rules: RulesetCreated, folders: &[PathBuf]) -> Result<RulesetCreated, SandboxError> {
    for folder in folders {
        let failed = |text: String| SandboxError::Folder { path: folder.clone(), text };
        let opened = PathFd::new(folder).map_err(|error| failed(error.to_string()))?;
        let rule = PathBeneath::new(opened, inside_a_folder());
        rules = rules.add_rule(rule).map_err(|error| failed(error.to_string()))?;
    }
    Ok(rules)
}

/// Everything but devices: root could make one that is the disk.
fn inside_a_folder() -> BitFlags<AccessFs> {
    AccessFs::from_all(TRIED) & !(AccessFs::MakeChar | AccessFs::MakeBlock | AccessFs::IoctlDev)
}
