//! Files that have several names. The kernel tells of an open file only the name by which it was opened, also when that is
//! gone and others are left: a roll by `ln NAME NAME.1` and a rename over NAME takes that name away.

use std::mem::MaybeUninit;

use rustix::fs::{Mode, OFlags, RawDir};

use super::families::{Families, split};
use super::family::kinship;
use crate::limits::LINKS_ENTRIES_MAX;
use crate::store::file::OpenFile;
use crate::store::root::Files;

/// Bytes of directory entries that are read at once.
const BUFFER: usize = 32 * 1024;

/// A name below ROOT that an open file has now and by which it is a generation of `name`.
#[must_use]
pub fn name_in_family(
    files: &Files,
    families: &Families,
    name: &[u8],
    file: &OpenFile,
) -> Option<Vec<u8>> {
    let told = files.name_of(file);
    let belongs = |path: &Vec<u8>| families.has(name, path, file.tag());
    let links = || file.stat().map_or(0, |look| look.links);
    match told.filter(belongs) {
        None if links() > 0 => other_name(files, families, name, file),
        told => told,
    }
}

/// The first such name that the directories of the family list, if they are not too large to be read in between.
fn other_name(files: &Files, families: &Families, name: &[u8], file: &OpenFile) -> Option<Vec<u8>> {
    let (directory, base) = split(name);
    let old_dir = families.old_dir.as_ref();
    let old = old_dir.map(|old_dir| [directory, old_dir, b"/"].concat());
    let mut buffer = vec![MaybeUninit::uninit(); BUFFER];
    [Some(directory.to_vec()), old]
        .into_iter()
        .flatten()
        .find_map(|directory| {
            let place = files.resolve(directory.strip_suffix(b"/").unwrap_or_default());
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
            let listed = rustix::fs::openat(place.ok()?, ".", flags, Mode::empty()).ok()?;
            let mut entries = RawDir::new(&listed, &mut buffer);
            for _ in 0..LINKS_ENTRIES_MAX {
                let entry = entries.next()?.ok()?;
                let own = entry.file_name().to_bytes();
                // Some file systems list other numbers than files have.
                if entry.ino() != file.id().inode() && kinship(own, base).is_none() {
                    continue;
                }
                let path = [&directory, own].concat();
                let is_it = || files.identify(&path).is_ok_and(|id| id == file.id());
                if families.has(name, &path, file.tag()) && is_it() {
                    return Some(path);
                }
            }
            None
        })
}
