//! Jobs: requests whose answers are logs.
//!
//! A job is a few files in one directory, and that directory is the only truth about it. Below, ID stands for the name of a
//! job ([`JobId`](crate::job::JobId)):
//!
//! | file | what | who writes it |
//! |---|---|---|
//! | `queue` | a line for each accepted job, in order | server |
//! | `ID.request` | the body of the request | server |
//! | `ID` | the answer; sealed (`chmod a-w`): complete | CMD, sealed by whoever ends the job |
//! | `ID.status` | how the job ended; whoever creates it first decides | server or worker |
//! | `done` | a line for each end | whoever decided it |
//! | `.ID.job` | what the server remembers: deadline, media type, callback | server |
//! | `.ID.taken` | a byte for each time a worker took the job | worker |
//!
//! A worker holds `flock(2)` on the answer while its command runs. So an answer that was taken, is not locked and not
//! sealed belongs to a worker that died.
//!
//! [`files`] has the operations on these files that server and workers share, [`ending`] those of them that end a job,
//! [`acceptance`] those of the server alone; [`in_done`] finds lines of `done`; [`comparison`] tells whether a request comes
//! again; [`record`] has the texts in them, pure. [`tracker`] is the part of the server: it knows which jobs are open
//! (`open_jobs`, pure), and learns of ends by its [`watch`]; [`work`] is the worker, `openrange work`. All of them reach the
//! files through a [`kernel`]. [`operand`] is the directory as a command line names it.

pub mod acceptance;
pub mod comparison;
pub mod ending;
pub mod files;
pub mod in_done;
pub mod kernel;
mod open_jobs;
pub mod operand;
pub mod record;
pub mod tracker;
pub mod watch;
pub mod work;
