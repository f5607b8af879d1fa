//! What the server writes about itself: the access log, and its own log on stderr.

pub mod access_log;
pub mod access_record;
pub mod line;
pub mod line_writer;
pub mod logger;
pub mod stderr;
