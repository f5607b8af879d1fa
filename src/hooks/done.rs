//! Reads the log `done` across its rolls, from places that are kept. Whoever rolls it needs no agreement with its readers:
//! a file that had the name is read to its end, wherever it is now, and then the one that came after it.

use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use inotify::{EventMask, Inotify, WatchMask};
use log::{error, warn};
use rustix::fs::{Mode, OFlags};

use crate::http::conditional::ETag;
use crate::jobs::files::DONE;
use crate::jobs::watch::{note_used_up, watch_names};
use crate::limits::{
    GENERATIONS_PAUSE, GENERATIONS_TRIES, HOOK_ROLL_PAUSE, QUEUE_LOOK_INTERVAL,
    UNWATCHED_LOOK_INTERVAL,
};
use crate::sorted::SortedMap;
use crate::store::file::OpenFile;
use crate::store::generations::families::Families;
use crate::store::generations::report::Report;
use crate::store::generations::scan::Scanner;
use crate::store::root::{Files, Node};
use crate::store::truncations::Truncations;

/// The beginning of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The file that has it.
    pub file: ETag,
    /// Bytes before it.
    pub offset: u64,
}

impl Place {
    /// The beginning of the next line.
    #[must_use]
    pub fn plus(self, line: &[u8]) -> Place {
        Place {
            offset: self.offset + line.len() as u64,
            ..self
        }
    }
}

/// What is at a place.
#[derive(Debug, PartialEq, Eq)]
pub enum Read<'a> {
    /// Whole lines.
    Lines(&'a [u8]),
    /// The next line is in another place.
    Passed(Place),
    /// Nothing, until more is written.
    End,
    /// Nothing, but that has to be looked at again after a moment.
    Wait,
}

/// See the module.
pub struct Done {
    files: Files,
    scanner: Scanner,
    families: Families,
    /// `None`: no events; the reader looks at intervals.
    inotify: Option<Inotify>,
    /// Between two looks while no event comes.
    interval: Duration,
    path: std::path::PathBuf,
    /// The file that has the name now.
    current: Option<ETag>,
    /// Files that are read, or were just now.
    open: SortedMap<ETag, Rc<OpenFile>>,
}

impl Done {
    /// The log of this directory of jobs. Nothing is looked at yet.
    ///
    /// # Errors
    /// ENOENT, EACCES, EMFILE.
    pub fn new(directory: &Path) -> io::Result<Done> {
        let names = WatchMask::CREATE | WatchMask::MOVED_TO | WatchMask::MOVED_FROM;
        let done = Done::unwatched(directory)?;
        Ok(match watch_names(directory, names)? {
            None => done,
            inotify => Done {
                inotify,
                interval: QUEUE_LOOK_INTERVAL,
                ..done
            },
        })
    }

