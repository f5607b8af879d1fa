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
    /// The topic that its response follows; `None`: it follows none, or is an event stream that follows several, see
    /// `EventSubscriptions`.
    pub(super) topic: Option<u32>,
    /// What the poller watches the socket for.
    pub(super) armed: Interest,
    /// Its entry in the worker's `Deadlines`.
    pub(super) deadline: Moment,
    /// The poller has reported bytes to read.
    pub(super) readable: bool,
    /// It is in the queue of connections that the worker drives in this turn.
    pub(super) due: bool,
    /// A PROXY header must come before its first request, and is not complete yet.
    pub(super) awaits_source: bool,
    /// It counts against `--max-connections`.
    pub(super) counted: bool,
    /// How much of what was sent the client has not acknowledged.
    pub(super) unacked: UnackedBytes,
    /// Something was sent after the last check that found everything acknowledged.
    pub(super) has_unacked: bool,
    /// Bytes that the connection holds beyond this slot, as last counted.
    pub(super) held: u32,
    /// When it was accepted, in seconds of the monotonic clock.
    since: u32,
    /// What the access log will say of the response that is on its way.
    pub(super) record: Option<Box<Record>>,
    /// The number of the last truncation (of any file) up to which its file is known to be whole, see
    /// [`OpenFile::shrank_since`].
    pub(super) truncation: u64,
    /// The write that its request asks for, while the body comes in or the write waits.
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
            armed: Interest::READABLE,
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

    /// How long the client has not done what the connection waits for. Of a request that waits: how long it will go on to hold
    /// what came behind it.
    pub(super) fn stalled_for(&self, now: Moment) -> Duration {
        match self.machine.patience() {
            Some(until) => until - now,
            None if self.has_unacked => self.unacked.behind(now),
            None => now - self.machine.since(),
        }
    }

    /// Whether a client whose deadline has come is still receiving the previous response. The send timeout then limits how long
    /// it may take nothing. Without a send timeout the kernel delivers the rest after the close, for as long as that takes.
    pub(super) fn is_being_delivered(&self, send_timeout: Duration) -> bool {
        send_timeout > Duration::ZERO
            && self.has_unacked
            && self.machine.awaits_delivery()
            && self.stream.unacknowledged() > 0
    }

    /// Whether the client has acknowledged the last response, so that the connection only waits for the peer's close.
    pub(super) fn is_delivered(&self) -> bool {
        let lingers = matches!(
            self.machine.state(),
            State::Closing(CloseMode::Linger { .. })
        );
        lingers && self.stream.unacknowledged() == 0
    }

    /// How long ago it was accepted, to the second.
    pub(super) fn age(&self, now: Moment) -> Duration {
        now - Moment(u64::from(self.since) * 1000)
    }
}
