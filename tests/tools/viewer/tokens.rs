//! Logging in and out in the browser.

use super::browser::{Browser, ENTER};
use crate::support::harness::{Server, TempDir};

fn serve(dir: &TempDir) -> (TempDir, Server) {
    let secrets = TempDir::with(
        "tokens",
        "secret\nfor-two /log\nfor-two /other\nfor-sub /sub\n",
    );
    let tokens = secrets.join("tokens").display().to_string();
    let server = Server::with(dir, &["--token-file", &tokens]);
    (secrets, server)
}

#[test]
fn the_viewer_asks_for_a_token() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let dir = TempDir::with("log", "first\n");
    dir.write("other", "other\n");
    let (_secrets, server) = serve(&dir);
    // For all; wrong at first; of several files over one connection; and one that is good for these files only.
    let all = [
        ("/log?view", &["secret"][..]),
        ("/log?view", &["wrong", "no token!", "secret"]),
        ("/log?view#/other", &["wrong", "secret"]),
        ("/log?view#/other", &["for-two"]),
    ];
    for (number, (page, tokens)) in all.into_iter().enumerate() {
        browser.go("about:blank");
        browser.go(&server.url(page));
        browser.wait("document.querySelector('#login').open");
        let wrong = "document.querySelector('#login-wrong').textContent";
        for token in tokens {
            browser.press(&format!("{token}{ENTER}"));
            match *token {
                "wrong" => browser.wait(&format!("{wrong} === 'This token is not valid here.'")),
                "no token!" => browser.wait(&format!("{wrong}.startsWith('A token has letters')")),
                _ => {}
            }
        }
        browser.wait_line("first");
        dir.append("log", format!("line {number}\n"));
        browser.wait_line(&format!("line {number}"));
        browser.wait_state("live");
        if page.contains("other") {
            browser.press("2");
            browser.wait_line("other");
            dir.append("other", format!("other line {number}\n"));
            browser.wait_line(&format!("other line {number}"));
        }
        assert_eq!(
            browser.value("document.querySelector('#login').open"),
            "false"
        );
        // It stays, until somebody logs out.
        browser.go("about:blank");
        browser.go(&server.url(page));
        browser.wait_line("first");
        browser.press("v");
        browser.value("document.querySelector('#logout').click()");
        browser.wait("document.querySelector('#login').open");
    }
}

/// From the address alone to the list, a file, its viewer, and the browser's own `EventSource`.
#[test]
fn a_browser_logs_in_at_any_address() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let dir = TempDir::with("log", "first\n");
    dir.mkdir("sub");
    dir.write("sub/log", "below\n");
    let (_secrets, server) = serve(&dir);
    browser.go(&server.url("/"));
    browser.wait("document.title === 'Log in: openrange'");
    let wrong = "document.querySelector('#wrong').textContent";
    // Keys that are pressed before the field has the focus are lost.
    let ready = "document.activeElement?.type === 'password'";
    browser.wait(ready);
    browser.press(&format!("wrong{ENTER}"));
    browser.wait(&format!("{wrong} === 'This token is not valid.'"));
    browser.wait(ready);
    browser.press(&format!("secret{ENTER}"));
    browser.wait("Boolean(document.querySelector('a[href=\"log?view\"], a[href=\"./log?view\"]'))");
    browser.go(&server.url("/log"));
    browser.wait("document.body.innerText.trim() === 'first'");
    browser.value(
        "(window.got = [], new EventSource('/log').onmessage = event => { got.push(event.data); })",
    );
    browser.wait("got.join() === 'first'");
    dir.append("log", "second\n");
    browser.wait("got.join() === 'first,second'");
    // No script sees the cookie.
    assert_eq!(browser.value("document.cookie"), "");
    browser.go(&server.url("/"));
    browser.wait("document.title === '/'");
    browser.value("document.querySelector('a[href=\"?logout\"]').click()");
    browser.wait("document.title === 'Log in: openrange'");
    browser.go(&server.url("/log"));
    browser.wait("document.title === 'Log in: openrange'");
    // A token for a part of the tree leads there.
    browser.go(&server.url("/"));
    browser.wait(ready);
    browser.press(&format!("for-sub{ENTER}"));
    browser.wait("location.pathname === '/sub/'");
    browser.wait("Boolean(document.querySelector('a[href=\"log?view\"], a[href=\"./log?view\"]'))");
    browser.go(&server.url("/log"));
    browser.wait("document.title === 'Log in: openrange'");
}
