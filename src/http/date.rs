//! HTTP dates: whole seconds, in the three forms of RFC 9110 section 5.6.7.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

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

    /// As in the Common Log Format: `10/Oct/2000:13:55:36 +0000`.
    #[must_use]
    pub fn common_log(self) -> impl fmt::Display {
        CommonLog(self)
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
        httpdate::HttpDate::from(UNIX_EPOCH + Duration::from_secs(self.0)).fmt(out)
    }
}

struct CommonLog(Date);

impl fmt::Display for CommonLog {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        // IMF-fixdate has the same parts, each in a fixed place.
        let date = self.0.to_string();
        let (day, month, year, time) = (&date[5..7], &date[8..11], &date[12..16], &date[17..25]);
        write!(out, "{day}/{month}/{year}:{time} +0000")
    }
}

struct Iso(Date);

impl fmt::Display for Iso {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}Z", Seconds(self.0))
    }
}

struct Milliseconds(Date, u32);

impl fmt::Display for Milliseconds {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}.{:03}Z", Seconds(self.0), self.1)
    }
}

struct Seconds(Date);

impl fmt::Display for Seconds {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MONTHS: &str = "JanFebMarAprMayJunJulAugSepOctNovDec";
        let date = self.0.to_string();
        let (day, month, year, time) = (&date[5..7], &date[8..11], &date[12..16], &date[17..25]);
        let month = MONTHS.find(month).map_or(0, |at| at / 3 + 1);
        write!(out, "{year}-{month:02}-{day}T{time}")
    }
}
