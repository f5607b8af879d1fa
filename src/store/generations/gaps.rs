//! Where generations are missing. Pure.

use crate::sorted::SortedSet;

/// What is missing before a generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gap {
    /// A file that was seen.
    File,
    /// A number of a series. In the middle of a roll one is missing too.
    Number,
}

/// What is known of a file.
pub(super) struct Known {
    /// Its number in a series.
    pub number: Option<u32>,
    /// Its place among the files that were seen.
    pub place: Option<usize>,
}

/// For each file what is missing between the one before and it. `is_direct`: nothing came between those at these places.
pub(super) fn gaps(files: &[Known], is_direct: impl Fn(usize, usize) -> bool) -> Vec<Option<Gap>> {
    let last_number = files.iter().rposition(|file| file.number.is_some());
    let numbers: SortedSet<u32> = files.iter().filter_map(|file| file.number).collect();
    let some_missing = |newer: u32, older: u32| {
        let between = (newer + 1)..older;
        numbers.count_in(between.clone()) < between.len()
    };
    let gap = |index: usize| {
        let before = index.checked_sub(1)?;
        if let (Some(left), Some(right)) = (files[before].place, files[index].place) {
            if is_direct(left, right) {
                return None;
            }
            // All that were seen between them are gone, and none of them was compressed.
            if right > left + 1 {
                return Some(Gap::File);
            }
        }
        let missing = match (files[before].number, files[index].number) {
            (Some(older), Some(newer)) => older > newer && some_missing(newer, older),
            // The newest of a numbered series is 1, or 0.
            (Some(newest), None) => last_number == Some(before) && newest > 1,
            (None, _) => false,
        };
        missing.then_some(Gap::Number)
    };
    (0..files.len()).map(gap).collect()
}
