//! The rows of streams of a directory, and of several of its files.

use std::time::Duration;

use openrange::connection::{Action, Connection, Timeouts};
use openrange::http::conditional::ETag;
use openrange::http::date::Date;
use openrange::limits::{EVENT_ABSENCE, EVENT_FILES_MAX, EVENT_HEARTBEAT};
use openrange::resource::Resource;
use openrange::subscription::changelog::{ChangeLog, Version};
use openrange::subscription::directory::Listed;
use openrange::subscription::end::End;
use openrange::subscription::entry::{Entry, Kind};
use openrange::subscription::matches::Matches;
use openrange::time::Moment;

use super::events::{other_file, read_of, sent};
use super::{ACCEPTED, LATER, Machine, NOW, Row, action, measure, name, send};

const SENDING: &str = "SendingRange";
const TAILING: &str = "Tailing";

/// `a` has the tag 1, and so on.
pub(super) fn changelog(version: u64, names: &[(&str, u64)]) -> ChangeLog {
    let entry = |tag: &u64| Entry {
        modified: Date::from_seconds(0),
        kind: Kind::File {
            size: 5,
            sealed: false,
            tag: Some(ETag(*tag)),
            job: None,
        },
    };
    let entries = names.iter();
    let entries = entries.map(|(name, tag)| (name.as_bytes().to_vec(), entry(tag)));
    let mut entries: Vec<(Vec<u8>, Entry)> = entries.collect();
    entries.sort_by(|left, right| left.0.cmp(&right.0));
    let mut changelog = ChangeLog::new(Version(1));
    changelog.update(entries, false, Version(version));
    changelog
}

fn list(machine: &mut Machine, version: u64, names: &[(&str, u64)]) {
    let changelog = changelog(version, names);
    let Some(patterns) = machine.patterns() else {
        return machine.listed(&Listed::Entries(&changelog), NOW);
    };
    let mut matches = Matches::new(patterns.into());
    matches.begin();
    for (name, entry) in changelog.entries() {
        matches.offer(name, entry);
    }
    matches.finish(Version(version));
    machine.listed(&Listed::Files(&matches), NOW);
}

/// Does what it wants with these files (name, tag, bytes), until it wants nothing more, or a listing.
fn drive(machine: &mut Machine, files: &[(&str, u64, &str)]) {
    loop {
        let wanted = action(machine);
        let (verb, rest) = wanted.split_once(' ').unwrap_or((&wanted, ""));
        let of = |tag: u64| files.iter().find(|file| file.1 == tag).expect("a file");
        match verb {
            "Send" => send(machine),
            "Follow" => {
                let found = files.iter().find(|file| rest == format!("/d/{}", file.0));
                machine.followed(
                    found.map_or(Resource::Missing, |file| other_file(file.1)),
                    NOW,
                );
            }
            "Examine" => {
                let tag = rest.strip_suffix(" anew").unwrap_or(rest);
                let (.., bytes) = of(tag.parse().expect("a tag"));
                measure(machine, bytes.len() as u64);
                if let Action::Read((), range) = machine.action() {
                    let bytes = &bytes.as_bytes()[range.start as usize..range.end as usize];
                    machine.read_file(bytes, NOW);
                }
            }
            _ => return,
        }
    }
}

pub(super) mod state {
    use super::*;

