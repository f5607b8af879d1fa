//! `jobs::record`: what is written can be read, and what is read may have been written by somebody else.

mod faults;
mod pending;
mod tracker;

use std::time::Duration;

use openrange::job::{JobId, JobStatus, NotAJob};
use openrange::jobs::files::JobDirectory;
use openrange::jobs::record::{JobRecord, Recorded, done_line, parse_done, repaired};
use openrange::jobs::work::troubles::Troubles;
use openrange::limits::JOB_TEXT_PATIENCE;

#[test]
fn names_are_plain() {
    let id = JobId::from_bits(0x0123_4567_89ab_cdef_0011_2233_4455_6677);
    assert_eq!(id.as_str(), "0123456789abcdef0011223344556677");
    assert_eq!(JobId::from_bits(7).as_str(), format!("{:032x}", 7));
    for good in ["a", "job-1", "A_b", &"x".repeat(64), id.as_str()] {
        assert_eq!(good.parse::<JobId>().expect(good).as_str(), good);
    }
    for bad in [
        "",
        ".",
        "a.b",
        "a/b",
        "queue",
        "done",
        "a b",
        "ä",
        &"x".repeat(65),
    ] {
        assert_eq!(bad.parse::<JobId>(), Err(NotAJob), "{bad:?}");
    }
}

#[test]
fn every_status_can_be_read_again() {
    let table = [
        (JobStatus::Exit(0), "0"),
        (JobStatus::Exit(3), "exit 3"),
        (JobStatus::Exit(255), "exit 255"),
        (JobStatus::Signal(9), "signal 9"),
        (JobStatus::Timeout, "timeout"),
        (JobStatus::Cancelled, "cancelled"),
        (JobStatus::Abandoned, "abandoned"),
    ];
    for (status, text) in table {
        assert_eq!(status.to_string(), text);
        assert_eq!(text.parse(), Ok(status));
        assert_eq!(
            format!("{text}\n").parse(),
            Ok(status),
            "as a shell writes it"
        );
    }
    for bad in [
        "", "1", "exit", "exit -1", "exit 256", "signal x", "done", "0 0",
    ] {
        assert!(bad.parse::<JobStatus>().is_err(), "{bad:?}");
    }
}

#[test]
fn a_status_that_is_not_understood_is_damaged_once_no_text_follows() {
    let (young, old) = (
        JOB_TEXT_PATIENCE - Duration::from_nanos(1),
        JOB_TEXT_PATIENCE,
    );
    for bad in [&b""[..], b"\n", b"mine\n", b"exit 999\n", b"\xff", b"0\0"] {
        let text = String::from_utf8_lossy(bad);
        assert_eq!(Recorded::judge(bad, young), Recorded::Unfinished, "{text}");
        assert_eq!(Recorded::judge(bad, old), Recorded::Damaged, "{text}");
    }
    for age in [Duration::ZERO, young, old, Duration::MAX] {
        let ended = Recorded::Ended(JobStatus::Exit(3));
        assert_eq!(Recorded::judge(b"exit 3\n", age), ended);
    }
    let (told, wanted) = (JobStatus::Exit(3), JobStatus::Abandoned);
    assert_eq!(repaired(None, wanted), wanted);
    assert_eq!(repaired(Some(told), wanted), told);
}

#[test]
fn records_can_be_read_again_whatever_is_in_their_texts() {
    let texts = [
        "",
        "text/plain",
        "a\"b\\c",
        "line\nend\ttab\u{1}",
        "äöü €",
        "\u{1f600}",
    ];
    for (number, content_type) in texts.into_iter().enumerate() {
        let record = JobRecord {
            id: JobId::from_bits(number as u128),
            deadline: 1_795_269_642,
            content_type: content_type.to_owned(),
            length: u64::MAX,
            callback: (number % 2 == 1).then(|| format!("https://example.org/{content_type}")),
        };
        assert_eq!(JobRecord::parse(&record.to_json()), Some(record.clone()));
        let line = record.queue_line();
        assert_eq!(line.matches('\n').count(), 1, "{line:?}");
        let expected = JobRecord {
            callback: None,
            ..record
        };
        assert_eq!(JobRecord::parse(&line), Some(expected));
    }
}

