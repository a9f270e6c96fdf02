//! Sockets: none at all, or a network that ends at the process's own door.

use std::net::{TcpListener, UdpSocket};
use std::os::unix::net::UnixListener;

use super::world::{World, lines, users};
use mlxport::util::sandbox::{Profile, Sandbox};

const SOCKETS: &str = r#"
tcp, udp = int(sys.argv[1]), int(sys.argv[2])
unix = os.environ['HOME'] + '/socket'
tried(lambda: socket.create_connection(('127.0.0.1', tcp)))
tried(lambda: socket.socket(socket.AF_INET6, socket.SOCK_STREAM))
tried(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', udp)))
tried(lambda: socket.socket(socket.AF_UNIX).connect(unix))
tried(lambda: socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
tried(lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW))
tried(lambda: socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM))
pair = socket.socketpair()
tried(lambda: pair[0].send(b'x'))
"#;

struct Listeners {
    tcp: TcpListener,
    udp: UdpSocket,
    _unix: UnixListener,
}

impl Listeners {
    fn new(world: &World) -> Self {
        use std::os::unix::fs::PermissionsExt;
        let path = world.home.join("socket");
        let unix = UnixListener::bind(&path).expect("a socket");
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o777)).expect("open to all");
        let tcp = TcpListener::bind("127.0.0.1:0").expect("a port");
        Self { tcp, udp: UdpSocket::bind("127.0.0.1:0").expect("a port"), _unix: unix }
    }

    fn ports(&self) -> [String; 2] {
        let (tcp, udp) = (self.tcp.local_addr().expect("bound"), self.udp.local_addr().expect("bound"));
        [tcp.port().to_string(), udp.port().to_string()]
    }
}

#[test]
fn no_socket_but_ones_own_pair() {
    for user in users() {
        let world = World::new(user);
        let listeners = Listeners::new(&world);
        let inside = world.inside(&world.sandbox(), SOCKETS).args(listeners.ports());
        let expected = ["EPERM", "EPERM", "EPERM", "EPERM", "EPERM", "EPERM", "EPERM", "done"];
        assert_eq!(lines(&world.output(&inside)), expected, "{user:?}");
        let outside = world.outside(SOCKETS).args(listeners.ports());
        assert_eq!(lines(&world.output(&outside)), ["done"; 8], "{user:?}");
    }
}

/// Needs a network namespace. A machine that forbids one must get an error that says so, and no child.
#[test]
fn loopback_reaches_itself_and_nothing_else() {
    let script = r#"
server = socket.create_server(('127.0.0.1', 0))
tried(lambda: socket.create_connection(server.getsockname()))
tried(lambda: socket.create_connection(('127.0.0.1', int(sys.argv[1]))))
tried(lambda: socket.create_connection(('192.0.2.1', 80), 1))
tried(lambda: socket.socket(socket.AF_UNIX))
tried(lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW))
print(os.getuid())
"#;
    for user in users() {
        let world = World::new(user);
        let listeners = Listeners::new(&world);
        let sandbox = Sandbox { profile: Profile::Loopback, ..world.sandbox() };
        let output = world.output(&world.inside(&sandbox, script).args(listeners.ports()));
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(
                said.contains("cannot make a network of its own") && said.contains("this machine"),
                "{said}"
            );
            assert!(output.stdout.is_empty());
            continue;
        }
        let uid = lines(&world.output(&world.outside("print(os.getuid())"))).remove(0);
        let expected = ["done", "ECONNREFUSED", "ENETUNREACH", "EPERM", "EPERM", &uid];
        assert_eq!(lines(&output), expected, "{user:?}");
    }
}
