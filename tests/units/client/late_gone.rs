//! A generation that is gone while late bytes could still come: the list of generations tells whether some are lost.

use openrange::client::exchange::Need;
use openrange::client::late::Left;
use openrange::http::etag::ETag;

use super::late::{Looks, place};
use super::talk::response;

/// The request for the list.
fn is_list_asked(looks: &mut Looks) -> bool {
    let exchange = &mut looks.late.exchange;
    if exchange.need() == Need::Disconnect {
        exchange.disconnected();
    }
    if exchange.need() == Need::Connect {
        exchange.connected();
    }
    let Need::Send(bytes) = exchange.need() else {
        return false;
    };
    let text = String::from_utf8(bytes.to_vec()).expect("ASCII");
    exchange.sent(text.len());
    text.starts_with("GET /log?generations HTTP/1.1\r\n")
}

/// The list, with a compressed copy of a generation that was so long.
fn list(etag: u64, size: u64) -> String {
    let original = format!("{{\"etag\":\"W/\\\"{etag:016x}\\\"\",\"size\":{size}}}");
    let copy = format!(
        "{{\"etag\":\"W/\\\"00000000000000ff\\\"\",\"path\":\"/log.1.gz\",\"size\":7,\
         \"compressed\":\"gzip\",\"current\":false,\"original\":{original}}}"
    );
    let document = format!("{{\"path\":\"/log\",\"generations\":[{copy}]}}");
    response("200 OK", "Content-Type: application/json\r\n", &document)
}

/// The first look at a generation of which four bytes were read finds that it is gone.
fn gone() -> Looks {
    let mut looks = Looks::new(vec![place(1, 4)]);
    looks.run(1050);
    assert!(looks.asked().is_some());
    assert!(looks.answer(&response("404 Not Found", "", "gone\n")));
    assert!(is_list_asked(&mut looks));
    looks
}

#[test]
fn what_the_list_tells() {
    let lost = |count| Some((ETag(1), Left::Lost(count)));
    for (of, size, expected) in [
        (1, 9, lost(5)),
        (1, 4, None),
        (1, 3, None),
        // Of another one.
        (2, 9, None),
    ] {
        let mut looks = gone();
        looks.answer(&list(of, size));
        assert_eq!(looks.late.left(), expected, "{of} {size}");
        assert!(looks.late.is_seen());
        assert_eq!(looks.late.deadline(), openrange::time::Moment::NEVER);
    }
}

#[test]
fn the_list_is_asked_for_again_if_there_is_none() {
    let mut looks = gone();
    looks.answer(&response("503 Service Unavailable", "", "later\n"));
    assert_eq!(looks.late.left(), None);
    assert!(!looks.late.is_seen());
    let next = looks.late.deadline();
    looks.run(next.0 - 1);
    assert!(!is_list_asked(&mut looks));
    looks.run(next.0);
    assert!(is_list_asked(&mut looks));
    looks.answer(&list(1, 9));
    assert_eq!(looks.late.left(), Some((ETag(1), Left::Lost(5))));
}

#[test]
fn at_the_end_it_is_not_asked_for_again() {
    let mut looks = gone();
    looks.late.look_once();
    looks.answer(&response("503 Service Unavailable", "", "later\n"));
    assert_eq!(looks.late.left(), None);
    assert!(looks.late.is_seen());
}
