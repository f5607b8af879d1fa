//! What a Range field means, found the slow way: by asking byte for byte whether a spec selects it.
//!
//! Numbers are compared as text padded with zeros, and parts are found where membership begins and ends, so that nothing
//! is shared with `http::range` but the types of its result.

use std::collections::BTreeSet;

use openrange::http::range::Resolved;

const PARTS_MAX: usize = 16;

/// One spec: the texts before and after its dash.
type Spec = (String, String);

/// `None`: the field is ignored.
pub fn expected(value: &[u8], size: u64, sealed: bool) -> Option<Resolved> {
    let width = value.len() + 20;
    let specs = specs(value, width)?;
    if let [only] = specs.as_slice()
        && !sealed
        && let Some(live) = live(only, size, width)
    {
        return Some(live);
    }
    let runs = runs(&specs, size, width);
    Some(match runs.len() {
        0 => Resolved::Unsatisfiable,
        count if count > PARTS_MAX => Resolved::Whole,
        _ => Resolved::Slices(runs),
    })
}

fn specs(value: &[u8], width: usize) -> Option<Vec<Spec>> {
    let text = str::from_utf8(value).ok()?;
    let unit = text
        .get(..6)
        .filter(|unit| unit.to_lowercase() == "bytes=")?;
    let mut specs = Vec::new();
    for element in text[unit.len()..].split(',') {
        let element = element.trim_matches([' ', '\t']);
        if element.is_empty() {
            continue;
        }
        let (first, last) = element.split_once('-')?;
        let digits = format!("{first}{last}");
        if digits.is_empty() || digits.contains(|digit: char| !digit.is_ascii_digit()) {
            return None;
        }
        if !first.is_empty() && !last.is_empty() && pad(first, width) > pad(last, width) {
            return None;
        }
        specs.push((first.to_owned(), last.to_owned()));
    }
    Some(specs).filter(|specs| !specs.is_empty())
}

fn pad(number: impl std::fmt::Display, width: usize) -> String {
    format!("{:0>width$}", number.to_string())
}

fn live((first, last): &Spec, size: u64, width: usize) -> Option<Resolved> {
    let padded = |text: &str| pad(text, width);
    let very_large = padded(last) >= pad(999_999_999_999_u64, width);
    let open = last.is_empty();
    if first.is_empty() || !(open || very_large && padded(last) > pad(size, width)) {
        return None;
    }
    if padded(first) > pad(size, width) {
        return Some(Resolved::Unsatisfiable);
    }
    let last = if open { "9007199254740991" } else { last };
    Some(Resolved::Tail {
        at: first.parse().unwrap(),
        last: last.into(),
        open,
    })
}

/// Whether a spec selects the byte at `at` of a complete file.
fn selects((first, last): &Spec, at: u64, size: u64, width: usize) -> bool {
    if at >= size {
        return false;
    }
    let here = pad(at, width);
    match (first.as_str(), last.as_str()) {
        ("", count) => pad(size - at, width) <= pad(count, width),
        (first, "") => here >= pad(first, width),
        (first, last) => here >= pad(first, width) && here <= pad(last, width),
    }
}

/// The maximal runs of selected bytes, in the order of the spec that asked for any byte of them first.
fn runs(specs: &[Spec], size: u64, width: usize) -> Vec<std::ops::Range<u64>> {
    let selected = |at: u64| specs.iter().any(|spec| selects(spec, at, size, width));
    let places = places(specs, size);
    let starts = places
        .iter()
        .filter(|&&at| selected(at) && (at == 0 || !selected(at - 1)));
    let ends = places
        .iter()
        .filter(|&&at| !selected(at) && at > 0 && selected(at - 1));
    let mut runs: Vec<_> = starts.zip(ends).map(|(start, end)| *start..*end).collect();
    runs.sort_by_key(|run| {
        specs.iter().position(|spec| {
            let mut inside = places.range(run.clone());
            inside.any(|at| selects(spec, *at, size, width))
        })
    });
    runs
}

/// Where membership may change: everywhere in a small file, at the numbers of the specs in a large one.
fn places(specs: &[Spec], size: u64) -> BTreeSet<u64> {
    if size <= 64 {
        return (0..=size).collect();
    }
    let number = |text: &str| text.parse::<u64>().unwrap_or(u64::MAX).min(size);
    let mut places = BTreeSet::from([0, size]);
    for (first, last) in specs {
        match first.as_str() {
            "" => places.insert(size - number(last)),
            _ => places.insert(number(first)) | places.insert((number(last) + 1).min(size)),
        };
    }
    places
}
