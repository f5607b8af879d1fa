//! A client: what it reads, where it is in each file, and what it must never see.

use std::collections::BTreeMap;

use super::disk::{Disk, LIST, file_of, fits};

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    Entries,
    Names,
    Pattern,
}

/// A tag, and an offset.
type Place = (u64, u64);

pub struct Reader {
    pub subject: Subject,
    pub http10: bool,
    raw: Vec<u8>,
    body: Vec<u8>,
    head: bool,
    /// The last chunk has come.
    pub ended: bool,
    pub id: Option<String>,
    /// By a pattern: where it is in each file, whatever its name.
    pub places: BTreeMap<u64, u64>,
    /// The same when it came last: that is where lines begin for a server that has not told what comes before.
    resumed: BTreeMap<u64, u64>,
    /// By a pattern: up to where it was told of each file, under whatever name.
    reached: BTreeMap<u64, u64>,
    /// Where it is by each name; by a pattern, which file it had last.
    pub names: BTreeMap<String, Place>,
    /// Where it is in files that had a name of the list, by the name and the tag.
    late: BTreeMap<(String, u64), u64>,
    /// Those of which it had an event since it came.
    heard: Vec<(String, u64)>,
    /// Of a directory.
    pub table: BTreeMap<String, String>,
    pub exists: Option<bool>,
    pub outcomes: Vec<&'static str>,
}

fn place(text: &str) -> Option<Place> {
    // Without those in files that were left, and without whose it is.
    let text = text.split(['.', '~']).next().unwrap_or_default();
    let mut parts = text.split('-').filter(|_| text != "-");
    let tag = u64::from_str_radix(parts.next()?, 16).expect("a tag");
    Some((tag, parts.next()?.parse().expect("an offset")))
}

/// By a pattern: all of an id, also those in files that were left. Where a name was in a file that has another one now may
/// stand there too: the later place counts.
fn places(id: &str) -> Vec<Place> {
    let mut places: BTreeMap<u64, u64> = BTreeMap::new();
    for (tag, offset) in id.split([',', '.']).filter_map(place) {
        let latest = places.entry(tag).or_insert(offset);
        *latest = offset.max(*latest);
    }
    places.into_iter().collect()
}

#[derive(Default)]
struct Block {
    id: Option<String>,
    kind: String,
    data: Option<String>,
}

impl Reader {
    pub fn new(subject: Subject, http10: bool) -> Reader {
        Reader {
            subject,
            http10,
            raw: Vec::new(),
            body: Vec::new(),
            head: false,
            ended: false,
            id: None,
            places: BTreeMap::new(),
            resumed: BTreeMap::new(),
            reached: BTreeMap::new(),
            names: BTreeMap::new(),
            late: BTreeMap::new(),
            heard: Vec::new(),
            table: BTreeMap::new(),
            exists: None,
            outcomes: Vec::new(),
        }
    }

    /// The connection is lost, with whatever was not a whole event.
    pub fn come_again(&mut self) {
        (self.raw, self.body, self.head) = (Vec::new(), Vec::new(), false);
        self.heard.clear();
        self.resumed.clone_from(&self.places);
        self.outcomes.push("came again");
    }

    pub fn take(&mut self, bytes: &[u8], disk: &Disk) {
        assert!(!self.ended, "bytes behind the end");
        self.raw.extend_from_slice(bytes);
        if !self.head {
            let end = self.raw.windows(4).position(|four| four == b"\r\n\r\n");
            let Some(end) = end else {
                return;
            };
            assert!(self.raw.starts_with(b"HTTP/1.1 200 OK\r\n"));
            self.raw.drain(..end + 4);
            self.head = true;
        }
        while !self.http10 && self.chunk() {}
        if self.http10 {
            self.body.append(&mut self.raw);
        }
        while let Some(end) = self.body.windows(2).position(|two| two == b"\n\n") {
            let block: Vec<u8> = self.body.drain(..end + 2).collect();
            self.block(str::from_utf8(&block).expect("UTF-8"), disk);
        }
    }

    fn chunk(&mut self) -> bool {
        let Some(line) = self.raw.windows(2).position(|two| two == b"\r\n") else {
            return false;
        };
        let size = str::from_utf8(&self.raw[..line]).expect("a size");
        let size = usize::from_str_radix(size, 16).expect("a size");
        if self.raw.len() < line + 2 + size + 2 {
            return false;
        }
        let chunk: Vec<u8> = self.raw.drain(..line + 2 + size + 2).collect();
        assert!(chunk.ends_with(b"\r\n"));
        self.ended = size == 0;
        self.body
            .extend_from_slice(&chunk[line + 2..line + 2 + size]);
        true
    }

