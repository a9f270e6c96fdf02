//! Sockets. In `loopback` a process may speak to itself and to nobody else.

use super::{Escape, Outside, escape};

pub const ESCAPES: &[Escape] = &[
    escape(
        "socket-tcp",
        "TCP to a server of the machine",
        "socket.create_connection(('127.0.0.1', tcp), 5)",
        "EPERM",
    )
    .loopback("ECONNREFUSED"),
    escape(
        "socket-udp",
        "a datagram to a server of the machine",
        "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\ns.connect(('127.0.0.1', udp))\ns.send(b'x')\ntime.sleep(0.05)\ns.send(b'x')",
        "EPERM",
    )
    .loopback("ECONNREFUSED"),
    escape(
        "socket-far",
        "TCP to another machine",
        "socket.create_connection(('192.0.2.1', 80), 0.2)",
        "EPERM",
    )
    .loopback("ENETUNREACH")
    .outside(Outside::Varies),
    escape(
        "name-lookup",
        "a question to a name server of the network",
        "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'\\0' * 12, ('192.0.2.53', 53))",
        "EPERM",
    )
    .loopback("ENETUNREACH")
    .outside(Outside::Varies),
    escape(
        "socket-tcp-to-itself",
        "a server of its own, and a connection to it",
        "server = socket.create_server(('127.0.0.1', 0))\nsocket.create_connection(server.getsockname(), 5)",
        "EPERM",
    )
    .loopback("done"),
    escape(
        "socket-udp-to-itself",
        "a datagram to itself",
        "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\ns.bind(('127.0.0.1', 0))\ns.sendto(b'x', s.getsockname())",
        "EPERM",
    )
    .loopback("done"),
    escape("socket-unix-path", "a Unix socket in the home", "socket.socket(socket.AF_UNIX).connect(home + '/socket')", "EPERM"),
    escape(
        "socket-unix-abstract",
        "a Unix socket without a path (a session bus, a display)",
        "socket.socket(socket.AF_UNIX).connect('\\0' + abstract)",
        "EPERM",
    ),
    escape(
        "socket-pair-to-elsewhere",
        "a datagram pair, which could send to any address",
        "a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)",
        "EPERM",
    ),
    escape("socket-netlink", "the kernel's network settings", "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)", "EPERM"),
    escape(
        "socket-raw",
        "packets made by hand",
        "socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)",
        "EPERM",
    )
    .outside(Outside::WorksForRoot),
    escape("socket-packet", "what passes on the wire", "socket.socket(17, socket.SOCK_RAW, 3)", "EPERM")
        .outside(Outside::WorksForRoot),
    escape("socket-crypto", "the kernel's ciphers (`AF_ALG`)", "socket.socket(38, 5)", "EPERM").outside(Outside::Varies),
    escape("socket-host", "the host of a virtual machine (`AF_VSOCK`)", "socket.socket(40, socket.SOCK_STREAM)", "EPERM")
        .outside(Outside::Varies),
];
