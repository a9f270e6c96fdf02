//! Living inside: what the child gets, how it ends, and what happens where there is no sandbox to be had.

use std::path::Path;
use std::time::Duration;

use super::world::{PYTHON, World, lines, program, unprivileged, users, words};
use mlxport::util::process::Command;

#[test]
fn the_child_gets_its_arguments_folder_input_and_exit_code_and_no_other_environment() {
    for user in users() {
        let world = World::new(user);
        let script = "
print(sorted(set(os.environ) - {'LC_CTYPE'}), os.environ['A'], sys.argv[1:], os.getcwd() == os.environ['TMPDIR'])
sys.exit(7)
";
        let sandbox = world.sandbox().env("A", "b=c");
        let output = world.output(&world.inside(&sandbox, script).args(["x y", "--mem-mb"]));
        let said = String::from_utf8_lossy(&output.stdout).trim().to_string();
        let expected =
            "['A', 'HOME', 'LANG', 'LOGNAME', 'PATH', 'TMPDIR', 'USER'] b=c ['x y', '--mem-mb'] True";
        assert_eq!((output.status.code(), said.as_str()), (Some(7), expected), "{user:?}");
    }
}

/// The harness's forked children restrict themselves further.
#[test]
fn a_child_may_restrict_itself_further() {
    let script = "
libc = ctypes.CDLL(None, use_errno=True)
if (pid := os.fork()) == 0:
    rules = (ctypes.c_uint64 * 1)(1 << 1 | 1 << 8)
    ruleset = libc.syscall(444, rules, ctypes.c_size_t(8), 0)
    libc.prctl(38, 1, 0, 0, 0)
    print(ruleset >= 0, libc.syscall(446, ruleset, 0), flush=True)
    tried(lambda: open('file', 'w'))
    sys.stdout.flush()
    os._exit(0)
os.waitpid(pid, 0)
tried(lambda: open('file', 'w'))
";
    for user in users() {
        assert_eq!(World::new(user).lines_inside(script), ["True 0", "EACCES", "done"], "{user:?}");
    }
}

#[test]
fn the_child_dies_with_its_parent() {
    let world = World::new(unprivileged());
    let child = world.inside(&world.sandbox(), "open('pid', 'w').write(str(os.getpid())); time.sleep(30)");
    let launcher = "
import os, subprocess, sys, time
words = sys.argv[1:]
words[words.index('--parent') + 1] = str(os.getpid())
child = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
while not (os.path.exists('pid') and open('pid').read()): time.sleep(0.01)
os.kill(os.getpid(), 9)
";
    let launcher = Command::new(PYTHON).args(["-c", launcher]).args(words(&child)).cwd(&world.run);
    let output = world.output(&launcher);
    assert!(!output.status.success());
    let pid = std::fs::read_to_string(world.run.join("pid")).expect("the child ran");
    assert!(gone(pid.trim()), "{pid} still runs");
}

/// Its parent can be killed before it has asked the kernel to end with it.
#[test]
fn a_child_whose_parent_went_before_it_began_does_not_begin() {
    let world = World::new(unprivileged());
    let child = world.inside(&world.sandbox(), "open('ran', 'w')");
    let launcher = "
import os, subprocess, sys
words = sys.argv[1:]
words[words.index('--parent') + 1] = str(os.getppid())
sys.exit(subprocess.call(words))
";
    let launcher = Command::new(PYTHON).args(["-c", launcher]).args(words(&child)).cwd(&world.run);
    let output = world.output(&launcher);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("which asked for this sandbox, is gone"), "{said}");
    assert!(!world.run.join("ran").exists());
}

/// Waits for a process to end; the deadline only turns a hang into a failure.
fn gone(pid: &str) -> bool {
    let runs = || {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with(['Z', 'X']))
    };
    for _ in 0..500 {
        if !runs() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    false
}

/// Makes the kernel answer as one without Landlock does, then starts the command.
const NO_LANDLOCK: &str = r#"
import ctypes, os, struct, sys
rules = [(0x20, 0, 0, 0), (0x15, 0, 1, 444), (0x06, 0, 0, 0x00050000 | 38), (0x06, 0, 0, 0x7fff0000)]
code = ctypes.create_string_buffer(b''.join(struct.pack('HBBI', *rule) for rule in rules))
class Program(ctypes.Structure):
    _fields_ = [('length', ctypes.c_ushort), ('filter', ctypes.c_void_p)]
libc = ctypes.CDLL(None)
libc.prctl(38, 1, 0, 0, 0)
assert libc.prctl(22, 2, ctypes.byref(Program(len(rules), ctypes.addressof(code))), 0, 0) == 0
os.execv(sys.argv[1], sys.argv[1:])
"#;

#[test]
fn without_landlock_nothing_is_started() {
    let world = World::new(unprivileged());
    let child = world.inside(&world.sandbox(), "open('ran', 'w')");
    let output =
        world.output(&Command::new(PYTHON).args(["-c", NO_LANDLOCK]).args(words(&child)).cwd(&world.run));
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("this kernel has no Landlock") && said.contains("fault: this machine"), "{said}");
    assert!(!world.run.join("ran").exists());
    // The same launcher in front of a plain child: the filter alone stops nothing.
    let plain = Command::new(PYTHON).args(["-c", NO_LANDLOCK]).args(words(&world.outside("print('ran')")));
    assert_eq!(lines(&world.output(&plain)), ["ran"]);
}

#[test]
fn a_program_or_folder_that_is_not_there_is_named() {
    let world = World::new(unprivileged());
    let missing = world.sandbox().command(program(), Path::new("/no/such/python")).cwd(&world.run);
    let said = String::from_utf8_lossy(&world.output(&missing).stderr).into_owned();
    assert!(said.contains("cannot start /no/such/python inside the sandbox"), "{said}");
    let folder = world.sandbox().write("/no/such/folder");
    let said = String::from_utf8_lossy(&world.output(&world.inside(&folder, "")).stderr).into_owned();
    assert!(said.contains("may write /no/such/folder, which cannot be opened"), "{said}");
}
