//! A strict little HTTP client: one connection, bytes as they come, and how it ended.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use rustix::net::sockopt;

/// How long one read waits, so that its owner may look around.
const READ_WAIT: Duration = Duration::from_millis(50);
/// Longer lines are no answer of this server.
const LINE_MAX: usize = 4096;

/// A connection with what was received and not yet used.
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    start: usize,
    /// Which server it leads to.
    pub up: u64,
}

/// What a read brought.
#[derive(Debug, PartialEq, Eq)]
pub enum Filled {
    Bytes,
    /// Nothing in time.
    Nothing,
    Fin,
    Reset,
}

impl Connection {
    /// Connects; a small receive buffer makes a slow client.
    pub fn open(port: u16, receive_buffer: Option<usize>, up: u64) -> io::Result<Connection> {
        use rustix::net::{AddressFamily, SocketType, connect, socket};
        let fd = socket(AddressFamily::INET, SocketType::STREAM, None)?;
        if let Some(size) = receive_buffer {
            // Before connecting, else the window is a large one already.
            sockopt::set_socket_recv_buffer_size(&fd, size)?;
        }
        connect(&fd, &SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
        let stream = TcpStream::from(fd);
        stream.set_read_timeout(Some(READ_WAIT))?;
        stream.set_nodelay(true)?;
        Ok(Connection {
            stream,
            buffer: Vec::new(),
            start: 0,
            up,
        })
    }

    /// Sends a request.
    pub fn send(&mut self, text: &str) -> io::Result<()> {
        self.stream.write_all(text.as_bytes())
    }

    /// Reads once.
    pub fn fill(&mut self, most: usize) -> io::Result<Filled> {
        if self.start == self.buffer.len() {
            self.buffer.clear();
            self.start = 0;
        }
        let end = self.buffer.len();
        self.buffer.resize(end + most, 0);
        let result = self.stream.read(&mut self.buffer[end..]);
        self.buffer.truncate(end + *result.as_ref().unwrap_or(&0));
        match result {
            Ok(0) => Ok(Filled::Fin),
            Ok(_) => Ok(Filled::Bytes),
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted => {
                    Ok(Filled::Nothing)
                }
                ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => Ok(Filled::Reset),
                _ => Err(error),
            },
        }
    }

    fn pending(&self) -> &[u8] {
        &self.buffer[self.start..]
    }

    /// Nothing was received that was not used.
    pub fn is_clean(&self) -> bool {
        self.pending().is_empty()
    }

    fn take_line(&mut self) -> Result<Option<String>, String> {
        let pending = self.pending();
        let Some(end) = pending.windows(2).position(|pair| pair == b"\r\n") else {
            return if pending.len() > LINE_MAX {
                Err("a line without end".into())
            } else {
                Ok(None)
            };
        };
        let line = String::from_utf8_lossy(&pending[..end]).into_owned();
        self.start += end + 2;
        Ok(Some(line))
    }

    /// The head of an answer, when it is complete.
    pub fn take_head(&mut self) -> Result<Option<Head>, String> {
        if !self.pending().windows(4).any(|four| four == b"\r\n\r\n") {
            return Ok(None);
        }
        let line = self.take_line()?.unwrap_or_default();
        let status = line
            .strip_prefix("HTTP/1.1 ")
            .and_then(|rest| rest.get(..3)?.parse().ok());
        let mut head = Head {
            status: status.ok_or_else(|| format!("status line {line:?}"))?,
            fields: Vec::new(),
        };
        while let Some(line) = self.take_line()?.filter(|line| !line.is_empty()) {
            let (name, value) = line
                .split_once(": ")
                .ok_or_else(|| format!("field {line:?}"))?;
            head.fields
                .push((name.to_ascii_lowercase(), value.to_string()));
        }
        Ok(Some(head))
    }

    /// Breaks the connection off by a reset.
    pub fn reset(self) {
        let _ = sockopt::set_socket_linger(&self.stream, Some(Duration::ZERO));
    }

