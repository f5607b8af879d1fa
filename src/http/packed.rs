//! Text that the binary contains packed: in the LZ4 block format, made by the compiler. It needs no tool at build time, and
//! some lines to unpack.

/// What [`pack`] gives: the bytes, and how many of them count.
pub type Packed<const N: usize> = ([u8; N], usize);

/// Matches are looked for among so many earlier places with the same hash.
const DEPTH: usize = 32;
const HASH_BITS: u32 = 12;
const MATCH_MIN: usize = 4;
const OFFSET_MAX: usize = 65_535;
/// The format wants its last bytes to be literals.
const LITERALS_LAST: usize = 12;

/// The places of the text by the hash of their first four bytes, the latest first.
struct Places<const N: usize> {
    latest: [u32; 1 << HASH_BITS],
    earlier: [u32; N],
}

const NOWHERE: u32 = u32::MAX;

impl<const N: usize> Places<N> {
    const fn hash(text: &[u8], at: usize) -> usize {
        let four = u32::from_le_bytes([text[at], text[at + 1], text[at + 2], text[at + 3]]);
        (four.wrapping_mul(2_654_435_761) >> (32 - HASH_BITS)) as usize
    }

    const fn add(&mut self, text: &[u8], at: usize) {
        let hash = Self::hash(text, at);
        self.earlier[at] = self.latest[hash];
        self.latest[hash] = at as u32;
    }

    /// Where before `at` the longest match begins, and how long it is.
    const fn find(&self, text: &[u8], at: usize) -> (usize, usize) {
        let (mut place, mut length) = (0, 0);
        let mut candidate = self.latest[Self::hash(text, at)];
        let mut depth = 0;
        let most = text.len() - LITERALS_LAST - at;
        while candidate != NOWHERE && at - candidate as usize <= OFFSET_MAX && depth < DEPTH {
            let from = candidate as usize;
            let mut same = 0;
            while same < most && text[from + same] == text[at + same] {
                same += 1;
            }
            if same > length {
                (place, length) = (from, same);
            }
            candidate = self.earlier[from];
            depth += 1;
        }
        (place, length)
    }
}

/// Packs the first `count` bytes of a text. One that does not become shorter does not compile.
#[must_use]
pub const fn pack<const N: usize>((text, count): &Packed<N>) -> Packed<N> {
    let text = text.split_at(*count).0;
    let mut places: Places<N> = Places {
        latest: [NOWHERE; 1 << HASH_BITS],
        earlier: [NOWHERE; N],
    };
    let mut packed = ([0; N], 0);
    let (mut at, mut literals) = (0, 0);
    while at + LITERALS_LAST + MATCH_MIN <= text.len() {
        let (place, length) = places.find(text, at);
        if length < MATCH_MIN {
            places.add(text, at);
            at += 1;
            continue;
        }
        put_sequence(&mut packed, text, (literals, at), (at - place, length));
        let end = at + length;
        while at < end {
            places.add(text, at);
            at += 1;
        }
        literals = at;
    }
    put_sequence(&mut packed, text, (literals, text.len()), (0, MATCH_MIN));
    packed
}

/// Literals from one place to another, then a match: how far back, and how long; the last sequence has none (0).
const fn put_sequence<const N: usize>(
    packed: &mut Packed<N>,
    text: &[u8],
    (mut from, to): (usize, usize),
    (offset, length): (usize, usize),
) {
    let (literals, length) = (to - from, length - MATCH_MIN);
    put(packed, nibble(literals) << 4 | nibble(length));
    put_rest(packed, literals);
    while from < to {
        put(packed, text[from]);
        from += 1;
    }
    if offset > 0 {
        put(packed, offset as u8);
        put(packed, (offset >> 8) as u8);
        put_rest(packed, length);
    }
}

const fn nibble(length: usize) -> u8 {
    if length < 15 { length as u8 } else { 15 }
}

/// What of a length the token has no place for.
const fn put_rest<const N: usize>(packed: &mut Packed<N>, length: usize) {
    if length < 15 {
        return;
    }
    let mut rest = length - 15;
    while rest >= 255 {
        put(packed, 255);
        rest -= 255;
    }
    put(packed, rest as u8);
}

const fn put<const N: usize>(packed: &mut Packed<N>, byte: u8) {
    packed.0[packed.1] = byte;
    packed.1 += 1;
}

/// The bytes that count, in an array of their number: so no others get into the binary.
#[must_use]
pub const fn trim<const N: usize, const COUNT: usize>(packed: &Packed<N>) -> [u8; COUNT] {
    let mut trimmed = [0; COUNT];
    trimmed.copy_from_slice(packed.0.split_at(packed.1).0);
    trimmed
}

/// The text; `None` if these bytes are not the whole of what [`pack`] gave.
#[must_use]
pub fn unpack(packed: &[u8]) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    let mut packed = packed.iter().copied();
    loop {
        let token = packed.next()?;
        let literals = length(token >> 4, &mut packed)?;
        for _ in 0..literals {
            text.push(packed.next()?);
        }
        let Some(low) = packed.next() else {
            return Some(text);
        };
        let offset = usize::from(u16::from_le_bytes([low, packed.next()?]));
        let start = text.len().checked_sub(offset).filter(|_| offset > 0)?;
        let length = length(token & 15, &mut packed)? + MATCH_MIN;
        // It may go on in what it adds.
        for place in start..start + length {
            text.push(text[place]);
        }
    }
}

fn length(nibble: u8, packed: &mut impl Iterator<Item = u8>) -> Option<usize> {
    let mut length = usize::from(nibble);
    let mut last = if nibble == 15 { 255 } else { 0 };
    while last == 255 {
        last = packed.next()?;
        length += usize::from(last);
    }
    Some(length)
}
