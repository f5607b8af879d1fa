//! What the server reports about itself, and what it gives up.

use super::given::Serve;
use crate::cli::table::Row;
use crate::log::line::Format;
use crate::log::logger;
use crate::os::privileges::ids;

pub(super) const OPTIONS: &[Row<Serve>] = &[
    Row::value(
        "admin",
        "ADDR",
        "a separate listener for /metrics, /clients and /health; ADDR is as for --listen, without ,proxy (default: \
         none)",
        |serve, value| {
            serve.options.admin = Some(value.parse()?);
            Ok(())
        },
    ),
    Row::value(
        "log-level",
        "LEVEL",
        "how much the server logs to stderr: off, error, warn, info, debug or trace (default: what the variable \
         RUST_LOG says, or info)",
        |serve, value| {
            let level = logger::level(&value.string()?);
            let wrong = || value.wrong("expected off, error, warn, info, debug or trace");
            serve.options.log_level = Some(level.ok_or_else(wrong)?);
            Ok(())
        },
    ),
    Row::value(
        "log-format",
        "FORMAT",
        "the format of these lines: text, or json, one object per line (default: text)",
        |serve, value| {
            serve.options.log_format = match value.string()?.as_str() {
                "text" => Format::Text,
                "json" => Format::Json,
                _ => return Err(value.wrong("expected text or json")),
            };
            Ok(())
        },
    ),
    Row::value(
        "access-log",
        "FILE",
        "write a line to this file for each completed response, in the Common Log Format; - is stdout",
        |serve, value| {
            serve.options.access_log = Some(value.path()?);
            Ok(())
        },
    ),
    Row::value(
        "access-log-format",
        "FORMAT",
        "the format of these lines: common, or combined, with the query, Referer and User-Agent (default: common)",
        |serve, value| {
            serve.options.access_log_combined = match value.string()?.as_str() {
                "common" => false,
                "combined" => true,
                _ => return Err(value.wrong("expected common or combined")),
            };
            Ok(())
        },
    ),
    Row::value(
        "user",
        "NAME",
        "become this user (or UID:GID) after binding all addresses",
        |serve, value| {
            let user = value.string()?;
            if user.is_empty() || user.contains(':') && ids(&user).is_none() {
                return Err(value.wrong("expected the name of a user, or UID:GID"));
            }
            serve.options.user = Some(user);
            Ok(())
        },
    ),
    Row::flag(
        "no-sandbox",
        "keep the capabilities, the system calls and the access to files that the server otherwise gives up",
        |serve| serve.options.sandbox = false,
    ),
    Row::HELP,
    Row::VERSION,
];
