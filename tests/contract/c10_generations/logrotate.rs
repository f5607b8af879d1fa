//! The real logrotate in all its modes, under a writer that opens its log again a moment late, with readers that are away for
//! one, two and five rotations. Skipped, with a message, where logrotate is missing.

use std::fs::OpenOptions;
use std::io::Write;
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::support::harness::{Server, TempDir, eventually};
use crate::support::source::Source;

/// What arrives after so many rotations.
#[derive(Clone, Copy, PartialEq)]
enum Arrives {
    All,
    /// All, if it was no more than this many rotations; else a gap is told.
    Upto(usize),
}

/// A test for each mode, with its lines in the configuration and what arrives.
macro_rules! modes {
    ($($mode:ident: $lines:expr, $arrives:expr;)*) => {
        $(
            #[test]
            fn $mode() {
                every_absence(stringify!($mode), $lines, $arrives);
            }
        )*
    };
}

modes! {
    numeric: "", Arrives::All;
    dates: "dateext\ndateformat -%Y%m%d-%s", Arrives::All;
    extension: "extension .log", Arrives::All;
    extension_and_dates: "extension .log\ndateext\ndateformat .%Y%m%d%H%s", Arrives::All;
    olddir: "olddir old", Arrives::All;
    delaycompress: "compress\ndelaycompress", Arrives::Upto(1);
    compress: "compress", Arrives::Upto(0);
    copytruncate: "copytruncate", Arrives::Upto(0);
}

fn logrotate(dir: &TempDir, kept: &TempDir, lines: &str) {
    // Names of some modes tell the second, by a clock that ticks.
    let second = || {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        (since.expect("after 1970") - Duration::from_millis(20)).as_secs()
    };
    let before = second();
    eventually("the next second", || {
        !lines.contains("%s") || second() != before
    });
    let log = dir.join("app.log");
    let text = format!(
        "{} {{\nrotate 20\ncreate\nmissingok\n{lines}\n}}\n",
        log.display()
    );
    kept.write("conf", text);
    let out = Command::new("logrotate")
        .arg("--force")
        .arg("--state")
        .arg(kept.join("state"))
        .arg(kept.join("conf"))
        .output()
        .expect("logrotate");
    assert!(
        out.status.success(),
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
}

fn every_absence(mode: &str, lines: &str, arrives: Arrives) {
    if Command::new("logrotate").arg("--version").output().is_err() {
        return println!("skipped: there is no logrotate here");
    }
    for away in [1, 2, 5] {
        check(mode, lines, away, arrives);
    }
}

fn check(mode: &str, lines: &str, away: usize, arrives: Arrives) {
    let what = format!("{mode}, away for {away}");
    let (dir, kept) = (TempDir::with("app.log", ""), TempDir::new());
    dir.mkdir("old");
    let server = Server::with(&dir, &["--old-dir", "old"]);
    let open = || {
        let file = OpenOptions::new().append(true).open(dir.join("app.log"));
        file.expect("the log")
    };
    let mut writer = open();
    let write = |writer: &mut std::fs::File, line: String| {
        writer.write_all(line.as_bytes()).expect("write");
    };
    write(&mut writer, "0.0\n".into());
    let mut source = Source::open(&server, "/app.log", None);
    source.expect(&["0.0"]);
    let place = source.id.clone();
    drop(source);
    let mut written = Vec::new();
    for rotation in 0..away {
        for line in 1..3 {
            write(&mut writer, format!("{rotation}.{line}\n"));
            written.push(format!("{rotation}.{line}"));
        }
        logrotate(&dir, &kept, lines);
        // It has not been told yet; what compresses at once, or copies, does not wait for that.
        if arrives == Arrives::All || mode == "delaycompress" {
            write(&mut writer, format!("{rotation}.3\n"));
            written.push(format!("{rotation}.3"));
        }
        writer = open();
    }
    write(&mut writer, "last\n".into());
    written.push("last".into());
    let mut source = Source::open(&server, "/app.log", Some(&place));
    let (mut got, mut gap) = (Vec::new(), false);
    while got.last().is_none_or(|line| line != "last") {
        let event = source.next();
        match &*event.kind {
            "" => got.push(event.data),
            "roll" => gap |= event.data.contains("\"gap\":true"),
            // What the file had before is gone.
            "truncate" => gap = true,
            kind => panic!("{what}: {kind} {}", event.data),
        }
    }
    let complete = match arrives {
        Arrives::All => true,
        Arrives::Upto(most) => away <= most,
    };
    if complete {
        assert_eq!((got, gap), (written, false), "{what}");
    } else {
        // What is missing is told, and nothing comes twice or in another order.
        let mut left = written.iter();
        let in_order = got.iter().all(|line| left.any(|other| other == line));
        assert!(in_order && gap, "{what}: {got:?} of {written:?}, gap {gap}");
    }
}
