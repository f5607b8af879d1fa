//! Limits of the commands beside the server that connect to others: `follow`, `mirror`, `hooks`.

use std::time::Duration;

/// Bytes that a follower reads at once: fewer system calls for each byte, and a small part of 4 MiB.
pub const CLIENT_BUFFER: usize = 256 * 1024;
/// Bytes of late writes to an earlier generation that a follower asks for at once; also the longest late line that comes
/// whole.
pub const CLIENT_LATE_BUFFER: usize = 64 * 1024;
/// Earlier generations that a position names, 20 bytes each: one that is still kept suffices to tell which are newer.
pub const CLIENT_EARLIER_MAX: usize = 16;
/// Earlier generations whose late writes a follower looks for at a time. When there are more, it waits with the next
/// generation until the time of one of them is over.
pub const CLIENT_LATE_MAX: usize = 64;
/// Longest document (list of generations, reason of a refusal) that a follower reads: some 5,000 generations.
pub const CLIENT_DOCUMENT_MAX: usize = 1024 * 1024;
/// Longest line that a follower hands over whole to a command; a longer one comes in pieces.
pub const CLIENT_LINE_MAX: usize = 16 * 1024 * 1024;
/// Shortest and longest pause before a follower tries again what failed; it doubles.
pub const CLIENT_RETRY: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));
/// The same between two looks for the next generation: between `rename` and `open` of a roll there is mostly less than the
/// first.
pub const CLIENT_LOOK: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(1));
/// The same between two looks for late writes to an earlier generation.
pub const CLIENT_LATE_LOOK: (Duration, Duration) =
    (Duration::from_millis(50), Duration::from_secs(1));
