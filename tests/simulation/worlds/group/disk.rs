//! A directory with files, each of which has versions: a truncation begins another one.

use std::collections::BTreeMap;

/// Names of the directory. The last one fits no pattern and is in no list.
pub const NAMES: [&str; 6] = ["a.log", "a.log.1", "a.log.2", "b.log", "b.log.1", "other"];
pub const PATTERN: &str = "*.log*";
pub const LIST: [&str; 3] = ["a.log", "b.log", "a.log.1"];

pub fn fits(name: &str) -> bool {
    name != "other"
}

#[derive(Default)]
pub struct File {
    /// Of each version; the last one is what the file is now.
    pub versions: Vec<Vec<u8>>,
    pub sealed: bool,
}

impl File {
    pub fn bytes(&self) -> &[u8] {
        self.versions.last().expect("a version")
    }
}

/// What the kernel tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    Grew(usize),
    Name(&'static str),
    Directory,
}

#[derive(Default)]
pub struct Disk {
    pub files: Vec<File>,
    pub names: BTreeMap<&'static str, usize>,
    /// In this order.
    pub news: Vec<News>,
    /// The names that each version of a file has lost, and what it had then.
    pub left: BTreeMap<u64, Vec<(&'static str, u64)>>,
    /// Files that had no name that fits at some time since this was last asked.
    pub away: Vec<usize>,
    lines: u64,
}

impl Disk {
    /// A file by a version of it.
    pub fn tag(&self, file: usize) -> u64 {
        ((file as u64 + 1) << 16) | self.files[file].versions.len() as u64
    }

    pub fn version(&self, tag: u64) -> &[u8] {
        let file = &self.files[file_of(tag)];
        &file.versions[(tag & 0xffff) as usize - 1]
    }

    pub fn tell(&mut self, news: News) {
        if !self.news.contains(&news) {
            self.news.push(news);
        }
    }

    pub fn create(&mut self, name: &'static str) {
        self.unlink(name);
        self.files.push(File {
            versions: vec![Vec::new()],
            sealed: false,
        });
        self.names.insert(name, self.files.len() - 1);
        self.tell_of(name);
    }

    /// `whole`: with the end of the line.
    pub fn append(&mut self, file: usize, whole: bool) {
        self.lines += 1;
        let line = format!("line {}{}", self.lines, if whole { "\n" } else { " " });
        let bytes = self.files[file].versions.last_mut().expect("a version");
        bytes.extend_from_slice(line.as_bytes());
        self.tell(News::Grew(file));
        self.tell(News::Directory);
    }

    pub fn truncate(&mut self, file: usize, size: usize) {
        let bytes = self.files[file].bytes();
        if size < bytes.len() {
            let rest = bytes[..size].to_vec();
            self.files[file].versions.push(rest);
            self.tell(News::Grew(file));
            self.tell(News::Directory);
        }
    }

    pub fn seal(&mut self, file: usize) {
        self.files[file].sealed = true;
        self.tell(News::Grew(file));
        self.tell(News::Directory);
    }

    pub fn unlink(&mut self, name: &'static str) {
        if let Some(file) = self.names.remove(name) {
            self.leave(name, file);
            self.away.push(file);
            self.tell_of(name);
        }
    }

    pub fn rename(&mut self, from: &'static str, to: &'static str) {
        if from != to
            && let Some(file) = self.names.remove(from)
        {
            self.leave(from, file);
            if let Some(over) = self.names.insert(to, file) {
                self.leave(to, over);
                self.away.push(over);
            }
            if !fits(to) {
                self.away.push(file);
            }
            self.tell_of(from);
            self.tell_of(to);
        }
    }

    fn leave(&mut self, name: &'static str, file: usize) {
        let size = self.files[file].bytes().len() as u64;
        let tag = self.tag(file);
        self.left.entry(tag).or_default().push((name, size));
    }

    fn tell_of(&mut self, name: &'static str) {
        self.tell(News::Name(name));
        self.tell(News::Directory);
    }
}

pub fn file_of(tag: u64) -> usize {
    (tag >> 16) as usize - 1
}
