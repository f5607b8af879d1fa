//! Following in the browser: growth, rolls, restarts of the server, seals.

use std::process::Command;

use rustix::process::Signal;

use super::browser::Browser;
use crate::support::harness::{Server, TempDir, openrange};

/// A server at a given address, which another one had before.
fn at(address: &str, dir: &TempDir) -> Server {
    let mut command: Command = openrange(&["--listen", address, "--grace", "1"]);
    command.arg(dir.path());
    Server::launch(command)
}

#[test]
fn it_follows_through_rolls_and_ends() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let dir = TempDir::with("log", "first\n");
    let server = Server::start(&dir);
    browser.resize(1280, 800);
    browser.go(&server.url("/log?view"));
    browser.wait_line("first");
    browser.wait_state("live");
    // A line that comes in pieces is one line, and what looks like markup is text.
    dir.append("log", "<b>second<");
    browser.wait_line("<b>second<");
    dir.append("log", "/b> Gr\u{fc}\u{df}e\n\x1b[31mred\x1b[0m\n");
    browser.wait_line("<b>second</b> Gr\u{fc}\u{df}e\nred");
    // Up to here nothing went wrong, and nothing was blocked.
    browser.assert_quiet();
    dir.rename("log", "log.1");
    dir.append_new("log", "third\n");
    browser.wait_line("third");
    let rolled = "red\nThe log was rolled: the file ends here, and the next one begins.\nthird";
    assert!(browser.text().contains(rolled), "{}", browser.text());
    // A request may have come while nothing had the name.
    let said = browser.console();
    assert!(said == "[]" || said.contains("404 (Not Found)"), "{said}");
    // Gone for a while, then there again.
    dir.remove("log");
    browser.wait_state("no such file");
    dir.append_new("log", "fourth\n");
    browser.wait_line("fourth");
    // A seal is an end; the next file of this name goes on.
    dir.chmod("log", 0o444);
    browser.wait_state("complete");
    dir.rename("log", "log.2");
    dir.append_new("log", "fifth\n");
    browser.wait_line("fifth");
    let text = browser.text();
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.starts_with("The "))
        .collect();
    let expected = [
        "first",
        "<b>second</b> Gr\u{fc}\u{df}e",
        "red",
        "third",
        "fourth",
        "fifth",
    ];
    assert_eq!(lines, expected, "{text}");
}

#[test]
fn it_survives_a_restart_and_a_crash_of_the_server() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let dir = TempDir::with("log", "first\n");
    let mut server = Server::start(&dir);
    let address = server.address.clone();
    browser.go(&server.url("/log?view"));
    browser.wait_line("first");
    server.running.signal(Signal::TERM);
    server.running.wait();
    browser.wait_state("connection lost, again in");
    dir.append("log", "while it was away\nhal");
    let server = at(&address, &dir);
    browser.wait_line("while it was away\nhal");
    // Killed in the middle of a stream, and of a line.
    browser.wait_state("live");
    server.running.signal(Signal::KILL);
    browser.wait_state("connection lost, again in");
    browser.wait_line("The connection was lost here.");
    drop(server);
    dir.append("log", "f a line\n");
    let server = at(&address, &dir);
    browser.wait_line("half a line");
    browser.wait_line("Nothing is missing.");
    // Another file has come while nobody listened.
    drop(server);
    browser.wait_state("connection lost, again in");
    dir.append("log", "the last of it\n");
    dir.rename("log", "log.1");
    dir.append_new("log", "another\n");
    let server = at(&address, &dir);
    browser.wait_line(
        "the last of it\nThe log was rolled: the file ends here, and the next one begins.\nanother",
    );
    // And one of which nothing is left.
    browser.wait_state("live");
    drop(server);
    browser.wait_state("connection lost, again in");
    dir.remove("log");
    dir.append_new("log", "the third\n");
    let _server = at(&address, &dir);
    browser.wait_line("The log was rolled, and the server no longer has all that was written. The next file begins here.\nthe third");
    let text = browser.text();
    for line in [
        "first",
        "while it was away",
        "half a line",
        "the last of it",
        "another",
        "the third",
    ] {
        assert_eq!(
            text.lines().filter(|found| *found == line).count(),
            1,
            "{line} in {text}"
        );
    }
}

#[test]
fn it_shows_that_a_file_was_truncated() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let dir = TempDir::with("log", "first\nsecond\n");
    let server = Server::start(&dir);
    browser.go(&server.url("/log?view"));
    browser.wait_line("second");
    browser.wait_state("live");
    dir.resize("log", 0);
    browser.wait_line("The file was truncated. It begins again here.");
    dir.append("log", "third\n");
    browser.wait_line("begins again here.\nthird");
}

