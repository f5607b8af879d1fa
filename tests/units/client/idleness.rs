//! What waits for something that cannot be done yet is not woken again and again.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use openrange::client::exchange::{Exchange, Need, Progress};
use openrange::client::run::{heard, watch_signals};
use openrange::client::transport::{Transport, Turn};
use openrange::client::url::Url;
use openrange::os::epoll::{Poll, Token};
use rustix::net::sockopt;
use signal_hook::consts::SIGINT;

/// Nothing here takes that long.
const PATIENCE: Duration = Duration::from_secs(14);
const TOKEN: Token = Token::Slot(0);

/// A client in the middle of a response, whose server sends on.
struct Scene {
    exchange: Exchange,
    transport: Transport,
    poll: Poll,
    server: TcpStream,
}

impl Scene {
    fn new() -> Scene {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let url = Url::parse(&format!("http://{address}/log")).expect("a URL");
        let mut poll = Poll::new().expect("a poller");
        let mut transport = Transport::new(&url.server, None, TOKEN, poll.waker());
        let mut exchange = Exchange::new(0);
        exchange.request(b"GET /log HTTP/1.1\r\n\r\n".to_vec());
        while exchange.need() != Need::Receive {
            if transport.drive(&mut exchange, &poll, usize::MAX) == Turn::Waits {
                poll.wait(Some(PATIENCE)).expect("a poller");
            }
        }
        let (mut server, _) = listener.accept().expect("a connection");
        server.read_exact(&mut [0; 21]).expect("a request");
        server
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\nlog")
            .expect("a response");
        let mut scene = Scene {
            exchange,
            transport,
            poll,
            server,
        };
        while scene.exchange.progress() != Progress::Content {
            scene.drive(usize::MAX);
            scene.is_woken_within(PATIENCE);
        }
        scene
    }

    fn drive(&mut self, most: usize) {
        while self.transport.drive(&mut self.exchange, &self.poll, most) == Turn::Progress {}
    }

    fn is_woken_within(&mut self, time: Duration) -> bool {
        self.poll.wait(Some(time)).expect("a poller");
        self.poll.ready().any(|ready| ready.token == TOKEN)
    }
}

#[test]
fn a_client_that_may_not_receive_is_not_told_what_came() {
    let mut scene = Scene::new();
    scene.drive(usize::MAX);
    scene.server.write_all(b" more").expect("more");
    assert!(scene.is_woken_within(PATIENCE));
    scene.drive(0);
    assert!(!scene.is_woken_within(Duration::ZERO), "it can do nothing");
    // Two bytes, and then no more.
    let Scene {
        exchange,
        transport,
        poll,
        ..
    } = &mut scene;
    assert_eq!(transport.drive(exchange, poll, 2), Turn::Progress);
    scene.drive(0);
    assert_eq!(scene.exchange.content(), b"log m");
    assert!(!scene.is_woken_within(Duration::ZERO), "it can do nothing");
    scene.drive(usize::MAX);
    assert_eq!(scene.exchange.content(), b"log more");
}

/// A connection that is gone is reported whatever is asked of it.
#[test]
fn a_client_without_room_is_not_told_again_and_again_that_the_connection_is_gone() {
    let mut scene = Scene::new();
    scene.server.set_nonblocking(true).expect("a socket");
    while scene.server.write(&[b'x'; 4096]).is_ok() || !scene.exchange.space().is_empty() {
        scene.drive(usize::MAX);
    }
    sockopt::set_socket_linger(&scene.server, Some(Duration::ZERO)).expect("a socket");
    // The transport keeps its side.
    let Scene {
        mut poll,
        server,
        transport: _transport,
        ..
    } = scene;
    drop(server);
    poll.wait(Some(Duration::ZERO)).expect("a poller");
    assert_eq!(poll.ready().count(), 0, "content must be taken first");
}

#[test]
fn a_signal_wakes_once() {
    let mut poll = Poll::new().expect("a poller");
    let stop = Arc::new(AtomicBool::new(false));
    let wake = watch_signals(&stop, &poll, TOKEN).expect("a pair of sockets");
    signal_hook::low_level::raise(SIGINT).expect("a signal");
    poll.wait(Some(PATIENCE)).expect("a poller");
    assert!(poll.ready().any(|ready| ready.token == TOKEN));
    heard(&wake);
    poll.wait(Some(Duration::ZERO)).expect("a poller");
    assert_eq!(poll.ready().count(), 0);
}
