//! A disk that forgets: of what was asked of it, it keeps what was synchronised, and of the rest whatever it likes: of each
//! file some more bytes, its mode or not, and of the calls that change names the first ones, since every journal keeps their
//! order and has each of them as a whole or not at all.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::trace::{DIRECTORIES, Inode, Step, Sync};

/// The page cache has no smaller pages; a kill ends a write(2) between two of them.
const PAGE: usize = 4096;

/// What a file that is created gets.
const MODE: u32 = 0o644;

#[derive(Debug, Clone)]
pub struct File {
    pub bytes: Vec<u8>,
    pub mode: u32,
    /// So many bytes are on disk.
    durable: usize,
    durable_mode: u32,
    /// The kernel could not write it once. What was lost then stays lost, whatever later calls say.
    broken: bool,
}

impl File {
    /// One that is on disk.
    pub fn on_disk(bytes: Vec<u8>, mode: u32) -> File {
        File {
            durable: bytes.len(),
            durable_mode: mode,
            bytes,
            mode,
            broken: false,
        }
    }
}

/// One name that gets another file, or none.
#[derive(Clone)]
struct Change {
    /// Those of one call have the same number.
    call: usize,
    name: String,
    inode: Option<Inode>,
    durable: bool,
}

/// What a sync that is under way has before it.
enum Snapshot {
    File(Inode, usize, Option<u32>),
    Names(usize, usize),
}

/// A file that is there after a crash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survivor {
    pub inode: Inode,
    pub bytes: Vec<u8>,
    pub mode: u32,
}

pub type Survivors = BTreeMap<String, Survivor>;

pub struct Disk {
    files: Vec<File>,
    changes: Vec<Change>,
    syncs: HashMap<usize, Snapshot>,
}

impl Disk {
    /// With these files, which are on disk.
    pub fn new(initial: &BTreeMap<String, Inode>, files: Vec<File>) -> Disk {
        let changes = initial.iter().map(|(name, inode)| Change {
            call: 0,
            name: name.clone(),
            inode: Some(*inode),
            durable: true,
        });
        Disk {
            changes: changes.collect(),
            files,
            syncs: HashMap::new(),
        }
    }

    pub fn step(&mut self, step: &Step) {
        match step {
            Step::Asked(_) | Step::Answered { .. } => {}
            Step::Write(inode, bytes) => self.file(*inode).bytes.extend_from_slice(bytes),
            Step::Mode(inode, mode) => self.file(*inode).mode = *mode,
            Step::Names(changes) => {
                for inode in changes.iter().filter_map(|(_, inode)| *inode) {
                    self.file(inode);
                }
                let call = self.changes.last().map_or(0, |change| change.call) + 1;
                let changes = changes.iter().map(|(name, inode)| Change {
                    call,
                    name: name.clone(),
                    inode: *inode,
                    durable: false,
                });
                self.changes.extend(changes);
            }
            Step::SyncStart(call, what) => {
                let snapshot = match what {
                    Sync::Names(directory) => Snapshot::Names(*directory, self.changes.len()),
                    Sync::Data(inode) => {
                        Snapshot::File(*inode, self.file(*inode).bytes.len(), None)
                    }
                    Sync::File(inode) => {
                        let file = self.file(*inode);
                        Snapshot::File(*inode, file.bytes.len(), Some(file.mode))
                    }
                };
                self.syncs.insert(*call, snapshot);
            }
            Step::SyncEnd(call, success) => {
                if let Some(snapshot) = self.syncs.remove(call) {
                    self.synced(&snapshot, *success);
                }
            }
        }
    }

    fn synced(&mut self, snapshot: &Snapshot, success: bool) {
        match snapshot {
            Snapshot::File(inode, length, mode) => {
                let file = self.file(*inode);
                file.broken |= !success;
                if !file.broken {
                    file.durable = file.durable.max(*length);
                    file.durable_mode = mode.unwrap_or(file.durable_mode);
                }
            }
            Snapshot::Names(directory, count) if success => {
                let directory = DIRECTORIES[*directory];
                let here = |change: &&Change| parent(&change.name) == directory;
                let before = self.changes[..*count]
                    .iter()
                    .filter(|change| !change.durable);
                let calls: BTreeSet<usize> = before.filter(here).map(|c| c.call).collect();
                for change in self.changes.iter_mut().filter(|change| !change.durable) {
                    change.durable = calls.contains(&change.call);
                }
            }
            Snapshot::Names(..) => {}
        }
    }

    /// A kill has ended a write between two pages, if it can.
    pub fn cut(&mut self, step: &Step, choose: &mut dyn FnMut(usize) -> usize) -> bool {
        let Step::Write(inode, bytes) = step else {
            return false;
        };
        let file = self.file(*inode);
        let first = PAGE - file.bytes.len() % PAGE;
        if first >= bytes.len() {
            return false;
        }
        let pages = (bytes.len() - first).div_ceil(PAGE);
        let count = first + choose(pages) * PAGE;
        file.bytes.extend_from_slice(&bytes[..count]);
        true
    }

    /// The process has died: all that was done is done.
    pub fn process(&self) -> Survivors {
        let extent = |inode: Inode| (self.files[inode].bytes.len(), self.files[inode].mode);
        self.survivors(|_| true, extent)
    }

    /// The machine has.
    pub fn power(&self, choose: &mut dyn FnMut(usize) -> usize) -> Survivors {
        let calls = self.changes.last().map_or(0, |change| change.call) + 1;
        let until = [0, choose(calls + 1), calls][choose(3)];
        let mut extents = Vec::new();
        for file in &self.files {
            let rest = file.bytes.len() - file.durable;
            let more = [0, choose(rest + 1), rest][choose(3)];
            let mode = [file.mode, file.durable_mode][choose(2)];
            extents.push((file.durable + more, mode));
        }
        self.survivors(
            |change| change.durable || change.call < until,
            |inode| extents[inode],
        )
    }

    fn survivors(
        &self,
        keeps: impl Fn(&Change) -> bool,
        extent: impl Fn(Inode) -> (usize, u32),
    ) -> Survivors {
        let mut names: BTreeMap<&str, Inode> = BTreeMap::new();
        for change in self.changes.iter().filter(|change| keeps(change)) {
            match change.inode {
                Some(inode) => names.insert(&change.name, inode),
                None => names.remove(&*change.name),
            };
        }
        let survivor = |(name, inode): (&str, Inode)| {
            let (length, mode) = extent(inode);
            let bytes = self.files[inode].bytes[..length].to_vec();
            (name.to_owned(), Survivor { inode, bytes, mode })
        };
        names.into_iter().map(survivor).collect()
    }

    fn file(&mut self, inode: Inode) -> &mut File {
        while self.files.len() <= inode {
            self.files.push(File::on_disk(Vec::new(), MODE));
        }
        &mut self.files[inode]
    }
}

fn parent(name: &str) -> &str {
    name.rsplit_once('/').map_or("", |(parent, _)| parent)
}
