//! Several files of a directory in one page, over one connection.

use rustix::process::Signal;

use super::browser::Browser;
use crate::support::client::Client;
use crate::support::harness::{Server, TempDir, openrange, until};

const ROLLED: &str = "The log was rolled: that was all of the file. Here the next one begins.";

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
    let truncated = "The file was truncated. Here it begins again.";
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
    browser.wait_line("The file was replaced or truncated. Here it begins again.\nanother");
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
        "document.querySelector('#list-note').textContent.startsWith('These files take 5 connections')",
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
