//! Finds the lines in what one sender sends, and cuts those that are too long. Pure.

use crate::limits::INTAKE_LINE_MAX;

/// Memory of a sender between two lines: what is larger is given back.
const KEPT: usize = 4096;

/// The beginning of a line, whose end has not come yet.
#[derive(Debug, Default)]
pub struct Line(Vec<u8>);

impl Line {
    /// Takes the next bytes and appends the lines that are complete to `out`. Returns how often a line was cut because it was
    /// longer than [`INTAKE_LINE_MAX`].
    pub fn take(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> u64 {
        let mut cuts = 0;
        for mut part in bytes.split_inclusive(|&byte| byte == b'\n') {
            while self.0.len() + length(part) > INTAKE_LINE_MAX {
                let (now, later) = part.split_at(INTAKE_LINE_MAX - self.0.len());
                self.0.extend_from_slice(now);
                self.end(out);
                (part, cuts) = (later, cuts + 1);
            }
            if part.ends_with(b"\n") {
                out.append(&mut self.0);
                out.extend_from_slice(part);
                self.shrink();
            } else {
                self.0.extend_from_slice(part);
            }
        }
        cuts
    }

    /// The sender is gone: an unfinished line counts as a line.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        if !self.0.is_empty() {
            self.end(out);
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.0);
        out.push(b'\n');
        self.shrink();
    }

    fn shrink(&mut self) {
        if self.0.capacity() > KEPT {
            self.0 = Vec::new();
        }
    }
}

/// Without the line end.
fn length(line: &[u8]) -> usize {
    line.len() - usize::from(line.ends_with(b"\n"))
}
