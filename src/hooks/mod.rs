//! `openrange hooks`: notifies clients that their jobs have ended, at the URL in `Prefer: callback` of their requests.
//!
//! It sends each notification at least once. A place in the log `done` ([`done`]) says up to where every target has its
//! notifications; a target that is behind has a place of its own ([`backlog`]). One small file keeps both ([`state`]).
//! A target is a URL. One that does not answer waits for longer and longer ([`pauses`]) and delays no other. The
//! notifications are those of Standard Webhooks ([`notification`]). [`run`] is the loop.

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
