//! Waiting for something to happen, and never longer than it may take.

use std::thread;
use std::time::{Duration, Instant};

use openrange::limits::SWEEP_INTERVAL;

/// Bound of every wait. Nothing here takes that long; it only turns a hang into a failure.
pub const PATIENCE: Duration = Duration::from_secs(14);
/// Else the regular sweep would make up for what was missed.
const _: () = assert!(PATIENCE.as_secs() < SWEEP_INTERVAL.as_secs());

/// Between two looks at something that makes no event which a test could wait for: at least, and at most.
const LOOK: Duration = Duration::from_millis(1);
const LOOK_MAX: Duration = Duration::from_millis(100);

/// Tries again until there is something. An attempt may start a program or read a thousand files: the pause after it is as
/// long as it took, so that what is waited for gets the CPU too.
pub fn until<T>(what: &str, mut attempt: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        let before = Instant::now();
        if let Some(result) = attempt() {
            return result;
        }
        assert!(start.elapsed() < PATIENCE, "waited too long for {what}");
        thread::sleep(before.elapsed().clamp(LOOK, LOOK_MAX));
    }
}

/// Waits until something is so.
pub fn eventually(what: &str, mut happened: impl FnMut() -> bool) {
    until(what, || happened().then_some(()));
}
