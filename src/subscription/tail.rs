//! A tail: the bytes of one file, for as long as the file lives.

use arrayvec::ArrayVec;

use super::end::End;
use crate::http::chunked::{self, Frame, LINE_MAX, Rest};
use crate::job::JobStatus;
use crate::limits::CHUNK_MAX;

/// An endless response of the bytes of a file: caught up, or with one frame on its way.
#[derive(Debug)]
pub struct Tail<F> {
    file: F,
    /// The offset in the file where it began.
    from: u64,
    /// The offset of the next byte to send; while a frame is on its way, the offset where the frame began.
    at: u64,
    frame: Option<Frame>,
    /// Why it ends once `at` reaches the size of the file.
    ending: Option<End>,
    /// The file must be measured before the tail may sleep: something may have changed, or not all that was found is out.
    look: bool,
    chunked: bool,
    trailers: bool,
    /// The last chunk is on its way.
    finished: bool,
    /// How the job ended whose answer the file is.
    job: Option<JobStatus>,
}

/// What to do after a tail's file was measured.
#[derive(Debug, PartialEq, Eq)]
pub enum Measured {
    /// A frame is ready to go out.
    Grown,
    /// Nothing new, and nothing will end it: sleep.
    Same,
    /// Its end is reached, and the last chunk is ready to go out.
    Finished,
    /// Its end is reached, and an HTTP/1.0 client learns that by the close.
    FinishedBare,
    /// The file is shorter than what was delivered.
    Truncated,
}

impl<F> Tail<F> {
    /// A tail of this file from the offset `at` on.
    pub fn new(file: F, at: u64, chunked: bool, trailers: bool) -> Tail<F> {
        Tail {
            file,
            from: at,
            at,
            frame: None,
            ending: None,
            look: true,
            chunked,
            trailers,
            finished: false,
            job: None,
        }
    }

    /// Begins with a frame up to this size of the file, and gives its size line, which goes out with the head.
    #[must_use]
    pub fn begin(&mut self, size: u64) -> ArrayVec<u8, LINE_MAX> {
        let Some(left) = size.checked_sub(self.at).filter(|&left| left > 0) else {
            return ArrayVec::new();
        };
        let mut frame = Frame::new(frame_len(left));
        let line = frame.rest(self.chunked).line;
        let is_out = frame.advance(line.len() as u64, self.chunked);
        debug_assert!(!is_out, "a frame has bytes behind its size line");
        self.frame = Some(frame);
        line
    }

    /// Bytes of the file that were delivered.
    #[must_use]
    pub fn delivered(&self) -> u64 {
        self.at - self.from + self.frame.map_or(0, |frame| frame.file_sent(self.chunked))
    }

    /// The offset in the file of the next byte to be delivered.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.from + self.delivered()
    }

    /// The offset in the file up to which bytes were delivered or promised.
    pub(crate) fn reach(&self) -> u64 {
        self.at + self.frame.map_or(0, |frame| u64::from(frame.file_len()))
    }

    /// The file.
    pub fn file(&self) -> &F {
        &self.file
    }

    /// Why it ends, if it does.
    #[must_use]
    pub fn ending(&self) -> Option<End> {
        self.ending
    }

    /// It ends when it has delivered all bytes; the first reason stays.
    pub fn end(&mut self, why: End) {
        self.ending.get_or_insert(why);
    }

    /// The file is the answer of a job, which has ended so.
    pub fn job_ended(&mut self, status: JobStatus) {
        self.job = Some(status);
    }

    /// The file must be measured before the tail may sleep.
    pub fn look(&mut self) {
        self.look = true;
    }

    /// See [`Tail::look`].
    #[must_use]
    pub fn must_look(&self) -> bool {
        self.look
    }

    /// Takes a measurement of the file. With [`Measured::Finished`], the last chunk is [`Tail::last_chunk`].
    pub fn measured(&mut self, size: u64, sealed: bool) -> Measured {
        debug_assert!(
            self.frame.is_none() && !self.finished,
            "measured while something is on its way"
        );
        self.look = false;
        if sealed {
            self.end(End::Sealed);
        }
        if size < self.at {
            return Measured::Truncated;
        }
        if size > self.at {
            let len = frame_len(size - self.at);
            self.frame = Some(Frame::new(len));
            self.look = u64::from(len) < size - self.at;
            return Measured::Grown;
        }
        if self.ending.is_none() {
            return Measured::Same;
        }
        self.finished = true;
        if self.chunked {
            Measured::Finished
        } else {
            Measured::FinishedBare
        }
    }

    /// The end of the message.
    #[must_use]
    pub fn last_chunk(&self) -> Box<[u8]> {
        match self.ending {
            Some(end) if self.trailers => end.last_chunk(self.job),
            _ => chunked::LAST.into(),
        }
    }

    /// Begins one frame of all bytes up to this offset.
    pub(crate) fn begin_frame(&mut self, to: u64) {
        debug_assert!(self.may_rest() && self.at < to, "it has somewhere to go");
        let len = u32::try_from(to - self.at).expect("a frame that others were sent");
        self.frame = Some(Frame::new(len));
    }

    /// Whether its bytes are framed.
    #[must_use]
    pub fn chunked(&self) -> bool {
        self.chunked
    }

    /// All bytes up to this offset went out as one frame.
    pub(crate) fn deliver(&mut self, to: u64) {
        debug_assert!(self.may_rest() && self.at < to, "it has somewhere to go");
        self.at = to;
    }

    /// Whether it has nothing to do.
    pub(crate) fn may_rest(&self) -> bool {
        self.frame.is_none() && !self.look && self.ending.is_none()
    }

    /// What of its frame is not out, with the bytes as a range of the file.
    pub(crate) fn rest_of_frame(&self) -> Option<Rest> {
        let mut rest = self.frame?.rest(self.chunked);
        rest.file = self.at + rest.file.start..self.at + rest.file.end;
        Some(rest)
    }

    /// Whether the last chunk is on its way.
    pub(crate) fn is_finished(&self) -> bool {
        self.finished
    }

    /// `n` more bytes of its frame are out.
    pub(crate) fn advance(&mut self, n: u64) {
        match &mut self.frame {
            Some(frame) => {
                if frame.advance(n, self.chunked) {
                    self.at += u64::from(frame.file_len());
                    self.frame = None;
                }
            }
            None => assert!(n == 0, "sent more than was there"),
        }
    }
}

/// How many bytes the next frame takes if so many are left.
fn frame_len(stretch: u64) -> u32 {
    u32::try_from(stretch).map_or(CHUNK_MAX, |len| len.min(CHUNK_MAX))
}
