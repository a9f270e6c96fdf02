//! Files outside the run folder, and the system calls that no port needs.

use super::world::{World, users};

/// Every way out of the run folder that we know, one line of output each.
const WRITES: &str = r#"
home = os.environ['HOME']
token = home + '/token'
fd = lambda path, flags: os.close(os.open(path, flags, 0o644))
os.symlink(home, 'link')
tried(lambda: fd(home + '/new', os.O_CREAT | os.O_WRONLY))
tried(lambda: fd('link/through-link', os.O_CREAT | os.O_WRONLY))
tried(lambda: fd('../home/dots', os.O_CREAT | os.O_WRONLY))
tried(lambda: fd('/proc/self/cwd/../home/proc', os.O_CREAT | os.O_WRONLY))
tried(lambda: fd('/proc/self/root' + home + '/root', os.O_CREAT | os.O_WRONLY))
tried(lambda: fd(token, os.O_WRONLY | os.O_APPEND))
tried(lambda: fd(token, os.O_WRONLY | os.O_TRUNC))
tried(lambda: fd(token, os.O_RDONLY | os.O_TRUNC))
tried(lambda: os.truncate(token, 0))
tried(lambda: os.link(token, 'hard'))
tried(lambda: os.mkdir(home + '/folder'))
tried(lambda: os.symlink('/', home + '/symlink'))
tried(lambda: os.mkfifo(home + '/fifo'))
tried(lambda: os.setxattr(token, 'user.mark', b'1'))
tried(lambda: os.rename(token, 'stolen'))
tried(lambda: os.unlink(home + '/fifo'))
"#;

#[test]
fn nothing_outside_the_run_folder_can_be_written() {
    for user in users() {
        let world = World::new(user);
        let before = world.home_state();
        let refusals = world.lines_inside(WRITES);
        assert_eq!(world.home_state(), before, "{user:?}");
        let refused = |line: &String| ["EACCES", "EPERM", "EXDEV", "ENOENT"].contains(&line.as_str());
        assert!(refusals.len() == 16 && refusals.iter().all(refused), "{user:?} {refusals:?}");

        let world = World::new(user);
        assert_eq!(
            world.lines_outside(WRITES),
            vec!["done"; 16],
            "{user:?}: the attempts must be able to succeed"
        );
    }
}

#[test]
fn modes_and_times_of_the_persons_files_stay() {
    let script = "
token = os.environ['HOME'] + '/token'
tried(lambda: os.chmod(token, 0o777))
tried(lambda: os.utime(token, (1, 1)))
tried(lambda: os.chown(token, os.getuid(), os.getgid()))
";
    for user in users() {
        let world = World::new(user);
        let before = world.home_state();
        assert_eq!(world.lines_inside(script), ["done", "done", "EPERM"], "the first two are pretended");
        assert_eq!(world.home_state(), before, "{user:?}");
        assert_eq!(world.lines_outside(script), ["done"; 3]);
        assert_ne!(world.home_state(), before, "{user:?}: the attempts must be able to succeed");
    }
}

#[test]
fn the_run_folder_can_be_used_as_any_other() {
    let script = "
import shutil, tempfile
os.makedirs('a/b')
open('a/one', 'w').write('1')
tried(lambda: shutil.copy('a/one', 'a/b/two'))
tried(lambda: os.replace('a/b/two', 'three'))
tried(lambda: tempfile.NamedTemporaryFile().write(b'x'))
tried(lambda: shutil.rmtree('a'))
tried(lambda: open('/dev/null', 'w').write('x'))
print(open('three').read(), sorted(os.listdir('.')))
";
    for user in users() {
        let expected = ["done", "done", "done", "done", "done", "1 ['three']"];
        assert_eq!(World::new(user).lines_inside(script), expected, "{user:?}");
    }
}

#[test]
fn only_named_files_can_be_read_and_run() {
    let script = "
for path in (os.environ['HOME'] + '/token', '/etc/passwd', '/dev/tty', '/proc/1/cmdline', '/proc/1/status'):
    tried(lambda: open(path).read())
for path in (os.environ['HOME'], '/', '/proc', '/tmp'):
    tried(lambda: os.listdir(path))
tried(lambda: subprocess.run(['/bin/sh', '-c', 'true']))
";
    for user in users() {
        assert_eq!(World::new(user).lines_inside(script), ["EACCES"; 10], "{user:?}");
        let outside = World::new(user).lines_outside(script);
        // Without the sandbox only a terminal that is not there is missing.
        let reachable = outside.iter().filter(|line| *line == "done").count();
        assert!(reachable >= 9, "{user:?} {outside:?}");
    }
}

