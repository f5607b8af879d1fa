//! A receiver whose name has several addresses, of which the first one does not answer.

use super::hooks::{Place, stop};
use super::receiver::{Receiver, status};
use crate::c11_following::addresses::{NAME, SECOND, silent_first};
use crate::support::machine::in_namespace;

/// An attempt may end before its address has failed: the next one goes to the next address.
#[test]
fn the_next_attempt_is_made_at_the_next_address() {
    let name = "the_next_attempt_is_made_at_the_next_address";
    in_namespace(module_path!(), name, || {
        let receiver = Receiver::at(&format!("{SECOND}:0"), |_, _| status(204));
        let (_, port) = receiver.origin.rsplit_once(':').expect("a port");
        let Some(_silent) = silent_first(port.parse().expect("a port")) else {
            return;
        };
        let origin = format!("http://{NAME}:{port}");
        let place = Place::new();
        place.end("20260101T000000Z-aaaa", &format!("{origin}/hook"));
        let hooks = place.start(&[&origin], &["--no-sandbox"]);
        receiver.wait_for("/hook", &["20260101T000000Z-aaaa"]);
        stop(hooks);
    });
}