    /// The same for a caller that looks again and again and gets no events: it finds files that had the name by their names
    /// and times only.
    ///
    /// # Errors
    /// ENOENT, EACCES.
    pub fn unwatched(directory: &Path) -> io::Result<Done> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = rustix::fs::open(directory, flags, Mode::empty())?;
        let files = Files::new(root, Arc::new(Truncations::default()));
        let families = Families::default();
        Ok(Done {
            scanner: Scanner::new(files.try_clone()?, families.clone()),
            files,
            families,
            inotify: None,
            interval: UNWATCHED_LOOK_INTERVAL,
            path: directory.join(DONE),
            current: None,
            open: SortedMap::new(),
        })
    }

    /// What tells that there may be something new.
    #[must_use]
    pub fn events(&self) -> Option<&Inotify> {
        self.inotify.as_ref()
    }

    /// How long to wait for an event before the next look.
    #[must_use]
    pub fn interval(&self) -> Duration {
        self.interval
    }

    /// Takes note of files that had the name and were renamed, so that they are found whatever their names are now.
    fn read_events(&mut self) {
        let Some(inotify) = &mut self.inotify else {
            return;
        };
        let mut buffer = [0; 4096];
        let mut cookie = None;
        while let Ok(events) = inotify.read_events(&mut buffer) {
            for event in events {
                if event.mask.contains(EventMask::MOVED_FROM) && event.name == Some(DONE.as_ref()) {
                    cookie = Some(event.cookie);
                } else if event.mask.contains(EventMask::MOVED_TO)
                    && cookie == Some(event.cookie)
                    && let Some(holder) = event.name.and_then(|to| self.files.holder(to.as_bytes()))
                {
                    self.families.history.note_holder(DONE.as_bytes(), holder);
                }
            }
        }
    }

    /// Looks which file has the name now.
    pub fn look(&mut self) {
        self.read_events();
        let holder = self.files.holder(DONE.as_bytes());
        let current = holder.map(|holder| holder.etag);
        if current == self.current {
            return;
        }
        if let Some(holder) = holder {
            // From then on it is known what it came after, whatever the names are.
            self.families.history.note_holder(DONE.as_bytes(), holder);
            let watched = self.inotify.as_ref().map(Inotify::watches);
            let watched = watched.map(|mut watches| watches.add(&self.path, WatchMask::MODIFY));
            if let Some(Err(error)) = watched {
                match note_used_up(&self.path.display(), &error) {
                    true => self.interval = UNWATCHED_LOOK_INTERVAL,
                    false => warn!("cannot watch {}: {error}", self.path.display()),
                }
            }
        }
        self.current = current;
        // What was read before is found again if it is still needed.
        self.open.retain(|&tag, _| Some(tag) == current);
    }

    /// The beginning of the oldest file that is kept; `None`: there is none yet.
    #[must_use]
    pub fn oldest(&self) -> Option<Place> {
        let report = self.report()?;
        let file = report.chain.oldest()?.member.etag;
        Some(Place { file, offset: 0 })
    }

    /// Reads what is at a place: whole lines, as many as fit.
    pub fn read<'a>(&mut self, place: Place, buffer: &'a mut [u8]) -> Read<'a> {
        let Some(file) = self.file(place.file) else {
            return self.after(place, true);
        };
        let read = file
            .stat()
            .and_then(|stat| Ok((stat.size, file.read(buffer, place.offset)?)));
        let (size, count) = match read {
            Ok(read) => read,
            Err(error) => {
                error!("cannot read {}: {error}", self.path.display());
                return Read::Wait;
            }
        };
        if size < place.offset {
            error!(
                "somebody truncated {}: some notifications may be missing, others may come twice",
                self.path.display()
            );
            return Read::Passed(Place { offset: 0, ..place });
        }
        match buffer[..count].iter().rposition(|&byte| byte == b'\n') {
            Some(end) => Read::Lines(&buffer[..=end]),
            // Far longer than any line of ours; the rest of it will not be understood.
            None if count == buffer.len() => Read::Passed(Place {
                offset: place.offset + count as u64,
                ..place
            }),
            None if self.current == Some(place.file) => Read::End,
            None if is_fresh(&file) => Read::Wait,
            None => self.after(place, false),
        }
    }

    /// Goes on with the file that came after one that was read to its end, or is `lost`.
    fn after(&self, place: Place, lost: bool) -> Read<'static> {
        let Some(report) = self.report() else {
            return Read::Wait;
        };
        let next = report.chain.after(place.file, &report.seen);
        let Some(generation) = next.generation else {
            return Read::End;
        };
        if lost || next.gap {
            error!(
                "a file that had the name {} is gone or compressed: notifications of its jobs may be missing",
                self.path.display()
            );
        }
        Read::Passed(Place {
            file: generation.member.etag,
            offset: 0,
        })
    }

    fn file(&mut self, tag: ETag) -> Option<Rc<OpenFile>> {
        if let Some(file) = self.open.get(&tag) {
            return Some(Rc::clone(file));
        }
        let find = |name: &[u8]| match self.files.find(name, None) {
            Ok(Node::File(file)) if file.tag() == tag => Some(file),
            _ => None,
        };
        let file = find(DONE.as_bytes()).or_else(|| {
            let report = self.report()?;
            find(&report.chain.find(tag)?.member.path)
        })?;
        self.open.insert(tag, Rc::clone(&file));
        Some(file)
    }

    /// The files that had the name. A look that a roll may have disturbed is repeated.
    fn report(&self) -> Option<Report> {
        let mut last = None;
        for _ in 0..GENERATIONS_TRIES {
            let report = match self.scanner.look(DONE.as_bytes()) {
                Ok(report) => report,
                Err(error) => {
                    error!("cannot look for {}: {error}", self.path.display());
                    return None;
                }
            };
            let same = last
                .as_ref()
                .is_some_and(|last: &Report| last.chain == report.chain);
            if report.is_settled() || same {
                return Some(report);
            }
            last = Some(report);
            thread::sleep(GENERATIONS_PAUSE);
        }
        last
    }
}

/// Whether somebody who opened the file under its former name may still be about to write to it.
fn is_fresh(file: &OpenFile) -> bool {
    let Ok(stat) = rustix::fs::fstat(file) else {
        return false;
    };
    let last = stat.st_mtime.max(stat.st_ctime);
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let since = Duration::from_secs(u64::try_from(last).unwrap_or(0));
    // Times of files have whole seconds here, and a clock that was set back must not let us wait for long.
    now.checked_sub(since)
        .is_some_and(|age| age < HOOK_ROLL_PAUSE)
}
