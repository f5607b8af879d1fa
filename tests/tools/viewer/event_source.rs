//! The browser's own `EventSource`, in a page of ours: events arrive, and it comes again by itself.

use rustix::process::Signal;

use super::browser::Browser;
use crate::proxies::{NGINX, certificate, installed, launch, localized};
use crate::support::harness::{Server, TempDir, openrange};
use crate::support::machine::free_port;
use crate::support::machine::skip;

const PAGE: &str = "<!DOCTYPE html><link rel=icon href=data:,><script>
const got = {};
function listen(url, types) {
  const source = new EventSource(url);
  got[url] = [];
  for (const type of types) source.addEventListener(type, event => got[url].push(type + '=' + event.data));
}
listen('/one', ['message', 'part', 'roll', 'truncate']);
listen('/dir/?files=a,b', ['a', 'b', 'a/part', 'b/part', 'a/roll', 'b/roll', 'a/truncate', 'b/truncate']);
</script>";

fn serve(dir: &TempDir, address: &str) -> Server {
    let mut command = openrange(&["--listen", address, "--grace", "1"]);
    command.arg(dir.path());
    Server::launch(command)
}

/// Waits until these events have come from there, whose type begins so.
fn wait_events(browser: &Browser, url: &str, kind: &str, events: &[String]) {
    let got = format!("got['{url}'].filter(event => event.startsWith('{kind}'))");
    browser.wait(&format!("{got}.join() === '{}'", events.join(",")));
}

#[test]
fn it_goes_on_after_restarts_without_gap_or_repetition() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let dir = TempDir::with("page.html", PAGE);
    dir.mkdir("dir");
    for path in ["one", "dir/a", "dir/b"] {
        dir.write(path, "");
    }
    let mut server = serve(&dir, "127.0.0.1:0");
    let address = server.address.clone();
    let mut expected: [Vec<String>; 3] = Default::default();
    let followed = [
        ("one", "/one", "message"),
        ("dir/a", "/dir/?files=a,b", "a"),
        ("dir/b", "/dir/?files=a,b", "b"),
    ];
    let mut write = |text: &str| {
        for ((path, _, kind), expected) in followed.iter().zip(&mut expected) {
            dir.append(path, format!("{text}\n"));
            expected.push(format!("{kind}={text}"));
        }
        expected.clone()
    };
    let wait = |expected: &[Vec<String>; 3]| {
        for ((_, url, kind), expected) in followed.iter().zip(expected) {
            wait_events(&browser, url, kind, expected);
        }
    };
    write("there");
    browser.go(&server.url("/page.html"));
    wait(&write("live"));
    browser.assert_quiet();
    for signal in [Signal::TERM, Signal::KILL] {
        server.running.signal(signal);
        server.running.wait();
        drop(server);
        write(&format!("without server {signal:?}"));
        server = serve(&dir, &address);
        wait(&write(&format!("with the next {signal:?}")));
    }
    for (path, url, kind) in [
        ("one", "/one", "roll"),
        ("dir/b", "/dir/?files=a,b", "b/roll"),
    ] {
        dir.rename(path, &format!("{path}.1"));
        dir.append_new(path, "");
        browser.wait(&format!(
            "got['{url}'].at(-1).startsWith('{kind}={{\"reason\":\"renamed\"')"
        ));
    }
}

/// Over HTTP/1.1 a browser opens six connections to a server; over HTTP/2, which a proxy speaks, one is enough for all streams.
#[test]
fn more_than_six_streams_at_once_over_http_2() {
    const STREAMS: usize = 20;
    if ["nginx", "openssl"].iter().any(|name| !installed(name)) {
        return skip("there is no nginx, or no openssl");
    }
    let Some(browser) = Browser::start() else {
        return;
    };
    let page = "<!DOCTYPE html><link rel=icon href=data:,><script>
const got = {}, listen = n => new EventSource('/' + n).onmessage = event => got[n] = event.data;
for (let n = 0; n < 20; n++) listen(n);
</script>";
    let dir = TempDir::with("page.html", page);
    for number in 0..STREAMS {
        dir.write(&number.to_string(), "there\n");
    }
    let (server, home, port) = (Server::start(&dir), TempDir::new(), free_port());
    certificate(&home);
    let text = localized(&NGINX, &server, &home, port);
    let _proxy = launch(&NGINX, &home, "conf", &text, port);
    browser.go(&format!("https://localhost:{port}/page.html"));
    let all = |line: &str| {
        format!("Object.values(got).filter(line => line === '{line}').length === {STREAMS}")
    };
    browser.wait(&all("there"));
    for number in 0..STREAMS {
        dir.append(&number.to_string(), "live\n");
    }
    browser.wait(&all("live"));
    let protocol = "performance.getEntriesByType('navigation')[0].nextHopProtocol";
    assert_eq!(browser.value(protocol), "h2");
}
