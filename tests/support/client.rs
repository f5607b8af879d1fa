//! A small HTTP client that sees every byte and tells an end from a reset.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::ops::Deref;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::net::sockopt::{self, Timeout};
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, recv};

use super::harness::Server;
use super::reader::{Fields, Reader};
use super::waiting::PATIENCE;

pub use super::reader::{Head, Piece};

/// Most bytes of one read.
const READ: usize = 16 * 1024;

/// How the server ended a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    Fin,
    Reset,
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
    reader: Reader,
}

impl Client {
    pub fn new(server: &Server) -> Client {
        Client::to(&server.address)
    }

    pub fn to(address: &str) -> Client {
        Client::try_to(address).expect("connect")
    }

    pub fn try_to(address: &str) -> io::Result<Client> {
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
        Client::try_with_buffer(&server.address, size).expect("connect")
    }

    pub fn try_with_buffer(address: &str, size: usize) -> io::Result<Client> {
        // Otherwise servers that other tests start inherit it, and it does not end when it is closed here.
        let flags = SocketFlags::CLOEXEC;
        let (family, kind) = (AddressFamily::INET, SocketType::STREAM);
        let socket = rustix::net::socket_with(family, kind, flags, None)?;
        sockopt::set_socket_recv_buffer_size(&socket, size)?;
        let address: SocketAddr = address.parse().expect("an address");
        rustix::net::connect(&socket, &address)?;
        Ok(Client::over(Stream::Tcp(socket.into())))
    }

    fn over(stream: Stream) -> Client {
        if let Stream::Tcp(stream) = &stream {
            stream.set_nodelay(true).expect("TCP_NODELAY");
        }
        let client = Client {
            stream,
            reader: Reader::default(),
        };
        // So a read that finds nothing fails and does not hang.
        client.set_patience(PATIENCE);
        let timeout = sockopt::set_socket_timeout(client.fd(), Timeout::Send, Some(PATIENCE));
        timeout.expect("SO_SNDTIMEO");
        client
    }

    /// How long one read waits.
    pub fn set_patience(&self, time: Duration) {
        let timeout = sockopt::set_socket_timeout(self.fd(), Timeout::Recv, Some(time));
        timeout.expect("SO_RCVTIMEO");
    }

    /// Of a client over TCP.
    pub fn stream(&self) -> &TcpStream {
        match &self.stream {
            Stream::Tcp(stream) => stream,
            Stream::Unix(_) => panic!("a unix socket"),
        }
    }

