//! `http::pattern`: which lists of names and patterns are understood, and what fits them, also against an oracle that
//! tries everything.

use crate::support::random::Random;
use openrange::http::pattern::{Pattern, parse};
use openrange::limits::EVENT_FILES_MAX;

fn list(list: &str) -> Box<[Pattern]> {
    parse(list.as_bytes()).unwrap_or_else(|| panic!("{list} is refused"))
}

fn names(text: &str) -> Vec<Option<Vec<u8>>> {
    let list = list(text);
    let name = |pattern: &Pattern| pattern.name().map(<[u8]>::to_vec);
    list.iter().map(name).collect()
}

#[test]
fn lists() {
    let name = |name: &[u8]| Some(name.to_vec());
    for (text, expected) in [
        ("a", vec![name(b"a")]),
        ("a,b", vec![name(b"a"), name(b"b")]),
        // Programs encode the comma too.
        ("a%2Cb", vec![name(b"a"), name(b"b")]),
        ("b,a", vec![name(b"b"), name(b"a")]),
        ("a.log,*", vec![name(b"a.log"), None]),
        ("*.log*,**", vec![None, None]),
        ("%2A", vec![None]),
        ("a%20b+c", vec![name(b"a b+c")]),
        ("%ff%0a", vec![name(b"\xff\n")]),
        ("%C3%A4", vec![name("ä".as_bytes())]),
        ("a%2", vec![name(b"a%2")]),
        ("%252C", vec![name(b"%2C")]),
        ("a.,b..c", vec![name(b"a."), name(b"b..c")]),
    ] {
        assert_eq!(names(text), expected, "{text}");
    }
}

#[test]
fn what_is_refused() {
    for text in [
        "", ",", "a,", ",a", "a,,b", "a/b", "a%2Fb", "/", "*/a", ".", "..", ".a", "%2ea", ".*",
        "a,.b", "a%00", "a,a", "a,%61", "*,a,*", "*,***", "a,b%2Ca", "**,**", "**/", "/**",
        "**//a", "a/b,*", "**/.a", ".a/**", "**/a%00",
    ] {
        assert_eq!(parse(text.as_bytes()), None, "{text}");
    }
    let many = |count: usize| {
        let names: Vec<String> = (0..count).map(|number| number.to_string()).collect();
        names.join(",")
    };
    assert_eq!(list(&many(EVENT_FILES_MAX)).len(), EVENT_FILES_MAX);
    assert_eq!(parse(many(EVENT_FILES_MAX + 1).as_bytes()), None);
}

#[test]
fn what_fits() {
    for (pattern, fitting, others) in [
        (
            "a.log",
            &["a.log"][..],
            &["a", "a.log.1", "A.log", "xa.log", ""][..],
        ),
        ("*", &["", "a", ".hidden", "*"], &[]),
        ("**", &["", "a"], &[]),
        (
            "*.log",
            &[".log", "a.log", "a.log.log"],
            &["log", "a.log.1", "a.logs"],
        ),
        ("a*", &["a", "ab", "aa"], &["", "ba"]),
        // The beginning and the end do not share a byte.
        ("aba*aba", &["abaaba", "abaxaba"], &["aba", "ababa"]),
        (
            "a*b*c",
            &["abc", "axbxc", "abbc", "abcbc"],
            &["ac", "acb", "abcd", "bc"],
        ),
        ("*ab*ab*", &["abab", "xabyabz"], &["ab", "aab", "aba"]),
        ("a*?[b]", &["a?[b]", "ax?[b]"], &["axb"]),
    ] {
        let [pattern] = &*list(pattern) else {
            panic!("one pattern")
        };
        for name in fitting {
            assert!(pattern.fits(name.as_bytes()), "{pattern:?} {name}");
        }
        for name in others {
            assert!(!pattern.fits(name.as_bytes()), "{pattern:?} {name}");
        }
    }
}

