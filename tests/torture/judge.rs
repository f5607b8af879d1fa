//! What an answer, or its end, says, and whether that is right.

use std::io;
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use crate::client::{Connection, Filled};
use crate::content::Reading;
use crate::follower::{Answer, Ended, Follower, Position};
use crate::topic::{BOUND, Roll, State, Ticket};

/// A pause where there is nothing to do.
const PAUSE: Duration = Duration::from_millis(20);

impl Follower<'_> {
    /// There is no such name: between the end of one file and the beginning of the next.
    pub fn missing(&mut self, ticket: &Ticket<'_>) -> Result<(), String> {
        let absent = self.topic.look().absent;
        if absent == ticket.absent && absent.is_multiple_of(2) {
            return Err("404, but the name was there all the time".into());
        }
        self.position = Position::start(self.topic);
        self.topic.wait(PAUSE, |state| state.absent % 2 == 0);
        Ok(())
    }

    /// What it has is not there any more.
    pub fn refused(&mut self, ticket: &Ticket<'_>, up: u64, status: u16) -> Result<(), String> {
        let Position {
            reading, up: then, ..
        } = &self.position;
        let truncation = ticket.truncation();
        if let Some(generation) = reading.generation {
            let mut state = self.topic.look();
            let known = &state.generations[generation];
            let forgotten = known.reborn && *then != up;
            match (status, known.left) {
                (_, Some((Roll::Truncate, ..))) if truncation && self.dedicated => {
                    state.done(generation)?;
                }
                _ if truncation => {}
                (416, Some((Roll::Seal, length, _))) if reading.offset == length => {}
                (416, _) => return Err("416".into()),
                (_, None) if !forgotten => return Err("412, but its generation lives".into()),
                (_, Some(left)) if self.dedicated && !forgotten => {
                    return Err(format!("412, the end was not seen: {left:?}"));
                }
                _ => {}
            }
        }
        self.position = Position::start(self.topic);
        Ok(())
    }

    /// The name still leads to a file that has ended: only a sealed one does that.
    pub fn again(&mut self, generation: usize) -> Result<(), String> {
        self.connection = None;
        let sealed = matches!(
            self.topic.look().generations[generation].left,
            Some((Roll::Seal, ..))
        );
        if !sealed {
            return Err(format!("generation {generation} again"));
        }
        self.position = Position::start(self.topic);
        self.topic
            .wait(PAUSE, |state| state.generations.len() > generation + 1);
        Ok(())
    }

    /// Whether an answer was to end so, and where to go on.
    pub fn judge(&mut self, answer: &Answer<'_>, ended: Ended) -> Result<(), String> {
        self.note_tag(answer)?;
        match ended {
            Ended::Left => return Ok(()),
            Ended::Reset | Ended::Fin if self.world.up() != answer.up => return Ok(()),
            // A killed server's sockets are closed as if it were an end.
            Ended::Clean(_) if answer.until_close && self.world.up() != answer.up => {
                return Ok(());
            }
            Ended::Fin => return Err("closed without an end".into()),
            Ended::Reset => self.cut(answer)?,
            Ended::Clean(trailer) if answer.tail => {
                self.check_end(&self.topic.look(), trailer.as_deref())?;
                self.finish(answer)?;
            }
            Ended::Clean(_) if self.manner.whole => {}
            Ended::Clean(_) => {
                let sealed = |state: &State| match self.position.reading.generation {
                    Some(known) => matches!(
                        state.generations[known].left,
                        Some((Roll::Seal, length, _)) if length == self.position.reading.offset
                    ),
                    None => false,
                };
                if !sealed(&self.topic.look()) {
                    return Err("a finite answer, and not sealed".into());
                }
                self.finish(answer)?;
            }
        }
        self.position = Position::start(self.topic);
        Ok(())
    }

    fn note_tag(&self, answer: &Answer<'_>) -> Result<(), String> {
        match self.position.reading.generation {
            Some(generation) if !answer.ticket.unsure => {
                self.topic.look().tag(&answer.tag, generation, answer.up)
            }
            _ => Ok(()),
        }
    }

    fn finish(&mut self, answer: &Answer<'_>) -> Result<(), String> {
        let generation = self.position.reading.generation.expect("it was checked");
        self.finished = Some((answer.tag.clone(), generation));
        if self.dedicated {
            self.topic.change(|state| state.done(generation))?;
        }
        if answer.ticket.unsure {
            // Its tag may be from before the truncation, and so would not tell a sealed file from the next one.
            self.topic
                .wait(BOUND, |state| state.generations.len() > generation + 1);
        }
        Ok(())
    }

    /// A tail's end is right if its file has left the name, and all that was written before was delivered.
    fn check_end(&self, state: &State, trailer: Option<&str>) -> Result<(), String> {
        let Reading {
            generation, offset, ..
        } = self.position.reading;
        let generation = generation.ok_or("an end before the first line")?;
        let known = &state.generations[generation];
        let Some((roll, length, _)) = known.left else {
            return Err(format!("an end ({trailer:?}), but its name is there"));
        };
        if roll == Roll::Truncate {
            return Err("an end, but it was truncated".into());
        }
        if offset < length || offset > known.written {
            return Err(format!("an end, but {roll:?} at {length}"));
        }
        let asked = self.manner.trailers && !self.manner.http10;
        if trailer.is_some() != asked || trailer.is_some_and(|word| !known.tells(word)) {
            return Err(format!("Tail-End: {trailer:?} after {roll:?}"));
        }
        Ok(())
    }

    /// A reset is right if the file was truncated; then its tag must be another one.
    fn cut(&mut self, answer: &Answer<'_>) -> Result<(), String> {
        if !answer.ticket.truncation() {
            return Err("a reset without a reason".into());
        }
        self.world.counts.cuts.fetch_add(1, SeqCst);
        if let Some(generation) = self.position.reading.generation {
            if answer.tail && !self.topic.look().generations[generation].truncated() {
                return Err("a reset, but another generation was truncated".into());
            }
            if answer.tail && !answer.ticket.unsure {
                self.probe(answer)?;
            }
            if self.dedicated {
                self.topic.change(|state| state.done(generation))?;
            }
        }
        Ok(())
    }

    /// The tag from before a truncation must not be met any more.
    fn probe(&self, answer: &Answer<'_>) -> Result<(), String> {
        let ask = || -> Result<Option<u16>, String> {
            let failed = |error: io::Error| error.to_string();
            let mut connection =
                Connection::open(self.world.port.load(SeqCst), None, answer.up).map_err(failed)?;
            connection
                .send(&format!(
                    "GET {} HTTP/1.1\r\nHost: localhost\r\nIf-Match: {}\r\nRange: bytes=0-0\r\n\r\n",
                    self.topic.path, answer.tag
                ))
                .map_err(failed)?;
            let start = Instant::now();
            while start.elapsed() < BOUND {
                if let Ok(Some(head)) = connection.take_head() {
                    return Ok(Some(head.status));
                }
                if !matches!(connection.fill(1024)?, Filled::Bytes | Filled::Nothing) {
                    break;
                }
            }
            Ok(None)
        };
        let result = ask();
        match result {
            Ok(Some(412 | 404)) => Ok(()),
            _ if self.world.up() != answer.up => Ok(()),
            other => Err(format!(
                "If-Match with the tag from before the truncation: {other:?}"
            )),
        }
    }
}
