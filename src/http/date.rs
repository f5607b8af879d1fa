//! HTTP dates: whole seconds, in the three forms of RFC 9110 section 5.6.7.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use super::calendar::{Calendar, days_since_1970};

/// A moment as HTTP can write it: whole seconds since 1970, never outside 1970 to 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date(u64);

impl Date {
    /// The last second that IMF-fixdate can write.
    const LAST: u64 = 253_402_300_799;

    /// From seconds since 1970; what HTTP cannot write becomes the nearest date that it can.
    #[must_use]
    pub fn from_seconds(seconds: i64) -> Date {
        Date(u64::try_from(seconds).unwrap_or(0).min(Date::LAST))
    }

    /// Parses the value of a date field; `None` if it is not a date.
    #[must_use]
    pub fn parse(value: &[u8]) -> Option<Date> {
        let time = httpdate::parse_http_date(str::from_utf8(value).ok()?).ok()?;
        let seconds = time.duration_since(UNIX_EPOCH).ok()?.as_secs();
        (seconds <= Date::LAST).then_some(Date(seconds))
    }

    /// Parses a date (its end: the first second of the next day), a date with a time, as RFC 3339 writes them, or seconds
    /// since 1970; `None` if it is nothing of that.
    #[must_use]
    pub fn parse_iso(text: &[u8]) -> Option<Date> {
        if text.iter().all(u8::is_ascii_digit) {
            let seconds = str::from_utf8(text).ok()?.parse().ok()?;
            return (seconds <= Date::LAST).then_some(Date(seconds));
        }
        let (date, time) = text.split_at_checked(10)?;
        let [year @ .., b'-', _, _, b'-', _, _] = date else {
            return None;
        };
        let days = days_since_1970(number(year)?, number(&date[5..7])?, number(&date[8..])?)?;
        let seconds = match time {
            [] => DAY,
            [b'T' | b't' | b' ', time @ ..] => seconds_of_day(time)?,
            _ => return None,
        };
        Some(Date::from_seconds(days * DAY + seconds))
    }

    /// As in IMF-fixdate: `Sun, 06 Nov 1994 08:49:37 GMT`.
    #[must_use]
    pub fn imf_fixdate(self) -> [u8; 29] {
        Calendar::of(self.0).imf_fixdate()
    }

    /// As in the Common Log Format: `10/Oct/2000:13:55:36 +0000`.
    #[must_use]
    pub fn common_log(self) -> [u8; 26] {
        Calendar::of(self.0).common_log()
    }

    /// As in RFC 3339: `2000-10-10T13:55:36Z`.
    #[must_use]
    pub fn iso(self) -> impl fmt::Display {
        Iso(self)
    }

    /// The same with milliseconds: `2000-10-10T13:55:36.123Z`.
    #[must_use]
    pub fn with_milliseconds(time: SystemTime) -> impl fmt::Display {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        Milliseconds(Date::from(time), since.subsec_millis())
    }

    /// Seconds since 1970.
    #[must_use]
    pub fn seconds(self) -> u64 {
        self.0
    }
}

/// A moment of the clock of the system: what HTTP can write of it, and the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp {
    /// Its second.
    pub date: Date,
    /// How much of that second was over.
    pub nanoseconds: u32,
}

impl Timestamp {
    /// Whether it lies at least so many seconds before another moment.
    #[must_use]
    pub fn is_before(self, now: Timestamp, seconds: u64) -> bool {
        let date = Date(self.date.0 + seconds);
        Timestamp { date, ..self } <= now
    }
}

impl From<Date> for Timestamp {
    /// The beginning of the second.
    fn from(date: Date) -> Timestamp {
        Timestamp {
            date,
            nanoseconds: 0,
        }
    }
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Timestamp {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp {
            date: Date::from(time),
            nanoseconds: since.subsec_nanos(),
        }
    }
}

const DAY: i64 = 86_400;

/// `HH:MM[:SS[.fraction]]` and `Z` or an offset. May be negative, or more than a day, by the offset.
fn seconds_of_day(text: &[u8]) -> Option<i64> {
    let sign = text.iter().position(|byte| b"Zz+-".contains(byte))?;
    let (time, offset) = text.split_at(sign);
    let offset = match offset {
        [b'Z' | b'z'] => 0,
        [sign, hours @ .., b':', m, n] => {
            let minutes = number(hours)? * 60 + number(&[*m, *n])?;
            if *sign == b'-' { -minutes } else { minutes }
        }
        _ => return None,
    };
    let end = time.iter().position(|&byte| byte == b'.');
    let (time, fraction) = time.split_at(end.unwrap_or(time.len()));
    if !fraction.iter().skip(1).all(u8::is_ascii_digit) {
        return None;
    }
    let parts: Vec<i64> = time
        .split(|&byte| byte == b':')
        .map(|part| number(part).filter(|_| part.len() == 2))
        .collect::<Option<_>>()?;
    let (hours, minutes, seconds) = match parts[..] {
        [hours, minutes] => (hours, minutes, 0),
        [hours, minutes, seconds] => (hours, minutes, seconds),
        _ => return None,
    };
    let valid = hours < 24 && minutes < 60 && seconds <= 60 && offset.abs() < 24 * 60;
    valid.then_some(hours * 3600 + (minutes - offset) * 60 + seconds)
}

/// A number of at most four digits.
fn number(digits: &[u8]) -> Option<i64> {
    let valid = (1..=4).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
    valid.then(|| {
        digits
            .iter()
            .fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'))
    })
}

impl From<SystemTime> for Date {
    fn from(time: SystemTime) -> Date {
        Date(
            time.duration_since(UNIX_EPOCH)
                .map_or(0, |since| since.as_secs())
                .min(Date::LAST),
        )
    }
}

impl fmt::Display for Date {
    /// IMF-fixdate.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_ascii(out, &self.imf_fixdate())
    }
}

struct Iso(Date);

impl fmt::Display for Iso {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_ascii(out, &Calendar::of(self.0.0).iso())
    }
}

struct Milliseconds(Date, u32);

impl fmt::Display for Milliseconds {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = *b"YYYY-MM-DDThh:mm:ss.000Z";
        text[..20].copy_from_slice(&Calendar::of(self.0.0).iso());
        let digit = |by: u32| b'0' + (self.1 / by % 10) as u8;
        text[19..23].copy_from_slice(&[b'.', digit(100), digit(10), digit(1)]);
        write_ascii(out, &text)
    }
}

fn write_ascii(out: &mut fmt::Formatter<'_>, text: &[u8]) -> fmt::Result {
    out.write_str(str::from_utf8(text).map_err(|_| fmt::Error)?)
}
