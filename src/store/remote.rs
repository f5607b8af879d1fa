//! Files that other machines may change: how they are read, and what of their size is believed.
//!
//! What the kernel says of the size of such a file may be older or newer than the bytes that can be read. So a size counts
//! when the bytes up to it were there, and each time that it grows, the bytes at its former end must still be those that
//! were there. A size that goes back is an old answer, unless later looks say the same.

use std::cell::{Cell, RefCell};
use std::num::NonZeroU64;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use arrayvec::ArrayVec;
use rustix::fs::{Advice, OFlags, Statx};
use rustix::io::Errno;

use super::attributes::fresh;
use super::file_system::FileSystem;
use crate::limits::{DIRECT_READ, END_COMPARED, END_READ, TRUNCATION_DOUBT};
use crate::subscription::end::End;

/// What has happened with remote files since the start, in all workers.
#[derive(Debug, Default)]
pub struct Counts {
    /// Looks at them.
    pub looks: AtomicU64,
    /// Looks again at one that seemed to have become shorter.
    pub second_looks: AtomicU64,
    /// Files that another machine removed or replaced, so that their bytes are gone.
    pub stale: AtomicU64,
    /// Ends of tails that were put off because bytes might still come.
    pub late_ends: AtomicU64,
}

/// See [`Counts`].
pub static COUNTS: Counts = Counts {
    looks: AtomicU64::new(0),
    second_looks: AtomicU64::new(0),
    stale: AtomicU64::new(0),
    late_ends: AtomicU64::new(0),
};

/// One more.
pub fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// Why a subscription is cut if the server cannot look at its file or the name.
#[must_use]
pub fn loss(error: Errno) -> End {
    match error {
        Errno::STALE => End::Stale,
        _ => End::Broken,
    }
}

/// What is known of a remote file that is open.
#[derive(Debug)]
pub(super) struct Remote {
    /// It is read past the page cache.
    direct: bool,
    /// The page cache may have zeros where the file has bytes: it has to forget what is to be read.
    old_pages: bool,
    /// When it was opened.
    opened: Instant,
    /// It was seen to be gone.
    stale: Cell<bool>,
    known: RefCell<Known>,
}

/// What was read of the end of a file.
#[derive(Debug, Default)]
struct Known {
    /// The bytes up to here were there. `None`: nobody has looked.
    end: Option<u64>,
    /// The last bytes before that; none if they could not be read.
    last: ArrayVec<u8, END_COMPARED>,
    /// The largest size that was announced. That may be less than what was read, or more.
    announced: u64,
    /// It has seemed to be shorter since then.
    doubted: Option<Instant>,
    /// It has seemed to have more bytes, of which the last ones are zeros, since then.
    zeros: Option<Instant>,
}

/// What a look behind the known end of a file has found.
enum Behind {
    /// It has grown, or not.
    Same,
    /// Bytes that were there are not.
    Short,
    /// It has other bytes before its former end.
    Other,
}

/// A regular file in a directory, as the directory lists it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Listed {
    /// Its inode number.
    pub(super) inode: u64,
    /// It was so after this moment.
    pub(super) since: Instant,
}

/// The size of a file, as far as it is believed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Believed {
    /// So many bytes are there.
    Size(u64),
    /// It was truncated to this size, or something else was written up to there.
    Truncated(u64),
}

impl Remote {
    /// What is to be known of a file on this file system; `None`: nothing, it is a local one.
    pub(super) fn new(fd: BorrowedFd<'_>, system: FileSystem) -> Option<Box<Remote>> {
        if !system.is_remote() {
            return None;
        }
        Some(Box::new(Remote {
            direct: system.has_old_pages() && set_direct(fd, true),
            old_pages: system.has_old_pages(),
            opened: Instant::now(),
            stale: Cell::new(false),
            known: RefCell::default(),
        }))
    }

    /// When the file was opened.
    pub(super) fn opened(&self) -> Instant {
        self.opened
    }

    /// Attributes that are fetched now.
    pub(super) fn stat(&self, fd: BorrowedFd<'_>) -> Result<Statx, Errno> {
        count(&COUNTS.looks);
        self.note(fresh(fd))
    }

    /// Whether it seems to have another size, and that is not yet believed.
    pub(super) fn is_doubted(&self) -> bool {
        let known = self.known.borrow();
        known.doubted.is_some() || known.zeros.is_some()
    }