#[test]
fn a_named_folder_can_be_read_and_not_written() {
    for user in users() {
        let world = World::new(user);
        let sandbox = world.sandbox().read(&world.home);
        let script = "
token = os.environ['HOME'] + '/token'
tried(lambda: open(token).read())
tried(lambda: open(token, 'a'))
tried(lambda: os.close(os.open(token, os.O_RDONLY | os.O_TRUNC)))
tried(lambda: os.truncate(token, 0))
";
        let lines = super::world::lines(&world.output(&world.inside(&sandbox, script)));
        assert_eq!(lines, ["done", "EACCES", "EPERM", "EPERM"], "{user:?}");
    }
}

/// A bench hides an installed package from code that may read the rest of its environment.
#[test]
fn a_hidden_thing_in_a_readable_folder_stays_shut() {
    let script = "
home = os.environ['HOME']
tried(lambda: open(home + '/lib/near/file').read())
tried(lambda: open(home + '/lib/secret/file').read())
tried(lambda: open(home + '/lib64/secret/file').read())
tried(lambda: open(home + '/lib/same/file').read())
tried(lambda: os.listdir(home + '/lib'))
";
    for user in users() {
        let world = World::new(user);
        for name in ["lib/near/file", "lib/secret/file"] {
            mlxport::util::fs::write_atomic(&world.home.join(name), b"x").expect("a file");
        }
        std::os::unix::fs::symlink("lib", world.home.join("lib64")).expect("a link");
        std::os::unix::fs::symlink("secret", world.home.join("lib/same")).expect("a link");
        let open = world.sandbox().read(&world.home);
        let hidden = open.clone().hide(world.home.join("lib/secret"));
        let lines = |sandbox| super::world::lines(&world.output(&world.inside(sandbox, script)));
        assert_eq!(lines(&hidden), ["done", "EACCES", "EACCES", "EACCES", "done"], "{user:?}");
        assert_eq!(lines(&open), ["done"; 5], "{user:?}");
    }
}

/// ptrace, unshare(user), mount, bpf, keyctl, perf_event_open, io_uring_setup, userfaultfd, clone(user), clone3.
#[cfg(target_arch = "x86_64")]
#[test]
fn the_kernels_other_doors_are_shut() {
    let script = "
SIGCHLD, NEWUSER = 17, 0x10000000
for number, arguments in ((101, (0,)), (272, (NEWUSER,)), (165, (0, 0, 0, 0, 0)), (321, (0, 0, 0)), (250, (0, 0)),
                          (298, (0, 0, -1, -1, 0)), (425, (1, 0)), (323, (0,)), (56, (NEWUSER | SIGCHLD, 0)),
                          (435, (0, 0)), (304, (0, 0, 0)), (41 | 1 << 30, (2, 1, 0)), (302, (os.getppid(), 7, 0, 0))):
    tried(lambda: call(number, *arguments))
";
    let mut expected = vec!["EPERM"; 13];
    expected[6] = "ENOSYS";
    expected[9] = "ENOSYS";
    for user in users() {
        let mut lines = World::new(user).lines_inside(script);
        // A kernel built without the x32 ABI does not know its calls.
        lines[11] = lines[11].replace("ENOSYS", "EPERM");
        assert_eq!(lines, expected, "{user:?}");
    }
}

#[test]
fn root_cannot_make_the_disk_a_file_of_its_own() {
    let script = "
import stat
tried(lambda: os.mknod('disk', stat.S_IFBLK | 0o600, os.makedev(254, 0)))
tried(lambda: os.setuid(0 if os.getuid() else 1))
print([line.split()[1] for line in open('/proc/self/status') if line.startswith('CapEff')])
";
    for user in users() {
        let lines = World::new(user).lines_inside(script);
        assert!(["EACCES", "EPERM"].contains(&lines[0].as_str()), "{lines:?}");
        assert_eq!(lines[1..], ["EPERM", "['0000000000000000']"], "{user:?}");
    }
}
