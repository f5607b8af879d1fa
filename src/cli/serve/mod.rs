//! The options of the server, in groups.

mod access;
mod connections;
mod files;
mod given;
mod operation;
mod writing;

use super::table::Table;
pub(super) use given::Serve;

/// `openrange [OPTIONS] [ROOT]`
pub(super) const TABLE: Table<Serve> = Table {
    command: "",
    about: "\
openrange serves the regular files below a directory over HTTP/1.1. A request
with an open-ended range (`curl -N -r 0- URL`) is a subscription: it gets what
is there, then every byte as it is written, until the file is removed, renamed,
replaced or sealed.
",
    usage: "[OPTIONS] [ROOT]",
    operands: &[("ROOT", "the directory to serve (default: .)")],
    operand: given::root,
    options: &[
        connections::OPTIONS,
        files::OPTIONS,
        access::OPTIONS,
        writing::OPTIONS,
        operation::OPTIONS,
    ],
    notes: "\
When the server is ready, it prints a line for each address on stdout. It logs
everything else to stderr: less with --log-level warn, more with debug.
SIGHUP: it rereads the token file, reopens the access log and checks ROOT; if it
cannot use one of them, it keeps what it has, and the log says so.
SIGUSR1: it logs the clients. SIGTERM, SIGINT: it shuts down; a second signal
ends it at once.
Exit status: 0 after SIGTERM or SIGINT, 1 if it cannot serve or a second signal
ended it at once, 2 for a usage error.
",
};
