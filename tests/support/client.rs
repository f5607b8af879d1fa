//! A small HTTP client that sees every byte and tells an end from a reset.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::ops::Deref;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::UnixStream;

use rustix::net::{AddressFamily, RecvFlags, SocketType, recv, sockopt};

use super::harness::{PATIENCE, Server};

/// How the server ended a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    Fin,
    Reset,
}

type Fields = Vec<(String, String)>;

/// A response head; every one is checked for `Date`.
#[derive(Debug, Clone)]
pub struct Head {
    pub status: u16,
    pub fields: Fields,
}

impl Head {
    /// The value of a field that must not be repeated.
    pub fn get(&self, name: &str) -> Option<&str> {
        let mut values = self
            .fields
            .iter()
            .filter(|(known, _)| known.eq_ignore_ascii_case(name));
        let value = values.next().map(|(_, value)| value.as_str());
        assert!(values.next().is_none(), "{name} is repeated: {self:?}");
        value
    }

    /// The value of a field that must be there.
    pub fn field(&self, name: &str) -> &str {
        self.get(name)
            .unwrap_or_else(|| panic!("no {name} in {self:?}"))
    }
}

#[derive(Debug, Clone)]
pub struct Response {
    pub head: Head,
    pub body: Vec<u8>,
}

impl Deref for Response {
    type Target = Head;

    fn deref(&self) -> &Head {
        &self.head
    }
}

impl Response {
    /// Checks that this is an error with one short line of text.
    pub fn assert_error(&self, status: u16) {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.field("Content-Type"), "text/plain; charset=utf-8");
        let text = String::from_utf8(self.body.clone()).expect("text");
        assert!(
            text.ends_with('\n') && text.lines().count() == 1 && text.len() < 120,
            "{text:?}"
        );
    }
}

enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// One connection.
pub struct Client {
    stream: Stream,
    unread: Vec<u8>,
    /// Bytes of the current chunk that are still to come.
    chunk: usize,
}

impl Client {
    pub fn new(server: &Server) -> Client {
        Client::to(&server.address)
    }

    pub fn to(address: &str) -> Client {
        Client::try_to(address).expect("connect")
    }

    pub fn try_to(address: &str) -> std::io::Result<Client> {
        Ok(match address.strip_prefix("unix:") {
            Some(path) => Client::over(Stream::Unix(UnixStream::connect(path)?)),
            None => Client::over(Stream::Tcp(TcpStream::connect(address)?)),
        })
    }

    /// A client whose kernel holds little for it: it is stalled as soon as it does not read.
    pub fn slow(server: &Server) -> Client {
        Client::with_buffer(server, 32 * 1024)
    }

