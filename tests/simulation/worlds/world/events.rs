//! A reader of event streams, written from the HTML standard (section 9.2.6) and sharing no line with the server, and
//! what it must never see.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use openrange::http::position::Check;
use openrange::subscription::end::End;

use super::disk::Facts;

/// An endless answer in events, as far as it has come.
#[derive(Debug, Clone, Default)]
pub struct Stream {
    /// Where it must begin, until it has.
    begins: Option<String>,
    /// The file that it follows; none: its name leads nowhere.
    pub file: Option<usize>,
    etag: u64,
    /// The offset behind the last event.
    pub at: u64,
    /// Of an event that is not complete.
    unread: Vec<u8>,
    /// What the server has read last, and from where.
    window: (u64, Vec<u8>),
    /// What it has read just before `at`; `None`: nothing yet.
    before: Option<Vec<u8>>,
    /// Of what was read just before `at`, in a file that came back.
    check: Option<String>,
    /// It came back to an earlier file, which the client has up to there, or in which it is in a line; and whether the
    /// server has measured that since.
    returned: Option<(u64, bool)>,
    /// The server knows that the file was truncated, or that nothing will be added to it.
    pub truncated: bool,
    pub final_: bool,
    /// The size that it has seen last.
    size: u64,
    /// Notices that must come next, with the tag in each, and whether they tell of a gap.
    notices: VecDeque<(&'static [&'static str], u64, bool)>,
    told_of_absence: bool,
    /// Where it is in files that it has left, to which somebody may still append; and what the server has read of one.
    pub late: BTreeMap<u64, u64>,
    late_window: (u64, u64, Vec<u8>),
    /// Of these nothing was read before: the stream may be in the middle of a line.
    late_unread: BTreeSet<u64>,
    /// What must be delivered before the end of the server, unless the file is truncated meanwhile.
    pub shutdown: Option<u64>,
    truncations: Option<u64>,
    pub outcomes: Vec<&'static str>,
}

#[derive(Default)]
struct Block {
    retry: bool,
    id: Option<String>,
    event: String,
    data: Option<String>,
}

impl Stream {
    /// `position`: the event behind which the client goes on. `facts`: of the file that it is given.
    pub fn new(position: Option<(u64, u64)>, facts: Option<&Facts>) -> Stream {
        let mut stream = Stream {
            file: facts.map(|facts| facts.file),
            ..Stream::default()
        };
        (stream.etag, stream.at) = match (position, facts) {
            (Some((etag, offset)), Some(facts)) if etag == facts.etag && offset > facts.size => {
                stream.notices.push_back((&["truncate"], etag, false));
                (etag, 0)
            }
            (Some((etag, offset)), facts) => {
                // It goes on in that file first, if it is anywhere.
                if facts.is_some_and(|facts| facts.etag != etag) {
                    stream.file = None;
                    stream.outcomes.push("earlier generation");
                }
                (etag, offset)
            }
            (None, facts) => {
                let facts = facts.expect("nothing to send");
                (facts.etag, facts.start.unwrap_or(0))
            }
        };
        stream.size = stream.at;
        stream.begins = Some(format!("{:016x}-{}", stream.etag, stream.at));
        stream
    }

    /// It follows the file with this tag.
    pub fn is_of(&self, etag: u64) -> bool {
        self.etag == etag
    }

    /// The server has measured the file.
    pub fn measured(&mut self, size: u64) {
        self.truncated |= size < self.size;
        self.size = size;
        self.returned = self.returned.map(|(at, _)| (at, true));
    }

    /// The server has read these bytes from here on.
    pub fn read(&mut self, from: u64, bytes: &[u8]) {
        assert!(self.unread.is_empty() && self.notices.is_empty());
        let before = self.at.min(64);
        assert_eq!(
            from,
            self.at - before,
            "reads elsewhere than behind the last event"
        );
        let found = &bytes[..before as usize];
        // Somebody has truncated the file and written it again, and nobody has seen that.
        let check = self.check.take();
        let returned = check.is_some();
        let differs = |check: String| check != Check::of(found).to_string();
        let other = self.before.as_ref().is_some_and(|before| before != found)
            || check.is_some_and(differs);
        self.truncated |= other;
        if other {
            self.outcomes.push("other bytes before the position");
        }
        // Nothing is told of a line that began before the stream did.
        let is_new = self.before.is_none() && !returned;
        let begun = is_new && before > 0 && found.last() != Some(&b'\n');
        self.window = (from, bytes.to_vec());
        if !begun || other {
            self.before = Some(found.to_vec());
            return;
        }
        let rest = &bytes[before as usize..];
        match rest.iter().position(|&byte| byte == b'\n') {
            Some(feed) => {
                self.at += feed as u64 + 1;
                let before = &bytes[..(self.at - from) as usize];
                let checked = before.len().min(self.at.min(64) as usize);
                self.before = Some(before[before.len() - checked..].to_vec());
            }
            None => self.at += rest.len() as u64,
        }
        self.outcomes.push("began in the middle of a line");
    }

