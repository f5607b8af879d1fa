//! A level-triggered poller with [`Token`]s. It knows nothing of what the tokens stand for.
//!
//! Level, not edge: work that was left unfinished is reported again, so nothing can be forgotten, and a tail that is
//! caught up never has its registration changed. (Both were measured: no difference.)
#![allow(
    unsafe_code,
    reason = "polling asks for a proof that a source outlives its registration, see add"
)]

use std::io;
use std::num::NonZeroUsize;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::sync::Arc;
use std::time::Duration;

use polling::{Event, Events, PollMode, Poller};

use crate::limits::EVENTS_MAX;
use crate::readiness::Interest;

/// What an event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token {
    /// The inotify queue.
    Watch,
    /// The listener with this index.
    Listener(usize),
    /// The connection in this slot.
    Slot(usize),
}

impl Token {
    fn key(self) -> usize {
        match self {
            Token::Watch => 0,
            Token::Listener(index) => index << 2 | 1,
            Token::Slot(key) => key << 2 | 2,
        }
    }

    fn from_key(key: usize) -> Token {
        match key & 3 {
            0 => Token::Watch,
            1 => Token::Listener(key >> 2),
            _ => Token::Slot(key >> 2),
        }
    }
}

/// Something is ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ready {
    /// What.
    pub token: Token,
    /// There is something to read: bytes, a FIN, an error.
    pub readable: bool,
}

/// One epoll instance.
pub struct Poll {
    poller: Arc<Poller>,
    events: Events,
}

/// Wakes a [`Poll`] from another thread.
#[derive(Clone)]
pub struct Waker(Arc<Poller>);

impl Waker {
    /// Makes the current or next wait return.
    pub fn wake(&self) {
        // Fails only if the eventfd's counter is full, and then the wake-up is pending anyway.
        let _ = self.0.notify();
    }
}

fn event(token: Token, interest: Interest) -> Event {
    Event::new(token.key(), interest.readable, interest.writable)
}

impl Poll {
    /// A poller without registrations.
    ///
    /// # Errors
    /// EMFILE and the like: three descriptors are needed.
    pub fn new() -> io::Result<Poll> {
        let capacity = NonZeroUsize::new(EVENTS_MAX).expect("not zero");
        Ok(Poll {
            poller: Arc::new(Poller::new()?),
            events: Events::with_capacity(capacity),
        })
    }

    /// A handle to end a wait with.
    #[must_use]
    pub fn waker(&self) -> Waker {
        Waker(Arc::clone(&self.poller))
    }

    /// Begins to report a descriptor.
    ///
    /// # Errors
    /// ENOSPC (fs.epoll.max_user_watches), ENOMEM.
    pub fn add(&self, fd: impl AsFd, token: Token, interest: Interest) -> io::Result<()> {
        // SAFETY: `fd` is open, because it is lent for the call. The other condition, that a source is removed before it
        // is closed, is kept by the worker for what it closes while it runs, but no memory depends on it: a registration
        // is a number and a key in the kernel, which drops it with the last descriptor of the open file (epoll(7)), and
        // polling exempts epoll from the condition (`Poller::add` in its epoll.rs). What could be left over is the
        // token of something that is gone, and a token is an index that is checked.
        unsafe {
            self.poller.add_with_mode(
                fd.as_fd().as_raw_fd(),
                event(token, interest),
                PollMode::Level,
            )
        }
    }

    /// Changes what is reported of a descriptor.
    ///
    /// # Errors
    /// ENOENT if it was not added.
    pub fn modify(&self, fd: BorrowedFd<'_>, token: Token, interest: Interest) -> io::Result<()> {
        self.poller
            .modify_with_mode(fd, event(token, interest), PollMode::Level)
    }

    /// Stops reporting a descriptor.
    pub fn remove(&self, fd: BorrowedFd<'_>) {
        // ENOENT is the only failure, and what is wanted.
        let _ = self.poller.delete(fd);
    }

    /// Waits for events, a wake-up or the timeout (`None`: none). Interrupted waits go on.
    ///
    /// # Errors
    /// None are known; after one the poller is lost.
    pub fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.events.clear();
        self.poller.wait(&mut self.events, timeout)?;
        Ok(())
    }

    /// What the last wait found.
    pub fn ready(&self) -> impl Iterator<Item = Ready> + '_ {
        self.events.iter().map(|event| Ready {
            token: Token::from_key(event.key),
            readable: event.readable,
        })
    }
}
