//! The path of a request to an open file, a listing, or the reason why there is neither.

use std::collections::HashMap;
use std::os::fd::AsFd;
use std::rc::Rc;

use rustix::io::Errno;

use super::cache::Hot;
use super::file::OpenFile;
use super::last_lines::last_lines;
use super::listing::{self, Form};
use super::root::{Files, Node};
use crate::http::date::Date;
use crate::http::query::Start;
use crate::http::request::Request;
use crate::http::target::Path;
use crate::resource::{Found, Meta};
use crate::time::Moment;

/// A file and the name that leads to it.
pub struct Named {
    /// The name.
    pub name: Rc<[u8]>,
    /// The file.
    pub file: Rc<OpenFile>,
    /// Where it comes from.
    pub origin: Origin,
    /// What was measured in this turn, or since nothing has changed, and the last truncation that was known before that.
    measured: Option<(u64, Meta)>,
}

/// Why a file is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// It was opened in this turn.
    Opened,
    /// It was kept open from a turn before.
    Kept,
    /// It is followed.
    Topic,
}

impl Named {
    fn new(name: Vec<u8>, file: Rc<OpenFile>, held: Option<&Rc<OpenFile>>) -> Named {
        let followed = held.is_some_and(|held| Rc::ptr_eq(held, &file));
        Named {
            name: name.into(),
            file,
            origin: if followed {
                Origin::Topic
            } else {
                Origin::Opened
            },
            measured: None,
        }
    }

    /// What an answer says of the file: measured once, unless some file was truncated since.
    ///
    /// # Errors
    /// As [`OpenFile::look`].
    pub fn meta(&mut self) -> Result<Meta, Errno> {
        let truncation = self.file.truncation();
        match self.measured {
            Some((before, meta)) if before == truncation => Ok(meta),
            _ => {
                let meta = self.file.meta()?;
                self.measured = Some((truncation, meta));
                Ok(meta)
            }
        }
    }
}

/// What there is instead of a file.
pub type Other = Found<Rc<OpenFile>>;

/// Looks paths up, each once a turn: requests that came together share the work. Files that are asked for often are kept
/// open, but looked up all the same, so an answer is never older than its request.
pub struct Lookups {
    files: Files,
    hot: Hot,
    of_this_turn: Vec<Named>,
    /// Where they are, by what was asked for.
    by_path: HashMap<Path, usize>,
}

impl Lookups {
    /// Below this directory, with so many files kept open at most.
    #[must_use]
    pub fn new(files: Files, kept: usize) -> Lookups {
        Lookups {
            files,
            hot: Hot::new(kept),
            of_this_turn: Vec::new(),
            by_path: HashMap::new(),
        }
    }

    /// The served directory.
    #[must_use]
    pub fn files(&self) -> &Files {
        &self.files
    }

    /// What comes now is looked up anew.
    pub fn begin_turn(&mut self, now: Moment, date: Date) {
        self.hot.begin_turn(now, date);
    }

    /// What was looked up in this turn is no longer new.
    pub fn end_turn(&mut self) {
        if !self.of_this_turn.is_empty() {
            self.by_path.clear();
            for named in self.of_this_turn.drain(..) {
                self.hot.offer(named);
            }
        }
    }

    /// When [`Lookups::begin_turn`] may have to close files that are kept open.
    #[must_use]
    pub fn deadline(&self) -> Moment {
        self.hot.deadline()
    }

