//! Names of earlier generations: a table, and every form that can be put together of a log's name and a moment.

use openrange::store::generations::family::{Compression, Series, bases, kinship};

/// 2024-02-29 13:14:15 UTC.
const SECOND: i64 = 1_709_212_455;
const HOUR: i64 = SECOND - 14 * 60 - 15;
const MINUTE: i64 = SECOND - 15;
const DAY: i64 = SECOND - 13 * 3600 - 14 * 60 - 15;

enum Is {
    Number(u32),
    At(i64, u32),
    Other,
}

fn check(name: &str, base: &str, is: &Is) {
    let found = kinship(name.as_bytes(), base.as_bytes());
    let found = found.map(|kinship| (kinship.series, kinship.compression));
    match (is, found) {
        (Is::Number(number), Some((Series::Number(found), None))) if found == *number => {}
        (Is::At(seconds, nanoseconds), Some((Series::Date(found), None)))
            if (found.seconds, found.nanoseconds) == (*seconds, *nanoseconds) => {}
        (Is::Other, None) => {}
        (_, found) => panic!("{name} of {base}: {found:?}"),
    }
}

#[test]
fn table() {
    use Is::{At, Number, Other};
    let rows = [
        ("log.1", Number(1)),
        ("log.0", Number(0)),
        ("log.007", Number(7)),
        ("log.99999", Number(99_999)),
        ("log.100000", Other),
        ("log.1700000000", At(1_700_000_000, 0)),
        ("log-1700000000", At(1_700_000_000, 0)),
        ("log-999999999", At(999_999_999, 0)),
        ("log-17000000000", Other),
        // An hour of this century.
        ("log-2024022913", At(HOUR, 0)),
        ("log-1970010100", At(1_970_010_100, 0)),
        ("log-2000022913", At(951_829_200, 0)),
        // Before this century only ten bare digits are seconds.
        ("log-1999010105", At(1_999_010_105, 0)),
        ("log-19990101T05", At(915_166_800, 0)),
        ("log-1999-01-0105", At(915_166_800, 0)),
        ("log-199901010530", At(915_168_600, 0)),
        // Another topic.
        ("log-0", Other),
        ("log-1", Other),
        ("log", Other),
        ("log.", Other),
        ("log.old", Other),
        ("log.1.1", Other),
        ("log.1a", Other),
        ("log.-1", Other),
        ("log.+1", Other),
        ("logs.1", Other),
        ("xlog.1", Other),
        ("log_20240229", Other),
        ("log-20240229", At(DAY, 0)),
        ("log.20240229", At(DAY, 0)),
        ("log-20240230", Other),
        ("log-20230229", Other),
        ("log-20241301", Other),
        ("log-20240001", Other),
        ("log-20240100", Other),
        ("log-19691231", Other),
        ("log-2024-0229", Other),
        ("log-202402-29", Other),
        ("log-2024-02-29", At(DAY, 0)),
        ("log-2024-02-29-13", At(HOUR, 0)),
        ("log-2024-02-29T24", Other),
        ("log-2024-02-29T13:60", Other),
        ("log-20240229T136000", Other),
        ("log-20240229T135900", At(HOUR + 59 * 60, 0)),
        // A leap second.
        ("log-2024-02-29T13:14:60", At(SECOND + 45, 0)),
        ("log-2024-02-29T13:14:61", Other),
        ("log-2024-02-29T13:14:1", Other),
        ("log-2024-02-29T13:14:15.5", At(SECOND, 500_000_000)),
        ("log-2024-02-29T13-14-15.000", At(SECOND, 0)),
        ("log-2024-02-29T13-14-15.", Other),
        (
            "log-2024-02-29T13:14:15.1234567891Z",
            At(SECOND, 123_456_789),
        ),
        ("log-2024-02-29T13:14:15Zulu", Other),
        ("log-20240229-1709212455", At(SECOND, 0)),
        ("log-20240229_1709212455", At(SECOND, 0)),
        ("log-202402291709212455", At(SECOND, 0)),
        ("log-20240229-170921245", At(170_921_245, 0)),
        ("log-20240229-x", Other),
        (".1", Other),
    ];
    for (name, is) in rows {
        check(name, "log", &is);
    }
    for (name, is) in [
        ("app.1.log", Number(1)),
        ("app.log.1", Number(1)),
        ("app-20240229.log", At(DAY, 0)),
        ("app.20240229.log", At(DAY, 0)),
        ("app-2024-02-29T13-14-15.250.log", At(SECOND, 250_000_000)),
        ("app.log-20240229", At(DAY, 0)),
        ("app.1", Other),
        ("app-20240229", Other),
        ("app-1.log", Other),
        ("app.log", Other),
        ("app..log", Other),
        ("app.log.log", Other),
        ("app1.log", Other),
    ] {
        check(name, "app.log", &is);
    }
    // No extension stands behind the last dot.
    check("app-20240229.", "app.", &Other);
    check("app.-20240229", "app.", &At(DAY, 0));
    // Nothing stands before the dot of a hidden name.
    check("-20240229.log", ".log", &Other);
    check("log.\u{e9}", "log", &Other);
}

