//! The real binary, real sockets, real files: what the server promises, subject by subject. Each test has a server and a
//! directory of its own; every wait is bounded, and nothing is timed.

#[path = "server/client.rs"]
mod client;
#[path = "server/harness.rs"]
mod harness;
#[path = "server/source.rs"]
mod source;

#[path = "server/access_log.rs"]
mod access_log;
#[path = "server/admin.rs"]
mod admin;
#[path = "server/broken.rs"]
mod broken;
#[path = "server/command_line.rs"]
mod command_line;
#[path = "server/conditions.rs"]
mod conditions;
#[path = "server/cors.rs"]
mod cors;
#[path = "server/crowds.rs"]
mod crowds;
#[path = "server/directories.rs"]
mod directories;
#[path = "server/directory_events.rs"]
mod directory_events;
#[path = "server/ends.rs"]
mod ends;
#[path = "server/events.rs"]
mod events;
#[path = "server/finite.rs"]
mod finite;
#[path = "server/framing.rs"]
mod framing;
#[path = "server/groups.rs"]
mod groups;
#[path = "server/hot.rs"]
mod hot;
#[path = "server/log.rs"]
mod log;
#[path = "server/paths.rs"]
mod paths;
#[path = "server/protocol.rs"]
mod protocol;
#[path = "server/ranges.rs"]
mod ranges;
#[path = "server/regressions.rs"]
mod regressions;
#[path = "server/rolls.rs"]
mod rolls;
#[path = "server/slow.rs"]
mod slow;
#[path = "server/stalled.rs"]
mod stalled;
#[path = "server/starts.rs"]
mod starts;
#[path = "server/tails.rs"]
mod tails;
#[path = "server/tokens.rs"]
mod tokens;
#[path = "server/topic_lists.rs"]
mod topic_lists;
#[path = "server/unwatched.rs"]
mod unwatched;
