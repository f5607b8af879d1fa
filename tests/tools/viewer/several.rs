//! Several files of a directory in one page, over one connection.

use rustix::process::Signal;

use super::browser::Browser;
use crate::support::client::Client;
use crate::support::harness::{Server, TempDir, openrange, until};

const ROLLED: &str = "The log was rolled: the file ends here, and the next one begins.";

/// A server that tells of its clients, at this address; and where it tells of them.
fn serve(dir: &TempDir, address: &str) -> (Server, String) {
    let mut command = openrange(&["--listen", address, "--admin", "127.0.0.1:0"]);
    command.args(["--grace", "1"]).arg(dir.path());
    let server = Server::launch(command);
    let line = server.running.stdout.wait_for(&["admin on http://"]);
    let admin = line.trim_start_matches("admin on http://");
    let admin = admin.trim_end_matches('/').to_string();
    (server, admin)
}

/// The connections on which something is followed.
fn tails(admin: &str) -> Vec<String> {
    let said = Client::to(admin).get("/clients", &[]).body;
    let said = String::from_utf8(said).expect("text");
    let tails = said.lines().filter(|line| line.contains("\"path\":"));
    tails.map(String::from).collect()
}

fn wait_for_tails(admin: &str, paths: &[&str]) {
    until("the streams that are expected", || {
        let tails = tails(admin);
        let is_there = |path: &str| {
            let path = format!("\"path\":\"{path}\"");
            tails.iter().any(|tail| tail.contains(&path))
        };
        (tails.len() == paths.len() && paths.iter().all(|path| is_there(path))).then_some(())
    });
}

fn name(number: usize) -> String {
    format!("log{number}")
}

fn select(browser: &Browser, number: usize) {
    browser.press(&number.to_string());
    browser.wait(&format!(
        "document.querySelector('.on').textContent.startsWith('{}')",
        name(number)
    ));
}

/// The lines of a file are these, from the first to the last.
fn wait_lines(browser: &Browser, number: usize, lines: &[&str]) {
    select(browser, number);
    browser.wait(&format!(
        "document.querySelector('#rows').innerText === {}",
        super::browser::quoted(&lines.join("\n"))
    ));
}

#[test]
fn eight_files_over_one_connection() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let dir = TempDir::new();
    for number in 1..=8 {
        dir.write(&name(number), "first\n");
    }
    let (server, admin) = serve(&dir, "127.0.0.1:0");
    let address = server.address.clone();
    let others: Vec<String> = (2..=8).map(|number| format!("/log{number}")).collect();
    browser.resize(1280, 800);
    browser.go(&server.url(&format!("/log1?view#{}", others.join("&"))));
    for number in 1..=8 {
        wait_lines(&browser, number, &["first"]);
        browser.wait_state("live");
        dir.append(&name(number), "grown\n");
        wait_lines(&browser, number, &["first", "grown"]);
    }
    wait_for_tails(&admin, &["/"]);
    // What happens to files that are not in sight is seen later.
    for number in 1..=8 {
        dir.append(&name(number), "unseen\n");
    }
    wait_lines(&browser, 3, &["first", "grown", "unseen"]);
    select(&browser, 1);
    dir.rename("log2", "log2.1");
    dir.append_new("log2", "next\n");
    dir.resize("log3", 0);
    dir.remove("log4");
    wait_lines(&browser, 2, &["first", "grown", "unseen", ROLLED, "next"]);
    let truncated = "The file was truncated. It begins again here.";
    browser.wait("document.querySelectorAll('.tab.fair').length === 1");
    dir.append("log3", "anew\n");
    wait_lines(
        &browser,
        3,
        &["first", "grown", "unseen", truncated, "anew"],
    );
    wait_lines(&browser, 4, &["first", "grown", "unseen"]);
    browser.wait_state("no such file");
    dir.append_new("log4", "there\n");
    wait_lines(&browser, 4, &["first", "grown", "unseen", ROLLED, "there"]);
    // A line without an end, a seal.
    dir.append("log5", "ha");
    wait_lines(&browser, 5, &["first", "grown", "unseen", "ha"]);
    dir.append("log5", "lf\n<b>&");
    wait_lines(&browser, 5, &["first", "grown", "unseen", "half", "<b>&"]);
    dir.append("log6", "the end");
    dir.chmod("log6", 0o444);
    let complete = "The file is complete: nothing will be added to it.";
    wait_lines(
        &browser,
        6,
        &["first", "grown", "unseen", "the end", complete],
    );
    browser.wait_state("complete");
    wait_for_tails(&admin, &["/"]);
    browser.assert_quiet();
    // The server ends, and is killed; meanwhile things happen.
    server.running.signal(Signal::TERM);
    browser.wait_state("connection lost, again in");
    drop(server);
    dir.append("log1", "without server\n");
    dir.append("log7", "the last of it");
    dir.rename("log7", "log7.1");
    dir.append_new("log7", "next\n");
    let (server, admin) = serve(&dir, &address);
    wait_lines(
        &browser,
        7,
        &["first", "grown", "unseen", "the last of it", ROLLED, "next"],
    );
    wait_lines(&browser, 1, &["first", "grown", "unseen", "without server"]);
    browser.wait_state("live");
    wait_for_tails(&admin, &["/"]);
    server.running.signal(Signal::KILL);
    browser.wait_state("connection lost, again in");
    browser.wait_line("The connection was lost here.");
    drop(server);
    dir.append("log8", "again\n");
    dir.remove("log7");
    dir.append_new("log7", "another\n");
    let (_server, admin) = serve(&dir, &address);
    select(&browser, 8);
    browser.wait_line("Nothing is missing.\nagain");
    select(&browser, 7);
    browser.wait_line(
        "The connection was lost here.\nThe log was rolled, and the server no longer has",
    );
    browser.wait_line("\nanother");
    let text = browser.text();
    assert_eq!(text.matches("next\n").count(), 1, "{text}");
    wait_for_tails(&admin, &["/"]);
}

