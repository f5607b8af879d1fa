//! Searching through a whole file, filters, and what the counts say.

use super::browser::{Browser, ENTER, ESCAPE};
use crate::support::harness::{Server, TempDir};

const COUNT: &str = "document.querySelector('#count').textContent";
const CURRENT: &str = "document.querySelector('.current')?.textContent";

/// Clears the field and types this.
fn search_for(browser: &Browser, text: &str) {
    browser.press(&format!("{ESCAPE}/{text}"));
}

fn wait_current(browser: &Browser, line: &str) {
    browser.wait(&format!("{CURRENT} === '{line}'"));
}

/// 90 MB, which is far more than the page holds, with a few lines that are rare.
fn huge() -> TempDir {
    let filler = "a line of which there are very many, all of them alike\n".repeat(20_000);
    let dir = TempDir::with("log", "needle at the start\n");
    for part in 0..80 {
        if part == 30 {
            dir.append("log", "needle at 30\nthe second Needle at 30\n");
        }
        dir.append("log", &filler);
    }
    dir.append("log", "the last line\n");
    dir
}

#[test]
fn the_whole_file_is_searched_in_both_directions() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let dir = huge();
    let server = Server::start(&dir);
    browser.go(&server.url("/log?view"));
    browser.wait_line("the last line");
    search_for(&browser, "needle");
    browser.wait(&format!("{COUNT} === '0 in loaded lines'"));
    for (key, line) in [
        (ENTER, "the second Needle at 30"),
        (ENTER, "needle at 30"),
        (ENTER, "needle at the start"),
    ] {
        browser.press(key);
        wait_current(&browser, line);
    }
    browser.press(ENTER);
    browser.wait(&format!("{COUNT} === 'no more above'"));
    // Down again, from the start.
    browser.press(ESCAPE);
    for line in ["needle at 30", "the second Needle at 30"] {
        browser.press("n");
        wait_current(&browser, line);
    }
    browser.press("n");
    browser.wait(&format!("{COUNT} === 'no more below: searched to the end'"));
    wait_current(&browser, "the second Needle at 30");
    // A regular expression is tried line by line.
    search_for(&browser, "/^needle.*t$/");
    browser.press(ENTER);
    wait_current(&browser, "needle at the start");
    let held = browser.value("document.querySelector('#held').textContent");
    assert!(held.len() < "20,001 lines held".len() + 1, "{held}");
    browser.assert_quiet();
}

#[test]
fn a_search_stops_and_goes_on_where_it_was() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let dir = huge();
    let server = Server::start(&dir);
    browser.go(&server.url("/log?view"));
    browser.wait_line("the last line");
    // It stops in the same moment, somewhere in the file.
    search_for(&browser, &format!("/at the (start)$/{ENTER}{ESCAPE}"));
    browser.wait(&format!("{COUNT}.startsWith('stopped at ')"));
    let stopped = browser.value(COUNT);
    assert!(stopped.ends_with("Enter continues"), "{stopped}");
    browser.press(&format!("/{ENTER}"));
    wait_current(&browser, "needle at the start");
    browser.assert_quiet();
}

#[test]
fn counts_and_filters_say_what_they_cover() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let dir = TempDir::with(
        "log",
        "Error one\nerror two\nfine\nerror of the debug kind\n",
    );
    let server = Server::start(&dir);
    browser.go(&server.url("/log?view"));
    browser.wait_line("debug kind");
    search_for(&browser, "error");
    browser.wait(&format!("{COUNT} === '3 found'"));
    // Upper and lower case may differ.
    browser.press(&format!("{ESCAPE}i"));
    browser.wait(&format!("{COUNT} === '2 found'"));
    browser.press("i");
    // What is excluded is neither shown nor counted.
    browser.value("document.querySelector('#exclude').focus()");
    browser.press("debug");
    browser.wait(&format!("{COUNT} === '2 found'"));
    let text = "document.querySelector('#rows').innerText";
    browser.wait(&format!("{text} === 'Error one\\nerror two\\nfine'"));
    browser.press(&format!("{ESCAPE}f"));
    browser.wait(&format!("{text} === 'Error one\\nerror two'"));
    dir.append("log", "debug error\nlast error\n");
    browser.wait(&format!("{text} === 'Error one\\nerror two\\nlast error'"));
    // What is no regular expression is said to be none, where nobody can overlook it.
    search_for(&browser, "/([a-z/");
    browser.wait(&format!(
        "{COUNT}.startsWith('Not a valid regular expression: ')"
    ));
    browser.assert_quiet();
}

/// Lines that somebody scrolls to are old.
#[test]
fn only_lines_that_were_appended_are_new() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let text: String = (0..60_000)
        .map(|line| format!("line {line:06} with some words behind it\n"))
        .collect();
    let dir = TempDir::with("log", text);
    let server = Server::start(&dir);
    browser.go(&server.url("/log?view"));
    browser.wait_line("line 059999");
    browser.press(" ");
    // A step for each look of the page at where it is: more of them would lead so far up that the window is full.
    let up = "window.steps !== 'under way' && (window.steps = 'under way', \
        document.querySelector('#log').scrollTop -= 30000, \
        requestAnimationFrame(() => requestAnimationFrame(() => { window.steps = 'done' })))";
    browser.wait(&format!(
        "({up}, Number(document.querySelector('#rows').firstChild.textContent.slice(5, 11)) < 50000)"
    ));
    let new = "document.querySelector('#new').textContent";
    browser.wait_state("live, paused");
    assert_eq!(browser.value(new), "To the end \u{2193}");
    dir.append("log", "appended\nappended too\n");
    browser.wait(&format!("{new} === '2 new \\u2193'"));
    browser.assert_quiet();
}
