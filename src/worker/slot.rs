//! One client of a worker.

use std::rc::Rc;
use std::time::Duration;

use super::unacked::UnackedBytes;
use super::upload::Upload;
use crate::connection::{CloseMode, Connection, State};
use crate::log::access_record::Record;
use crate::os::sockets::{Peer, Stream};
use crate::readiness::Interest;
use crate::store::file::OpenFile;
use crate::time::Moment;

/// One client: its socket, its machine, and what the worker must remember of it.
pub struct Slot {
    pub(super) stream: Stream,
    pub(super) peer: Peer,
    pub(super) machine: Connection<Rc<OpenFile>>,
    /// The topic it follows; `None` for an event stream that follows none or several, see `EventSubscriptions`.
    pub(super) topic: Option<u32>,
    /// What the poller reports.
    pub(super) armed: Interest,
    /// The moment that the deadlines hold for it.
    pub(super) deadline: Moment,
    /// The poller says that there is something to read.
    pub(super) readable: bool,
    /// It is among those to be driven.
    pub(super) due: bool,
    /// It begins with a PROXY header, which has not come yet.
    pub(super) awaits_source: bool,
    /// It counts against `--max-connections`.
    pub(super) counted: bool,
    pub(super) unacked: UnackedBytes,
    /// Something was sent since the last look that found everything acknowledged.
    pub(super) has_unacked: bool,
    /// Bytes that it holds besides, at the last look.
    pub(super) held: u32,
    /// When it came, in seconds.
    since: u32,
    /// For the access log: the answer that is on its way.
    pub(super) record: Option<Box<Record>>,
    /// Up to when its file is known not to have been truncated, see [`OpenFile::shrank_since`].
    pub(super) truncation: u64,
    /// The body of a writing request that is coming, or waits.
    pub(super) upload: Option<Box<Upload>>,
}

impl Slot {
    /// A connection that was just accepted.
    pub(super) fn new(
        stream: Stream,
        peer: Peer,
        machine: Connection<Rc<OpenFile>>,
        counted: bool,
        now: Moment,
    ) -> Slot {
        Slot {
            stream,
            peer,
            machine,
            topic: None,
            armed: READABLE,
            deadline: Moment::NEVER,
            // Often the request has come already.
            readable: true,
            due: false,
            awaits_source: false,
            counted,
            unacked: UnackedBytes::default(),
            has_unacked: false,
            held: 0,
            since: u32::try_from(now.0 / 1000).unwrap_or(u32::MAX),
            record: None,
            truncation: 0,
            upload: None,
        }
    }

    /// How long it has done nothing that we wait for.
    pub(super) fn stalled_for(&self, now: Moment) -> Duration {
        if self.has_unacked {
            self.unacked.behind(now)
        } else {
            now - self.machine.since()
        }
    }

    /// Whether a client whose deadline has come still takes the response before it. How long it may take nothing of that, the
    /// send timeout says; without one, the kernel delivers the rest after the end of the connection, as long as it likes.
    pub(super) fn is_being_delivered(&self, send_timeout: Duration) -> bool {
        send_timeout > Duration::ZERO
            && self.has_unacked
            && self.machine.awaits_delivery()
            && self.stream.unacknowledged() > 0
    }

    /// Whether its last response has arrived, so that only the peer's close is waited for.
    pub(super) fn is_delivered(&self) -> bool {
        let lingers = matches!(
            self.machine.state(),
            State::Closing(CloseMode::Linger { .. })
        );
        lingers && self.stream.unacknowledged() == 0
    }

    /// How long it has been there, to the second.
    pub(super) fn age(&self, now: Moment) -> Duration {
        now - Moment(u64::from(self.since) * 1000)
    }
}

/// What the poller reports at first.
pub(super) const READABLE: Interest = Interest {
    readable: true,
    writable: false,
};

/// What the poller reports while a request waits for the disk, or for the lock of a file.
pub(super) const NOTHING: Interest = Interest {
    readable: false,
    writable: false,
};
