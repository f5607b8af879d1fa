//! Links to lines, copying, saving, times.

use super::browser::{Browser, ENTER};
use crate::support::client::Client;
use crate::support::harness::{Server, TempDir};

const HASH: &str = "location.hash";
const SELECTED: &str =
    "[...document.querySelectorAll('.selected')].map(row => row.textContent).join()";

/// Clicks left of the line with this text.
fn pick(browser: &Browser, line: &str, shift: bool) {
    browser.value(&format!(
        "[...document.querySelectorAll('#rows > div')].find(row => row.textContent === '{line}')\
         .dispatchEvent(new MouseEvent('click', {{ bubbles: true, clientX: 5, shiftKey: {shift} }}))"
    ));
}

fn tag(server: &Server, path: &str) -> String {
    let etag = Client::new(server)
        .head_of(path, &[])
        .field("ETag")
        .to_string();
    etag.trim_start_matches("W/\"")
        .trim_end_matches('"')
        .to_string()
}

fn lines(count: usize) -> String {
    (0..count).map(|line| format!("line {line:06}\n")).collect()
}

#[test]
fn a_link_leads_to_its_lines_whatever_comes_behind_them() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let dir = TempDir::with("log", lines(50_000));
    dir.write("other", "other\n");
    let server = Server::start(&dir);
    browser.go(&server.url("/other?view#/log"));
    browser.press("2");
    browser.wait_line("line 049999");
    pick(&browser, "line 049990", false);
    browser.wait(&format!("{SELECTED} === 'line 049990'"));
    let tag = tag(&server, "/log");
    // The address is now that of this file.
    assert_eq!(browser.value("location.pathname"), "/log");
    assert_eq!(
        browser.value(HASH),
        format!("#line={tag}-{}&/other", 49_990 * 12)
    );
    pick(&browser, "line 049993", true);
    browser.wait(&format!(
        "{SELECTED} === 'line 049990,line 049991,line 049992,line 049993'"
    ));
    assert_eq!(
        browser.value("document.querySelector('#selected-count').textContent"),
        "4 lines"
    );
    let url = browser.value("location.href");
    // Somebody else opens it later.
    dir.append("log", lines(100_000));
    browser.go("about:blank");
    browser.go(&url);
    browser.wait(&format!(
        "{SELECTED} === 'line 049990,line 049991,line 049992,line 049993'"
    ));
    browser.wait_state("reading older lines");
    let top = browser.value("document.querySelector('.selected').getBoundingClientRect().top > 0");
    assert_eq!(top, "true");
    // Picked again it is let go.
    pick(&browser, "line 049991", false);
    pick(&browser, "line 049991", false);
    browser.wait("document.querySelector('#selected').hidden");
    assert_eq!(browser.value(HASH), "#/other");
    browser.assert_quiet();
}

/// The name has passed to another file, and the line is in the one that had it before.
#[test]
fn a_link_leads_to_an_earlier_file() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let dir = TempDir::with("log", lines(30_000));
    let server = Server::start(&dir);
    let tag = tag(&server, "/log");
    dir.rename("log", "log.1");
    dir.append_new("log", "another\n");
    browser.go(&server.url(&format!("/log?view#line={tag}-{}", 12 * 12_345)));
    browser.wait(&format!("{SELECTED} === 'line 012345'"));
    let names = "[...document.querySelectorAll('.tab .name')].map(name => name.textContent).join()";
    assert_eq!(browser.value(names), "log (earlier),log");
    // The link stays the same, and the file of this name is the other tab.
    assert_eq!(browser.value(HASH), format!("#line={tag}-{}", 12 * 12_345));
    browser.press("2");
    browser.wait_line("another");
    browser.assert_quiet();
}

#[test]
fn a_link_to_a_file_that_is_gone_says_so() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let dir = TempDir::with("log", "first\n");
    let server = Server::start(&dir);
    let tag = tag(&server, "/log");
    dir.remove("log");
    dir.append_new("log", "another\n");
    browser.go(&server.url(&format!("/log?view#line={tag}-0")));
    browser.wait_line("another");
    browser
        .wait_line("The line of this link was in an earlier file, which the server no longer has.");
}

