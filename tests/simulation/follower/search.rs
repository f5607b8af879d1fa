//! A look at the directory that takes its time: what happens meanwhile is seen by half. The part of `Scanner` and `Finder`.

use std::time::Duration;

use openrange::limits::GENERATIONS_SETTLED;
use openrange::store::generations::family::{Kinship, Series, kinship};
use openrange::store::generations::looks::{Looks, Wanted};
use openrange::store::generations::order::Member;
use openrange::store::generations::report::Report;
use openrange::time::Moment;

use super::Fault;
use super::directory::LOG;
use super::origin::Origin;
use super::server::{Server, Turn, modified};

/// A search of a connection.
pub struct Search {
    look: Option<Look>,
    looks: Looks,
    /// When the next look is taken.
    due: Moment,
    done: Option<Report>,
}

/// A look that is under way.
struct Look {
    /// Entries that are still to be examined, and whether there are others to be read.
    candidates: Vec<(String, Option<Kinship>)>,
    more_from: Option<String>,
    members: Vec<Member>,
    changes: u64,
    quiet: Duration,
}

impl Search {
    /// What a search has found; `None`: it is under way from now on. An answer is given once.
    pub fn ask(search: &mut Option<Search>, wanted: Wanted) -> Option<Report> {
        if let Some(Search {
            done: Some(report), ..
        }) = search
        {
            let report = report.clone();
            *search = None;
            return Some(report);
        }
        search.get_or_insert(Search {
            look: None,
            looks: Looks::new(wanted),
            due: Moment(0),
            done: None,
        });
        None
    }

    /// Goes on. True: it is over, and nobody has said so yet.
    pub fn go_on(&mut self, server: &Server, turn: &mut Turn<'_>) -> bool {
        if self.done.is_some() {
            return false;
        }
        let steps = match turn.calm {
            true => 200,
            false => (turn.choose)(12),
        };
        for _ in 0..steps {
            if self.step(server, turn) {
                return true;
            }
        }
        false
    }

    fn step(&mut self, server: &Server, turn: &mut Turn<'_>) -> bool {
        if turn.now < self.due {
            return false;
        }
        let Some(look) = &mut self.look else {
            self.look = Some(Look::begin(server, turn));
            return false;
        };
        let origin = &*turn.origin;
        if let Some((name, kinship)) = look.candidates.pop() {
            look.members.extend(member(origin, &name, kinship, server));
            return false;
        }
        if let Some(from) = look.more_from.take() {
            look.read(server, origin, |name| name >= from.as_str());
            return false;
        }
        let Look {
            mut members,
            changes,
            quiet,
            ..
        } = self.look.take().expect("a look");
        let current = member(origin, LOG, None, server).map(|member| Member {
            current: true,
            ..member
        });
        members.extend(current);
        let tags: Vec<_> = members.iter().map(|member| member.etag).collect();
        let history = &server.families.history;
        let seen = history.seen(LOG.as_bytes(), tags.into_iter());
        let torn = server.fault == Fault::SearchTornLooks;
        let quiet = match changes == origin.directory.changes {
            _ if torn => Duration::MAX,
            true => quiet,
            false => Duration::ZERO,
        };
        match self.looks.judge(Report::new(members, seen, quiet)) {
            Ok(report) => self.done = Some(report),
            Err(pause) => self.due = turn.now + pause,
        }
        self.done.is_some()
    }
}

impl Look {
    fn begin(server: &Server, turn: &mut Turn<'_>) -> Look {
        let directory = &turn.origin.directory;
        let age = Duration::from_millis(turn.now.0 - directory.changed_at);
        let mut look = Look {
            candidates: Vec::new(),
            more_from: None,
            members: Vec::new(),
            changes: directory.changes,
            quiet: match age > GENERATIONS_SETTLED {
                true => age,
                false => Duration::ZERO,
            },
        };
        // A directory is not read in one moment.
        let names: Vec<&String> = directory.names.keys().collect();
        let cut = match names.is_empty() || turn.calm {
            true => String::from("z"),
            false => names[(turn.choose)(names.len() as u64) as usize].clone(),
        };
        look.read(server, turn.origin, |name| name < cut.as_str());
        look.more_from = Some(cut);
        look
    }

    fn read(&mut self, server: &Server, origin: &Origin, is_meant: impl Fn(&str) -> bool) {
        let inodes = server.families.history.inodes(LOG.as_bytes());
        for (name, inode) in &origin.directory.names {
            let kinship = kinship(name.as_bytes(), LOG.as_bytes());
            let is_kin = kinship.is_some() || inodes.contains(&(*inode as u64));
            if is_meant(name) && name != LOG && is_kin {
                self.candidates.push((name.clone(), kinship));
            }
        }
    }
}

/// A file of the family, if it is there now.
fn member(
    origin: &Origin,
    name: &str,
    kinship: Option<Kinship>,
    server: &Server,
) -> Option<Member> {
    let inode = *origin.directory.names.get(name)?;
    let file = origin.content(inode);
    let mut kinship = kinship;
    if let Some(kinship) = &mut kinship {
        match (server.fault, &mut kinship.series) {
            (Fault::CompressedCounts, _) => kinship.compression = None,
            (Fault::ReverseNumbers, Series::Number(number)) => *number = 1000 - *number,
            (Fault::ReverseNumbers, Series::Date(stamp)) => stamp.seconds = -stamp.seconds,
            _ => {}
        }
    }
    Some(Member {
        path: name.as_bytes().into(),
        etag: origin.directory.tag(inode),
        size: file.bytes.len() as u64,
        modified: modified(origin.directory.inodes[inode].modified),
        sealed: file.sealed,
        kinship,
        copied: None,
        current: false,
    })
}
