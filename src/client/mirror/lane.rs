//! One connection of a mirror, and the copy that it brings bytes of.

use std::fs::File;
use std::io::{self, Write};

use super::engine::Fetch;
use crate::client::exchange::{Broken, Exchange, Progress};
use crate::client::expected::Expected;
use crate::client::in_words::{self, SHOWN};
use crate::client::transport::Transport;
use crate::http::conditional::ETag;
use crate::http::response::{ContentRange, ResponseHead};
use crate::limits::{CLIENT_REASON_TIMEOUT, CLIENT_RESPONSE_TIMEOUT, MIRROR_BUFFER};

use crate::time::Moment;

/// What is being fetched.
pub struct Job {
    /// The file.
    pub etag: ETag,
    /// Its copy.
    pub file: File,
    /// Bytes that are here.
    pub offset: u64,
    /// Up to where; `None`: everything that will come.
    pub end: Option<u64>,
    /// Nothing is to come: the copy is open to be read only.
    compares: bool,
    /// The response is there, and is what was asked for.
    good: bool,
    /// It is live: it has no end of its own.
    live: bool,
    /// What the response says instead.
    refusal: Option<Refusal>,
    /// The beginning of its body, which says why.
    reason: Vec<u8>,
}

/// Why there are no bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The name has another file, or none: what the response says.
    Elsewhere(String),
    /// The file has what the copy ends with; it has nothing behind the offset, or nothing else was asked for.
    AtEnd,
    /// No tail has anything to wait for.
    Sealed,
    /// The file is shorter than its copy.
    Truncated(u64),
    /// The file has other bytes before the offset.
    WrittenOver,
    /// Another status, or another response than was asked for.
    Failed(String),
}

/// What came of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// So many bytes came.
    Bytes(ETag, u64),
    /// It is done; a live one: its name has passed on, or it was sealed.
    Done {
        /// The file.
        etag: ETag,
        /// The response was live, and ended for this reason.
        end: Option<Box<str>>,
    },
    /// The server refuses it in this form.
    Refused(ETag, Refusal),
    /// The connection is gone.
    Lost(ETag, String),
    /// The copy cannot be written.
    Failed(ETag, String),
}

impl Outcome {
    /// Of which file.
    #[must_use]
    pub fn etag(&self) -> ETag {
        match self {
            Outcome::Bytes(etag, _)
            | Outcome::Done { etag, .. }
            | Outcome::Refused(etag, _)
            | Outcome::Lost(etag, _)
            | Outcome::Failed(etag, _) => *etag,
        }
    }
}

/// See the module.
pub struct Lane {
    /// The connection.
    pub exchange: Exchange,
    /// Its socket.
    pub transport: Transport,
    /// What it is busy with.
    pub job: Option<Job>,
    request: Vec<u8>,
    /// When the response counts as lost.
    pub timeout: Moment,
}

impl Lane {
    /// Without a job.
    #[must_use]
    pub fn new(transport: Transport) -> Lane {
        Lane {
            exchange: Exchange::new(MIRROR_BUFFER),
            transport,
            job: None,
            request: Vec::new(),
            timeout: Moment::NEVER,
        }
    }

    /// Begins a job.
    pub fn begin(&mut self, job: Job, request: Vec<u8>, now: Moment) {
        self.job = Some(job);
        self.request.clone_from(&request);
        self.exchange.request(request);
        self.timeout = now + CLIENT_RESPONSE_TIMEOUT;
    }

    /// Gives the job up, and the connection with it.
    pub fn give_up(&mut self) {
        self.exchange.abandon();
        (self.job, self.timeout) = (None, Moment::NEVER);
    }

