//! Limits of what several servers of the same files do: reading what other machines change, polling, telling each other.

use std::time::Duration;

/// Bytes that are read at once past the page cache.
pub const DIRECT_READ: usize = 256 * 1024;
/// Last bytes of a remote file that are compared when it has grown: as many as an event id checks.
pub const END_COMPARED: usize = 64;
/// Bytes that are read at once to see how far a remote file that has grown can be read. Mostly it is all that is new.
pub const END_READ: usize = 16 * 1024;
/// For so long a remote file must seem to be shorter before that is believed: longer than clients of network file systems
/// trust the attributes that they remember of a file that changes (1 s in GlusterFS).
pub const TRUNCATION_DOUBT: Duration = Duration::from_millis(1200);
/// Shortest pause between two looks at a file of which inotify does not tell: somebody who watches a log notices no less.
pub const POLL_FAST: Duration = Duration::from_millis(50);
/// A file is looked at again after such a part of the time since it last grew.
pub const POLL_AGE: u32 = 16;
/// Looks at all files that were to be looked at fast may take such a part of the time.
pub const POLL_COST: u32 = 4;
/// How long looks at the files of polls may take in one turn; what is left comes in the next.
pub const POLL_TIME: Duration = Duration::from_millis(2);
/// How long a remote file is looked at after its name has gone, unless `--settle` says otherwise: other machines see a
/// rename before the last bytes (NFS: up to 2 s).
pub const SETTLE: Duration = Duration::from_secs(2);
/// Between two tries to read bytes of a remote file that were there and are not.
pub const READ_AGAIN: Duration = Duration::from_millis(20);

/// Bytes of the key with which servers sign the hints that they send each other: long enough that nobody guesses it, short enough for a line.
pub const PEER_KEY: std::ops::RangeInclusive<usize> = 16..=1024;
/// How far the clocks of two servers may differ. After that time a recorded hint cannot be replayed.
pub const PEER_CLOCK: Duration = Duration::from_secs(60);
/// Most servers for which the receiver remembers which hints have come, some 50 bytes each.
pub const PEER_SENDERS_MAX: usize = 256;
/// Hints that wait to be sent, and those that wait for a worker.
pub const PEER_QUEUE_MAX: usize = 1024;
/// Shortest pause between two hints about one name: a log that is written all the time costs a hundred datagrams a second.
pub const PEER_PAUSE: Duration = Duration::from_millis(10);
/// Stack of the threads that send and take hints.
pub const PEER_STACK: usize = 128 * 1024;
/// Most other servers to which a server sends hints.
pub const PEERS_MAX: usize = 64;
/// Shortest and longest pause between two times that a directory of a FUSE file system is read so that the kernel learns of
/// renames.
pub const NAMES_PAUSE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(5));
/// In between, that pause is so many times longer than the reading took.
pub const NAMES_PAUSE_FACTOR: u32 = 20;
/// How long a directory is read at one look; the rest of it comes at the next ones.
pub const NAMES_SLICE: Duration = Duration::from_millis(5);
/// Names in one of them of which it is remembered which file has them.
pub const NAMES_LISTED_MAX: usize = 1024;
/// Directories that are read so, with a descriptor each while that lasts.
pub const NAMES_READ_MAX: usize = 128;
