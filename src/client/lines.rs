//! Bytes of a generation that wait to be handed over as batches of whole lines.

use std::time::Duration;

use crate::limits::CLIENT_LINE_MAX;
use crate::time::Moment;

/// How lines are put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batching {
    /// A batch is complete with so many bytes; a line that is longer makes one of its own.
    pub bytes: usize,
    /// Or so long after its first line.
    pub linger: Duration,
}

/// What must be handed over although the batch is not complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Flush {
    /// Nothing.
    No,
    /// All whole lines.
    Lines,
    /// Everything: the generation ends here.
    All,
}

/// See the module.
#[derive(Debug)]
pub struct Lines {
    batching: Batching,
    bytes: Vec<u8>,
    /// Behind the last line end.
    whole: usize,
    /// When the first whole line has waited long enough.
    due: Moment,
    /// What must go.
    pub flush: Flush,
}

impl Lines {
    /// Nothing waits.
    #[must_use]
    pub fn new(batching: Batching) -> Lines {
        Lines {
            batching,
            bytes: Vec::new(),
            whole: 0,
            due: Moment::NEVER,
            flush: Flush::No,
        }
    }

    /// Bytes that wait.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether the last line lacks its end.
    #[must_use]
    pub fn has_begun_line(&self) -> bool {
        self.whole < self.bytes.len()
    }

    /// How many bytes may be added now.
    #[must_use]
    pub fn room(&self) -> usize {
        let full = self.whole >= self.batching.bytes || self.bytes.len() >= CLIENT_LINE_MAX;
        if full {
            0
        } else {
            CLIENT_LINE_MAX - self.bytes.len()
        }
    }

    /// Adds bytes.
    pub fn add(&mut self, bytes: &[u8], now: Moment) {
        if let Some(end) = bytes.iter().rposition(|&byte| byte == b'\n') {
            if self.whole == 0 {
                self.due = now + self.batching.linger;
            }
            self.whole = self.bytes.len() + end + 1;
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// Bytes at the beginning that are a batch now; 0: none.
    #[must_use]
    pub fn batch(&self, now: Moment) -> usize {
        let limit = self.batching.bytes;
        let all = self.flush == Flush::All;
        let due = self.whole >= limit || now >= self.due || self.flush > Flush::No;
        match self.whole {
            0 if all || self.bytes.len() >= CLIENT_LINE_MAX => self.bytes.len(),
            whole if !due || whole == 0 => 0,
            _ if all && self.bytes.len() <= limit => self.bytes.len(),
            whole if whole <= limit => whole,
            _ => self.cut(limit),
        }
    }

    /// The whole lines within the limit, or the first line.
    fn cut(&self, limit: usize) -> usize {
        let is_end = |&byte: &u8| byte == b'\n';
        let within = self.bytes[..limit].iter().rposition(is_end);
        let first = || self.bytes.iter().position(is_end);
        within
            .or_else(first)
            .map_or(self.bytes.len(), |end| end + 1)
    }

    /// When a batch is due that is none yet.
    #[must_use]
    pub fn deadline(&self) -> Moment {
        self.due
    }

    /// So many bytes at the beginning were handed over.
    pub fn remove(&mut self, count: usize, now: Moment) {
        self.bytes.drain(..count);
        self.whole = self.whole.saturating_sub(count);
        self.due = if self.whole > 0 {
            now + self.batching.linger
        } else {
            Moment::NEVER
        };
        if self.bytes.is_empty() {
            // A long line must not be paid for when it is over.
            self.bytes.shrink_to(self.batching.bytes);
        }
    }
}
