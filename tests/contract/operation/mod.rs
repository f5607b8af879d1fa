//! Running a server: its logs, its administration, who gets in, what it gives up.

mod access_log;
pub mod admin;
mod advice;
mod cors;
mod kernels;
mod log_lines;
mod login;
mod proxied;
mod restrictions;
mod root;
mod sandbox;
mod tokens;