    fn block(&mut self, text: &str, disk: &Disk) {
        if text == ":\n\n" || text == "retry: 1000\n\n" {
            return;
        }
        let mut block = Block::default();
        for line in text.trim_end_matches('\n').split('\n') {
            match line.split_once(": ").expect("a field") {
                ("id", id) => block.id = Some(id.to_owned()),
                ("event", kind) => kind.clone_into(&mut block.kind),
                ("data", data) => assert!(block.data.replace(data.to_owned()).is_none()),
                _ => panic!("{line}"),
            }
        }
        match self.subject {
            Subject::Entries => self.entry(&block),
            _ => self.of_file(&block, disk),
        }
        if let Some(id) = block.id {
            self.id = Some(id);
        }
    }

    fn entry(&mut self, block: &Block) {
        let data = block.data.clone().expect("data");
        if block.kind == "list" {
            self.table.clear();
            self.exists = Some(data.ends_with("\"exists\":true}"));
            return;
        }
        assert_eq!(self.exists, Some(true));
        let name = data.split('"').nth(3).expect("a name").to_owned();
        match &*block.kind {
            "remove" => drop(self.table.remove(&name)),
            "create" => drop(self.table.insert(name, data)),
            "grow" | "roll" | "change" => {
                let before = self.table.insert(name, data);
                assert!(before.is_some(), "{} of what was not there", block.kind);
            }
            kind => panic!("{kind}"),
        }
    }

    /// The place of the file that an event is of, which has changed in the id; the others must be where they were.
    fn own(&self, block: &Block, name: Option<&str>, disk: &Disk) -> Option<Place> {
        let id = block.id.as_ref()?;
        let all: Vec<Option<Place>> = id.split(',').map(place).collect();
        if self.subject == Subject::Names {
            assert_eq!(all.len(), LIST.len());
            let index = |name: &str| LIST.iter().position(|other| *other == name);
            let changed = |index: &usize| all[*index] != self.names.get(LIST[*index]).copied();
            let mut changes = (0..LIST.len()).filter(changed);
            let own = match name {
                Some(name) => index(name).expect("a name of the list"),
                None => changes.next().expect("nothing new"),
            };
            let others: Vec<usize> = (0..LIST.len())
                .filter(changed)
                .filter(|at| *at != own)
                .collect();
            assert_eq!(others, [], "others have moved: {id}, {:?}", self.names);
            return all[own];
        }
        let all = places(id);
        // Where a former name was in a file that is gone from the one by which the stream went on with it.
        let is_former = |(tag, offset): &Place| {
            let mut names = disk.names.iter();
            let is_there = names.any(|(name, file)| fits(name) && disk.tag(*file) == *tag);
            !is_there && self.places.get(tag).is_some_and(|at| at > offset)
        };
        let changed =
            |place: &&Place| self.places.get(&place.0) != Some(&place.1) && !is_former(place);
        let changes: Vec<&Place> = all.iter().filter(changed).collect();
        match (block.data.as_deref(), &changes[..]) {
            // A roll names its file; it may be where it was.
            (Some(data), _) if data.starts_with('{') => {
                let tag = data.split("W/\\\"").nth(1).expect("a tag");
                let tag = u64::from_str_radix(&tag[..16], 16).expect("a tag");
                let own = all.iter().find(|place| place.0 == tag);
                Some(*own.expect("its place is in the id"))
            }
            (_, [only]) => Some(**only),
            // It had begun a file that went away and is begun again.
            (None, []) => None,
            (_, changes) => panic!("{changes:?} have moved in {id}"),
        }
    }

    /// A line of which a part was told before its file was renamed is told as a whole under the new name, as far as it was
    /// told since the client came: then the place is the start of that again.
    fn note_whole_lines(&mut self, block: &Block, disk: &Disk) {
        let id = block.id.iter().filter(|_| self.subject == Subject::Pattern);
        for (tag, offset) in id.flat_map(|id| places(id)) {
            let Some(before) = self.places.get_mut(&tag).filter(|before| **before > offset) else {
                continue;
            };
            let bytes = disk.version(tag);
            let resumed = self.resumed.get(&tag) == Some(&offset);
            let begun = offset == 0 || bytes[offset as usize - 1] == b'\n' || resumed;
            let told = &bytes[offset as usize..*before as usize];
            if begun && !told.contains(&b'\n') {
                *before = offset;
                self.outcomes.push("line that is told as a whole");
            }
        }
    }

    /// Nothing has moved if a part that was told is told once more, under another name.
    fn told_again(&self, block: &Block, data: &str, disk: &Disk) -> Option<Place> {
        let id = block
            .id
            .as_ref()
            .filter(|_| self.subject == Subject::Pattern)?;
        let all = places(id);
        if all
            .iter()
            .any(|place| self.places.get(&place.0) != Some(&place.1))
        {
            return None;
        }
        let ends_there = |&&(tag, offset): &&Place| {
            disk.version(tag)[..offset as usize].ends_with(data.as_bytes())
        };
        all.iter().find(ends_there).copied()
    }

