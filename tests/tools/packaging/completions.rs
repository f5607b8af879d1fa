//! The completions offer the options of `--help` and no others, and the shells can read them.

use std::collections::{BTreeMap, BTreeSet};

use super::options;
use super::{path, read, run};

const BASH: &str = "packaging/completions/openrange.bash";
const ZSH: &str = "packaging/completions/_openrange";
const FISH: &str = "packaging/completions/openrange.fish";

fn assert_options(file: &str, offered: &BTreeMap<String, bool>) {
    let help = options::names(&options::of_help());
    assert_eq!(&help, offered, "left: --help, right: {file}");
}

/// What bash offers for the last of these words.
fn bash(words: &[&str]) -> Option<BTreeSet<String>> {
    let script = "source \"$1\"; shift; COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); _openrange; \
                  printf '%s\\n' \"${COMPREPLY[@]}\"";
    let file = path(BASH).display().to_string();
    let arguments = [&["-c", script, "bash", &file, "openrange"], words].concat();
    let (succeeded, said) = run("bash", &arguments)?;
    assert!(succeeded, "{said}");
    let offered = said.lines().filter(|line| !line.is_empty());
    Some(offered.map(str::to_string).collect())
}

#[test]
fn bash_offers_the_options_of_the_program() {
    let Some(offered) = bash(&["-"]) else {
        return;
    };
    // An option that takes an argument is one after which no options are offered.
    let takes = |name: &String| bash(&[name, "-"]).expect("bash").is_empty();
    let offered = offered.into_iter().map(|name| (name.clone(), takes(&name)));
    assert_options(BASH, &offered.collect());
    assert_eq!(
        bash(&["--he"]),
        Some(["--header-timeout", "--help"].map(str::to_string).into())
    );
    assert!(bash(&["--user", "roo"]).expect("bash").contains("root"));
}

/// Reads `'*--listen=[text]:what: '` and `'(- :)-h[text]'`.
#[test]
fn zsh_offers_the_options_of_the_program() {
    let mut offered = BTreeMap::new();
    for line in read(ZSH).lines() {
        let Some(specification) = line.trim().strip_prefix('\'') else {
            continue;
        };
        let (head, _) = specification.split_once('[').unwrap_or_default();
        let name = head.trim_start_matches("(- :)").trim_start_matches('*');
        if name.starts_with('-') {
            let takes = name.ends_with('=');
            offered.insert(name.trim_end_matches('=').to_string(), takes);
        }
    }
    assert_options(ZSH, &offered);
    if let Some((readable, said)) = run("zsh", &["-n", &path(ZSH).display().to_string()]) {
        assert!(readable, "{said}");
    }
}

/// Reads `complete -c openrange -x -l listen`: -x tells of an argument.
#[test]
fn fish_offers_the_options_of_the_program() {
    let mut offered = BTreeMap::new();
    for line in read(FISH).lines() {
        let (head, _) = line.split_once(" -d ").unwrap_or_default();
        let words: Vec<&str> = head.split(' ').collect();
        let takes = words.contains(&"-x") || words.contains(&"-r");
        for pair in words.windows(2) {
            match pair[0] {
                "-l" => offered.insert(format!("--{}", pair[1]), takes),
                "-s" => offered.insert(format!("-{}", pair[1]), takes),
                _ => None,
            };
        }
    }
    assert_options(FISH, &offered);
}

#[test]
fn fish_completes_as_it_was_told() {
    let script = format!(
        "source {}; complete -C 'openrange --'",
        path(FISH).display()
    );
    let Some((succeeded, said)) = run("fish", &["--no-config", "-c", &script]) else {
        return;
    };
    assert!(succeeded, "{said}");
    let offered = said.lines().filter_map(|line| line.split('\t').next());
    let offered: BTreeSet<String> = offered.map(str::to_string).collect();
    let help = options::of_help().into_keys();
    let long: BTreeSet<String> = help.filter(|name| name.starts_with("--")).collect();
    assert_eq!(long, offered);
}
