//! Whether a look at a directory counts, as far as its times tell.

use openrange::store::generations::scan::change_shows;

const MILLISECOND: i128 = 1_000_000;

#[test]
fn a_change_shows_when_the_last_one_was_long_ago() {
    let (fine, whole) = ((1_700_000_000, 123_456_789), (1_700_000_000, 0));
    for (modified, milliseconds, remote, shows) in [
        (fine, 40, false, false),
        (fine, 60, false, true),
        (fine, 60, true, true),
        // In the future by this clock.
        (fine, -1000, true, false),
        // Times of whole seconds: a second change within the second does not show.
        (whole, 60, false, false),
        (whole, 1100, false, false),
        (whole, 2100, false, true),
        // By the clock of another machine nothing is certain.
        (whole, 2100, true, false),
        (whole, 60_000, true, false),
    ] {
        let age = milliseconds * MILLISECOND;
        let what = format!("{modified:?}, {milliseconds} ms, remote: {remote}");
        assert_eq!(change_shows(modified, age, remote), shows, "{what}");
    }
}
