//! Memory, processor time, processes and file size.

use std::os::unix::process::ExitStatusExt;

use super::world::{World, lines, unprivileged, users};

#[test]
fn memory_is_bounded_and_the_bound_stays() {
    let script = "
def fill(size):
    try:
        return 'done' if bytearray(size) else ''
    except MemoryError:
        return 'MemoryError'
print(fill(64 << 20), fill(1 << 30))
try:
    resource.setrlimit(resource.RLIMIT_DATA, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    print('raised')
except (ValueError, OSError):
    print('kept')
print(fill(1 << 30))
";
    for user in users() {
        let world = World::new(user);
        let sandbox = world.sandbox().mem_mb(512);
        let inside = lines(&world.output(&world.inside(&sandbox, script)));
        assert_eq!(inside, ["done MemoryError", "kept", "MemoryError"], "{user:?}");
        assert_eq!(world.lines_outside(script)[0], "done done", "{user:?}");
    }
}

#[test]
fn processor_time_is_bounded() {
    let world = World::new(unprivileged());
    let output = world.output(&world.inside(&world.sandbox().cpu_s(1), "while True: pass"));
    assert_eq!(output.status.signal(), Some(nix::sys::signal::Signal::SIGXCPU as i32));
}

/// Not as root, whom the kernel exempts from this limit.
#[test]
fn a_fork_bomb_stops() {
    let script = "
children, reason = [], 'never'
while len(children) < 20000:
    try:
        pid = os.fork()
    except OSError as error:
        reason = errno.errorcode[error.errno]
        break
    if pid == 0:
        signal.pause()
    children.append(pid)
for pid in children:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
print(reason)
";
    let world = World::new(unprivileged());
    let output = world.output(&world.inside(&world.sandbox().procs(20), script));
    assert_eq!(lines(&output), ["EAGAIN"]);
}

#[test]
fn a_file_cannot_fill_the_disk() {
    let script = "tried(lambda: os.truncate(os.open('big', os.O_CREAT | os.O_WRONLY), 64 << 20))";
    for user in users() {
        let world = World::new(user);
        let sandbox = world.sandbox().file_mb(16);
        assert_eq!(lines(&world.output(&world.inside(&sandbox, script))), ["EFBIG"], "{user:?}");
        assert_eq!(world.lines_outside(script), ["done"], "{user:?}");
    }
}

#[test]
fn mlx_lm_can_set_the_limits_it_sets() {
    let script = "
resource.setrlimit(resource.RLIMIT_NOFILE, (2048, 4096))
print(resource.getrlimit(resource.RLIMIT_CORE))
";
    let world = World::new(unprivileged());
    assert_eq!(world.lines_inside(script), ["(0, 0)"]);
}
