//! The options as the program's own tables have them.

use std::collections::BTreeMap;

use openrange::cli::{self, Page};

/// One option.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What it takes: `ADDR`, `SECONDS` ...
    pub argument: Option<String>,
    /// Its text, on one line.
    pub text: String,
}

/// By name: `-h` and `--help` are two.
pub type Options = BTreeMap<String, Entry>;

/// The names, and whether each takes an argument: all that a completion knows.
pub fn names(options: &Options) -> BTreeMap<String, bool> {
    options
        .iter()
        .map(|(name, entry)| (name.clone(), entry.argument.is_some()))
        .collect()
}

/// Of each command, by its name; that of the server is empty.
pub fn of_program() -> BTreeMap<&'static str, Options> {
    let pages = cli::pages();
    let commands: BTreeMap<_, _> = pages.iter().map(|page| (page.command, of(page))).collect();
    assert_eq!(commands.len(), pages.len(), "two commands of one name");
    assert!(commands[""].len() >= 13, "only {commands:#?}");
    commands
}

fn of(page: &Page) -> Options {
    let mut options = Options::new();
    for row in &page.options {
        let entry = Entry {
            argument: row.value.map(str::to_owned),
            text: super::squeezed(row.text),
        };
        let short = row.short.map(|letter| format!("-{letter}"));
        for name in short.into_iter().chain([format!("--{}", row.long)]) {
            let known = options.insert(name, entry.clone());
            assert_eq!(known, None, "--{} is there twice", row.long);
        }
    }
    options
}

/// What stands in the parentheses `(default: ...)`.
pub fn default_of(entry: &Entry) -> Option<&str> {
    let (_, rest) = entry.text.split_once("(default: ")?;
    Some(rest.split_once(')').expect("a closed parenthesis").0)
}
