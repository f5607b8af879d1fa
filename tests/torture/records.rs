//! Records that say of themselves which they are, and whether a reader got each of them once.

use std::collections::BTreeMap;

/// A record of a generation of a log, with its line end. The number is at both ends, so that a piece of either kind shows
/// which one it is of.
pub fn record(log: usize, generation: usize, number: usize) -> String {
    let filler = "-".repeat(number * 37 % 400);
    format!("log {log} generation {generation} {number} {filler} {number}\n")
}

/// Generation and number of a record, with or without its line end.
fn parse(log: usize, line: &str) -> Option<(usize, usize)> {
    let line = line.strip_suffix('\n').unwrap_or(line);
    let mut words = line
        .strip_prefix(&format!("log {log} generation "))?
        .split(' ');
    let (generation, number) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    (record(log, generation, number).strip_suffix('\n') == Some(line))
        .then_some((generation, number))
}

/// What a reader has of a log.
#[derive(Debug)]
pub struct Received {
    log: usize,
    /// By generation, the number of the next record.
    next: BTreeMap<usize, usize>,
}

impl Received {
    /// Nothing yet.
    pub fn new(log: usize) -> Received {
        Received {
            log,
            next: BTreeMap::new(),
        }
    }

    /// Whether this is a record of the log.
    pub fn is_record(&self, line: &str) -> bool {
        parse(self.log, line).is_some()
    }

    /// Takes a record. `again`: it may be one that came before.
    ///
    /// # Errors
    /// One is missing, or comes twice, or it is none.
    pub fn take(&mut self, line: &str, again: bool) -> Result<(), String> {
        let Some((generation, number)) = parse(self.log, line) else {
            return Err(format!("{line:?} is no record"));
        };
        let next = self.next.entry(generation).or_default();
        if number > *next || number < *next && !again {
            return Err(format!(
                "{number} of generation {generation} instead of {next}"
            ));
        }
        *next = (*next).max(number + 1);
        Ok(())
    }

    /// Takes a record of which one process got the first bytes, perhaps, and the next one the last, perhaps all. `None`: it
    /// is not known what the first one got.
    fn take_halves(&mut self, first: Option<&str>, last: &str) -> Result<(), String> {
        if parse(self.log, last).is_some() {
            return self.take(last, true);
        }
        let generations = self.next.keys().last().map_or(0, |last| last + 1);
        for generation in (0..=generations).rev() {
            let next = self.next.entry(generation).or_default();
            let expected = record(self.log, generation, *next);
            let covers = |first: &str| {
                first.len() + last.len() >= expected.len() && expected.starts_with(first)
            };
            if first.is_none_or(covers) && expected.ends_with(last) {
                *next += 1;
                return Ok(());
            }
            let mut before = (0..*next).rev();
            if before.any(|number| record(self.log, generation, number).ends_with(last)) {
                return Ok(());
            }
        }
        Err(format!("{first:?}, and after the next start {last:?}"))
    }

    /// Takes what several processes wrote, one after the other. `hard`: where one of them was killed, so that the next one
    /// may repeat something.
    ///
    /// # Errors
    /// As of [`Received::take`].
    pub fn take_all(&mut self, text: &str, hard: &[usize]) -> Result<(), String> {
        let (mut from, mut first) = (0, Some(""));
        for (index, &to) in hard.iter().chain([&text.len()]).enumerate() {
            let mut lines = text[from..to].split_inclusive('\n');
            let wrong = |why| format!("{why}, after byte {from}");
            let mut half = lines
                .clone()
                .next_back()
                .filter(|line| !line.ends_with('\n'));
            if index > 0 {
                match lines.next() {
                    Some(last) if last.ends_with('\n') => {
                        self.take_halves(first, last).map_err(wrong)?;
                    }
                    None => half = first,
                    // It was killed before the end of a line that it may have begun anywhere.
                    Some(_) => (first, half) = (None, None),
                }
            }
            let mut whole = lines.filter(|line| line.ends_with('\n'));
            whole
                .try_for_each(|line| self.take(line, index > 0))
                .map_err(wrong)?;
            first = half.or(Some("").filter(|_| first.is_some() || text[from..to].contains('\n')));
            from = to;
        }
        Ok(())
    }

    /// Whether it has all of these, so many of each generation.
    pub fn has(&self, written: &[usize]) -> bool {
        let mut all = written.iter().enumerate();
        all.all(|(generation, count)| {
            self.next.get(&generation).copied().unwrap_or_default() == *count
        })
    }
}

#[test]
fn a_record_that_is_missing_or_comes_twice_is_found() {
    let [zero, one, two] = [0, 1, 2].map(|number| record(3, 0, number));
    let take = |text: &str, hard: &[usize]| Received::new(3).take_all(text, hard);
    let all = [&*zero, &one, &two].concat();
    assert_eq!(take(&all, &[]), Ok(()));
    assert!(take(&[&*zero, &two].concat(), &[]).is_err());
    assert!(take(&[&*zero, &zero].concat(), &[]).is_err());
    assert!(take(&[&*zero, "log 3\n"].concat(), &[]).is_err());
    assert!(take(&record(4, 0, 0), &[]).is_err());
    // A process was killed after each byte of it; the next one begins there, or anywhere before that.
    for cut in 0..all.len() {
        for begin in 0..=cut {
            let text = [&all[..cut], &all[begin..]].concat();
            assert_eq!(take(&text, &[cut]), Ok(()), "{cut} {begin}");
        }
        // A byte is lost.
        let lost = [&all[..cut], &all[cut + 1..]].concat();
        let mut received = Received::new(3);
        let taken = received.take_all(&lost, &[cut]);
        assert!(taken.is_err() || !received.has(&[3]), "{cut}");
    }
}
