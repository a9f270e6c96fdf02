//! Runs the whole list in one child: each attempt in a fork of its own, so that none can spoil the next. The child has a
//! grandparent, a parent and a sibling that hold a key, leave files open and share memory.

use std::collections::BTreeMap;
use std::net::{TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::super::world::{PYTHON, User, World, words};
use mlxport::util::process::Command;
use mlxport::util::sandbox::{Profile, Sandbox};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Inside(Profile),
    Outside,
}

/// What was said to each attempt.
pub struct Tried {
    pub root: bool,
    pub said: BTreeMap<String, String>,
    pub home_before: Vec<(PathBuf, u32, i64, Vec<u8>)>,
    pub home_after: Vec<(PathBuf, u32, i64, Vec<u8>)>,
}

const HELPERS: &str = r#"
import ctypes, errno, json, os, resource, signal, socket, subprocess, sys, threading, time
globals().update(json.loads(sys.argv[1]))
libc = ctypes.CDLL(None, use_errno=True)
libc.shmat.restype = ctypes.c_void_p
class Stopped(Exception):
    pass
def stop(said):
    raise Stopped(said)
def zero(returned):
    if returned != 0:
        raise OSError(ctypes.get_errno(), 'call')
def call(number, *arguments):
    zero(min(0, libc.syscall(ctypes.c_long(number), *[ctypes.c_long(a) for a in arguments])))
def put(path):
    fd = os.open(path, os.O_CREAT | os.O_WRONLY, 0o644)
    os.write(fd, b'x')
    os.close(fd)
def secret(path):
    if b'planted' not in open(path, 'rb').read():
        stop('empty')
def bomb(most):
    children = []
    try:
        for _ in range(most):
            pid = os.fork()
            if pid == 0:
                signal.pause()
                os._exit(0)
            children.append(pid)
    finally:
        for pid in children:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
def threads(most):
    threading.stack_size(64 << 10)
    gate = threading.Event()
    try:
        for _ in range(most):
            threading.Thread(target=gate.wait, daemon=True).start()
    except RuntimeError:
        raise OSError(errno.EAGAIN, 'thread')
def attempt(act):
    out, into = os.pipe()
    pid = os.fork()
    if pid == 0:
        signal.alarm(30)
        os.close(out)
        os.set_inheritable(into, False)
        try:
            act()
            said = 'done'
        except Stopped as stopped:
            said = str(stopped)
        except MemoryError:
            said = 'MemoryError'
        except OSError as error:
            said = errno.errorcode.get(error.errno, repr(error))
        except BaseException as error:
            said = 'EPERM' if 'not allowed to raise' in str(error) else repr(error)
        os.write(into, said.encode())
        os._exit(0)
    os.close(into)
    said = os.read(out, 4096).decode()
    os.close(out)
    status = os.waitpid(pid, 0)[1]
    if os.WIFSIGNALED(status):
        return signal.Signals(os.WTERMSIG(status)).name
    return said or 'ended'
said = {}
"#;

/// The grandparent: shares memory, a queue and semaphores, then starts the parent.
const GRANDPARENT: &str = r#"
import ctypes, json, os, subprocess, sys
libc = ctypes.CDLL(None, use_errno=True)
libc.shmat.restype = ctypes.c_void_p
queue = os.getpid()
segment = libc.shmget(0, 4096, 0o1600)
at = libc.shmat(segment, None, 0)
ctypes.memmove(at, b'planted\0', 8)
message, semaphore = libc.msgget(queue, 0o1600), libc.semget(queue, 1, 0o1600)
facts = json.loads(sys.argv[3])
facts.update(segment=segment, queue=queue, grandparent=os.getpid())
try:
    sys.exit(subprocess.call([sys.executable, '-c', sys.argv[1], sys.argv[2], json.dumps(facts)]))
finally:
    libc.shmctl(segment, 0, None)
    libc.msgctl(message, 0, None)
    libc.semctl(semaphore, 0, 0)
"#;

/// The parent: leaves files open, starts the sibling, then the child.
const PARENT: &str = r#"
import json, os, subprocess, sys
facts = json.loads(sys.argv[2])
sibling = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(120)'])
open_key = os.open(facts['key'], os.O_RDONLY)
open_notes = os.open(facts['home'] + '/notes', os.O_WRONLY | os.O_APPEND)
# High numbers: low ones are given again to what the child opens itself.
open_key, open_notes = os.dup2(open_key, 190), os.dup2(open_notes, 191)
facts.update(parent=os.getpid(), sibling=sibling.pid, open_key=open_key, open_notes=open_notes)
while not open(f'/proc/{sibling.pid}/environ').read():
    pass
words = json.loads(sys.argv[1])
if '--parent' in words:
    words[words.index('--parent') + 1] = str(os.getpid())
try:
    sys.exit(subprocess.call(words + [json.dumps(facts)], close_fds=False, preexec_fn=os.setpgrp))
finally:
    sibling.kill()
"#;

