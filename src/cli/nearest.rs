//! The name that somebody probably meant who typed another one.

/// Longest name that is compared: no name here is as long, and the work grows with the square of the length.
const NAME_MAX: usize = 40;

/// The name that is most like `typed`: it begins with it, or it differs from it in a letter for every three or fewer.
/// `None`: no name is like it. If several names are equally near, the first one counts.
pub(super) fn nearest<'a>(
    typed: &str,
    names: &mut dyn Iterator<Item = &'a str>,
) -> Option<&'a str> {
    let typed = typed.to_ascii_lowercase();
    if typed.is_empty() || typed.len() > NAME_MAX {
        return None;
    }
    let most = typed.len().div_ceil(3);
    let rated = names.filter_map(|name| {
        let begins = typed.len() > 2 && name.starts_with(&typed);
        let distance = if begins { 1 } else { distance(&typed, name) };
        // One letter in common is no likeness.
        (distance <= most && distance < typed.len()).then_some((distance, name))
    });
    let nearest = rated.min_by_key(|&(distance, _)| distance);
    nearest.map(|(_, name)| name)
}

/// The number of bytes to insert, remove, replace or exchange with the next one that lead from one name to the other (optimal
/// string alignment).
fn distance(from: &str, to: &str) -> usize {
    let (from, to) = (from.as_bytes(), to.as_bytes());
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=to.len()).collect();
    for (i, &a) in from.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, &b) in to.iter().enumerate() {
            let replaced = last[j] + usize::from(a != b);
            let mut least = replaced.min(last[j + 1] + 1).min(row[j] + 1);
            let is_exchange = i > 0 && j > 0 && a == to[j - 1] && from[i - 1] == b;
            if is_exchange {
                least = least.min(before[j - 1] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[to.len()]
}
