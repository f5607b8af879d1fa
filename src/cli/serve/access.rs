//! Who may read: tokens, other sites, host names.

use super::given::Serve;
use crate::cli::table::Row;
use crate::http::cors::Cors;
use crate::http::host::Hosts;

pub(super) const OPTIONS: &[Row<Serve>] = &[
    Row::value(
        "token-file",
        "FILE",
        "who may do what: on each line a bearer token, the path it is for if that is not everything, its rights if \
               they are not only to read: r (read), a (append), w (write with every method), name=NAME for the logs, and \
               until=DATE; # begins a remark",
        |serve, value| {
            serve.options.token_file = Some(value.path());
            Ok(())
        },
    ),
    Row::value(
        "cors",
        "ORIGIN",
        "scripts of this site (https://example.org) may read; *: those of every site",
        |serve, value| {
            let cors = Cors::parse(&value.string()?).map_err(|why| value.wrong(why))?;
            serve.options.cors = Some(cors);
            Ok(())
        },
    ),
    Row::value(
        "host",
        "NAME",
        "requests over TCP may address this name, besides IP addresses and localhost; may be repeated; *: any \
               (default: none if all listeners are loopback and there is no --token-file, else any)",
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
