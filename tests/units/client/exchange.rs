//! One connection as a machine: what it needs of its driver, what comes of a response, and when the connection is kept.

use openrange::client::exchange::{Broken, Exchange, Need, Progress, State};
use openrange::limits::HEAD_MAX;

const GET: &[u8] = b"GET /log HTTP/1.1\r\n\r\n";
const HEAD: &[u8] = b"HEAD /log HTTP/1.1\r\n\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc";

/// A request that is out, on a new connection.
fn asked(request: &[u8]) -> Exchange {
    let mut exchange = Exchange::new(0);
    ask(&mut exchange, request);
    exchange
}

fn ask(exchange: &mut Exchange, request: &[u8]) {
    exchange.request(request.to_vec());
    if exchange.need() == Need::Disconnect {
        exchange.disconnected();
    }
    if exchange.need() == Need::Connect {
        exchange.connected();
    }
    assert_eq!(exchange.need(), Need::Send(request));
    exchange.sent(request.len());
    assert_eq!(exchange.need(), Need::Receive);
}

fn come(exchange: &mut Exchange, bytes: &[u8]) {
    exchange.space()[..bytes.len()].copy_from_slice(bytes);
    exchange.filled(bytes.len());
}

/// Everything up to the end of the response, or to where more is needed: the last status, the content, and what came last.
fn read(exchange: &mut Exchange) -> (u16, Vec<u8>, Progress) {
    let (mut status, mut body) = (0, Vec::new());
    loop {
        match exchange.progress() {
            Progress::Head(head) => status = head.status,
            Progress::Content => {
                let content = exchange.content().to_vec();
                body.extend_from_slice(&content);
                exchange.take(content.len());
            }
            other => return (status, body, other),
        }
    }
}

#[test]
fn a_request_goes_out_and_the_next_one_on_the_same_connection() {
    let mut exchange = Exchange::new(0);
    assert_eq!(
        (exchange.state(), exchange.need()),
        (State::Idle, Need::Rest)
    );
    exchange.request(GET.to_vec());
    assert_eq!(exchange.state(), State::Connecting);
    assert_eq!(exchange.need(), Need::Connect);
    assert_eq!(exchange.progress(), Progress::None);
    exchange.connected();
    assert_eq!(exchange.state(), State::ReadingHeaders);
    assert_eq!(exchange.need(), Need::Send(GET));
    exchange.sent(5);
    exchange.sent(1);
    assert_eq!(exchange.need(), Need::Send(&GET[6..]));
    exchange.sent(GET.len() - 6);
    assert_eq!(exchange.need(), Need::Receive);
    assert_eq!(exchange.progress(), Progress::None);
    come(&mut exchange, &OK.as_bytes()[..40]);
    assert!(matches!(exchange.progress(), Progress::Head(head) if head.status == 200));
    assert_eq!(
        (exchange.state(), exchange.need()),
        (State::Receiving, Need::Receive)
    );
    assert_eq!(
        (exchange.progress(), exchange.content()),
        (Progress::Content, &b"ab"[..])
    );
    exchange.take(1);
    assert_eq!(
        (exchange.progress(), exchange.content()),
        (Progress::Content, &b"b"[..])
    );
    exchange.take(1);
    assert_eq!(exchange.progress(), Progress::None);
    come(&mut exchange, &OK.as_bytes()[40..]);
    assert_eq!(
        read(&mut exchange),
        (0, b"c".to_vec(), Progress::Whole(None))
    );
    assert_eq!(
        (exchange.state(), exchange.need()),
        (State::Idle, Need::Rest)
    );
    assert_eq!(exchange.received(), OK.len() as u64);
    exchange.request(HEAD.to_vec());
    assert_eq!(
        (exchange.state(), exchange.need()),
        (State::ReadingHeaders, Need::Send(HEAD))
    );
    exchange.sent(HEAD.len());
    come(&mut exchange, &OK.as_bytes()[..OK.len() - 3]);
    assert_eq!(
        read(&mut exchange),
        (200, Vec::new(), Progress::Whole(None)),
        "a HEAD has no body"
    );
    assert_eq!(exchange.received(), 2 * OK.len() as u64 - 3);
    assert_eq!(exchange.need(), Need::Rest);
}

