//! Files that are open for appending, for those who append to the same file again and again. They are closed when nobody
//! has appended for a moment: an open file keeps its space, and its file system mounted.

use std::collections::HashMap;
use std::mem;

use super::append::{self, Append, Appended, Appender};
use super::place::{Place, PrefixTarget, Stop};
use super::records::Records;
use super::redo::Notes;
use super::root::Files;
use crate::http::target::Path;
use crate::limits::CACHE_PERIOD;
use crate::receipt::{Receipt, WriteFailure};
use crate::time::Moment;

/// The files that one worker keeps open.
pub struct Appenders {
    kept: HashMap<Path, Kept>,
    /// So many at most.
    most: usize,
    /// A name in a prefix, and that prefix, for other names there.
    neighbour: Option<(Box<[u8]>, Place)>,
    notes: Notes,
    /// Where a prefix leads in this turn: all that is written in it was received before.
    prefix: Option<(Box<[u8]>, PrefixTarget)>,
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
    /// None yet, and never more than `most`.
    #[must_use]
    pub fn new(most: usize) -> Appenders {
        Appenders {
            kept: HashMap::new(),
            most,
            neighbour: None,
            notes: Notes::default(),
            prefix: None,
            records: Records::default(),
            period_ends: Moment::default(),
        }
    }

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
        let prefix_now = self.prefix_now(root, prefix);
        if let Some(kept) = self.kept.get_mut(path) {
            if kept.appender.is_current(prefix_now)
                && let Some(appended) = kept.appender.append(what, false, &mut self.notes)?
            {
                kept.used = true;
                return Ok(appended);
            }
            self.kept.remove(path);
        }
        let place = self.place(root, (prefix, name), path)?;
        let (appended, appender) = append::append(place, what, &mut self.notes)?;
        if self.kept.len() < self.most {
            let kept = Kept {
                appender,
                used: true,
            };
            self.kept.insert(path.clone(), kept);
        }
        Ok(appended)
    }

    /// Where this prefix leads in this turn.
    fn prefix_now(&mut self, root: &Files, prefix: &[u8]) -> PrefixTarget {
        match &self.prefix {
            Some((of, known)) if **of == *prefix => *known,
            _ => {
                let now = PrefixTarget::look_up(root, prefix);
                self.prefix = Some((prefix.into(), now));
                now
            }
        }
    }

    /// The place of a name: that of a neighbour, if it is still where its prefix leads.
    fn place(
        &mut self,
        root: &Files,
        (prefix, name): (&[u8], &[u8]),
        path: &Path,
    ) -> Result<Place, WriteFailure> {
        let prefix_now = self.prefix_now(root, prefix);
        if let Some((of, neighbour)) = &self.neighbour
            && **of == *prefix
            && neighbour.is_current(prefix_now)
            && let Some(place) = neighbour.beside(name, path)
        {
            return Ok(place);
        }
        let place = Place::find(root, prefix, name, path)?;
        if let Some(neighbour) = place.beside(name, path) {
            self.neighbour = Some((prefix.into(), neighbour));
        }
        Ok(place)
    }

    /// The open file to which somebody appends again and again, if it is kept: to put it and its name on disk.
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
        let prefix_now = self.prefix_now(root, prefix);
        match self.kept.get_mut(path) {
            Some(kept) if kept.appender.is_current(prefix_now) => {
                kept.used = true;
                kept.appender.append_all(records, &mut self.notes)
            }
            _ => Vec::new(),
        }
    }

    /// What is looked up from now on is new. At the end of a period the files are closed that nobody has used in it.
    pub fn begin_turn(&mut self, now: Moment) {
        self.prefix = None;
        if now >= self.period_ends && !self.is_empty() {
            self.neighbour = None;
            self.kept.retain(|_, kept| mem::take(&mut kept.used));
            self.notes.end_period();
            self.records = Records::default();
            self.period_ends = now + CACHE_PERIOD;
        }
    }

    /// When [`Appenders::begin_turn`] may have to close something.
    #[must_use]
    pub fn deadline(&self) -> Moment {
        match self.is_empty() {
            true => Moment::NEVER,
            false => self.period_ends,
        }
    }

    fn is_empty(&self) -> bool {
        self.kept.is_empty() && self.neighbour.is_none() && self.notes.is_empty()
    }
}
