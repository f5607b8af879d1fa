//! A connection of a follower, which looks around between two reads.

use std::time::Duration;

use crate::support::client::{Client, Ending};
use crate::support::reader::{Fields, Head, Piece};
use std::io::{self, ErrorKind};

/// How long one read waits, so that its owner may look around.
const READ_WAIT: Duration = Duration::from_millis(50);

/// A connection with what was received and not yet used.
pub struct Connection {
    client: Client,
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
        let address = format!("127.0.0.1:{port}");
        let client = match receive_buffer {
            // Before connecting, else the window is a large one already.
            Some(size) => Client::try_with_buffer(&address, size)?,
            None => Client::try_to(&address)?,
        };
        client.set_patience(READ_WAIT);
        Ok(Connection { client, up })
    }

    /// Sends a request.
    pub fn send(&mut self, text: &str) -> io::Result<()> {
        self.client.try_send(text)
    }

    /// Reads once.
    pub fn fill(&mut self, most: usize) -> Result<Filled, String> {
        match self.client.try_fill(most) {
            Ok(None) => Ok(Filled::Bytes),
            Ok(Some(Ending::Fin)) => Ok(Filled::Fin),
            Ok(Some(Ending::Reset)) => Ok(Filled::Reset),
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::TimedOut => Ok(Filled::Nothing),
                ErrorKind::BrokenPipe => Ok(Filled::Reset),
                _ => Err(error.to_string()),
            },
        }
    }

    /// Nothing was received that was not used.
    pub fn is_clean(&self) -> bool {
        self.client.reader().is_idle()
    }

    /// The end of the body on its way is that of the connection.
    pub fn is_until_close(&self) -> bool {
        self.client.reader().is_until_close()
    }

    /// The next of what was received.
    pub fn next(&mut self) -> Result<Option<Piece>, String> {
        self.client.received(usize::MAX)
    }

    /// The head of an answer, when it is complete.
    pub fn take_head(&mut self) -> Result<Option<Head>, String> {
        match self.next()? {
            None => Ok(None),
            Some(Piece::Head(head)) => Ok(Some(head)),
            Some(other) => Err(format!("instead of a head: {other:?}")),
        }
    }

    /// Breaks the connection off by a reset.
    pub fn reset(self) {
        self.client.reset();
    }

    /// Ends this side only.
    pub fn half_close(&self) {
        self.client.try_shut().ok();
    }
}

/// Why a tail has ended, by its trailer.
pub fn reason(trailers: &Fields) -> Result<Option<String>, String> {
    match &trailers[..] {
        [] => Ok(None),
        [(name, why)] if name == "Tail-End" => Ok(Some(why.clone())),
        other => Err(format!("trailers {other:?}")),
    }
}