    fn of_file(&mut self, block: &Block, disk: &Disk) {
        self.note_whole_lines(block, disk);
        let Some(data) = &block.data else {
            let Some((tag, offset)) = self.own(block, None, disk) else {
                return;
            };
            assert_eq!(offset, 0, "begins in the middle");
            let name = self.name_of(block);
            return self.begin(name, (tag, offset), disk);
        };
        let (name, kind) = block.kind.split_once('/').unwrap_or((&block.kind, ""));
        let name = name.to_owned();
        match kind {
            "" | "part" if self.late_place(block, &name).is_some() => {
                let (tag, offset) = self.late_place(block, &name).expect("one");
                let at = self.late.insert((name.clone(), tag), offset);
                let at = at.expect("a file that it has left");
                let bytes = &disk.version(tag)[at as usize..offset as usize];
                let end = if kind.is_empty() { "\n" } else { "" };
                assert_eq!(
                    String::from_utf8_lossy(bytes),
                    format!("{data}{end}"),
                    "of {name}"
                );
                self.outcomes.push("line that was written late");
            }
            "" | "part" => {
                let again = self.told_again(block, data, disk);
                let own = again.or_else(|| self.own(block, Some(&name), disk));
                let (tag, offset) = own.expect("an id");
                let before = match self.subject {
                    Subject::Names => self.names.get(&name).filter(|place| place.0 == tag),
                    _ => None,
                };
                let before = match (self.subject, before) {
                    (Subject::Names, before) => before.expect("of a file that it has").1,
                    _ => self.places[&tag],
                };
                let expected = match kind {
                    "" => format!("{data}\n"),
                    _ => data.clone(),
                };
                let all = disk.version(tag);
                let mut before = before as usize;
                // Under a new name a line is told from its start, or from where the client had begun in the middle of it.
                let start = all[..before].iter().rposition(|&byte| byte == b'\n');
                let start = start.map_or(0, |feed| feed + 1);
                let piece = (offset as usize).saturating_sub(expected.len());
                if self.subject == Subject::Pattern && (start..before).contains(&piece) {
                    self.outcomes.push("line that is told as a whole");
                    before = piece;
                }
                let bytes = &all[before..offset as usize];
                let bytes = str::from_utf8(bytes).expect("text");
                assert_eq!(bytes, expected, "of {name}");
                if kind == "part" {
                    self.outcomes.push("part");
                }
                self.outcomes.push("line");
                self.set(name, (tag, offset));
            }
            "roll" if data.contains("null") => {
                assert!(block.id.is_none());
                self.outcomes.push("nowhere");
            }
            "roll" => {
                let own = self.own(block, Some(&name), disk).expect("an id");
                self.check_left(&name, disk);
                self.outcomes.push("roll");
                if own.1 > 0 {
                    self.outcomes.push("roll in the middle of a file");
                }
                if self.subject == Subject::Names {
                    if own.1 > 0 {
                        // An earlier file has the name again: it goes on where it was, or at the start of that line, or where
                        // the client began in the middle of it.
                        let at = self.late[&(name.clone(), own.0)];
                        let before = &disk.version(own.0)[..at as usize];
                        let feed = before.iter().rposition(|&byte| byte == b'\n');
                        let start = feed.map_or(0, |feed| feed as u64 + 1);
                        assert!(
                            (start..=at).contains(&own.1),
                            "{own:?}, and {start} to {at}"
                        );
                        self.outcomes.push("earlier file that goes on");
                    }
                    if let Some(&(tag, offset)) = self.names.get(&name) {
                        self.late.insert((name.clone(), tag), offset);
                    }
                    self.set(name, own);
                } else {
                    self.begin(name, own, disk);
                }
            }
            "truncate" => {
                let own = self.own(block, Some(&name), disk).expect("an id");
                assert_eq!(own.1, 0);
                self.outcomes.push("truncate");
                if self.subject == Subject::Names {
                    self.set(name, own);
                } else {
                    self.begin(name, own, disk);
                }
            }
            kind => panic!("{kind}"),
        }
    }

    /// By a list, the place in a file that had this name before, if that is what has changed.
    fn late_place(&self, block: &Block, name: &str) -> Option<Place> {
        let index = LIST
            .iter()
            .position(|other| self.subject == Subject::Names && *other == name)?;
        let mut places = block
            .id
            .as_ref()?
            .split(',')
            .nth(index)?
            .split('.')
            .map(place);
        if places.next()? != self.names.get(name).copied() {
            return None;
        }
        let is_new =
            |(tag, offset): &Place| self.late.get(&(name.to_owned(), *tag)) != Some(offset);
        places.flatten().find(is_new)
    }

