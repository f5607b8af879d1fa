//! What the server that accepts jobs does with their files: claim, enqueue, list, remove.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::fd::AsFd;

use rustix::fs::{Dir, OFlags};
use rustix::io::Errno;

use super::comparison::Comparison;
use super::files::{JobDirectory, QUEUE, id_before, is_read_only, record_name};
use super::in_done::Place;
use super::record::JobRecord;
use crate::job::JobId;
use crate::job::{request_name, status_name, taken_name};

impl JobDirectory {
    /// Claims the name of a new job by noting what is known of it, and creates its empty answer. `ID.request` follows, and
    /// then [`JobDirectory::enqueue`]. False: there is such a job.
    ///
    /// # Errors
    /// EACCES, ENOSPC and the like.
    pub fn claim(&self, record: &JobRecord) -> Result<bool, Errno> {
        let is_new = self
            .create(&record_name(record.id), &record.to_json())?
            .is_some();
        if !is_new {
            return Ok(false);
        }
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL;
        match self.open_file(record.id.as_str(), flags) {
            Ok(_) | Err(Errno::EXIST) => Ok(true),
            Err(error) => {
                self.remove(record.id);
                Err(error)
            }
        }
    }

    /// Appends the line of a job to `queue`: from then on workers know it.
    ///
    /// # Errors
    /// ENOSPC and the like.
    pub fn enqueue(&self, record: &JobRecord) -> Result<(), Errno> {
        self.append(QUEUE, record.queue_line().as_bytes())
    }

    /// Removes all files of a job whose line could not be appended to `queue`. False: a worker has taken the job, or it
    /// has ended, so it stays.
    ///
    /// # Errors
    /// EACCES and the like.
    pub fn withdraw(&self, id: JobId) -> Result<bool, Errno> {
        let answer = self.open_file(id.as_str(), OFlags::WRONLY)?;
        // While it is locked no worker takes it.
        if !self.kernel.lock(answer.as_fd())? || self.has_ended(id) || self.was_taken(id) {
            return Ok(false);
        }
        self.remove(id);
        Ok(true)
    }

    fn was_taken(&self, id: JobId) -> bool {
        self.stat(&taken_name(id))
            .is_ok_and(|stat| stat.st_size > 0)
    }

    /// Removes files of processes that died before they could give them their names.
    ///
    /// # Errors
    /// EIO and the like.
    pub fn remove_leftovers(&self) -> Result<(), Errno> {
        for entry in Dir::read_from(&self.directory)? {
            let entry = entry?;
            let name = entry.file_name();
            if !is_unfinished(name.to_bytes()) {
                continue;
            }
            let Ok(name) = name.to_str() else { continue };
            let Ok(file) = self.open_file(name, OFlags::RDONLY | OFlags::NONBLOCK) else {
                continue;
            };
            // Its creator holds the lock.
            if self.kernel.lock(file.as_fd()) == Ok(true) {
                self.unlink(name);
            }
        }
        Ok(())
    }

    /// Whether the answer of a job is there and complete.
    #[must_use]
    pub fn is_sealed(&self, id: JobId) -> bool {
        let stat = self.stat(id.as_str());
        stat.is_ok_and(|stat| is_read_only(&stat))
    }

    /// Whether somebody has the lock of an answer, and so decides how the job ends.
    #[must_use]
    pub fn is_at_work(&self, id: JobId) -> bool {
        let answer = self.open_file(id.as_str(), OFlags::RDONLY);
        answer.is_ok_and(|answer| self.kernel.lock(answer.as_fd()) == Ok(false))
    }

    /// Appends the line of an end to `done`, unless whoever has ended the job has. It follows behind this place there, or in a
    /// file that had or has the name later.
    ///
    /// # Errors
    /// ENOSPC and the like.
    pub fn tell_missing(&self, id: JobId, from: &Place) -> Result<(), Errno> {
        let lock = match self.open_file(&status_name(id), OFlags::RDONLY) {
            Err(Errno::NOENT) => return Ok(()),
            lock => lock?,
        };
        // Whoever holds it appends the line before it seals.
        if !self.kernel.lock(lock.as_fd())? {
            return Ok(());
        }
        match self.status(id) {
            Some(status) if self.status_in_done_since(id, from).is_none() => {
                self.report_end(id, status)
            }
            _ => Ok(()),
        }
    }

    /// Removes all files of a job. The request goes first: without it there is no job, whatever is left if the server dies
    /// meanwhile. The status goes after the answer: whoever can open that learns how the job ended. What the server has
    /// noted goes last: by it the next start finds what is left.
    pub fn remove(&self, id: JobId) {
        for name in [
            request_name(id),
            id.to_string(),
            status_name(id),
            taken_name(id),
            record_name(id),
        ] {
            self.unlink(&name);
        }
    }

