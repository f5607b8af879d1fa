//! Which names belong to the family of a log: what logrotate and its kin call the earlier generations of NAME. Pure.
//!
//! - `NAME.N`, N of 1 to 5 digits;
//! - `NAME.DATE` and `NAME-DATE`, where DATE is `YYYYMMDD` or `YYYY-MM-DD`, perhaps with a time of day (hours, minutes and
//!   seconds, behind or between `-`, `_`, `T`, `:` or nothing), a fraction and `Z`, or with seconds since 1970; or such
//!   seconds alone;
//! - for a NAME of the form STEM.EXT also STEM, one of these, and `.EXT`.
//!
//! Each perhaps with the suffix of a compressor.

use crate::http::calendar::days_since_1970;

/// How an earlier generation is numbered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Series {
    /// Rolled so many times: the higher, the older.
    Number(u32),
    /// Rolled at this moment: the higher, the newer.
    Date(Stamp),
}

/// A moment in a name, in no particular time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stamp {
    /// Since 1970, as if the name were in UTC.
    pub seconds: i64,
    /// Of that second.
    pub nanoseconds: u32,
}

/// What compressed a file, by the suffix of its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names are those of the formats")]
pub enum Compression {
    Gzip,
    Xz,
    Zstd,
    Bzip2,
    Lz4,
    Compress,
}

impl Compression {
    const ALL: [(&'static [u8], Compression); 6] = [
        (b".gz", Compression::Gzip),
        (b".xz", Compression::Xz),
        (b".zst", Compression::Zstd),
        (b".bz2", Compression::Bzip2),
        (b".lz4", Compression::Lz4),
        (b".Z", Compression::Compress),
    ];

    /// The name of the format; that of the content coding (RFC 9110 section 8.4.1), where there is one.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Compression::Gzip => "gzip",
            Compression::Xz => "xz",
            Compression::Zstd => "zstd",
            Compression::Bzip2 => "bzip2",
            Compression::Lz4 => "lz4",
            Compression::Compress => "compress",
        }
    }
}

/// Splits the suffix of a compressor off a name.
#[must_use]
pub fn compression(name: &[u8]) -> Option<(&[u8], Compression)> {
    Compression::ALL.iter().find_map(|(suffix, compression)| {
        let plain = name.strip_suffix(*suffix)?;
        (!plain.is_empty()).then_some((plain, *compression))
    })
}

/// How a name is related to the name of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Kinship {
    /// Its place among its kin.
    pub series: Series,
    /// What compressed it.
    pub compression: Option<Compression>,
}

/// The most digits of a number.
const NUMBER_DIGITS: usize = 5;

/// How `name` is related to the log `base`, if it has the name of an earlier generation. Both are names of one directory.
#[must_use]
pub fn kinship(name: &[u8], base: &[u8]) -> Option<Kinship> {
    let related = |plain| series_of(plain, base);
    if let Some(series) = related(name) {
        return Some(Kinship {
            series,
            compression: None,
        });
    }
    let (plain, compression) = compression(name)?;
    Some(Kinship {
        series: related(plain)?,
        compression: Some(compression),
    })
}

/// The names of logs of which `name` could be an earlier generation, some of them more than once.
pub fn bases(name: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let plain = compression(name).map(|(plain, _)| plain);
    let names = [Some(name), plain].into_iter().flatten();
    names.flat_map(|name| {
        let whole = stems(name).map(<[u8]>::to_vec);
        let extended = split_extension(name)
            .into_iter()
            .flat_map(|(front, extension)| {
                stems(front).map(move |stem| [stem, extension].concat())
            });
        whole.chain(extended)
    })
}

/// What precedes a number or a date at the end of a name.
fn stems(name: &[u8]) -> impl Iterator<Item = &[u8]> {
    let splits = 1..name.len();
    splits.filter_map(|at| {
        let (stem, rest) = name.split_at(at);
        series(rest).map(|_| stem)
    })
}

fn series_of(name: &[u8], base: &[u8]) -> Option<Series> {
    if let Some(series) = name.strip_prefix(base).and_then(series) {
        return Some(series);
    }
    let (stem, extension) = split_extension(base)?;
    let middle = name.strip_prefix(stem)?.strip_suffix(extension)?;
    series(middle)
}

/// Splits `.EXT` off, with its dot.
fn split_extension(name: &[u8]) -> Option<(&[u8], &[u8])> {
    let dot = name.iter().rposition(|&byte| byte == b'.')?;
    let (stem, extension) = name.split_at(dot);
    (!stem.is_empty() && extension.len() > 1).then_some((stem, extension))
}

