//! The moves that a mirror has begun in a directory and has not finished. A roll of numbered files is many renames: a mirror that
//! is killed between two of them, or that waits for bytes, leaves a number without a file although nothing is gone. So it writes
//! down, beside the files, which name each of them is to have, before it renames the first one; and whoever looks for the
//! generations of a log counts a file as what it is to be.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};

use percent_encoding::{NON_ALPHANUMERIC, percent_decode, percent_encode};
use rustix::fd::BorrowedFd;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, fstat, openat, statat};

use super::family::{Kinship, Series, bases, kinship};
use crate::limits::{GENERATIONS_MAX, MOVES_LINE_MAX, MOVES_MAX};
use crate::subscription::entry::Renaming;

/// The name of the file in which they are.
pub const MOVES: &str = ".openrange-moves";

/// A file that is to have another name in its directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    /// The inode number of the file.
    pub inode: u64,
    /// The name that it had.
    pub from: Box<[u8]>,
    /// The name that it is to have.
    pub to: Box<[u8]>,
}

/// What files of one family are to be.
#[derive(Debug, Default)]
pub struct Moves(HashMap<u64, (Box<[u8]>, Kinship)>);

/// Whether this is the name of a numbered generation of whatever log.
#[must_use]
pub fn is_numbered(name: &[u8]) -> bool {
    bases(name).any(|base| number(name, &base).is_some())
}

fn number(name: &[u8], base: &[u8]) -> Option<Kinship> {
    kinship(name, base).filter(|kinship| matches!(kinship.series, Series::Number(_)))
}

/// The text of some moves.
#[must_use]
pub fn write(moves: &[Move]) -> Vec<u8> {
    let line = |it: &Move| {
        let [from, to] = [&it.from, &it.to].map(|name| percent_encode(name, NON_ALPHANUMERIC));
        format!("{} {from} {to}\n", it.inode)
    };
    moves.iter().map(line).collect::<String>().into_bytes()
}

fn understand(line: &[u8]) -> Option<Move> {
    let mut words = line.strip_suffix(b"\n")?.split(|&byte| byte == b' ');
    let inode = str::from_utf8(words.next()?).ok()?.parse().ok()?;
    let mut name = || Some(percent_decode(words.next()?).collect());
    let (from, to) = (name()?, name()?);
    words.next().is_none().then_some(Move { inode, from, to })
}

/// Reads moves, up to the first line that is none, for as long as `more` of them are wanted.
///
/// # Errors
/// Those of the reader.
fn read(mut text: impl BufRead, mut more: impl FnMut(Move) -> bool) -> io::Result<()> {
    let mut line = Vec::new();
    loop {
        line.clear();
        let mut limited = text.by_ref().take(MOVES_LINE_MAX);
        limited.read_until(b'\n', &mut line)?;
        if !understand(&line).is_some_and(&mut more) {
            return Ok(());
        }
    }
}

/// The moves in a directory; `None` if there are none that can be read: then names count as they are.
fn open(directory: BorrowedFd<'_>) -> Option<impl BufRead> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = openat(directory, MOVES, flags, Mode::empty()).ok()?;
    let kind = FileType::from_raw_mode(fstat(&file).ok()?.st_mode);
    let text = || BufReader::new(File::from(file).take(MOVES_MAX));
    (kind == FileType::RegularFile).then(text)
}

/// Those of the files with names that `fit` in a directory that are not done.
#[must_use]
pub fn pending(directory: BorrowedFd<'_>, fits: impl Fn(&[u8]) -> bool) -> Vec<Renaming> {
    let mut moves = Vec::new();
    let Some(text) = open(directory) else {
        return moves;
    };
    let is_there = |it: &Move| {
        let found = statat(directory, &*it.from, AtFlags::SYMLINK_NOFOLLOW);
        found.is_ok_and(|found| found.st_ino == it.inode)
    };
    // What cannot be read counts as none.
    let _ = read(text, |it| {
        if fits(&it.from) && is_there(&it) {
            let Move { from, to, .. } = it;
            moves.push(Renaming { from, to });
        }
        moves.len() < GENERATIONS_MAX
    });
    moves
}

impl Moves {
    /// Those of the family of `base` in a directory.
    #[must_use]
    pub fn of(directory: BorrowedFd<'_>, base: &[u8]) -> Moves {
        let mut moves = HashMap::new();
        if let Some(text) = open(directory) {
            // What cannot be read counts as none.
            let _ = read(text, |Move { inode, from, to }| {
                if let Some(kinship) = number(&to, base) {
                    moves.insert(inode, (from, kinship));
                }
                moves.len() < GENERATIONS_MAX
            });
        }
        Moves(moves)
    }

    /// What a file is to be that has this inode number and still has this name.
    #[must_use]
    pub fn kinship(&self, inode: u64, name: &[u8]) -> Option<Kinship> {
        let (from, kinship) = self.0.get(&inode)?;
        (**from == *name).then_some(*kinship)
    }
}
