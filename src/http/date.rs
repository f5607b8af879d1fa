//! HTTP dates: whole seconds, in the three forms of RFC 9110 section 5.6.7.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

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

impl Date {
    /// IMF-fixdate. Most answers have two of them: this takes a fifth of httpdate's time.
    #[must_use]
    pub fn text(self) -> [u8; 29] {
        let (day, time) = (self.0 / 86_400, self.0 % 86_400);
        let (year, month, day_of_month) = civil(day);
        let mut text = *b"Thu, 00 Jan 0000 00:00:00 GMT";
        text[0..3].copy_from_slice(&b"ThuFriSatSunMonTueWed"[(day % 7 * 3) as usize..][..3]);
        let months = b"JanFebMarAprMayJunJulAugSepOctNovDec";
        text[8..11].copy_from_slice(&months[(month * 3) as usize..][..3]);
        let numbers = [
            (5, day_of_month),
            (12, year / 100),
            (14, year % 100),
            (17, time / 3600),
            (20, time / 60 % 60),
            (23, time % 60),
        ];
        for (at, number) in numbers {
            text[at] = b'0' + (number / 10) as u8;
            text[at + 1] = b'0' + (number % 10) as u8;
        }
        text
    }
}

impl fmt::Display for Date {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(str::from_utf8(&self.text()).expect("ASCII"))
    }
}

/// Year, month (from 0) and day (from 1) of a day since 1970. Counts in years that begin on the first of March, so that
/// leap days are last ones, and months of 30.6 days.
fn civil(day: u64) -> (u64, u64, u64) {
    const ERA: u64 = 400 * 365 + 97;
    // From the first of March of the year 0.
    let day = day + 719_468;
    let (era, of_era) = (day / ERA, day % ERA);
    let of_leaps = of_era / 1460 + of_era / (ERA - 1) - of_era / 36_524;
    let year = (of_era - of_leaps) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let of_month = of_year - (153 * month + 2) / 5;
    let next = u64::from(month >= 10);
    (era * 400 + year + next, (month + 2) % 12, of_month + 1)
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