    /// Removes what is left of a job that is not open and whose request or answer somebody else has removed, so that its name
    /// is free. False: a worker still runs its command, or somebody just records how it ended; what they do by its name
    /// would happen to the next job.
    ///
    /// # Errors
    /// EACCES, EMFILE and the like.
    pub fn remove_rest(&self, id: JobId) -> Result<bool, Errno> {
        let mut locks = Vec::new();
        for name in [id.to_string(), taken_name(id), status_name(id)] {
            match self.open_file(&name, OFlags::RDONLY | OFlags::NONBLOCK) {
                Ok(file) if self.kernel.lock(file.as_fd())? => locks.push(file),
                Ok(_) => return Ok(false),
                Err(Errno::NOENT) => {}
                Err(error) => return Err(error),
            }
        }
        self.remove(id);
        Ok(true)
    }

    /// Whether the request of this job has these bytes, to be looked at. `None`: its files are being removed.
    ///
    /// # Errors
    /// EMFILE and the like.
    pub fn compare(&self, id: JobId, content: File) -> Result<Option<Comparison>, Errno> {
        match self.request(id) {
            Ok(request) => Ok(Some(Comparison::new(request, content))),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Visits the jobs of which a server has noted what it knows.
    ///
    /// # Errors
    /// EIO and the like, and those of `visit`.
    pub fn each_recorded(
        &self,
        visit: impl FnMut(JobId) -> Result<(), Errno>,
    ) -> Result<(), Errno> {
        self.each(|name| id_before(name.strip_prefix(b".")?, b".job"), visit)
    }

    /// Visits the jobs that have a status.
    ///
    /// # Errors
    /// EIO and the like, and those of `visit`.
    pub fn each_ended(&self, visit: impl FnMut(JobId) -> Result<(), Errno>) -> Result<(), Errno> {
        self.each(|name| id_before(name, b".status"), visit)
    }

    /// It holds only one of them at a time: millions may have ended.
    fn each(
        &self,
        id: impl Fn(&[u8]) -> Option<JobId>,
        mut visit: impl FnMut(JobId) -> Result<(), Errno>,
    ) -> Result<(), Errno> {
        for entry in Dir::read_from(&self.directory)? {
            if let Some(id) = id(entry?.file_name().to_bytes()) {
                visit(id)?;
            }
        }
        Ok(())
    }

    /// Whether a job has its request: then it was accepted.
    #[must_use]
    pub fn is_accepted(&self, id: JobId) -> bool {
        self.exists(&request_name(id))
    }

    /// Whether a job has its request and its answer.
    #[must_use]
    pub fn has_its_files(&self, id: JobId) -> bool {
        self.is_accepted(id) && self.exists(id.as_str())
    }

    /// When a job came, in seconds since 1970, if it was accepted: its request was complete then, and got its name.
    #[must_use]
    pub fn accepted_at(&self, id: JobId) -> Option<u64> {
        let stat = self.stat(&request_name(id)).ok()?;
        Some(u64::try_from(stat.st_mtime).unwrap_or(0))
    }

    /// Whether a job has a status.
    #[must_use]
    pub fn has_ended(&self, id: JobId) -> bool {
        self.exists(&status_name(id))
    }

    /// Whether a server has noted what it knows of a job.
    #[must_use]
    pub fn is_recorded(&self, id: JobId) -> bool {
        self.exists(&record_name(id))
    }

    /// Removes those jobs from the map that the current file `queue` names.
    pub fn strike_queued(&self, jobs: &mut HashMap<JobId, JobRecord>) {
        let Ok(queue) = self.queue() else {
            return;
        };
        for line in BufReader::new(queue).split(b'\n').map_while(Result::ok) {
            let record = str::from_utf8(&line).ok().and_then(JobRecord::parse);
            if let Some(record) = record {
                jobs.remove(&record.id);
            }
        }
    }

    /// When a job ended, in seconds since 1970.
    #[must_use]
    pub fn ended_at(&self, id: JobId) -> Option<u64> {
        let stat = self.stat(&status_name(id)).ok()?;
        u64::try_from(stat.st_mtime).ok()
    }
}

/// Whether a file has a name of [`JobDirectory::create`]: `.ID.status.NUMBER`, `..ID.job.NUMBER`.
fn is_unfinished(name: &[u8]) -> bool {
    let Some(dot) = name.iter().rposition(|&byte| byte == b'.') else {
        return false;
    };
    let (whole, number) = (&name[..dot], &name[dot + 1..]);
    let Some(name) = whole.strip_prefix(b".") else {
        return false;
    };
    let record = name.strip_prefix(b".");
    let id = id_before(name, b".status").or(record.and_then(|name| id_before(name, b".job")));
    id.is_some() && !number.is_empty() && number.iter().all(u8::is_ascii_digit)
}
