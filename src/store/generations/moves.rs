//! The moves that a mirror has begun in a directory and has not finished. A roll of numbered files is many renames: a mirror that
//! is killed between two of them, or that waits for bytes, leaves a number without a file although nothing is gone. So it writes
//! down, beside the files, which name each of them is to have, before it renames the first one; and whoever looks for the
//! generations of a log counts a file as what it is to be.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};

use percent_encoding::{NON_ALPHANUMERIC, percent_decode, percent_encode};
use rustix::fd::BorrowedFd;
use rustix::fs::{FileType, Mode, OFlags, fstat, openat};

use super::family::{Kinship, Series, bases, kinship};
use crate::limits::{GENERATIONS_MAX, MOVES_LINE_MAX, MOVES_MAX};

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

impl Moves {
    /// Reads those of the family of `base` from a text, up to the first line that is none.
    ///
    /// # Errors
    /// Those of the reader.
    pub fn read(mut text: impl BufRead, base: &[u8]) -> io::Result<Moves> {
        let mut moves = Moves::default();
        let mut line = Vec::new();
        while moves.0.len() < GENERATIONS_MAX {
            line.clear();
            text.by_ref()
                .take(MOVES_LINE_MAX)
                .read_until(b'\n', &mut line)?;
            let Some(Move { inode, from, to }) = understand(&line) else {
                break;
            };
            if let Some(kinship) = number(&to, base) {
                moves.0.insert(inode, (from, kinship));
            }
        }
        Ok(moves)
    }

    /// Those of the family of `base` in a directory. What cannot be read counts as none: then names count as they are.
    #[must_use]
    pub fn of(directory: BorrowedFd<'_>, base: &[u8]) -> Moves {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let Ok(file) = openat(directory, MOVES, flags, Mode::empty()) else {
            return Moves::default();
        };
        let kind = fstat(&file).map(|found| FileType::from_raw_mode(found.st_mode));
        if kind != Ok(FileType::RegularFile) {
            return Moves::default();
        }
        let text = BufReader::new(File::from(file).take(MOVES_MAX));
        Moves::read(text, base).unwrap_or_default()
    }

    /// What a file is to be that has this inode number and still has this name.
    #[must_use]
    pub fn kinship(&self, inode: u64, name: &[u8]) -> Option<Kinship> {
        let (from, kinship) = self.0.get(&inode)?;
        (**from == *name).then_some(*kinship)
    }
}
