//! A network namespace in which only the loopback device exists, brought up by one netlink message.

use std::io;

use nix::sched::{CloneFlags, unshare};
use nix::unistd::{Gid, Uid};
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketType, recv, sendto, socket};

const RTM_NEWLINK: u16 = 16;
const REQUEST_AND_ACK: u16 = 1 | 4;
const IFF_UP: u32 = 1;
/// The loopback device is the first of every namespace.
const LOOPBACK: i32 = 1;

/// Moves this process into a network of its own. Without root that takes a user namespace, which the kernel may refuse.
pub fn isolate() -> io::Result<()> {
    let (user, group) = (Uid::effective(), Gid::effective());
    if user.is_root() {
        unshare(CloneFlags::CLONE_NEWNET)?;
        return bring_up();
    }
    unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET)?;
    bring_up()?;
    keep_identity(user, group)
}

/// Maps the user to itself, so that files keep their owner and nothing in the namespace is root.
#[expect(clippy::disallowed_methods, reason = "kernel settings that take one write each, not files")]
fn keep_identity(user: Uid, group: Gid) -> io::Result<()> {
    std::fs::write("/proc/self/setgroups", "deny")?;
    std::fs::write("/proc/self/uid_map", format!("{user} {user} 1"))?;
    std::fs::write("/proc/self/gid_map", format!("{group} {group} 1"))
}

fn bring_up() -> io::Result<()> {
    // Netlink's protocol 0 is NETLINK_ROUTE.
    let socket = socket(AddressFamily::NETLINK, SocketType::RAW, None)?;
    sendto(&socket, &request(), SendFlags::empty(), &SocketAddrNetlink::new(0, 0))?;
    let mut reply = [0u8; 256];
    let (_, length) = recv(&socket, &mut reply[..], RecvFlags::empty())?;
    match reply
        .get(16..20)
        .filter(|_| length >= 20)
        .and_then(|code| code.try_into().ok())
        .map(i32::from_ne_bytes)
    {
        Some(0) => Ok(()),
        Some(code) => Err(io::Error::from_raw_os_error(-code)),
        None => Err(io::Error::other("the kernel's answer is too short")),
    }
}

/// `nlmsghdr` and `ifinfomsg` (netlink(7), rtnetlink(7)): set IFF_UP on the loopback device.
fn request() -> Vec<u8> {
    let mut bytes = Vec::with_capacity(32);
    bytes.extend(32u32.to_ne_bytes());
    bytes.extend(RTM_NEWLINK.to_ne_bytes());
    bytes.extend(REQUEST_AND_ACK.to_ne_bytes());
    bytes.extend(1u32.to_ne_bytes());
    bytes.extend([0; 4]);
    bytes.extend([0; 4]);
    bytes.extend(LOOPBACK.to_ne_bytes());
    bytes.extend(IFF_UP.to_ne_bytes());
    bytes.extend(IFF_UP.to_ne_bytes());
    bytes
}
