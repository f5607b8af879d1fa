//! The end of the server: tails get all their bytes and a proper end, and it exits with 0.

use std::sync::atomic::Ordering::SeqCst;
use std::time::Instant;

use crate::client::{Connection, Filled, reason};
use crate::content::Reading;
use crate::server::Server;
use crate::support::reader::Piece;
use crate::topic::{BOUND, Topic};
use crate::world::World;

struct Tail<'a> {
    topic: &'a Topic,
    connection: Connection,
    reading: Reading,
}

/// Follows every topic to its last byte, ends the server, and sees what they get.
pub fn farewell(world: &World, server: &mut Server) {
    let tails: Result<Vec<_>, _> = world
        .topics
        .iter()
        .map(|topic| Tail::open(world, topic))
        .collect();
    server.terminate();
    let result = tails.and_then(|tails| tails.into_iter().try_for_each(Tail::finish));
    if let Err(why) = result {
        world.fail(format!("at the end: {why}"));
    }
    match server.wait() {
        Some(status) if status.success() => {}
        other => world.fail(format!("the server's exit: {other:?}")),
    }
}

impl<'a> Tail<'a> {
    fn open(world: &World, topic: &'a Topic) -> Result<Tail<'a>, String> {
        let failed = |error: std::io::Error| error.to_string();
        let mut connection =
            Connection::open(world.port.load(SeqCst), None, world.up()).map_err(failed)?;
        let request = format!(
            "GET {} HTTP/1.1\r\nHost: localhost\r\nRange: bytes=0-\r\nTE: trailers\r\n\r\n",
            topic.path
        );
        connection.send(&request).map_err(failed)?;
        let start = Instant::now();
        while connection.take_head()?.is_none() {
            if connection.fill(1024)? == Filled::Fin || start.elapsed() > BOUND {
                return Err("no answer".into());
            }
        }
        Ok(Tail {
            topic,
            connection,
            reading: Reading::new(topic.index),
        })
    }

    /// All bytes, then the end.
    fn finish(mut self) -> Result<(), String> {
        let start = Instant::now();
        loop {
            match self.connection.next()? {
                Some(Piece::Head(head)) => return Err(format!("in an answer: {head:?}")),
                Some(Piece::Data(bytes)) => {
                    self.reading.feed(&bytes).map_err(|wrong| wrong.what)?
                }
                Some(Piece::End(trailers)) => {
                    let why = reason(&trailers)?;
                    let state = self.topic.look();
                    let last = state.generations.last().expect("there is one");
                    let whole = self.reading.offset == last.written;
                    return match why.as_deref() {
                        Some("shutdown") if whole => Ok(()),
                        _ => Err(format!("{why:?} at {}, not {last:?}", self.reading.offset)),
                    };
                }
                None => match self.connection.fill(64 * 1024) {
                    Ok(Filled::Bytes) => {}
                    Ok(Filled::Nothing) if start.elapsed() < BOUND => {}
                    other => return Err(format!("{}: {other:?}", self.topic.path)),
                },
            }
        }
    }
}
