//! Whether a request that comes again is the one that has made its job, looked at piece by piece: it may be long.

use std::fs::File;
use std::io::{self, Read};

/// What is compared at a time.
const PIECE: usize = 16 * 1024;

/// See the module.
#[derive(Debug)]
pub struct Comparison {
    request: File,
    content: File,
}

impl Comparison {
    /// Of the request of a job with what has come, each from its beginning.
    #[must_use]
    pub fn new(request: File, content: File) -> Comparison {
        Comparison { request, content }
    }

    /// Compares the next bytes. `None`: they are the same, and there are more.
    ///
    /// # Errors
    /// EIO and the like.
    pub fn step(&mut self) -> io::Result<Option<bool>> {
        let (mut one, mut other) = ([0; PIECE], [0; PIECE]);
        let count = read_full(&mut self.request, &mut one)?;
        let is_same =
            read_full(&mut self.content, &mut other)? == count && one[..count] == other[..count];
        Ok((!is_same || count == 0).then_some(is_same))
    }
}

/// Reads until the buffer is full or there is no more.
fn read_full(from: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut count = 0;
    while count < buffer.len() {
        match from.read(&mut buffer[count..])? {
            0 => break,
            more => count += more,
        }
    }
    Ok(count)
}
