//! The path of a request to an open file, a listing, or the reason why there is neither.

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::rc::Rc;

use rustix::io::Errno;

use super::cache::OpenFileCache;
use super::directory_page;
use super::errors::{is_exhausted, is_missing};
use super::file::OpenFile;
use super::last_lines::last_lines;
use super::listing::Form;
use super::resolved::ResolvedFile;
use super::root::{Files, Node};
use super::sent_dates::{SentDates, is_settled};
use crate::http::authorization::Credentials;
use crate::http::conditional::is_date_alone;
use crate::http::date::Date;
use crate::http::list_query::ListQuery;
use crate::http::position::{CHECKED, Check, checked_from};
use crate::http::query::Start;
use crate::http::target::Path;
use crate::intent::{Intent, ParsedRequest};
use crate::limits::{LIST_AT_ONCE, LIST_FOR_HEAD};
use crate::resource::{DirectoryPage, FileInfo, Resource};
use crate::time::Moment;

/// What there is instead of a file.
pub type Other = Resource<Rc<OpenFile>>;

/// Looks paths up, each once a turn: requests that came together share the work. Files that clients often request are kept
/// open, but looked up all the same, so an answer is never older than its request.
pub struct Lookups {
    files: Files,
    cache: OpenFileCache,
    /// Files that were opened in this turn.
    opened: Vec<ResolvedFile>,
    /// Where files are that were looked up in this turn, by what was asked for.
    by_path: HashMap<Path, Place>,
    /// Dates that responses had too early to prove anything, for all workers.
    sent_dates: SentDates,
    /// That of this turn.
    now: Date,
    /// The list that was made last in this turn. Whoever asks for the same one in this turn gets it: every request of a turn
    /// has come before the first one is answered, so the list is never older than a request.
    list_of_this_turn: Option<(ListTerms, DirectoryPage)>,
}

/// Where a file is that was looked up in this turn.
#[derive(Clone, Copy)]
enum Place {
    /// In the cache.
    Kept(usize),
    Opened(usize),
}

/// Which list of a directory is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListTerms {
    /// The directory.
    pub path: Path,
    /// How it is listed.
    pub form: Form,
    /// Which page of it.
    pub query: ListQuery,
    /// Only the head of the response is wanted.
    pub head_only: bool,
}

impl Lookups {
    /// Below this directory, with so many files kept open at most.
    #[must_use]
    pub fn new(files: Files, kept: usize) -> Lookups {
        Lookups {
            files,
            cache: OpenFileCache::new(kept),
            opened: Vec::new(),
            by_path: HashMap::new(),
            sent_dates: SentDates::default(),
            now: Date::from_seconds(0),
            list_of_this_turn: None,
        }
    }

    /// The same, with the dates that all workers have sent.
    #[must_use]
    pub fn with_sent_dates(self, sent_dates: SentDates) -> Lookups {
        Lookups { sent_dates, ..self }
    }

    /// The served directory.
    #[must_use]
    pub fn files(&self) -> &Files {
        &self.files
    }

    /// Requests from now on look everything up again.
    pub fn begin_turn(&mut self, now: Moment, date: Date) {
        self.now = date;
        self.cache.begin_turn(now, date);
    }

    /// What was looked up in this turn is no longer new.
    pub fn end_turn(&mut self) {
        self.list_of_this_turn = None;
        self.by_path.clear();
        for resolved in self.opened.drain(..) {
            self.cache.offer(resolved);
        }
        self.cache.end_turn();
    }

    /// Whether the date of a file proves nothing to this request for it, because clients may have it with other content.
    #[must_use]
    pub(crate) fn is_date_shared(
        &self,
        asked: &ParsedRequest,
        name: &[u8],
        info: &FileInfo,
    ) -> bool {
        // Most requests have no date, and ask for files that were not written just now.
        let conditions = &asked.request.conditions;
        if conditions.if_modified_since.is_none() && is_settled(info, self.now) {
            return false;
        }
        let date = info.modified.date;
        self.sent_dates.is_shared(name, info, self.now)
            || is_date_alone(conditions, date) && self.files.may_have_led_elsewhere(name, date)
    }

