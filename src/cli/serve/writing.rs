//! What may be written, jobs and intake.

use super::given::Serve;
use crate::cli::table::Row;
use crate::http::prefix::Prefix;

/// Largest body of an append: one write(2) takes 2 GiB less a page at most.
const APPEND_BYTES_MAX: usize = 1 << 30;

pub(super) const OPTIONS: &[Row<Serve>] = &[
    Row::value(
        "write",
        "PREFIX",
        "let clients write files below this path with POST, PATCH, PUT, MOVE and DELETE; may be repeated. Without \
         --token-file, only on listeners that no other machine can reach (default: no client writes)",
        |serve, value| {
            let prefix = Prefix::parse(value.string()?.as_bytes());
            serve
                .options
                .write
                .add(prefix.map_err(|why| value.wrong(why))?);
            Ok(())
        },
    ),
    Row::value(
        "append-max",
        "BYTES",
        "the largest body of POST or PATCH (default: 1048576)",
        |serve, value| {
            serve.options.append_max = value.number(1, APPEND_BYTES_MAX)? as u64;
            Ok(())
        },
    ),
    Row::value(
        "body-memory",
        "BYTES",
        "the maximum memory for all request bodies in flight; the server answers further ones with 503 (default: \
         67108864)",
        |serve, value| {
            serve.options.body_memory = value.number(1, usize::MAX)?;
            Ok(())
        },
    ),
    Row::value(
        "jobs",
        "PREFIX",
        "a POST to this path, which must be a directory, is a request to a worker, and its response is the worker's \
         answer; see openrange work. Without --token-file, only on listeners that no other machine can reach \
         (default: no jobs)",
        |serve, value| {
            let prefix = Prefix::parse(value.string()?.as_bytes());
            let prefix = prefix.map_err(|why| value.wrong(why))?;
            if prefix.name().is_empty() {
                return Err(value.wrong("jobs need a directory of their own below ROOT"));
            }
            serve.options.jobs = Some(prefix);
            Ok(())
        },
    ),
    Row::value(
        "job-timeout",
        "SECONDS",
        "the deadline of a job whose request names none, counted from the request (default: 3600)",
        |serve, value| {
            serve.options.job_terms.timeout = value.positive_seconds()?;
            Ok(())
        },
    ),
    Row::value(
        "job-keep",
        "SECONDS",
        "how long the server keeps the files of an ended job (default: 604800)",
        |serve, value| {
            serve.options.job_terms.keep = value.seconds()?;
            Ok(())
        },
    ),
    Row::value(
        "jobs-max",
        "N",
        "the maximum number of open jobs; the server answers further ones with 503 (default: 10000)",
        |serve, value| {
            serve.options.job_terms.most = value.number(1, usize::MAX)?;
            Ok(())
        },
    ),
    Row::value(
        "intake",
        "ADDR=/NAME",
        "append what arrives at ADDR to the file with this name: lines over connections to tcp:IP:PORT or unix:PATH, \
         or datagrams, one line each, at udp:IP:PORT or unix-dgram:PATH; PATH may end with ,mode=OCTAL; may be \
         repeated (default: no intake)",
        |serve, value| {
            serve.options.intakes.push(value.parse()?);
            Ok(())
        },
    ),
    Row::flag(
        "intake-open",
        "let other machines send to --intake too",
        |serve| serve.options.intake_open = true,
    ),
];
