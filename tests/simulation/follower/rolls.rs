//! What programs that roll logs do to the directory of the real machine, one system call at a time.

use std::collections::VecDeque;

use super::directory::{AWAY, LOG};
use super::origin::{Kind, Origin};

/// What is called how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Names {
    Numbered,
    Dated,
}

/// One step of a roll.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    Rename(String, String),
    Create,
    Copy(String),
    Truncate,
    Compress(String),
    Unlink(String),
}

/// Steps that are still to be taken.
pub type Plan = VecDeque<Step>;

impl Names {
    /// The names that earlier files get: whatever is there is moved on, the oldest first.
    fn shift(self, origin: &Origin, now: u64, plan: &mut Plan) -> String {
        if self == Names::Dated {
            let (seconds, millis) = (now / 1000, now % 1000);
            let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
            return format!("{LOG}-20261128-{hours:02}{minutes:02}{seconds:02}.{millis:03}");
        }
        let number_of = |name: &String| {
            let digits = name.strip_prefix("log.")?;
            let number = digits.split('.').next()?.parse::<u32>().ok()?;
            Some((number, name.clone()))
        };
        let mut numbered: Vec<_> = origin
            .directory
            .names
            .keys()
            .filter_map(number_of)
            .collect();
        numbered.sort();
        for (number, name) in numbered.into_iter().rev() {
            let suffix = name.strip_suffix(".gz").map_or("", |_| ".gz");
            plan.push_back(Step::Rename(name, format!("{LOG}.{}{suffix}", number + 1)));
        }
        format!("{LOG}.1")
    }

    pub fn roll(self, origin: &Origin, now: u64) -> Plan {
        let mut plan = Plan::new();
        let to = self.shift(origin, now, &mut plan);
        plan.push_back(Step::Rename(LOG.to_owned(), to));
        plan
    }

    pub fn copy_and_truncate(self, origin: &Origin, now: u64) -> Plan {
        let mut plan = Plan::new();
        let to = self.shift(origin, now, &mut plan);
        plan.extend([Step::Copy(to), Step::Truncate]);
        plan
    }
}

impl Origin {
    /// Takes a step. Gives the inode that is empty now, if there is one.
    pub fn take(&mut self, step: Step, now: u64) -> Option<usize> {
        super::trace(|| format!("  {step:?}"));
        let takes_a_number = match &step {
            Step::Rename(from, to) => from == LOG && to.starts_with("log."),
            Step::Copy(to) => to.starts_with("log."),
            _ => false,
        };
        self.skipped_a_number |= takes_a_number && self.current.is_none();
        match step {
            Step::Create if self.current.is_none() => self.create(now),
            Step::Create => {}
            Step::Rename(from, to) => {
                if from == LOG && self.current.is_some() {
                    // Only who has seen it finds it there.
                    self.leave(to.starts_with(AWAY).then_some("elsewhere"), now);
                }
                if let Some(replaced) = self.directory.rename(&from, &to, now) {
                    self.lose(replaced);
                }
            }
            Step::Copy(to) => {
                let bytes = self.files[self.current?].bytes.clone();
                self.make(Kind::Copy, &to, bytes, now);
            }
            Step::Truncate => return self.truncate(now),
            Step::Compress(name) => {
                let inode = *self.directory.names.get(&name)?;
                let packed = self.content(inode).bytes.iter().map(|byte| byte ^ 0x80);
                let packed = packed.collect();
                let copy = format!("{name}.gz");
                let modified = self.directory.inodes[inode].modified;
                let kind = Kind::Compressed(self.directory.inodes[inode].file);
                let made = self.make(kind, &copy, packed, now);
                self.directory.inodes[made].modified = modified;
            }
            Step::Unlink(name) => {
                if name == LOG && self.current.is_some() {
                    self.leave(Some("gone"), now);
                }
                if let Some(inode) = self.directory.unlink(&name, now) {
                    self.lose(inode);
                }
            }
        }
        None
    }

    /// A new file in place of what has its name.
    fn make(&mut self, kind: Kind, name: &str, bytes: Vec<u8>, now: u64) -> usize {
        let file = self.files.len();
        if let Some(replaced) = self.directory.unlink(name, now) {
            self.lose(replaced);
        }
        let inode = self.directory.create(name, file, now);
        self.add(kind, inode, bytes);
        inode
    }

    /// The file of the name is empty from now on.
    pub fn truncate(&mut self, now: u64) -> Option<usize> {
        let inode = self.files[self.current?].inode;
        self.leave(Some("truncated"), now);
        self.current = Some(self.files.len());
        self.add(Kind::Log, inode, Vec::new());
        self.directory.write(inode, now);
        Some(inode)
    }

    /// No name leads to the inode any more.
    fn lose(&mut self, inode: usize) {
        if self.directory.name_of(inode).is_none() {
            let file = self.directory.inodes[inode].file;
            self.files[file].gone.get_or_insert("gone");
        }
    }
}
