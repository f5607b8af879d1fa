//! A second since 1970 by the Gregorian calendar, in UTC, and the forms in which it is written. Each response and each line of
//! an access log has one or two of them, so they are made by arithmetic alone.

const WEEKDAYS: [&[u8; 3]; 7] = [b"Thu", b"Fri", b"Sat", b"Sun", b"Mon", b"Tue", b"Wed"];

const MONTHS: [&[u8; 3]; 12] = [
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
];

const DAY: u32 = 86_400;

/// Days of 400 years, after which the calendar repeats itself.
const ERA: u32 = 146_097;

/// Days from 1 March of the year 0 to 1 January 1970.
const BEFORE_1970: u32 = 719_468;

/// Days of the months before each, and of each, in a year that is no leap year.
const BEFORE: [i64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
const LENGTH: [i64; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/// Days from 1970-01-01 to a day of the Gregorian calendar; `None` if there is no such day, or it is before 1970.
#[must_use]
pub fn days_since_1970(year: i64, month: i64, day: i64) -> Option<i64> {
    let is_leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let index = usize::try_from(month.checked_sub(1)?).ok()?;
    let length = LENGTH.get(index)? + i64::from(month == 2 && is_leap(year));
    if year < 1970 || !(1..=length).contains(&day) {
        return None;
    }
    let leap_days = |year: i64| year / 4 - year / 100 + year / 400;
    let leap_days = leap_days(year - 1) - leap_days(1969) + i64::from(month > 2 && is_leap(year));
    Some((year - 1970) * 365 + leap_days + BEFORE[index] + day - 1)
}

/// A date and a time of day.
pub(super) struct Calendar {
    year: u32,
    /// 0 is January.
    month: u32,
    day: u32,
    /// 0 is the weekday of 1 January 1970.
    weekday: u32,
    /// Seconds since midnight.
    time: u32,
}

impl Calendar {
    /// Of a second from 1970 to 9999.
    pub(super) fn of(seconds: u64) -> Calendar {
        let since_1970 = (seconds / u64::from(DAY)) as u32;
        // Years that begin in March: a leap day is the last day of such a year, and the lengths of the months before it
        // repeat: 153 days are five of them.
        let days = since_1970 + BEFORE_1970;
        let (era, day) = (days / ERA, days % ERA);
        let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        let month = (5 * day + 2) / 153;
        let next_year = u32::from(month >= 10);
        Calendar {
            year: era * 400 + year + next_year,
            month: month + 2 - 12 * next_year,
            day: day - (153 * month + 2) / 5 + 1,
            weekday: since_1970 % 7,
            time: (seconds % u64::from(DAY)) as u32,
        }
    }

    /// RFC 9110 section 5.6.7.
    pub(super) fn imf_fixdate(&self) -> [u8; 29] {
        let mut text = *b"Thu, 01 Jan 1970 00:00:00 GMT";
        text[..3].copy_from_slice(WEEKDAYS[self.weekday as usize]);
        self.write_date(&mut text[5..16]);
        self.write_time(&mut text[17..25]);
        text
    }

    /// As servers write it between the brackets of the Common Log Format.
    pub(super) fn common_log(&self) -> [u8; 26] {
        let mut text = *b"01/Jan/1970:00:00:00 +0000";
        self.write_date(&mut text[..11]);
        self.write_time(&mut text[12..20]);
        text
    }

    /// RFC 3339.
    pub(super) fn iso(&self) -> [u8; 20] {
        let mut text = *b"1970-01-01T00:00:00Z";
        write_digits(&mut text[..4], self.year);
        write_digits(&mut text[5..7], self.month + 1);
        write_digits(&mut text[8..10], self.day);
        self.write_time(&mut text[11..19]);
        text
    }

    /// Over `01?Jan?1970`.
    fn write_date(&self, text: &mut [u8]) {
        write_digits(&mut text[..2], self.day);
        text[3..6].copy_from_slice(MONTHS[self.month as usize]);
        write_digits(&mut text[7..11], self.year);
    }

    /// Over `00:00:00`.
    fn write_time(&self, text: &mut [u8]) {
        write_digits(&mut text[..2], self.time / 3600);
        write_digits(&mut text[3..5], self.time / 60 % 60);
        write_digits(&mut text[6..8], self.time % 60);
    }
}

/// Writes a number with as many digits as there is room for.
fn write_digits(text: &mut [u8], mut number: u32) {
    for digit in text.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}
