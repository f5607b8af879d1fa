//! How long a file was when somebody last looked at it: if it is shorter when it is opened again, it was truncated.

use super::OpenFile;

impl OpenFile {
    /// Whoever had it open before may have seen it longer.
    pub(super) fn compare_with_last_size(&self) {
        if !self.has_last_size() {
            return;
        }
        let last = self.truncations.sizes().last(self.identity);
        if let Some(last) = last.filter(|last| *last > self.size.get()) {
            self.size.set(last);
            // What fails now fails again when somebody needs it.
            let _ = self.stat();
        }
    }

    /// It has been seen with this size.
    pub(super) fn remember_size(&self, size: u64) {
        if self.has_last_size() {
            self.truncations.sizes().remember(self.identity, size);
        }
    }

    /// The size of a file that other machines change may be an old one.
    fn has_last_size(&self) -> bool {
        self.remote.is_none() && !self.is_directory()
    }
}

impl Drop for OpenFile {
    fn drop(&mut self) {
        // Bytes were read perhaps behind the last size that was looked at.
        self.remember_size(self.size.get());
    }
}
