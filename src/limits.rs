//! Every limit of the server, as a named constant with its reason.
//!
//! Whoever looks for "how much may somebody make us hold" looks here. What grows with what a peer does stops at one of these:
//! at a number for each connection, or, where a number for each would add up to too much, at [`CONNECTION_MEMORY_MAX`] for all.

mod commands;
mod intake;
mod jobs;
mod shared_files;

use std::time::Duration;

pub use commands::*;
pub use intake::*;
pub use jobs::*;
pub use shared_files::*;

/// Longest request head in bytes, request line and empty line included; beyond it 431. Twice the 8,000 octets that
/// RFC 9112 section 3 asks for at least for a request line alone.
pub const HEAD_MAX: usize = 16 * 1024;
/// Most header fields of a request; beyond it 431. One httparse slot is 32 bytes on the stack.
pub const FIELDS_MAX: usize = 100;
/// Longest request target in bytes; beyond it 414. PATH_MAX of Linux is 4096.
pub const TARGET_MAX: usize = 4096;
/// Most parts of a `multipart/byteranges` answer, after merging; beyond it the Range field is ignored
/// (RFC 9110 section 14.2 allows that for suspicious sets).
pub const PARTS_MAX: usize = 16;

/// Longest origin of `--cors`: a scheme, the longest host name (253) and a port.
pub const ORIGIN_MAX: usize = 300;

/// Longest host name in bytes (RFC 1035 section 2.3.4).
pub const HOST_MAX: usize = 253;

/// Longest bearer token in bytes: 1,500 bits of randomness. A request holds its token while it is under way.
pub const TOKEN_MAX: usize = 256;
/// Most cookies of a request that the server tries as tokens: it compares each with every token.
pub const COOKIES_MAX: usize = 4;
/// How long a browser keeps a cookie that outlives its session: browsers cap the age at 400 days.
pub const COOKIE_AGE: Duration = Duration::from_secs(400 * 24 * 60 * 60);
/// Most tokens: the server compares the token of every request with each of them, at some 30 ns.
pub const TOKENS_MAX: usize = 1024;
/// Largest token file in bytes: [`TOKENS_MAX`] of the longest, with paths and remarks.
pub const TOKEN_FILE_MAX: u64 = 1024 * 1024;

/// A length of a buffer, shorter in fuzz targets (`cfg(fuzzing)`, which cargo-fuzz sets): what happens at the end of a buffer
/// does not depend on its length, and the fuzzer reaches the end in a hundredth of the time.
const fn unless_fuzzed(usual: usize, fuzzed: usize) -> usize {
    if cfg!(fuzzing) { fuzzed } else { usual }
}

/// Most file bytes in one chunk of a tail: long enough that the framing costs nothing, short enough for a `u32`.
pub const CHUNK_MAX: u32 = unless_fuzzed(1024 * 1024, 4096) as u32;
/// Up to this much goes out as one copy and one `send`; more of a file goes by `sendfile` (which is cheaper from about
/// here on, and dearer below).
pub const COPY_MAX: usize = 64 * 1024;
/// The same for bytes that several followers of a file wait for: read once, each is one `send`, where `sendfile` would
/// take several calls for each of them.
pub const COPY_SHARED_MAX: usize = 256 * 1024;
/// From so many followers of a file on, a worker reads and frames bytes once for all of them.
pub const SHARED_FROM: u32 = 3;
/// The end of a long chunk that goes by copy after `sendfile`, so that the line end shares its segment.
pub const COPY_TAIL: u64 = 16 * 1024;
/// One `sendfile` of a tail's backlog.
pub const SENDFILE_TAIL: u64 = 64 * 1024;
/// One `sendfile` of a finite body.
pub const SENDFILE_FINITE: u64 = 256 * 1024;
/// Unsent bytes that the kernel may queue for a connection before it calls the socket unwritable
/// (TCP_NOTSENT_LOWAT): a stalled client holds about 0.2 MB of kernel memory instead of 4.
pub const NOT_SENT_LOW: u32 = 64 * 1024;

