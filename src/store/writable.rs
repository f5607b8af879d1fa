//! The directories that a process may write to once it has given up all others. Landlock permits a directory, not whatever
//! has its name later: what is moved there, made there again or mounted over it may be read, but not written.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use super::file::{Id, identify};
use super::root::Files;

/// See the module. They stay open, so that no other directory gets their numbers.
#[derive(Default)]
pub struct Writable(Vec<Held>);

struct Held {
    /// The option that wants it, for people.
    option: String,
    /// Its name below ROOT.
    name: Box<[u8]>,
    id: Id,
    directory: OwnedFd,
}

impl Writable {
    /// Adds the directory that an option wants, which has this name below ROOT.
    ///
    /// # Errors
    /// EMFILE
    pub fn add(&mut self, option: String, name: &[u8], directory: BorrowedFd) -> io::Result<()> {
        self.0.push(Held {
            option,
            name: name.into(),
            id: identify(directory)?,
            directory: directory.try_clone_to_owned()?,
        });
        Ok(())
    }

    /// Each directory, with the option that wants it.
    pub fn iter(&self) -> impl Iterator<Item = (&str, BorrowedFd<'_>)> {
        let each = self.0.iter();
        each.map(|held| (&*held.option, held.directory.as_fd()))
    }

    /// Whether the directory that has this name now, or one on the way to it, is one of them.
    #[must_use]
    pub fn has(&self, files: &Files, name: &[u8]) -> bool {
        let slashes = (0..name.len()).filter(|&at| name[at] == b'/');
        let on_the_way = slashes.chain([0, name.len()]).map(|end| &name[..end]);
        let mut found = on_the_way.map(|name| files.identify(name));
        found.any(|id| id.is_ok_and(|id| self.0.iter().any(|held| held.id == id)))
    }

    /// The options of which another directory has the name now; `None`: of no one.
    #[must_use]
    pub fn replaced(&self, files: &Files) -> Option<String> {
        let is_replaced =
            |held: &&Held| files.identify(&held.name).is_ok() && !self.has(files, &held.name);
        let options: Vec<&str> = self
            .0
            .iter()
            .filter(is_replaced)
            .map(|held| &*held.option)
            .collect();
        (!options.is_empty()).then(|| options.join(", "))
    }
}