    pub fn asked(target: &str, fields: &str) -> Machine {
        let head = format!(
            "GET {target} HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n{fields}\r\n"
        );
        let mut machine = Connection::new(ACCEPTED);
        machine.received(head.as_bytes(), NOW);
        let _ = machine.resolved(Resource::Directory, Date::from_seconds(0));
        machine
    }
    pub fn head_out(target: &str) -> Machine {
        after(asked(target, ""), send)
    }
    pub fn directory() -> Machine {
        head_out("/d/")
    }
    pub fn told() -> Machine {
        after(directory(), |m| {
            list(m, 1, &[("x", 1)]);
            send(m);
        })
    }
    pub fn away() -> Machine {
        after(told(), |m| {
            m.changed();
            m.listed(&Listed::Nothing, NOW);
            send(m);
        })
    }
    pub fn names() -> Machine {
        head_out("/d/?files=a,b")
    }
    /// Of both all is out.
    pub fn both() -> Machine {
        after(names(), |m| {
            drive(m, &[("a", 1, "1\n"), ("b", 2, "2\n")]);
        })
    }
    pub fn pattern() -> Machine {
        head_out("/d/?files=*")
    }
    pub fn fitting() -> Machine {
        after(pattern(), |m| {
            list(m, 2, &[("a", 1)]);
            drive(m, &[("a", 1, "1\n")]);
        })
    }
    /// All is out but a line that has no end yet; then the file is renamed.
    pub fn passed_on() -> Machine {
        let machine = after(pattern(), |m| {
            list(m, 2, &[("a", 1)]);
            drive(m, &[("a", 1, "1\n2")]);
        });
        after(machine, |m| {
            m.changed();
            list(m, 3, &[("b", 1)]);
        })
    }
    pub fn two() -> Machine {
        after(pattern(), |m| {
            list(m, 2, &[("a", 1), ("b", 2)]);
            drive(m, &[("a", 1, "1\n"), ("b", 2, "22\n")]);
        })
    }
    pub fn after(mut machine: Machine, event: impl FnOnce(&mut Machine)) -> Machine {
        event(&mut machine);
        machine
    }
}

fn check(rows: &[Row]) {
    for (what, state, event, wanted, next) in rows {
        let mut machine = state();
        event(&mut machine);
        let wants = sent(&machine).unwrap_or_else(|| action(&machine));
        let wants = wants.replace("000000000000000", "#").replace('"', "'");
        assert_eq!((&*wants, &*name(&machine)), (*wanted, *next), "{what}");
    }
}

const EXISTS: &str =
    "Send 54|event: list/id: -/data: {'name':'/d','path':'/d/','truncated':false,'exists':true}//|";
const GONE: &str = "Send 55|event: list/id: -/data: {'name':'/d','path':'/d/','truncated':false,'exists':false}//|";

#[test]
#[rustfmt::skip]
fn directories() {
    use state::*;
    check(&[
        ("resolved", || asked("/d/", ""), |_| {}, "Send d|retry: 1000//|", SENDING),
        ("sent, the head", directory, |_| {}, "List /d/", SENDING),
        ("listed, empty", directory, |m| list(m, 1, &[]), EXISTS, SENDING),
        ("listed, sent", told, |_| {}, "Sleep", TAILING),
        ("changed", told, |m| assert!(m.changed()), "List /d/", TAILING),
        ("changed, nothing new", told, |m| { m.changed(); list(m, 1, &[("x", 1)]); }, "Sleep", TAILING),
        ("changed while sending", directory, |m| { list(m, 1, &[]); assert!(!m.changed()); send(m); }, "List /d/", SENDING),
        ("listed, more than one buffer", directory, |m| {
            let long: Vec<String> = (0..200).map(|number| format!("{number}{}", "x".repeat(200))).collect();
            let names: Vec<(&str, u64)> = long.iter().map(|name| (&**name, 1)).collect();
            list(m, 1, &names);
            send(m);
        }, "List /d/", SENDING),
        ("listed, nothing", told, |m| { m.changed(); m.listed(&Listed::Nothing, NOW); }, GONE, SENDING),
        ("listed, nothing, sent", away, |_| {}, "Sleep", TAILING),
        ("listed, nothing, once more", away, |m| { m.timer_fired(NOW + EVENT_ABSENCE.0); m.listed(&Listed::Nothing, LATER); }, "Sleep", TAILING),
        ("timer_fired, the next look is due", away, |m| m.timer_fired(NOW + EVENT_ABSENCE.0), "List /d/", TAILING),
        ("timer_fired, before that", away, |m| m.timer_fired(NOW), "Sleep", TAILING),
        ("listed, again", away, |m| { m.timer_fired(NOW + EVENT_ABSENCE.0); list(m, 1, &[]); }, EXISTS, SENDING),
        ("listed, unknown", told, |m| { m.changed(); m.listed(&Listed::Unknown, NOW); }, "Sleep", TAILING),
        ("listed, unknown, rang", told, |m| { m.changed(); m.listed(&Listed::Unknown, NOW); m.timer_fired(NOW + EVENT_ABSENCE.0); }, "List /d/", TAILING),
        ("timer_fired, after silence", told, |m| m.timer_fired(NOW + EVENT_HEARTBEAT), "Send 3|://|", SENDING),
        ("drain", told, |m| assert!(m.drain(NOW)), "Send 0||", SENDING),
        ("drain, changed", told, |m| { m.changed(); m.drain(NOW); }, "Send 0||", SENDING),
        ("drain, away", away, |m| assert!(m.drain(NOW)), "Send 0||", SENDING),
        ("drain, before it was listed", directory, |m| { m.drain(NOW); }, "Send 0||", SENDING),
        ("peer_gone", told, |m| m.peer_gone(NOW), "Remove", "Closing(Now)"),
        ("cut", told, |m| m.cut(NOW), "Remove, abort", "Closing(Abort)"),
    ]);
}

