//! `hooks`: callbacks, signatures, the state on disk.

use std::time::Duration;

use openrange::hooks::callback::{Callback, Origin};
use openrange::hooks::done::Place;
use openrange::hooks::notification::{Ended, Secrets};
use openrange::hooks::pauses::Pauses;
use openrange::hooks::state::{Behind, State};
use openrange::hooks::target::{Target, Verdict};
use openrange::http::conditional::ETag;
use openrange::limits::HOOK_RETRY_AFTER_MAX;
use openrange::time::Moment;

#[test]
fn the_signature_is_that_of_the_standard() {
    // From the documents of its authors.
    let secrets = Secrets::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n").expect("a secret");
    let signature = secrets.sign(
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1_614_265_330,
        "{\"test\": 2432232314}",
    );
    assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    assert!(!secrets.are_weak());
    for wrong in [
        "",
        "# none",
        "MfKQ9r8G",
        "whsec_",
        "whsec_MfK!",
        "whsec_MfKQ9\nx",
    ] {
        assert!(Secrets::parse(wrong).is_err(), "{wrong}");
    }
    assert!(Secrets::parse("whsec_AAAA").expect("a secret").are_weak());
}

#[test]
fn a_line_of_done_becomes_a_request() {
    let line = b"{\"id\":\"a\",\"status\":\"exit 3\",\"time\":1790000000,\"more\":[1]}\n";
    let ended = Ended::parse(line).expect("an end");
    let body = "{\"type\":\"job.ended\",\"timestamp\":\"2026-09-21T14:13:20Z\",\
                \"data\":{\"id\":\"a\",\"status\":\"exit 3\",\"time\":1790000000,\"more\":[1]}}";
    assert_eq!(&*ended.body, body);
    let to = Callback::parse("http://HOST:8/p?q=1#f").expect("a URL");
    let secrets = Secrets::parse("whsec_AAAA").expect("a secret");
    let request = String::from_utf8(ended.request(&to, &secrets, 7)).expect("text");
    let (head, content) = request.split_once("\r\n\r\n").expect("a head");
    assert_eq!(content, body);
    let signature = secrets.sign("a", 7, body);
    for line in [
        "POST /p?q=1 HTTP/1.1",
        "Host: HOST:8",
        "webhook-id: a",
        "webhook-timestamp: 7",
        &format!("webhook-signature: {signature}"),
        &format!("Content-Length: {}", body.len()),
    ] {
        assert!(head.lines().any(|known| known == line), "{line}: {head}");
    }
    for wrong in [
        "",
        "{}",
        "{\"id\":\"a\"}",
        "{\"id\":\"../a\",\"status\":\"0\"}",
        "{\"id\":\"a\",\"status\":\"x\"}",
    ] {
        assert_eq!(Ended::parse(wrong.as_bytes()), None, "{wrong}");
    }
}

#[test]
fn a_callback_is_of_an_origin_or_not() {
    let is_of = |url: &str, origin: &str| {
        let origin = Origin::parse(origin).expect("an origin");
        Callback::parse(url).is_ok_and(|url| url.is_of(&origin))
    };
    for (url, origin) in [
        ("http://a", "http://a"),
        ("HTTP://A:80/x?y", "http://a/"),
        ("http://[::1]:9/x", "http://[::1]:9"),
        ("http+unix://%2frun%2fx/y", "http+unix://%2Frun%2Fx"),
    ] {
        assert!(is_of(url, origin), "{url} {origin}");
    }
    for (url, origin) in [
        ("http://a:81/", "http://a"),
        ("https://a/", "http://a"),
        ("https://a:80/", "http://a:80"),
        ("http://a.b/", "http://a"),
        ("http://a@b/", "http://a"),
        ("http://b#@a", "http://a"),
        ("http://b?@a", "http://a"),
        ("http+unix://%2Frun%2Fx%00/y", "http+unix://%2Frun%2Fx"),
        ("http+unix://%2Frun%2Fy", "http+unix://%2Frun%2Fx"),
        ("//a/", "http://a"),
        ("http://a /", "http://a"),
        ("http://a/?x y", "http://a"),
        ("http://a/?x\r\ny", "http://a"),
    ] {
        assert!(!is_of(url, origin), "{url} {origin}");
    }
    let long = format!("http://a/{}", "x".repeat(4096));
    assert!(Callback::parse(&long).is_err());
    for wrong in ["https://a/x", "http://a/x", "http://", "a", "http://a?x"] {
        assert!(Origin::parse(wrong).is_err(), "{wrong}");
        assert_eq!(Origin::parse("https://a").is_ok(), cfg!(feature = "tls"));
    }
}

