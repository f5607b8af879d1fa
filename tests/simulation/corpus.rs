//! Replays the histories that the fuzz target `connection` was given and has found.

use crate::support::corpus::replay;
use crate::worlds::connection;

#[test]
fn connections() {
    replay("connection", connection);
}