/// Which connections may carry another request (RFC 9112 section 9.3).
#[test]
fn connections_that_are_kept() {
    let rows = [
        (OK, true),
        ("HTTP/1.1 204 No Content\r\n\r\n", true),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            true,
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            false,
        ),
        ("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", false),
        (
            "HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n",
            true,
        ),
        // Bytes that nobody has asked for.
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nx", false),
    ];
    for (response, kept) in rows {
        let mut exchange = asked(GET);
        come(&mut exchange, response.as_bytes());
        let (_, _, last) = read(&mut exchange);
        assert_eq!(last, Progress::Whole(None), "{response}");
        let need = if kept { Need::Rest } else { Need::Disconnect };
        assert_eq!(exchange.need(), need, "{response}");
        exchange.request(GET.to_vec());
        let need = if kept {
            Need::Send(GET)
        } else {
            Need::Disconnect
        };
        assert_eq!(exchange.need(), need, "{response}");
        if !kept {
            exchange.disconnected();
            assert_eq!(exchange.need(), Need::Connect);
            exchange.connected();
            assert_eq!(exchange.need(), Need::Send(GET));
            come(&mut exchange, OK.as_bytes());
            exchange.sent(GET.len());
            assert_eq!(
                read(&mut exchange),
                (200, b"abc".to_vec(), Progress::Whole(None))
            );
        }
    }
}

/// A server that answers before it has the whole request may not read the rest of it.
#[test]
fn a_response_to_half_a_request_ends_the_connection() {
    let mut exchange = Exchange::new(0);
    exchange.request(GET.to_vec());
    exchange.connected();
    exchange.sent(GET.len() - 1);
    come(&mut exchange, OK.as_bytes());
    assert_eq!(
        read(&mut exchange),
        (200, b"abc".to_vec(), Progress::Whole(None))
    );
    assert_eq!(exchange.need(), Need::Disconnect);
}

#[test]
fn interim_responses_are_passed_over() {
    let mut exchange = asked(GET);
    for status in [100, 103, 199] {
        let interim = format!("HTTP/1.1 {status} Wait\r\nLink: </>\r\n\r\n");
        come(&mut exchange, interim.as_bytes());
        assert_eq!(exchange.progress(), Progress::None);
        assert_eq!(exchange.state(), State::ReadingHeaders);
    }
    come(
        &mut exchange,
        format!("HTTP/1.1 102 P\r\n\r\n{OK}").as_bytes(),
    );
    assert_eq!(
        read(&mut exchange),
        (200, b"abc".to_vec(), Progress::Whole(None))
    );
    let mut exchange = asked(GET);
    come(
        &mut exchange,
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    );
    assert_eq!(
        read(&mut exchange),
        (200, Vec::new(), Progress::Whole(None))
    );
}

#[test]
fn a_connection_that_ends() {
    // Of a new connection, before the response: the server may have seen the request.
    let mut exchange = asked(GET);
    exchange.broken("reset".into());
    assert_eq!(
        exchange.need(),
        Need::Rest,
        "what became of it is to be asked first"
    );
    exchange.disconnected();
    assert_eq!(
        exchange.progress(),
        Progress::Broken(Broken::Lost("reset".into()))
    );
    assert_eq!(
        (exchange.state(), exchange.need()),
        (State::Idle, Need::Rest)
    );
    // One that could not be made.
    let mut exchange = Exchange::new(0);
    exchange.request(GET.to_vec());
    exchange.broken("refused".into());
    assert_eq!(
        exchange.progress(),
        Progress::Broken(Broken::Lost("refused".into()))
    );
    // What came before it ended counts.
    let mut exchange = asked(GET);
    come(&mut exchange, &OK.as_bytes()[..OK.len() - 1]);
    exchange.broken("reset".into());
    exchange.disconnected();
    let lost = Progress::Broken(Broken::Lost("reset".into()));
    assert_eq!(read(&mut exchange), (200, b"ab".to_vec(), lost));
    // A whole response is one, but nothing follows it there.
    let mut exchange = asked(GET);
    come(&mut exchange, OK.as_bytes());
    exchange.broken("reset".into());
    assert_eq!(
        read(&mut exchange),
        (200, b"abc".to_vec(), Progress::Whole(None))
    );
    assert_eq!(exchange.need(), Need::Disconnect);
    exchange.disconnected();
    assert_eq!(
        (exchange.progress(), exchange.need()),
        (Progress::None, Need::Rest)
    );
    // A response without a length ends with its connection, which tells nobody whether it is whole.
    let mut exchange = asked(GET);
    come(&mut exchange, b"HTTP/1.1 200 OK\r\n\r\nabc");
    assert!(matches!(exchange.progress(), Progress::Head(_)));
    assert!(!exchange.is_delimited());
    assert_eq!(exchange.content(), b"abc");
    exchange.broken("closed".into());
    let lost = Progress::Broken(Broken::Lost("closed".into()));
    assert_eq!(read(&mut exchange), (0, b"abc".to_vec(), lost));
    assert_eq!(exchange.need(), Need::Disconnect);
}

