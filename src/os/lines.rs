//! Where the last lines of a file begin.

use rustix::io::Errno;

use super::files::OpenFile;
use crate::limits::LAST_LINES_MAX;

/// Bytes that are read at once.
const BLOCK: u64 = 64 * 1024;

/// The offset behind which a file of this size has so many complete lines, and whatever of a line that is not complete.
/// Lines that begin more than [`LAST_LINES_MAX`] bytes before the end are not looked for: then it is the first that was
/// found, or the end of the file if none was.
///
/// # Errors
/// EIO and the like.
pub fn last_lines(file: &OpenFile, size: u64, count: u64) -> Result<u64, Errno> {
    let mut buffer = vec![0; BLOCK as usize];
    let (mut found, mut left) = (size, count);
    let mut end = size;
    let least = size.saturating_sub(LAST_LINES_MAX);
    while end > least {
        let start = end.saturating_sub(BLOCK).max(least);
        let block = &mut buffer[..(end - start) as usize];
        // Of a file that was truncated meanwhile what is left is looked at.
        let held = file.read(block, start)?;
        for at in (0..held).rev().filter(|&at| block[at] == b'\n') {
            found = start + at as u64 + 1;
            if left == 0 {
                return Ok(found);
            }
            left -= 1;
        }
        end = start;
    }
    Ok(if end == 0 { 0 } else { found })
}
