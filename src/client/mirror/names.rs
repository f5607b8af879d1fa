//! The further names of the copies: hard links.

use std::io;

use super::links::is_generation;
use super::place::remove_empty;
use super::plan::{Links, Listed, Step};
use super::tree::Tree;
use crate::http::conditional::ETag;

impl Tree {
    /// Of copies with several names, those come first that the plan moves: the one that the copy is to have, or else the log of
    /// which that is an earlier generation. True if some others do now.
    pub(super) fn put_first(&mut self, wanted: &[Listed], links: &Links<'_>) -> bool {
        let mut changed = false;
        for file in wanted {
            let Some(copy) = self.copies.get_mut(&file.etag) else {
                continue;
            };
            if copy.further.is_empty() || copy.name == file.name {
                continue;
            }
            let lost = |name: &[u8]| links.has_lost(file.etag, name);
            let is_log = |name: &[u8]| lost(name) && is_generation(&file.name, name);
            let mut names = copy.further.iter();
            let has = names.position(|name| *name == file.name);
            let first = has.or_else(|| {
                let passes_on = lost(&copy.name) && !is_log(&copy.name);
                let mut names = copy.further.iter();
                names.position(|name| passes_on && is_log(name))
            });
            if let Some(first) = first {
                std::mem::swap(&mut copy.name, &mut copy.further[first]);
                changed = true;
            }
        }
        changed
    }

    /// Whether a copy has names that its file has no more.
    pub(super) fn has_lost_names(&self, etag: ETag, links: &Links<'_>) -> bool {
        let copy = self.copies.get(&etag);
        copy.is_some_and(|copy| copy.further.iter().any(|name| links.has_lost(etag, name)))
    }

    /// The name that counts leads to something else, or to nothing, by whomever: another one counts, or there is no copy any
    /// more.
    pub(super) fn name_is_gone(&mut self, etag: ETag) {
        let Some(copy) = self.copies.get(&etag) else {
            return;
        };
        let is_there = |name: &[u8]| matches!(self.place_of_name(etag, copy, name), Ok(Some(_)));
        let names = copy.further.iter().filter(|name| is_there(name));
        let mut names: Vec<Box<[u8]>> = names.cloned().collect();
        if names.is_empty() {
            self.copies.remove(&etag);
        } else if let Some(copy) = self.copies.get_mut(&etag) {
            copy.name = names.remove(0);
            copy.further = names;
        }
    }

    /// Takes all further names from a copy.
    pub(super) fn remove_further(&mut self, etag: ETag) -> io::Result<()> {
        let copy = self.copies.get(&etag);
        let names = copy.map_or(Vec::new(), |copy| copy.further.clone());
        for name in names {
            self.unlink(etag, &name)?;
        }
        Ok(())
    }

    /// Does a step that changes a further name.
    pub(super) fn change_further(&mut self, step: &Step) -> io::Result<bool> {
        match step {
            Step::Link(etag, name) => {
                let made = self.link(*etag, name);
                self.keep_if(*etag, name, made)
            }
            Step::Relink(etag, from, to) => {
                let made = self.relink(*etag, from, to);
                self.keep_if(*etag, to, made)
            }
            Step::Unlink(etag, name) => {
                // The name that counts is the one that keeps the bytes.
                let copy = self.copies.get(etag);
                let first = copy.map(|copy| self.place_of(*etag, copy)).transpose()?;
                if matches!(first, Some(None)) {
                    self.name_is_gone(*etag);
                    return Ok(false);
                }
                self.unlink(*etag, name).map(|()| true)
            }
            _ => Ok(true),
        }
    }

    /// It was announced, but was not made.
    fn keep_if(&mut self, etag: ETag, name: &[u8], made: io::Result<bool>) -> io::Result<bool> {
        if !matches!(made, Ok(true)) {
            self.forget_further(etag, name);
        }
        made
    }

    fn forget_further(&mut self, etag: ETag, name: &[u8]) {
        if let Some(copy) = self.copies.get_mut(&etag) {
            copy.further.retain(|other| **other != *name);
        }
    }

    fn link(&mut self, etag: ETag, name: &[u8]) -> io::Result<bool> {
        let Some(copy) = self.copies.get(&etag) else {
            return Ok(false);
        };
        let Some(from) = self.place_of(etag, copy)? else {
            self.name_is_gone(etag);
            return Ok(false);
        };
        let inode = copy.inode;
        let Some(to) = self.make_place(name)? else {
            return Ok(false);
        };
        let made = match from.link(&to) {
            Ok(false) => self
                .remove_left(name)
                .and_then(|gone| Ok(gone && from.link(&to)?)),
            made => made,
        };
        if !matches!(made, Ok(true)) {
            remove_empty(&self.directory, name);
            return made;
        }
        // Somebody may have put another file there just now.
        let is_it = to.stat().is_ok_and(|found| Some(found.st_ino) == inode);
        if !is_it {
            to.remove()?;
        }
        Ok(is_it)
    }

    fn relink(&mut self, etag: ETag, from: &[u8], to: &[u8]) -> io::Result<bool> {
        let Some(copy) = self.copies.get(&etag) else {
            return Ok(false);
        };
        let Some(old) = self.place_of_name(etag, copy, from)? else {
            self.forget_further(etag, from);
            return Ok(false);
        };
        let Some(new) = self.make_place(to)? else {
            return Ok(false);
        };
        let renamed = self.take_name(&old, &new, to);
        let gone = if matches!(renamed, Ok(true)) {
            from
        } else {
            to
        };
        if gone == from {
            self.forget_further(etag, from);
        }
        remove_empty(&self.directory, gone);
        renamed
    }

    fn unlink(&mut self, etag: ETag, name: &[u8]) -> io::Result<()> {
        let Some(copy) = self.copies.get(&etag) else {
            return Ok(());
        };
        if let Some(place) = self.place_of_name(etag, copy, name)? {
            place.remove()?;
        }
        self.forget_further(etag, name);
        remove_empty(&self.directory, name);
        Ok(())
    }
}