#[test]
fn lines_are_copied_and_saved() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let dir = TempDir::with("a log", "one\n\x1b[31mtwo\x1b[m\r\nthree\nfour\n");
    let server = Server::start(&dir);
    browser.go(&server.url("/a%20log?view"));
    browser.wait_line("four");
    // Instead of the clipboard and the disk of this machine.
    browser.value(
        "(navigator.clipboard.writeText = text => { window.copied = text; return Promise.resolve(); },\
         URL.createObjectURL = blob => { blob.text().then(text => { window.blob = text; }); return '#blob'; },\
         HTMLAnchorElement.prototype.click = function () { window.saved = [this.getAttribute('href'), this.download].join(); })",
    );
    browser.press("c");
    browser.wait("window.copied === 'one\\ntwo\\nthree\\nfour\\n'");
    browser.wait("document.querySelector('#count').textContent === '4 lines copied'");
    pick(&browser, "two", false);
    pick(&browser, "three", true);
    browser.press("c");
    browser.wait("window.copied === 'two\\nthree\\n'");
    browser.value("document.querySelector('#link').click()");
    browser.wait("window.copied === location.href");
    // By keys: from the one line that is found to another.
    browser.press("/two\u{e00c}np");
    browser.wait(&format!("{SELECTED} === 'two'"));
    browser.press("/four\u{e00c}nP");
    browser.wait(&format!("{SELECTED} === 'two,three,four'"));
    browser.press("/\u{e003}\u{e003}\u{e003}\u{e003}\u{e00c}");
    pick(&browser, "two", false);
    pick(&browser, "three", true);
    browser.wait(&format!("{SELECTED} === 'two,three'"));
    // The bytes are those of the file.
    browser.value("document.querySelector('#keepselected').click()");
    browser.wait("window.saved === '#blob,a log.4-23'");
    browser.wait("window.blob === '\\x1b[31mtwo\\x1b[m\\r\\nthree\\n'");
    browser.press("s");
    browser.value("document.querySelector('#save-whole').click()");
    browser.wait("window.saved === '/a%20log,a log'");
    browser.press("s");
    browser.value("document.querySelector('#save-shown').click()");
    browser.wait("window.saved === '#blob,a log.txt'");
    browser.wait("window.blob === 'one\\ntwo\\nthree\\nfour\\n'");
    browser.assert_quiet();
}

/// A second for each line, 60,000 of them, in the forms in which logs write times.
#[test]
fn a_time_is_found_by_looking_at_few_lines() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let dir = TempDir::new();
    let server = Server::start(&dir);
    let (hour, minute, second) = (
        |line: usize| line / 3600,
        |line: usize| line / 60 % 60,
        |line: usize| line % 60,
    );
    let clock = |line: usize| format!("{:02}:{:02}:{:02}", hour(line), minute(line), second(line));
    type Form<'a> = &'a dyn Fn(usize) -> String;
    let forms: [(&str, Form<'_>, &str); 6] = [
        (
            "iso",
            &|line| format!("2026-03-01T{}.5Z x", clock(line)),
            "2026-03-01T10:20:30Z",
        ),
        (
            "plain",
            &|line| format!("[2026/03/01 {}] x", clock(line)),
            "10:20:30",
        ),
        (
            "syslog",
            &|line| format!("Mar  1 {} host x", clock(line)),
            "10:20:30",
        ),
        (
            "clf",
            &|line| format!("::1 - - [01/Mar/2026:{} +0000] \"GET /\"", clock(line)),
            "2026-03-01 10:20:30Z",
        ),
        (
            "epoch",
            &|line| format!("{} x", 1_772_323_200 + line),
            "@1772360430",
        ),
        (
            "json",
            &|line| format!("{{\"msg\":\"x\",\"ts\":{}.25}}", 1_772_323_200 + line),
            "@1772360430",
        ),
    ];
    for (name, form, wanted) in forms {
        // Between the times are lines without one.
        let text: String = (0..60_000)
            .map(|line| format!("{}\n    at some place in the code\n", form(line)))
            .collect();
        dir.write(name, text);
        browser.go(&server.url(&format!("/{name}?view")));
        browser.wait_line("some place");
        browser.press(&format!("o{wanted}{ENTER}"));
        let found = form(10 * 3600 + 20 * 60 + 30);
        browser.wait(&format!(
            "document.querySelector('.current')?.textContent === {}",
            super::browser::quoted(&found)
        ));
    }
    // In front of all, and where there is none.
    browser.press(&format!("o2020-01-01{ENTER}"));
    browser.wait("document.querySelector('.current')?.textContent.includes(':1772323200.25')");
    dir.write("none", lines(20_000));
    browser.go(&server.url("/none?view"));
    browser.wait_line("line 019999");
    browser.press(&format!("o10:00{ENTER}"));
    let note = "document.querySelector('#jump-note').textContent";
    browser.wait(&format!("{note} === 'No line here begins with a time.'"));
    for nothing in ["soon", "25:00"] {
        browser.value("(document.querySelector('#offset').value = '')");
        browser.press(&format!("{nothing}{ENTER}"));
        browser.wait(&format!(
            "{note}.startsWith('This is neither an offset nor a time')"
        ));
    }
    browser.assert_quiet();
}
