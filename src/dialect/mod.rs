//! Dialects: how a request says what it asks for. There is one so far, [`plain`] HTTP.

pub mod plain;
