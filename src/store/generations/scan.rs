//! One look at the directory of a name, for its generations. Bounded in memory: of the entries only those of the family are
//! kept. It may take long, so it runs in a thread of its own.

use std::collections::HashSet;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::{FileType, Mode, OFlags, RawDir};
use rustix::io::Errno;

use super::families::{Families, split};
use super::family::{Kinship, Series, kinship};
use super::moves::Moves;
use super::order::{Member, Modified};
use super::report::Report;
use crate::limits::{GENERATIONS_MAX, GENERATIONS_SETTLED};
use crate::sorted::sort_by_key;
use crate::store::attributes::{fresh, stat};
use crate::store::file_system::FileSystem;
use crate::store::root::Files;

/// Looks for generations below ROOT.
pub struct Scanner {
    files: Files,
    families: Families,
}

/// An entry that belongs to the family, or may.
struct Candidate {
    name: Box<[u8]>,
    kinship: Option<Kinship>,
}

/// Bytes of directory entries that are read at once.
const BUFFER: usize = 32 * 1024;

impl Scanner {
    /// Below this root.
    #[must_use]
    pub fn new(files: Files, families: Families) -> Scanner {
        Scanner { files, families }
    }

    /// Looks for the generations of a name.
    ///
    /// # Errors
    /// EACCES if the directory cannot be read, EMFILE and the like.
    pub fn look(&self, name: &[u8]) -> Result<Report, Errno> {
        let (directory, base) = split(name);
        let inodes = self.families.history.inodes(name);
        let mut members = Vec::new();
        let mut places = vec![self.open(directory, base)?];
        if let Some(old_dir) = &self.families.old_dir {
            match self.open(&[directory, old_dir, b"/"].concat(), base) {
                Ok(place) => places.push(place),
                // Nothing was moved there yet.
                Err(Errno::NOENT | Errno::NOTDIR | Errno::XDEV | Errno::LOOP) => {}
                Err(error) => return Err(error),
            }
        }
        for place in &places {
            for candidate in candidates(&place.readable, base, &inodes)? {
                members.extend(self.examine(place, candidate)?);
            }
        }
        members.extend(self.current(name, &places[0].moves)?);
        // Last, so that it shows what happened to one name while another one was examined.
        let mut quiet = Duration::MAX;
        for place in &places {
            quiet = quiet.min(place.quiet()?);
        }
        let seen = self
            .families
            .history
            .seen(name, members.iter().map(|member| member.etag));
        Ok(Report::new(members, seen, quiet))
    }

    /// Opens a directory, which is ROOT or ends with a slash, to look for the family of `base`.
    fn open(&self, directory: &[u8], base: &[u8]) -> Result<Place, Errno> {
        let path = self
            .files
            .resolve(directory.strip_suffix(b"/").unwrap_or_default())?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let readable = rustix::fs::openat(&path, ".", flags, Mode::empty())?;
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let modified = modified(readable.as_fd())?;
        let seconds = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        let age = i128::from(seconds - modified.0) * 1_000_000_000 + i128::from(now.subsec_nanos())
            - i128::from(modified.1);
        let shows = change_shows(modified, age, FileSystem::of(&readable).is_remote());
        let age = Duration::from_nanos(u64::try_from(age).unwrap_or(u64::MAX));
        Ok(Place {
            moves: Moves::of(readable.as_fd(), base),
            path,
            readable,
            prefix: directory.into(),
            modified,
            quiet: if shows { age } else { Duration::ZERO },
        })
    }