/// Whether a name fits, by trying all that an asterisk can be.
fn fits(pattern: &[u8], name: &[u8]) -> bool {
    match pattern.split_first() {
        None => name.is_empty(),
        Some((b'*', rest)) => (0..=name.len()).any(|end| fits(rest, &name[end..])),
        Some((byte, rest)) => name.first() == Some(byte) && fits(rest, &name[1..]),
    }
}

#[test]
fn random_names() {
    let mut fitting = 0;
    for seed in 0..200_000 {
        let mut random = Random::new(seed);
        let mut word = |from: &[&str], most: u64| -> String {
            (0..random.below(most)).map(|_| random.pick(from)).collect()
        };
        let pattern = word(&["a", "b", "*", "*", "ab"], 8);
        let name = word(&["a", "b", "ab", "aab"], 8);
        if pattern.is_empty() {
            continue;
        }
        let expected = fits(pattern.as_bytes(), name.as_bytes());
        let parsed = &list(&pattern)[0];
        assert_eq!(parsed.fits(name.as_bytes()), expected, "{pattern} {name}");
        assert_eq!(parsed.name().is_none(), pattern.contains('*'));
        fitting += u32::from(expected);
    }
    assert!(fitting > 20_000, "{fitting} of them fit");
}

/// Whatever a client sends costs little: each byte is looked at some hundred times, not exponentially often.
#[test]
fn long_names() {
    let pattern = &list(&"*a".repeat(100))[0];
    assert!(!pattern.fits(&[b'b'; 255]));
    assert!(pattern.fits(&[b'a'; 255]));
    let almost = [&[b'a'; 254][..], b"b"].concat();
    assert!(!pattern.fits(&almost));
}

#[test]
fn exclusion() {
    let means =
        |text: &str, name: &str| openrange::http::pattern::mean(&list(text), name.as_bytes());
    for (text, meant, others) in [
        (
            "*.log,!debug*",
            &["a.log", "xdebug.log"][..],
            &["debug.log", "a.txt"][..],
        ),
        ("!debug*,*.log", &["a.log"], &["debug.log"]),
        ("!*.gz", &["a", "a.log"], &["a.gz"]),
        ("!a", &["b", "aa"], &["a"]),
        ("a,!a", &[], &["a", "b"]),
        ("a,b,!c", &["a", "b"], &["c", "d"]),
        ("*!x", &["!x", "a!x"], &["x"]),
    ] {
        for name in meant {
            assert!(means(text, name), "{text} {name}");
        }
        for name in others {
            assert!(!means(text, name), "{text} {name}");
        }
    }
    // What excludes is no name that is waited for.
    assert_eq!(names("a,!b"), [Some(b"a".to_vec()), None]);
    for text in ["!", "!.a", "!a/b", "!a,!a", "!!"] {
        let refused = parse(text.as_bytes()).is_none();
        assert_eq!(refused, text != "!!", "{text}");
    }
}

/// `**` is a component of its own, and then slashes are understood.
#[test]
fn trees() {
    let means =
        |text: &str, name: &str| openrange::http::pattern::mean(&list(text), name.as_bytes());
    for (text, meant, others) in [
        ("**", &["a", "a/b", "a/b/c.log"][..], &[][..]),
        (
            "**/*.log",
            &["a.log", "x/a.log", "x/y/a.log"],
            &["a", "x/a", "a.log/x"],
        ),
        ("x/**", &["x/a", "x/y/a"], &["x", "a", "y/x/a"]),
        (
            "x/**/a",
            &["x/a", "x/y/a", "x/y/z/a", "x/a/a"],
            &["a", "x", "x/y", "x/a/b"],
        ),
        (
            "**/x/*",
            &["x/a", "y/x/a", "x/x/a", "x/x/x"],
            &["x", "x/y/a", "a"],
        ),
        (
            "**/x/**/y",
            &["x/y", "a/x/b/y", "x/x/y/y"],
            &["x", "y", "a/y/x"],
        ),
        // Several asterisks that are no component of their own are one.
        ("x**,**/y", &["xa", "y", "a/y"], &["x/a", "a/xa"]),
        // Without a slash a pattern means the directory itself; what it excludes is anywhere.
        ("*.log,b/**", &["a.log", "b/a"], &["c/a.log"]),
        ("**,!*.gz", &["a", "b/a"], &["a.gz", "b/a.gz", "a.gz/b"]),
        ("**,!old", &["a", "b/older"], &["old", "old/a", "b/old/a"]),
        ("**,!b/*", &["b", "a/b/c"], &["b/a", "b/a/c"]),
        ("!**/b", &["a", "b.log", "a/c"], &["b", "a/b", "b/c"]),
    ] {
        for name in meant {
            assert!(means(text, name), "{text} {name}");
        }
        for name in others {
            assert!(!means(text, name), "{text} {name}");
        }
    }
    // What is below a directory is no entry of it.
    for text in ["*", "!a", "a*b"] {
        assert!(!means(text, "a/b"), "{text}");
    }
    assert_eq!(names("**/x,a"), [None, Some(b"a".to_vec())]);
}

