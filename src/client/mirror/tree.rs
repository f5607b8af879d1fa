//! The copies: files in the directory of the mirror, and the records that say which of its files are copies.
//!
//! A copy is known by its inode, so that a crash between a rename and the record of it loses nothing. Its length is the
//! position: how much of the file is here is stored nowhere else.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, FlockOperation};
use rustix::io::Errno;

use super::place::{Place, directories_below};
use super::plan::{Local, Step};
use super::room::{directories, is_of_moves};
use super::tags::tag_of_file;
use crate::client::state_file::Unusable;
use crate::http::conditional::ETag;
use crate::http::position::{CHECKED, Check, checked_from};
use crate::sorted::{SortedMap, SortedSet};

/// The file that has the records.
pub(super) const RECORDS: &str = ".openrange-mirror";

/// The copies.
pub struct Tree {
    pub(super) directory: PathBuf,
    pub(super) url: String,
    pub(super) copies: SortedMap<ETag, Copy>,
    /// Copies in directories that cannot be read: their records stay.
    pub(super) out_of_reach: SortedMap<ETag, Copy>,
    /// Copies that a connection appends to.
    pub under_way: SortedSet<ETag>,
    /// Names of which this system does not let a mirror make or move anything.
    pub(super) barred: SortedSet<Box<[u8]>>,
    /// Directories where it is written which files are to have other names.
    pub(super) moving: SortedSet<Box<[u8]>>,
    /// The generation that had the name when a mirror of one file saw it last, unless all of it is here.
    pub live: Option<ETag>,
    /// Held until the end. `None`: the directory is not used yet.
    pub(super) lock: Option<File>,
    /// Lines to be shown.
    pub reports: Vec<String>,
}

#[derive(Debug, Clone)]
pub(super) struct Copy {
    /// The name that counts.
    pub name: Box<[u8]>,
    /// Others.
    pub further: Vec<Box<[u8]>>,
    /// `None`: about to be made.
    pub inode: Option<u64>,
    /// It has its tag in an attribute. A file with the same inode number and without the tag is somebody else's.
    pub tagged: bool,
    pub size: u64,
    pub sealed: bool,
}

impl Copy {
    /// Whether a file that has its inode number is the copy, by the tag in the attribute of that file.
    pub fn has_tag(&self, found: Option<ETag>, etag: ETag) -> bool {
        match self.tagged {
            true => found == Some(etag),
            false => found.is_none_or(|tag| tag == etag),
        }
    }

    /// All of its names.
    pub fn names(&self) -> impl Iterator<Item = &[u8]> {
        let further = self.further.iter().map(|name| &**name);
        std::iter::once(&*self.name).chain(further)
    }
}

impl Tree {
    /// The copies in a directory, if it is a mirror already; a new one is made by [`Tree::establish`].
    ///
    /// # Errors
    /// See [`Unusable`].
    pub fn open(directory: &Path, url: &str) -> Result<Tree, Unusable> {
        let mut tree = Tree {
            directory: directory.to_owned(),
            url: url.into(),
            copies: SortedMap::new(),
            out_of_reach: SortedMap::new(),
            under_way: SortedSet::new(),
            barred: SortedSet::new(),
            moving: SortedSet::new(),
            live: None,
            lock: None,
            reports: Vec::new(),
        };
        match fs::metadata(directory) {
            Ok(found) if !found.is_dir() => {
                let directory = directory.display();
                Err(Unusable::Failed(format!("{directory} is not a directory")))
            }
            _ if directory.join(RECORDS).exists() => tree.establish().map(|()| tree),
            _ => Ok(tree),
        }
    }

