//! A follower that is told anything at all: it does not panic, hands over only what a response to its request holds, and never
//! saves a position beyond that.

use std::time::Duration;

use openrange::client::exchange::Need;
use openrange::client::follower::{Follower, Link, Task};
use openrange::client::requests::Requests;
use openrange::client::settings::{From, OnGap, Settings, Until};
use openrange::time::Moment;

/// Bytes are parts of what servers send, each behind a byte that says how the connection fares.
pub fn follower(bytes: &[u8]) {
    let settings = Settings {
        requests: Requests::new("/log", "host", ""),
        from: From::Start,
        on_gap: OnGap::Oldest,
        late: Duration::from_secs(1),
        fail: false,
        until: Until::Stopped,
        batching: None,
    };
    let mut now = Moment(1000);
    let mut follower = Follower::new(settings, None, now);
    let mut handed = 0;
    let mut rest = bytes;
    while let Some((&choice, after)) = rest.split_first() {
        let count = after.len().min(usize::from(choice) * 4);
        let (piece, after) = after.split_at(count);
        rest = after;
        now = Moment(now.0 + u64::from(choice % 16) * 50);
        for link in [Link::Main, Link::Late, Link::LateTail] {
            drive(&mut follower, link, piece, now);
        }
        follower.run(now);
        for _ in 0..8 {
            handed += task(&mut follower);
            follower.run(now);
        }
        assert!(follower.bytes() == handed && handed <= bytes.len() as u64);
    }
}

fn drive(follower: &mut Follower, link: Link, piece: &[u8], now: Moment) {
    let exchange = follower.exchange(link);
    match exchange.need() {
        Need::Connect => follower.connected(link, now),
        Need::Disconnect => exchange.disconnected(),
        Need::Send(bytes) => {
            let count = bytes.len();
            exchange.sent(count);
        }
        Need::Receive if piece.is_empty() => {
            exchange.broken("closed".into());
            exchange.disconnected();
        }
        Need::Receive => {
            let space = exchange.space();
            let count = space.len().min(piece.len());
            space[..count].copy_from_slice(&piece[..count]);
            exchange.filled(count);
        }
        Need::Rest => {}
    }
}

fn task(follower: &mut Follower) -> u64 {
    match follower.task() {
        Task::Report(_) => follower.reported(),
        Task::Save(position) => {
            assert!(position.generation.is_some() || position.offset == 0);
            let text = position.to_json("http://host/log");
            let read = openrange::client::position::Position::from_json(text.as_bytes());
            assert_eq!(read, Some(("http://host/log".into(), position)));
            follower.saving();
            follower.saved();
        }
        Task::HandOver(offered) => {
            let count = offered.bytes.len();
            follower.handed_over(count);
            return count as u64;
        }
        Task::Finish(_) | Task::None => {}
    }
    0
}
