//! The plan of the crate, held against the source: which folder may import which, what pure folders must not name, where
//! `unsafe` may stand, and how long things may get.

mod source;

use std::fs;
use std::path::Path;

use source::{File, files, functions, words};

/// Folders and leaf files of the crate. Each may name itself and those below it.
const ORDER: &[&str] = &[
    "main",
    "guide",
    "cli",
    "server",
    "worker",
    "hooks",
    "client",
    "jobs",
    "intake",
    "follow",
    "store",
    "log",
    "os",
    "connection",
    "response",
    "subscription",
    "dialect",
    "action",
    "resource",
    "receipt",
    "job",
    "intent",
    "http",
    "hint",
    "readiness",
    "versioned",
    "sorted",
    "time",
    "limits",
];

/// What a pure folder must not name, as it would stand in a `use` or an expression.
const IMPURE: &[&str] = &[
    "std::fs",
    "std::net",
    "std::os",
    "std::env",
    "std::process",
    "std::thread",
    "rustix",
    "libc",
    "polling",
    "inotify",
    "slab",
    "log",
    "Instant",
    "SystemTime::now",
];

const UNSAFE: [&str; 2] = ["os/epoll.rs", "os/sys.rs"];
/// A file beyond this holds two concepts: find the seam.
const FILE_LINES: usize = 450;
const FUNCTION_LINES: usize = 70;

/// The folder, or leaf, that a file belongs to.
fn folder(file: &File) -> &str {
    let first = file.name.split('/').next().unwrap_or_default();
    first.strip_suffix(".rs").unwrap_or(first)
}

#[test]
fn folders_import_only_what_they_may() {
    let mut named = 0;
    for file in files().iter().filter(|file| file.name != "lib.rs") {
        let folder = folder(file);
        let place = |folder: &str| ORDER.iter().position(|name| *name == folder);
        let own =
            place(folder).unwrap_or_else(|| panic!("{} is in no folder of the table", file.name));
        for path in file.crate_paths() {
            let first = path.split("::").next().unwrap_or_default();
            assert!(
                place(first).is_some_and(|place| place >= own),
                "{} names {path}",
                file.name
            );
            named += 1;
        }
    }
    assert!(
        named > 50,
        "only {named} paths found: the reader of the source is broken"
    );
}

/// Files that import each other, directly or by way of others, as sorted lists of names.
fn circles(files: &[File]) -> Vec<Vec<&str>> {
    let mut reaches: Vec<Vec<bool>> = files
        .iter()
        .map(|file| {
            let mut row = vec![false; files.len()];
            file.imports(files)
                .into_iter()
                .for_each(|to| row[to] = true);
            row
        })
        .collect();
    for way in 0..files.len() {
        let onward = reaches[way].clone();
        for row in &mut reaches {
            if row[way] {
                row.iter_mut().zip(&onward).for_each(|(to, on)| *to |= on);
            }
        }
    }
    let mut circles: Vec<Vec<&str>> = Vec::new();
    for (from, row) in reaches.iter().enumerate() {
        let circle = (0..files.len()).filter(|&to| to != from && row[to] && reaches[to][from]);
        let mut names: Vec<&str> = circle.chain([from]).map(|of| &*files[of].name).collect();
        names.sort_unstable();
        if names.len() > 1 && !circles.contains(&names) {
            circles.push(names);
        }
    }
    circles
}

#[test]
fn imports_run_one_way() {
    let files: Vec<File> = files()
        .into_iter()
        .filter(|file| !matches!(&*file.name, "lib.rs" | "main.rs"))
        .collect();
    let edges: usize = files.iter().map(|file| file.imports(&files).len()).sum();
    assert!(
        edges > 200,
        "only {edges} imports found: the reader of the source is broken"
    );
    let circles = circles(&files);
    assert!(circles.is_empty(), "these import each other: {circles:#?}");
}

#[test]
fn every_folder_is_there() {
    let files = files();
    for name in ORDER {
        assert!(files.iter().any(|file| folder(file) == *name), "{name}");
    }
}

/// Nobody would run them: `test = false` in Cargo.toml.
#[test]
fn the_source_has_no_tests_of_its_own() {
    for file in files() {
        let tests = ["#[test]", "cfg(test)"];
        let found = tests.iter().find(|test| file.code.contains(**test));
        assert_eq!(found, None, "in {}: tests are in tests/", file.name);
    }
}

#[test]
fn pure_folders_touch_nothing() {
    for file in files() {
        let pure = matches!(
            folder(&file),
            "http"
                | "subscription"
                | "response"
                | "connection"
                | "dialect"
                | "action"
                | "intent"
                | "resource"
                | "receipt"
                | "readiness"
                | "time"
                | "limits"
        );
        for name in IMPURE.iter().filter(|_| pure) {
            assert!(!words(&file.code, name), "{} names {name}", file.name);
        }
        // Conversion is all that a pure folder does with the wall clock's type.
        if pure && file.name != "http/date.rs" {
            assert!(
                !words(&file.code, "SystemTime"),
                "{} names SystemTime",
                file.name
            );
        }
    }
}

#[test]
fn unsafe_stands_in_two_files() {
    for file in files() {
        let expected = UNSAFE.contains(&file.name.as_str());
        assert_eq!(words(&file.code, "unsafe"), expected, "{}", file.name);
    }
    let lib = files()
        .into_iter()
        .find(|file| file.name == "lib.rs")
        .unwrap();
    assert!(lib.code.contains("#![deny(unsafe_code)]"));
}

#[test]
fn files_and_functions_are_short() {
    let mut count = 0;
    for file in files() {
        let lines = file.code.lines().count();
        assert!(lines <= FILE_LINES, "{} has {lines} lines", file.name);
        for (name, lines) in functions(&file.code) {
            assert!(
                lines <= FUNCTION_LINES,
                "{name} in {} has {lines} lines",
                file.name
            );
            count += 1;
        }
    }
    assert!(
        count > 200,
        "only {count} functions found: the reader of the source is broken"
    );
}

#[test]
fn every_dependency_says_why() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    // In an unpacked crate, Cargo.toml is cargo's, which leaves comments out.
    let original = fs::read_to_string(here.join("Cargo.toml.orig"));
    let manifest =
        original.unwrap_or_else(|_| fs::read_to_string(here.join("Cargo.toml")).unwrap());
    let mut section = "";
    let mut before = "";
    let mut count = 0;
    for line in manifest.lines() {
        if line.starts_with('[') {
            section = line;
        } else if section.ends_with("dependencies]") && line.contains('=') && !line.starts_with('#')
        {
            assert!(before.starts_with("# "), "no reason above {line}");
            count += 1;
        }
        before = line;
    }
    assert!(count >= 10, "only {count} dependencies found");
}