    /// Whether this list was made in this turn.
    #[must_use]
    pub fn has_list(&self, wanted: &ListTerms) -> bool {
        let made = self.list_of_this_turn.as_ref();
        made.is_some_and(|(terms, _)| terms == wanted)
    }

    /// When [`Lookups::begin_turn`] may have to close files that are kept open.
    #[must_use]
    pub fn deadline(&self) -> Moment {
        self.cache.deadline()
    }

    /// The regular file behind a path and the name that leads to it. `list`: how a directory is listed, if it is, and not
    /// followed; its `index.html` stands in for the page only. `held`: the file that is held open under a name.
    ///
    /// # Errors
    /// What else there is, as it is answered.
    pub fn find<'a>(
        &mut self,
        path: &Path,
        list: Option<&ListTerms>,
        held: impl Fn(&[u8]) -> Option<&'a Rc<OpenFile>>,
    ) -> Result<&mut ResolvedFile, Other> {
        let place = match self.place_of(path, list, held)? {
            Place::Kept(index) => return Ok(self.cache.get(index)),
            Place::Opened(index) => index,
        };
        Ok(&mut self.opened[place])
    }

    fn place_of<'a>(
        &mut self,
        path: &Path,
        list: Option<&ListTerms>,
        held: impl Fn(&[u8]) -> Option<&'a Rc<OpenFile>>,
    ) -> Result<Place, Other> {
        if !path.slash
            && let Some(kept) = self.find_kept(&path.name, held(&path.name))
        {
            return Ok(kept);
        }
        match self.by_path.get(path) {
            Some(place) if list.is_some_and(ListTerms::is_for_people) || !path.slash => Ok(*place),
            _ => {
                let place = self.find_uncached(path, list, held)?;
                self.by_path.insert(path.clone(), place);
                Ok(place)
            }
        }
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
            _ => Err(Resource::Missing),
        }
    }

    /// The file that is kept open under a name, if the name still leads to it and it has not changed.
    fn find_kept(&mut self, name: &[u8], held: Option<&Rc<OpenFile>>) -> Option<Place> {
        let files = &self.files;
        let found = self.cache.find(name, |file| {
            let same = held.is_none() && files.leads_to(name, file);
            if !same {
                // If it was truncated, that was seen.
                let _ = file.stat();
            }
            same
        });
        found.map(Place::Kept)
    }

    fn find_uncached<'a>(
        &mut self,
        path: &Path,
        list: Option<&ListTerms>,
        held: impl Fn(&[u8]) -> Option<&'a Rc<OpenFile>>,
    ) -> Result<Place, Other> {
        let name = path.name.to_vec();
        let followed = held(&name);
        let directory = match self.files.find(&name, followed) {
            Ok(Node::File(file)) if !path.slash => {
                return Ok(self.note_opened(name, file, followed));
            }
            Ok(Node::File(_)) => return Err(Resource::Missing),
            Ok(Node::Other) => return Err(Resource::Forbidden),
            Ok(Node::Directory(_)) if !path.slash => return Err(Resource::NeedsSlash),
            Ok(Node::Directory(directory)) => directory,
            Err(error) => return Err(failed(error, &name)),
        };
        if list.is_some_and(ListTerms::is_for_people) {
            let slash: &[u8] = if name.is_empty() { b"" } else { b"/" };
            let index = [&name, slash, b"index.html"].concat();
            let followed = held(&index);
            if let Some(kept) = self.find_kept(&index, followed) {
                return Ok(kept);
            }
            match self.files.find(&index, followed) {
                Ok(Node::File(file)) => return Ok(self.note_opened(index, file, followed)),
                Ok(Node::Other) => return Err(Resource::Forbidden),
                Ok(Node::Directory(_)) => {}
                Err(error) if is_missing(error) => {}
                Err(error) => return Err(failed(error, &index)),
            }
        }
        Err(match list {
            None => Resource::Directory,
            Some(list) => self.list(list, &directory),
        })
    }

    fn note_opened(
        &mut self,
        name: Vec<u8>,
        file: Rc<OpenFile>,
        followed: Option<&Rc<OpenFile>>,
    ) -> Place {
        self.opened.push(ResolvedFile::new(name, file, followed));
        Place::Opened(self.opened.len() - 1)
    }

    fn list(&mut self, list: &ListTerms, directory: &OwnedFd) -> Other {
        let ListTerms {
            path, form, query, ..
        } = list;
        if let Some((made, page)) = &self.list_of_this_turn
            && made == list
        {
            return Resource::Listing(page.clone());
        }
        let most = match list.head_only {
            true => LIST_FOR_HEAD,
            false => LIST_AT_ONCE,
        };
        match directory_page::write(&self.files, directory, path, *form, query, most) {
            Ok(Some(page)) => {
                self.list_of_this_turn = Some((list.clone(), page.clone()));
                Resource::Listing(page)
            }
            Ok(None) if list.head_only => Resource::ListingHead(directory_page::media(*form)),
            Ok(None) => Resource::LongListing,
            Err(error) => failed(error, &path.name),
        }
    }
}

