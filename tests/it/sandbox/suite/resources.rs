//! Eating the machine: memory, processes, threads, disk, limits.

use super::{Escape, Outside, escape};

pub const ESCAPES: &[Escape] = &[
    escape("memory", "1 GiB, where 512 MiB are allowed", "bytearray(1 << 30)", "MemoryError"),
    escape(
        "memory-limit-raised",
        "the limit on memory raised",
        "resource.setrlimit(resource.RLIMIT_DATA, (resource.RLIM_INFINITY,) * 2)\nbytearray(1 << 30)",
        "EPERM|MemoryError",
    ),
    escape(
        "open-files-raised",
        "the limit on open files raised",
        "hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]\nresource.setrlimit(resource.RLIMIT_NOFILE, (hard + 1,) * 2)",
        "EPERM",
    )
    .outside(Outside::Varies),
    escape(
        "fork-bomb",
        "child after child",
        "bomb(1200)",
        "EAGAIN",
    )
    .not_for_root(),
    escape("thread-bomb", "thread after thread", "threads(1200)", "EAGAIN").not_for_root(),
    escape(
        "file-size",
        "a file of 64 MiB, where 16 are allowed",
        "os.truncate(os.open('big', os.O_CREAT | os.O_WRONLY), 64 << 20)",
        "EFBIG",
    ),
    escape(
        "disk-space",
        "the same space asked for at once (`fallocate`)",
        "os.posix_fallocate(os.open('large', os.O_CREAT | os.O_WRONLY), 0, 64 << 20)",
        "EFBIG",
    ),
    escape(
        "real-time",
        "the processor before everyone else",
        "os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))",
        "EPERM",
    )
    .outside(Outside::Varies),
    escape("priority-raised", "a better priority than it was given", "os.nice(-1)", "EPERM|EACCES").outside(Outside::WorksForRoot),
];
