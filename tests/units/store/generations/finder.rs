//! Searches for generations: the thread makes those of which somebody waits for the result.

use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};

use openrange::limits::GENERATIONS_SEARCHES_MAX;
use openrange::store::generations::families::Families;
use openrange::store::generations::finder::{Answer, Finder, Interest, Reply};
use openrange::store::generations::looks::Wanted;
use openrange::store::generations::scan::Scanner;
use openrange::store::root::Files;

use crate::support::directory::TempDir;

/// Hands the number of each search that is over to the test, and waits then until the test lets it go on.
struct Hands {
    over: Sender<u64>,
    go_on: Mutex<Receiver<()>>,
}

impl Reply for Hands {
    fn reply(&self, number: u64, _: &Arc<Answer>) {
        self.over.send(number).expect("the test");
        let _ = self.go_on.lock().expect("no panic").recv();
    }
}

struct Asking {
    finder: Finder,
    hands: Arc<Hands>,
    over: Receiver<u64>,
    go_on: Sender<()>,
}

impl Asking {
    /// The thread is busy with the reply number 0.
    fn new(dir: &TempDir) -> Asking {
        let files = Files::open(dir.path(), Arc::default()).expect("a directory");
        let finder = Finder::new(Scanner::new(files, Families::default()));
        let (hand, over) = mpsc::channel();
        let (go_on, going) = mpsc::channel();
        let hands = Arc::new(Hands {
            over: hand,
            go_on: Mutex::new(going),
        });
        let asking = Asking {
            finder,
            hands,
            over,
            go_on,
        };
        let _first = asking.ask("first", 0).expect("room");
        assert_eq!(asking.over.recv(), Ok(0));
        asking
    }

    fn ask(&self, name: &str, number: u64) -> Option<Interest> {
        let reply = Arc::clone(&self.hands);
        let interest = self
            .finder
            .find(name.as_bytes(), Wanted::All, number, reply);
        interest.ok()
    }

    fn next(&self) -> u64 {
        self.go_on.send(()).expect("the thread");
        self.over.recv().expect("a reply")
    }
}

#[test]
fn a_search_for_nobody_is_not_made() {
    let dir = TempDir::in_memory();
    let asking = Asking::new(&dir);
    let alone = asking.ask("alone", 1);
    let shared = asking.ask("shared", 2);
    let _kept = asking.ask("shared", 3);
    let _last = asking.ask("last", 4);
    drop((alone, shared));
    assert_eq!(asking.next(), 3);
    assert_eq!(asking.next(), 4);
    asking.go_on.send(()).expect("the thread");
}

#[test]
fn searches_for_nobody_take_no_room() {
    let dir = TempDir::in_memory();
    let asking = Asking::new(&dir);
    let ask = |number: u64| asking.ask(&number.to_string(), number);
    let mut all: Vec<_> = (1..=GENERATIONS_SEARCHES_MAX as u64).map(ask).collect();
    assert!(all.iter().all(Option::is_some));
    assert!(ask(2000).is_none(), "there is no room");
    all.clear();
    let _kept = ask(3000);
    assert_eq!(asking.next(), 3000);
    asking.go_on.send(()).expect("the thread");
}
