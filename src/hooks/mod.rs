//! `openrange hooks`: tells the clients of jobs that their jobs have ended, by the `Prefer: callback` of their requests.
//!
//! Everything is told at least once. What was told is a place in the log `done` ([`done`]), before which nothing is left to
//! tell, and for each target of which that is not so a place of its own ([`backlog`]); both are in one small file
//! ([`state`]). A target is a URL. One that does not answer waits for longer and longer ([`pauses`]) and delays no other.
//! The notifications are those of Standard Webhooks ([`notification`]). [`run`] is the loop.

pub mod backlog;
pub mod callback;
pub mod done;
mod lane;
pub mod notification;
pub mod options;
pub mod pauses;
pub mod run;
mod sandbox;
pub mod state;
pub mod target;