impl ListTerms {
    /// Whether a page of the directory's own may stand in for it.
    fn is_for_people(&self) -> bool {
        self.form != Form::Topics
    }
}

/// How a directory is listed for a request, if it asks for a directory and not for what happens in it.
#[must_use]
pub fn list_terms(asked: &ParsedRequest) -> Option<ListTerms> {
    let request = &asked.request;
    let path = asked.intent.path().filter(|path| path.slash)?;
    let form = match &asked.intent {
        Intent::Events(_) => return None,
        Intent::Listing(_) => Form::Topics,
        _ if request.follows_links() => Form::Links,
        _ if request.accept.prefers_text() => Form::Text,
        _ if matches!(request.credentials, Credentials::Cookies(_)) => Form::MemberPage,
        _ => Form::Page,
    };
    Some(ListTerms {
        path: path.clone(),
        form,
        query: request.list.clone(),
        head_only: asked.head_only(),
    })
}

/// The offset of a start. Events start with a whole line.
///
/// # Errors
/// EIO and the like.
pub fn start(
    wanted: Option<Start>,
    events: bool,
    file: &OpenFile,
    info: &FileInfo,
) -> Result<Option<u64>, Errno> {
    match wanted {
        None => Ok(None),
        Some(Start::End) if !events => Ok(Some(info.size)),
        Some(Start::End) => last_lines(file, info.size, 0).map(Some),
        Some(Start::Lines(count)) => last_lines(file, info.size, count).map(Some),
    }
}

/// The check of what the file has before the range of a request that makes it a condition; `None` if it has fewer bytes.
///
/// # Errors
/// EIO and the like.
pub fn bytes_before(asked: &ParsedRequest, file: &OpenFile) -> Result<Option<Check>, Errno> {
    let Some((first, _)) = asked.bytes_before() else {
        return Ok(None);
    };
    let start = checked_from(first);
    let mut before = [0; CHECKED];
    let before = &mut before[..(first - start) as usize];
    let there = file.read(before, start)? == before.len();
    Ok(there.then(|| Check::of(before)))
}

/// How a failed look-up is answered.
#[must_use]
pub fn failed(error: Errno, name: &[u8]) -> Other {
    match error {
        error if is_missing(error) => Resource::Missing,
        // ENXIO: a socket or a FIFO took the name after it was resolved.
        Errno::ACCESS | Errno::PERM | Errno::NXIO => Resource::Forbidden,
        error if is_exhausted(error) || error == Errno::AGAIN => Resource::Busy,
        _ => {
            let path = Path {
                name: name.into(),
                slash: false,
            };
            log::error!("opening {path} failed: {error}");
            Resource::Failed
        }
    }
}