    /// The server has read these bytes of a file that the stream has left; `etag` is its tag now, which is another one than
    /// then if it was truncated meanwhile.
    pub fn read_late(&mut self, etag: u64, from: u64, bytes: &[u8]) {
        assert!(self.unread.is_empty() && self.notices.is_empty());
        let mut late = self.late.range_mut(..=etag);
        let (&left, at) = late.next_back().expect("a file that it has left");
        assert_eq!(left >> 16, etag >> 16, "of that file");
        let etag = left;
        self.late_window = (etag, from, bytes.to_vec());
        let (found, rest) = bytes.split_at((*at - from) as usize);
        if !self.late_unread.remove(&etag) || found.last().is_none_or(|&byte| byte == b'\n') {
            return;
        }
        // Nothing is told of a line that began before the stream did.
        match rest.iter().position(|&byte| byte == b'\n') {
            Some(feed) => *at += feed as u64 + 1,
            None => {
                *at += rest.len() as u64;
                self.late_unread.insert(etag);
            }
        }
        self.outcomes.push("began in the middle of a line");
    }

    /// An event of a file that the stream has left; the place in the file that it is in stays.
    fn late_event(&mut self, block: &Block, id: &str) {
        let (main, late) = id.split_once('.').expect("places in earlier files");
        assert!(
            main.starts_with(&format!("{:016x}-{}", self.etag, self.at)),
            "{id}"
        );
        let (etag, from, window) = &self.late_window;
        let tag = format!("{etag:016x}-");
        let place = late.split('.').find_map(|place| place.strip_prefix(&tag));
        let offset = place.and_then(|place| place.split('-').next());
        let offset: u64 = offset.expect("its place").parse().expect("an offset");
        let at = self.late.get_mut(etag).expect("a file that it has left");
        let line = &window[(*at - from) as usize..(offset - from) as usize];
        *at = offset;
        let line = match &*block.event {
            "" => line.strip_suffix(b"\n").expect("a line"),
            "part" => line,
            other => panic!("event {other}"),
        };
        let line = line
            .strip_suffix(b"\r")
            .filter(|_| block.event.is_empty())
            .unwrap_or(line);
        let line = String::from_utf8_lossy(line).replace('\r', "\n");
        assert_eq!(block.data.as_deref(), Some(&*line));
        self.outcomes.push("line that was written late");
    }

    /// The server has looked for what comes next; `gap`: something before it is missing. `promised`: what must be delivered of the file before, if it knows that
    /// the name has left it.
    pub fn follow(&mut self, found: Option<&Facts>, promised: Option<u64>, gap: bool) {
        assert!(self.unread.is_empty() && self.notices.is_empty());
        if self.file.is_some() && !self.truncated {
            let promised = promised.expect("leaves its file for no reason");
            assert!(self.at >= promised, "left at {} of {promised}", self.at);
        }
        if found.is_some_and(|facts| facts.etag != self.etag) {
            self.late.insert(self.etag, self.at);
            match self.before {
                None => self.late_unread.insert(self.etag),
                Some(_) => self.late_unread.remove(&self.etag),
            };
        }
        self.file = found.map(|facts| facts.file);
        self.window = (0, Vec::new());
        if let Some(&Facts { etag, size, .. }) = found {
            // Nobody may have seen it yet who would have given it another tag.
            self.truncated |= etag == self.etag && size < self.at;
            if self.truncated || etag != self.etag {
                let kinds: &[&str] = match (self.truncated, etag == self.etag) {
                    (true, true) => &["truncate"],
                    (true, false) => &["truncate", "roll"],
                    (false, _) => &["roll"],
                };
                self.notices.push_back((kinds, etag, gap));
                let returns = !self.truncated || etag != self.etag;
                self.returned = self
                    .late
                    .get(&etag)
                    .filter(|_| returns)
                    .map(|&at| (at, false));
                (self.etag, self.at, self.before) = (etag, 0, None);
                self.check = None;
            } else {
                self.outcomes.push("file that came back");
            }
            (self.truncated, self.final_, self.told_of_absence) = (false, false, false);
            self.size = self.at;
        }
    }

    /// More of the body has come.
    pub fn take(&mut self, data: &[u8]) {
        // What was there before holds no end of an event, except for its first half.
        let mut searched = self.unread.len().saturating_sub(1);
        self.unread.extend_from_slice(data);
        let mut unread = std::mem::take(&mut self.unread);
        let mut begin = 0;
        let is_end = |two: &[u8]| two == b"\n\n";
        while let Some(end) = unread[searched..].windows(2).position(is_end) {
            searched += end + 2;
            let block = str::from_utf8(&unread[begin..searched]);
            self.block(block.expect("an event stream is UTF-8"));
            begin = searched;
        }
        unread.drain(..begin);
        self.unread = unread;
    }