#[test]
#[rustfmt::skip]
fn several_names() {
    use state::*;
    check(&[
        ("resolved", || asked("/d/?files=a,b", ""), |_| {}, "Send d|retry: 1000//|", SENDING),
        ("sent, the head", names, |_| {}, "Follow /d/a", SENDING),
        ("followed", names, |m| m.followed(other_file(1), NOW), "Send 1a|id: #1-0,-//|", SENDING),
        ("followed, sent: the other's turn", names, |m| { m.followed(other_file(1), NOW); send(m); }, "Follow /d/b", SENDING),
        ("followed, both", names, |m| { m.followed(other_file(1), NOW); send(m); m.followed(other_file(2), NOW); },
            "Send 2b|id: #1-0,#2-0//|", SENDING),
        ("followed, both, sent", names, |m| { m.followed(other_file(1), NOW); send(m); m.followed(other_file(2), NOW); send(m); },
            "Examine 1", SENDING),
        ("followed, the first one is not there", names, |m| m.followed(Resource::Missing, NOW), "Follow /d/b", SENDING),
        ("followed, neither", names, |m| { m.followed(Resource::Missing, NOW); m.followed(Resource::Missing, NOW); }, "Sleep", TAILING),
        ("timer_fired", names, |m| { m.followed(Resource::Missing, NOW); m.followed(Resource::Missing, NOW); m.timer_fired(NOW + EVENT_ABSENCE.0 * 2); },
            "Follow /d/a", TAILING),
        ("resumed, both", || asked("/d/?files=a,b", "Last-Event-ID: 0000000000000001-2,-\r\n"),
            |m| { send(m); m.followed(other_file(1), NOW); send(m); m.followed(other_file(2), NOW); }, "Send 2b|id: #1-2,#2-0//|", SENDING),
        ("resumed with another list", || asked("/d/?files=a,b", "Last-Event-ID: 0000000000000001-2\r\n"),
            |m| { send(m); m.followed(other_file(1), NOW); }, "Send 1a|id: #1-0,-//|", SENDING),
        ("all is out", both, |_| {}, "Sleep", TAILING),
        ("changed: whoever was not last comes first", both, |m| assert!(m.changed()), "Examine 1", TAILING),
        ("measured, same: the other", both, |m| { m.changed(); measure(m, 2); }, "Examine 2", TAILING),
        ("measured, both the same", both, |m| { m.changed(); measure(m, 2); measure(m, 2); }, "Sleep", TAILING),
        ("read_file", both, |m| { m.changed(); measure(m, 2); measure(m, 4); read_of(m, b"2\n3\n"); },
            "Send 3c|id: #1-2,#2-4/event: b/data: 3//|", SENDING),
        ("name_lost, the second one", both, |m| assert!(m.name_lost(1, End::Renamed)), "Examine 2", TAILING),
        ("name_lost, all of it", both, |m| { m.name_lost(1, End::Renamed); measure(m, 2); }, "Follow /d/b", TAILING),
        ("name_lost, another one has the name", both, |m| { m.name_lost(1, End::Renamed); measure(m, 2); m.followed(other_file(3), NOW); },
            "Send 87|event: b/roll/id: #1-2,#3-0.#2-2/data: {'reason':'renamed','etag':'W/\\'#3\\''}//|", SENDING),
        ("name_lost, nobody", both, |m| { assert!(m.name_lost(7, End::Renamed)); }, "Sleep", TAILING),
        ("name_lost while sending", names, |m| { m.followed(other_file(1), NOW); assert!(!m.name_lost(0, End::Renamed)); }, "Send 1a|id: #1-0,-//|", SENDING),
        ("shrank, the second one", both, |m| { m.changed(); measure(m, 2); m.shrank(0, NOW); }, "Follow /d/b", TAILING),
        ("drain: what is left of both", both, |m| { assert!(m.drain(NOW)); measure(m, 2); }, "Examine 2", TAILING),
        ("drain: then the end", both, |m| { m.drain(NOW); measure(m, 2); measure(m, 2); }, "Send 0||", SENDING),
        ("drain, with a file that is not there", names,
            |m| { m.followed(Resource::Missing, NOW); m.followed(other_file(2), NOW); m.drain(NOW); send(m); measure(m, 0); }, "Send 0||", SENDING),
        ("drain, not looked up: nothing of it", names, |m| { m.drain(NOW); }, "Send 0||", SENDING),
        ("fell_short: all end", both, |m| { m.changed(); measure(m, 2); m.fell_short(NOW); }, "Remove, abort", "Closing(Abort)"),
    ]);
}

