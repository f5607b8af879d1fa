//! A server whose name has several addresses, of which the first one does not answer.

use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::os::fd::OwnedFd;
use std::process::Command;

use rustix::net::{self, AddressFamily, SocketFlags, SocketType};

use super::Running;
use crate::support::harness::{Server, TempDir, eventually, openrange};
use crate::support::machine::{in_namespace, skip};

/// Has the two addresses below.
pub const NAME: &str = "two-addresses.test";
/// Of the one that does not answer.
const SILENT: &str = "127.0.0.2";
/// Of the one that does, which comes second.
pub const SECOND: &str = "127.0.0.3";

/// A listener whose queue is full, so what wants to connect to it hears nothing; as long as this lives.
pub struct Silent {
    _listener: TcpListener,
    _queue: Vec<OwnedFd>,
}

/// In a namespace where files can be mounted: gives [`NAME`] its addresses, of which the first one is silent at this port.
pub fn silent_first(port: u16) -> Option<Silent> {
    let hosts = TempDir::with("hosts", format!("{SILENT} {NAME}\n{SECOND} {NAME}\n"));
    let mounted = Command::new("mount")
        .arg("--bind")
        .arg(hosts.join("hosts"))
        .arg("/etc/hosts")
        .status();
    assert!(mounted.is_ok_and(|status| status.success()), "no mount");
    let first = (NAME, port).to_socket_addrs().ok()?.next()?;
    if first.ip().to_string() != SILENT {
        skip("the resolver has an order of its own");
        return None;
    }
    let listener = TcpListener::bind(first).expect("that port is free there too");
    net::listen(&listener, 0).expect("a queue of one");
    Some(Silent {
        _listener: listener,
        _queue: (0..4).map(|_| begin_to_connect(first)).collect(),
    })
}

fn begin_to_connect(address: SocketAddr) -> OwnedFd {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = net::socket_with(AddressFamily::INET, SocketType::STREAM, flags, None);
    let socket = socket.expect("a socket");
    let _ = net::connect(&socket, &address);
    socket
}

#[test]
fn the_next_address_has_its_turn_when_the_first_one_does_not_answer() {
    let name = "the_next_address_has_its_turn_when_the_first_one_does_not_answer";
    in_namespace(module_path!(), name, || {
        let root = TempDir::with("log", "one\n");
        let listen = format!("{SECOND}:0");
        let mut command = openrange(&["--listen", &listen, "--host", NAME]);
        command.arg(root.path());
        let server = Server::launch(command);
        let (_, port) = server.address.rsplit_once(':').expect("a port");
        let Some(_silent) = silent_first(port.parse().expect("a port")) else {
            return;
        };
        let origin = format!("http://{NAME}:{port}/");
        let (log, copies) = (format!("{origin}log"), TempDir::new());
        let copy = copies.path().display().to_string();
        let mut mirror = Running::start(&["mirror", "--until-caught-up", &origin, &copy]);
        let mut follow = Running::start(&["follow", "--until-caught-up", &log]);
        eventually("two ends", || follow.is_over() && mirror.is_over());
        let (code, out, err) = follow.end();
        assert_eq!((code, &*out, &*err), (Some(0), "one\n", ""));
        assert_eq!(mirror.end().0, Some(0));
        let copied = std::fs::read_to_string(copies.join("log"));
        assert_eq!(copied.expect("a copy"), "one\n");
    });
}
