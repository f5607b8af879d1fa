//! What is still to go out of one response: ready bytes, a slice and the parts behind it, a tail with its frame, or events.

use std::ops::Range;
use std::sync::Arc;

use crate::action::{Bytes, Next};
use crate::response::{Body, Part};
use crate::subscription::end::{End, Ended};
use crate::subscription::event_stream::EventStream;
use crate::subscription::tail::Tail;

/// A response on its way.
#[derive(Debug)]
pub struct Sending<F> {
    /// Head, part head, events or last chunk.
    ready: Box<[u8]>,
    /// Bytes of `ready` that are out.
    sent: u32,
    follows: Follows<F>,
}

#[derive(Debug)]
enum Follows<F> {
    Nothing,
    /// A page, of which so many bytes are out as `sent` says when nothing is left of `ready`.
    Page(Arc<[u8]>),
    Slice {
        file: F,
        rest: Range<u64>,
        /// The parts after this one, the next one last. Boxed: rare, and a connection slot is small.
        #[allow(clippy::box_collection, reason = "8 bytes in the slot instead of 24")]
        more: Option<Box<Vec<Part>>>,
    },
    Subscription(Subscription<F>),
}

/// An endless answer.
#[derive(Debug)]
pub enum Subscription<F> {
    /// The bytes of a file.
    Tail(Tail<F>),
    /// Its lines, and those of the file after it. Boxed: an idle tail is no larger for it.
    Events(Box<EventStream<F>>),
}

/// What is left after some bytes went out.
#[derive(Debug, PartialEq, Eq)]
pub enum Progress {
    /// More to send, or to measure.
    More,
    /// Nothing of a tail, and nothing has changed since it was measured: it may sleep.
    Rest,
    /// Nothing of what was made of an event stream: it knows what it needs next.
    Events,
    /// Nothing: the response is complete.
    Nothing,
}

impl<F> Sending<F> {
    /// The response with this head; `file` is there unless the body is `Nothing`.
    pub fn new(head: Vec<u8>, body: Body, file: Option<F>) -> Sending<F> {
        let mut head = head;
        let follows = match (body, file) {
            (Body::Page(page), _) => Follows::Page(page),
            (Body::Slice(rest), Some(file)) => Follows::Slice {
                file,
                rest,
                more: None,
            },
            (Body::Parts(mut parts), Some(file)) => {
                parts.reverse();
                Follows::Slice {
                    file,
                    rest: 0..0,
                    more: Some(Box::new(parts)),
                }
            }
            (
                Body::Tail {
                    at,
                    size,
                    chunked,
                    trailers,
                },
                Some(file),
            ) => {
                let mut tail = Tail::new(file, at, chunked, trailers);
                head.extend(tail.begin(size));
                Follows::Subscription(Subscription::Tail(tail))
            }
            (
                Body::Events {
                    path,
                    subject,
                    chunked,
                    begun,
                },
                file,
            ) => {
                let events = EventStream::new(path, subject, file, chunked, begun);
                Follows::Subscription(Subscription::Events(Box::new(events)))
            }
            (_, _) => Follows::Nothing,
        };
        Sending {
            // A copy: that is quicker than to give the unused end of the head's buffer back to the allocator.
            ready: Box::from(head.as_slice()),
            sent: 0,
            follows,
        }
    }

    /// The endless answer in it, if it is one.
    pub fn subscription(&self) -> Option<&Subscription<F>> {
        if let Follows::Subscription(subscription) = &self.follows {
            Some(subscription)
        } else {
            None
        }
    }

    /// See [`Sending::subscription`].
    pub fn subscription_mut(&mut self) -> Option<&mut Subscription<F>> {
        if let Follows::Subscription(subscription) = &mut self.follows {
            Some(subscription)
        } else {
            None
        }
    }

    /// Whether one of its files is such a file.
    pub fn any_file(&self, is: impl Fn(&F) -> bool) -> bool {
        match &self.follows {
            Follows::Nothing | Follows::Page(_) => false,
            Follows::Slice { file, .. } => is(file),
            Follows::Subscription(subscription) => subscription.any_file(is),
        }
    }

    /// Bytes that are held to be sent, of a page that others are sent too a share; and those of the subscription.
    pub fn held(&self) -> usize {
        let follows = match &self.follows {
            Follows::Page(page) => page.len() / Arc::strong_count(page),
            Follows::Subscription(subscription) => subscription.held(),
            Follows::Nothing | Follows::Slice { .. } => 0,
        };
        self.ready.len() + follows
    }

    /// Ready bytes, or bytes of a page, that are not out.
    pub fn left(&self) -> u64 {
        (self.begun().len() - self.sent as usize) as u64
    }

    /// What `sent` counts bytes of.
    fn begun(&self) -> &[u8] {
        match &self.follows {
            Follows::Page(page) if self.ready.is_empty() => page,
            _ => &self.ready,
        }
    }

