//! Writing what is the person's: home, checkout, environment, shared folders.

use super::{Escape, Outside, escape};

pub const ESCAPES: &[Escape] = &[
    escape("write-by-path", "a new file in the home, by its path", "put(home + '/new')", "EACCES"),
    escape("write-by-dot-dot", "the same by `../`", "put('../home/dots')", "EACCES"),
    escape(
        "write-by-symlink",
        "through a symbolic link of its own",
        "os.symlink(home, 'link'); put('link/via-link')",
        "EACCES",
    ),
    escape(
        "write-by-proc-root",
        "through `/proc/self/root`",
        "put('/proc/self/root' + home + '/via-root')",
        "EACCES",
    ),
    escape(
        "write-by-proc-cwd",
        "through `/proc/self/cwd`",
        "put('/proc/self/cwd/../home/via-cwd')",
        "EACCES",
    ),
    escape(
        "write-by-proc-fd",
        "a file open for reading, opened again for writing through `/proc/self/fd`",
        "fd = os.open(module, os.O_RDONLY)\nput(f'/proc/self/fd/{fd}')",
        "EACCES",
    ),
    escape(
        "write-by-folder-descriptor",
        "relative to an `O_PATH` descriptor of the home",
        "fd = os.open(home, os.O_PATH)\nos.close(os.open('via-fd', os.O_CREAT | os.O_WRONLY, 0o644, dir_fd=fd))",
        "EACCES",
    ),
    escape(
        "write-by-hard-link",
        "a readable file, through a hard link of its own",
        "os.link(module, 'hard')\nput('hard')",
        "EXDEV|EACCES",
    ),
    escape(
        "write-by-rename",
        "its own file moved over one of the person's",
        "put('mine')\nos.rename('mine', home + '/notes')",
        "EACCES|EXDEV",
    ),
    escape(
        "take-by-rename",
        "a file moved out of the home",
        "os.rename(home + '/spare', 'stolen')",
        "EACCES|EXDEV",
    ),
    escape(
        "swap-by-rename",
        "its own file exchanged for one of the person's",
        "put('mine')\nzero(libc.renameat2(-100, b'mine', -100, os.fsencode(home + '/notes'), 2))",
        "EACCES|EXDEV",
    ),
    escape(
        "append",
        "one line more in a file of the home",
        "open(home + '/notes', 'a').write('x')",
        "EACCES",
    ),
    escape("empty-by-truncate", "a file emptied by `truncate`", "os.truncate(home + '/notes', 0)", "EPERM"),
    escape(
        "empty-by-reading",
        "a readable file emptied by opening it `O_RDONLY | O_TRUNC`",
        "os.close(os.open(module, os.O_RDONLY | os.O_TRUNC))",
        "EPERM",
    ),
    escape("delete", "a file removed", "os.unlink(home + '/notes')", "EACCES"),
    escape("make-folder", "a folder made", "os.mkdir(home + '/folder')", "EACCES"),
    escape("make-fifo", "a pipe with a name made", "os.mkfifo(home + '/fifo')", "EACCES"),
    escape("make-symlink", "a link made", "os.symlink('/', home + '/symlink')", "EACCES"),
    escape(
        "change-mode",
        "a file opened to all; answered with success and not done",
        "before = os.stat(key).st_mode\nos.chmod(key, 0o777)\nif os.stat(key).st_mode == before: stop('pretended')",
        "pretended",
    ),
    escape(
        "change-times",
        "a file's times set; answered with success and not done",
        "before = os.stat(key).st_mtime_ns\nos.utime(key, (1, 1))\nif os.stat(key).st_mtime_ns == before: stop('pretended')",
        "pretended",
    ),
    escape("change-owner", "a file given to oneself", "os.chown(key, os.getuid(), os.getgid())", "EPERM"),
    escape("change-attributes", "an extended attribute set", "os.setxattr(key, 'user.mark', b'1')", "EPERM"),
    escape(
        "git-hook",
        "a hook in the checkout's `.git`",
        "put(checkout + '/.git/hooks/pre-commit')",
        "EACCES",
    ),
    escape(
        "git-config",
        "a line in the checkout's git config",
        "open(checkout + '/.git/config', 'a').write('[core]\\n\\thooksPath = /tmp\\n')",
        "EACCES",
    ),
    escape("checkout-source", "the port itself", "open(checkout + '/port.py', 'a').write('x')", "EACCES"),
    escape(
        "path-file",
        "a `.pth` file in the environment, run at each start of Python",
        "put(site + '/evil.pth')",
        "EACCES",
    ),
    escape(
        "module-of-environment",
        "code added to an installed module",
        "open(module, 'a').write('x')",
        "EACCES",
    ),
    escape("shared-temporary-folder", "a file in `/tmp`", "put(temporary)\nos.unlink(temporary)", "EACCES"),
    escape("shared-memory-folder", "a file in `/dev/shm`", "put(shared)\nos.unlink(shared)", "EACCES"),
    escape(
        "disk-device",
        "a device file that is the disk",
        "import stat\nos.mknod('disk', stat.S_IFBLK | 0o600, os.makedev(254, 0))",
        "EACCES|EPERM",
    )
    .outside(Outside::WorksForRoot),
];
