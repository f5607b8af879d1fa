//! What a connection costs while nothing happens: ten thousand idle tails are an ordinary load.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::mem::size_of;
use std::rc::Rc;

use openrange::connection::{Action, Connection, State};
use openrange::http::date::Date;
use openrange::http::target::Path;
use openrange::resource::Resource;
use openrange::subscription::event_stream::EventStream;
use openrange::time::Moment;
use openrange::worker::slot::Slot;

use crate::samples::info;

const NOW: Moment = Moment(0);

/// Counts what each thread has allocated and not freed.
struct Counted;

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
}

#[global_allocator]
static ALLOCATOR: Counted = Counted;

// SAFETY: all is left to the system's allocator; sizes are at most `isize::MAX`.
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD.set(HELD.get() + layout.size().cast_signed());
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, bytes: *mut u8, layout: Layout) {
        HELD.set(HELD.get() - layout.size().cast_signed());
        unsafe { System.dealloc(bytes, layout) }
    }
}

#[test]
fn a_slot_is_small() {
    let (slot, machine) = (size_of::<Slot>(), size_of::<Connection<Rc<()>>>());
    let events = size_of::<EventStream<Rc<()>>>();
    println!("slot: {slot} bytes, machine: {machine}, events besides: {events}");
    assert!(events <= 56, "{events}");
    assert!(slot <= 192, "{slot}");
    assert!(machine <= 112, "{machine}");
}

/// Nothing but the slot itself is left once a tail is caught up, also after its head came in pieces.
#[test]
fn an_idle_tail_owns_no_memory() {
    idle(b"GET /f HTTP/1.1\r\nHost: x\r\nRange: bytes=0-\r\n\r\n", 0);
}

/// Of a stream of events only its place is: its name is that of its topic.
#[test]
fn an_idle_stream_of_events_owns_no_buffer() {
    idle(
        b"GET /f HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n",
        56,
    );
}

fn idle(head: &[u8], most: isize) {
    let date = Date::from_seconds(0);
    let file = Rc::new(());
    let info = info(1, 5);
    let subject = Rc::new(Path::root().entry(b"f"));
    let held = HELD.get();
    let mut machine = Connection::new(NOW);
    for byte in head {
        machine.received(&[*byte], NOW);
    }
    assert!(HELD.get() > held, "the allocator does not count");
    let found = Resource::File {
        file: Rc::clone(&file),
        info,
    };
    let _ = machine.resolved(found, date);
    if machine.subject().is_some() {
        machine.share_subject(Rc::clone(&subject));
        assert_eq!(Rc::strong_count(&subject), 2, "it keeps its own");
    }
    while !matches!(machine.state(), State::Tailing(_)) {
        let (n, size) = match machine.action() {
            Action::Send(next) => {
                let file = next.file.map_or(0, |(_, range)| range.end - range.start);
                (next.before.len() as u64 + file + next.after.len() as u64, 0)
            }
            Action::Measure(..) | Action::Examine(..) => (0, info.size),
            Action::Read(_, range) => {
                assert_eq!(range, 0..5);
                machine.read_file(b"abcde", NOW);
                continue;
            }
            _ => panic!("neither sends, measures nor reads"),
        };
        if n > 0 {
            machine.sent(n, NOW);
        } else {
            machine.measured(size, false, NOW);
        }
    }
    assert!(matches!(machine.action(), Action::Sleep));
    let held = HELD.get() - held;
    println!("{held} bytes are held");
    assert!(held <= most, "{held} bytes are held");
    assert_eq!(Rc::strong_count(&file), 2, "one handle for each tail");
}