#[test]
fn a_connection_for_each_directory() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let dir = TempDir::with("log1", "first\n");
    for number in 1..=6 {
        dir.mkdir(&number.to_string());
        dir.write(&format!("{number}/log"), format!("of {number}\n"));
        dir.write(&format!("{number}/other"), format!("other of {number}\n"));
    }
    // A list of files has no place for such a name.
    dir.write("1/a,b", "of two\n");
    let (server, admin) = serve(&dir, "127.0.0.1:0");
    browser.go(&server.url("/log1?view#/1/log&/2/log&/2/other&/1/a,b"));
    for (key, line) in [("2", "of 1"), ("4", "other of 2"), ("5", "of two")] {
        browser.press(key);
        browser.wait_line(line);
    }
    wait_for_tails(&admin, &["/log1", "/1/log", "/2/", "/1/a%2Cb"]);
    let names = "[...document.querySelectorAll('.tab .name')].map(name => name.textContent).join()";
    assert_eq!(browser.value(names), "log1,1/log,2/log,other,a,b");
    // One file is followed as a tail again, and a closed one no more.
    browser.press("4x");
    wait_for_tails(&admin, &["/log1", "/1/log", "/2/log", "/1/a%2Cb"]);
    browser.press("4x");
    wait_for_tails(&admin, &["/log1", "/1/log", "/2/log"]);
    dir.append("2/log", "and more\n");
    browser.press("3");
    browser.wait_line("of 2\nand more");
    browser.assert_quiet();
    // More directories than connections.
    browser.go("about:blank");
    browser.go(&server.url("/log1?view#/1/log&/2/log&/3/log&/4/log&/5/log"));
    browser.wait("document.querySelector('#list').open");
    browser.wait(
        "document.querySelector('#list-note').textContent.startsWith('These files take all 5 connections')",
    );
    assert_eq!(
        browser.value("document.querySelectorAll('.tab').length"),
        "5"
    );
    assert_eq!(
        browser.value("document.querySelector('#list-name').textContent"),
        "/5/"
    );
    wait_for_tails(&admin, &["/log1", "/1/log", "/2/log", "/3/log", "/4/log"]);
    browser.assert_quiet();
}

