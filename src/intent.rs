//! What a request asks for: decided once, by a [dialect](crate::dialect), from the method, the target and the fields.
//!
//! Everything behind that (authorization, look-up, response, log) matches on [`Intent`] and reads no field of the request
//! to learn what is asked. A new kind of request is a new variant, and the compiler names each place that must know it.

use std::fmt::Write;

use crate::http::conditional::ETag;
use crate::http::pattern::Pattern;
use crate::http::position::{Check, Positions};
use crate::http::query::Start;
use crate::http::range::RangeSpec;
use crate::http::request::{Method, Request};
use crate::http::target::{Path, Target, query_for_log};
use crate::http::write::WriteHead;

/// A request, and what it asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParsedRequest {
    /// The head: version, connection, conditions, credentials.
    pub request: Request,
    /// What it asks for.
    pub intent: Intent,
}

/// What a request asks for. HEAD asks for what GET asks for, without the content (RFC 9110 section 9.3.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Intent {
    /// A file, or a part of it. Of a directory: its `index.html`, else its list as a page.
    Read(FilePart),
    /// The same, and what is appended to the file from then on.
    Tail(FilePart),
    /// The lines of a name as server-sent events, or what happens in a directory.
    Events(EventsOf),
    /// The events of several files of a directory (`?files=`), from a client that does not accept events.
    EventsNotAccepted(Path),
    /// The list of a directory as JSON.
    Listing(Path),
    /// The list of the files that have a name or had it before, as JSON.
    Generations(Path),
    /// The page that follows a file in a browser.
    Viewer(Path),
    /// A cookie in exchange for the token of the request, by somebody who wants to see this.
    LogIn {
        /// What the browser shows.
        path: Path,
        /// The cookie stays when the browser is closed.
        keep: bool,
    },
    /// The end of such a cookie.
    LogOut(Path),
    /// What the server can do, at a path or (`*`) as a whole.
    Options(Target),
    /// GET or HEAD of a name that is never served.
    Nowhere,
    /// The answer of a job that this request has made, or made before.
    Answer(Answer),
    /// A write. Where nothing may be written, the server does not understand these methods.
    Write(Box<WriteHead>),
    /// A method that is not understood. It carries no target, so none can pass for one that is public.
    Unsupported,
}

/// A file, or what of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilePart {
    /// The path.
    pub path: Path,
    /// A valid Range field.
    pub range: Option<RangeSpec>,
    /// Where the query lets the response start. It does not apply to a range that has an end.
    pub start: Option<Start>,
    /// The file with this tag is meant, which has the name or had it before.
    pub generation: Option<ETag>,
}

/// The answer of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The file with the answer.
    pub path: Path,
    /// A 202 is welcome if the answer is not complete when the patience of the client ends.
    pub respond_async: bool,
    /// That patience, in seconds.
    pub wait: u64,
}

/// What an event stream is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventsOf {
    /// The name of a file, or with a slash of a directory.
    pub path: Path,
    /// Where the query lets the stream start, if it does not go on after an event.
    pub start: Option<Start>,
    /// The event after which the client goes on.
    pub positions: Option<Positions>,
    /// The files of the directory that are followed; `None`: its entries are listed.
    pub files: Option<Box<[Pattern]>>,
}

impl Intent {
    /// The path that it is about, as far as it has one.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match self {
            Intent::Read(part) | Intent::Tail(part) => Some(&part.path),
            Intent::Events(events) => Some(&events.path),
            Intent::EventsNotAccepted(path)
            | Intent::Listing(path)
            | Intent::Generations(path)
            | Intent::Viewer(path)
            | Intent::LogIn { path, .. }
            | Intent::LogOut(path)
            | Intent::Options(Target::Path(path)) => Some(path),
            Intent::Options(Target::Asterisk | Target::Nowhere)
            | Intent::Nowhere
            | Intent::Unsupported => None,
            Intent::Answer(answer) => Some(&answer.path),
            Intent::Write(write) => write.path(),
        }
    }

    /// Where the query lets the response start. An event stream that goes on after an event does not use it.
    #[must_use]
    pub fn start(&self) -> Option<Start> {
        match self {
            Intent::Read(part) | Intent::Tail(part) => part.start,
            Intent::Events(of) => of.start.filter(|_| of.positions.is_none()),
            Intent::EventsNotAccepted(_)
            | Intent::Listing(_)
            | Intent::Generations(_)
            | Intent::Viewer(_)
            | Intent::LogIn { .. }
            | Intent::LogOut(_)
            | Intent::Options(_)
            | Intent::Nowhere
            | Intent::Answer(_)
            | Intent::Write(_)
            | Intent::Unsupported => None,
        }
    }
}

