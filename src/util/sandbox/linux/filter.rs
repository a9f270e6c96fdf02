//! seccomp: refuses the system calls that Landlock does not see. Three filters, one for each answer; the kernel asks all.

use std::collections::BTreeMap;

use nix::unistd::{Pid, getpgid, getpgrp};
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch, apply_filter,
};

use super::super::error::SandboxError;
use super::super::spec::Profile;
use super::calls::{self, Call, When};

/// System calls of the x32 ABI carry this bit; a filter that ignores them can be walked around.
#[cfg(target_arch = "x86_64")]
const X32: i64 = 0x4000_0000;

/// Installs the filters. Nothing in this process can take them away.
pub fn install(profile: Profile, parent: Pid) -> Result<(), SandboxError> {
    let failed = |error: &dyn std::fmt::Display| SandboxError::Calls(error.to_string());
    let mut refused = calls::refused();
    refused.extend(calls::signals(&protected(parent)));
    refused.extend(match profile {
        Profile::None => calls::no_sockets(),
        Profile::Loopback => calls::internet_sockets(),
    });
    let answers = [
        (nix::libc::EPERM, refused),
        (nix::libc::ENOSYS, calls::unknown()),
        // Pretended: shutil.copy fails when chmod does, and what it sets matters to nobody here.
        (0, calls::pretended()),
    ];
    for (errno, calls) in answers {
        let program = compile(errno, calls).map_err(|error| failed(&error))?;
        apply_filter(&program).map_err(|error| failed(&error))?;
    }
    Ok(())
}

/// Whom a kernel without Landlock's signal scope must be told not to let the child signal: everyone at once, the init
/// process, the parent, and the parent's group.
fn protected(parent: Pid) -> Vec<i32> {
    let mut found = vec![-1, 1, parent.as_raw()];
    if let Ok(group) = getpgid(Some(parent))
        && group != getpgrp()
    {
        found.push(-group.as_raw());
    }
    found
}

fn compile(errno: i32, calls: Vec<Call>) -> Result<BpfProgram, BackendError> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = BTreeMap::new();
    for (number, conditions) in calls {
        let entry = rules.entry(number).or_default();
        if !conditions.is_empty() {
            let conditions = conditions.iter().map(condition).collect::<Result<_, _>>()?;
            entry.push(SeccompRule::new(conditions)?);
        }
    }
    #[cfg(target_arch = "x86_64")]
    rules.extend(rules.clone().into_iter().map(|(number, rule)| (number | X32, rule)));
    let arch = TargetArch::try_from(std::env::consts::ARCH)?;
    let answer = SeccompAction::Errno(errno.unsigned_abs());
    SeccompFilter::new(rules, SeccompAction::Allow, answer, arch)?.try_into()
}

fn condition((argument, when): &(u8, When)) -> Result<SeccompCondition, BackendError> {
    let (operator, value) = match when {
        When::Is(value) => (SeccompCmpOp::Eq, *value),
        When::IsNot(value) => (SeccompCmpOp::Ne, *value),
        When::Has { mask, value } => (SeccompCmpOp::MaskedEq(*mask), *value),
    };
    SeccompCondition::new(*argument, SeccompCmpArgLen::Dword, operator, value)
}
