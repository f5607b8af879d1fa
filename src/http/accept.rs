//! The `Accept` field (RFC 9110 section 12.5.1), as far as there is a choice here: between HTML, JSON and plain text.

/// How much a client wants HTML, JSON and plain text. Without the field all alike.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Accept {
    html: Weight,
    json: Weight,
    plain: Weight,
    /// It names something, and not only `*/*`.
    named: bool,
}

/// How much one media type is wanted. Of two that are wanted alike, the one that is named more precisely weighs more:
/// `application/json, */*` asks for JSON.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Weight {
    /// Thousandths.
    quality: u16,
    precision: Precision,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Precision {
    /// Not mentioned, which is a quality of 0.
    #[default]
    None,
    /// `*/*`
    Any,
    /// `text/*`
    Kind,
    /// `text/html`
    Type,
}

impl Accept {
    /// Takes the value of an Accept field; several of them are one list. What is malformed in it is passed over.
    pub fn add(&mut self, value: &[u8]) {
        for member in value.split(|&byte| byte == b',') {
            let mut parts = member.split(|&byte| byte == b';').map(<[u8]>::trim_ascii);
            let range = parts.next().unwrap_or_default();
            // Other parameters do not matter: there is one form of each type.
            let quality = parts.find_map(|part| match part {
                [b'q' | b'Q', b'=', quality @ ..] => Some(thousandths(quality)),
                _ => None,
            });
            if let Some(quality) = quality.unwrap_or(Some(1000)) {
                self.named |= range.contains(&b'/') && range != b"*/*";
                self.html.take(range, ["text/*", "text/html"], quality);
                self.plain.take(range, ["text/*", "text/plain"], quality);
                self.json
                    .take(range, ["application/*", "application/json"], quality);
            }
        }
    }

    /// Whether JSON is wanted more than HTML.
    #[must_use]
    pub fn prefers_json(&self) -> bool {
        self.json.quality > 0
            && self.json > self.html
            && (!self.names_plain() || self.json >= self.plain)
    }

    /// Whether plain text is wanted more than HTML, as by a program in a terminal, which accepts everything and names
    /// nothing.
    #[must_use]
    pub fn prefers_text(&self) -> bool {
        !self.named || self.names_plain() && self.plain > self.html
    }

    fn names_plain(&self) -> bool {
        self.plain.precision > Precision::Any && self.plain.quality > 0
    }

    /// Whether HTML is named as acceptable, as every browser does that goes to a page; a wildcard is not enough.
    #[must_use]
    pub fn names_html(&self) -> bool {
        self.html.precision == Precision::Type && self.html.quality > 0
    }
}

impl Weight {
    /// A media range with its quality; of several that fit, the most precise one counts.
    fn take(&mut self, range: &[u8], [kind, full]: [&str; 2], quality: u16) {
        let precision = if range == b"*/*" {
            Precision::Any
        } else if range.eq_ignore_ascii_case(kind.as_bytes()) {
            Precision::Kind
        } else if range.eq_ignore_ascii_case(full.as_bytes()) {
            Precision::Type
        } else {
            return;
        };
        if precision >= self.precision {
            *self = Weight { quality, precision };
        }
    }
}

/// A quality value (RFC 9110 section 12.4.2): 0 to 1 with at most three decimals.
fn thousandths(text: &[u8]) -> Option<u16> {
    let (whole, decimals) = match text {
        [whole, b'.', decimals @ ..] => (whole, decimals),
        [whole] => (whole, b"".as_slice()),
        _ => return None,
    };
    if decimals.len() > 3 || !decimals.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let digit = |place: usize| u16::from(decimals.get(place).map_or(0, |digit| digit - b'0'));
    let fraction = digit(0) * 100 + digit(1) * 10 + digit(2);
    match (whole, fraction) {
        (b'0', _) => Some(fraction),
        (b'1', 0) => Some(1000),
        _ => None,
    }
}
