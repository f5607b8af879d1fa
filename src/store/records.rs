//! Records that go into one file by one write(2).

/// Records that are appended together, none of them empty.
#[derive(Default)]
pub struct Records {
    pub(super) bytes: Vec<u8>,
    /// Of each of them, in order.
    pub(super) lengths: Vec<usize>,
}

impl Records {
    /// One more, which ends with `end`.
    pub fn add(&mut self, record: &[u8], end: &[u8]) {
        self.bytes.extend_from_slice(record);
        self.bytes.extend_from_slice(end);
        self.lengths.push(record.len() + end.len());
    }

    /// How many there are, and how many bytes.
    #[must_use]
    pub fn count(&self) -> (usize, usize) {
        (self.lengths.len(), self.bytes.len())
    }

    /// Removes all.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.lengths.clear();
    }
}