/// The calendar, counted month by month: what is a day, and which one.
#[test]
fn days() {
    let dated = |year: i64, month: u32, day: u32| {
        let name = format!("log-{year:04}{month:02}{day:02}");
        match kinship(name.as_bytes(), b"log")?.series {
            Series::Date(stamp) => Some(stamp.seconds),
            Series::Number(_) => None,
        }
    };
    let mut days = 0;
    for year in 1970..2405 {
        let leap = if year % 100 == 0 {
            year % 400 == 0
        } else {
            year % 4 == 0
        };
        for month in 1..=12 {
            let length = match month {
                2 if leap => 29,
                2 => 28,
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            let what = format!("{year}-{month}");
            assert_eq!(dated(year, month, 0), None, "{what}");
            assert_eq!(dated(year, month, 1), Some(days * 86_400), "{what}");
            days += i64::from(length);
            let last = Some((days - 1) * 86_400);
            assert_eq!(dated(year, month, length), last, "{what}");
            assert_eq!(dated(year, month, length + 1), None, "{what}");
        }
        assert_eq!(dated(year, 0, 1), None);
        assert_eq!(dated(year, 13, 1), None);
    }
    assert_eq!(dated(1969, 12, 31), None);
}

/// Those that are content codings too have the names of these (RFC 9110 section 8.4.1, RFC 8878 section 7.2).
#[test]
fn formats() {
    let words = ["gz", "xz", "zst", "bz2", "lz4", "Z"].map(|suffix| {
        let name = format!("log.1.{suffix}");
        let kinship = kinship(name.as_bytes(), b"log").expect("a copy");
        kinship.compression.expect("a suffix").word()
    });
    assert_eq!(words, ["gzip", "xz", "zstd", "bzip2", "lz4", "compress"]);
}

/// Every spelling of one moment, with every separator, front and end, belongs to its log and to no log beside it.
#[test]
fn every_form() {
    let mut forms = vec![
        (String::from("5"), None),
        (String::from("1709212455"), Some(SECOND)),
    ];
    for day in ["20240229", "2024-02-29"] {
        forms.push((String::from(day), Some(DAY)));
        for before in ["", "-", "_", "T", ":"] {
            forms.push((format!("{day}{before}13"), Some(HOUR)));
            forms.push((format!("{day}{before}1709212455"), Some(SECOND)));
            for between in ["", "-", "_", "T", ":"] {
                let minute = format!("{day}{before}13{between}14");
                let second = format!("{minute}{between}15");
                forms.push((minute, Some(MINUTE)));
                forms.push((format!("{second}.0"), Some(SECOND)));
                forms.push((format!("{second}Z"), Some(SECOND)));
                forms.push((second, Some(SECOND)));
            }
        }
    }
    let suffixes = [
        ("", None),
        (".gz", Some(Compression::Gzip)),
        (".xz", Some(Compression::Xz)),
        (".zst", Some(Compression::Zstd)),
        (".bz2", Some(Compression::Bzip2)),
        (".lz4", Some(Compression::Lz4)),
        (".Z", Some(Compression::Compress)),
    ];
    for base in ["log", "app.log", "a-b.c.d", "x.1"] {
        let (stem, extension) = base.rsplit_once('.').unwrap_or((base, ""));
        for (form, seconds) in &forms {
            for separator in [".", "-"] {
                if separator == "-" && seconds.is_none() {
                    continue;
                }
                for (suffix, compression) in suffixes {
                    let mut names = vec![format!("{base}{separator}{form}{suffix}")];
                    if !extension.is_empty() {
                        names.push(format!("{stem}{separator}{form}.{extension}{suffix}"));
                    }
                    for name in names {
                        let found = kinship(name.as_bytes(), base.as_bytes());
                        let found = found.unwrap_or_else(|| panic!("{name} of {base}"));
                        assert_eq!(found.compression, compression, "{name}");
                        match (found.series, seconds) {
                            (Series::Number(5), None) => {}
                            (Series::Date(stamp), Some(seconds)) => {
                                assert_eq!(stamp.seconds, *seconds, "{name}");
                            }
                            (series, _) => panic!("{name}: {series:?}"),
                        }
                        assert!(
                            bases(name.as_bytes()).any(|it| it == base.as_bytes()),
                            "{name}"
                        );
                        let beside = format!("{base}x");
                        assert_eq!(kinship(name.as_bytes(), beside.as_bytes()), None, "{name}");
                    }
                }
            }
        }
    }
}

/// What says of which logs a name could be, and what says how it is related, are of one mind.
#[test]
fn bases_agree_with_kinship() {
    const PIECES: [&str; 14] = [
        "a",
        ".",
        "-",
        "1",
        "20240229",
        "2024-02-29",
        "T",
        "13",
        ":",
        "1709212455",
        ".log",
        ".gz",
        "Z",
        "_",
    ];
    let mut seed = 7_u64;
    let mut next = |below: usize| {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(seed >> 33).expect("31 bits") % below
    };
    let mut related = 0;
    for _ in 0..2_000 {
        let count = 1 + next(7);
        let name: String = (0..count).map(|_| PIECES[next(PIECES.len())]).collect();
        let found: Vec<_> = bases(name.as_bytes()).collect();
        for base in &found {
            assert!(
                kinship(name.as_bytes(), base).is_some(),
                "{name} of {base:?}"
            );
        }
        // Every name that could be a log of which something in it was left out.
        for from in 0..=name.len() {
            for to in from..=name.len() {
                let base = [&name.as_bytes()[..from], &name.as_bytes()[to..]].concat();
                if !base.is_empty() && kinship(name.as_bytes(), &base).is_some() {
                    related += 1;
                    assert!(found.contains(&base), "{name} of {base:?}");
                }
            }
        }
    }
    assert!(related > 100, "{related}");
}