/// Tries everything. None where this machine has no `loopback`, and said so.
pub fn run(user: User, place: Place) -> Option<Tried> {
    let world = World::new(user);
    let ground = Ground::new(&world);
    let sandbox = world.sandbox().read(&ground.checkout).read(&ground.site).mem_mb(512).procs(64).file_mb(16);
    let root = user == User::Myself && nix::unistd::geteuid().is_root();
    let script = script(root);
    let child = match place {
        Place::Inside(profile) => ground.inside(&Sandbox { profile, ..sandbox }, &script, &world),
        Place::Outside => Command::new(PYTHON).args(["-c", &script]),
    };
    let child =
        serde_json::to_string(&words(&child).iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>());
    let child = child.expect("words are text");
    let launcher = Command::new(PYTHON)
        .args(["-c", GRANDPARENT, PARENT, &child, &ground.facts.to_string()])
        .clear_env()
        .env("PLANTED_KEY", "sk-planted")
        .env("HOME", &world.home)
        .cwd(&world.run);
    let home_before = world.home_state();
    let output = world.output(&launcher);
    let said = String::from_utf8_lossy(&output.stderr);
    if place == Place::Inside(Profile::Loopback) && said.contains("cannot make a network of its own") {
        assert!(output.stdout.is_empty(), "a child without its wall ran");
        return None;
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let said = serde_json::from_str(&text)
        .unwrap_or_else(|error| panic!("{error}: {:?} {text} {said}", output.status));
    Some(Tried { root, said, home_before, home_after: world.home_state() })
}

fn script(root: bool) -> String {
    let mut text = HELPERS.to_string();
    for (number, escape) in super::all().enumerate() {
        if root && !escape.binds_root {
            continue;
        }
        text.push_str(&format!("def escape_{number}():\n"));
        let indented = escape.body.lines().map(|line| format!("    {line}\n"));
        text.extend(indented);
        text.push_str(&format!("said[{:?}] = attempt(escape_{number})\n", escape.name));
    }
    text.push_str("print(json.dumps(said))\n");
    text
}

/// What there is to attack. Dropped after the run.
struct Ground {
    facts: Value,
    checkout: PathBuf,
    site: PathBuf,
    _servers: (TcpListener, UdpSocket, UnixListener, UnixListener),
    spots: [PathBuf; 2],
}

impl Ground {
    fn new(world: &World) -> Self {
        let root = world.home.parent().expect("the world's folder");
        let (checkout, site) = (root.join("checkout"), root.join("site-packages"));
        let key = world.home.join(".ssh/id_ed25519");
        for name in [
            ".cache/huggingface/token",
            ".netrc",
            ".ssh/id_ed25519",
            ".git-credentials",
            "notes",
            "spare",
            ".local/share/mlxport/config.toml",
        ] {
            plant(world, &world.home.join(name), "sk-planted\n");
        }
        for name in [".git/config", ".git/hooks/post-commit", "port.py"] {
            plant(world, &checkout.join(name), "# planted\n");
        }
        plant(world, &site.join("module.py"), "planted = 1\n");
        let name = format!("mlxport-escape-{}-{:?}", std::process::id(), world.run).replace(['/', '"'], "-");
        let spots = ["/tmp", "/dev/shm"].map(|folder| Path::new(folder).join(&name));
        let abstract_name = SocketAddr::from_abstract_name(&name).expect("a name");
        let unix = UnixListener::bind(world.home.join("socket")).expect("a socket");
        let _ = std::fs::set_permissions(world.home.join("socket"), PermissionsExt::from_mode(0o777));
        let servers = (
            TcpListener::bind("127.0.0.1:0").expect("a port"),
            UdpSocket::bind("127.0.0.1:0").expect("a port"),
            unix,
            UnixListener::bind_addr(&abstract_name).expect("a socket"),
        );
        let facts = json!({
            "home": world.home, "key": key, "checkout": checkout, "site": site, "module": site.join("module.py"),
            "tcp": servers.0.local_addr().expect("bound").port(),
            "udp": servers.1.local_addr().expect("bound").port(),
            "abstract": name, "temporary": spots[0], "shared": spots[1], "set_user": set_user(world),
        });
        Self { facts, checkout, site, _servers: servers, spots }
    }

    /// The sandboxed child may read the program that carries another user's rights: no rule on files stops that one.
    fn inside(&self, sandbox: &Sandbox, script: &str, world: &World) -> Command {
        let sandbox = sandbox.clone().read(world.home.parent().expect("the world's folder").join("tools"));
        sandbox.command(super::super::world::program(), Path::new(PYTHON)).args(["-c", script])
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        for spot in &self.spots {
            let _ = std::fs::remove_file(spot);
        }
    }
}

fn plant(world: &World, path: &Path, text: &str) {
    mlxport::util::fs::write_atomic(path, text.as_bytes()).expect("a planted file");
    let root = world.home.parent().expect("the world's folder");
    if world.user == User::Nobody {
        for path in path.ancestors().take_while(|path| *path != root) {
            chown(path, Some(65534), Some(65534)).expect("give away");
        }
    }
}

/// A copy of `id` that carries another user's rights; only root can make one.
fn set_user(world: &World) -> PathBuf {
    let path = world.home.parent().expect("the world's folder").join("tools/id");
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    std::fs::copy("/usr/bin/id", &path).expect("a copy");
    if nix::unistd::geteuid().is_root() {
        let owner = if world.user == User::Nobody { 0 } else { 65534 };
        chown(&path, Some(owner), Some(owner)).expect("give away");
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o4755)).expect("a mode");
    }
    path
}