#[test]
#[rustfmt::skip]
fn patterns() {
    use state::*;
    check(&[
        ("sent, the head", pattern, |_| {}, "List /d/", SENDING),
        ("listed, empty", pattern, |m| list(m, 2, &[]), "Sleep", TAILING),
        ("listed", pattern, |m| list(m, 2, &[("a", 1), ("b", 2)]), "Follow /d/a", SENDING),
        ("followed", pattern, |m| { list(m, 2, &[("a", 1), ("b", 2)]); m.followed(other_file(1), NOW); }, "Send 21|id: #1-0~296230c0//|", SENDING),
        ("followed, not what is listed", pattern, |m| { list(m, 2, &[("a", 1)]); m.followed(other_file(9), NOW); }, "List /d/ anew", SENDING),
        ("followed, not what is listed, which is still listed", pattern,
            |m| { list(m, 2, &[("a", 1)]); m.followed(other_file(9), NOW); list(m, 2, &[("a", 1)]); }, "Sleep", TAILING),
        ("followed, not what is listed, which is listed now", pattern,
            |m| { list(m, 2, &[("a", 1)]); m.followed(other_file(9), NOW); list(m, 3, &[("a", 9)]); }, "Follow /d/a", SENDING),
        ("listed, nothing: the files are looked for by themselves", fitting,
            |m| { m.changed(); m.listed(&Listed::Nothing, NOW); }, "Examine 1", TAILING),
        ("listed, another one has come", fitting, |m| { m.changed(); list(m, 3, &[("a", 1), ("b", 2)]); }, "Follow /d/b", TAILING),
        ("name_lost, but not listed yet", fitting, |m| { m.name_lost(0, End::Renamed); measure(m, 2); m.followed(other_file(2), NOW); }, "List /d/ anew", TAILING),
        ("name_lost, listed: the new name goes on", fitting, |m| {
            m.changed(); list(m, 3, &[("a", 2), ("b", 1)]);
            m.followed(other_file(1), NOW); measure(m, 2); m.followed(other_file(2), NOW);
        }, "Send 7d|event: a/roll/id: #2-0~296230c0,#1-2/data: {'reason':'renamed','etag':'W/\\'#2\\''}//|", SENDING),
        ("name_lost, listed later: the same", fitting, |m| {
            m.name_lost(0, End::Renamed); measure(m, 2); m.followed(other_file(2), NOW);
            list(m, 3, &[("a", 2), ("b", 1)]);
            m.followed(other_file(1), NOW); m.followed(other_file(2), NOW);
        }, "Send 86|event: a/roll/id: #2-0~296230c0,#1-2~29622ee9/data: {'reason':'renamed','etag':'W/\\'#2\\''}//|", SENDING),
        ("passed on", passed_on, |_| {}, "Follow /d/b", TAILING),
        ("passed on, the new name is looked up: not before the former one is done", passed_on,
            |m| m.followed(other_file(1), NOW), "Examine 1 anew", TAILING),
        ("passed on, measured", passed_on, |m| { m.followed(other_file(1), NOW); measure(m, 3); }, "Read 0..3", TAILING),
        ("passed on, read: also a line that has no end", passed_on,
            |m| { m.followed(other_file(1), NOW); measure(m, 3); read_of(m, b"1\n2"); }, "Send 37|id: #1-3~296230c0/event: a/part/data: 2//|", SENDING),
        ("passed on, all is out", passed_on,
            |m| { m.followed(other_file(1), NOW); measure(m, 3); read_of(m, b"1\n2"); send(m); }, "Follow /d/a", SENDING),
        ("passed on, the former name leads nowhere", passed_on,
            |m| { m.followed(other_file(1), NOW); measure(m, 3); read_of(m, b"1\n2"); send(m); m.followed(Resource::Missing, NOW); }, "Follow /d/b", SENDING),
        ("passed on, the new name goes on behind it", passed_on, |m| {
            m.followed(other_file(1), NOW); measure(m, 3); read_of(m, b"1\n2"); send(m);
            m.followed(Resource::Missing, NOW); m.followed(other_file(1), NOW); measure(m, 5);
        }, "Read 0..5", SENDING),
        ("passed on, told of by the listing alone", fitting, |m| {
            m.changed(); list(m, 3, &[("a", 1), ("c", 3)]);
            m.followed(Resource::Missing, NOW); measure(m, 2);
            m.timer_fired(NOW + EVENT_ABSENCE.0 * 2); m.followed(other_file(9), NOW);
            list(m, 4, &[("b", 1), ("c", 9)]); m.followed(other_file(1), NOW);
        }, "Examine 1 anew", TAILING),
        ("two change names: each is measured by a new look", two, |m| { m.changed(); list(m, 3, &[("a", 2), ("b", 1)]); }, "Examine 1 anew", TAILING),
        ("two change names", two, |m| {
            m.changed(); list(m, 3, &[("a", 2), ("b", 1)]);
            // Each is read to its end before the other goes on with it.
            measure(m, 2); m.followed(other_file(2), NOW);
            measure(m, 3); m.followed(other_file(1), NOW);
        }, "Send 99|event: b/roll/id: #1-2~296230c0,#1-2~29622ee9,#2-3/data: {'reason':'renamed','etag':'W/\\'#1\\''}//|", SENDING),
        ("another name of the file: it is followed once", fitting, |m| { m.changed(); list(m, 3, &[("0", 1), ("a", 1), ("b", 1)]); measure(m, 2); }, "Sleep", TAILING),
        ("another name of the file, which is its only one then", fitting,
            |m| { m.changed(); list(m, 3, &[("0", 1), ("a", 1)]); list(m, 4, &[("0", 1)]); m.followed(other_file(1), NOW);
                measure(m, 2); m.followed(Resource::Missing, NOW); m.followed(other_file(1), NOW); measure(m, 5); }, "Read 0..5", TAILING),
        ("resumed, by the tag", || asked("/d/?files=*", "Last-Event-ID: 0000000000000001-2,0000000000000002-3\r\n"),
            |m| { send(m); list(m, 2, &[("x", 2)]); m.followed(other_file(2), NOW); measure(m, 5); read_of(m, b"22\n3\n"); },
            "Send 45|id: #2-5~2961e24b,#1-2/event: x/data: 3//|", SENDING),
        ("resumed, places of one file", || asked("/d/?files=*", "Last-Event-ID: 0000000000000002-3,0000000000000002-1,-\r\n"),
            |m| { send(m); list(m, 2, &[("x", 2)]); m.followed(other_file(2), NOW); measure(m, 5); }, "Read 0..5", SENDING),
        ("drain", fitting, |m| { m.drain(NOW); measure(m, 2); }, "Send 0||", SENDING),
    ]);
}

