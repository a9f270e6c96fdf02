//! Other processes: signals, memory, priorities, what they share.

use super::{Escape, Outside, escape};

pub const ESCAPES: &[Escape] = &[
    escape("signal-parent", "a signal to its parent", "os.kill(parent, signal.SIGURG)", "EPERM"),
    escape("signal-sibling", "to a process beside it", "os.kill(sibling, signal.SIGURG)", "EPERM"),
    escape("signal-group", "to its parent's group", "os.killpg(os.getpgid(sibling), signal.SIGURG)", "EPERM"),
    escape("signal-everyone", "to all there are", "os.kill(-1, 0)", "EPERM"),
    escape("signal-thread", "to a thread of its parent", "call(234, parent, parent, signal.SIGURG)", "EPERM"),
    escape(
        "signal-queued",
        "a queued signal to its parent",
        "zero(libc.sigqueue(parent, int(signal.SIGURG), ctypes.c_void_p(0)))",
        "EPERM",
    ),
    escape(
        "signal-by-descriptor",
        "through a process descriptor",
        "signal.pidfd_send_signal(os.pidfd_open(parent), signal.SIGURG)",
        "EPERM",
    ),
    escape(
        "descriptor-of-another",
        "a file that its parent has open",
        "call(438, os.pidfd_open(parent), 1, 0)",
        "EPERM",
    )
    .outside(Outside::Varies),
    escape("trace", "its sibling's debugger", "zero(libc.ptrace(0x4206, sibling, None, None))", "EPERM")
        .outside(Outside::Varies),
    escape(
        "memory-by-call",
        "its sibling's memory read by `process_vm_readv`",
        "iov = (ctypes.c_size_t * 2)(ctypes.addressof(ctypes.create_string_buffer(8)), 8)\n\
         far = (ctypes.c_size_t * 2)(4096, 8)\n\
         zero(min(0, libc.process_vm_readv(sibling, iov, 1, far, 1, 0)))",
        "EPERM",
    )
    .outside(Outside::Varies),
    escape("compare-processes", "what two processes share", "call(312, sibling, sibling, 0, 0, 0)", "EPERM")
        .outside(Outside::Varies),
    escape("performance-counters", "its sibling's counters", "call(298, 0, sibling, -1, -1, 0)", "EPERM")
        .outside(Outside::Varies),
    escape(
        "limits-of-another",
        "its sibling's limits",
        "resource.prlimit(sibling, resource.RLIMIT_NOFILE)",
        "EPERM",
    ),
    escape(
        "priority-of-another",
        "its sibling made slower",
        "os.setpriority(os.PRIO_PROCESS, sibling, 1)",
        "EPERM",
    ),
    escape(
        "processors-of-another",
        "its sibling put on one processor",
        "os.sched_setaffinity(sibling, {min(os.sched_getaffinity(sibling))})",
        "EPERM",
    ),
    escape(
        "schedule-of-another",
        "its sibling run only when nothing else does",
        "os.sched_setscheduler(sibling, os.SCHED_IDLE, os.sched_param(0))",
        "EPERM",
    ),
    escape(
        "disk-priority-of-another",
        "its sibling's files read last",
        "call(251, 1, sibling, 3 << 13)",
        "EPERM",
    ),
    escape(
        "shared-segment",
        "a shared memory segment of another program",
        "at = libc.shmat(segment, None, 0o10000)\n\
         zero(-1 if at in (None, 2**64 - 1) else 0)\n\
         if b'planted' not in ctypes.string_at(at): stop('empty')",
        "EPERM",
    ),
    escape(
        "message-queue",
        "a message queue of another program",
        "zero(min(0, libc.msgget(queue, 0)))",
        "EPERM",
    ),
    escape("semaphores", "semaphores of another program", "zero(min(0, libc.semget(queue, 0, 0)))", "EPERM"),
    escape(
        "named-message-queue",
        "a message queue with a name",
        "name = os.fsencode('/' + abstract)\n\
         zero(min(0, libc.mq_open(name, os.O_CREAT | os.O_RDWR, 0o600, None)))\n\
         libc.mq_unlink(name)",
        "EPERM",
    ),
    escape(
        "watch-home",
        "the names of files that the person opens and changes, by inotify",
        "zero(min(0, libc.inotify_add_watch(libc.inotify_init1(0), os.fsencode(home), 0xfff)))",
        "EPERM",
    ),
    escape(
        "type-into-terminal",
        "keys typed into the terminal that it was started from",
        "zero(libc.ioctl(0, 0x5412, b'x'))",
        "EPERM",
    )
    .outside(Outside::Reaches("ENOTTY", "ENOTTY")),
];
