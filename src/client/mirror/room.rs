//! Which names have no room beside each other: a file cannot have the name of a directory that another one is in. Pure.

use std::collections::BTreeMap;
use std::ops::Bound;

use crate::store::generations::families::split;
use crate::store::generations::moves::MOVES;

/// The file of moves before it has its name.
pub(super) const NEW: &str = ".openrange-moves.new";

/// Of these names, those that have no room beside this one: the same name, files where its directories are to be, and those
/// that are below it.
#[must_use]
pub fn names_in_the_way<'a, T>(names: &'a BTreeMap<Box<[u8]>, T>, name: &[u8]) -> Vec<&'a [u8]> {
    let above = directories(name).chain([name]);
    let above = above.filter_map(|name| names.get_key_value(name));
    let prefix = [name, b"/"].concat();
    let from = (Bound::Included(&prefix[..]), Bound::Unbounded);
    let below = names.range::<[u8], _>(from);
    let below = below.take_while(|(name, _)| name.starts_with(&prefix));
    above.chain(below).map(|(name, _)| &**name).collect()
}

/// What the names stand for that have no room beside this one.
#[must_use]
pub fn in_the_way<T: Copy>(names: &BTreeMap<Box<[u8]>, T>, name: &[u8]) -> Vec<T> {
    let found = names_in_the_way(names, name).into_iter();
    found.filter_map(|name| names.get(name).copied()).collect()
}

/// The directories on the way to a name, the outermost one first.
pub(super) fn directories(name: &[u8]) -> impl Iterator<Item = &[u8]> {
    let slashes = name.iter().enumerate().filter(|(_, byte)| **byte == b'/');
    slashes.map(|(index, _)| &name[..index])
}

/// Whether a file is one in which moves are written down: a directory that has no other file gives way.
pub(super) fn is_of_moves(name: &[u8]) -> bool {
    [MOVES, NEW].map(str::as_bytes).contains(&split(name).1)
}