/// After that time, and so much more, late writes are given up if nothing that is understood comes of the looks.
pub const CLIENT_LATE_PATIENCE: Duration = Duration::from_secs(60);
/// How long a connection may take to be made.
pub const CLIENT_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a server may take to begin its response, and how long it may pause in one that is not live.
pub const CLIENT_RESPONSE_TIMEOUT: Duration = Duration::from_secs(60);
/// So long a client reads the body of a response whose status says all that matters: the body only says why.
pub const CLIENT_REASON_TIMEOUT: Duration = Duration::from_secs(1);
/// How long a command that is at work may go on after SIGTERM: its batch is then done, or it comes again.
pub const CLIENT_COMMAND_GRACE: Duration = Duration::from_secs(10);
/// Most addresses of a host name that are tried.
pub const CLIENT_ADDRESSES_MAX: usize = 8;
/// How many milliseconds an address may take to answer if others of the name are left.
pub const CLIENT_ADDRESS_TIMEOUT: u32 = 3000;
/// How often a position is saved while it moves.
pub const CLIENT_SAVE_INTERVAL: Duration = Duration::from_millis(900);
/// The client asks so many times for a generation that the server does not have before it counts as gone: its directory may be
/// away for a moment.
pub const CLIENT_GONE_TRIES: u32 = 3;
/// Connections of a mirror besides those for the list and the events: some to fetch, the others to tail what grows.
pub const MIRROR_LANES: usize = 12;
/// Of them, those that may be tails.
pub const MIRROR_TAILS: usize = 8;
/// Bytes that one of them reads at once.
pub const MIRROR_BUFFER: usize = 64 * 1024;
/// A file that grew is tailed until it has not grown for so long, or the connection is needed.
pub const MIRROR_HOT: Duration = Duration::from_secs(30);
/// How long a mirror waits for further news before it asks for a list: a roll is several renames.
pub const MIRROR_SETTLE: Duration = Duration::from_millis(20);
/// How long a mirror waits for two lists in a row that say the same of a log that was rolled. Where it is rolled all the time the
/// mirror goes on then, and may miss a file; so it is long against the time that a list of thousands of files takes on a
/// busy machine.
pub const MIRROR_DOUBT: Duration = Duration::from_secs(10);
/// A mirror goes so many directories deep: links at the origin may lead in circles.
pub const MIRROR_DEPTH: usize = 16;
/// Most directories of a mirror: the list of each is held in memory.
pub const MIRROR_DIRECTORIES_MAX: usize = 1000;
/// Of them, those that have a stream of events, each on a connection of its own.
pub const MIRROR_STREAMS: usize = 8;
/// The others are listed so often: first so, and less often while the lists say nothing new.
pub const MIRROR_POLL: (Duration, Duration) = (Duration::from_secs(3), Duration::from_secs(15));
/// A mirror of one file lists its generations so often while nothing tells of anything new: first soon, since what was sealed is
/// often rolled or goes on at once, and less often then, since it may stay as it is for ever, and have thousands of mirrors. 1,000
/// of them take 1 % of a processor in a small directory.
pub const MIRROR_QUIET: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(15));
/// A list of several pages is not requested again for as many times as long as it took: mirrors then take a fifth of the time
/// of one thread of the server, at most.
pub const MIRROR_REST: u32 = 4;
/// Longest page of a list: 1,000 entries of the longest names, with each byte escaped, are 2.5 MB.
pub const MIRROR_PAGE_MAX: usize = 4 * 1024 * 1024;
/// Bytes of the lists that a mirror holds, as they come: some 450,000 files with short names.
pub const MIRROR_LISTS_MAX: usize = 64 * 1024 * 1024;
/// Longest query of a page: a name of 255 bytes, each of them escaped, and what a server may put beside it.
pub const MIRROR_QUERY_MAX: usize = 4096;
/// So many lists are requested until two in a row name the same files; where names change all the time, the last one counts.
pub const MIRROR_LISTS_AGAIN: u32 = 3;
/// A file of a tree, or of a list of several pages, that no list names any more may have moved to a directory or page that is
/// listed later: its copy is removed after so long.
pub const MIRROR_TRAVEL: Duration = Duration::from_secs(4);
/// Names of files with several of them that a mirror leaves out and shows, of one directory at once, and directories that it leaves
/// out; of more it shows the number: a link to a large directory, or a large tree, must not fill a log.
pub const MIRROR_FURTHER_NAMES: usize = 8;
/// Different complaints of one thing that a mirror shows until that works: what alternates must not fill a log.
pub const MIRROR_COMPLAINTS: usize = 4;
const _: () = assert!(MIRROR_TRAVEL.as_secs() > MIRROR_POLL.0.as_secs());
/// Longest URL of a `Prefer: callback`, which gets a notification when the job ends.
pub const CALLBACK_MAX: usize = 2048;
/// Seconds before `openrange hooks` tries again what a target did not take, unless `--pauses` says otherwise: those that
/// Standard Webhooks proposes.
pub const HOOK_PAUSES: [u64; 9] = [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400];
/// Longest pause that a target can ask for (`Retry-After`).
pub const HOOK_RETRY_AFTER_MAX: Duration = Duration::from_secs(86_400);
/// How long one attempt may take, unless `--timeout` says otherwise: what Standard Webhooks proposes.
pub const HOOK_TIMEOUT: Duration = Duration::from_secs(20);
/// Attempts under way at one origin: some targets that never answer do not delay the others there.
pub const HOOK_LANES: usize = 8;
/// Targets that are behind; each origin that is listed has an equal share. When one has more, `done` is read on for it when one
/// of them is not behind any more; some 2 MB at most in memory, and 2 MB in the state file.
pub const HOOK_TARGETS_MAX: usize = 1000;
/// URLs that are remembered because they answered 410; of more, the oldest is forgotten.
pub const HOOK_GONE_MAX: usize = 1000;
/// Bytes of the content of a response after which its status counts, whatever else comes.
pub const HOOK_RESPONSE_MAX: usize = 64 * 1024;
/// Bytes of `done` that are read at once: some 150 lines.
pub const HOOK_READ: usize = 16 * 1024;
/// How long a rolled file may still be written to by somebody who has opened it under its former name.
pub const HOOK_ROLL_PAUSE: Duration = Duration::from_secs(1);
/// Hooks saves its state at most so often: after a crash it repeats the notifications of that time.
pub const HOOK_SAVE_INTERVAL: Duration = Duration::from_millis(100);
/// When it could not be saved: again after so long.
pub const HOOK_SAVE_AGAIN: Duration = Duration::from_secs(10);
/// Largest state that is read: all targets with the longest URLs, each character of them escaped.
pub const HOOK_STATE_MAX: usize = 16 * 1024 * 1024;
/// How long attempts that are under way may go on after SIGTERM.
pub const HOOK_GRACE: Duration = Duration::from_secs(5);
/// Origins of which the log says once that they are not listed.
pub const HOOK_FOREIGN_MAX: usize = 64;
/// How often `--progress` asks how long the file is: one small request for what is a glance of a person.
pub const CLIENT_GAUGE: Duration = Duration::from_secs(3);
/// Copies that wait to be flushed: each has a descriptor.
pub const MIRROR_FLUSH_FILES: usize = 64;
