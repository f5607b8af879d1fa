//! How the server finds, follows and distinguishes files below ROOT.

use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use super::given::Serve;
use crate::cli::table::Row;
use crate::limits::PEERS_MAX;
use crate::os::sockets::Address;

/// Longest poll interval, a day.
const MILLISECONDS_MAX: usize = 86_400_000;

pub(super) const OPTIONS: &[Row<Serve>] = &[
    Row::value(
        "poll-interval",
        "MILLISECONDS",
        "the longest time between two checks of a followed file whose changes inotify does not report; while a file \
         grows, the server checks every 50 ms (default: 1000)",
        |serve, value| {
            let milliseconds = value.number(1, MILLISECONDS_MAX)?;
            serve.options.poll_interval = Duration::from_millis(milliseconds as u64);
            Ok(())
        },
    ),
    Row::value(
        "settle",
        "MILLISECONDS",
        "how long the server keeps following a file on a network file system after its name is gone, since its last \
         bytes may arrive later (default: 2000)",
        |serve, value| {
            let milliseconds = value.number(0, MILLISECONDS_MAX)?;
            serve.options.settle = Duration::from_millis(milliseconds as u64);
            Ok(())
        },
    ),
    Row::value(
        "peer",
        "ADDR",
        "IP:PORT of another server of the same files (its --peer-listen); this server reports changes to it, so that \
         it checks the files at once; may be repeated",
        |serve, value| {
            if serve.options.peers.len() >= PEERS_MAX {
                return Err(value.wrong(format_args!("there can be {PEERS_MAX} at most")));
            }
            let peer = value.parse();
            let peer =
                peer.map_err(|_| value.wrong("expected IP:PORT, for example 10.0.0.2:8079"))?;
            serve.options.peers.push(peer);
            Ok(())
        },
    ),
    Row::value(
        "peer-listen",
        "ADDR",
        "IP:PORT or PORT: the UDP port to which other servers send such reports",
        |serve, value| {
            let Ok(Address::Tcp(address)) = value.string()?.parse() else {
                return Err(
                    value.wrong("expected IP:PORT, [IPV6]:PORT or PORT, for example 10.0.0.1:8079")
                );
            };
            serve.options.peer_listen = Some(address);
            Ok(())
        },
    ),
    Row::value(
        "peer-key",
        "FILE",
        "a file with a secret of 16 to 1024 bytes that all these servers share",
        |serve, value| {
            serve.options.peer_key = Some(value.path()?);
            Ok(())
        },
    ),
    Row::value(
        "tags",
        "WHICH",
        "which entity tag a file gets: own, or xattr: the one in its attribute user.openrange.tag, where openrange \
         mirror stores the tag of the origin (default: own)",
        |serve, value| {
            serve.options.copied_tags = match value.string()?.as_str() {
                "own" => false,
                "xattr" => true,
                _ => return Err(value.wrong("expected own or xattr")),
            };
            Ok(())
        },
    ),
    Row::value(
        "old-dir",
        "SUBDIR",
        "the subdirectory beside a log that holds its earlier generations, like olddir of logrotate",
        |serve, value| {
            let given = value.path()?;
            let name = given.as_os_str().as_bytes();
            if given.components().count() != 1 || name.starts_with(b".") || name.contains(&b'/') {
                return Err(value.wrong("expected the name of a directory beside the logs"));
            }
            serve.options.old_dir = Some(name.into());
            Ok(())
        },
    ),
    Row::value(
        "history",
        "FILE",
        "a file in which the server records the rolls and truncations that it sees, to know them after a restart",
        |serve, value| {
            serve.options.history = Some(value.path()?);
            Ok(())
        },
    ),
    Row::value(
        "follow-links",
        "WHERE",
        "inside: follow a symbolic link that leaves ROOT, for example by an absolute path, if it ends inside ROOT \
         (default: follow no link that leaves ROOT)",
        |serve, value| {
            serve.options.follow_links = match value.string()?.as_str() {
                "inside" => true,
                _ => return Err(value.wrong("expected inside")),
            };
            Ok(())
        },
    ),
];
