//! The stream of events of one directory.

use super::channel::Channel;
use super::engine::Engine;
use super::events::{News, Reader};
use crate::client::exchange::Progress;
use crate::client::pause::Pause;
use crate::client::transport::Transport;
use crate::limits::{CLIENT_RETRY, EVENT_HEARTBEAT};
use crate::time::Moment;

/// See the module.
pub struct Watch {
    /// Of which directory (see `catalog`).
    pub prefix: Box<[u8]>,
    /// Of its token.
    pub number: usize,
    /// The connection.
    pub channel: Channel,
    reader: Reader,
    due: Moment,
    retry: Pause,
}

impl Watch {
    /// Begins at once.
    #[must_use]
    pub fn new(prefix: &[u8], number: usize, transport: Transport, now: Moment) -> Watch {
        Watch {
            prefix: prefix.into(),
            number,
            channel: Channel::new(transport),
            reader: Reader::default(),
            due: now,
            retry: Pause::new(CLIENT_RETRY),
        }
    }

    /// Whether it is to be requested.
    #[must_use]
    pub fn is_due(&self, now: Moment) -> bool {
        !self.channel.busy && self.due <= now
    }

    /// Requests it.
    pub fn begin(&mut self, request: Vec<u8>, now: Moment) {
        self.reader = Reader::default();
        self.channel.request(request, now);
    }

    /// When something is to be done, whatever comes.
    #[must_use]
    pub fn deadline(&self) -> Moment {
        match self.channel.busy {
            true => self.channel.timeout,
            false => self.due,
        }
    }

    /// Takes what came.
    pub fn run(&mut self, engine: &mut Engine, now: Moment) {
        let Watch {
            prefix,
            channel,
            reader,
            ..
        } = self;
        if channel.timeout <= now {
            channel.exchange.abandon();
            channel.over();
            self.due = now;
            return;
        }
        loop {
            let over = match channel.exchange.progress() {
                Progress::None => return,
                // An error is no stream, and its body may not end.
                Progress::Head(head) => head.status != 200,
                Progress::Content => {
                    let content = channel.exchange.content();
                    let count = content.len();
                    self.retry.reset();
                    let read = reader.read(content, |news| match news {
                        News::Grown(etag, size) => engine.grown(prefix, etag, size, now),
                        News::Begun(all) => engine.stream_begun(prefix, all, now),
                        News::Other => engine.list_soon_of(prefix, now),
                    });
                    // A stream that is alive says something every so often.
                    channel.timeout = now + EVENT_HEARTBEAT * 3;
                    channel.exchange.take(count);
                    read.is_err()
                }
                Progress::Whole(_) | Progress::Broken(_) => true,
            };
            if over {
                channel.exchange.abandon();
                channel.over();
                self.due = self.retry.begin(now);
                // Something may happen until it is there again.
                engine.list_soon_of(prefix, self.due);
                return;
            }
        }
    }
}
