//! Sorted lists as maps and sets: they do what the B-trees of the standard library do.

use std::collections::{BTreeMap, BTreeSet};

use openrange::sorted::{SortedMap, SortedSet, sort, sort_by, sort_by_key};

/// Small numbers that come again and again.
fn numbers() -> impl Iterator<Item = u64> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state >> 20
    })
}

#[test]
fn a_map_is_as_a_tree() {
    let mut numbers = numbers();
    let (mut map, mut tree) = (SortedMap::new(), BTreeMap::new());
    for _ in 0..20_000 {
        let [what, key, value] = [(); 3].map(|()| numbers.next().unwrap_or_default());
        let key = key % 200;
        match what % 7 {
            0 | 1 => assert_eq!(map.insert(key, value), tree.insert(key, value)),
            2 => assert_eq!(map.remove(&key), tree.remove(&key)),
            3 => assert_eq!(map.get_mut(&key), tree.get_mut(&key)),
            4 => assert_eq!(
                map.get_or_insert(key, value),
                tree.entry(key).or_insert(value)
            ),
            5 if what % 64 == 0 => {
                map.retain(|key, _| key % 3 != 0);
                tree.retain(|key, _| key % 3 != 0);
            }
            _ => {
                // One key twice: the later value counts.
                let more = [(key, value), (value % 200, 1), (key, 2)];
                map.extend(more);
                tree.extend(more);
            }
        }
        assert_eq!(map.contains_key(&key), tree.contains_key(&key));
        assert_eq!(map.get(&key), tree.get(&key));
        assert_eq!((map.len(), map.is_empty()), (tree.len(), tree.is_empty()));
    }
    assert!(map.keys().eq(tree.keys()) && map.values().eq(tree.values()));
    let collected: SortedMap<u64, u64> = tree.clone().into_iter().rev().collect();
    assert!(collected.into_iter().eq(tree));
}

#[test]
fn a_set_is_as_a_tree() {
    let mut numbers = numbers();
    let (mut set, mut tree) = (SortedSet::new(), BTreeSet::new());
    for _ in 0..20_000 {
        let [what, item] = [(); 2].map(|()| numbers.next().unwrap_or_default());
        let item = item % 100;
        match what % 5 {
            0 | 1 => assert_eq!(set.insert(item), tree.insert(item)),
            2 => assert_eq!(set.remove(&item), tree.remove(&item)),
            3 => assert_eq!(set.pop_last(), tree.pop_last()),
            _ => assert_eq!(set.last(), tree.last()),
        }
        assert_eq!(set.contains(&item), tree.contains(&item));
        let range = item / 2..item;
        assert_eq!(set.count_in(range.clone()), tree.range(range).count());
        assert_eq!((set.len(), set.is_empty()), (tree.len(), tree.is_empty()));
    }
    assert!(set.iter().eq(&tree));
    let collected: SortedSet<u64> = tree.iter().rev().chain(&tree).copied().collect();
    assert!(collected.into_iter().eq(tree));
}

#[test]
fn lists_are_sorted_as_the_library_sorts_them() {
    let mut numbers = numbers();
    for len in (0..40).chain([1000]) {
        // Few keys: what is equal keeps its order.
        let keys = numbers.by_ref().map(|number| number % 8);
        let items: Vec<(u64, usize)> = keys.zip(0..len).collect();
        let (mut ours, mut theirs) = (items.clone(), items.clone());
        sort_by(&mut ours, |one, other| other.0.cmp(&one.0));
        theirs.sort_by_key(|one| std::cmp::Reverse(one.0));
        assert_eq!(ours, theirs);
        sort_by_key(&mut ours, |item| item.0);
        theirs.sort_by_key(|item| item.0);
        assert_eq!(ours, theirs);
        (ours, theirs) = (items.clone(), items);
        sort(&mut ours);
        theirs.sort();
        assert_eq!(ours, theirs);
    }
}
