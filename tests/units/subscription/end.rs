//! Why subscriptions end.

use openrange::subscription::end::End;

#[test]
fn only_a_client_whose_file_is_lost_is_cut() {
    for end in End::ALL {
        let lost = matches!(end.label(), "broken" | "stale");
        assert_eq!(end.is_loss(), lost, "{}", end.label());
    }
}
