//! Why a subscription ends.

use crate::http::target::Path;
use crate::job::JobStatus;

/// Why a tail ended. The client learns of the first five from the trailer; the others cut the response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The file was renamed away from the name.
    Renamed,
    /// The name was removed.
    Unlinked,
    /// Another file has the name.
    Replaced,
    /// The file was sealed: nobody has write permission any more.
    Sealed,
    /// The server shuts down.
    Shutdown,
    /// The file no longer has what was delivered or promised, or cannot be read.
    Broken,
    /// The file was removed or replaced by another machine, and its bytes are gone (ESTALE).
    Stale,
    /// The client closed, or half-closed, or was reset.
    ClientGone,
    /// The client took no byte within `--send-timeout`.
    Stalled,
    /// The client sent a head's worth of requests behind the endless answer.
    Flooded,
    /// The client took less than `--min-rate` of a file that has no name any more.
    TooSlow,
    /// The token by which the client was let in was removed, or has expired.
    Revoked,
    /// All connections held too much memory, and this one had stalled for longest.
    Crowded,
}

impl End {
    /// All of them, each at its index (`end as usize`).
    pub const ALL: [End; 13] = [
        End::Renamed,
        End::Unlinked,
        End::Replaced,
        End::Sealed,
        End::Shutdown,
        End::Broken,
        End::Stale,
        End::ClientGone,
        End::Stalled,
        End::Flooded,
        End::TooSlow,
        End::Revoked,
        End::Crowded,
    ];

    /// Whether the file has lost bytes that the response promised, so that the response must be cut.
    #[must_use]
    pub fn is_loss(self) -> bool {
        matches!(self, End::Broken | End::Stale)
    }

    /// One word, as the label of a metric.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            End::Broken => "broken",
            End::Stale => "stale",
            End::ClientGone => "left",
            End::Stalled => "stalled",
            End::Flooded => "flooded",
            End::TooSlow => "too-slow",
            End::Revoked => "revoked",
            End::Crowded => "crowded",
            end => end.word(),
        }
    }

    /// The word for the trailer field `Tail-End` and for the log.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            End::Renamed => "renamed",
            End::Unlinked => "unlinked",
            End::Replaced => "replaced",
            End::Sealed => "sealed",
            End::Shutdown => "shutdown",
            End::Broken => "cut: truncated or unreadable",
            End::Stale => {
                "cut: another machine removed or replaced the file, whose bytes are gone (ESTALE)"
            }
            End::ClientGone => "client left",
            End::Stalled => "cut: client took nothing within the send timeout",
            End::Flooded => "cut: too much behind an endless answer",
            End::TooSlow => "cut: client took less than --min-rate of a removed file",
            End::Revoked => "cut: its token was removed or has expired",
            End::Crowded => "cut: connections hold too much memory",
        }
    }

    /// The last chunk of a tail, with its trailer fields. `job`: how the job ended whose answer it was.
    #[must_use]
    pub fn last_chunk(self, job: Option<JobStatus>) -> Box<[u8]> {
        let job = job.map(|status| format!("Job-Status: {status}\r\n"));
        format!(
            "0\r\nTail-End: {}\r\n{}\r\n",
            self.word(),
            job.unwrap_or_default()
        )
        .into_bytes()
        .into()
    }
}

/// What the log says of an endless response at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// Why it ended.
    pub end: End,
    /// Bytes of the body that the socket has taken.
    pub bytes: u64,
    /// The name that an event stream followed. That of a tail is known by its file.
    pub events: Option<Path>,
}
