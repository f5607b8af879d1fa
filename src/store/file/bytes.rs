//! The bytes of an open file.

use std::os::fd::AsFd;

use rustix::io::Errno;

use super::{Known, OpenFile};
use crate::http::media;
use crate::limits::SNIFF_MAX;

impl OpenFile {
    /// Reads up to the end of the buffer; fewer bytes only if the file has no more there.
    ///
    /// # Errors
    /// EIO and the like.
    pub fn read(&self, buffer: &mut [u8], offset: u64) -> Result<usize, Errno> {
        if let Some(remote) = &self.remote {
            return remote.read(self.fd.as_fd(), buffer, offset);
        }
        let mut count = 0;
        while count < buffer.len() {
            let more = rustix::io::retry_on_intr(|| {
                rustix::io::pread(&self.fd, &mut buffer[count..], offset + count as u64)
            })?;
            if more == 0 {
                break;
            }
            count += more;
        }
        Ok(count)
    }

    /// How long the file is for its tails, and whether it was seen that nobody may write any more: then what a program that
    /// still has it open writes comes too late, or a tail that is slower than that would never be done. What is written after
    /// somebody has made it writable again is for those who come then: one tail ends where the others do, however slow it is.
    ///
    /// # Errors
    /// As [`OpenFile::stat`].
    pub fn end(&self) -> Result<(u64, bool), Errno> {
        let size = self.cached_stat()?.size;
        let end = self.sealed_at.get();
        Ok((size.min(end.unwrap_or(size)), end.is_some()))
    }

    /// Whether somebody may write it again after it was seen sealed: no tail may begin on it, but on the same file opened anew.
    #[must_use]
    pub fn is_unsealed(&self) -> bool {
        self.sealed_at.get().is_some() && self.stat().is_ok_and(|look| !look.sealed)
    }

    /// Whether [`OpenFile::read_on`] may tell where the file ends: nothing is known to have happened to it but that somebody
    /// wrote.
    #[must_use]
    pub fn may_be_read_on(&self) -> bool {
        let only_written = matches!(self.known.get(), Known::Written);
        // A file that was truncated before is looked at under a lock, and a sealed one ends where it was sealed.
        only_written
            && self.remote.is_none()
            && self.truncations.last() == 0
            && self.sealed_at.get().is_none()
    }

    /// Reads what was written from this offset on, which tells as well as a look where the file ends now. `None` where it does
    /// not: see [`OpenFile::may_be_read_on`], or the buffer is full, or nothing is there.
    pub fn read_on(&self, buffer: &mut [u8], offset: u64) -> Option<usize> {
        if !self.may_be_read_on() {
            return None;
        }
        let length = buffer.len();
        let count = rustix::io::pread(&self.fd, buffer, offset).ok()?;
        let end = offset + count as u64;
        if count == 0 || count == length || end < self.size.get() {
            return None;
        }
        self.size.set(end);
        Some(count)
    }

    pub(super) fn sniff(&self, size: u64) -> &'static str {
        let mut beginning = [0; SNIFF_MAX];
        let most = size.min(SNIFF_MAX as u64) as usize;
        let count = self.read(&mut beginning[..most], 0).unwrap_or(0);
        media::by_content(&beginning[..count])
    }
}