/// Longest piece of a line in one event, in bytes of the file: longer lines come in several. Most lines of most logs are
/// far shorter, and a page can show this.
pub const EVENT_LINE_MAX: usize = unless_fuzzed(16 * 1024, 256);
/// When an event stream has made so many bytes of events, it sends them first. With the event that passes this it is what a
/// stalled client holds: 48 KiB of text, and never more than 144 KiB (each byte of a line of nothing but CR takes seven).
pub const EVENT_BUFFER: usize = unless_fuzzed(32 * 1024, 512);
/// Bytes of a file that an event stream reads at once. They hold at least one event.
pub const EVENT_READ: u64 = 2 * EVENT_LINE_MAX as u64;
/// How long the client of an event stream waits before it reconnects (the field `retry`).
pub const EVENT_RETRY: Duration = Duration::from_secs(1);
/// A comment is sent on an event stream after so much silence; proxies and firewalls give up after 30 s or more.
pub const EVENT_HEARTBEAT: Duration = Duration::from_secs(20);
/// Shortest and longest pause between two checks whether a name that an event stream follows leads to a file again. The
/// pause doubles: between `rename` and `open` of a roll there is mostly less than the first.
pub const EVENT_ABSENCE: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(1));

/// Earlier files of a name that an event stream still reads, because somebody may append to them.
pub const EVENT_LATE_MAX: usize = 4;
/// How long after a roll the stream reads them: log rotation tells a writer within seconds to reopen its log.
pub const EVENT_LATE: Duration = Duration::from_secs(60);
/// Most files that one event stream follows. Each has its place in the `id` of every event, some 27 bytes, and a topic.
pub const EVENT_FILES_MAX: usize = 32;
/// Most names of these files: a file may have several, and a scan may find one that is being renamed under both.
pub const EVENT_NAMES_MAX: usize = 2 * EVENT_FILES_MAX;
/// When more files fit than a stream follows, one that was written so many seconds later than a followed one displaces it.
/// With less, files that are all being written would displace each other in turn.
pub const EVENT_IDLE_SECONDS: u64 = 10;
/// Most positions in an `id`. Besides those in followed files there may be some in files that have just lost their names, and
/// have other names at the next check of the directory.
pub const EVENT_PLACES_MAX: usize = 2 * EVENT_FILES_MAX;
/// A stream forgets a position when so many checks of the directory in a row have not found its file: one check may miss a
/// file that is being renamed.
pub const EVENT_PLACE_MISSED: u8 = 3;
/// The same for a position that belongs to a name which has no file yet: log rotation may create the file seconds later, and
/// there are four checks a second.
pub const EVENT_PLACE_AWAITED: u8 = 240;
/// Shortest pause between two checks of a directory whose entries a stream reports: it reports once what happens meanwhile.
pub const DIRECTORY_PAUSE: Duration = Duration::from_millis(250);
/// How long after the first event of a directory the server checks it: a roll mostly takes less from its rename to its
/// creation.
pub const DIRECTORY_SETTLE: Duration = Duration::from_millis(50);
/// Names with events that are remembered until the next check of a directory. When there are more, the check is a scan of
/// the whole directory.
pub const DIRECTORY_NAMES_MAX: usize = 1024;
/// Symbolic links of a directory whose targets are watched, with a few watches each. The targets of others are checked now
/// and then.
pub const DIRECTORY_LINKS_MAX: usize = 1024;
/// Most directories below one that is followed as a tree (`?files=**`): each takes a watch, of which the kernel gives a user
/// some thousands at least, and all are read when directories come or go.
pub const TREE_DIRECTORIES_MAX: usize = 1024;
/// Most directories on the way from the top of a tree to a file in it: more than people make, and few enough that a loop of
/// mounts ends.
pub const TREE_DEPTH_MAX: usize = 16;
/// How long a check of a directory may take in one turn; it continues in the next.
pub const DIRECTORY_SLICE: Duration = Duration::from_millis(2);
/// The pause between two checks is so many times as long as the check took: checks take a twentieth of the time.
pub const DIRECTORY_PAUSE_FACTOR: u32 = 20;
/// Removed entries that are remembered for clients which do not know of the removal yet. When there are more, all but the
/// last ones are forgotten, and a client that is that far behind gets all entries again.
pub const DIRECTORY_GONE_MAX: usize = LISTING_MAX;

/// Bytes at the end of a file in which the last lines are looked for: some 10,000 lines, and 0.2 ms.
pub const LAST_LINES_MAX: u64 = 1024 * 1024;

