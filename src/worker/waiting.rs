//! Requests for a name that leads nowhere yet, by clients that prefer to wait for it (`Prefer: wait=N`).

use std::rc::Rc;
use std::time::Duration;

use super::context::Context;
use super::slot::Slot;
use crate::action::Action;
use crate::follow::absences::Purpose;
use crate::resource::Resource;
use crate::store::file::OpenFile;

/// What becomes of a request whose name may lead nowhere.
pub(super) enum Waiting {
    /// It waits until its name leads somewhere, its time is over, or the server shuts down.
    Begins,
    /// It is answered now. `Some`: it has waited, with a limit of so many seconds.
    Over(Option<u64>),
}

/// Lets a request wait if it led to nothing.
pub(super) fn wait(
    slot: &mut Slot,
    key: usize,
    context: &mut Context,
    found: &mut Resource<Rc<OpenFile>>,
) -> Waiting {
    let Action::Open(Ok(asked)) = slot.machine.action() else {
        return Waiting::Over(None);
    };
    let most = context.wait_max;
    let wait = asked.wait().filter(|_| !most.is_zero());
    let (Some(seconds), Some(path)) = (wait, asked.intent.path()) else {
        return Waiting::Over(None);
    };
    let (wait, before) = (
        Duration::from_secs(seconds).min(most),
        slot.machine.patience(),
    );
    let seconds = wait.as_secs();
    if !matches!(found, Resource::Missing) {
        return Waiting::Over(before.map(|_| seconds));
    }
    let until = before.unwrap_or(context.now + wait);
    if until <= context.now {
        return Waiting::Over(Some(seconds));
    }
    if slot.machine.is_draining() {
        *found = Resource::Ending;
        return Waiting::Over(None);
    }
    context.topics.wait(path, key, Purpose::Request);
    slot.machine.wait_until(until);
    Waiting::Begins
}
