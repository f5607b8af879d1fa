//! Limits of jobs, in the server and in `openrange work`.

use std::time::Duration;

/// Pause between two checks of a job that another worker has locked: no event reports the death of that worker. The same
/// between two attempts to start its command, or to append its line to `queue`.
pub const JOB_LOCKED_PAUSE: Duration = Duration::from_secs(1);

/// The program of a worker that has been missing for so long stays away: a package is replaced sooner. Until then its jobs
/// wait.
pub const JOB_PROGRAM_PATIENCE: Duration = Duration::from_secs(30);

/// Pause between two checks whether somebody has sealed the answer of a running command: a fifth of a second is soon for
/// people,
/// and five `fstat` a second for each command are nothing.
pub const JOB_LOOK_INTERVAL: Duration = Duration::from_millis(200);

/// Time from SIGTERM to SIGKILL for a command whose job has ended.
pub const JOB_STOP_GRACE: Duration = Duration::from_secs(5);

/// Longest line of `queue` that is understood: a media type and some numbers fit many times.
pub const JOB_LINE_MAX: usize = 16 * 1024;

/// Time from the status of a job to its seal, for whoever recorded the status: after that the server takes it for dead and
/// seals.
pub const JOB_SEAL_PATIENCE: Duration = Duration::from_secs(5);

/// Time from the creation of `ID.status` to its text, for a worker that does not write it in one step. After that the status
/// counts as damaged, and the job ends in another way. A shell needs a millisecond; a request that cancels waits longer
/// ([`super::LOCK_PATIENCE`]).
pub const JOB_TEXT_PATIENCE: Duration = Duration::from_secs(2);

/// Time from the seal of an answer to the status of its job, if somebody other than its worker has sealed it. The ends of its
/// streams wait so long, since the worker notices ([`JOB_LOOK_INTERVAL`]) and stops its command ([`JOB_STOP_GRACE`]) before it
/// records how the job ended.
pub const JOB_STATUS_PATIENCE: Duration = Duration::from_secs(6);

/// Pause between two checks of `queue` where no event reports a change, as on network file systems.
pub const QUEUE_LOOK_INTERVAL: Duration = Duration::from_secs(15);
/// Time in which a server adds the line to `queue` after it has named a request: it makes some system calls between
/// them. Jobs that were accepted so long before the last one of all, and have ended, have their line.
pub const JOB_QUEUE_PATIENCE: Duration = Duration::from_secs(10);

/// Pause between two tries of a worker, which has locked an answer, to lock `ID.taken` as well: others hold that lock only
/// while they find out who has the job.
pub const JOB_CLAIM_PAUSE: Duration = Duration::from_millis(1);
/// How many such tries it makes before it leaves the job for later.
pub const JOB_CLAIM_LOOKS: u32 = 100;

/// From the moment at which a request that comes again is led to its job until it has opened the answer, which follows in
/// the same turn of the loop: so long the files of the job stay, however long they were kept before.
pub const JOB_LEAD_PATIENCE: Duration = Duration::from_secs(5);

/// Pause between two searches for files of jobs that ended long ago.
pub const JOB_CLEAN_INTERVAL: Duration = Duration::from_secs(600);
/// The deadline of a job, unless its request or `--job-timeout` says otherwise.
pub const JOB_TIMEOUT: Duration = Duration::from_secs(3600);
/// How long the files of an ended job stay, unless `--job-keep` says otherwise: a week, in which a client may ask again.
pub const JOB_KEEP: Duration = Duration::from_secs(604_800);
/// Jobs that are open at the same time, unless `--jobs-max` says otherwise. Each takes some 250 bytes and four files.
pub const JOBS_MAX: usize = 10_000;
