//! One chunk of the chunked transfer coding (RFC 9112 section 7.1) as a cursor; no byte of the file is in it.

use std::num::NonZeroU32;
use std::ops::Range;

use arrayvec::ArrayVec;

/// The last chunk and the end of the message, without trailer fields.
pub const LAST: &[u8] = b"0\r\n\r\n";

/// Bytes of a size line: six hex digits and CRLF, enough for [`crate::limits::CHUNK_MAX`].
pub const LINE_MAX: usize = 8;

/// A run of file bytes on its way: size line, file bytes, line end; or, for HTTP/1.0, the file bytes alone. Its owner
/// says each time whether it is framed, so that a frame is eight bytes of an idle tail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    /// File bytes.
    len: NonZeroU32,
    /// Bytes that are out, of all three parts.
    sent: u32,
}

/// What of a frame is still to go out.
#[derive(Debug, PartialEq, Eq)]
pub struct Rest {
    /// Bytes of the size line.
    pub line: ArrayVec<u8, LINE_MAX>,
    /// File bytes, relative to the beginning of the frame.
    pub file: Range<u64>,
    /// Bytes of the line end.
    pub end: &'static [u8],
}

impl Frame {
    /// A frame of `len` file bytes.
    ///
    /// # Panics
    /// If `len` is 0 (that would be the last chunk) or has more than six hex digits.
    #[must_use]
    pub fn new(len: u32) -> Frame {
        assert!(len < 1 << 24, "a frame of {len} bytes");
        Frame {
            len: NonZeroU32::new(len).expect("a frame is not empty"),
            sent: 0,
        }
    }

    /// File bytes in the frame.
    #[must_use]
    pub fn file_len(&self) -> u32 {
        self.len.get()
    }

    /// File bytes that are out.
    #[must_use]
    pub fn file_sent(&self, chunked: bool) -> u64 {
        let (line, _) = self.framing(chunked);
        u64::from(self.sent.saturating_sub(line).min(self.file_len()))
    }

    /// What is still to go out.
    #[must_use]
    pub fn rest(&self, chunked: bool) -> Rest {
        let (line_len, end_len) = self.framing(chunked);
        let mut line = ArrayVec::new();
        if self.sent < line_len {
            line = size_line(self.file_len());
            // Seldom: a chunk mostly goes out with all of it.
            if self.sent > 0 {
                line.drain(..self.sent as usize);
            }
        }
        let end_sent = self.sent.saturating_sub(line_len + self.file_len());
        Rest {
            line,
            file: self.file_sent(chunked)..u64::from(self.file_len()),
            end: &b"\r\n"[end_sent as usize..end_len as usize],
        }
    }

    /// Moves on by `n` bytes; true when the frame is out.
    ///
    /// # Panics
    /// If more was sent than was left.
    #[must_use]
    pub fn advance(&mut self, n: u64, chunked: bool) -> bool {
        let (line, end) = self.framing(chunked);
        let whole = u64::from(line + self.file_len() + end);
        let sent = u64::from(self.sent) + n;
        assert!(sent <= whole, "{sent} bytes sent of a frame of {whole}");
        #[allow(clippy::cast_possible_truncation, reason = "whole is below 2^25")]
        {
            self.sent = sent as u32;
        }
        sent == whole
    }

    /// Bytes of the size line and of the line end.
    fn framing(self, chunked: bool) -> (u32, u32) {
        if chunked {
            (digits(self.file_len()) + 2, 2)
        } else {
            (0, 0)
        }
    }
}

/// A chunk around these bytes.
///
/// # Panics
/// If there are none (that would be the last chunk).
#[must_use]
pub fn enclose(bytes: &[u8]) -> Vec<u8> {
    let len = u32::try_from(bytes.len()).expect("a chunk that is held in memory");
    assert!(len > 0, "an empty chunk");
    [&size_line(len), bytes, b"\r\n"].concat()
}

/// Hex digits of a length that is not 0.
fn digits(len: u32) -> u32 {
    (32 - len.leading_zeros()).div_ceil(4)
}

/// `chunk-size CRLF`
fn size_line(len: u32) -> ArrayVec<u8, LINE_MAX> {
    let count = digits(len) as usize;
    let mut line = [0; LINE_MAX];
    for (digit, byte) in line[..count].iter_mut().rev().enumerate() {
        *byte = b"0123456789abcdef"[(len >> (4 * digit) & 0xf) as usize];
    }
    line[count..count + 2].copy_from_slice(b"\r\n");
    let mut line = ArrayVec::from(line);
    line.truncate(count + 2);
    line
}
