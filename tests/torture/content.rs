//! What is in a file: a first line that names topic and generation, then bytes that are a function of topic, generation
//! and offset. So whoever reads it can verify every byte and needs nobody to tell him what was written.

use std::ops::Range;
use std::sync::OnceLock;

/// Length of the first line.
pub const HEADER: u64 = 30;
/// Bytes that are taken from one place of the table.
const BLOCK: u64 = 4096;
const TABLE: usize = 64 * 1024;

/// A small generator (splitmix64): the same numbers from the same seed everywhere.
pub struct Rng(u64);

impl Rng {
    /// One of many generators from one seed.
    pub fn new(seed: u64, stream: u64) -> Rng {
        Rng(mix(seed ^ mix(stream)))
    }

    /// Any number.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// A number below `n`.
    pub fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    /// True once in `n` times.
    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// A number from 1 that has each magnitude up to 2^`bits` equally often.
    pub fn magnitude(&mut self, bits: u64) -> u64 {
        let top = 1 << self.below(bits);
        top + self.below(top)
    }
}

fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// Random bytes without a zero: a page that was truncated while it was under way reads as zeros, and must be told apart.
fn table() -> &'static [u8] {
    static BYTES: OnceLock<Vec<u8>> = OnceLock::new();
    BYTES.get_or_init(|| {
        let mut rng = Rng::new(0, 0);
        (0..TABLE).map(|_| 1 + rng.below(255) as u8).collect()
    })
}

/// The first line of a generation.
pub fn header(topic: usize, generation: usize) -> String {
    let line = format!("topic {topic:03} generation {generation:08}\n");
    debug_assert_eq!(line.len() as u64, HEADER);
    line
}

/// Topic and generation of a first line.
pub fn parse_header(line: &[u8]) -> Option<(usize, usize)> {
    let line = std::str::from_utf8(line).ok()?;
    let rest = line.strip_prefix("topic ")?.strip_suffix('\n')?;
    let (topic, generation) = rest.split_once(" generation ")?;
    Some((topic.parse().ok()?, generation.parse().ok()?))
}

/// Some of the bytes behind the first line, from an offset to the end of its block.
fn block(topic: usize, generation: usize, offset: u64) -> &'static [u8] {
    let at = (offset % BLOCK) as usize;
    let key = mix((topic as u64) << 56 ^ (generation as u64) << 28 ^ (offset / BLOCK));
    let start = (key % (TABLE as u64 - BLOCK)) as usize;
    &table()[start + at..start + BLOCK as usize]
}

/// The bytes of a generation, for its writer.
pub fn bytes(topic: usize, generation: usize, range: Range<u64>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let header = header(topic, generation);
    let mut at = range.start;
    while at < range.end {
        let piece = if at < HEADER {
            &header.as_bytes()[at as usize..]
        } else {
            block(topic, generation, at)
        };
        let count = piece.len().min((range.end - at) as usize);
        bytes.extend_from_slice(&piece[..count]);
        at += count as u64;
    }
    bytes
}

/// Reads a generation and verifies it.
#[derive(Clone)]
pub struct Reading {
    topic: usize,
    header: Vec<u8>,
    /// Known when the first line is complete.
    pub generation: Option<usize>,
    /// The next byte.
    pub offset: u64,
}

/// What was read is not what was written.
#[derive(Debug)]
pub struct Wrong {
    /// What is wrong.
    pub what: String,
    /// Only zeros are wrong: pages that a truncation reached while they were under way.
    pub zeros: bool,
}

impl Reading {
    /// At the beginning of whatever generation a topic is in.
    pub fn new(topic: usize) -> Reading {
        Reading {
            topic,
            header: Vec::new(),
            generation: None,
            offset: 0,
        }
    }

    /// Takes the next bytes.
    pub fn feed(&mut self, mut bytes: &[u8]) -> Result<(), Wrong> {
        while !bytes.is_empty() {
            let count = match self.generation {
                None => self.feed_header(bytes)?,
                Some(generation) => self.compare(generation, bytes)?,
            };
            self.offset += count as u64;
            bytes = &bytes[count..];
        }
        Ok(())
    }

    fn feed_header(&mut self, bytes: &[u8]) -> Result<usize, Wrong> {
        let count = bytes.len().min(HEADER as usize - self.header.len());
        self.header.extend_from_slice(&bytes[..count]);
        if self.header.len() as u64 == HEADER {
            match parse_header(&self.header) {
                Some((topic, generation)) if topic == self.topic => {
                    self.generation = Some(generation)
                }
                _ => {
                    return Err(Wrong {
                        what: format!(
                            "the first line is {:?}",
                            String::from_utf8_lossy(&self.header)
                        ),
                        zeros: bytes[..count].contains(&0),
                    });
                }
            }
        }
        Ok(count)
    }

    fn compare(&self, generation: usize, bytes: &[u8]) -> Result<usize, Wrong> {
        let expected = block(self.topic, generation, self.offset);
        let count = bytes.len().min(expected.len());
        if bytes[..count] == expected[..count] {
            return Ok(count);
        }
        let at = (0..count)
            .find(|&i| bytes[i] != expected[i])
            .expect("they differ");
        Err(Wrong {
            what: format!(
                "wrong byte at {} of generation {generation}: {:02x?} instead of {:02x?}",
                self.offset + at as u64,
                &bytes[at..count.min(at + 16)],
                &expected[at..count.min(at + 16)],
            ),
            zeros: (at..count).all(|i| bytes[i] == expected[i] || bytes[i] == 0),
        })
    }
}
