//! `subscription::changelog`: entries as JSON, and a directory that is told as events: whoever puts together what he is told has the
//! directory, however slowly he reads and whatever happens meanwhile.

mod reader;

use std::collections::{BTreeMap, BTreeSet};

use crate::support::random::Random;
use openrange::http::conditional::ETag;
use openrange::http::date::Date;
use openrange::http::list_query::{ListQuery, Place};
use openrange::http::target::Path;
use openrange::limits::{DIRECTORY_GONE_MAX, EVENT_BUFFER, LISTING_MAX};
use openrange::subscription::changelog::{ChangeLog, Cursor, Version};
use openrange::subscription::entry::{Entry, Json, Kind, Renaming, list};
use reader::{Reader, events};

fn directory() -> Path {
    Path {
        name: (*b"some where").into(),
        slash: true,
    }
}

fn file(size: u64, sealed: bool, tag: Option<u64>) -> Entry {
    Entry {
        modified: Date::from_seconds(1_700_000_000),
        kind: Kind::File {
            size,
            sealed,
            tag: tag.map(ETag),
            job: None,
        },
    }
}

fn subdirectory() -> Entry {
    Entry {
        kind: Kind::Directory,
        ..file(0, false, None)
    }
}

#[test]
fn names_in_json() {
    for (name, quoted, path) in [
        (&b"a.log"[..], r#""a.log""#, "a.log"),
        (b"a b", r#""a b""#, "a%20b"),
        (br#"a"b\c"#, r#""a\"b\\c""#, "a%22b%5Cc"),
        (
            b"\0\x1f\x7f\n",
            r#""\u0000\u001f\u007f\u000a""#,
            "%00%1F%7F%0A",
        ),
        (
            "ä\u{85}😀".as_bytes(),
            "\"ä\\u0085😀\"",
            "%C3%A4%C2%85%F0%9F%98%80",
        ),
        (b"\xff\xfe.log", "\"\u{fffd}\u{fffd}.log\"", "%FF%FE.log"),
        (b"</script>", r#""</script>""#, "%3C/script%3E"),
        (b"a,b*?&=#", r##""a,b*?&=#""##, "a%2Cb%2A%3F%26%3D%23"),
    ] {
        let expected = format!(
            "{{\"name\":{quoted},\"path\":\"{path}\",\"kind\":\"file\",\"size\":5,\"mtime\":1700000000,\
             \"etag\":\"W/\\\"00000000000000ab\\\"\",\"sealed\":false}}"
        );
        let json = Json(name, &file(5, false, Some(0xab))).to_string();
        assert_eq!(json, expected);
        // It must fit into one line of data.
        assert!(!json.contains(['\n', '\r']));
    }
}

#[test]
fn entries_in_json() {
    for (entry, expected) in [
        (
            file(0, true, None),
            r#"{"name":"x","path":"x","kind":"file","size":0,"mtime":1700000000,"etag":null,"sealed":true}"#,
        ),
        (
            file(u64::MAX, false, Some(u64::MAX)),
            r#"{"name":"x","path":"x","kind":"file","size":18446744073709551615,"mtime":1700000000,"etag":"W/\"ffffffffffffffff\"","sealed":false}"#,
        ),
        (
            subdirectory(),
            r#"{"name":"x","path":"x/","kind":"directory","size":null,"mtime":1700000000,"etag":null,"sealed":null}"#,
        ),
    ] {
        assert_eq!(Json(b"x", &entry).to_string(), expected);
    }
}

#[test]
fn lists() {
    let (directory_in_it, file) = (subdirectory(), file(1, false, None));
    let entries = [
        (Box::from(&b"a"[..]), directory_in_it),
        (Box::from(&b"b"[..]), file),
    ];
    assert_eq!(
        list(&directory(), &[], 0, None, &[]),
        "{\"name\":\"/some where\",\"path\":\"/some%20where/\",\"truncated\":false,\"entries\":[\n]}\n"
    );
    // The last page of several is not the only one.
    for (count, says) in [(2, ""), (3, ",\"count\":3,\"next\":null")] {
        let json = list(&directory(), &entries, count, None, &[]);
        let begins = format!("\"truncated\":false{says},\"entries\":[");
        assert!(json.contains(&begins), "{json}");
    }
    let renaming = |from: &[u8], to: &[u8]| Renaming {
        from: from.into(),
        to: to.into(),
    };
    let moving = [renaming(b"b", b"b.1"), renaming(b"a b", b"\"")];
    let json = list(&directory(), &entries, 2, None, &moving);
    let says = "\"truncated\":false,\"moving\":[{\"path\":\"b\",\"to\":\"b.1\"},{\"path\":\"a%20b\",\"to\":\"%22\"}],\"entries\":[\n";
    assert!(json.contains(says), "{json}");
    let [a, b] = [0, 1].map(|index: usize| Json(&entries[index].0, &entries[index].1));
    let next = ListQuery::default().behind(&Place::new(0, b"b"));
    assert_eq!(
        list(&directory(), &entries, 7, Some(&next), &[]),
        format!(
            "{{\"name\":\"/some where\",\"path\":\"/some%20where/\",\"truncated\":true,\"count\":7,\"next\":\"?after=b\",\"entries\":[\n{a},\n{b}\n]}}\n"
        )
    );
}

/// The types of the events for one who has seen the first of these states and then the last.
fn told(states: &[Option<Entry>]) -> Vec<String> {
    let (mut changelog, mut mark) = (ChangeLog::new(Version(1)), Cursor::default());
    let mut out = Vec::new();
    for (index, state) in states.iter().enumerate() {
        let entries = state.iter().map(|entry| (b"x".to_vec(), *entry));
        changelog.update(entries.collect(), false, Version(index as u64 + 2));
        if index == 0 {
            assert!(mark.read(&directory(), &changelog, &mut out));
        }
    }
    out.clear();
    assert!(mark.read(&directory(), &changelog, &mut out));
    let again = out.len();
    assert!(mark.read(&directory(), &changelog, &mut out));
    assert_eq!(out.len(), again, "told twice");
    events(&out).into_iter().map(|event| event.kind).collect()
}

#[test]
fn changes() {
    let (small, large) = (file(1, false, Some(1)), file(2, false, Some(1)));
    let (sealed, other) = (file(1, true, Some(1)), file(9, false, Some(2)));
    let (untagged, grown) = (file(1, false, None), file(2, false, None));
    let later = Entry {
        modified: Date::from_seconds(1_800_000_000),
        ..small
    };
    let rows: &[(&[Option<Entry>], &[&str])] = &[
        (&[None, None], &[]),
        (&[Some(small), Some(small)], &[]),
        (&[None, Some(small)], &["create"]),
        (&[Some(small), None], &["remove"]),
        (&[Some(small), Some(large)], &["grow"]),
        (&[Some(untagged), Some(grown)], &["grow"]),
        (&[Some(large), Some(small)], &["change"]),
        (&[Some(small), Some(sealed)], &["change"]),
        (&[Some(small), Some(later)], &["change"]),
        (&[Some(small), Some(other)], &["roll"]),
        (&[Some(small), Some(untagged)], &["roll"]),
        (&[Some(untagged), Some(subdirectory())], &["roll"]),
        (&[Some(subdirectory()), Some(small)], &["roll"]),
        // Several at once are told as the most that they are.
        (&[Some(small), Some(large), Some(sealed)], &["grow"]),
        (
            &[Some(small), Some(other), Some(file(10, false, Some(2)))],
            &["roll"],
        ),
        (&[Some(small), None, Some(small)], &["create"]),
        (&[Some(small), None, Some(other), None], &["remove"]),
        (&[None, Some(small), None], &[]),
        (&[None, Some(small), Some(large), Some(sealed)], &["create"]),
        (&[Some(small), Some(large), Some(small)], &["grow"]),
    ];
    for (states, expected) in rows {
        assert_eq!(told(states), *expected, "{states:?}");
    }
}

#[test]
fn a_list_comes_first_and_whenever_what_was_told_is_void() {
    let mut out = Vec::new();
    let mut next = |mark: &mut Cursor, changelog: Option<&ChangeLog>| -> String {
        out.clear();
        match changelog {
            Some(changelog) => assert!(mark.read(&directory(), changelog, &mut out)),
            None => mark.lose(&directory(), &mut out),
        }
        String::from_utf8(out.clone())
            .expect("UTF-8")
            .replace("\n", "|")
    };
    let list = |truncated: bool, exists: bool| {
        format!(
            "event: list|id: -|data: {{\"name\":\"/some where\",\"path\":\"/some%20where/\",\
             \"truncated\":{truncated},\"exists\":{exists}}}||"
        )
    };
    let entry = file(1, false, Some(1));
    let create = format!("event: create|data: {}||", Json(b"x", &entry));
    let entries = || vec![(b"x".to_vec(), entry)];
    let mut mark = Cursor::default();
    let mut changelog = ChangeLog::new(Version(1));
    changelog.update(entries(), false, Version(1));
    assert_eq!(
        next(&mut mark, Some(&changelog)),
        list(false, true) + &create
    );
    assert_eq!(next(&mut mark, Some(&changelog)), "");
    // Whether there are more is said there only.
    changelog.update(entries(), true, Version(2));
    assert_eq!(
        next(&mut mark, Some(&changelog)),
        list(true, true) + &create
    );
    changelog.update(entries(), true, Version(3));
    assert_eq!(next(&mut mark, Some(&changelog)), "");
    assert_eq!(next(&mut mark, None), list(false, false));
    assert_eq!(next(&mut mark, None), "");
    assert_eq!(
        next(&mut mark, Some(&changelog)),
        list(true, true) + &create
    );
    // Another directory of that name.
    let mut changelog = ChangeLog::new(Version(9));
    assert_eq!(next(&mut mark, Some(&changelog)), list(false, true));
    changelog.update(entries(), false, Version(10));
    assert_eq!(next(&mut mark, Some(&changelog)), create);
}

type Directory = BTreeMap<Vec<u8>, Entry>;

fn there(changelog: &ChangeLog) -> Directory {
    let entries = changelog.entries();
    entries
        .map(|(name, entry)| (name.to_vec(), *entry))
        .collect()
}

/// A directory with all that happens in it, and readers of it.
struct World {
    random: Random,
    directory: Option<Directory>,
    /// Names to which something has happened that the changelog does not know of.
    news: BTreeSet<Vec<u8>>,
    truncated: bool,
    changelog: Option<ChangeLog>,
    version: u64,
    readers: Vec<Reader>,
    names: u64,
    /// Bytes of a name: long ones fill a buffer with few entries.
    length: usize,
}

impl World {
    fn new(seed: u64) -> World {
        let mut random = Random::new(seed);
        World {
            names: [3, 30, 300][random.below(3) as usize],
            length: [1, 80][random.below(2) as usize],
            readers: (0..1 + random.below(4))
                .map(|_| Reader::default())
                .collect(),
            directory: Some(Directory::new()),
            news: BTreeSet::new(),
            truncated: false,
            changelog: None,
            version: 0,
            random,
        }
    }

    fn name(&mut self) -> Vec<u8> {
        let number = self.random.below(self.names);
        // Of control characters each is written in six bytes.
        let mut name = vec![b'\n'; self.length];
        name.extend_from_slice(format!("{number:03}").as_bytes());
        name
    }

    fn entry(&mut self) -> Entry {
        match self.random.below(12) {
            0 => subdirectory(),
            1 => file(self.random.below(9), true, Some(self.random.below(3))),
            2 => file(self.random.below(9), false, None),
            _ => file(self.random.below(99), false, Some(self.random.below(3))),
        }
    }

    fn change(&mut self) {
        let (name, entry) = (self.name(), self.entry());
        let remove = self.random.below(3) == 0;
        if let Some(directory) = &mut self.directory {
            self.news.insert(name.clone());
            if remove {
                directory.remove(&name);
            } else {
                directory.insert(name, entry);
            }
        }
    }

    /// More entries go than are remembered as gone, of which somebody may have been told that they are there.
    fn surge(&mut self) {
        for round in 0..3 {
            let entries = self.directory.get_or_insert_default();
            let names = (0..DIRECTORY_GONE_MAX / 2 + 1).map(|number| format!("{round} {number}"));
            entries.extend(names.map(|name| (name.into_bytes(), subdirectory())));
            self.look();
            if round == 0 {
                while !self.readers[0].read(&directory(), self.changelog.as_ref()) {}
            }
            let entries = self.directory.get_or_insert_default();
            entries.retain(|name, _| !name.contains(&b' '));
            self.look();
        }
    }

    /// Tells the changelog of the names to which something has happened, and of one to which nothing has.
    fn patch(&mut self) {
        let same = self.name();
        let (Some(directory), Some(changelog)) = (&self.directory, &mut self.changelog) else {
            return;
        };
        let before = there(changelog);
        self.version += 1;
        self.news.insert(same);
        let news = std::mem::take(&mut self.news).into_iter();
        let news = news.map(|name| {
            let entry = directory.get(&name).copied();
            (name, entry)
        });
        let version = (changelog.version(), Version(self.version));
        let changed = changelog.patch(news, version.1);
        assert_eq!(there(changelog), *directory);
        assert_eq!(changed, before != *directory);
        assert_eq!(
            changelog.version(),
            if changed { version.1 } else { version.0 }
        );
    }

    fn look(&mut self) {
        self.news.clear();
        let Some(directory) = &self.directory else {
            self.changelog = None;
            return;
        };
        self.version += 1;
        let version = Version(self.version);
        let changelog = self
            .changelog
            .get_or_insert_with(|| ChangeLog::new(version));
        let entries = directory.iter().map(|(name, entry)| (name.clone(), *entry));
        changelog.update(entries.collect(), self.truncated, version);
    }

    fn read(&mut self) {
        let index = self.random.below(self.readers.len() as u64) as usize;
        self.readers[index].read(&directory(), self.changelog.as_ref());
    }

    fn step(&mut self) {
        match self.random.below(100) {
            0..50 => self.change(),
            50..60 => self.look(),
            60..70 => self.patch(),
            70..97 => self.read(),
            97 => self.truncated = self.random.below(2) == 0,
            98 => {
                self.directory = match &self.directory {
                    Some(_) => None,
                    None => Some(Directory::new()),
                };
                self.look();
            }
            _ => {
                for _ in 0..self.names {
                    self.change();
                }
            }
        }
    }

    fn end(&mut self) {
        self.look();
        for reader in &mut self.readers {
            while !reader.read(&directory(), self.changelog.as_ref()) {}
            let entries = self.directory.iter().flatten();
            let expected: BTreeMap<String, String> = entries
                .map(|(name, entry)| {
                    let json = Json(name, entry).to_string();
                    (reader::value(&json, "name"), json)
                })
                .collect();
            assert_eq!(reader.table, expected);
            assert_eq!(reader.exists, Some(self.directory.is_some()));
            if self.directory.is_some() {
                assert_eq!(reader.truncated, self.truncated);
            }
        }
    }

    /// How many of them are like that.
    fn readers(&self, like: impl Fn(&Reader) -> bool) -> usize {
        self.readers.iter().filter(|reader| like(reader)).count()
    }
}

#[test]
fn who_is_told_of_everything_has_the_directory() {
    let (mut again, mut within) = (0, 0);
    for seed in 0..if cfg!(miri) { 3 } else { 500 } {
        println!("seed {seed}");
        let mut world = World::new(seed);
        for _ in 0..world.random.below(400) {
            world.step();
        }
        world.end();
        again += world.readers(|reader| reader.lists > 1);
        within += world.readers(|reader| reader.pauses > 0);
    }
    assert!(cfg!(miri) || again > 100 && within > 50, "{again} {within}");
}

#[test]
fn who_is_too_far_behind_is_told_of_all_anew() {
    let mut again = 0;
    for seed in 0..if cfg!(miri) { 0 } else { 8 } {
        println!("seed {seed}");
        let mut world = World::new(seed);
        for _ in 0..20 {
            world.step();
        }
        world.look();
        world.readers[0].read(&directory(), world.changelog.as_ref());
        world.surge();
        for _ in 0..10 {
            world.step();
        }
        world.end();
        again += world.readers(|reader| reader.lists > 1);
    }
    assert!(again > 0 || cfg!(miri));
}

/// Whoever is in the middle of it is told of each change once, wherever it is.
#[test]
fn what_happens_while_it_is_read_is_told_once() {
    let entry = file(1, false, Some(1));
    let name = |number: u32| format!("{number:03}{}", "\u{1}".repeat(80)).into_bytes();
    let all = |left_out: &[u32], added: &[u32]| -> Vec<(Vec<u8>, Entry)> {
        let there = (100..200).filter(|number| !left_out.contains(number));
        let there = there.chain(added.iter().copied());
        there.map(|number| (name(number), entry)).collect()
    };
    for (late, early) in [(199, 100), (100, 199)] {
        let mut changelog = ChangeLog::new(Version(1));
        changelog.update(all(&[], &[]), false, Version(1));
        let mut mark = Cursor::default();
        while !mark.read(&directory(), &changelog, &mut Vec::new()) {}
        let grown = all(&[], &[])
            .into_iter()
            .map(|(name, _)| (name, file(2, false, Some(1))));
        changelog.update(grown.collect(), false, Version(2));
        let mut out = Vec::new();
        assert!(!mark.read(&directory(), &changelog, &mut out));
        // One goes, another goes and comes back, and one comes.
        changelog.update(all(&[late, early], &[]), false, Version(3));
        changelog.update(all(&[late], &[300]), false, Version(4));
        loop {
            let mut more = Vec::new();
            let done = mark.read(&directory(), &changelog, &mut more);
            out.extend(more);
            if done {
                break;
            }
        }
        let of = |number: u32| -> Vec<String> {
            let quoted = format!("\"{number}");
            let told = events(&out)
                .into_iter()
                .filter(|event| event.data.contains(&quoted));
            told.map(|event| event.kind)
                .filter(|kind| kind != "grow" && kind != "change")
                .collect()
        };
        assert_eq!(of(late), ["remove"]);
        assert_eq!(of(early), ["create"]);
        assert_eq!(of(300), ["create"]);
    }
}

/// A reader holds one buffer, and an event that was begun in it.
#[test]
fn a_buffer_is_enough() {
    let entries = (0..4096).map(|number| {
        let name = format!("{number:04}{}", "\u{1}".repeat(250));
        (name.into_bytes(), file(1, false, Some(1)))
    });
    let mut changelog = ChangeLog::new(Version(1));
    changelog.update(entries.collect(), false, Version(1));
    let (mut mark, mut buffers) = (Cursor::default(), 0);
    loop {
        let mut out = Vec::new();
        let all = mark.read(&directory(), &changelog, &mut out);
        assert!(out.len() < EVENT_BUFFER + 3000, "{}", out.len());
        buffers += 1;
        if all {
            break;
        }
        assert!(out.len() >= EVENT_BUFFER);
    }
    assert!(buffers > 200, "{buffers}");
}

/// So many entries, by numbers.
fn numbered(count: usize) -> Vec<(Vec<u8>, Entry)> {
    let names = (0..count).map(|number| format!("{number:05}").into_bytes());
    names.map(|name| (name, subdirectory())).collect()
}

fn full() -> ChangeLog {
    let mut changelog = ChangeLog::new(Version(1));
    changelog.update(numbered(LISTING_MAX), false, Version(2));
    changelog
}

/// What does not fit is left out, and readers are told once that there is more.
#[test]
fn a_patch_leaves_out_what_does_not_fit() {
    let new = |name: &str| [(name.as_bytes().to_vec(), Some(subdirectory()))];
    let gone = |name: &str| [(name.as_bytes().to_vec(), None)];
    let mut changelog = full();
    assert!(!changelog.is_truncated());
    let mut reader = Reader::default();
    while !reader.read(&directory(), Some(&changelog)) {}
    // What is there already has its place.
    assert!(changelog.patch(
        [(b"00000".to_vec(), Some(file(1, false, None)))],
        Version(3)
    ));
    assert!(!changelog.is_truncated());
    assert!(changelog.patch(new("more"), Version(4)));
    assert!(changelog.is_truncated() && !changelog.has(b"more"));
    assert_eq!(changelog.entries().count(), LISTING_MAX);
    assert_eq!(changelog.version(), Version(4));
    while !reader.read(&directory(), Some(&changelog)) {}
    assert!(reader.truncated && reader.lists == 2);
    assert!(!changelog.patch(new("more"), Version(5)), "they know");
    assert_eq!(changelog.version(), Version(4));
    // One goes, so there is a place for one.
    assert!(changelog.patch(gone("00001"), Version(6)));
    assert!(changelog.patch(new("more"), Version(7)));
    assert!(changelog.has(b"more") && !changelog.has(b"00001"));
    assert_eq!(changelog.entries().count(), LISTING_MAX);
}

/// So is a name that was there before.
#[test]
fn a_name_that_comes_back_to_a_full_list_does_not_fit() {
    let mut changelog = full();
    assert!(changelog.patch([(b"00001".to_vec(), None)], Version(3)));
    assert!(changelog.patch([(b"more".to_vec(), Some(subdirectory()))], Version(4)));
    assert!(!changelog.is_truncated());
    assert!(changelog.patch([(b"00001".to_vec(), Some(subdirectory()))], Version(5)));
    assert!(changelog.is_truncated() && !changelog.has(b"00001"));
    assert_eq!(changelog.entries().count(), LISTING_MAX);
}

/// Of several changes that come at once each counts before the next one.
#[test]
fn a_patch_of_several_changes_fills_a_list_to_its_bound() {
    let names = |changelog: &ChangeLog| ["a", "b"].map(|name| changelog.has(name.as_bytes()));
    let one = |name: &str, entry| (name.as_bytes().to_vec(), entry);
    let new = |name: &str| one(name, Some(subdirectory()));
    for (changes, there, truncated) in [
        (vec![one("00001", None), new("a")], [true, false], false),
        (vec![new("a"), one("00001", None)], [true, false], false),
        (
            vec![one("00001", None), new("a"), new("b")],
            [true, false],
            true,
        ),
        (
            vec![one("00001", None), one("00002", None), new("a"), new("b")],
            [true, true],
            false,
        ),
        (
            vec![one("00001", Some(file(1, false, None))), new("a")],
            [false, false],
            true,
        ),
    ] {
        let mut changelog = full();
        assert!(changelog.patch(changes, Version(3)));
        assert_eq!(
            (names(&changelog), changelog.is_truncated()),
            (there, truncated)
        );
    }
}

/// Entries that are gone are remembered for readers that do not know it, up to a bound; whoever has read less than what
/// is remembered is told of everything again.
#[test]
fn what_is_gone_is_remembered_up_to_a_bound() {
    for (count, forgets) in [(DIRECTORY_GONE_MAX, false), (DIRECTORY_GONE_MAX + 1, true)] {
        let mut changelog = ChangeLog::new(Version(1));
        let kept = || (b"kept".to_vec(), subdirectory());
        let mut all = numbered(count);
        all.push(kept());
        changelog.update(all, false, Version(2));
        let (mut quick, mut slow) = (Reader::default(), Reader::default());
        for reader in [&mut quick, &mut slow] {
            while !reader.read(&directory(), Some(&changelog)) {}
        }
        changelog.update(vec![kept()], false, Version(3));
        while !quick.read(&directory(), Some(&changelog)) {}
        assert_eq!(
            (quick.table.len(), quick.lists),
            (1, 1),
            "it is told of each"
        );
        let new = [(b"new".to_vec(), Some(subdirectory()))];
        assert!(changelog.patch(new, Version(4)));
        for reader in [&mut quick, &mut slow] {
            while !reader.read(&directory(), Some(&changelog)) {}
            assert_eq!(reader.table.len(), 2);
        }
        assert_eq!(quick.lists, 1);
        assert_eq!(slow.lists, 1 + u32::from(forgets), "{count}");
        assert_eq!(there(&changelog).len(), 2);
    }
}
