//! How long the followed file is, asked on a connection of its own.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};

use openrange::client::gauge::Gauge;
use openrange::client::position::Position;
use openrange::client::transport::Transport;
use openrange::client::url::Url;
use openrange::http::etag::ETag;
use openrange::os::epoll::{Poll, Token};
use openrange::time::Moment;

use super::talk::{Talk, settings};
use crate::support::directory::TempDir;

struct Scene {
    gauge: Gauge,
    talk: Talk,
    poll: Poll,
    listener: UnixListener,
    _home: TempDir,
}

impl Scene {
    fn new(position: Option<Position>) -> Scene {
        let home = TempDir::new();
        let path = home.join("socket");
        let listener = UnixListener::bind(&path).expect("a socket");
        let path = path.display().to_string().replace('/', "%2F");
        let url = Url::parse(&format!("http+unix://{path}/log")).expect("a URL");
        let poll = Poll::new().expect("a poller");
        let transport = Transport::new(&url.server, None, Token::Slot(0), poll.waker());
        Scene {
            gauge: Gauge::new(transport, Moment(1000)),
            talk: Talk::with(settings(), position),
            poll,
            listener,
            _home: home,
        }
    }

    fn run(&mut self, now: u64) -> bool {
        self.gauge.transport.ready = true;
        let follower = &mut self.talk.follower;
        self.gauge.run(follower, &self.poll, Moment(now))
    }

    fn accept(&self) -> UnixStream {
        self.listener.accept().expect("a connection").0
    }
}

fn request(stream: &mut UnixStream) -> String {
    let mut bytes = vec![0; 4096];
    let count = stream.read(&mut bytes).expect("a request");
    String::from_utf8_lossy(&bytes[..count]).into_owned()
}

#[test]
fn the_size_is_asked_now_and_then() {
    let mut scene = Scene::new(Some(Position::start_of(ETag(2))));
    assert_eq!(scene.gauge.deadline(), Moment(1000));
    scene.run(1000);
    let mut server = scene.accept();
    let asked = request(&mut server);
    assert!(
        asked.starts_with("HEAD /log?generation=0000000000000002 "),
        "{asked}"
    );
    assert_eq!(scene.gauge.deadline(), Moment(61_000));
    assert!(!scene.run(1100), "nothing came");
    let answer = |server: &mut UnixStream, text: &str| {
        server.write_all(text.as_bytes()).expect("a connection");
    };
    answer(&mut server, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n");
    assert!(scene.run(1200));
    assert_eq!(scene.talk.follower.lag(), Some(10));
    assert_eq!(scene.gauge.deadline(), Moment(4200));
    assert!(!scene.run(4199));
    // Again, on the same connection. What is no size is none.
    for (text, lag) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n", Some(20)),
        ("HTTP/1.1 404 N\r\nContent-Length: 30\r\n\r\n", Some(20)),
        ("HTTP/1.1 200 OK\r\n\r\n", Some(20)),
    ] {
        let due = scene.gauge.deadline().0;
        scene.run(due);
        assert!(request(&mut server).starts_with("HEAD "));
        answer(&mut server, text);
        scene.run(due);
        assert_eq!(scene.talk.follower.lag(), lag, "{text}");
        assert_eq!(scene.gauge.deadline(), Moment(due + 3000));
    }
}

#[test]
fn an_answer_that_does_not_come() {
    let mut scene = Scene::new(Some(Position::start_of(ETag(2))));
    scene.run(1000);
    let mut server = scene.accept();
    request(&mut server);
    // It ends: another time.
    drop(server);
    scene.run(1100);
    assert_eq!(scene.gauge.deadline(), Moment(4100));
    scene.run(4100);
    let mut server = scene.accept();
    request(&mut server);
    // It never comes: on another connection.
    assert_eq!(scene.gauge.deadline(), Moment(64_100));
    scene.run(64_100);
    let mut second = scene.accept();
    assert!(request(&mut second).starts_with("HEAD "));
    assert_eq!(scene.gauge.deadline(), Moment(124_100));
    // Where no file is, there is nothing to ask.
    let mut scene = Scene::new(None);
    assert!(!scene.run(1000));
    assert_eq!(scene.gauge.deadline(), Moment(4000));
}