    fn fd(&self) -> BorrowedFd<'_> {
        match &self.stream {
            Stream::Tcp(stream) => stream.as_fd(),
            Stream::Unix(stream) => stream.as_fd(),
        }
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_send(bytes).expect("send");
    }

    /// Fails if the server has closed already, which may be all right.
    pub fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        match &mut self.stream {
            Stream::Tcp(stream) => stream.write_all(bytes.as_ref()),
            Stream::Unix(stream) => stream.write_all(bytes.as_ref()),
        }
    }

    /// Ends our side only.
    pub fn shut(&self) {
        self.try_shut().expect("shutdown");
    }

    pub fn try_shut(&self) -> io::Result<()> {
        match &self.stream {
            Stream::Tcp(stream) => stream.shutdown(Shutdown::Write),
            Stream::Unix(stream) => stream.shutdown(Shutdown::Write),
        }
    }

    /// Closes by a reset.
    pub fn reset(self) {
        sockopt::set_socket_linger(self.fd(), Some(Duration::ZERO)).expect("SO_LINGER");
    }

    /// Waits for a reset or the other side's end without reading anything.
    pub fn wait_hang_up(&self) {
        let mut poll = libc::pollfd {
            fd: self.fd().as_raw_fd(),
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

    pub fn try_ask(&mut self, method: &str, target: &str, fields: &[&str]) -> io::Result<()> {
        self.try_send(request(method, target, fields))
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

    /// A head alone. The next bytes are its body, or, if [`Client::head`] or [`Client::response`] comes next, the next head.
    pub fn head(&mut self) -> Head {
        self.try_head().unwrap_or_else(|why| self.fail(&why))
    }

    /// `Err`: the connection ended ([`ErrorKind::UnexpectedEof`]), was reset, or nothing came in time.
    pub fn try_head(&mut self) -> io::Result<Head> {
        self.reader.expect_head();
        let Piece::Head(head) = self.try_piece(usize::MAX)? else {
            unreachable!("a head comes first");
        };
        let date = head.field("Date");
        assert!(date.ends_with(" GMT") && date.len() == 29, "{date}");
        Ok(head)
    }

    /// A whole answer to anything but HEAD.
    pub fn response(&mut self) -> Response {
        self.try_response().unwrap_or_else(|why| self.fail(&why))
    }

    pub fn try_response(&mut self) -> io::Result<Response> {
        let head = self.try_head()?;
        let body = self.try_body()?;
        Ok(Response { head, body })
    }

    /// What is left of a body, however it is delimited.
    pub fn try_body(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            match self.try_piece(usize::MAX)? {
                Piece::Data(data) => body.extend(data),
                _ => return Ok(body),
            }
        }
    }

    /// So many bytes of a chunked body, however it is cut into chunks.
    pub fn take(&mut self, count: usize) -> Vec<u8> {
        let mut body = Vec::new();
        while body.len() < count {
            self.data(count - body.len(), &mut body);
        }
        body
    }

    /// What is left of the current chunk, or the next one.
    pub fn some(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        while body.is_empty() || self.reader.is_in_chunk() {
            self.data(usize::MAX, &mut body);
        }
        body
    }

    /// The rest of a chunked body, and its trailer fields.
    pub fn rest(&mut self) -> (Vec<u8>, Fields) {
        let mut body = Vec::new();
        loop {
            match self.try_piece(usize::MAX) {
                Ok(Piece::Data(data)) => body.extend(data),
                Ok(Piece::End(trailers)) => return (body, trailers),
                Ok(Piece::Head(head)) => panic!("no body, but {head:?}"),
                Err(why) => self.fail(&why),
            }
        }
    }

    /// Some data of a chunked body, and the line end of the chunk with its last byte.
    fn data(&mut self, most: usize, body: &mut Vec<u8>) {
        match self.try_piece(most) {
            Ok(Piece::Data(data)) => body.extend(data),
            Ok(_) => panic!("the body ended after {:?}", String::from_utf8_lossy(body)),
            Err(why) => self.fail(&why),
        }
        while !self
            .reader
            .end_chunk()
            .unwrap_or_else(|why| panic!("{why}"))
        {
            if let Some(ending) = self.fill() {
                panic!("{ending:?} behind a chunk");
            }
        }
    }

    /// The next piece, with at most so many bytes of data; received if need be.
    pub fn try_piece(&mut self, most: usize) -> io::Result<Piece> {
        loop {
            match self.received(most) {
                Ok(Some(piece)) => return Ok(piece),
                Ok(None) => {}
                Err(why) => panic!("{why}"),
            }
            match self.try_fill(READ)? {
                None => {}
                Some(Ending::Reset) => return Err(ErrorKind::ConnectionReset.into()),
                Some(Ending::Fin) if self.reader.is_until_close() => {
                    self.reader.expect_head();
                    return Ok(Piece::End(Fields::new()));
                }
                Some(Ending::Fin) => return Err(ErrorKind::UnexpectedEof.into()),
            }
        }
    }

    /// The next piece of what was received. `Err` says what no server may send.
    pub fn received(&mut self, most: usize) -> Result<Option<Piece>, String> {
        self.reader.next(most, false)
    }

    /// Where in a response what was received ends.
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// So many bytes as they come.
    pub fn raw(&mut self, count: usize) -> Vec<u8> {
        while self.reader.unread().len() < count {
            if let Some(ending) = self.fill() {
                let text = String::from_utf8_lossy(self.reader.unread());
                panic!("{ending:?} after {text:?}, expected {count} bytes");
            }
        }
        self.reader.take(count)
    }

    /// Takes what has come, without waiting for more; it is read later. An end or a reset is seen then.
    pub fn gather(&mut self) {
        let mut buffer = [0; READ];
        while let Ok((count @ 1.., _)) = recv(self.fd(), &mut buffer, RecvFlags::DONTWAIT) {
            self.reader.feed(&buffer[..count]);
        }
    }

    /// Everything until the connection ends, and how it did.
    pub fn until_end(&mut self) -> (Vec<u8>, Ending) {
        loop {
            if let Some(ending) = self.fill() {
                let count = self.reader.unread().len();
                return (self.reader.take(count), ending);
            }
        }
    }

    /// Checks that nothing more comes before an orderly end.
    pub fn assert_closed(&mut self) {
        let (rest, ending) = self.until_end();
        assert_eq!(String::from_utf8_lossy(&rest), "");
        assert_eq!(ending, Ending::Fin);
    }

    fn fill(&mut self) -> Option<Ending> {
        self.try_fill(READ).unwrap_or_else(|why| self.fail(&why))
    }

    /// Receives once. `Err`: nothing came in time.
    pub fn try_fill(&mut self, most: usize) -> io::Result<Option<Ending>> {
        let stream = &mut self.stream;
        let result = self.reader.fill(most, |buffer| match stream {
            Stream::Tcp(stream) => stream.read(buffer),
            Stream::Unix(stream) => stream.read(buffer),
        });
        match result {
            Ok(0) => Ok(Some(Ending::Fin)),
            Ok(_) => Ok(None),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => Ok(Some(Ending::Reset)),
            // With a timeout, recv(2) is not restarted by itself.
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn fail(&self, why: &io::Error) -> ! {
        let unread = self.reader.unread();
        let text = String::from_utf8_lossy(&unread[..unread.len().min(1000)]);
        panic!("{why}; unread: {text:?}")
    }
}

/// A request of HTTP/1.1 without a body.
pub fn request(method: &str, target: &str, fields: &[&str]) -> String {
    let mut text = format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\n");
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
    head.etag()
}