    /// Ends this side only.
    pub fn half_close(&self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }
}

/// The head of an answer.
#[derive(Debug)]
pub struct Head {
    pub status: u16,
    fields: Vec<(String, String)>,
}

impl Head {
    /// The value of a field.
    pub fn field(&self, name: &str) -> Option<&str> {
        let field = self.fields.iter().find(|(known, _)| known == name);
        field.map(|(_, value)| value.as_str())
    }

    /// How the body is delimited.
    pub fn framing(&self) -> Result<Framing, String> {
        match (
            self.field("transfer-encoding"),
            self.field("content-length"),
        ) {
            (Some("chunked"), None) => Ok(Framing::Line),
            (None, Some(length)) => length
                .parse()
                .map(Framing::Length)
                .map_err(|_| format!("Content-Length {length}")),
            (None, None) if self.field("connection") == Some("close") => Ok(Framing::UntilClose),
            other => Err(format!("the body is delimited by {other:?}")),
        }
    }
}

/// A body and how much of it was read.
#[derive(Debug, Clone, Copy)]
pub enum Framing {
    /// Chunked: at a size line.
    Line,
    /// Chunked: in a chunk.
    Chunk(u64),
    /// Chunked: at the end of a chunk.
    ChunkEnd,
    /// Chunked: behind the last chunk.
    Trailer,
    /// So many bytes.
    Length(u64),
    /// The connection's end is that of the body.
    UntilClose,
}

/// The next of a body.
pub enum Step<'a> {
    Bytes(&'a [u8]),
    /// More must be received.
    More,
    /// The proper end, with the value of the trailer field.
    End(Option<String>),
}

impl Framing {
    /// Takes the next of the body from what was received.
    pub fn step<'a>(
        &mut self,
        connection: &'a mut Connection,
        trailer: &mut Option<String>,
    ) -> Result<Step<'a>, String> {
        loop {
            match *self {
                Framing::Length(0) => return Ok(Step::End(None)),
                Framing::Line => {
                    let Some(line) = connection.take_line()? else {
                        return Ok(Step::More);
                    };
                    let size = u64::from_str_radix(&line, 16)
                        .map_err(|_| format!("chunk size {line:?}"))?;
                    *self = match size {
                        0 => Framing::Trailer,
                        size => Framing::Chunk(size),
                    };
                }
                Framing::ChunkEnd => match connection.pending() {
                    [] | [b'\r'] => return Ok(Step::More),
                    [b'\r', b'\n', ..] => {
                        connection.start += 2;
                        *self = Framing::Line;
                    }
                    other => return Err(format!("behind a chunk: {:?}", &other[..2])),
                },
                Framing::Trailer => {
                    let Some(line) = connection.take_line()? else {
                        return Ok(Step::More);
                    };
                    match line.strip_prefix("Tail-End: ") {
                        Some(why) => *trailer = Some(why.to_string()),
                        None if line.is_empty() => return Ok(Step::End(trailer.take())),
                        None => return Err(format!("trailer {line:?}")),
                    }
                }
                Framing::Chunk(_) | Framing::Length(_) | Framing::UntilClose => {
                    return Ok(self.data(connection));
                }
            }
        }
    }

    fn data<'a>(&mut self, connection: &'a mut Connection) -> Step<'a> {
        let pending = connection.pending().len();
        let count = match *self {
            Framing::Chunk(left) | Framing::Length(left) => pending.min(left as usize),
            _ => pending,
        };
        match self {
            _ if count == 0 => return Step::More,
            Framing::Chunk(left) if *left == count as u64 => *self = Framing::ChunkEnd,
            Framing::Chunk(left) | Framing::Length(left) => *left -= count as u64,
            _ => {}
        }
        connection.start += count;
        Step::Bytes(&connection.buffer[connection.start - count..connection.start])
    }
}