/// The server has closed a connection that was kept: nothing of the request was answered, and it is safe to repeat.
#[test]
fn a_kept_connection_may_be_stale() {
    let kept = || {
        let mut exchange = asked(GET);
        come(&mut exchange, OK.as_bytes());
        read(&mut exchange);
        exchange
    };
    let mut exchange = kept();
    ask(&mut exchange, GET);
    exchange.broken("closed".into());
    exchange.disconnected();
    assert_eq!(exchange.progress(), Progress::Broken(Broken::Stale));
    // That of the repetition is new.
    ask(&mut exchange, GET);
    exchange.broken("closed".into());
    exchange.disconnected();
    assert_eq!(
        exchange.progress(),
        Progress::Broken(Broken::Lost("closed".into()))
    );
    // A byte of the response is there.
    let mut exchange = kept();
    ask(&mut exchange, GET);
    come(&mut exchange, b"H");
    exchange.broken("closed".into());
    assert_eq!(
        exchange.progress(),
        Progress::Broken(Broken::Lost("closed".into()))
    );
    // All of its head is.
    let mut exchange = kept();
    ask(&mut exchange, GET);
    come(&mut exchange, &OK.as_bytes()[..OK.len() - 3]);
    assert!(matches!(exchange.progress(), Progress::Head(_)));
    exchange.broken("closed".into());
    assert_eq!(
        exchange.progress(),
        Progress::Broken(Broken::Lost("closed".into()))
    );
    // It is closed while nobody uses it.
    let mut exchange = kept();
    exchange.broken("closed".into());
    assert_eq!(
        (exchange.progress(), exchange.need()),
        (Progress::None, Need::Disconnect)
    );
    exchange.disconnected();
    assert_eq!(exchange.need(), Need::Rest);
    exchange.request(GET.to_vec());
    assert_eq!(exchange.need(), Need::Connect);
}

#[test]
fn what_is_given_up_leaves_nothing() {
    let mut exchange = asked(GET);
    come(&mut exchange, &OK.as_bytes()[..OK.len() - 1]);
    assert!(matches!(exchange.progress(), Progress::Head(_)));
    exchange.abandon();
    assert_eq!(
        (exchange.state(), exchange.need()),
        (State::Idle, Need::Disconnect)
    );
    assert_eq!(
        (exchange.progress(), exchange.content()),
        (Progress::None, &b""[..])
    );
    ask(&mut exchange, GET);
    come(&mut exchange, OK.as_bytes());
    assert_eq!(
        read(&mut exchange),
        (200, b"abc".to_vec(), Progress::Whole(None))
    );
    // While it was broken.
    let mut exchange = asked(GET);
    exchange.broken("reset".into());
    exchange.abandon();
    assert_eq!(
        (exchange.progress(), exchange.need()),
        (Progress::None, Need::Disconnect)
    );
    // While it was kept.
    ask(&mut exchange, GET);
    come(&mut exchange, OK.as_bytes());
    read(&mut exchange);
    exchange.abandon();
    assert_eq!(exchange.need(), Need::Disconnect);
}

#[test]
fn what_is_no_http_breaks_it() {
    for wrong in [
        "SSH-2.0-x\r\n\r\n".to_owned(),
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n".to_owned(),
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n".to_owned(),
        format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(HEAD_MAX - 20)),
    ] {
        let mut exchange = asked(GET);
        come(&mut exchange, wrong.as_bytes());
        let (_, _, last) = read(&mut exchange);
        assert!(
            matches!(last, Progress::Broken(Broken::Malformed(_))),
            "{wrong}: {last:?}"
        );
        assert_eq!(
            (exchange.state(), exchange.need()),
            (State::Idle, Need::Disconnect),
            "{wrong}"
        );
        assert_eq!(exchange.progress(), Progress::None, "once");
    }
}

