//! What holds for every date field: what is read is written, and read again as the same.

use openrange::http::date::Date;

pub fn date(bytes: &[u8]) {
    if let Some(date) = Date::parse(bytes) {
        let written = date.to_string();
        assert_eq!(written.len(), 29, "{written}");
        assert_eq!(Date::parse(written.as_bytes()), Some(date), "{written}");
    }
}
