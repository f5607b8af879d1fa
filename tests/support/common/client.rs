//! A client that sees what is on the wire: heads, bodies, chunks, resets.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use rustix::net::sockopt;

use super::PATIENCE;

/// An answer; of a tail only the head.
#[derive(Debug, Clone)]
pub struct Response {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Response {
    /// The value of a header field.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (field, value) = line.split_once(':')?;
            field.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// The ETag, which every answer of a file has.
    pub fn etag(&self) -> String {
        self.field("ETag").expect("an ETag").into()
    }
}

/// One connection.
pub struct Client {
    reader: BufReader<TcpStream>,
}

impl Client {
    pub fn connect(address: SocketAddr) -> Client {
        Client::try_connect(address).expect("a connection")
    }

    pub fn try_connect(address: SocketAddr) -> io::Result<Client> {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        // Then a read that finds nothing is a failure and no hang.
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(Client {
            reader: BufReader::new(stream),
        })
    }

    pub fn stream(&self) -> &TcpStream {
        self.reader.get_ref()
    }

    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.reader.get_mut().write_all(bytes)
    }

    /// Sends a GET; the answer is not waited for.
    pub fn ask(&mut self, target: &str, fields: &[(&str, &str)]) -> io::Result<()> {
        let fields: String = fields
            .iter()
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .collect();
        self.send(format!("GET {target} HTTP/1.1\r\nHost: test\r\n{fields}\r\n").as_bytes())
    }

    /// Sends a GET and reads its finite answer.
    pub fn get(&mut self, target: &str, fields: &[(&str, &str)]) -> io::Result<Response> {
        self.ask(target, fields)?;
        self.response()
    }

    /// Reads a whole answer of known length.
    pub fn response(&mut self) -> io::Result<Response> {
        let mut response = self.head()?;
        if response.field("Transfer-Encoding").is_some() {
            return Err(io::Error::other(
                "a tail where a finite answer was expected",
            ));
        }
        let length = response
            .field("Content-Length")
            .map_or(0, |text| text.parse().expect("a length"));
        response.body = vec![0; length];
        self.reader.read_exact(&mut response.body)?;
        Ok(response)
    }

    /// Reads the head of an answer.
    pub fn head(&mut self) -> io::Result<Response> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if self.reader.read_line(&mut head)? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
        let status = head.split(' ').nth(1).and_then(|text| text.parse().ok());
        Ok(Response {
            status: status.expect("a status"),
            head,
            body: Vec::new(),
        })
    }

    /// Reads until the server ends the connection: `Ok` for a proper end, `Err` for a reset.
    pub fn rest(&mut self) -> io::Result<Vec<u8>> {
        let mut rest = Vec::new();
        self.reader.read_to_end(&mut rest)?;
        Ok(rest)
    }

    /// Reads some bytes as they are on the wire.
    pub fn read_some(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.reader.read(bytes)
    }

    pub fn half_close(&self) {
        let _ = self.stream().shutdown(Shutdown::Write);
    }

    /// Closes by a reset.
    pub fn reset(self) {
        let _ = sockopt::set_socket_linger(self.stream(), Some(Duration::ZERO));
    }
}

/// How a tail came to its end.
#[derive(Debug, PartialEq, Eq)]
pub enum End {
    /// By the last chunk, with this reason in its trailer.
    Complete(String),
    /// By a broken connection.
    Cut,
}

/// A subscription, and what has come of it.
pub struct Tail {
    client: Client,
    pub head: Response,
    pub body: Vec<u8>,
    /// What is missing of the current chunk.
    chunk: usize,
    end: Option<End>,
    /// Why it was cut.
    error: Option<io::Error>,
}

impl Tail {
    /// Subscribes, and expects that to be granted.
    pub fn open(client: Client, target: &str, from: u64, fields: &[(&str, &str)]) -> Tail {
        Tail::try_open(client, target, from, fields)
            .expect("an answer")
            .unwrap_or_else(|refusal| panic!("no tail: {refusal:?}"))
    }

    /// Subscribes; the inner error is a finite answer instead.
    pub fn try_open(
        mut client: Client,
        target: &str,
        from: u64,
        fields: &[(&str, &str)],
    ) -> io::Result<Result<Tail, Response>> {
        let range = format!("bytes={from}-");
        let fields = [&[("Range", range.as_str()), ("TE", "trailers")], fields].concat();
        client.ask(target, &fields)?;
        Tail::read_head(client)
    }

    /// The tail that was asked for behind this one, which has ended.
    pub fn next(self) -> io::Result<Tail> {
        Tail::read_head(self.client)?.map_err(|_| io::Error::other("no tail"))
    }

    fn read_head(mut client: Client) -> io::Result<Result<Tail, Response>> {
        let head = client.head()?;
        if head.status != 206 || head.field("Transfer-Encoding").is_none() {
            return Ok(Err(head));
        }
        Ok(Ok(Tail {
            client,
            head,
            body: Vec::new(),
            chunk: 0,
            end: None,
            error: None,
        }))
    }

    pub fn stream(&self) -> &TcpStream {
        self.client.stream()
    }

    /// Waits until so many bytes have come.
    pub fn wait_for(&mut self, length: usize) {
        while self.body.len() < length {
            assert!(
                self.step(),
                "ended by {:?} ({:?}) with {} bytes of {length}",
                self.end,
                self.error,
                self.body.len()
            );
        }
    }

    /// Whether it was cut by a reset, and not by a close.
    pub fn was_reset(&self) -> bool {
        let kind = self.error.as_ref().map(io::Error::kind);
        kind == Some(ErrorKind::ConnectionReset)
    }

    /// Reads to the end.
    pub fn end(&mut self) -> &End {
        while self.step() {}
        self.end.as_ref().expect("an end")
    }

    /// Reads once; false at the end. A silence is a failure.
    pub fn step(&mut self) -> bool {
        if self.end.is_some() {
            return false;
        }
        match self.try_step() {
            Ok(end) => self.end = end,
            Err(error) => {
                let silent = matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
                assert!(!silent, "silence after {} bytes", self.body.len());
                self.end = Some(End::Cut);
                self.error = Some(error);
            }
        }
        self.end.is_none()
    }

    fn try_step(&mut self) -> io::Result<Option<End>> {
        if self.chunk == 0 {
            let size = self.line()?;
            self.chunk = usize::from_str_radix(&size, 16).expect("a chunk size");
            if self.chunk == 0 {
                return self.trailer().map(Some);
            }
        }
        let bytes = match self.client.reader.fill_buf() {
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(None),
            other => other?,
        };
        if bytes.is_empty() {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let count = bytes.len().min(self.chunk);
        self.body.extend_from_slice(&bytes[..count]);
        self.client.reader.consume(count);
        self.chunk -= count;
        if self.chunk == 0 {
            assert_eq!(self.line()?, "", "a line end behind a chunk");
        }
        Ok(None)
    }

    fn trailer(&mut self) -> io::Result<End> {
        let mut reason = String::new();
        loop {
            match self.line()? {
                line if line.is_empty() => return Ok(End::Complete(reason)),
                line => reason = line.trim_start_matches("Tail-End: ").into(),
            }
        }
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.client.reader.read_line(&mut line)?;
        match line.strip_suffix("\r\n") {
            Some(line) => Ok(line.into()),
            None => Err(ErrorKind::UnexpectedEof.into()),
        }
    }
}
