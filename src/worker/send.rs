//! Bytes on their way from files to sockets.

use std::ops::Range;
use std::os::fd::AsFd;
use std::rc::Rc;

use arrayvec::ArrayVec;
use rustix::io::Errno;

use crate::action::{Bytes, Next};
use crate::limits::{
    COPY_MAX, COPY_SHARED_MAX, COPY_TAIL, SENDFILE_FINITE, SENDFILE_TAIL, SHARED_FROM,
};
use crate::os::sockets::Stream;
use crate::store::file::OpenFile;
use crate::store::remote::loss;
use crate::subscription::end::End;

/// Why bytes could not be sent.
pub enum Trouble {
    /// The socket buffer is full.
    Full,
    /// The connection is broken.
    Peer,
    /// The file does not have the promised bytes, or cannot be read: why the response is cut.
    File(End),
    /// The file, which other machines change, had the promised bytes, and will mostly have them again soon.
    Missing,
    /// The file was truncated to this size.
    Shrank(u64),
}

/// What the socket took.
pub struct Sent {
    /// Bytes.
    pub count: u64,
    /// Less than it was given: its buffer is full.
    pub full: bool,
}

fn sent(given: u64, result: Result<usize, Errno>) -> Result<Sent, Trouble> {
    match result {
        Ok(count) => Ok(Sent {
            count: count as u64,
            full: (count as u64) < given,
        }),
        Err(Errno::AGAIN) => Err(Trouble::Full),
        Err(_) => Err(Trouble::Peer),
    }
}

fn send(stream: &Stream, bytes: &[u8], more: bool) -> Result<Sent, Trouble> {
    sent(bytes.len() as u64, stream.send(bytes, more))
}

/// The buffer in which file bytes pass through user space. It has space for a head before and a line end after them, so
/// that one `send` takes all. What was read last is remembered for the turn: all caught-up tails of a file share one
/// read.
pub struct SendBuffer {
    bytes: Box<[u8; SendBuffer::FRONT + COPY_SHARED_MAX + SendBuffer::BACK]>,
    holds: Option<Held>,
}

/// The file whose bytes the buffer holds, which ones, and the last truncation that was known before they were read:
/// whoever looks at the file after a later one gets another tag, and must not get these bytes.
type Held = (Rc<OpenFile>, Range<u64>, u64);

impl SendBuffer {
    /// Longer heads (a redirect to a long name) have no file behind them.
    const FRONT: usize = 2048;
    const BACK: usize = 2;

    /// Empty.
    #[must_use]
    pub fn new() -> SendBuffer {
        let bytes =
            vec![0; SendBuffer::FRONT + COPY_SHARED_MAX + SendBuffer::BACK].into_boxed_slice();
        SendBuffer {
            bytes: bytes.try_into().expect("of that length"),
            holds: None,
        }
    }

    /// Nothing is remembered from here on.
    pub fn forget(&mut self) {
        self.holds = None;
    }

    /// Sends some of what comes next; at least one byte.
    pub fn send(
        &mut self,
        stream: &Stream,
        next: &Next<'_, Rc<OpenFile>>,
    ) -> Result<Sent, Trouble> {
        let Some((file, range)) = &next.file else {
            let bytes = if next.before.is_empty() {
                next.after
            } else {
                &next.before
            };
            return send(stream, bytes, false);
        };
        let count = range.end - range.start;
        // In the middle of a long stretch only its end is worth a copy, unless others wait for it too.
        let copied = match (next.before.is_empty(), next.after.is_empty()) {
            (_, false) if is_shared(file) => COPY_SHARED_MAX as u64,
            (true, _) => COPY_TAIL,
            (false, _) => COPY_MAX as u64,
        };
        if count <= copied && next.before.len() <= SendBuffer::FRONT {
            return self.send_copy(stream, next, file, range.clone());
        }
        if !next.before.is_empty() {
            return send(stream, &next.before, true);
        }
        if file.is_remote() {
            return self.send_piece(stream, next, file, range);
        }
        // The last bytes of a chunk are left for a copy that takes the line end along.
        let piece = if next.after.is_empty() {
            count.min(SENDFILE_FINITE)
        } else {
            (count - COPY_TAIL).min(SENDFILE_TAIL)
        };
        match stream.send_file(file.as_fd(), range.start, piece) {
            Ok(0) => Err(Trouble::File(End::Broken)),
            // Who failed, the file or the socket? A file system may fail with any error, or not be able to splice.
            Err(error) if error != Errno::AGAIN => self.send_piece(stream, next, file, range),
            result => sent(piece, result),
        }
    }

    /// Sends a piece of a long stretch by copy.
    fn send_piece(
        &mut self,
        stream: &Stream,
        next: &Next<'_, Rc<OpenFile>>,
        file: &Rc<OpenFile>,
        range: &Range<u64>,
    ) -> Result<Sent, Trouble> {
        let end = range.end.min(range.start + COPY_MAX as u64);
        let after = if end == range.end { next.after } else { b"" };
        let place = self.fill(file, range.start..end)?;
        self.send_framed(stream, &[], place, after)
    }