/// Bytes that one connection sends in one turn of the loop, before the others have their turn.
pub const BUDGET_BYTES: u64 = 256 * 1024;
/// Actions of one connection in one turn of the loop, likewise.
pub const BUDGET_ACTIONS: u32 = 32;
/// Tails driven in one turn of a pass over a topic: at 8 to 15 µs each an unrelated request waits half a millisecond or so. A
/// turn costs about as much as a tenth of one of them.
pub const FANOUT_SLICE: usize = 32;
/// How long this may take, if each of them needs something else.
pub const FANOUT_TIME: Duration = Duration::from_millis(1);
/// Of them, tails of one topic in a row while other topics wait.
pub const FANOUT_RUN: usize = 16;
/// Connections in the middle of an answer that are driven in one turn: with [`BUDGET_BYTES`] each, a new
/// request waits about 2 ms at most, however many downloads are under way.
pub const BULK_SLICE: usize = 32;
/// Turns in a row in which a worker accepts one connection from a listener, before it tries to accept more: an accept that
/// finds none costs a tenth of what a new tail costs.
pub const ACCEPT_SINGLY: u32 = 8;
/// Connections accepted from one listener in one turn.
pub const ACCEPT_BURST: usize = 64;
/// Events taken from the poller in one turn (12 bytes each).
pub const EVENTS_MAX: usize = 1024;
/// How long a client may take nothing of a removed file, if `--send-timeout` sets no end to that.
pub const MIN_RATE_PATIENCE: Duration = Duration::from_secs(300);
/// Bytes a second that a client takes at least of a removed file, unless `--min-rate` says otherwise: less than the
/// slowest modem, and a log of 100 MB is gone within a day.
pub const MIN_RATE: u64 = 1200;
/// Bytes that all connections of a worker hold beyond their slots: unfinished heads, requests behind a tail, events and
/// lists on their way, and names of files that event streams leave out, which streams of the same patterns share. Some 1,300
/// stalled event streams, or some hundred lists of patterns that thousands of files fit; when there are more, the longest
/// stalled give way.
pub const CONNECTION_MEMORY_MAX: usize = 64 * 1024 * 1024;
/// How long a worker does not look for connections to be cut for that after it has found none.
pub const SHED_INTERVAL: Duration = Duration::from_millis(100);
/// How long the log does not say again that connections were cut for that.
pub const SHED_TOLD_INTERVAL: Duration = Duration::from_secs(1);
/// Bytes in one buffer of a unix socket: the kernel tells by whole buffers what the other side has taken.
pub const UNIX_PIECE: usize = 4096;
/// Connections above `--max-connections` that a worker holds only to answer 503: a worker's share of a quarter of that
/// limit, but within these bounds. When they are used up, the oldest gives way.
pub const REFUSED_MAX: (usize, usize) = (4, 64);
/// At its start the server warns of the limit of descriptors if that allows fewer connections: the 1024 of many distributions
/// are few where ten thousand clients may follow.
pub const FEW_CONNECTIONS: usize = 1000;
/// A subscription ends at most so long after its token expires, should the clock of the system be set meanwhile.
pub const TOKENS_INTERVAL: Duration = Duration::from_secs(60);
/// Length of the name of a token: it stands in each line of an access log.
pub const TOKEN_NAME_MAX: usize = 64;
/// Longest header of the PROXY protocol: addresses take 36 bytes, and what some proxies add after them some hundred.
pub const PROXY_HEAD_MAX: usize = 4096;
/// Bytes of one field of a request in the access log.
pub const LOGGED_FIELD_MAX: usize = 512;
/// Pending connections of a listener; the kernel caps it at net.core.somaxconn.
pub const BACKLOG: i32 = 4096;

