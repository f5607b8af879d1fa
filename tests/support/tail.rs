//! A subscription, and what has come of it.

use std::io::{self, ErrorKind};

use super::client::{Client, Piece, Response};
use super::reader::Head;

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
    pub client: Client,
    pub head: Head,
    pub body: Vec<u8>,
    end: Option<End>,
    /// Why it was cut.
    error: Option<io::Error>,
}

impl Tail {
    /// Subscribes, and expects that to be granted.
    pub fn open(client: Client, target: &str, from: u64, fields: &[&str]) -> Tail {
        Tail::try_open(client, target, from, fields)
            .expect("a response")
            .unwrap_or_else(|refusal| panic!("no tail: {refusal:?}"))
    }

    /// Subscribes; the inner error is a finite response instead.
    pub fn try_open(
        mut client: Client,
        target: &str,
        from: u64,
        fields: &[&str],
    ) -> io::Result<Result<Tail, Response>> {
        let range = format!("Range: bytes={from}-");
        let fields = [&[range.as_str(), "TE: trailers"], fields].concat();
        client.try_ask("GET", target, &fields)?;
        Tail::read_head(client)
    }

    /// The tail that was asked for behind this one, which has ended.
    pub fn next(self) -> Tail {
        Tail::read_head(self.client)
            .expect("a response")
            .unwrap_or_else(|refusal| panic!("no tail: {refusal:?}"))
    }

    fn read_head(mut client: Client) -> io::Result<Result<Tail, Response>> {
        let head = client.try_head()?;
        if head.status != 206 || head.get("Transfer-Encoding").is_none() {
            let body = client.try_body()?;
            return Ok(Err(Response { head, body }));
        }
        Ok(Ok(Tail {
            client,
            head,
            body: Vec::new(),
            end: None,
            error: None,
        }))
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

    /// Reads the next bytes; false at the end. A silence is a failure.
    pub fn step(&mut self) -> bool {
        if self.end.is_some() {
            return false;
        }
        match self.client.try_piece(usize::MAX) {
            Ok(Piece::Data(bytes)) => self.body.extend(bytes),
            Ok(Piece::End(trailers)) => {
                let reason = match &trailers[..] {
                    [] => String::new(),
                    [(name, reason)] if name == "Tail-End" => reason.clone(),
                    other => panic!("trailers {other:?}"),
                };
                self.end = Some(End::Complete(reason));
            }
            Ok(Piece::Head(head)) => unreachable!("{head:?}"),
            Err(error) => {
                let silent = matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
                assert!(!silent, "silence after {} bytes", self.body.len());
                self.end = Some(End::Cut);
                self.error = Some(error);
            }
        }
        self.end.is_none()
    }
}
