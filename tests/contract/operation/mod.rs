//! Running a server: its logs, its administration, who gets in, what it gives up.

mod access_log;
mod admin;
mod cors;
mod kernels;
mod restrictions;
mod root;
mod login;
mod sandbox;
mod tokens;
