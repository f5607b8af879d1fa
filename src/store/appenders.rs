//! Files that are open for appending, for those who append to the same file again and again. They are closed when nobody
//! has appended for a moment: an open file keeps its space, and its file system mounted.

use std::collections::HashMap;
use std::mem;

use super::append::{self, Append, Appended, Appender, Records};
use super::place::{Place, Stop};
use super::root::Files;
use crate::http::target::Path;
use crate::limits::{APPENDERS_MAX, CACHE_PERIOD};
use crate::receipt::{Receipt, WriteFailure};
use crate::time::Moment;

/// The files that one worker keeps open.
#[derive(Default)]
pub struct Appenders {
    kept: HashMap<Path, Kept>,
    /// For those who append records together: the memory of the ones before.
    pub records: Records,
    period_ends: Moment,
}

struct Kept {
    appender: Appender,
    /// In this period somebody has appended.
    used: bool,
}

impl Appenders {
    /// Appends to the file that has the name now: `path`, which is `name` below a prefix.
    ///
    /// # Errors
    /// As [`append::append`].
    pub fn append(
        &mut self,
        root: &Files,
        (prefix, name): (&[u8], &[u8]),
        path: &Path,
        what: &Append<'_>,
    ) -> Result<Appended, Stop> {
        if let Some(kept) = self.kept.get_mut(path) {
            if kept.appender.is_current(root, prefix)
                && let Some(appended) = kept.appender.append(what, false)?
            {
                kept.used = true;
                return Ok(appended);
            }
            self.kept.remove(path);
        }
        let place = Place::find(root, prefix, name, path)?;
        let (appended, appender) = append::append(place, what)?;
        if self.kept.len() < APPENDERS_MAX {
            let kept = Kept {
                appender,
                used: true,
            };
            self.kept.insert(path.clone(), kept);
        }
        Ok(appended)
    }

    /// The open file to which somebody has appended in this turn, if it is kept: to put it and its name on disk.
    pub fn get(&mut self, path: &Path) -> Option<&mut Appender> {
        self.kept.get_mut(path).map(|kept| &mut kept.appender)
    }

    /// Appends records to a file that is open already, as [`Appender::append_all`].
    pub fn append_all(
        &mut self,
        root: &Files,
        prefix: &[u8],
        path: &Path,
        records: &Records,
    ) -> Vec<Result<Receipt, WriteFailure>> {
        match self.kept.get_mut(path) {
            Some(kept) if kept.appender.is_current(root, prefix) => {
                kept.used = true;
                kept.appender.append_all(records)
            }
            _ => Vec::new(),
        }
    }

    /// At the end of a period those are closed that nobody has used in it.
    pub fn begin_turn(&mut self, now: Moment) {
        if now >= self.period_ends && !self.kept.is_empty() {
            self.kept.retain(|_, kept| mem::take(&mut kept.used));
            self.records = Records::default();
            self.period_ends = now + CACHE_PERIOD;
        }
    }

    /// When [`Appenders::begin_turn`] may have to close something.
    #[must_use]
    pub fn deadline(&self) -> Moment {
        match self.kept.is_empty() {
            true => Moment::NEVER,
            false => self.period_ends,
        }
    }
}