/// Reads a separator with a number or a date behind it, to the end.
fn series(text: &[u8]) -> Option<Series> {
    match text {
        [b'.', digits @ ..] if (1..=NUMBER_DIGITS).contains(&digits.len()) => {
            let number = u32::try_from(decimal(digits)?).ok()?;
            Some(Series::Number(number))
        }
        [b'.' | b'-', date @ ..] => stamp(date).map(Series::Date),
        _ => None,
    }
}

/// Ten digits can be seconds since 1970 or a date with its hour. They are a date from this year on, and seconds before:
/// until 2033 no second looks like an hour of this century.
const HOURS_FROM: i64 = 2000;

fn stamp(text: &[u8]) -> Option<Stamp> {
    match date(text) {
        Some((day, behind)) => time(day, behind).or_else(|| seconds(text)),
        None => seconds(text),
    }
}

/// Seconds since 1970: nine digits up to September 2001, ten up to 2286.
fn seconds(text: &[u8]) -> Option<Stamp> {
    let seconds = matches!(text.len(), 9 | 10).then(|| decimal(text))??;
    Some(Stamp {
        seconds,
        nanoseconds: 0,
    })
}

fn decimal(digits: &[u8]) -> Option<i64> {
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    str::from_utf8(digits).ok()?.parse().ok()
}

/// A day at the beginning of a text.
struct Day {
    year: i64,
    /// Since 1970.
    days: i64,
    /// `YYYYMMDD`, without separators.
    compact: bool,
}

fn date(text: &[u8]) -> Option<(Day, &[u8])> {
    let (year, rest) = number(text, 4)?;
    let (compact, month, day, behind) = match rest {
        [b'-', rest @ ..] => {
            let (month, rest) = number(rest, 2)?;
            let (day, behind) = number(rest.strip_prefix(b"-")?, 2)?;
            (false, month, day, behind)
        }
        rest => {
            let (month, rest) = number(rest, 2)?;
            let (day, behind) = number(rest, 2)?;
            (true, month, day, behind)
        }
    };
    let day = Day {
        year,
        days: days_since_1970(year, month, day)?,
        compact,
    };
    Some((day, behind))
}

/// What may follow a day: nothing; a time of day, perhaps with a fraction and `Z`; or seconds since 1970.
fn time(day: Day, text: &[u8]) -> Option<Stamp> {
    let midnight = day.days * 86_400;
    if matches!(text, b"" | b"Z") {
        return Some(Stamp {
            seconds: midnight,
            nanoseconds: 0,
        });
    }
    let (bare, behind) = separated(text);
    if let Some(stamp) = seconds(behind) {
        return Some(stamp);
    }
    let (hour, rest) = number(behind, 2).filter(|(hour, _)| *hour < 24)?;
    let hour_only = matches!(rest, b"" | b"Z");
    if bare && hour_only && day.compact && day.year < HOURS_FROM {
        return None;
    }
    let (minute, rest) = part(rest, 59)?;
    // A leap second is one.
    let (second, rest) = part(rest, 60)?;
    let (nanoseconds, rest) = fraction(rest)?;
    (rest.is_empty() || rest == b"Z").then_some(Stamp {
        seconds: midnight + hour * 3600 + minute * 60 + second,
        nanoseconds,
    })
}

/// Minutes or seconds up to this, which may be missing: then they are 0 and nothing is taken.
fn part(text: &[u8], last: i64) -> Option<(i64, &[u8])> {
    let (_, behind) = separated(text);
    match number(behind, 2) {
        Some((part, rest)) if part <= last => Some((part, rest)),
        Some(_) => None,
        None => Some((0, text)),
    }
}

/// Takes a separator off, if there is one. True: there is none.
fn separated(text: &[u8]) -> (bool, &[u8]) {
    match text {
        [b'-' | b'_' | b'T' | b':', behind @ ..] => (false, behind),
        text => (true, text),
    }
}

fn fraction(text: &[u8]) -> Option<(u32, &[u8])> {
    let [b'.' | b',', rest @ ..] = text else {
        return Some((0, text));
    };
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if digits == 0 {
        return None;
    }
    let nine = (0..9).map(|index| rest[..digits].get(index).copied().unwrap_or(b'0'));
    let nanoseconds = nine.fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'));
    Some((nanoseconds, &rest[digits..]))
}

/// Exactly so many digits at the beginning of a text, and what is behind them.
fn number(text: &[u8], digits: usize) -> Option<(i64, &[u8])> {
    let (number, behind) = text.split_at_checked(digits)?;
    Some((decimal(number)?, behind))
}
