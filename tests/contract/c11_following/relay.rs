//! Between a client and a server: passes everything on, tells a test of each request first, and cuts when it is told to.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use rustix::net::sockopt;

use crate::support::harness::Server;

const SENT_AT_ONCE: usize = 16 * 1024;

/// See the module.
pub struct Relay {
    port: u16,
    connections: Arc<Mutex<Vec<TcpStream>>>,
}

impl Relay {
    /// `before` gets the request line of each request before the server does.
    pub fn start(server: &Server, before: impl Fn(&str) + Send + Sync + 'static) -> Relay {
        let url = server.url("");
        let upstream = url["http://".len()..].to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let relay = Relay {
            port: listener.local_addr().expect("an address").port(),
            connections: Arc::default(),
        };
        let (connections, before) = (Arc::clone(&relay.connections), Arc::new(before));
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                // So little is on the way that a cut loses something.
                let small = sockopt::set_socket_send_buffer_size(&client, SENT_AT_ONCE);
                small.expect("a size");
                let shared = client.try_clone().expect("a descriptor");
                connections.lock().expect("a lock").push(shared);
                let Ok(server) = TcpStream::connect(&upstream) else {
                    let _ = client.shutdown(Shutdown::Both);
                    continue;
                };
                let before = Arc::clone(&before);
                let (from, to) = (client.try_clone(), server.try_clone());
                thread::spawn(move || {
                    let (from, to) = (from.expect("a descriptor"), to.expect("a descriptor"));
                    let _ = pass_requests(from, &to, &*before);
                    let _ = to.shutdown(Shutdown::Both);
                });
                thread::spawn(move || {
                    let _ = io::copy(&mut &server, &mut &client);
                    let _ = client.shutdown(Shutdown::Both);
                });
            }
        });
        relay
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Ends all connections.
    pub fn cut(&self) {
        let connections = std::mem::take(&mut *self.connections.lock().expect("a lock"));
        for connection in connections {
            let _ = connection.shutdown(Shutdown::Both);
        }
    }
}

/// Requests have no body here.
fn pass_requests(from: TcpStream, mut to: &TcpStream, before: &dyn Fn(&str)) -> io::Result<()> {
    let mut lines = BufReader::new(from);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if lines.read_line(&mut head)? == 0 {
                return Ok(());
            }
        }
        before(head.lines().next().unwrap_or_default());
        to.write_all(head.as_bytes())?;
    }
}
