//! The parts of the system that every child may read: libraries, time zones, what describes the processor. Not /etc, not
//! /proc, not the person's folders.

/// Folders and files of a Linux system, each skipped where it does not exist. `/proc/self` is the process that is about
/// to become the child, not the processes it starts: a rule on /proc would open every process's environment.
pub const READ: &[&str] = &[
    "/lib",
    "/lib32",
    "/lib64",
    "/usr/lib",
    "/usr/lib32",
    "/usr/lib64",
    "/usr/libexec",
    "/nix/store",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/localtime",
    "/usr/share/zoneinfo",
    "/usr/share/locale",
    "/proc/self",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/stat",
    "/proc/sys/vm/overcommit_memory",
    "/sys/devices/system/cpu",
    "/sys/devices/system/node",
    "/sys/kernel/mm/transparent_hugepage",
    "/dev/zero",
    "/dev/random",
    "/dev/urandom",
];

/// Devices that every child may write.
pub const WRITE: &[&str] = &["/dev/null"];
