//! When a list that a mirror asked for counts as lost.

use openrange::client::exchange::Progress;
use openrange::client::mirror::channel::Channel;
use openrange::client::transport::Transport;
use openrange::client::url::Url;
use openrange::limits::{CLIENT_RESPONSE_TIMEOUT, MIRROR_PAGE_MAX};
use openrange::os::epoll::{Poll, Token};
use openrange::time::Moment;

const REQUEST: &[u8] = b"GET /?list HTTP/1.1\r\n\r\n";

/// One that has asked, and gets the beginning of a response.
fn asking(status: &str) -> Channel {
    let url = Url::parse("http://127.0.0.1/").expect("a URL");
    let poll = Poll::new().expect("a poller");
    let transport = Transport::new(&url.server, None, Token::Slot(0), poll.waker());
    let mut channel = Channel::new(transport);
    channel.request(REQUEST.to_vec(), Moment(1000));
    channel.exchange.connected();
    channel.exchange.sent(REQUEST.len());
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: 9999999\r\n\r\n");
    comes(&mut channel, head.as_bytes());
    match channel.progress(Moment(1000)) {
        Progress::Head(head) => channel.status = head.status,
        other => panic!("{other:?}"),
    }
    channel
}

fn comes(channel: &mut Channel, bytes: &[u8]) {
    channel.exchange.space()[..bytes.len()].copy_from_slice(bytes);
    channel.exchange.filled(bytes.len());
}

#[test]
fn a_list_that_comes_slowly_is_not_lost() {
    let first = Moment(1000) + CLIENT_RESPONSE_TIMEOUT;
    let mut list = asking("200 OK");
    assert_eq!(list.timeout, first);
    comes(&mut list, b"{");
    assert_eq!(list.progress(Moment(50_000)), Progress::Content);
    let second = Moment(50_000) + CLIENT_RESPONSE_TIMEOUT;
    assert_eq!(list.timeout, second);
    // More than there may be is no progress.
    list.document = vec![b' '; MIRROR_PAGE_MAX];
    assert_eq!(list.progress(Moment(60_000)), Progress::Content);
    assert_eq!(list.timeout, second);
    // Nor is what only says why.
    let mut refusal = asking("503 Service Unavailable");
    comes(&mut refusal, b"no");
    assert_eq!(refusal.progress(Moment(50_000)), Progress::Content);
    assert_eq!(refusal.timeout, first);
}
