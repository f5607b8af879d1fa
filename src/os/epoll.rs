//! A level-triggered poller with [`Token`]s. It knows nothing of what the tokens stand for.
//!
//! Level, not edge: work that was left unfinished is reported again, so nothing can be forgotten, and a tail that is
//! caught up never has its registration changed. (Both were measured: no difference.)
//!
//! Registrations and wake-ups are those of `polling`, but not each wait: `polling` sets a timer and renews two registrations
//! whenever it waits, which makes four system calls beside the one that waits, in each turn of a loop.
#![allow(
    unsafe_code,
    reason = "polling asks for a proof that a source outlives its registration, see add"
)]

use std::io;
use std::mem::MaybeUninit;
use std::num::NonZeroUsize;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::sync::Arc;
use std::time::Duration;

use polling::{Event, Events, PollMode, Poller};
use rustix::event::Timespec;
use rustix::event::epoll::{self, EventFlags};
use rustix::io::Errno;

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

    /// `None`: it is the key of a wake-up, which `polling` keeps for itself (`usize::MAX`).
    fn from_key(key: usize) -> Option<Token> {
        match key & 3 {
            0 => Some(Token::Watch),
            1 => Some(Token::Listener(key >> 2)),
            2 => Some(Token::Slot(key >> 2)),
            _ => None,
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
    ready: Vec<Ready>,
}

/// Longest wait at a time: epoll takes milliseconds in an `int`. Whoever waits longer waits again.
const WAIT_MAX: Duration = Duration::from_secs(86_400);

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
        Ok(Poll {
            poller: Arc::new(Poller::new()?),
            ready: Vec::new(),
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

    /// Waits for events, a wake-up or the timeout (`None`: none), in whole milliseconds and never less. May find nothing, also
    /// before the timeout, as after a signal.
    ///
    /// # Errors
    /// None are known; after one the poller is lost.
    pub fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.ready.clear();
        let timeout = timeout.map(|timeout| timespec(timeout.min(WAIT_MAX)));
        let mut events = [const { MaybeUninit::uninit() }; EVENTS_MAX];
        let found = match epoll::wait(&*self.poller, events.as_mut_slice(), timeout.as_ref()) {
            Ok((found, _)) => found,
            Err(Errno::INTR) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let mut woken = false;
        for &mut epoll::Event { flags, data } in found {
            match Token::from_key(data.u64() as usize) {
                Some(token) => self.ready.push(Ready {
                    token,
                    readable: flags.intersects(READABLE),
                }),
                None => woken = true,
            }
        }
        match woken {
            true => self.take_wake_up(),
            false => Ok(()),
        }
    }

    /// Has `polling` take the wake-up and listen to the next one. What else it finds was found already, or is found again.
    fn take_wake_up(&self) -> io::Result<()> {
        let mut others = Events::with_capacity(NonZeroUsize::MIN);
        self.poller.wait(&mut others, Some(Duration::ZERO))?;
        Ok(())
    }

    /// What the last wait found.
    pub fn ready(&self) -> impl Iterator<Item = Ready> + '_ {
        self.ready.iter().copied()
    }
}

/// With each of these there is something to read.
const READABLE: EventFlags = EventFlags::IN
    .union(EventFlags::HUP)
    .union(EventFlags::ERR)
    .union(EventFlags::PRI);

fn timespec(duration: Duration) -> Timespec {
    Timespec {
        tv_sec: duration.as_secs() as _,
        tv_nsec: duration.subsec_nanos() as _,
    }
}