    /// Whether it tails a file and waits for more.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.job
            .as_ref()
            .is_some_and(|job| job.live || job.end.is_none())
    }

    /// Takes what came; `None`: nothing that matters.
    pub fn next(&mut self, now: Moment) -> Option<Outcome> {
        if self.timeout <= now {
            let job = self.job.take()?;
            self.give_up();
            return Some(match job.refused() {
                // The body that says why does not end.
                (etag, Some(refusal)) => Outcome::Refused(etag, refusal),
                (etag, None) => Outcome::Lost(etag, "no response within 60 s".into()),
            });
        }
        loop {
            let progress = self.exchange.progress();
            let job = self.job.as_mut()?;
            let etag = job.etag;
            match progress {
                Progress::None => return None,
                Progress::Head(head) => {
                    job.respond(&head);
                    self.timeout = match (&job.refusal, job.live) {
                        (Some(_), _) => now + CLIENT_REASON_TIMEOUT,
                        (None, true) => Moment::NEVER,
                        (None, false) => now + CLIENT_RESPONSE_TIMEOUT,
                    };
                }
                Progress::Content if job.good => {
                    let written = job.write(&mut self.exchange);
                    if !job.live {
                        self.timeout = now + CLIENT_RESPONSE_TIMEOUT;
                    }
                    return Some(match written {
                        Ok(count) => Outcome::Bytes(etag, count),
                        Err(error) => {
                            // What came stays in the exchange: nothing takes it any more.
                            self.give_up();
                            Outcome::Failed(etag, error.to_string())
                        }
                    });
                }
                Progress::Content => {
                    let content = self.exchange.content();
                    let count = content.len();
                    let shown = SHOWN.saturating_sub(job.reason.len()).min(count);
                    job.reason.extend_from_slice(&content[..shown]);
                    self.exchange.take(count);
                }
                Progress::Whole(end) => {
                    self.timeout = Moment::NEVER;
                    let job = self.job.take()?;
                    let live = job.live;
                    return Some(match job.refused() {
                        (etag, Some(refusal)) => Outcome::Refused(etag, refusal),
                        (etag, None) => Outcome::Done {
                            etag,
                            end: live.then(|| end.unwrap_or_default()),
                        },
                    });
                }
                Progress::Broken(Broken::Stale) => {
                    self.exchange.request(self.request.clone());
                }
                Progress::Broken(why) => {
                    self.give_up();
                    return Some(Outcome::Lost(etag, in_words::broken(why)));
                }
            }
        }
    }
}

impl Job {
    /// Of a copy that has so many bytes.
    #[must_use]
    pub fn new(fetch: &Fetch, file: File, offset: u64) -> Job {
        Job {
            etag: fetch.etag,
            file,
            offset,
            end: fetch.end,
            compares: fetch.compares,
            good: false,
            live: false,
            refusal: None,
            reason: Vec::new(),
        }
    }

    fn respond(&mut self, head: &ResponseHead) {
        self.refusal = self.judge(head);
        self.good = self.refusal.is_none();
        self.live = self.good && matches!(head.range, Some(ContentRange::Open { .. }));
    }

    /// What the response says instead of what was asked for, with the reason, as far as that is here.
    fn refused(self) -> (ETag, Option<Refusal>) {
        let refusal = match self.refusal {
            Some(Refusal::Failed(why)) if !self.reason.is_empty() => {
                let reason = in_words::first_line(&self.reason);
                Some(Refusal::Failed(format!("{why}: {reason}")))
            }
            refusal => refusal,
        };
        (self.etag, refusal)
    }

    fn judge(&self, head: &ResponseHead) -> Option<Refusal> {
        match (head.status, head.range) {
            (206, _) if head.etag != Some(self.etag) => {
                Some(Refusal::Elsewhere("206 with another tag".into()))
            }
            (206, _) => {
                let expected = Expected {
                    etag: Some(self.etag),
                    first: self.offset,
                    end: self.end,
                };
                match expected.judge(head) {
                    // What it has grown by meanwhile comes as all that grows.
                    Ok(_) if self.compares => Some(Refusal::AtEnd),
                    judged => judged.err().map(Refusal::Failed),
                }
            }
            // Where the tag does not match, the response has none.
            (412, _) if self.offset > 0 && head.etag == Some(self.etag) => {
                Some(Refusal::WrittenOver)
            }
            (status @ (404 | 412), _) => Some(Refusal::Elsewhere(status.to_string())),
            (416, Some(ContentRange::Unsatisfied { size })) if size < self.offset => {
                Some(Refusal::Truncated(size))
            }
            (416, _) if self.end.is_none() => Some(Refusal::Sealed),
            (416, _) => Some(Refusal::AtEnd),
            (status, _) => Some(Refusal::Failed(status.to_string())),
        }
    }

    fn write(&mut self, exchange: &mut Exchange) -> io::Result<u64> {
        let content = exchange.content();
        let count = content.len();
        self.file.write_all(content)?;
        exchange.take(count);
        self.offset += count as u64;
        Ok(count as u64)
    }
}