    /// The next bytes; `None` if it is endless and must be measured, read or followed before there are any.
    pub fn next(&self) -> Option<Next<'_, F>> {
        let ready = &self.begun()[self.sent as usize..];
        match &self.follows {
            Follows::Slice { file, rest, .. } if !rest.is_empty() => Some(Next {
                before: Bytes::Ready(ready),
                file: Some((file, rest.clone())),
                after: b"",
            }),
            Follows::Subscription(Subscription::Events(_)) if ready.is_empty() => None,
            Follows::Subscription(Subscription::Tail(tail)) if !tail.is_finished() => {
                let Some(rest) = tail.rest_of_frame() else {
                    return (!ready.is_empty()).then_some(Next {
                        before: Bytes::Ready(ready),
                        file: None,
                        after: b"",
                    });
                };
                let file = (!rest.file.is_empty()).then_some((tail.file(), rest.file));
                let before = match ready {
                    [] => Bytes::Line(rest.line),
                    // Its size line is the end of the head.
                    _ => Bytes::Ready(ready),
                };
                Some(Next {
                    before,
                    file,
                    after: rest.end,
                })
            }
            _ => Some(Next {
                before: Bytes::Ready(ready),
                file: None,
                after: b"",
            }),
        }
    }

    /// `n` more of those bytes are out.
    ///
    /// # Panics
    /// If more was sent than was there to send.
    pub fn advance(&mut self, n: u64) -> Progress {
        let ready = self.left();
        let of_ready = n.min(ready);
        #[allow(
            clippy::cast_possible_truncation,
            reason = "a head or a page: far below 2^32"
        )]
        {
            self.sent += of_ready as u32;
        }
        let n = n - of_ready;
        if ready > of_ready {
            return Progress::More;
        }
        match &mut self.follows {
            Follows::Nothing => {
                assert!(n == 0, "sent more than was there");
                Progress::Nothing
            }
            Follows::Page(_) => {
                assert!(n == 0, "sent more than was there");
                let head = std::mem::take(&mut self.ready);
                if head.is_empty() {
                    return Progress::Nothing;
                }
                self.sent = 0;
                Progress::More
            }
            Follows::Slice { rest, more, .. } => {
                rest.start += n;
                assert!(rest.start <= rest.end, "sent more than was there");
                if !rest.is_empty() {
                    return Progress::More;
                }
                let Some(part) = more.as_mut().and_then(|more| more.pop()) else {
                    return Progress::Nothing;
                };
                (self.ready, self.sent, *rest) = (part.before, 0, part.range);
                Progress::More
            }
            Follows::Subscription(Subscription::Tail(tail)) => {
                (self.ready, self.sent) = (Box::default(), 0);
                if tail.is_finished() {
                    return Progress::Nothing;
                }
                tail.advance(n);
                if tail.may_rest() {
                    Progress::Rest
                } else {
                    Progress::More
                }
            }
            Follows::Subscription(Subscription::Events(events)) => {
                assert!(n == 0, "sent more than was there");
                (self.ready, self.sent) = (Box::default(), 0);
                if events.sent() {
                    Progress::Nothing
                } else {
                    Progress::Events
                }
            }
        }
    }

    /// The offset in the file up to which bytes were delivered or promised, as far as they are not all out. Nothing of the
    /// file is promised by an event stream.
    pub fn reach(&self) -> u64 {
        match &self.follows {
            Follows::Slice { rest, more, .. } => {
                let more = more.iter().flat_map(|more| more.iter());
                more.map(|part| part.range.end).fold(rest.end, u64::max)
            }
            Follows::Subscription(Subscription::Tail(tail)) => tail.reach(),
            Follows::Nothing
            | Follows::Page(_)
            | Follows::Subscription(Subscription::Events(_)) => 0,
        }
    }

    /// The endless answer alone, once nothing of it is on its way; `None` if it has an end.
    pub fn into_subscription(self) -> Option<Subscription<F>> {
        if let Follows::Subscription(subscription) = self.follows {
            Some(subscription)
        } else {
            None
        }
    }
}

impl<F> Subscription<F> {
    /// The server ends: so does the subscription, when it has delivered all bytes.
    pub fn shut_down(&mut self) {
        match self {
            Subscription::Tail(tail) => {
                tail.end(End::Shutdown);
                tail.look();
            }
            Subscription::Events(events) => events.end(),
        }
    }

    /// One of its names (a tail has one, with the number 0) no longer leads to its file; the first reason stays.
    pub fn name_lost(&mut self, name: usize, why: End) {
        match self {
            Subscription::Tail(tail) => {
                tail.end(why);
                tail.look();
            }
            Subscription::Events(events) => events.name_lost(name, why),
        }
    }

    /// Whether one of its files is such a file.
    pub fn any_file(&self, is: impl Fn(&F) -> bool) -> bool {
        match self {
            Subscription::Tail(tail) => is(tail.file()),
            Subscription::Events(events) => events.files().any(is),
        }
    }

    /// Bytes that it holds beyond what each subscription does.
    pub(super) fn held(&self) -> usize {
        match self {
            Subscription::Tail(_) => 0,
            Subscription::Events(events) => events.held(),
        }
    }

    /// How far it is in its file, if there is one.
    pub fn progress(&self) -> Option<(u64, &F)> {
        match self {
            Subscription::Tail(tail) => Some((tail.offset(), tail.file())),
            Subscription::Events(events) => events.progress(),
        }
    }

    /// The file must be measured before it may sleep.
    pub fn look(&mut self) {
        match self {
            Subscription::Tail(tail) => tail.look(),
            Subscription::Events(events) => events.look(),
        }
    }

    /// What the log says of its end: why, if it does not know better itself. `left`: ready bytes that are not out.
    pub fn ended(&self, end: Option<End>, left: u64) -> Ended {
        match self {
            Subscription::Tail(tail) => Ended {
                end: end.or(tail.ending()).unwrap_or(End::ClientGone),
                bytes: tail.delivered(),
                events: None,
            },
            Subscription::Events(events) => Ended {
                end: end.unwrap_or(End::Shutdown),
                bytes: events.delivered(left),
                events: Some(events.path().clone()),
            },
        }
    }

    /// Its response again, to send these bytes, or what [`Tail::measured`] found.
    pub fn into_sending(self, ready: Box<[u8]>) -> Sending<F> {
        Sending {
            ready,
            sent: 0,
            follows: Follows::Subscription(self),
        }
    }
}
