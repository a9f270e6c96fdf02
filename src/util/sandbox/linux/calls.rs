//! Which system calls are refused, and when. What is not named is allowed: torch and MLX use most of the rest, and files
//! are Landlock's.

use nix::libc::{self, c_int};

/// A system call and the conditions, all of which must hold, under which it is answered; none means always.
pub type Call = (i64, Vec<(u8, When)>);

/// A condition on the lower 32 bits of an argument.
#[derive(Clone, Copy, Debug)]
pub enum When {
    Is(u64),
    IsNot(u64),
    Has { mask: u64, value: u64 },
}

const IOPRIO_WHO_PROCESS: u64 = 1;
const AF_UNIX: u64 = libc::AF_UNIX as u64;
const ACCESS: u64 = (libc::O_TRUNC | libc::O_ACCMODE) as u64;
const TRUNCATES: u64 = (libc::O_TRUNC | libc::O_RDONLY) as u64;

/// Refused always: other processes' memory and limits, the kernel's own doors, metadata outside Landlock's reach.
const ALWAYS: &[i64] = &[
    // Other processes.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_kcmp,
    libc::SYS_pidfd_getfd,
    libc::SYS_pidfd_send_signal,
    libc::SYS_move_pages,
    libc::SYS_migrate_pages,
    libc::SYS_perf_event_open,
    // What programs of one user share by number or by name, which Landlock does not see.
    libc::SYS_shmget,
    libc::SYS_shmat,
    libc::SYS_shmctl,
    libc::SYS_msgget,
    libc::SYS_msgsnd,
    libc::SYS_msgrcv,
    libc::SYS_msgctl,
    libc::SYS_semget,
    libc::SYS_semop,
    libc::SYS_semtimedop,
    libc::SYS_semctl,
    libc::SYS_mq_open,
    libc::SYS_mq_unlink,
    // Names of files that others open, without the right to list them.
    libc::SYS_inotify_add_watch,
    // Keys that the session keeps in the kernel.
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    // Wide attack surface that no port needs.
    libc::SYS_bpf,
    libc::SYS_userfaultfd,
    libc::SYS_fanotify_init,
    // Namespaces and mounts.
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_open_tree,
    libc::SYS_move_mount,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_open_by_handle_at,
    // The machine.
    libc::SYS_kexec_load,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_syslog,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_vhangup,
    // Landlock does not see these, and truncation only from Linux 6.2.
    libc::SYS_truncate,
    libc::SYS_fchown,
    libc::SYS_fchownat,
    libc::SYS_setxattr,
    libc::SYS_lsetxattr,
    libc::SYS_fsetxattr,
    libc::SYS_removexattr,
    libc::SYS_lremovexattr,
    libc::SYS_fremovexattr,
];

#[cfg(target_arch = "x86_64")]
const ALWAYS_HERE: &[i64] = &[
    libc::SYS_chown,
    libc::SYS_lchown,
    libc::SYS_iopl,
    libc::SYS_ioperm,
    libc::SYS_modify_ldt,
    libc::SYS_kexec_file_load,
    libc::SYS_uselib,
];
#[cfg(not(target_arch = "x86_64"))]
const ALWAYS_HERE: &[i64] = &[];

/// Numbers newer than the C library's table, the same on every architecture: setxattrat, removexattrat,
/// open_tree_attr, file_setattr.
const NEWER: &[i64] = &[463, 466, 467, 469];

/// The last is fchmodat2, newer than the C library's table.
const PRETENDED: &[i64] = &[libc::SYS_fchmod, libc::SYS_fchmodat, libc::SYS_utimensat, 452];

#[cfg(target_arch = "x86_64")]
const PRETENDED_HERE: &[i64] = &[libc::SYS_chmod, libc::SYS_utime, libc::SYS_utimes, libc::SYS_futimesat];
#[cfg(not(target_arch = "x86_64"))]
const PRETENDED_HERE: &[i64] = &[];

/// x32's own numbers for calls refused above.
#[cfg(target_arch = "x86_64")]
const X32_ONLY: std::ops::RangeInclusive<i64> = 512..=547;

fn always(numbers: &[i64]) -> Vec<Call> {
    numbers.iter().map(|number| (*number, Vec::new())).collect()
}