    /// With a receive buffer of this size, or the least that the kernel allows.
    pub fn with_buffer(server: &Server, size: usize) -> Client {
        let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None);
        let socket = socket.expect("socket");
        sockopt::set_socket_recv_buffer_size(&socket, size).expect("SO_RCVBUF");
        let address: SocketAddr = server.address.parse().expect("an address");
        rustix::net::connect(&socket, &address).expect("connect");
        Client::over(Stream::Tcp(socket.into()))
    }

    fn over(stream: Stream) -> Client {
        match &stream {
            Stream::Tcp(stream) => {
                stream.set_nodelay(true).expect("TCP_NODELAY");
                stream.set_read_timeout(Some(PATIENCE))
            }
            Stream::Unix(stream) => stream.set_read_timeout(Some(PATIENCE)),
        }
        .expect("a timeout");
        Client {
            stream,
            unread: Vec::new(),
            chunk: 0,
        }
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_send(bytes).expect("send");
    }

    /// Fails if the server has closed already, which may be all right.
    pub fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> std::io::Result<()> {
        match &mut self.stream {
            Stream::Tcp(stream) => stream.write_all(bytes.as_ref()),
            Stream::Unix(stream) => stream.write_all(bytes.as_ref()),
        }
    }

    /// Ends our side only.
    pub fn shut(&self) {
        match &self.stream {
            Stream::Tcp(stream) => stream.shutdown(Shutdown::Write),
            Stream::Unix(stream) => stream.shutdown(Shutdown::Write),
        }
        .expect("shutdown");
    }

    /// Waits for a reset or the other side's end without reading anything.
    pub fn wait_hang_up(&self) {
        let fd = match &self.stream {
            Stream::Tcp(stream) => stream.as_raw_fd(),
            Stream::Unix(stream) => stream.as_raw_fd(),
        };
        let mut poll = libc::pollfd {
            fd,
            events: libc::POLLRDHUP,
            revents: 0,
        };
        // SAFETY: one pollfd, which outlives the call.
        let count = unsafe { libc::poll(&mut poll, 1, PATIENCE.as_millis() as i32) };
        assert_eq!(count, 1, "the connection stays");
    }

    /// Sends a request of HTTP/1.1 with these field lines.
    pub fn ask(&mut self, method: &str, target: &str, fields: &[&str]) {
        self.send(request(method, target, fields));
    }

    /// GET, and the whole answer.
    pub fn get(&mut self, target: &str, fields: &[&str]) -> Response {
        self.ask("GET", target, fields);
        self.response()
    }

    /// HEAD, and the answer. If the server sent a body, the next answer on this connection cannot be read.
    pub fn head_of(&mut self, target: &str, fields: &[&str]) -> Head {
        self.ask("HEAD", target, fields);
        self.head()
    }

    /// Begins a chunked tail.
    pub fn tail(&mut self, target: &str, fields: &[&str]) -> Head {
        self.ask("GET", target, fields);
        let head = self.head();
        assert_eq!(head.status, 206, "{head:?}");
        assert_eq!(head.field("Transfer-Encoding"), "chunked");
        assert_eq!(head.get("Content-Length"), None);
        head
    }

    /// A head alone.
    pub fn head(&mut self) -> Head {
        let line = self.line();
        let status = line
            .strip_prefix("HTTP/1.1 ")
            .and_then(|rest| rest.get(..3))
            .and_then(|status| status.parse().ok())
            .unwrap_or_else(|| panic!("status line {line:?}"));
        let fields = self.fields();
        let head = Head { status, fields };
        let date = head.field("Date");
        assert!(date.ends_with(" GMT") && date.len() == 29, "{date}");
        head
    }

    /// A whole answer to anything but HEAD.
    pub fn response(&mut self) -> Response {
        let head = self.head();
        let body = if matches!(head.status, 204 | 304) {
            Vec::new()
        } else if head.get("Transfer-Encoding").is_some() {
            self.rest().0
        } else if let Some(length) = head.get("Content-Length") {
            let length = length.parse().expect("a length");
            self.raw(length)
        } else {
            assert_eq!(head.field("Connection"), "close", "ends by close: {head:?}");
            let (body, ending) = self.until_end();
            assert_eq!(ending, Ending::Fin, "{head:?}");
            body
        };
        Response { head, body }
    }

    /// So many bytes of a chunked body, however it is cut into chunks.
    pub fn take(&mut self, count: usize) -> Vec<u8> {
        let mut body = Vec::new();
        while body.len() < count {
            if self.chunk == 0 {
                self.chunk = self.size_line();
                let so_far = String::from_utf8_lossy(&body).into_owned();
                assert!(self.chunk > 0, "the body ended after {so_far:?}");
            }
            body.extend(self.of_chunk(count - body.len()));
        }
        body
    }

    /// What is left of the current chunk, or the next one.
    pub fn some(&mut self) -> Vec<u8> {
        if self.chunk == 0 {
            self.chunk = self.size_line();
            assert!(self.chunk > 0, "the body ended");
        }
        self.of_chunk(usize::MAX)
    }

    /// The rest of a chunked body, and its trailer fields.
    pub fn rest(&mut self) -> (Vec<u8>, Fields) {
        let mut body = Vec::new();
        loop {
            if self.chunk == 0 {
                self.chunk = self.size_line();
                if self.chunk == 0 {
                    return (body, self.fields());
                }
            }
            body.extend(self.of_chunk(usize::MAX));
        }
    }

    fn size_line(&mut self) -> usize {
        let line = self.line();
        usize::from_str_radix(&line, 16).unwrap_or_else(|_| panic!("chunk size {line:?}"))
    }

    fn of_chunk(&mut self, most: usize) -> Vec<u8> {
        let bytes = self.raw(self.chunk.min(most));
        self.chunk -= bytes.len();
        if self.chunk == 0 {
            assert_eq!(self.raw(2), b"\r\n", "after a chunk");
        }
        bytes
    }

    /// So many bytes as they come.
    pub fn raw(&mut self, count: usize) -> Vec<u8> {
        while self.unread.len() < count {
            if let Some(ending) = self.fill() {
                let text = String::from_utf8_lossy(&self.unread);
                panic!("{ending:?} after {text:?}, expected {count} bytes");
            }
        }
        self.unread.drain(..count).collect()
    }

    /// Takes what has come, without waiting for more; it is read later. An end or a reset is seen then.
    pub fn gather(&mut self) {
        let stream = match &self.stream {
            Stream::Tcp(stream) => stream.as_fd(),
            Stream::Unix(stream) => stream.as_fd(),
        };
        let mut buffer = [0; 16 * 1024];
        while let Ok((count @ 1.., _)) = recv(stream, &mut buffer, RecvFlags::DONTWAIT) {
            self.unread.extend_from_slice(&buffer[..count]);
        }
    }

    /// Everything until the connection ends, and how it did.
    pub fn until_end(&mut self) -> (Vec<u8>, Ending) {
        loop {
            if let Some(ending) = self.fill() {
                return (std::mem::take(&mut self.unread), ending);
            }
        }
    }

    /// Checks that nothing more comes before an orderly end.
    pub fn assert_closed(&mut self) {
        let (rest, ending) = self.until_end();
        assert_eq!(String::from_utf8_lossy(&rest), "");
        assert_eq!(ending, Ending::Fin);
    }

    fn line(&mut self) -> String {
        let end = loop {
            if let Some(end) = self.unread.windows(2).position(|two| two == b"\r\n") {
                break end;
            }
            if let Some(ending) = self.fill() {
                let text = String::from_utf8_lossy(&self.unread);
                panic!("{ending:?} after {text:?}, expected a line");
            }
        };
        let line = self.raw(end + 2);
        String::from_utf8(line[..end].to_vec()).expect("a line of text")
    }

    fn fields(&mut self) -> Fields {
        let mut fields = Vec::new();
        loop {
            let line = self.line();
            if line.is_empty() {
                return fields;
            }
            let (name, value) = line.split_once(": ").expect("a field line");
            fields.push((name.to_string(), value.to_string()));
        }
    }

    fn fill(&mut self) -> Option<Ending> {
        let mut buffer = [0; 16 * 1024];
        let result = match &mut self.stream {
            Stream::Tcp(stream) => stream.read(&mut buffer),
            Stream::Unix(stream) => stream.read(&mut buffer),
        };
        match result {
            Ok(0) => Some(Ending::Fin),
            Ok(n) => {
                self.unread.extend_from_slice(&buffer[..n]);
                None
            }
            Err(error) if error.kind() == ErrorKind::ConnectionReset => Some(Ending::Reset),
            // With a timeout, recv(2) is not restarted by itself.
            Err(error) if error.kind() == ErrorKind::Interrupted => None,
            Err(error) => {
                let text = String::from_utf8_lossy(&self.unread);
                panic!("{error} after {text:?}")
            }
        }
    }
}

/// A request of HTTP/1.1 without a body.
pub fn request(method: &str, target: &str, fields: &[&str]) -> String {
    let mut text = format!("{method} {target} HTTP/1.1\r\nHost: here\r\n");
    for field in fields {
        text.push_str(field);
        text.push_str("\r\n");
    }
    text + "\r\n"
}

/// GET on a connection of its own.
pub fn get(server: &Server, target: &str, fields: &[&str]) -> Response {
    Client::new(server).get(target, fields)
}

/// HEAD on a connection of its own.
pub fn head_of(server: &Server, target: &str, fields: &[&str]) -> Head {
    Client::new(server).head_of(target, fields)
}

/// The entity tag of a file now.
pub fn etag(server: &Server, target: &str) -> String {
    let head = head_of(server, target, &[]);
    assert_eq!(head.status, 200, "{head:?}");
    head.field("ETag").to_string()
}