/// What was missed three times is forgotten; before that it stands in the ids.
#[test]
fn a_place_is_remembered_for_a_while() {
    let mut machine = state::fitting();
    machine.changed();
    list(&mut machine, 3, &[("a", 2), ("b", 1)]);
    machine.followed(other_file(1), NOW);
    measure(&mut machine, 2);
    machine.followed(other_file(2), NOW);
    let mut seen = vec![sent(&machine).expect("a roll")];
    send(&mut machine);
    // The other name is gone before anybody goes on there.
    machine.followed(Resource::Missing, NOW);
    machine.changed();
    for round in 0..4 {
        list(&mut machine, 4 + round, &[("a", 2)]);
        let size = 2 * round + 2;
        measure(&mut machine, size);
        read_of(&mut machine, &b"x\n".repeat(10));
        seen.push(sent(&machine).expect("a line"));
        send(&mut machine);
        if round == 0 {
            machine.followed(Resource::Missing, NOW);
        }
        machine.changed();
    }
    let remembers = |text: &String| text.contains(",0000000000000001-2");
    let remembered: Vec<bool> = seen.iter().map(remembers).collect();
    assert_eq!(remembered, [true, true, true, false, false], "{seen:#?}");
}

/// Whoever is busy has its turn no more often than the others.
#[test]
fn a_busy_file_starves_nobody() {
    let mut machine = state::both();
    machine.changed();
    let mut turns = Vec::new();
    let mut sizes = [2, 2];
    for _ in 0..10 {
        let wanted = action(&machine);
        let tag: usize = wanted
            .strip_prefix("Examine ")
            .expect(&wanted)
            .parse()
            .expect("a tag");
        sizes[tag - 1] += 2;
        measure(&mut machine, sizes[tag - 1]);
        let content = format!("{tag}\n{}", "x\n".repeat(10));
        read_of(&mut machine, content.as_bytes());
        // It has grown again meanwhile.
        machine.changed();
        send(&mut machine);
        turns.push(tag);
    }
    assert_eq!(turns, [1, 2, 1, 2, 1, 2, 1, 2, 1, 2]);
}

