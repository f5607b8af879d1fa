//! The options as `--help` lists them.

use std::collections::BTreeMap;

use openrange::cli::USAGE;

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

/// Reads the usage text. An option begins a line after two blanks; its text begins after two more, or on the next line.
pub fn of_help() -> Options {
    let mut options = Options::new();
    let mut current = Vec::new();
    for line in USAGE.lines().skip_while(|line| *line != "Options:").skip(1) {
        let Some(line) = line.strip_prefix("  ") else {
            break;
        };
        let text = if line.starts_with('-') {
            let (head, text) = line.split_once("  ").unwrap_or((line, ""));
            let (names, entry) = head_of(head);
            for name in &names {
                options.insert(name.clone(), entry.clone());
            }
            current = names;
            text
        } else {
            line
        };
        for name in &current {
            let entry = options.get_mut(name).expect("inserted above");
            entry.text = super::squeezed(&format!("{} {text}", entry.text));
        }
    }
    assert!(options.len() >= 13, "only {options:#?} were read");
    options
}

/// `-h, --help` or `--listen ADDR`
fn head_of(head: &str) -> (Vec<String>, Entry) {
    let mut names = Vec::new();
    let mut entry = Entry::default();
    for word in head.split([' ', ',']).filter(|word| !word.is_empty()) {
        if word.starts_with('-') {
            names.push(word.to_string());
        } else {
            entry.argument = Some(word.to_string());
        }
    }
    (names, entry)
}

/// What stands in the parentheses `(default: ...)`.
pub fn default_of(entry: &Entry) -> Option<&str> {
    let (_, rest) = entry.text.split_once("(default: ")?;
    Some(rest.split_once(')').expect("a closed parenthesis").0)
}