    /// What is to be believed of the size that is `announced`. `again`: looks once more.
    pub(super) fn believe(
        &self,
        fd: BorrowedFd<'_>,
        mut announced: u64,
        again: impl FnOnce() -> Result<u64, Errno>,
    ) -> Result<Believed, Errno> {
        let mut known = self.known.borrow_mut();
        let Some(end) = known.end else {
            return Ok(Believed::Size(self.begin(&mut known, fd, announced)));
        };
        if announced < known.announced {
            count(&COUNTS.second_looks);
            announced = again()?;
        }
        let behind = match announced < known.announced {
            true => Behind::Short,
            false => self.look_behind(&mut known, fd, end, announced),
        };
        match behind {
            Behind::Same => {
                known.announced = announced;
                known.doubted = None;
                Ok(Believed::Size(known.end.unwrap_or(announced)))
            }
            Behind::Short => {
                let since = *known.doubted.get_or_insert_with(Instant::now);
                if since.elapsed() < TRUNCATION_DOUBT {
                    return Ok(Believed::Size(end));
                }
                Ok(Believed::Truncated(self.begin(&mut known, fd, announced)))
            }
            Behind::Other => {
                let changed = end - known.last.len() as u64;
                *known = Known::default();
                Ok(Believed::Truncated(changed))
            }
        }
    }

    /// The first look at the end of a file. Returns its size.
    fn begin(&self, known: &mut Known, fd: BorrowedFd<'_>, announced: u64) -> u64 {
        *known = Known {
            announced,
            ..Known::default()
        };
        self.end_at(known, fd, 0, announced)
    }

    /// Looks at a file that ended at `end` and is said to end at `announced`. Attributes may be older than bytes: those
    /// behind the end that it is said to have can be read all the same, if the read begins before it (`fuse_direct_IO` asks
    /// for all of them then).
    fn look_behind(
        &self,
        known: &mut Known,
        fd: BorrowedFd<'_>,
        end: u64,
        announced: u64,
    ) -> Behind {
        let start = end - known.last.len() as u64;
        let zeros = known.zeros.take();
        let most = match self.direct && end > 0 {
            true => END_READ,
            false => usize::try_from(announced.saturating_sub(start))
                .map_or(END_READ, |most| most.min(END_READ)),
        };
        if most <= known.last.len() && known.doubted.is_none() {
            return Behind::Same;
        }
        let mut piece = [0; END_READ];
        let Ok(count) = self.read(fd, &mut piece[..most], start) else {
            // What cannot be read is found when it is to be sent.
            (known.end, known.last) = (Some(announced.max(end)), ArrayVec::new());
            return Behind::Same;
        };
        let there = count.min(known.last.len());
        if piece[..there] != known.last[..there] {
            return Behind::Other;
        }
        let count = match self.new_zeros(&piece[there..count]) {
            0 => count,
            held => {
                let since = zeros.unwrap_or_else(Instant::now);
                let believed = since.elapsed() >= TRUNCATION_DOUBT;
                known.zeros = (!believed).then_some(since);
                if believed { count } else { count - held }
            }
        };
        let reached = start + count as u64;
        if reached < end {
            // The kernel gives nothing behind the end that is announced.
            return match announced < end {
                true => Behind::Same,
                false => Behind::Short,
            };
        }
        known.end = Some(reached);
        known.last = last_of(&piece[..count]);
        if count == most && reached < announced {
            self.end_at(known, fd, reached, announced);
        }
        Behind::Same
    }

    /// How many zeros are at the end of bytes that have come, if these may be of an old page: then the file has none there.
    /// Two reads in a row show that mostly, but not while somebody else looks at the file all the time: each look brings back
    /// the size that is announced, and the kernel gives what its pages have up to there.
    fn new_zeros(&self, new: &[u8]) -> usize {
        match self.old_pages {
            true => new.iter().rev().take_while(|byte| **byte == 0).count(),
            false => 0,
        }
    }

    /// Finds where the bytes of a file end that are there, between two offsets, and takes note of the last ones.
    fn end_at(&self, known: &mut Known, fd: BorrowedFd<'_>, least: u64, announced: u64) -> u64 {
        let mut last = [0; END_COMPARED];
        let (mut least, mut most) = (least, announced);
        let mut end = announced;
        loop {
            let start = end.saturating_sub(END_COMPARED as u64);
            let wanted = (end - start) as usize;
            match self.read(fd, &mut last[..wanted], start) {
                Ok(count) if count == wanted || count > 0 => {
                    let reached = start + count as u64;
                    if count < wanted || end == most || reached >= most {
                        (known.end, known.last) = (Some(reached), last_of(&last[..count]));
                        return reached;
                    }
                    least = reached;
                }
                Ok(_) if start <= least => {
                    (known.end, known.last) = (Some(least), ArrayVec::new());
                    return least;
                }
                Ok(_) => most = start,
                // What cannot be read is found when it is to be sent.
                Err(_) => {
                    (known.end, known.last) = (Some(announced), ArrayVec::new());
                    return announced;
                }
            }
            end = least + (most - least).div_ceil(2);
        }
    }