/// Bytes of the access log that wait to be written; what comes beyond is lost.
pub const ACCESS_LOG_MAX: usize = 1024 * 1024;
/// Bytes of the access log that a worker keeps within a turn.
pub const ACCESS_LOG_BURST: usize = 64 * 1024;
/// How long the end of the server waits for the access log to be written.
pub const ACCESS_LOG_PATIENCE: Duration = Duration::from_secs(2);
/// Bytes of the log in one write(2): PIPE_BUF, which a pipe takes at once or not at all, and does not mix with what others
/// write to it.
pub const LOG_PIECE: usize = 4096;
/// Slots that a worker counts in one turn for a report about itself (some 50 ns each, or a `fstat` for a tail that is not
/// caught up).
pub const INSPECT_SLICE: usize = 1024;
/// Requests for such reports that may wait for one worker.
pub const ASKS_MAX: usize = 16;
/// Clients in a table: some 150 KB of text.
pub const CLIENTS_MAX: usize = 1000;
/// Connections at `--admin` at a time; each holds a request head, or an answer.
pub const ADMIN_CONNECTIONS_MAX: usize = 32;
/// Of them, accepted in one turn: whoever comes with a request is answered before others can take the place.
pub const ADMIN_BURST: usize = ADMIN_CONNECTIONS_MAX / 2;
/// How long one of them may take to send its request, and then to take the answer.
pub const ADMIN_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a worker may take for a report about itself before it counts as hanging.
pub const ADMIN_PATIENCE: Duration = Duration::from_secs(2);
/// How long a notice to the service manager waits while its queue is full.
pub const NOTIFY_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a closed connection waits for the peer's close, so that the last answer is not lost to a reset
/// (RFC 9112 section 9.6).
pub const LINGER: Duration = Duration::from_secs(2);
/// Bytes that are meanwhile read and dropped. More than the buffers of two sockets hold, so a client that stops when the
/// answer comes has it; one that does not stop costs us some milliseconds.
pub const LINGER_BYTES: u32 = 16 * 1024 * 1024;
/// How long accepting pauses when descriptors have run out, unless a connection ends before, or when a listener accepts nothing.
pub const ACCEPT_PAUSE: Duration = Duration::from_secs(1);
/// How often the server polls a topic whose changes inotify does not report (because of its file system, or because watches
/// have run out), unless `--poll-interval` says otherwise: as often as `tail -f`.
pub const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// Pause between two checks of `queue` where inotify cannot watch the directory of the jobs because its limits are used up.
/// As often as such a tail is polled: a check takes two system calls for each open job.
pub const UNWATCHED_LOOK_INTERVAL: Duration = POLL_INTERVAL;
/// How long a request with `Prefer: wait` waits at most for a name that leads nowhere, unless `--wait-max` says otherwise:
/// many proxies give up on a silent response earlier, and a client asks again.
pub const WAIT_MAX: Duration = Duration::from_secs(300);
/// How often the server checks every topic all the same, for what inotify does not report: mounts over a name, mmap writers.
pub const SWEEP_INTERVAL: Duration = Duration::from_secs(15);
/// Topics that a sweep checks in one turn (about 5 µs each).
pub const SWEEP_SLICE: usize = 64;
/// Shortest and longest pause between two checks of what clients have acknowledged, for `--send-timeout`.
pub const ACKNOWLEDGED_INTERVAL: (Duration, Duration) =
    (Duration::from_millis(100), Duration::from_secs(30));

/// How many times a look-up begins again because its name changed hands while its watches were placed.
pub const FOLLOW_TRIES: u32 = 3;
/// Names of which the log says that they lead out of the root, each once.
pub const REFUSED_LINKS_MAX: usize = 64;
/// Symbolic links in one look-up, as in the kernel (MAXSYMLINKS).
pub const SYMLINKS_MAX: u32 = 40;
/// First bytes of a file of unknown type that decide whether it is text.
pub const SNIFF_MAX: usize = 512;
/// Entries of a directory that event streams report. Of the files that fit the patterns of a stream, the server remembers
/// between one and two times as many of those that the stream does not follow.
pub const LISTING_MAX: usize = 4096;
/// Entries on a page of the list of a directory, which is held in memory while its client reads it.
pub const PAGE_ENTRIES: usize = 1000;
/// Most entries of a directory whose list the loop makes itself, in some 3 ms. A thread makes the list of a larger one.
pub const LIST_AT_ONCE: usize = 2048;
/// The same for HEAD, which needs the list only for its length, in some 0.5 ms. For a larger one the length is left out.
pub const LIST_FOR_HEAD: usize = 100;
/// Lists that threads make for one worker at a time; further requests get 503.
pub const LISTS_AT_ONCE: usize = 8;
/// Stack of such a thread.
pub const LIST_STACK: usize = 256 * 1024;
/// Long pages (lists of directories or of generations) that the clients of a worker may be in the middle of at a time; others
/// are refused with 503, so that slow clients do not hold a worker's memory. Clients that asked for a list at the same time
/// are sent the same page.
pub const LISTINGS_MAX: usize = 16;
/// Files whose last size, or identity, is remembered when nobody has them open: 64 KiB each.
pub const SIZES_MAX: usize = 4096;
/// Files remembered as truncated. When there are more, all tags change at once, which costs a reader a new start but
/// never gives it wrong bytes.
pub const TRUNCATED_MAX: usize = 65_536;
/// Names whose dates are remembered because responses had them while a write could still get the same date. When there are
/// more, a date of one of these seconds gives no 304, which costs a transfer but never leaves a client with an old file.
pub const SENT_DATES_MAX: usize = 4096;