    fn send_copy(
        &mut self,
        stream: &Stream,
        next: &Next<'_, Rc<OpenFile>>,
        file: &Rc<OpenFile>,
        range: Range<u64>,
    ) -> Result<Sent, Trouble> {
        let place = match (self.fill(file, range), &next.before) {
            // The client is to learn what was begun before it is cut.
            (Err(_), Bytes::Ready(head)) if !head.is_empty() => return send(stream, head, false),
            (place, _) => place?,
        };
        self.send_framed(stream, &next.before, place, next.after)
    }

    /// These bytes of a file, at most [`COPY_SHARED_MAX`].
    pub(super) fn read(
        &mut self,
        file: &Rc<OpenFile>,
        range: Range<u64>,
    ) -> Result<&[u8], Trouble> {
        let place = self.fill(file, range)?;
        Ok(&self.bytes[place])
    }

    /// Reads what was written to a file from this offset on, if so few follow it that each may: that takes a call less than to
    /// look at its size first. Returns the size; `None`: only a look can tell it.
    pub(super) fn read_on(&mut self, file: &Rc<OpenFile>, offset: u64) -> Option<u64> {
        // Else the bytes that the buffer holds stay.
        if is_shared(file) || !file.may_be_read_on() {
            return None;
        }
        self.holds = None;
        let truncation = file.truncation();
        let buffer = &mut self.bytes[SendBuffer::FRONT..][..COPY_TAIL as usize];
        let size = offset + file.read_on(buffer, offset)? as u64;
        self.holds = Some((Rc::clone(file), offset..size, truncation));
        Some(size)
    }

    /// Reads these bytes of the file into the buffer, unless it holds them; returns where they are.
    fn fill(&mut self, file: &Rc<OpenFile>, range: Range<u64>) -> Result<Range<usize>, Trouble> {
        let truncation = file.truncation();
        let held = match &self.holds {
            Some((held, bytes, before)) if Rc::ptr_eq(held, file) && *before == truncation => {
                if bytes.start <= range.start && range.end <= bytes.end {
                    return Ok(place(bytes, &range));
                }
                Some(bytes.clone())
            }
            _ => None,
        };
        self.holds = None;
        // Followers that a full socket has held up are at different places; what one of them needed, another may.
        let both = held.map(|bytes| bytes.start.min(range.start)..bytes.end.max(range.end));
        let worth =
            |both: &Range<u64>| both.end - both.start <= COPY_SHARED_MAX as u64 && is_shared(file);
        let mut trouble = Trouble::File(End::Broken);
        for bytes in both.filter(worth).into_iter().chain([range.clone()]) {
            let whole = place(&bytes, &bytes);
            match file.read(&mut self.bytes[whole.clone()], bytes.start) {
                Ok(count) if count == whole.len() => {
                    let place = place(&bytes, &range);
                    self.holds = Some((Rc::clone(file), bytes, truncation));
                    return Ok(place);
                }
                Ok(_) if file.is_remote() => trouble = Trouble::Missing,
                Ok(_) => {}
                Err(error) => trouble = Trouble::File(loss(error)),
            }
        }
        Err(trouble)
    }

    /// These bytes of the file, if more than one follow it and they are held: else there are too many of them, or none.
    pub(super) fn shared(&self, file: &Rc<OpenFile>, bytes: &Range<u64>) -> Option<&[u8]> {
        let (held, all, truncation) = self.holds.as_ref()?;
        let here = all.start <= bytes.start && bytes.end <= all.end && !bytes.is_empty();
        let same = Rc::ptr_eq(held, file) && *truncation == file.truncation();
        if !here || !same || !is_shared(file) {
            return None;
        }
        Some(&self.bytes[place(all, bytes)])
    }

    /// Sends bytes of the buffer with others before and after them. For the time of the call these take the place of
    /// bytes that the buffer may hold for somebody else.
    fn send_framed(
        &mut self,
        stream: &Stream,
        before: &[u8],
        place: Range<usize>,
        after: &[u8],
    ) -> Result<Sent, Trouble> {
        let front = place.start - before.len()..place.start;
        let back = place.end..place.end + after.len();
        let mut kept = ArrayVec::<u8, { SendBuffer::FRONT + SendBuffer::BACK }>::new();
        let others = |(_, bytes, _): &Held| bytes.end - bytes.start > place.len() as u64;
        if self.holds.as_ref().is_some_and(others) {
            kept.extend(self.bytes[front.clone()].iter().copied());
            kept.extend(self.bytes[back.clone()].iter().copied());
        }
        self.bytes[front.clone()].copy_from_slice(before);
        self.bytes[back.clone()].copy_from_slice(after);
        let result = send(stream, &self.bytes[front.start..back.end], false);
        if !kept.is_empty() {
            let (before, after) = kept.split_at(front.len());
            self.bytes[front].copy_from_slice(before);
            self.bytes[back].copy_from_slice(after);
        }
        result
    }
}

/// Where bytes of a file are, if these are held.
fn place(held: &Range<u64>, bytes: &Range<u64>) -> Range<usize> {
    let start = SendBuffer::FRONT + (bytes.start - held.start) as usize;
    start..start + (bytes.end - bytes.start) as usize
}

/// Whether several follow it.
fn is_shared(file: &Rc<OpenFile>) -> bool {
    file.followers() >= SHARED_FROM
}

impl Default for SendBuffer {
    fn default() -> Self {
        Self::new()
    }
}
