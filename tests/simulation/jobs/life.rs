//! What is known of the jobs of a world: what its clients asked for and were promised, what its commands did, what was told.
//! [`Ledger::check`] says whether the files agree with it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use openrange::job::{JobId, JobStatus};
use openrange::jobs::record::parse_done;
use openrange::receipt::WriteFailure;

/// What a client wants done. Its number is its `Idempotency-Key`.
#[derive(Debug, Clone)]
pub struct Order {
    pub key: u64,
    pub body: String,
    /// `Prefer: timeout`
    pub timeout: Option<u64>,
    /// `Prefer: callback`
    pub callback: Option<String>,
    /// Its client cancels it after so many looks.
    pub cancel: Option<u64>,
    /// Its client leaves after so many looks.
    pub leaves: Option<u64>,
}

/// What the command does with a request: how many lines it writes, and how it ends.
pub fn plan(body: &str) -> (u64, JobStatus) {
    let number = body.len() as u64;
    let status = match number % 5 {
        0 => JobStatus::Exit(3),
        1 => JobStatus::Signal(9),
        _ => JobStatus::Exit(0),
    };
    (number % 4, status)
}

/// One line of an answer.
pub fn line(id: JobId, attempt: u64, number: u64) -> String {
    format!("{id} {attempt} {number}\n")
}

#[derive(Default)]
pub struct Ledger {
    pub orders: BTreeMap<u64, Order>,
    /// Jobs that somebody was promised, by their keys.
    pub promised: BTreeMap<u64, JobId>,
    /// The first status that somebody saw.
    pub seen: BTreeMap<JobId, JobStatus>,
    /// How often a command has begun.
    pub runs: BTreeMap<JobId, u64>,
    /// How often a command has written all that it writes.
    pub whole: BTreeMap<JobId, u64>,
    /// Jobs whose end a target has taken, and how often.
    pub told: BTreeMap<JobId, u64>,
    pub outcomes: BTreeSet<&'static str>,
}

impl Ledger {
    pub fn reach(&mut self, outcome: &'static str) {
        self.outcomes.insert(outcome);
    }

    /// A command begins.
    pub fn begins(&mut self, id: JobId, attempt: u64) {
        *self.runs.entry(id).or_default() += 1;
        if attempt > 1 {
            self.reach("taken again");
        }
    }

    /// A server refuses a request.
    pub fn refused(&mut self, why: WriteFailure) {
        self.reach(match why {
            WriteFailure::TooManyJobs => "too many jobs",
            _ => "disk full",
        });
    }

    /// Somebody was promised a job.
    pub fn promise(&mut self, key: u64, id: JobId) -> Result<(), String> {
        let before = *self.promised.entry(key).or_insert(id);
        match before == id {
            true => Ok(()),
            false => Err(format!("the key {key} means {before} and {id}")),
        }
    }

    /// Somebody saw how a job ended.
    pub fn see(&mut self, id: JobId, status: JobStatus) -> Result<(), String> {
        let before = *self.seen.entry(id).or_insert(status);
        match before == status {
            true => Ok(()),
            false => Err(format!("job {id} ended with {before} and with {status}")),
        }
    }

    /// What holds of an answer that is complete.
    pub fn check_answer(
        &self,
        id: JobId,
        order: &Order,
        status: JobStatus,
        answer: &str,
    ) -> Result<(), String> {
        let wrong = |why: &str| Err(format!("job {id} ({status}): {why}: {answer:?}"));
        if !matches!(status, JobStatus::Exit(_) | JobStatus::Signal(_)) {
            return Ok(());
        }
        let (lines, planned) = plan(&order.body);
        if status != planned {
            return wrong("its command does not end so");
        }
        let mut attempt = 0;
        let mut next = 0;
        for text in answer.split_inclusive('\n') {
            let words: Vec<&str> = text.trim_end().split(' ').collect();
            let number = |index: usize| words.get(index).and_then(|word| word.parse::<u64>().ok());
            let (Some(of), Some(index)) = (number(1), number(2)) else {
                return wrong("it has something else in it");
            };
            if of < attempt {
                return wrong("two commands wrote at the same time");
            }
            if of > attempt {
                (attempt, next) = (of, 0);
            }
            if index != next || text != line(id, of, index) {
                return wrong("a line is missing");
            }
            next += 1;
        }
        match next == lines {
            true => Ok(()),
            false => wrong("it is not whole"),
        }
    }