/// Only directories are read in which something may be meant.
#[test]
fn what_is_below() {
    use openrange::http::pattern::may_mean_below;
    for (text, read, others) in [
        ("**", &["a", "a/b"][..], &[][..]),
        ("x/**/a,b/*", &["x", "x/y", "b"], &["a", "b/c", "y/x"]),
        ("x*/y/*.log,**/z", &["x", "xx/y", "a"], &[]),
        ("x/y/*,!**/z", &["x", "x/y"], &["y", "x/x", "x/y/z"]),
        ("**,!old,!a/*", &["a", "older"], &["old", "b/old", "a/b"]),
        ("!**/a", &["b", "b/c"], &["a", "b/a"]),
        ("*", &[], &["a"]),
        ("!b", &[], &["a"]),
    ] {
        for name in read {
            assert!(
                may_mean_below(&list(text), name.as_bytes()),
                "{text} {name}"
            );
        }
        for name in others {
            assert!(
                !may_mean_below(&list(text), name.as_bytes()),
                "{text} {name}"
            );
        }
    }
}

/// Whether the components of a name fit, by trying all that `**` can be.
fn fits_tree(pattern: &[&[u8]], name: &[&[u8]]) -> bool {
    match pattern.split_first() {
        None => name.is_empty(),
        Some((&b"**", [])) => !name.is_empty(),
        Some((&b"**", rest)) => (0..=name.len()).any(|end| fits_tree(rest, &name[end..])),
        Some((first, rest)) => {
            let fits = |component: &&[u8]| fits(first, component);
            name.first().is_some_and(fits) && fits_tree(rest, &name[1..])
        }
    }
}

fn components(path: &str) -> Vec<&[u8]> {
    path.split('/').map(str::as_bytes).collect()
}

#[test]
fn random_trees() {
    let mut fitting = 0;
    for seed in 0..100_000 {
        let mut random = Random::new(seed);
        let mut path = |from: &[&str]| -> String {
            let components = 1 + random.below(5);
            let components: Vec<&str> = (0..components).map(|_| random.pick(from)).collect();
            components.join("/")
        };
        let pattern = path(&["a", "b", "*", "**", "**", "a*"]) + "/**";
        let name = path(&["a", "b", "ab", "aab"]) + "/b";
        let expected = fits_tree(&components(&pattern), &components(&name));
        let parsed = &list(&pattern)[0];
        assert_eq!(parsed.fits(name.as_bytes()), expected, "{pattern} {name}");
        fitting += u32::from(expected);
    }
    assert!(fitting > 10_000, "{fitting} of them fit");
}

/// Neither does a tree cost more than its components times those of the name.
#[test]
fn long_trees() {
    let pattern = &list(&format!("{}b", "**/a/".repeat(500)))[0];
    assert!(!pattern.fits("a/".repeat(1000).as_bytes()));
    assert!(pattern.fits(format!("{}b", "a/".repeat(1000)).as_bytes()));
}
