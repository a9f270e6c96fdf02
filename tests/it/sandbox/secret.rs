//! Keys in the environments of other processes, other processes themselves, and inherited descriptors.

use super::world::{PYTHON, World, lines, users, words};
use mlxport::util::process::Command;

/// Starts a sibling that holds the key, then the command, and passes on all it has: environment and descriptors.
const LAUNCHER: &str = r#"
import os, subprocess, sys
sibling = subprocess.Popen(['/bin/sleep', '60'])
leak = os.open(os.environ['HOME'] + '/token', os.O_RDONLY)
os.set_inheritable(leak, True)
words = sys.argv[1:]
if '--parent' in words:
    words[words.index('--parent') + 1] = str(os.getpid())
try:
    sys.exit(subprocess.call(words + [str(os.getpid()), str(sibling.pid), str(leak)], close_fds=False))
finally:
    sibling.kill()
"#;

fn launched(world: &World, command: &Command) -> Vec<String> {
    let launcher = Command::new(PYTHON).args(["-c", LAUNCHER]).args(words(command));
    let launcher =
        launcher.clear_env().env("PLANTED_KEY", "sk-planted").env("HOME", &world.home).cwd(&world.run);
    lines(&world.output(&launcher))
}

#[test]
fn no_process_gives_its_key_away() {
    let script = r#"
parent, sibling = int(sys.argv[1]), int(sys.argv[2])
names = {os.getpid(): 'itself', parent: 'parent', sibling: 'sibling', 1: 'first'}
readable, planted = [], []
for pid in range(1, int(max(os.getpid(), parent, sibling)) + 50):
    try:
        text = open(f'/proc/{pid}/environ', 'rb').read()
    except OSError:
        continue
    if pid in names:
        readable.append(names[pid])
    else:
        readable.append('other')
    if b'sk-planted' in text:
        planted.append(names.get(pid, 'other'))
print(sorted(set(readable)), 'sk-planted' in str(os.environ), sorted(set(planted) - {'other'}))
"#;
    for user in users() {
        let world = World::new(user);
        let inside = launched(&world, &world.inside(&world.sandbox(), script));
        assert_eq!(inside, ["['itself'] False []"], "{user:?}");
        let outside = launched(&world, &world.outside(script));
        assert!(outside[0].ends_with("True ['itself', 'parent', 'sibling']"), "{user:?} {outside:?}");
    }
}

#[test]
fn other_processes_cannot_be_signalled_or_slowed() {
    let script = "
parent, sibling = int(sys.argv[1]), int(sys.argv[2])
tried(lambda: os.kill(parent, 0))
tried(lambda: os.kill(sibling, 0))
tried(lambda: os.kill(-1, 0))
tried(lambda: os.setpriority(os.PRIO_PROCESS, parent, 1))
tried(lambda: resource.prlimit(parent, resource.RLIMIT_NOFILE))
child = subprocess.Popen([sys.executable, '-c', 'input()'], stdin=subprocess.PIPE)
tried(child.kill)
print(child.wait())
";
    for user in users() {
        let world = World::new(user);
        let inside = launched(&world, &world.inside(&world.sandbox(), script));
        assert_eq!(inside, ["EPERM", "EPERM", "EPERM", "EPERM", "EPERM", "done", "-9"], "{user:?}");
        let outside = launched(&world, &world.outside(script));
        assert_eq!(outside, ["done", "done", "done", "done", "done", "done", "-9"], "{user:?}");
    }
}

#[test]
fn a_descriptor_left_open_is_not_passed_on() {
    let script = "tried(lambda: print(os.read(int(sys.argv[3]), 99)))";
    for user in users() {
        let world = World::new(user);
        assert_eq!(launched(&world, &world.inside(&world.sandbox(), script)), ["EBADF"], "{user:?}");
        let outside = launched(&world, &world.outside(script));
        assert_eq!(outside, ["b'hf_planted_token'", "done"], "{user:?}");
    }
}
