//! Looks for generations in a thread that lives as long as somebody asks for some. Requests that want the same of
//! a name and come before the look begins share it. If a roll may have disturbed a look, or may go on, the thread repeats it
//! after a pause, and serves other names meanwhile. It makes no more looks of which nobody wants to know the result.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use rustix::io::Errno;

use super::looks::{Looks, Wanted};
use super::report::Report;
use super::scan::Scanner;
use crate::limits::{GENERATIONS_SEARCHES_MAX, GENERATIONS_STACK};
use crate::os::threads;

/// What a search came to.
pub type Answer = Result<Report, Errno>;

/// Whom to tell.
pub trait Reply: Send + Sync {
    /// The search with this number is over.
    fn reply(&self, number: u64, answer: &Arc<Answer>);
}

/// Searches of all workers.
#[derive(Clone)]
pub struct Finder(Arc<Shared>);

struct Shared {
    queue: Mutex<Queue>,
    arrived: Condvar,
}

struct Queue {
    /// `None`: the thread that is looking has it.
    scanner: Option<Box<Scanner>>,
    /// There is a thread, or it is about to begin. Without one there are no searches.
    running: bool,
    searches: VecDeque<Search>,
}

struct Search {
    name: Box<[u8]>,
    asked: Vec<Asker>,
    looks: Looks,
    due: Instant,
}

struct Asker {
    reply: Arc<dyn Reply>,
    interest: Weak<u64>,
}

/// Somebody waits for the reply with this number, for as long as this is kept.
#[must_use]
pub struct Interest(Arc<u64>);

impl Interest {
    /// The number.
    #[must_use]
    pub fn number(&self) -> u64 {
        *self.0
    }
}

impl Finder {
    /// A finder that looks by this scanner.
    #[must_use]
    pub fn new(scanner: Scanner) -> Finder {
        Finder(Arc::new(Shared {
            queue: Mutex::new(Queue {
                scanner: Some(Box::new(scanner)),
                running: false,
                searches: VecDeque::new(),
            }),
            arrived: Condvar::new(),
        }))
    }

    /// Looks for the generations of a name, then replies with this number, if somebody still waits for it.
    ///
    /// # Errors
    /// EAGAIN if there are too many searches or no thread can start.
    pub fn find(
        &self,
        name: &[u8],
        wanted: Wanted,
        number: u64,
        reply: Arc<dyn Reply>,
    ) -> Result<Interest, Errno> {
        let interest = Arc::new(number);
        let mut queue = self.lock();
        if queue.searches.len() >= GENERATIONS_SEARCHES_MAX {
            queue.searches.retain_mut(Search::is_wanted);
        }
        let waiting = queue.searches.iter_mut();
        let asked = match waiting
            .into_iter()
            .find(|it| it.looks.fit(wanted) && *it.name == *name)
        {
            Some(search) => &mut search.asked,
            None => {
                if queue.searches.len() >= GENERATIONS_SEARCHES_MAX {
                    return Err(Errno::AGAIN);
                }
                queue.searches.push_back(Search::new(name, wanted));
                let search = queue.searches.back_mut().expect("one was pushed");
                &mut search.asked
            }
        };
        asked.push(Asker {
            reply,
            interest: Arc::downgrade(&interest),
        });
        if !queue.running {
            self.start(&mut queue)?;
        }
        drop(queue);
        self.0.arrived.notify_one();
        Ok(Interest(interest))
    }

    fn start(&self, queue: &mut Queue) -> Result<(), Errno> {
        let shared = Arc::clone(&self.0);
        match threads::start("generations", Some(GENERATIONS_STACK), move || shared.run()) {
            Ok(_) => {
                queue.running = true;
                Ok(())
            }
            Err(error) => {
                log::warn!("cannot start a thread to look for generations: {error}");
                // There is only the one for which the thread was to start.
                queue.searches.clear();
                Err(Errno::AGAIN)
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.0.lock()
    }
}

impl Shared {
    /// Until nothing is left to look for.
    fn run(&self) {
        let mut queue = self.lock();
        let Some(scanner) = queue.scanner.take() else {
            return;
        };
        while let Some(index) = queue.first() {
            let pause = queue.searches[index]
                .due
                .saturating_duration_since(Instant::now());
            if !pause.is_zero() {
                queue = self.wait(queue, pause);
                continue;
            }
            let Some(mut search) = queue.searches.remove(index) else {
                continue;
            };
            if !search.is_wanted() {
                continue;
            }
            drop(queue);
            let answer = search.look(&scanner);
            if let Some(answer) = answer {
                let answer = Arc::new(answer);
                for Asker { reply, interest } in search.asked {
                    if let Some(number) = interest.upgrade() {
                        reply.reply(*number, &answer);
                    }
                }
                queue = self.lock();
            } else {
                queue = self.lock();
                queue.searches.push_back(search);
            }
        }
        queue.scanner = Some(scanner);
        queue.running = false;
    }

    fn wait<'a>(&self, queue: MutexGuard<'a, Queue>, pause: Duration) -> MutexGuard<'a, Queue> {
        let result = self.arrived.wait_timeout(queue, pause);
        result.unwrap_or_else(PoisonError::into_inner).0
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    /// The search that is due first.
    fn first(&self) -> Option<usize> {
        let searches = self.searches.iter().enumerate();
        Some(searches.min_by_key(|(_, search)| search.due)?.0)
    }
}

impl Search {
    fn new(name: &[u8], wanted: Wanted) -> Search {
        Search {
            name: name.into(),
            asked: Vec::new(),
            looks: Looks::new(wanted),
            due: Instant::now(),
        }
    }

    /// Forgets those who do not wait any more. False: nobody waits.
    fn is_wanted(&mut self) -> bool {
        self.asked.retain(|asker| asker.interest.strong_count() > 0);
        !self.asked.is_empty()
    }

    /// Looks once. `None`: it must look again.
    fn look(&mut self, scanner: &Scanner) -> Option<Answer> {
        let report = match scanner.look(&self.name) {
            Ok(report) => report,
            Err(error) => return Some(Err(error)),
        };
        match self.looks.judge(report) {
            Ok(report) => Some(Ok(report)),
            Err(pause) => {
                self.due = Instant::now() + pause;
                None
            }
        }
    }
}