/// Most files that a worker keeps open because clients often request them: a site's page with all that belongs to it.
pub const CACHED_FILES_MAX: usize = 64;
/// One of so many descriptors, of all that the limit allows, may be such a file.
pub const CACHED_FILES_SHARE: u64 = 32;
/// A worker keeps a file open that clients request in two turns of a period, and closes one that none requests in a whole period,
/// after twice this at most. Space and mounts of removed files are held so long.
pub const CACHE_PERIOD: Duration = Duration::from_secs(1);
/// Names that a worker remembers in a period because clients requested them, 8 bytes each.
pub const CACHE_SEEN_MAX: usize = 1024;

/// TCP keepalive: first probe after so many seconds of silence, then every [`KEEPALIVE_INTERVAL`], [`KEEPALIVE_COUNT`]
/// times: a dead peer is found after about two minutes.
pub const KEEPALIVE_IDLE: Duration = Duration::from_secs(60);
/// See [`KEEPALIVE_IDLE`].
pub const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(15);
/// See [`KEEPALIVE_IDLE`].
pub const KEEPALIVE_COUNT: u32 = 4;

/// Largest body of one append, unless `--append-max` says otherwise: a record is written by one write(2), and is in memory
/// until it has come.
pub const APPEND_MAX: u64 = 1024 * 1024;
/// What all bodies that are in memory may hold together, unless `--body-memory` says otherwise.
pub const BODY_MEMORY: usize = 64 * 1024 * 1024;
/// Bytes by which the buffer of a body grows at least, so that not every packet costs an allocation.
pub const BODY_STEP: usize = 16 * 1024;
/// Bytes of chunk extensions and trailer fields of one body, which nobody here wants: as much as a head.
pub const BODY_OVERHEAD_MAX: usize = HEAD_MAX;
/// How long a write waits for the lock of its file, which somebody else holds.
pub const LOCK_PATIENCE: Duration = Duration::from_secs(5);
/// Shortest and longest pause between two tries to take the lock of a file. The pause doubles.
pub const LOCK_PAUSE: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(32));
/// Bytes of records that one write(2) appends at most for several requests: whoever waits for the lock of the file waits for
/// some 20 µs then.
pub const APPEND_TOGETHER_MAX: usize = 64 * 1024;
/// Files that a worker keeps open because somebody appends to them again and again: the fewest and the most that may be
/// kept. Each has two to four descriptors.
pub const APPENDERS_MAX: (usize, usize) = (4, 1024);
/// Of all descriptors that there may be, one in so many may be the first one of such a file: so all of theirs are at most
/// the quarter that is for files.
pub const APPENDERS_SHARE: u64 = 20;
/// Threads that put files on disk: one file does not wait for another, and a slow file system has one of them.
pub const COMMIT_THREADS: usize = 4;
/// Stack of one of these threads, which only makes system calls.
pub const COMMIT_STACK: usize = 128 * 1024;
/// Directories that are remembered to be on disk as they are. Others are put on disk once more.
pub const COMMIT_NAMES_MAX: usize = 256;
/// Files that are remembered because they could not be put on disk. A disk on which more fail can keep no promise.
pub const COMMIT_FAILED_MAX: usize = 1024;
/// Entries below the prefixes that the start searches for leftover temporary files: about a second.
pub const LEFTOVERS_ENTRIES_MAX: usize = 1_000_000;

/// Entries of a directory among which a worker itself looks for another name of a generation that has lost one: some
/// milliseconds.
pub const LINKS_ENTRIES_MAX: usize = 16_384;

/// Most generations in a row that a stream passes over because the server may not read them; behind so many it goes on with
/// the file that has the name. The worker tries to open each.
pub const GENERATIONS_UNREADABLE_MAX: usize = 64;