#[test]
fn more_files_than_are_followed() {
    let names: Vec<String> = (0..EVENT_FILES_MAX + 2)
        .map(|number| format!("{number:02}"))
        .collect();
    let all: Vec<(&str, u64)> = names
        .iter()
        .zip(1..)
        .map(|(name, tag)| (&**name, tag))
        .collect();
    let mut machine = state::pattern();
    list(&mut machine, 2, &all);
    let full =
        "Send 45|event: /full/data: {\"followed\":32,\"left_out\":2,\"names\":[\"32\",\"33\"]}//|";
    assert_eq!(sent(&machine).as_deref(), Some(full));
    send(&mut machine);
    let files: Vec<(&str, u64, &str)> = all.iter().map(|(name, tag)| (*name, *tag, "")).collect();
    drive(&mut machine, &files);
    assert_eq!(action(&machine), "Sleep");
    // Once.
    machine.changed();
    list(&mut machine, 3, &all);
    assert_eq!(sent(&machine), None);
}

/// What has happened in the directory is news unless the stream knows the version that it has come to.
#[test]
fn news_of_the_directory() {
    let told = state::told;
    let mut machine = told();
    assert!(machine.directory_changed(None));
    assert_eq!(action(&machine), "List /d/");
    let mut machine = state::after(told(), |m| {
        m.timer_fired(NOW + EVENT_HEARTBEAT);
        assert!(!m.directory_changed(None), "something is on its way");
    });
    send(&mut machine);
    assert_eq!(action(&machine), "List /d/");
    for (version, news) in [
        (Some(Version(2)), false),
        (Some(Version(3)), true),
        (None, true),
    ] {
        let mut machine = state::fitting();
        assert_eq!(machine.directory_changed(version), news, "{version:?}");
        let wanted = if news { "List /d/" } else { "Sleep" };
        assert_eq!(action(&machine), wanted, "{version:?}");
    }
    let mut machine = state::both();
    assert!(
        !machine.directory_changed(None),
        "of names nothing is listed"
    );
    assert_eq!(action(&machine), "Sleep");
}

