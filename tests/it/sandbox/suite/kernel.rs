//! The kernel's other doors: privileges, namespaces, mounts, calls that no port needs. Numbers are those of x86-64; harmless
//! arguments are used where success would change the machine.

use super::{Escape, Outside, escape};

pub const ESCAPES: &[Escape] = &[
    escape(
        "set-user-program",
        "another user's rights, from a program that carries them",
        "said = subprocess.run([set_user, '-u'], capture_output=True, text=True).stdout.strip()\n\
         if said == str(os.getuid()): stop('same user')",
        "same user",
    )
    .outside(Outside::WorksForRoot),
    escape(
        "set-user",
        "another user's rights, by asking",
        "os.setuid(0 if os.getuid() else 1)",
        "EPERM|EINVAL",
    )
    .outside(Outside::WorksForRoot),
    escape("shell", "a shell of the system", "subprocess.run(['/bin/sh', '-c', 'true'])", "EACCES"),
    escape("exec", "a program of the system in its own place", "os.execv('/bin/true', ['true'])", "EACCES")
        .outside(Outside::Reaches("ended", "ended")),
    escape(
        "namespace-user",
        "a user namespace, where it would be root",
        "zero(libc.unshare(0x10000000))",
        "EPERM",
    )
    .outside(Outside::Varies),
    escape("namespace-mounts", "mounts of its own", "zero(libc.unshare(0x20000))", "EPERM")
        .outside(Outside::WorksForRoot),
    escape(
        "namespace-by-clone",
        "a child in a user namespace",
        "call(56, 0x10000000 | 17, 0, 0, 0, 0)",
        "EPERM",
    )
    .outside(Outside::Varies),
    escape(
        "namespace-by-clone3",
        "the same by the call that a filter cannot read",
        "call(435, 0, 0)",
        "ENOSYS",
    )
    .outside(Outside::Reaches("EINVAL", "EINVAL")),
    escape(
        "namespace-of-another",
        "its parent's network",
        "zero(libc.setns(os.open(f'/proc/self/ns/net', os.O_RDONLY), 0))",
        "EACCES|EPERM",
    )
    .outside(Outside::WorksForRoot),
    escape("mount", "a file system mounted", "call(165, 0, 0, 0, 0, 0)", "EPERM")
        .outside(Outside::Reaches("EFAULT", "EFAULT")),
    escape("mount-by-descriptor", "the same by the newer calls", "call(430, 0, 0)", "EPERM")
        .outside(Outside::Reaches("EFAULT", "EPERM")),
    escape("change-root", "another root folder", "zero(libc.chroot(b'.'))", "EPERM")
        .outside(Outside::WorksForRoot),
    escape("file-by-handle", "a file by its number", "call(304, -100, 0, 0)", "EPERM")
        .outside(Outside::Varies),
    escape(
        "open-by-newer-call",
        "a file opened by the call that a filter cannot read",
        "call(437, -100, 0, 0, 0)",
        "ENOSYS",
    )
    .outside(Outside::Reaches("EINVAL", "EINVAL")),
    escape("io-uring", "calls made by the kernel in its name", "call(425, 1, 0)", "ENOSYS")
        .outside(Outside::Varies),
    escape("bpf", "a program in the kernel", "call(321, 0, 0, 0)", "EPERM").outside(Outside::Varies),
    escape("page-faults", "page faults handled by itself (`userfaultfd`)", "call(323, 1)", "EPERM")
        .outside(Outside::Varies),
    escape("watch-all-files", "every open of the machine (`fanotify`)", "call(300, 0, 0)", "EPERM")
        .outside(Outside::WorksForRoot),
    escape("keys-added", "a key given to the kernel", "call(248, 0, 0, 0, 0, -3)", "EPERM")
        .outside(Outside::Reaches("EFAULT", "EFAULT")),
    escape("kernel-module", "a module loaded", "call(175, 0, 0, 0)", "EPERM").outside(Outside::Varies),
    escape("kernel-log", "the kernel's messages", "call(103, 10, 0, 0)", "EPERM").outside(Outside::Varies),
    escape("host-name", "the machine's name", "call(170, 0, 5)", "EPERM")
        .outside(Outside::Reaches("EFAULT", "EPERM")),
    escape("swap", "where memory is swapped to", "call(167, 0, 0)", "EPERM")
        .outside(Outside::Reaches("EFAULT", "EPERM")),
    escape("ports-of-hardware", "the machine's ports", "call(172, 3)", "EPERM").outside(Outside::Varies),
    escape(
        "calls-of-32-bits",
        "the 32-bit door, whose numbers the filter does not name; the process is ended",
        "import mmap\n\
         code = mmap.mmap(-1, 4096, prot=7)\n\
         code.write(bytes.fromhex('b814000000cd80c3'))\n\
         number = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))()\n\
         if number != os.getpid(): stop('ENOSYS')",
        "SIGSYS",
    )
    .outside(Outside::Varies),
    escape("calls-of-x32", "a socket by the x32 numbers", "call(41 | 1 << 30, 2, 1, 0)", "EPERM|ENOSYS")
        .outside(Outside::Varies),
];