/// Most earlier generations of one name that a search considers; of more, the newest. Each takes some 200 bytes and 5 µs.
pub const GENERATIONS_MAX: usize = 16_384;
/// A directory in which nothing happened for so long is not in the middle of a roll. Longer than a tick of the kernel's
/// clock, which file systems take their times from (10 ms at 100 Hz).
pub const GENERATIONS_SETTLED: Duration = Duration::from_millis(50);
/// Most bytes that are read of `.openrange-moves`, which a mirror writes: some 300,000 lines with short names.
pub const MOVES_MAX: u64 = 16 * 1024 * 1024;
/// Longest line of that file: two names of 255 bytes, each of them escaped, and a number.
pub const MOVES_LINE_MAX: u64 = 2048;
/// Pause before a search reads a directory again in which something happened.
pub const GENERATIONS_PAUSE: Duration = Duration::from_millis(20);
/// How often a search reads a directory in which something always happens: the last time counts, after some 0.5 s.
pub const GENERATIONS_TRIES: u32 = 25;
/// If a number of a series is missing, a directory in which nothing happened for so long is not in the middle of a roll.
/// Longer than the steps of a roll by hand or by a script take (`sleep 1`), also on a disk that is busy; and a reader who must
/// be told that something is lost can wait for so long.
pub const GENERATIONS_HOLE_QUIET: Duration = Duration::from_secs(2);
/// In a directory in which something always happens, so long is waited for a number that is missing, at most.
pub const GENERATIONS_HOLE_LONGEST: Duration = Duration::from_secs(4);
/// Names whose generations are searched at a time; requests for others get 503.
pub const GENERATIONS_SEARCHES_MAX: usize = 1024;
/// Stack of the thread that searches.
pub const GENERATIONS_STACK: usize = 256 * 1024;
/// Logs whose rolls a worker observes, followed now or not long ago.
pub const ROLLED_LOGS_MAX: usize = 1024;
/// Files that a worker keeps track of when logs are rolled.
pub const ROLLED_FILES_MAX: usize = 16 * ROLLED_LOGS_MAX;
/// Halves of renames that wait for the other half, which mostly comes next.
pub const ROLLED_MOVING_MAX: usize = 64;
/// Sweeps for which a log is observed that nobody follows any more: ten minutes. Whoever comes again meanwhile finds its
/// file whatever it was renamed to.
pub const ROLLED_SWEEPS: u32 = 40;
/// Largest file of `--history`: some 600,000 rolls since the server started; then it is full until the next start.
pub const HISTORY_FILE_MAX: u64 = 64 * 1024 * 1024;
/// Lines that wait to be written to it; what comes beyond is not remembered.
pub const HISTORY_QUEUE_MAX: usize = 4096;
/// Stack of the thread that writes it.
pub const HISTORY_STACK: usize = 128 * 1024;
/// Names whose former files are remembered.
pub const SEEN_NAMES_MAX: usize = 4096;
/// Files of one name that are remembered, 32 bytes each.
pub const SEEN_LINE_MAX: usize = 64;
/// Files that are remembered because they were created beside a log, or compressed.
pub const SEEN_FILES_MAX: usize = 4096;
/// How often the server checks whether the path of ROOT still leads to the directory that it serves.
pub const ROOT_CHECK_INTERVAL: Duration = Duration::from_secs(2);
/// How long SIGHUP waits for a look at ROOT: a local file system needs a millisecond. The signals that end the server come behind
/// it, and the manager of services, which waits for the end of the reload.
pub const ROOT_CHECK_PATIENCE: Duration = Duration::from_secs(2);
/// How long the start waits for another process to unlock the directory of a unix socket.
pub const SOCKET_LOCK_PATIENCE: Duration = Duration::from_secs(1);
/// Pause between two tries to lock it.
pub const SOCKET_LOCK_PAUSE: Duration = Duration::from_millis(20);

/// Files whose features are remembered, where the file system gives no identity: some 20 MB at most.
pub const EVIDENCE_FILES_MAX: usize = 65_536;
/// First bytes of a file that are compared where its inode number does not say which file it is.
pub const BEGINNING_MAX: usize = 64;
/// Bytes of the beginning of a file that are enough to know it again when its mount gives it another node number.
pub const EVIDENCE_MIN: usize = 16;
