//! The chunk that all caught-up tails of a file are sent, framed once for all of them.
//!
//! The first one goes the whole way from state to state. Each that rested where it did, and is to come to rest where it
//! does, needs no more than a `send`: the way there and back was measured to cost a tenth to a sixth of it.

use std::ops::Range;
use std::rc::Rc;

use rustix::io::Errno;

use super::send::SendBuffer;
use super::slot::Slot;
use crate::store::file::OpenFile;
use crate::time::Moment;

/// What took a tail from one rest to the next. Of use within a turn.
pub struct SharedChunk {
    file: Rc<OpenFile>,
    /// Bytes of the file.
    bytes: Range<u64>,
    chunked: bool,
    /// The last truncation of any file that was known when they were read.
    truncation: u64,
    /// With size line and line end.
    framed: Box<[u8]>,
}

/// What another tail took of it.
pub struct Taken {
    /// Bytes.
    pub count: u64,
    /// Not all of them: its socket has no more room.
    pub full: bool,
}

impl SharedChunk {
    /// Where a tail rests, if it does and may share its next chunk. Bytes that a unix socket took are accounted for in
    /// another way.
    pub fn start(slot: &Slot) -> Option<u64> {
        let tail = slot.machine.resting()?;
        slot.stream.counts_bytes().then(|| tail.offset())
    }

    /// What has just taken this tail from there to where it rests now. `None` if it is not worth keeping.
    pub fn of(slot: &Slot, start: u64, send_buffer: &SendBuffer) -> Option<SharedChunk> {
        let tail = slot.machine.resting()?;
        let bytes = start..tail.offset();
        let framed = send_buffer.frame(tail.file(), &bytes, tail.chunked())?;
        Some(SharedChunk {
            file: Rc::clone(tail.file()),
            bytes,
            chunked: tail.chunked(),
            truncation: slot.truncation,
            framed,
        })
    }

    /// Sends it to another tail, if that rests at its start. `None`: it does not, or the socket is broken.
    pub fn send(&self, slot: &mut Slot, now: Moment) -> Option<Taken> {
        let tail = slot.machine.resting()?;
        let same = Rc::ptr_eq(tail.file(), &self.file)
            && tail.offset() == self.bytes.start
            && tail.chunked() == self.chunked;
        // A truncation since it was looked at last, of whichever file, is for the whole way.
        let untouched =
            slot.truncation == self.truncation && self.file.truncation() == self.truncation;
        if !same || !untouched || !slot.stream.counts_bytes() {
            return None;
        }
        let count = match slot.stream.send(&self.framed, false) {
            Ok(count) => count,
            Err(Errno::AGAIN) => 0,
            Err(_) => return None,
        };
        let full = count < self.framed.len();
        if full {
            slot.machine.frame_begun(self.bytes.end);
            slot.machine.sent(count as u64, now);
        } else {
            slot.machine.delivered(self.bytes.end);
        }
        let count = count as u64;
        Some(Taken { count, full })
    }
}
