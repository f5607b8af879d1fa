//! What was handed over, held against what was written.

use openrange::client::position::Position;
use openrange::http::conditional::ETag;

use super::origin::{Kind, Origin};

/// A file as it was handed over under one of its tags.
#[derive(Debug)]
struct Handed {
    file: usize,
    tag: ETag,
    bytes: usize,
    /// A gap was told since: it may begin again.
    before_gap: bool,
    /// What comes behind it may be older.
    passed: bool,
}

#[derive(Default, Debug)]
pub struct Sink {
    handed: Vec<Handed>,
    /// The last byte of the log that went out.
    last: Option<u8>,
}

impl Sink {
    pub fn bytes(&self) -> usize {
        self.handed.iter().map(|handed| handed.bytes).sum()
    }

    /// Bytes of a file.
    pub fn of(&self, file: usize) -> usize {
        let of = self.handed.iter().filter(|handed| handed.file == file);
        of.map(|handed| handed.bytes).max().unwrap_or(0)
    }

    pub fn generations(&self) -> usize {
        self.handed.len()
    }

    /// A gap is told. Nobody knows how much was handed over of what is behind it. `goes_back`: it may be older than what came
    /// before.
    pub fn pass_gap(&mut self, goes_back: bool) {
        for handed in &mut self.handed {
            handed.before_gap = true;
            handed.passed |= goes_back;
        }
    }

    /// Bytes are handed over. True: they are late lines.
    pub fn take(
        &mut self,
        origin: &Origin,
        tag: ETag,
        offset: usize,
        bytes: &[u8],
        position: &Position,
        batches: bool,
    ) -> bool {
        let file = self.file(origin, tag, offset, bytes);
        let place = self.place(file, tag);
        // Times alone tell where these belong, or what the server has seen.
        let is_placed = |file: &usize| {
            let file = &origin.files[*file];
            file.kind == Kind::Log && file.gone != Some("elsewhere")
        };
        let newest_of = |all: bool| {
            let counts = self.handed.iter().filter(|handed| all || !handed.passed);
            counts.map(|handed| handed.file).filter(is_placed).max()
        };
        let newest = newest_of(false).or_else(|| newest_of(true));
        let is_late = is_placed(&file) && newest != Some(file);
        let at_end = origin.files[file].at_end.unwrap_or(usize::MAX);
        assert!(
            !is_late || offset >= at_end || origin.is_taken_for_another(file),
            "generation {file} from {offset} of {at_end} behind a later one: {self:?}"
        );
        if offset == 0 && std::mem::take(&mut self.handed[place].before_gap) {
            self.handed[place].bytes = 0;
        }
        let handed = self.handed[place].bytes;
        assert_eq!(
            offset, handed,
            "generation {file}: bytes repeated or left out"
        );
        let written = &origin.files[file].bytes;
        assert!(
            written.get(offset..offset + bytes.len()) == Some(bytes),
            "other bytes than were written: {file} from {offset}"
        );
        let known = &origin.files[file];
        let is_copy = matches!(known.kind, Kind::Compressed(_));
        assert!(!is_copy, "a compressed copy");
        if is_late {
            let begins_line = offset == 0 || written[offset - 1] == b'\n';
            // The end of a generation ends its last line.
            let begun = position.offset > 0 && !position.ended && origin.current == newest;
            let between = self.last.is_none_or(|last| last == b'\n') || !begins_line || !begun;
            assert!(
                batches || between,
                "a late line within another one: {file} from {offset}, {self:?}, {position:?}"
            );
        } else {
            self.last = bytes.last().copied();
        }
        self.handed[place].bytes += bytes.len();
        is_late
    }

    /// Which file these are bytes of. One that was truncated while nobody looked has the same tag again.
    fn file(&self, origin: &Origin, tag: ETag, offset: usize, bytes: &[u8]) -> usize {
        let files = || (0..origin.files.len()).rev();
        let with_tag = || files().filter(|&file| origin.files[file].has_had(tag));
        let fits = |&file: &usize| {
            let written = origin.files[file].bytes.get(offset..offset + bytes.len());
            let mut known = self.handed.iter();
            let known = known.find(|handed| handed.file == file && handed.tag == tag);
            written == Some(bytes) && known.map_or(0, |known| known.bytes) == offset
        };
        with_tag()
            .find(fits)
            .or_else(|| with_tag().next())
            .expect("a generation that there never was")
    }

    fn place(&mut self, file: usize, tag: ETag) -> usize {
        let is_it = |handed: &Handed| handed.file == file && handed.tag == tag;
        self.handed.iter().position(is_it).unwrap_or_else(|| {
            self.handed.push(Handed {
                file,
                tag,
                bytes: 0,
                before_gap: false,
                passed: false,
            });
            self.handed.len() - 1
        })
    }

    /// The follower goes on at a position: what was handed over behind it comes again.
    pub fn rewind(&mut self, position: &Position, origin: &Origin) {
        let mut places = position.late.clone();
        places.extend(position.as_late());
        let newest_of = |tag: ETag| {
            let of = self.handed.iter().filter(|handed| handed.tag == tag);
            of.map(|handed| handed.file).max()
        };
        let current = position.generation;
        let current = current.and_then(|tag| newest_of(tag).or_else(|| origin.by_tag(tag)));
        let newest: Vec<Option<usize>> = self
            .handed
            .iter()
            .map(|handed| newest_of(handed.tag))
            .collect();
        for (handed, newest) in self.handed.iter_mut().zip(newest) {
            let mut places = places.iter();
            let place =
                places.find(|place| place.etag == handed.tag && newest == Some(handed.file));
            let kept = match place {
                Some(place) => place.offset as usize,
                None if position.earlier.contains(&handed.tag) => handed.bytes,
                None if current.is_none_or(|current| handed.file > current) => 0,
                None => handed.bytes,
            };
            assert!(
                kept <= handed.bytes,
                "the state is ahead of what was handed over"
            );
            handed.bytes = kept;
        }
        let before = position.offset.checked_sub(1);
        self.last = current
            .zip(before)
            .and_then(|(file, at)| origin.files[file].bytes.get(at as usize).copied());
    }
}
