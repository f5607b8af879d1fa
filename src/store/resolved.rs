//! A file that a path leads to.

use std::rc::Rc;

use rustix::io::Errno;

use super::file::OpenFile;
use crate::resource::FileInfo;

/// A file and the name that leads to it.
pub struct ResolvedFile {
    /// The name.
    pub name: Rc<[u8]>,
    /// The file.
    pub file: Rc<OpenFile>,
    /// A topic holds it.
    pub is_followed: bool,
    /// What was measured in this turn, or since nothing has changed, and the last truncation that was known before that.
    measured: Option<(u64, FileInfo)>,
}

impl ResolvedFile {
    pub(super) fn new(
        name: Vec<u8>,
        file: Rc<OpenFile>,
        held: Option<&Rc<OpenFile>>,
    ) -> ResolvedFile {
        let is_followed = held.is_some_and(|held| Rc::ptr_eq(held, &file));
        ResolvedFile {
            name: name.into(),
            file,
            is_followed,
            measured: None,
        }
    }

    /// What an answer says of the file: measured once, unless some file was truncated since.
    ///
    /// # Errors
    /// As [`OpenFile::stat`].
    pub fn info(&mut self) -> Result<FileInfo, Errno> {
        let truncation = self.file.truncation();
        match self.measured {
            Some((before, info)) if before == truncation => Ok(info),
            _ => {
                // A followed file was looked at when it was found.
                let info = match self.is_followed {
                    true => self.file.cached_info()?,
                    false => self.file.info()?,
                };
                self.measured = Some((truncation, info));
                Ok(info)
            }
        }
    }
}