/// While it was away the log was rolled several times: nothing of it is missing.
#[test]
fn it_goes_through_all_that_was_written_meanwhile() {
    let Some(browser) = Browser::start() else {
        return;
    };
    for page in ["/log?view", "/log?view#/other"] {
        let dir = TempDir::with("log", "first\n");
        dir.write("other", "");
        let mut server = Server::start(&dir);
        let address = server.address.clone();
        browser.go("about:blank");
        browser.go(&server.url(page));
        browser.wait_line("first");
        browser.wait_state("live");
        server.running.signal(Signal::TERM);
        server.running.wait();
        browser.wait_state("connection lost, again in");
        drop(server);
        dir.append("log", "the rest of the first\n");
        for (file, number) in [("second", 1), ("third", 2), ("fourth", 3)] {
            for number in (1..number).rev() {
                dir.rename(&format!("log.{number}"), &format!("log.{}", number + 1));
            }
            dir.rename("log", "log.1");
            dir.append_new("log", format!("{file}\n"));
        }
        let _server = at(&address, &dir);
        browser.wait_line("fourth");
        let text = browser.text();
        let lines: Vec<&str> = text
            .lines()
            .filter(|line| !line.starts_with("The connection was lost"))
            .collect();
        let rolled = "The log was rolled: the file ends here, and the next one begins.";
        let expected = [
            "first",
            "the rest of the first",
            rolled,
            "second",
            rolled,
            "third",
            rolled,
            "fourth",
        ];
        assert_eq!(lines, expected, "{page}: {text}");
        browser.wait_state("live");
    }
}

/// The answer to a job says how the job ended.
#[test]
fn it_shows_how_a_job_ended() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let dir = TempDir::new();
    dir.write("other", "");
    let server = Server::start(&dir);
    for (page, status, said) in [
        ("/one?view", "exit 3", "complete, the job failed: exit 3"),
        ("/two?view#/other", "0", "complete, the job succeeded"),
    ] {
        let name = &page[1..4];
        dir.write(name, "working\n");
        browser.go("about:blank");
        browser.go(&server.url(page));
        browser.wait_line("working");
        dir.append(name, "an answer\n");
        browser.wait_line("an answer");
        dir.write(&format!("{name}.status"), format!("{status}\n"));
        dir.chmod(name, 0o444);
        browser.wait_state(said);
    }
}

/// The state of a job while it has not ended, and how it ended, in a tab alone, beside another file, and in lists.
#[test]
fn it_shows_how_far_a_job_is() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let dir = TempDir::new();
    dir.mkdir("jobs");
    dir.write("jobs/other", "");
    let server = Server::with(&dir, &["--jobs", "/jobs"]);
    for (page, taken, status, said) in [
        ("/jobs/a?view", true, "0", "succeeded"),
        ("/jobs/b?view#/jobs/other", true, "exit 3", "failed: exit 3"),
        ("/jobs/c?view", false, "abandoned", "was abandoned"),
    ] {
        let name = &page[1..7];
        dir.write(&format!("{name}.request"), "");
        dir.write(name, "");
        browser.go("about:blank");
        browser.go(&server.url(page));
        browser.wait_state("live, the job waits for a worker");
        match taken {
            true => dir.write(&format!("jobs/.{}.taken", &name[5..]), "+"),
            false => dir.append(name, "an answer\n"),
        }
        browser.wait_state("live, the job runs");
        dir.write(&format!("{name}.status"), format!("{status}\n"));
        dir.chmod(name, 0o444);
        browser.wait_state(&format!("complete, the job {said}"));
        let verdict = if status == "0" { "passed" } else { "failed" };
        let looks = format!("done {verdict}");
        assert_eq!(
            browser.value("document.querySelector('#state').className"),
            looks
        );
    }
    browser.press("l");
    browser.wait("document.querySelectorAll('#entries button').length > 10");
    let entries = "document.querySelector('#entries').innerText.replaceAll(/\\s+/g, ' ')";
    let entries = browser.value(entries);
    for entry in [
        "a 0 B, the job succeeded",
        "b 0 B, the job failed: exit 3",
        "c open",
    ] {
        assert!(entries.contains(entry), "{entries}");
    }
    browser.go(&server.url("/jobs/"));
    let page = browser.value("document.body.innerText");
    for entry in ["job succeeded", "job failed: exit 3", "job was abandoned"] {
        assert!(page.contains(entry), "{page}");
    }
}

/// A writer that has not noticed the roll.
#[test]
fn it_shows_what_was_written_late() {
    let Some(browser) = Browser::start() else {
        return;
    };
    for page in ["/log?view", "/log?view#/other"] {
        let dir = TempDir::with("log", "first\n");
        dir.write("other", "");
        let server = Server::start(&dir);
        browser.go("about:blank");
        browser.go(&server.url(page));
        browser.wait_line("first");
        browser.wait_state("live");
        dir.rename("log", "log.1");
        dir.append_new("log", "second\n");
        browser.wait_line("second");
        dir.append("log.1", "late\n");
        browser.wait_line("Written to the earlier file: late");
        dir.append("log", "third\n");
        browser.wait_line("third");
        assert_eq!(browser.text().matches("late").count(), 1, "{page}");
        browser.assert_quiet();
        browser.go("about:blank");
    }
}
