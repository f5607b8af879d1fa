//! Who may read: tokens, other sites, host names.

use super::given::Serve;
use crate::cli::table::Row;
use crate::http::cors::Cors;
use crate::http::host::Hosts;

pub(super) const OPTIONS: &[Row<Serve>] = &[
    Row::value(
        "token-file",
        "FILE",
        "the file that says who may do what. Each line: a bearer token, the path that it opens (none: everything), its \
         rights (none: r) of r (read), a (append) and w (write with every method), name=NAME for the logs, and \
         until=DATE; # begins a comment",
        |serve, value| {
            serve.options.token_file = Some(value.path()?);
            Ok(())
        },
    ),
    Row::value(
        "cors",
        "ORIGIN",
        "let scripts from this site (https://example.org) read; *: from any site",
        |serve, value| {
            let cors = Cors::parse(&value.string()?).map_err(|why| value.wrong(why))?;
            serve.options.cors = Some(cors);
            Ok(())
        },
    ),
    Row::value(
        "host",
        "NAME",
        "a name by which requests over TCP may address the server, besides IP addresses and localhost; may be \
         repeated; *: any (default: none if all listeners are loopback and there is no --token-file, else any)",
        |serve, value| {
            let host = Hosts::parse(&value.string()?).map_err(|why| value.wrong(why))?;
            let hosts = &mut serve.options.hosts;
            *hosts = Some(match hosts.take() {
                Some(others) => others.and(host),
                None => host,
            });
            Ok(())
        },
    ),
];