/// Gives what is refused in every profile.
pub fn refused() -> Vec<Call> {
    let mut calls = always(ALWAYS);
    calls.extend(always(ALWAYS_HERE));
    calls.extend(always(NEWER));
    #[cfg(target_arch = "x86_64")]
    calls.extend(X32_ONLY.map(|number| (number | 0x4000_0000, Vec::new())));
    let spaces = [
        libc::CLONE_NEWNS,
        libc::CLONE_NEWCGROUP,
        libc::CLONE_NEWUTS,
        libc::CLONE_NEWIPC,
        libc::CLONE_NEWUSER,
        libc::CLONE_NEWPID,
        libc::CLONE_NEWNET,
    ];
    calls.extend(spaces.map(|space| (libc::SYS_clone, vec![(0, has(space))])));
    // Typing into the terminal that this program was started from.
    calls.extend(
        [libc::TIOCSTI, libc::TIOCLINUX]
            .map(|code| (libc::SYS_ioctl, vec![(1, When::Is(u64::from(code as u32)))])),
    );
    // Limits, priorities and processors of other processes: the same user's may be changed. Own threads have numbers
    // too, which a filter cannot tell from others': they keep what they were born with.
    calls.push((libc::SYS_prlimit64, vec![(0, When::IsNot(0))]));
    calls.push((libc::SYS_setpriority, vec![(0, When::IsNot(0))]));
    calls.push((libc::SYS_setpriority, vec![(1, When::IsNot(0))]));
    let schedule = [
        libc::SYS_sched_setaffinity,
        libc::SYS_sched_setscheduler,
        libc::SYS_sched_setparam,
        libc::SYS_sched_setattr,
    ];
    calls.extend(schedule.map(|number| (number, vec![(0, When::IsNot(0))])));
    calls.push((libc::SYS_ioprio_set, vec![(0, When::IsNot(IOPRIO_WHO_PROCESS))]));
    calls.push((libc::SYS_ioprio_set, vec![(1, When::IsNot(0))]));
    // Emptying a file that may only be read, which Landlock sees only from Linux 6.2.
    let empties = When::Has { mask: ACCESS, value: TRUNCATES };
    calls.push((libc::SYS_openat, vec![(2, empties)]));
    #[cfg(target_arch = "x86_64")]
    calls.push((libc::SYS_open, vec![(1, empties)]));
    calls
}

/// Refuses signals to these, for kernels whose Landlock has no signal scope (before Linux 6.12).
pub fn signals(protected: &[i32]) -> Vec<Call> {
    let whom =
        |number| protected.iter().map(move |pid| (number, vec![(0, When::Is(u64::from(*pid as u32)))]));
    let calls = [
        libc::SYS_kill,
        libc::SYS_tkill,
        libc::SYS_tgkill,
        libc::SYS_rt_sigqueueinfo,
        libc::SYS_rt_tgsigqueueinfo,
    ];
    calls.into_iter().flat_map(whom).collect()
}

/// Refuses every socket but a connected stream pair of the process's own, which asyncio and multiprocessing need. Other
/// kinds of pairs can still send to an address.
pub fn no_sockets() -> Vec<Call> {
    let mut calls = always(&[
        libc::SYS_socket,
        libc::SYS_connect,
        libc::SYS_bind,
        libc::SYS_listen,
        libc::SYS_accept,
        libc::SYS_accept4,
    ]);
    calls.extend(pairs());
    calls
}

/// Refuses every socket but IPv4 and IPv6 ones, and the pair above. A Unix socket reaches outside the namespace.
pub fn internet_sockets() -> Vec<Call> {
    let other = vec![(0, When::IsNot(libc::AF_INET as u64)), (0, When::IsNot(libc::AF_INET6 as u64))];
    let mut calls = vec![(libc::SYS_socket, other)];
    calls.extend(pairs());
    calls
}

fn pairs() -> Vec<Call> {
    let kinds = (0..16).filter(|kind| *kind != libc::SOCK_STREAM as u64);
    let mut calls: Vec<Call> =
        kinds.map(|value| (libc::SYS_socketpair, vec![(1, When::Has { mask: 0xf, value })])).collect();
    calls.push((libc::SYS_socketpair, vec![(0, When::IsNot(AF_UNIX))]));
    calls
}

/// Answered as by an old kernel, so that the C library falls back to a call whose arguments a filter can read.
pub fn unknown() -> Vec<Call> {
    always(&[
        libc::SYS_clone3,
        libc::SYS_openat2,
        libc::SYS_io_uring_setup,
        libc::SYS_io_uring_enter,
        libc::SYS_io_uring_register,
    ])
}

/// Answered with success and not done: modes and times, of any file whose owner the user is.
pub fn pretended() -> Vec<Call> {
    [always(PRETENDED), always(PRETENDED_HERE)].concat()
}

fn has(flag: c_int) -> When {
    let bits = u64::from(flag as u32);
    When::Has { mask: bits, value: bits }
}
