//! How often a mirror of one file lists its generations while nothing tells of them, and what of a sealed file is a gap.

use std::time::Duration;

use openrange::client::mirror::rule::{End, Rule};
use openrange::http::etag::ETag;
use openrange::limits::MIRROR_QUIET;
use openrange::time::Moment;

use super::engine::{File, Mirror, NOW, SEALED, rule};

const NOW_SEALED: &str = ",\"current\":true,\"sealed\":true";

fn mirror() -> Mirror {
    Mirror::new(Rule {
        late: Duration::ZERO,
        ..rule("/d/log")
    })
}

/// The pause after a list.
fn pause(mirror: &mut Mirror, files: &[File<'_>]) -> u64 {
    mirror.list_generations(files);
    let pause = mirror.engine.list_due - mirror.now;
    mirror.now = mirror.engine.list_due;
    u64::try_from(pause.as_millis()).expect("a short pause")
}

#[test]
fn lists_come_less_and_less_often_while_they_say_the_same() {
    let mut mirror = mirror();
    for end in [NOW, NOW_SEALED] {
        for expected in [1, 2, 4, 8, 15, 15] {
            let same = [("/d/log", 2, 0, end)];
            assert_eq!(pause(&mut mirror, &same), expected * 1000, "{end}");
        }
    }
    // A writer that has it open writes on.
    let pauses = [1, 1].map(|size| pause(&mut mirror, &[("/d/log", 2, size, NOW_SEALED)]));
    assert_eq!(pauses, [1000, 2000]);
    mirror.come(2, "a", false);
    // It is open again, and grows: a tail tells of that.
    let sizes = [1, 2, 2].map(|size| [("/d/log", 2, size, NOW)]);
    let pauses = sizes.map(|files| pause(&mut mirror, &files));
    assert_eq!(pauses, [1000, 2000, 4000]);
    mirror.come(2, "b", true);
    assert_eq!(pause(&mut mirror, &sizes[2]), 8000);
    // An earlier generation comes, another name, and it goes.
    let now = ("/d/log", 3, 0, NOW);
    let of = |name| [(name, 2, 2, ""), now];
    mirror.list_generations(&of("/d/log.1"));
    // Another list is to say the same.
    mirror.now = mirror.engine.list_due;
    assert_eq!(pause(&mut mirror, &of("/d/log.1")), 2000);
    assert_eq!(pause(&mut mirror, &of("/d/log.1")), 4000);
    mirror.list_generations(&of("/d/log.5"));
    mirror.now = mirror.engine.list_due;
    assert_eq!(pause(&mut mirror, &of("/d/log.5")), 2000);
    assert_eq!(pause(&mut mirror, &[now]), 1000);
    assert_eq!(MIRROR_QUIET.0, Duration::from_secs(1));
}

#[test]
fn what_is_due_is_not_put_off() {
    let mut mirror = mirror();
    let files = [("/d/log", 2, 0, NOW)];
    mirror.list_generations(&files);
    // A tail ends while a list is under way.
    let list = format!(
        "{{\"generations\":[{{\"path\":\"/d/log\",\"etag\":\"W/\\\"{:016x}\\\"\",\"size\":0{NOW}}}]}}",
        2
    );
    assert!(mirror.engine.begin_list(mirror.now).is_some());
    mirror.engine.ended(ETag(2), "renamed", mirror.now);
    mirror.engine.list(200, list.as_bytes(), mirror.now);
    assert_eq!(mirror.engine.list_due, mirror.now);
}

#[test]
fn a_run_that_ends_lists_once() {
    let mut mirror = Mirror::new(Rule {
        once: true,
        late: Duration::ZERO,
        ..rule("/d/log")
    });
    mirror.list_generations(&[("/d/log", 2, 0, NOW_SEALED)]);
    assert_eq!(mirror.engine.list_due, Moment::NEVER);
    assert!(mirror.engine.is_complete());
}

/// Nothing can have come to a sealed file of which all is here; of one that is open, nobody knows.
#[test]
fn a_file_that_is_gone() {
    // Of the file, whether it is sealed and how much of its three bytes is here, and whether it is a gap.
    for (end, bytes, gap) in [
        (NOW_SEALED, "abc", false),
        (NOW_SEALED, "ab", true),
        (NOW, "abc", true),
    ] {
        for next in [&[][..], &[("/d/log", 3, 0, NOW)]] {
            let mut mirror = mirror();
            mirror.list_generations(&[("/d/log", 2, 3, end)]);
            mirror.come(2, bytes, false);
            mirror.list_generations(next);
            let is_gap = matches!(mirror.engine.end, Some(End::Gap(_)));
            assert_eq!(is_gap, gap, "{end} {bytes} {next:?}");
        }
    }
    // Another one has come and passed the name on, and is not known, or was there before.
    for (before, gap) in [(&[][..], true), (&[("/d/log.1", 1, 3, "")], false)] {
        let mut mirror = mirror();
        mirror.list_generations(&[before, &[("/d/log", 2, 0, NOW_SEALED)]].concat());
        mirror.list_generations(&[("/d/log.1", 1, 3, ""), ("/d/log", 3, 0, NOW)]);
        assert_eq!(mirror.engine.end.is_some(), gap);
    }
    // The same of one that was rolled: it is no longer what has the name.
    let mut mirror = mirror();
    mirror.list_generations(&[("/d/log", 2, 0, NOW_SEALED)]);
    mirror.list_generations(&[("/d/log.1", 2, 0, SEALED), ("/d/log", 3, 0, NOW)]);
    mirror.list_generations(&[("/d/log", 3, 0, NOW)]);
    assert!(mirror.engine.end.is_none());
}