    /// By a list, the name whose place is new in this id.
    fn name_of(&self, block: &Block) -> String {
        let id = block.id.as_ref().expect("an id");
        if self.subject == Subject::Pattern {
            return String::new();
        }
        let all = id.split(',').map(place);
        let mut all = LIST.iter().zip(all);
        let new = all.find(|(name, place)| *place != self.names.get(**name).copied());
        (*new.expect("a new place").0).to_owned()
    }

    /// By a pattern nothing of a file comes twice, unless it has left the directory meanwhile.
    fn begin(&mut self, name: String, (tag, offset): Place, disk: &Disk) {
        if self.subject == Subject::Pattern
            && let Some(before) = self.places.get(&tag)
            && !disk.away.contains(&file_of(tag))
        {
            assert_eq!(offset, *before, "{tag:x} is begun anew");
        }
        self.set(name, (tag, offset));
    }

    fn set(&mut self, name: String, (tag, offset): Place) {
        let heard = self.heard_as(&name, tag);
        if !self.heard.contains(&heard) {
            self.heard.push(heard);
        }
        if self.subject == Subject::Pattern {
            self.places.insert(tag, offset);
            let reached = self.reached.entry(tag).or_default();
            *reached = offset.max(*reached);
        }
        if !name.is_empty() {
            let before = self.names.insert(name, (tag, offset));
            if before.is_some_and(|before| before.0 != tag) {
                self.outcomes.push("new name of a file that is followed");
            }
        }
    }

    /// By a list each name has its own place in a file.
    fn heard_as(&self, name: &str, tag: u64) -> (String, u64) {
        let name = if self.subject == Subject::Names {
            name
        } else {
            ""
        };
        (name.to_owned(), tag)
    }

    /// All that a file had when it lost the name was delivered, if it was open.
    fn check_left(&self, name: &str, disk: &Disk) {
        let Some(&(tag, offset)) = self.names.get(name) else {
            return;
        };
        let offset = match self.subject {
            Subject::Pattern => self.reached[&tag],
            _ => offset,
        };
        let mut now = disk.names.iter();
        let goes_on = now.any(|(name, file)| fits(name) && disk.tag(*file) == tag);
        // By a pattern another name may be in it by now, which sends what is left.
        let mut others = self.names.iter().filter(|other| *other.0 != name);
        let goes_on = goes_on || others.any(|(_, at)| at.0 == tag);
        if self.subject == Subject::Pattern && goes_on
            || !self.heard.contains(&self.heard_as(name, tag))
        {
            return;
        }
        let truncated = disk.tag(file_of(tag)) != tag;
        let lost = disk.left.get(&tag).map_or(&[][..], |lost| lost);
        // If it had the name more than once, the stream may have left it the first time.
        let of_name = lost.iter().filter(|lost| lost.0 == name);
        if let Some(left) = of_name.map(|lost| lost.1).min()
            && !truncated
            && lost.last().is_some_and(|last| last.0 == name)
        {
            assert!(offset >= left, "{name} left at {offset} of {left}");
        }
    }

    /// Nothing happens any more, and everything has been told.
    pub fn check(&self, disk: &Disk) {
        if self.subject == Subject::Entries {
            assert_eq!(self.exists, Some(true));
            assert_eq!(self.table.len(), disk.names.len(), "{:?}", self.table);
            for (name, file) in &disk.names {
                let (told, held) = (&self.table[*name], &disk.files[*file]);
                for member in [
                    format!("\"size\":{},", held.bytes().len()),
                    format!("W/\\\"{:016x}\\\"", disk.tag(*file)),
                    format!("\"sealed\":{}}}", held.sealed),
                ] {
                    assert!(told.contains(&member), "{member} in {told}");
                }
            }
            return;
        }
        for (name, file) in &disk.names {
            let followed = match self.subject {
                Subject::Names => LIST.contains(name),
                _ => fits(name),
            };
            if !followed {
                continue;
            }
            let (tag, held) = (disk.tag(*file), &disk.files[*file]);
            let at = match self.subject {
                Subject::Names => self
                    .names
                    .get(*name)
                    .filter(|at| at.0 == tag)
                    .map(|at| at.1),
                _ => self.reached.get(&tag).copied(),
            };
            let bytes = held.bytes();
            let lines = bytes.iter().rposition(|&byte| byte == b'\n');
            let expected = match held.sealed {
                true => bytes.len(),
                false => lines.map_or(0, |at| at + 1),
            };
            let at = at.unwrap_or_else(|| panic!("{name} ({tag:x}) is not followed"));
            assert!(at >= expected as u64, "{name} at {at} of {expected}");
        }
    }
}