/// Does what it wants, at this moment: its files have two bytes, and what it looks for is missing.
fn find_nothing(machine: &mut Machine, now: Moment) {
    loop {
        let wanted = action(machine);
        match wanted.split(' ').next() {
            Some("Send") => send(machine),
            Some("Examine") => measure(machine, 2),
            Some("Follow") => machine.followed(Resource::Missing, now),
            Some("List") => machine.listed(&Listed::Nothing, now),
            _ => return,
        }
    }
}

/// What is missing for long is not looked for while somebody watches for it.
#[test]
fn what_is_missing_is_watched() {
    let timeouts = Timeouts {
        header: Duration::ZERO,
        idle: Duration::ZERO,
    };
    let name_lost = |m: &mut Machine| assert!(m.name_lost(1, End::Unlinked));
    for (member, mut machine, wanted) in [
        (None, state::away(), "List /d/"),
        (
            Some(1),
            state::after(state::both(), name_lost),
            "Follow /d/b",
        ),
    ] {
        find_nothing(&mut machine, NOW);
        let mut next = machine.deadline(&timeouts);
        let mut looks = 0;
        loop {
            machine.is_watched(member);
            if machine.deadline(&timeouts) != next {
                break;
            }
            looks += 1;
            machine.timer_fired(next);
            assert_eq!(action(&machine), wanted);
            find_nothing(&mut machine, next);
            next = machine.deadline(&timeouts);
        }
        // The pause has doubled up to its longest.
        assert!((5..=8).contains(&looks), "{looks}");
        assert_eq!(machine.deadline(&timeouts), NOW + EVENT_HEARTBEAT);
        machine.may_be_there(member);
        assert_eq!(action(&machine), wanted);
    }
}

#[test]
fn the_directory_is_its_subject() {
    let subject = |machine: &Machine| machine.subject().map(ToString::to_string);
    assert_eq!(subject(&state::told()), Some("/d/".into()));
    assert_eq!(
        subject(&state::asked("/d/?files=a,b", "")),
        Some("/d/".into())
    );
    assert_eq!(subject(&super::state::tailing()), None);
    assert_eq!(subject(&super::state::finite()), None);
}

#[test]
#[rustfmt::skip]
fn waits() {
    use state::*;
    let timeouts = Timeouts { header: Duration::ZERO, idle: Duration::ZERO };
    type Row = (&'static str, fn() -> Machine, Moment);
    let rows: &[Row] = &[
        ("a directory, told", told, NOW + EVENT_HEARTBEAT),
        ("a directory, away", away, NOW + EVENT_ABSENCE.0),
        ("files, all is out", both, NOW + EVENT_HEARTBEAT),
        ("files, one is not there", || after(names(), |m| drive(m, &[("b", 2, "2\n")])), NOW + EVENT_ABSENCE.0 * 2),
        ("no file fits", || after(pattern(), |m| list(m, 2, &[])), NOW + EVENT_HEARTBEAT),
    ];
    for (what, state, deadline) in rows {
        let machine = state();
        assert_eq!(name(&machine), TAILING, "{what}");
        assert_eq!(machine.deadline(&timeouts), *deadline, "{what}");
    }
}