    /// Reads up to the end of the buffer; fewer bytes only if the file has no more there.
    pub(super) fn read(
        &self,
        fd: BorrowedFd<'_>,
        buffer: &mut [u8],
        offset: u64,
    ) -> Result<usize, Errno> {
        let mut count = 0;
        while count < buffer.len() {
            let at = offset + count as u64;
            let more = self.note(self.read_once(fd, &mut buffer[count..], at))?;
            if more == 0 {
                break;
            }
            count += more;
        }
        Ok(count)
    }

    fn read_once(&self, fd: BorrowedFd<'_>, buffer: &mut [u8], at: u64) -> Result<usize, Errno> {
        let count = self.read_fresh(fd, buffer, at)?;
        // A direct read that comes short of the size goes on in the page cache (generic_file_read_iter). There bytes that
        // are not there yet are zeros, should the size have been looked at meanwhile.
        match buffer[..count].last() {
            Some(0) if self.old_pages => Ok(self.read_fresh(fd, buffer, at)?.min(count)),
            _ => Ok(count),
        }
    }

    fn read_fresh(&self, fd: BorrowedFd<'_>, buffer: &mut [u8], at: u64) -> Result<usize, Errno> {
        if self.old_pages {
            let start = at & !PAGE_BITS;
            // The kernel keeps a page of which only a part is named.
            let length = (buffer.len() as u64 + (at - start)).next_multiple_of(PAGE as u64);
            let length = NonZeroU64::new(length);
            let _ = rustix::fs::fadvise(fd, start, length, Advice::DontNeed);
        }
        match self.direct {
            true => read_aligned(fd, buffer, at),
            false => rustix::io::retry_on_intr(|| rustix::io::pread(fd, &mut *buffer, at)),
        }
    }

    fn note<T>(&self, result: Result<T, Errno>) -> Result<T, Errno> {
        if matches!(result, Err(Errno::STALE)) && !self.stale.replace(true) {
            count(&COUNTS.stale);
        }
        result
    }
}

const PAGE: usize = 4096;
const PAGE_BITS: u64 = PAGE as u64 - 1;

/// Reads with buffer, offset and length at the boundaries of pages, as some file systems want it of O_DIRECT (open(2)).
fn read_aligned(fd: BorrowedFd<'_>, buffer: &mut [u8], at: u64) -> Result<usize, Errno> {
    thread_local! {
        static PAGES: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    }
    // From before the end that the kernel knows: behind that it reads nothing, although there may be something.
    let start = at.saturating_sub(1) & !PAGE_BITS;
    let before = (at - start) as usize;
    let wanted = (before + buffer.len())
        .min(DIRECT_READ)
        .next_multiple_of(PAGE);
    PAGES.with_borrow_mut(|pages| {
        pages.resize(DIRECT_READ + 2 * PAGE, 0);
        let aligned = pages.as_ptr().align_offset(PAGE);
        let pages = &mut pages[aligned..aligned + wanted];
        let read = rustix::io::retry_on_intr(|| rustix::io::pread(fd, &mut *pages, start));
        let count = match read {
            // It cannot be read in this way after all.
            Err(Errno::INVAL) if set_direct(fd, false) => {
                rustix::io::retry_on_intr(|| rustix::io::pread(fd, &mut *pages, start))?
            }
            read => read?,
        };
        let there = count.saturating_sub(before).min(buffer.len());
        buffer[..there].copy_from_slice(&pages[before..before + there]);
        Ok(there)
    })
}

fn set_direct(fd: BorrowedFd<'_>, direct: bool) -> bool {
    let flags = rustix::fs::fcntl_getfl(fd.as_fd());
    flags.is_ok_and(|mut flags| {
        flags.set(OFlags::DIRECT, direct);
        rustix::fs::fcntl_setfl(fd.as_fd(), flags).is_ok()
    })
}

fn last_of(bytes: &[u8]) -> ArrayVec<u8, END_COMPARED> {
    bytes[bytes.len().saturating_sub(END_COMPARED)..]
        .iter()
        .copied()
        .collect()
}