    fn block(&mut self, text: &str) {
        if text == ":\n\n" {
            assert!(self.begins.is_none() && self.notices.is_empty());
            return self.outcomes.push("heartbeat");
        }
        let block = Block::of(text);
        if let Some(begins) = self.begins.take() {
            assert!(block.retry && block.data.is_none());
            return assert_eq!(block.id, Some(begins));
        }
        let places = block.id.clone().unwrap_or_default();
        let main = format!("{:016x}-{}", self.etag, self.at);
        let stays = |rest: &str| rest.starts_with('.') || rest.starts_with('-');
        let is_notice = matches!(&*block.event, "roll" | "truncate");
        if !is_notice && places.contains('.') && places.strip_prefix(&main).is_some_and(stays) {
            return self.late_event(&block, &places);
        }
        let data = block
            .data
            .unwrap_or_else(|| panic!("an event without data: {text:?}"));
        if matches!(&*block.event, "roll" | "truncate") {
            return self.notice(&block.event, block.id, &data);
        }
        assert!(self.notices.is_empty(), "{text:?} before a notice");
        let id = block.id.expect("an id");
        let id = id.split('.').next().unwrap_or_default();
        let (etag, place) = id.split_once('-').expect("a tag and an offset");
        assert_eq!(etag, format!("{:016x}", self.etag));
        let (offset, check) = place.split_once('-').expect("a check");
        let offset: u64 = offset.parse().expect("an offset");
        assert!(offset > self.at);
        let (from, window) = &self.window;
        let bytes = &window[(self.at - from) as usize..(offset - from) as usize];
        let before = &window[..(offset - from) as usize];
        let before = &before[before.len() - offset.min(64) as usize..];
        assert_eq!(check, Check::of(before).to_string());
        self.before = Some(before.to_vec());
        let feeds = bytes.iter().filter(|&&byte| byte == b'\n').count();
        let line = match &*block.event {
            "" => {
                assert!(feeds == 1 && bytes.ends_with(b"\n"), "not one line");
                let line = &bytes[..bytes.len() - 1];
                line.strip_suffix(b"\r").unwrap_or(line)
            }
            "part" => {
                assert_eq!(feeds, 0, "a part has no end");
                let left = self.file.is_none();
                assert!(self.final_ || left, "a part of a line that may yet end");
                self.outcomes.push("part");
                bytes
            }
            other => panic!("event {other}"),
        };
        let line = String::from_utf8_lossy(line).replace('\r', "\n");
        assert_eq!(data, line);
        self.at = offset;
    }

    fn notice(&mut self, kind: &str, id: Option<String>, data: &str) {
        if data.contains("null") {
            assert!(self.file.is_none() && !self.told_of_absence && id.is_none());
            self.told_of_absence = true;
            return self.outcomes.push("absence");
        }
        let (kinds, etag, gap) = self.notices.pop_front().expect("a notice for no reason");
        let kind = kinds
            .iter()
            .find(|known| **known == kind)
            .expect("of this kind");
        let id = id.as_deref().and_then(|id| id.split('.').next());
        let tag = format!("{etag:016x}-");
        let place = id.and_then(|id| id.strip_prefix(&tag)).expect("its tag");
        let (offset, check) = match place.split_once('-') {
            Some((offset, check)) => (offset, Some(check.to_owned())),
            None => (place, None),
        };
        let offset: u64 = offset.parse().expect("an offset");
        let returned = self.returned.take().filter(|_| *kind == "roll");
        if offset > 0 {
            // It goes on where it was, or at the start of that line.
            let (at, is_measured) = returned.expect("a file that it has left");
            assert!(offset <= at, "{offset} of {at}");
            self.truncated |= is_measured && self.size < offset;
            self.size = self.size.max(offset);
            (self.at, self.check) = (offset, check);
            self.outcomes.push("earlier file that goes on");
        }
        assert!(
            data.contains(&format!("\"etag\":\"W/\\\"{etag:016x}\\\"\"")),
            "{data}"
        );
        if *kind == "roll" {
            assert_eq!(data.contains("\"gap\":true"), gap, "{data}");
            self.outcomes.extend(gap.then_some("gap"));
        }
        self.outcomes.push(kind);
    }

    /// So often its file was truncated by now: what it had then is owed no longer.
    pub fn note_truncations(&mut self, count: u64) {
        if let Some(promised) = &mut self.shutdown
            && *self.truncations.get_or_insert(count) != count
        {
            *promised = 0;
        }
    }

    /// It comes to its proper end.
    pub fn end(&self) -> End {
        assert!(self.unread.is_empty() && self.begins.is_none());
        let promised = self.shutdown.expect("a stream ended for no reason");
        if self.file.is_some() && !self.truncated {
            assert!(self.at >= promised, "ended at {} of {promised}", self.at);
        }
        End::Shutdown
    }
}

impl Block {
    fn of(text: &str) -> Block {
        let mut block = Block::default();
        for line in text.trim_end_matches('\n').split('\n') {
            assert!(!line.contains('\r'), "a CR ends a line too");
            let (name, value) = line.split_once(": ").expect("a field");
            match name {
                "retry" => block.retry = value.parse::<u32>().is_ok(),
                "id" => block.id = Some(value.to_owned()),
                "event" => value.clone_into(&mut block.event),
                "data" => match &mut block.data {
                    Some(data) => *data = format!("{data}\n{value}"),
                    none => *none = Some(value.to_owned()),
                },
                _ => panic!("{line}"),
            }
        }
        block
    }
}