#[test]
fn the_state_is_read_as_it_was_written() {
    let place = |file: u64, offset| Place {
        file: ETag(file),
        offset,
    };
    let full = State {
        place: Some(place(u64::MAX, u64::MAX)),
        held: vec![
            ("http://a".into(), place(1, 2)),
            ("http+unix://%2Fx".into(), place(0, 0)),
        ],
        targets: vec![
            Behind {
                url: "http://a/\"\\".into(),
                place: place(1, 0),
                attempts: u32::MAX,
                next: u64::MAX,
            },
            Behind {
                url: "http://b/".into(),
                place: place(0, 7),
                attempts: 0,
                next: 0,
            },
        ],
        gone: vec!["http://c/".into(), "http://d/".into()],
    };
    for state in [State::default(), full] {
        let text = state.to_json();
        assert_eq!(State::from_json(text.as_bytes()), Some(state), "{text}");
        for end in 0..text.len() - 1 {
            assert_eq!(State::from_json(&text.as_bytes()[..end]), None, "{end}");
        }
    }
    for wrong in [
        "{}",
        "[]",
        "{\"targets\":[{}],\"gone\":[]}",
        "{\"targets\":[],\"gone\":[1]}",
    ] {
        assert_eq!(State::from_json(wrong.as_bytes()), None, "{wrong}");
    }
}

#[test]
fn pauses_grow_and_a_target_may_ask_for_longer_ones() {
    let pauses = Pauses::default();
    let hours = |hours: u64| Duration::from_secs(3600 * hours);
    assert_eq!(pauses.after(1), Duration::from_secs(5));
    assert_eq!((pauses.after(4), pauses.after(9)), (hours(2), hours(24)));
    assert_eq!(pauses.after(u32::MAX), hours(24));
    let callback = Callback::parse("http://a/").expect("a URL");
    let mut target = Target::new(
        callback,
        Place {
            file: ETag(1),
            offset: 0,
        },
    );
    let now = Moment(1000);
    assert_eq!(
        target.failed(&pauses, Some(60), now),
        Duration::from_secs(60)
    );
    assert_eq!(target.due, now + Duration::from_secs(60));
    assert_eq!(
        target.failed(&pauses, Some(60), now),
        Duration::from_secs(300)
    );
    let most = target.failed(&pauses, Some(u32::MAX), now);
    assert_eq!(most, HOOK_RETRY_AFTER_MAX);
    target.attempts = u32::MAX;
    target.failed(&pauses, None, now);
    assert_eq!(target.attempts, u32::MAX);
    target.pass_to(Place {
        file: ETag(1),
        offset: 9,
    });
    assert_eq!((target.attempts, target.looks()), (0, true));
}

#[test]
fn what_a_status_says() {
    let failed = |status| matches!(Verdict::of(status, None), Verdict::Failed(..));
    assert!(
        [200, 201, 204, 299]
            .iter()
            .all(|&status| Verdict::of(status, None) == Verdict::Taken)
    );
    assert_eq!(Verdict::of(410, None), Verdict::Gone);
    assert!(
        [300, 301, 304, 308, 400, 404, 429, 500, 503, 999]
            .iter()
            .all(|&status| failed(status))
    );
}