    /// What holds of a world in which everything is over. `retry`: of its workers.
    pub fn check(&self, directory: &Path, retry: u64) -> Result<(), String> {
        self.check_ends(directory, retry)?;
        for entry in fs::read_dir(directory).map_err(|error| error.to_string())? {
            let name = entry.map_err(|error| error.to_string())?.file_name();
            let name = name.to_string_lossy();
            check_name(&name, directory)?;
        }
        Ok(())
    }

    /// What holds of the jobs, once each has ended.
    pub fn check_ends(&self, directory: &Path, retry: u64) -> Result<(), String> {
        let text = |name: &str| fs::read_to_string(directory.join(name)).unwrap_or_default();
        let mut ends: BTreeMap<JobId, Vec<JobStatus>> = BTreeMap::new();
        for line in text("done").lines() {
            let (id, status) = parse_done(line).ok_or(format!("a line of done: {line:?}"))?;
            ends.entry(id).or_default().push(status);
        }
        let known: BTreeSet<JobId> = self.promised.values().copied().collect();
        for (key, &id) in &self.promised {
            let order = &self.orders[key];
            let status: JobStatus = text(&format!("{id}.status"))
                .trim_end()
                .parse()
                .map_err(|_| format!("job {id} was accepted and never ends"))?;
            if self.seen.get(&id).is_some_and(|seen| *seen != status) {
                return Err(format!(
                    "job {id}: {:?} became {status}",
                    self.seen.get(&id)
                ));
            }
            if ends.get(&id).is_none_or(|ends| **ends != [status]) {
                return Err(format!("job {id} ({status}): done has {:?}", ends.get(&id)));
            }
            self.check_answer(id, order, status, &text(id.as_str()))?;
            self.check_runs(id, status, retry)?;
            self.check_told(id, order)?;
        }
        for id in ends.keys().filter(|id| !known.contains(id)) {
            let has_request = directory.join(format!("{id}.request")).exists();
            if !has_request {
                return Err(format!("done tells of {id}, which is no job"));
            }
        }
        Ok(())
    }

    fn check_runs(&self, id: JobId, status: JobStatus, retry: u64) -> Result<(), String> {
        let count = |of: &BTreeMap<JobId, u64>| of.get(&id).copied().unwrap_or(0);
        let (runs, whole) = (count(&self.runs), count(&self.whole));
        if runs > 1 + retry {
            return Err(format!("job {id} ran {runs} times, --retry {retry}"));
        }
        if matches!(status, JobStatus::Exit(_) | JobStatus::Signal(_)) && whole == 0 {
            return Err(format!("job {id} ({status}) never ran to its end"));
        }
        Ok(())
    }

    fn check_told(&self, id: JobId, order: &Order) -> Result<(), String> {
        match &order.callback {
            Some(url) if url.starts_with(super::hooks::ALLOWED) && !self.told.contains_key(&id) => {
                Err(format!("nobody was told of the end of {id}"))
            }
            _ => Ok(()),
        }
    }
}

/// What holds of each name in a directory in which everything is over.
fn check_name(name: &str, directory: &Path) -> Result<(), String> {
    if let Some(id) = name.strip_suffix(".request") {
        let has = |name: String| directory.join(name).exists();
        if !has(format!("{id}.status")) {
            return Err(format!("the job {id} never ends"));
        }
        let answer = fs::metadata(directory.join(id)).map_err(|error| format!("{id}: {error}"))?;
        if answer.permissions().mode() & 0o222 != 0 {
            return Err(format!("the answer of {id} is not sealed"));
        }
        return Ok(());
    }
    let of_job = |ending: &str| {
        let id = name
            .strip_suffix(ending)
            .unwrap_or(name)
            .trim_start_matches('.');
        directory.join(format!("{id}.request")).exists()
    };
    let is_log = name == "done" || name.starts_with("queue");
    let belongs = [".status", ".taken", ".job", ""]
        .iter()
        .any(|ending| of_job(ending));
    match is_log || belongs {
        true => Ok(()),
        false => Err(format!("a file is left that belongs to no job: {name}")),
    }
}
