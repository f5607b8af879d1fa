//! The unit, the change log and what the guide shows of them.

use super::{read, run};
use crate::support::directory::TempDir;

const UNIT: &str = "packaging/systemd/openrange.service";
const SOCKET: &str = "packaging/systemd/openrange.socket";

/// What the guide shows of the units: their lines in their order, perhaps not all of them.
#[test]
fn the_guide_shows_the_units_as_they_are() {
    let guide = read("src/guide/operating.md");
    let mut shown = Vec::new();
    for excerpt in guide.split("```ini\n").skip(1) {
        let (excerpt, _) = excerpt.split_once("```").expect("its end");
        let file = if excerpt.starts_with("[Socket]") {
            SOCKET
        } else {
            UNIT
        };
        shown.push(file);
        let unit = read(file);
        let mut lines = unit.lines();
        for line in excerpt.lines() {
            assert!(
                lines.any(|there| there == line),
                "{line:?} is not in {file}, or not in this order"
            );
        }
    }
    assert_eq!(shown, [SOCKET, UNIT]);
}

#[test]
fn the_unit_is_good_to_systemd() {
    let directory = TempDir::new();
    let file = directory.join("openrange.service");
    // Neither the program nor its man page is installed here.
    let unit = read(UNIT)
        .replace(
            "ExecStart=openrange",
            concat!("ExecStart=", env!("CARGO_BIN_EXE_openrange")),
        )
        .replace("Documentation=", "#");
    std::fs::write(&file, unit).expect("write");
    let outcome = run("systemd-analyze", &["verify", &file.display().to_string()]);
    if let Some((good, said)) = outcome {
        // Faults of other units of the machine are no concern of ours.
        assert!(!said.contains("openrange.service"), "{said}");
        assert!(good, "{said}");
    }
}

/// The file that a package puts beside the unit says what the unit says itself.
#[test]
fn the_default_options_are_those_of_the_unit() {
    let default = read("packaging/systemd/openrange.default");
    let options = default
        .lines()
        .find_map(|line| line.strip_prefix("OPTIONS=\""));
    let options = options
        .and_then(|line| line.strip_suffix('"'))
        .expect("OPTIONS");
    let line = format!("Environment=\"OPTIONS={options}\"");
    assert!(read(UNIT).lines().any(|there| there == line), "no {line}");
    openrange::cli::parse(options.split(' ').map(Into::into)).expect("good options");
}

#[test]
fn the_change_log_begins_with_this_version() {
    let log = read("CHANGELOG.md");
    let first = log
        .lines()
        .find_map(|line| line.strip_prefix("## "))
        .expect("a version");
    let version = first.split(' ').next().expect("a word");
    let version = version.trim_matches(['[', ']']);
    assert_eq!(version, env!("CARGO_PKG_VERSION"), "in CHANGELOG.md");
    let debian = read("packaging/debian/changelog");
    let first = concat!("openrange (", env!("CARGO_PKG_VERSION"), "-1) ");
    assert!(debian.starts_with(first), "{debian}");
}
