//! Where the last lines of a file begin.

use rustix::io::Errno;

use super::file::OpenFile;
use crate::limits::LAST_LINES_MAX;

/// Bytes that are read at once.
const BLOCK: u64 = 64 * 1024;

/// The offset after which a file of this size has `count` complete lines, and whatever there is of an incomplete one.
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
        // If the file was truncated meanwhile, what is left of it counts.
        let held = file.read(block, start)?;
        let block = &block[..held];
        // Counting is many times as fast as looking at them one by one from the end.
        let here = block.iter().filter(|&&byte| byte == b'\n').count() as u64;
        let mut feeds = (0..held).filter(|&at| block[at] == b'\n');
        // Behind it are as many lines as are left, or else all that are here.
        let first = here.saturating_sub(left).saturating_sub(1);
        if here > 0
            && let Some(at) = feeds.nth(first as usize)
        {
            found = start + at as u64 + 1;
        }
        if here > left {
            return Ok(found);
        }
        left -= here;
        end = start;
    }
    Ok(if end == 0 { 0 } else { found })
}
