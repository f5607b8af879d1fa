//! What a mirror writes down before it renames numbered files, so that a server of the copy misses none of them while it is not
//! done. See [`crate::store::generations::moves`].

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::engine::Engine;
use super::place::remove_empty;
use super::plan::{Listed, Step};
use super::room::{NEW, is_of_moves};
use super::stage::Stage;
use super::steps::is_of_a_name;
use super::tree::{Tree, is_absent};
use crate::store::generations::families::split;
use crate::store::generations::moves::{MOVES, Move, is_numbered, write};
use crate::time::Moment;

/// The moves of the files of each directory.
type Moves<'a> = BTreeMap<&'a [u8], Vec<Move>>;

impl Engine {
    /// The name that a file has at the origin now.
    pub(super) fn path_of<'a>(&'a self, file: &'a Listed) -> &'a [u8] {
        let paths = &mut self.listing.paths.iter();
        let path = paths.find(|(etag, _)| *etag == file.etag);
        path.map_or(&file.name, |(_, name)| name)
    }

    /// Takes the steps towards a stage. True if something was done, so that more may be possible.
    pub(super) fn move_on(
        &mut self,
        stage: &Stage,
        steps: &[Step],
        now: Moment,
    ) -> io::Result<bool> {
        self.tree.begin_moves(&stage.files, steps)?;
        let more = self.take_steps(steps, now)?;
        if !more && stage.doubtful.is_empty() {
            self.tree.end_moves(&stage.files);
        }
        Ok(more)
    }
}

impl Tree {
    /// Moves that a mirror before this one has left.
    pub(super) fn note_moves<'a>(&mut self, names: impl Iterator<Item = &'a [u8]>) {
        for name in names {
            if is_of_moves(name) {
                self.moving.insert(split(name).0.into());
            }
        }
    }

    /// Which files are to have other numbers, whether that is possible yet or not.
    fn moves(&self, wanted: &[Listed]) -> Moves<'_> {
        let mut moves = Moves::new();
        for file in wanted {
            let Some(copy) = self.copies.get(&file.etag) else {
                continue;
            };
            let (Some(inode), (directory, from), (_, to)) =
                (copy.inode, split(&copy.name), split(&file.name))
            else {
                continue;
            };
            if copy.name != file.name && is_numbered(to) {
                moves.entry(directory).or_default().push(Move {
                    inode,
                    from: from.into(),
                    to: to.into(),
                });
            }
        }
        moves
    }

    /// Writes down which files are to have other numbers, if these steps rename some of several.
    ///
    /// # Errors
    /// ENOSPC and the like.
    fn begin_moves(&mut self, wanted: &[Listed], steps: &[Step]) -> io::Result<()> {
        if !steps.iter().any(|step| matches!(step, Step::Rename(..))) {
            return Ok(());
        }
        let moves = self.moves(wanted);
        // One file alone leaves no number between others.
        if moves.values().map(Vec::len).sum::<usize>() < 2 {
            return Ok(());
        }
        let mut begun = Vec::new();
        for (directory, moves) in moves {
            match self.write_moves(directory, &write(&moves)) {
                Ok(()) => begun.push(Box::from(directory)),
                // Then its files cannot be renamed either.
                Err(error) if is_absent(&error) || is_of_a_name(&error) => {}
                Err(error) => return Err(error),
            }
        }
        for directory in begun {
            self.moving.insert(directory);
        }
        Ok(())
    }

    fn write_moves(&self, directory: &[u8], text: &[u8]) -> io::Result<()> {
        let place = self.place(&[directory, MOVES.as_bytes()].concat())?;
        let new = place.beside(NEW)?;
        new.remove()?;
        let mut file = new.open(true)?;
        file.write_all(text)?;
        // On the disk before any file has another name.
        file.sync_data()?;
        new.rename_over(&place)
    }

    /// Removes what is written down of directories where every file has its number.
    fn end_moves(&mut self, wanted: &[Listed]) {
        let moves = self.moves(wanted);
        let done = self.moving.iter();
        let done = done.filter(|directory| !moves.contains_key(&***directory));
        let done: Vec<Box<[u8]>> = done.cloned().collect();
        for directory in done {
            let name = [&directory, MOVES.as_bytes()].concat();
            let removed = self.place(&name).and_then(|place| {
                place.beside(NEW)?.remove()?;
                place.remove()
            });
            if removed.is_ok() || removed.is_err_and(|error| is_absent(&error)) {
                self.moving.remove(&directory);
                remove_empty(&self.directory, &name);
            }
        }
    }
}