    /// The regular file behind a path and the name that leads to it. `form`: how a directory is listed, if it is, and not
    /// followed; its `index.html` stands in for the page only. `held`: the file that is held open under a name.
    ///
    /// # Errors
    /// What else there is, as it is answered.
    pub fn find<'a>(
        &mut self,
        path: &Path,
        form: Option<Form>,
        held: impl Fn(&[u8]) -> Option<&'a Rc<OpenFile>>,
    ) -> Result<&mut Named, Other> {
        let known = self.by_path.get(path).copied();
        let index = match known {
            Some(index) if form == Some(Form::Page) || !path.slash => index,
            _ => {
                let named = self.find_anew(path, form, held)?;
                self.of_this_turn.push(named);
                let index = self.of_this_turn.len() - 1;
                self.by_path.insert(path.clone(), index);
                index
            }
        };
        Ok(&mut self.of_this_turn[index])
    }

    /// The regular file, or directory, that a name leads to now.
    ///
    /// # Errors
    /// As [`Lookups::find`].
    pub fn find_again(&self, name: &[u8], directory: bool) -> Result<Rc<OpenFile>, Other> {
        let failed = |error| failed(error, name);
        match self.files.find(name, None).map_err(failed)? {
            Node::File(file) if !directory => Ok(file),
            Node::Directory(found) if directory => self.files.follow(found).map_err(failed),
            _ => Err(Found::Missing),
        }
    }

    /// The file that is kept open under a name, if the name still leads to it and it has not changed.
    fn find_kept(&mut self, name: &[u8], held: Option<&Rc<OpenFile>>) -> Option<Named> {
        let mut named = self.hot.take(name)?;
        if held.is_some() || !self.files.leads_to(name, &named.file) {
            // If it was truncated, that was seen.
            let _ = named.file.look();
            return None;
        }
        named.origin = Origin::Kept;
        Some(named)
    }

    fn find_anew<'a>(
        &mut self,
        path: &Path,
        form: Option<Form>,
        held: impl Fn(&[u8]) -> Option<&'a Rc<OpenFile>>,
    ) -> Result<Named, Other> {
        let name = path.name.to_vec();
        let followed = held(&name);
        if !path.slash
            && let Some(named) = self.find_kept(&name, followed)
        {
            return Ok(named);
        }
        let directory = match self.files.find(&name, followed) {
            Ok(Node::File(file)) if !path.slash => return Ok(Named::new(name, file, followed)),
            Ok(Node::File(_)) => return Err(Found::Missing),
            Ok(Node::Other) => return Err(Found::Forbidden),
            Ok(Node::Directory(_)) if !path.slash => return Err(Found::NeedsSlash),
            Ok(Node::Directory(directory)) => directory,
            Err(error) => return Err(failed(error, &name)),
        };
        if form == Some(Form::Page) {
            let slash: &[u8] = if name.is_empty() { b"" } else { b"/" };
            let index = [&name, slash, b"index.html"].concat();
            let followed = held(&index);
            if let Some(named) = self.find_kept(&index, followed) {
                return Ok(named);
            }
            match self.files.find(&index, followed) {
                Ok(Node::File(file)) => return Ok(Named::new(index, file, followed)),
                Ok(Node::Other) => return Err(Found::Forbidden),
                Ok(Node::Directory(_)) | Err(Errno::NOENT) => {}
                Err(error) => return Err(failed(error, &index)),
            }
        }
        let Some(form) = form else {
            return Err(Found::Directory);
        };
        match listing::write(&self.files, directory.as_fd(), path, form) {
            Ok(listing) => Err(Found::Listing(listing)),
            Err(error) => Err(failed(error, &name)),
        }
    }
}

/// How a directory is listed for a request, if it is.
#[must_use]
pub fn form(request: &Request) -> Option<Form> {
    match (request.events, request.accept.prefers_json()) {
        (true, _) => None,
        (false, true) => Some(Form::Topics),
        (false, false) => Some(Form::Page),
    }
}

/// Where the query of a request wants the answer to start. An event stream may go on behind an event.
#[must_use]
pub fn wanted_start(request: &Request) -> Option<Start> {
    let goes_on = request.events && request.positions.is_some();
    request.start.filter(|_| request.starts() && !goes_on)
}

/// The offset of a start. Events start with a whole line.
///
/// # Errors
/// EIO and the like.
pub fn start(
    wanted: Option<Start>,
    events: bool,
    file: &OpenFile,
    meta: &Meta,
) -> Result<Option<u64>, Errno> {
    match wanted {
        None => Ok(None),
        Some(Start::End) if !events => Ok(Some(meta.size)),
        Some(Start::End) => last_lines(file, meta.size, 0).map(Some),
        Some(Start::Lines(count)) => last_lines(file, meta.size, count).map(Some),
    }
}

/// How a failed look-up is answered.
#[must_use]
pub fn failed(error: Errno, name: &[u8]) -> Other {
    match error {
        Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::XDEV | Errno::NAMETOOLONG => {
            Found::Missing
        }
        // ENXIO: a socket or a FIFO took the name after it was resolved.
        Errno::ACCESS | Errno::PERM | Errno::NXIO => Found::Forbidden,
        Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::AGAIN => Found::Busy,
        _ => {
            let path = Path {
                name: name.into(),
                slash: false,
            };
            log::error!("opening {path} failed: {error}");
            Found::Failed
        }
    }
}
