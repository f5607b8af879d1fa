//! Lines to a place that may fail or have no space: what it does not take is lost and counted, and a line that was cut off
//! ends before the next one begins.

use std::io;

/// What is known of what was written.
#[derive(Debug)]
pub struct LineWriter {
    /// Lines that were lost and not yet reported.
    lost: usize,
    /// Lines that were lost, reported or not.
    lost_in_all: u64,
    /// What was written ends in the middle of a line.
    torn: bool,
}

impl LineWriter {
    /// Nothing was written, nothing is lost.
    #[must_use]
    pub const fn new() -> LineWriter {
        LineWriter {
            lost: 0,
            lost_in_all: 0,
            torn: false,
        }
    }

    /// Passes whole lines to `sink`, which takes as many bytes as it can at once. What it does not take is lost.
    ///
    /// # Errors
    /// The error of the sink; `WriteZero` if it takes nothing.
    pub fn write(
        &mut self,
        lines: &[u8],
        mut sink: impl FnMut(&[u8]) -> io::Result<usize>,
    ) -> io::Result<()> {
        let end_of_line: &[u8] = if self.torn && !lines.is_empty() {
            b"\n"
        } else {
            b""
        };
        let ended = self
            .put(end_of_line, &mut sink)
            .map_err(|(_, error)| (lines, error));
        let written = ended.and_then(|()| self.put(lines, &mut sink));
        written.map_err(|(left, error)| {
            self.lose(left);
            error
        })
    }

    /// Counts lines that there was no space for.
    pub fn lose(&mut self, lines: &[u8]) {
        let count = count(lines);
        self.lost += count;
        self.lost_in_all += count as u64;
    }

    /// Counts so many lines that there was no space for.
    pub fn lose_count(&mut self, lines: usize) {
        self.lost += lines;
    }

    /// Lines that were lost and not yet reported.
    #[must_use]
    pub fn lost(&self) -> usize {
        self.lost
    }

    /// All lines that were lost, but for those that were [counted](LineWriter::lose_count) elsewhere.
    #[must_use]
    pub fn lost_in_all(&self) -> u64 {
        self.lost_in_all
    }

    /// The loss was reported.
    pub fn forget_lost(&mut self) {
        self.lost = 0;
    }

    /// Writes all of these bytes, or gives what is left and why.
    fn put<'a>(
        &mut self,
        mut bytes: &'a [u8],
        sink: &mut impl FnMut(&[u8]) -> io::Result<usize>,
    ) -> Result<(), (&'a [u8], io::Error)> {
        while !bytes.is_empty() {
            match sink(bytes) {
                Ok(0) => return Err((bytes, io::ErrorKind::WriteZero.into())),
                Ok(count) => {
                    self.torn = bytes[count - 1] != b'\n';
                    bytes = &bytes[count..];
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err((bytes, error)),
            }
        }
        Ok(())
    }
}

impl Default for LineWriter {
    fn default() -> LineWriter {
        LineWriter::new()
    }
}

/// The number of lines that end in these bytes.
#[must_use]
pub fn count(lines: &[u8]) -> usize {
    lines.iter().filter(|&&byte| byte == b'\n').count()
}