#[test]
fn lines_of_others_are_read_as_far_as_they_are_understood() {
    let read = |text: &str| JobRecord::parse(text).map(|record| record.id.to_string());
    for good in [
        "{\"id\":\"a\"}",
        " { \"id\" : \"a\" , \"length\" : 5 } ",
        "{\"more\":\"\\u0041\\n\",\"id\":\"a\"}",
        "{\"id\":\"\\u0061\"}",
    ] {
        assert_eq!(read(good).as_deref(), Some("a"), "{good}");
    }
    for bad in [
        "",
        "{",
        "{}",
        "[]",
        "{\"id\":\"a\"",
        "{\"id\":\"a\"}}",
        "{\"id\":\"a\",}",
        "{\"id\":\"a\" \"length\":5}",
        "{\"id\":a}",
        "{\"id\":\"a/b\"}",
        "{\"id\":\"a\\\"}",
        "{\"id\":\"\\u00\"}",
    ] {
        assert_eq!(read(bad), None, "{bad}");
    }
}

#[test]
fn the_line_of_an_end_can_be_read_again() {
    let id: JobId = "job-1".parse().expect("a name");
    let line = done_line(id, JobStatus::Exit(3), 1_795_269_642);
    assert_eq!(
        line,
        "{\"id\":\"job-1\",\"status\":\"exit 3\",\"time\":1795269642}\n"
    );
    assert_eq!(parse_done(&line), Some((id, JobStatus::Exit(3))));
    assert_eq!(parse_done("{\"id\":\"job-1\"}"), None);
}

#[test]
fn lines_of_many_stay_whole_and_are_never_empty() {
    const WRITERS: usize = 4;
    const LINES: usize = 400;
    let path = std::env::temp_dir().join(format!("openrange-lines-{}", std::process::id()));
    std::fs::create_dir(&path).expect("a directory");
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let path = &path;
            scope.spawn(move || {
                let directory = JobDirectory::open(path).expect("a directory");
                for number in 0..LINES {
                    let line = format!("{writer} {number} {}\n", "x".repeat(700));
                    directory.append("log", line.as_bytes()).expect("a line");
                }
            });
        }
    });
    // Half a line, of somebody who died or had no space for more.
    let directory = JobDirectory::open(&path).expect("a directory");
    std::fs::write(path.join("half"), "whole\nhal").expect("a file");
    directory.append("half", b"next\n").expect("a line");
    let text = |name: &str| std::fs::read_to_string(path.join(name)).expect("text");
    let (log, half) = (text("log"), text("half"));
    std::fs::remove_dir_all(&path).expect("nothing left");
    assert_eq!(half, "whole\nhal\nnext\n");
    assert_eq!(log.lines().count(), WRITERS * LINES);
    assert!(
        log.lines()
            .all(|line| line.ends_with('x') && line.len() > 700)
    );
}

#[test]
fn a_trouble_is_reported_once_and_again_when_it_changes() {
    let troubles = Troubles::default();
    let (one, other) = (JobId::from_bits(1), JobId::from_bits(2));
    let denied = || "cannot take it: Permission denied".to_owned();
    let steps = [
        (one, denied(), true),
        (one, denied(), false),
        (other, denied(), true),
        (one, "cannot take it: Too many open files".to_owned(), true),
        (one, denied(), true),
        (one, denied(), false),
        (other, denied(), false),
    ];
    for (step, (id, trouble, is_new)) in steps.into_iter().enumerate() {
        assert_eq!(troubles.report(id, trouble), is_new, "step {step}");
    }
    troubles.end(one);
    assert!(troubles.report(one, denied()));
    assert!(!troubles.report(other, denied()));
}