    /// Locks the directory, which is made if need be, and reads which of its files are copies. A mirror of what is not there
    /// leaves no trace: this is for those that have had an answer.
    ///
    /// # Errors
    /// See [`Unusable`].
    pub fn establish(&mut self) -> Result<(), Unusable> {
        if self.lock.is_some() {
            return Ok(());
        }
        let directory = self.directory.clone();
        let named =
            |error: io::Error| Unusable::Failed(format!("{}: {error}", directory.display()));
        fs::create_dir_all(&directory).map_err(named)?;
        let lock = directory.join(format!("{RECORDS}.lock"));
        let lock = OpenOptions::new()
            .create(true)
            .append(true)
            .open(lock)
            .map_err(named)?;
        match rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => return Err(Unusable::Locked),
            Err(error) => return Err(named(error.into())),
        }
        match fs::read(directory.join(RECORDS)) {
            Ok(text) => self.understand(&text)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(named(error)),
        }
        self.find_copies().map_err(named)?;
        self.lock = Some(lock);
        self.save().map_err(named)
    }

    /// The copies.
    #[must_use]
    pub fn locals(&self) -> Vec<Local> {
        let local = |(etag, copy): &(ETag, Copy)| Local {
            name: copy.name.clone(),
            further: copy.further.clone(),
            etag: *etag,
            size: copy.size,
            sealed: copy.sealed,
        };
        self.copies.iter().map(local).collect()
    }

    /// How much of a file is here.
    #[must_use]
    pub fn size(&self, etag: ETag) -> Option<u64> {
        self.copies.get(&etag).map(|copy| copy.size)
    }

    /// Whether nobody may write the copy: its file is sealed, and all of it is here.
    #[must_use]
    pub fn is_sealed(&self, etag: ETag) -> bool {
        self.copies.get(&etag).is_some_and(|copy| copy.sealed)
    }

    /// The name of a copy, for people.
    #[must_use]
    pub fn name(&self, etag: ETag) -> String {
        let name = self.copies.get(&etag).map_or(&b""[..], |copy| &copy.name);
        String::from_utf8_lossy(name).into_owned()
    }

    /// Whether a copy has this name.
    #[must_use]
    pub fn has_the_name(&self, etag: ETag, name: &[u8]) -> bool {
        let copy = self.copies.get(&etag);
        copy.is_some_and(|copy| *copy.name == *name)
    }

    /// Tells of a name whether something that is no copy is in its way, or may be: it cannot be looked at.
    pub fn foreign(&self) -> impl Fn(&[u8]) -> bool {
        let names = self.copies.values().flat_map(Copy::names);
        let ours: SortedSet<&[u8]> = names.collect();
        move |name| !ours.contains(name) && (self.barred.contains(name) || self.taken(name, &ours))
    }

    /// Directories are there for the copies that they have, and copies may move.
    fn taken(&self, name: &[u8], ours: &SortedSet<&[u8]>) -> bool {
        match self.kind(name) {
            Ok(FileType::Directory) => {
                let mut known = |file: &[u8]| ours.contains(file) || is_of_moves(file);
                let below = directories_below(&self.directory, name, &mut known);
                !matches!(below, Ok(Some(_)))
            }
            Ok(_) => true,
            Err(error) => match Errno::from_io_error(&error) {
                Some(Errno::NOTDIR) => !directories(name).any(|above| ours.contains(above)),
                other => other == Some(Errno::ACCESS),
            },
        }
    }

    /// Why there is no place for a name, for people.
    #[must_use]
    pub fn why_refused(&self, name: &[u8]) -> String {
        let is_in_the_way = |above: &&[u8]| {
            let kind = self.kind(above);
            kind.is_ok_and(|kind| kind != FileType::Directory)
        };
        let above = directories(name).find(is_in_the_way);
        let is_directory = matches!(self.kind(name), Ok(FileType::Directory));
        let [name, above] =
            [Some(name), above].map(|it| String::from_utf8_lossy(it.unwrap_or_default()));
        match (&*above, is_directory) {
            ("", true) => {
                format!("{name} is a directory with files that are no copies: it is left alone")
            }
            ("", false) => format!("{name} exists already and is not a copy: it is left alone"),
            _ => format!(
                "{above} exists already and is not a copy: it is left alone, and {name} is left out"
            ),
        }
    }

    /// What is there; a link counts as such.
    fn kind(&self, name: &[u8]) -> io::Result<FileType> {
        let found = self.place(name)?.stat()?;
        Ok(FileType::from_raw_mode(found.st_mode))
    }

    /// Whether there is a copy of this file in a directory that cannot be read.
    #[must_use]
    pub fn is_out_of_reach(&self, etag: ETag) -> bool {
        self.out_of_reach.contains_key(&etag)
    }

    /// What was not possible may be possible by now.
    pub fn forget_barred(&mut self) {
        self.barred = SortedSet::new();
    }

    pub(super) fn place(&self, name: &[u8]) -> io::Result<Place> {
        Place::find(&self.directory, name, false)
    }

    /// With the directories on the way; `None`: something else is in the way.
    pub(super) fn make_place(&self, name: &[u8]) -> io::Result<Option<Place>> {
        match Place::find(&self.directory, name, true) {
            Ok(place) => Ok(Some(place)),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Says in the records which files and names are about to be made.
    ///
    /// # Errors
    /// See [`Tree::save`].
    pub fn announce(&mut self, steps: &[Step]) -> io::Result<()> {
        let before = self.copies.len();
        self.copies.extend(steps.iter().filter_map(|step| {
            let Step::Create(etag, name) = step else {
                return None;
            };
            let copy = Copy {
                name: name.clone(),
                further: Vec::new(),
                inode: None,
                tagged: false,
                size: 0,
                sealed: false,
            };
            Some((*etag, copy))
        }));
        let mut linked = false;
        for step in steps {
            if let Step::Link(etag, name) | Step::Relink(etag, _, name) = step
                && let Some(copy) = self.copies.get_mut(etag)
            {
                copy.further.push(name.clone());
                linked = true;
            }
        }
        if linked || self.copies.len() > before {
            self.save()
        } else {
            Ok(())
        }
    }

    /// Opens a copy to append to it; `None` if it is not there any more. One that is sealed is no longer, as it lacks bytes.
    ///
    /// # Errors
    /// EACCES and the like.
    pub fn append_to(&mut self, etag: ETag) -> io::Result<Option<File>> {
        if self.is_sealed(etag) && !self.seal(etag, false)? {
            return Ok(None);
        }
        self.open_copy(etag, |place| place.open(false))
    }

    /// Opens a copy to compare it with its file: also one that nobody may write. `None` if it is not there any more.
    ///
    /// # Errors
    /// EACCES and the like.
    pub fn open_to_compare(&mut self, etag: ETag) -> io::Result<Option<File>> {
        self.open_copy(etag, Place::open_to_read)
    }

    fn open_copy(
        &mut self,
        etag: ETag,
        open: impl FnOnce(&Place) -> io::Result<File>,
    ) -> io::Result<Option<File>> {
        let Some(copy) = self.copies.get(&etag) else {
            return Ok(None);
        };
        let file = match self.place(&copy.name).and_then(|place| open(&place)) {
            Ok(file) => file,
            Err(error) if is_absent(&error) => {
                self.name_is_gone(etag);
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let found = file.metadata()?;
        if Some(found.ino()) != copy.inode || !copy.has_tag(tag_of_file(&file), etag) {
            // Somebody has put another file there.
            self.name_is_gone(etag);
            return Ok(None);
        }
        if let Some(copy) = self.copies.get_mut(&etag) {
            copy.size = found.len();
        }
        Ok(Some(file))
    }

    /// Opens a copy to bring it to the disk: also one that nobody may write. `None` if it is not there any more.
    ///
    /// # Errors
    /// EACCES and the like.
    pub fn open_to_flush(&self, etag: ETag) -> io::Result<Option<File>> {
        let Some(copy) = self.copies.get(&etag) else {
            return Ok(None);
        };
        let place = self.place_of(etag, copy)?;
        place.map(|place| place.open_to_read()).transpose()
    }

    /// Bytes were appended.
    pub fn grown(&mut self, etag: ETag, count: u64) {
        if let Some(copy) = self.copies.get_mut(&etag) {
            copy.size += count;
        }
    }

    /// Begins a copy again, since the origin was truncated.
    ///
    /// # Errors
    /// EACCES and the like.
    pub fn truncate(&mut self, etag: ETag) -> io::Result<()> {
        if let Some(file) = self.append_to(etag)? {
            file.set_len(0)?;
            if let Some(copy) = self.copies.get_mut(&etag) {
                copy.size = 0;
            }
        }
        Ok(())
    }
}

/// Whether a copy is not there any more: its name leads to nothing, or through a link that somebody has put there.
pub(super) fn is_absent(error: &io::Error) -> bool {
    matches!(
        Errno::from_io_error(error),
        Some(Errno::NOENT | Errno::NOTDIR | Errno::LOOP)
    )
}

/// Of the bytes that a copy has before an offset; `None`: there are none, or they cannot be read.
#[must_use]
pub fn check_before(copy: &File, offset: u64) -> Option<Check> {
    let from = checked_from(offset);
    let mut bytes = [0; CHECKED];
    let bytes = &mut bytes[..(offset - from) as usize];
    copy.read_exact_at(bytes, from).ok()?;
    (offset > 0).then(|| Check::of(bytes))
}
