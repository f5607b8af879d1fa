//! Contract 1: the command line.

mod command_line;
mod log;
mod start;