impl EventsOf {
    /// Whether the client had events of this name before. Then the stream waits for the name to come back, because 404
    /// would keep a browser from ever coming again.
    #[must_use]
    pub fn comes_again(&self) -> bool {
        self.positions.as_ref().is_some_and(|positions| {
            !self.path.slash || self.files.is_some() || positions.only().is_none()
        })
    }
}

impl ParsedRequest {
    /// Whether the response is a head without content.
    #[must_use]
    pub fn head_only(&self) -> bool {
        self.request.method == Method::Head
    }

    /// For how many seconds the client gladly waits for what it asks for, if that is not there yet: for a subscription, or to
    /// learn by HEAD that it has come. `None`: it does not. Other requests end at once, and so does a request for an earlier
    /// file, which will not come. An event stream that goes on waits by itself, while it lasts.
    #[must_use]
    pub fn wait(&self) -> Option<u64> {
        let head = self.head_only();
        let waits = match &self.intent {
            Intent::Tail(part) => part.generation.is_none(),
            Intent::Read(part) => head && part.generation.is_none(),
            Intent::Listing(_) => head,
            Intent::Events(of) => !of.comes_again(),
            Intent::EventsNotAccepted(_)
            | Intent::Generations(_)
            | Intent::Viewer(_)
            | Intent::LogIn { .. }
            | Intent::LogOut(_)
            | Intent::Options(_)
            | Intent::Nowhere
            | Intent::Answer(_)
            | Intent::Write(_)
            | Intent::Unsupported => false,
        };
        self.request.wait.filter(|_| waits)
    }

    /// Whether the response can be a subscription, whatever the file is like.
    #[must_use]
    pub fn subscribes(&self) -> bool {
        let subscription = matches!(
            self.intent,
            Intent::Tail(_) | Intent::Events(_) | Intent::Answer(_)
        );
        subscription && !self.head_only()
    }

    /// Whether a person who is not known gets a page to log in with.
    #[must_use]
    pub fn may_log_in(&self) -> bool {
        !matches!(self.intent, Intent::LogIn { .. } | Intent::Write(_))
    }

    /// Whether it writes.
    #[must_use]
    pub fn writes(&self) -> bool {
        matches!(self.intent, Intent::Write(_))
    }

    /// The head of a request that [`ParsedRequest::writes`].
    ///
    /// # Panics
    /// If it does not.
    #[must_use]
    pub fn write_head(&self) -> &WriteHead {
        match &self.intent {
            Intent::Write(write) => write,
            _ => panic!("a request that writes nothing"),
        }
    }

    /// Whether the response can be the list of a directory, which may take long to make.
    #[must_use]
    pub fn may_list(&self) -> bool {
        let path = match &self.intent {
            Intent::Read(part) | Intent::Tail(part) => Some(&part.path),
            Intent::Events(events) => Some(&events.path),
            Intent::Listing(path) => Some(path),
            Intent::EventsNotAccepted(_)
            | Intent::Generations(_)
            | Intent::Viewer(_)
            | Intent::LogIn { .. }
            | Intent::LogOut(_)
            | Intent::Options(_)
            | Intent::Nowhere
            | Intent::Answer(_)
            | Intent::Write(_)
            | Intent::Unsupported => None,
        };
        path.is_some_and(|path| path.slash)
    }

    /// The first byte of the range that it asks for, and the check of what the client has before that, if the request makes
    /// it a condition. Other ranges have nothing before them that could be checked.
    #[must_use]
    pub fn bytes_before(&self) -> Option<(u64, Check)> {
        let (Intent::Read(part) | Intent::Tail(part)) = &self.intent else {
            return None;
        };
        let check = self.request.conditions.if_bytes_before?;
        Some((part.range.as_ref()?.first()?, check))
    }

    /// The target for a log, encoded: the path as in [`ParsedRequest::path_for_log`] and the query as it came.
    #[must_use]
    pub fn target_for_log(&self, nowhere: &str) -> String {
        let mut target = self.path_for_log(nowhere);
        if let Some(query) = &self.request.query
            && target.starts_with('/')
        {
            // Writing to a String cannot fail.
            let _ = write!(target, "?{}", query_for_log(query.as_bytes()));
        }
        target
    }

    /// The path for a log, encoded and in its shortest form; `nowhere`: how a name is written that is never served.
    #[must_use]
    pub fn path_for_log(&self, nowhere: &str) -> String {
        match &self.intent {
            Intent::Options(Target::Asterisk) => "*".into(),
            Intent::Unsupported => self.request.unread.as_deref().unwrap_or(nowhere).into(),
            Intent::Write(write) if write.path().is_none() => {
                self.request.unread.as_deref().unwrap_or(nowhere).into()
            }
            intent => intent.path().map_or(nowhere.into(), Path::to_string),
        }
    }
}