#[test]
fn chunks_and_their_trailers() {
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (trailers, expected) in [
        ("", None),
        ("Tail-End: sealed\r\n", Some("sealed")),
        (
            "X: y\r\ntail-end:  renamed \r\nZ: tail-end\r\n",
            Some("renamed"),
        ),
        ("X-Tail-End: no\r\n", None),
    ] {
        let mut exchange = asked(GET);
        come(&mut exchange, head.as_bytes());
        assert!(matches!(exchange.progress(), Progress::Head(_)));
        assert!(exchange.is_delimited());
        assert_eq!(
            (exchange.progress(), exchange.content()),
            (Progress::None, &b""[..])
        );
        come(&mut exchange, b"3;x=y\r\nabcd\r\n");
        assert_eq!(exchange.progress(), Progress::Content);
        assert_eq!(exchange.content(), b"abc", "no more than the chunk");
        exchange.take(3);
        assert!(matches!(
            exchange.progress(),
            Progress::Broken(Broken::Malformed(_))
        ));
        let mut exchange = asked(GET);
        let body = format!("{head}3\r\nabc\r\n1\r\nd\r\n0\r\n{trailers}\r\n");
        come(&mut exchange, body.as_bytes());
        let whole = Progress::Whole(expected.map(Box::from));
        assert_eq!(
            read(&mut exchange),
            (200, b"abcd".to_vec(), whole),
            "{trailers}"
        );
        assert_eq!(exchange.need(), Need::Rest);
        // The next response has trailers of its own.
        ask(&mut exchange, GET);
        come(&mut exchange, format!("{head}0\r\n\r\n").as_bytes());
        assert_eq!(
            read(&mut exchange),
            (200, Vec::new(), Progress::Whole(None))
        );
    }
    // Trailers of a response that was given up are none of the next one.
    let mut exchange = asked(GET);
    come(
        &mut exchange,
        format!("{head}0\r\nTail-End: sealed\r\n").as_bytes(),
    );
    assert_eq!(read(&mut exchange), (200, Vec::new(), Progress::None));
    exchange.abandon();
    ask(&mut exchange, GET);
    come(&mut exchange, format!("{head}0\r\n\r\n").as_bytes());
    assert_eq!(
        read(&mut exchange),
        (200, Vec::new(), Progress::Whole(None))
    );
}

/// Content that nobody takes fills the buffer, and no more.
#[test]
fn the_buffer_has_a_bound() {
    let size = HEAD_MAX + 100;
    let mut exchange = Exchange::new(size);
    assert_eq!(exchange.space().len(), size);
    assert_eq!(
        Exchange::new(HEAD_MAX - 1).space().len(),
        HEAD_MAX,
        "enough for a head"
    );
    ask(&mut exchange, GET);
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", 3 * size);
    come(&mut exchange, b"HTTP/1.1 102 P\r\n\r\nHT");
    assert_eq!(exchange.progress(), Progress::None);
    assert_eq!(
        exchange.space().len(),
        size - 2,
        "an interim head makes place"
    );
    come(&mut exchange, &head.as_bytes()[2..]);
    assert!(matches!(exchange.progress(), Progress::Head(_)));
    assert_eq!(
        exchange.space().len(),
        size,
        "a head makes place for the body"
    );
    come(&mut exchange, &vec![b'a'; size - 1]);
    assert_eq!(exchange.space().len(), 1);
    come(&mut exchange, b"z");
    assert_eq!(exchange.space().len(), 0);
    assert_eq!(exchange.progress(), Progress::Content);
    exchange.take(10);
    assert_eq!(exchange.space().len(), 10);
    come(&mut exchange, b"0123456789");
    let expected = [vec![b'a'; size - 11], b"z0123456789".to_vec()].concat();
    assert_eq!(exchange.content(), expected);
    exchange.take(size);
    assert_eq!(
        (exchange.progress(), exchange.space().len()),
        (Progress::None, size)
    );
}

#[test]
#[should_panic(expected = "one request at a time")]
fn one_request_at_a_time() {
    asked(GET).request(GET.to_vec());
}

/// Chunks have as many bytes as the range that they are of, and no others are content.
#[test]
fn chunks_are_held_against_their_range() {
    let head =
        "HTTP/1.1 206 P\r\nTransfer-Encoding: chunked\r\nContent-Range: bytes 4-9/10\r\n\r\n";
    for (chunks, content, end) in [
        ("6\r\nabcdef\r\n0\r\n\r\n", "abcdef", None),
        ("2\r\nab\r\n4\r\ncdef\r\n0\r\n\r\n", "abcdef", None),
        ("7\r\nabcdefg\r\n0\r\n\r\n", "abcdef", Some("more")),
        ("6\r\nabcdef\r\n1\r\ng\r\n0\r\n\r\n", "abcdef", Some("more")),
        ("5\r\nabcde\r\n0\r\n\r\n", "abcde", Some("fewer")),
    ] {
        let mut exchange = asked(GET);
        come(&mut exchange, format!("{head}{chunks}").as_bytes());
        let (status, body, last) = read(&mut exchange);
        assert_eq!((status, &body[..]), (206, content.as_bytes()), "{chunks}");
        match (end, last) {
            (None, Progress::Whole(None)) => {}
            (Some(word), Progress::Broken(Broken::Malformed(why))) => {
                assert!(why.starts_with(word), "{chunks}: {why}");
            }
            (_, last) => panic!("{chunks}: {last:?}"),
        }
    }
}