/// Names that are too long for one request.
#[test]
fn long_names_take_several_connections() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let dir = TempDir::new();
    let name = |number: usize| format!("{}-{number:02}", "\u{436}".repeat(40));
    let others: Vec<String> = (0..32).map(|number| format!("/{}", name(number))).collect();
    for number in 0..32 {
        dir.write(&name(number), "first\n");
    }
    let (server, admin) = serve(&dir, "127.0.0.1:0");
    let encoded = |path: &str| path.replace('\u{436}', "%D0%B6");
    let hash: Vec<String> = others[1..].iter().map(|path| encoded(path)).collect();
    browser.resize(1280, 800);
    browser.go(&server.url(&format!("{}?view#{}", encoded(&others[0]), hash.join("&"))));
    browser.wait("document.querySelectorAll('.tab.good').length === 32");
    wait_for_tails(&admin, &["/", "/"]);
    // The last of them are followed like the first.
    dir.append(&name(0), "more of the first\n");
    browser.wait_line("more of the first");
    dir.append(&name(31), "more of the last\n");
    browser.wait("document.querySelectorAll('.unread').length === 1");
    browser.value("document.querySelector('.unread').click()");
    browser.wait_line("first\nmore of the last");
    browser.wait("document.querySelectorAll('.unread').length === 0");
    browser.assert_quiet();
}

#[test]
fn all_files_in_one_view() {
    let Some(browser) = Browser::start() else {
        return;
    };
    // What was there is in order of its times, as far as it has some.
    let dir = TempDir::with(
        "a",
        "2026-11-28T04:00:00Z a1\n  of a1\n2026-11-28T04:00:02Z a2\n",
    );
    dir.write("b", "2026-11-28T04:00:01Z b1\n2026-11-28T04:00:03Z b2\n");
    let server = Server::start(&dir);
    browser.go(&server.url("/a?view#/b"));
    browser.wait_line("a2");
    browser.press("2");
    browser.wait_line("b2");
    browser.press("0");
    let lines = "[...document.querySelectorAll('#rows > div')].map(row => row.textContent.replace(/2026\\S+ /, '')).join()";
    browser.wait(&format!("{lines} === 'aa1,a  of a1,bb1,aa2,bb2'"));
    // What comes then is in the order in which it comes.
    dir.append("b", "b3\n");
    browser.wait_line("b3");
    dir.append("a", "a3\n");
    browser.wait(&format!("{lines}.endsWith('aa2,bb2,bb3,aa3')"));
    browser.wait_state("2 of 2 files live");
    // Each file has a colour.
    let colours =
        "new Set([...document.querySelectorAll('.source')].map(source => source.style.color)).size";
    assert_eq!(browser.value(colours), "2");
    // A search is one in these lines, and a line leads to its file.
    browser.press("/b3");
    browser.wait("document.querySelector('#count').textContent === '1 in loaded lines'");
    browser.press("\u{e00c}");
    browser.value(
        "[...document.querySelectorAll('#rows > div')].find(row => row.textContent.endsWith('b3'))\
         .dispatchEvent(new MouseEvent('click', { bubbles: true, clientX: 5 }))",
    );
    browser.wait("location.pathname === '/b' && location.hash.startsWith('#line=')");
    // A file that is closed is left out.
    browser.press("1x");
    browser.wait("document.querySelectorAll('[role=tab]').length === 1");
    browser.wait_line("b3");
    browser.assert_quiet();
}

#[test]
fn lines_that_nobody_has_seen_mark_their_tab() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let dir = TempDir::with("a", "a\n");
    dir.write("b", "b\n");
    let server = Server::start(&dir);
    browser.go(&server.url("/a?view#/b"));
    browser.wait_line("a");
    browser.wait("document.querySelectorAll('.tab.good').length === 2");
    let unread = "[...document.querySelectorAll('.unread')].map(tab => tab.title).join()";
    // What was there already is not new.
    assert_eq!(browser.value(unread), "");
    dir.append("b", "new\nand new\n");
    browser.wait(&format!("{unread} === '/b: live, 2 unread'"));
    dir.append("a", "in sight\n");
    browser.wait_line("in sight");
    assert_eq!(browser.value(unread), "/b: live, 2 unread");
    browser.press("2");
    browser.wait(&format!("{unread} === ''"));
    browser.assert_quiet();
}
