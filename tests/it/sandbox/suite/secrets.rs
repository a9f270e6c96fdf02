//! Reading keys: files, environments of other processes, memory, the kernel's keyring.

use super::{Escape, Outside, escape};

pub const ESCAPES: &[Escape] = &[
    escape(
        "hub-token",
        "`~/.cache/huggingface/token`",
        "secret(home + '/.cache/huggingface/token')",
        "EACCES",
    ),
    escape("netrc", "`~/.netrc`", "secret(home + '/.netrc')", "EACCES"),
    escape("ssh-key", "`~/.ssh/id_ed25519`", "secret(home + '/.ssh/id_ed25519')", "EACCES"),
    escape("git-credentials", "`~/.git-credentials`", "secret(home + '/.git-credentials')", "EACCES"),
    escape(
        "settings",
        "the program's own `config.toml`",
        "secret(home + '/.local/share/mlxport/config.toml')",
        "EACCES",
    ),
    escape(
        "key-by-symlink",
        "a key through a link of its own",
        "os.symlink(key, 'key-link')\nsecret('key-link')",
        "EACCES",
    ),
    escape(
        "key-by-hard-link",
        "a key through a hard link of its own",
        "os.link(key, 'key-hard')\nsecret('key-hard')",
        "EACCES|EXDEV",
    ),
    escape("list-home", "the names in the home", "os.listdir(home)", "EACCES"),
    escape("list-temporary-folder", "the names in `/tmp`", "os.listdir('/tmp')", "EACCES"),
    escape("accounts", "`/etc/passwd`", "open('/etc/passwd').read()", "EACCES"),
    escape(
        "own-environment",
        "a key in its own environment",
        "if 'planted' not in str(dict(os.environ)): stop('absent')",
        "absent",
    ),
    escape("environment-of-parent", "`/proc/PARENT/environ`", "secret(f'/proc/{parent}/environ')", "EACCES"),
    escape(
        "environment-of-grandparent",
        "the same one further up",
        "secret(f'/proc/{grandparent}/environ')",
        "EACCES",
    ),
    escape(
        "environment-of-sibling",
        "of a process beside it",
        "secret(f'/proc/{sibling}/environ')",
        "EACCES",
    ),
    escape(
        "environment-by-thread",
        "through `/proc/self/task/../../PARENT`",
        "secret(f'/proc/self/task/../../{parent}/environ')",
        "EACCES",
    ),
    escape(
        "environment-of-first-process",
        "`/proc/1/environ`",
        "open('/proc/1/environ', 'rb').read()",
        "EACCES",
    )
    .outside(Outside::Varies),
    escape(
        "command-line-of-parent",
        "`/proc/PARENT/cmdline`",
        "open(f'/proc/{parent}/cmdline').read()",
        "EACCES",
    ),
    escape("list-processes", "the names in `/proc`", "os.listdir('/proc')", "EACCES"),
    escape("memory-of-parent", "`/proc/PARENT/mem`", "open(f'/proc/{parent}/mem', 'rb')", "EACCES")
        .outside(Outside::Varies),
    escape(
        "inherited-descriptor-read",
        "a key file that a parent left open",
        "if b'planted' not in os.read(open_key, 99): stop('empty')",
        "EBADF",
    ),
    escape(
        "inherited-descriptor-write",
        "a file of the home that a parent left open",
        "os.write(open_notes, b'x')",
        "EBADF",
    ),
    escape("kernel-keyring", "the session's keys in the kernel", "call(250, 0, -3, 0)", "EPERM"),
];