    /// `None` if it is no regular file, or gone.
    fn examine(&self, place: &Place, candidate: Candidate) -> Result<Option<Member>, Errno> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let name = &*candidate.name;
        let file = match rustix::fs::openat(&place.path, name, flags, Mode::empty()) {
            Ok(file) => file,
            // A list that silently lacks an entry would be wrong.
            Err(error @ (Errno::MFILE | Errno::NFILE | Errno::NOMEM)) => return Err(error),
            Err(_) => return Ok(None),
        };
        let path = [&place.prefix, name].concat();
        let Some(member) = self.member(file.as_fd(), path.into(), &place.moves)? else {
            return Ok(None);
        };
        let kinship = member.kinship.or(candidate.kinship);
        Ok(Some(Member { kinship, ..member }))
    }

    /// The file that has the name now.
    fn current(&self, name: &[u8], moves: &Moves) -> Result<Option<Member>, Errno> {
        let place = match self.files.resolve(name) {
            Ok(place) => place,
            Err(error @ (Errno::MFILE | Errno::NFILE | Errno::NOMEM)) => return Err(error),
            Err(_) => return Ok(None),
        };
        let member = self.member(place.as_fd(), name.into(), moves)?;
        Ok(member.map(|member| Member {
            current: true,
            ..member
        }))
    }

    /// With the kinship that it is to have, if it is about to move.
    fn member(
        &self,
        place: BorrowedFd<'_>,
        path: Box<[u8]>,
        moves: &Moves,
    ) -> Result<Option<Member>, Errno> {
        let stat = stat(place)?;
        if FileType::from_raw_mode(stat.stx_mode.into()) != FileType::RegularFile {
            return Ok(None);
        }
        let Some(etag) = self.files.tag(place, &stat) else {
            return Ok(None);
        };
        self.files.note_size(etag, stat.stx_size);
        let (_, name) = split(&path);
        Ok(Some(Member {
            kinship: moves.kinship(stat.stx_ino, name),
            copied: None,
            path,
            etag,
            size: stat.stx_size,
            modified: (stat.stx_mtime.tv_sec, stat.stx_mtime.tv_nsec),
            sealed: stat.stx_mode & 0o222 == 0,
            current: false,
        }))
    }
}

/// A directory that is looked into.
struct Place {
    path: OwnedFd,
    readable: OwnedFd,
    /// What precedes the names of its entries, below ROOT.
    prefix: Box<[u8]>,
    /// When it was changed last, before the look.
    modified: Modified,
    /// How long ago that was; zero: too short for another change to show.
    quiet: Duration,
    /// What a mirror has not finished there. It was read first: what a mirror begins later, a change shows.
    moves: Moves,
}

impl Place {
    /// How long nothing had happened in it when it was opened; zero: too short, or something has happened since.
    fn quiet(&self) -> Result<Duration, Errno> {
        let same = modified(self.readable.as_fd())? == self.modified;
        Ok(if same { self.quiet } else { Duration::ZERO })
    }
}

/// Whether another change of a directory gives it another time. The clock of a file system is coarse: what happened just before
/// a look may carry the same time as what happens in it. `age`: of the last change, in nanoseconds by the clock of this machine,
/// which differs from that of a server of files.
#[must_use]
pub fn change_shows(modified: Modified, age: i128, remote: bool) -> bool {
    let settled = i128::try_from(GENERATIONS_SETTLED.as_nanos()).unwrap_or(0);
    let whole_seconds = modified.1 == 0;
    match whole_seconds {
        false => age > settled,
        // MooseFS, for example; FAT counts by twos.
        true => !remote && age > settled + 2_000_000_000,
    }
}

fn modified(directory: BorrowedFd<'_>) -> Result<Modified, Errno> {
    let stat = fresh(directory)?;
    Ok((stat.stx_mtime.tv_sec, stat.stx_mtime.tv_nsec))
}

/// The entries with the names of earlier generations, and those of files that had the name or are copies of such.
fn candidates(
    directory: &OwnedFd,
    base: &[u8],
    inodes: &HashSet<u64>,
) -> Result<Vec<Candidate>, Errno> {
    let mut buffer = vec![MaybeUninit::uninit(); BUFFER];
    let mut entries = RawDir::new(directory, &mut buffer);
    let mut candidates = Vec::new();
    while let Some(entry) = entries.next() {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        let regular = matches!(entry.file_type(), FileType::RegularFile | FileType::Unknown);
        if !regular || name.starts_with(b".") || name == base {
            continue;
        }
        let kinship = kinship(name, base);
        if kinship.is_some() || inodes.contains(&entry.ino()) {
            let name = name.into();
            candidates.push(Candidate { name, kinship });
            if candidates.len() >= 2 * GENERATIONS_MAX {
                candidates = newest(candidates);
            }
        }
    }
    if candidates.len() > GENERATIONS_MAX {
        candidates = newest(candidates);
    }
    Ok(candidates)
}

/// The newest ones, as far as names tell.
fn newest(mut candidates: Vec<Candidate>) -> Vec<Candidate> {
    // Those of which the name tells nothing are few: they were seen.
    sort_by_key(&mut candidates, |candidate| {
        match candidate.kinship.map(|it| it.series) {
            None => (0, 0),
            Some(Series::Date(stamp)) => (1, -stamp.seconds),
            Some(Series::Number(number)) => (1, i64::from(number)),
        }
    });
    candidates.truncate(GENERATIONS_MAX);
    candidates
}
