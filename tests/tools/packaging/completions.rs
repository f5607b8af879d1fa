//! The completions offer the options of each command and no others, and the shells can read them.

use std::collections::{BTreeMap, BTreeSet};

use super::options;
use super::{path, read, run};

const BASH: &str = "packaging/completions/openrange.bash";
const ZSH: &str = "packaging/completions/_openrange";
const FISH: &str = "packaging/completions/openrange.fish";

fn assert_options(file: &str, command: &str, offered: &BTreeMap<String, bool>) {
    let table = options::names(&options::of_program()[command]);
    assert_eq!(
        &table, offered,
        "left: the table of openrange {command}, right: {file}"
    );
}

/// The names of the commands; that of the server is empty.
fn commands() -> impl Iterator<Item = &'static str> {
    options::of_program().into_keys()
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
    for command in commands() {
        let command: &[&str] = if command.is_empty() { &[] } else { &[command] };
        let Some(offered) = bash(&[command, &["-"]].concat()) else {
            return;
        };
        // An option that takes an argument is one after which no options are offered.
        let takes = |name: &str| {
            let offered = bash(&[command, &[name, "-"]].concat());
            offered.expect("bash").is_empty()
        };
        let offered = offered.into_iter().map(|name| (name.clone(), takes(&name)));
        assert_options(BASH, &command.concat(), &offered.collect());
    }
    assert_eq!(
        bash(&["--he"]),
        Some(["--header-timeout", "--help"].map(str::to_string).into())
    );
    assert!(bash(&["--user", "roo"]).expect("bash").contains("root"));
}

/// Reads `'*--listen=[text]:what: '`, `'-j+[text]:what: '` and `'(- :)-h[text]'`; what is behind the line `NAME)` is of `openrange NAME`.
#[test]
fn zsh_offers_the_options_of_the_program() {
    let mut offered: BTreeMap<String, BTreeMap<String, bool>> = BTreeMap::new();
    let mut command = String::new();
    for line in read(ZSH).lines() {
        if let Some(name) = line.trim().strip_suffix(')')
            && commands().any(|command| command == name)
        {
            command = name.to_owned();
        }
        if line.trim() == "*)" {
            command.clear();
        }
        let Some(specification) = line.trim().strip_prefix('\'') else {
            continue;
        };
        let (head, _) = specification.split_once('[').unwrap_or_default();
        let name = head.trim_start_matches("(- :)").trim_start_matches('*');
        if name.starts_with('-') {
            let takes = name.ends_with(['=', '+']);
            let offered = offered.entry(command.clone()).or_default();
            offered.insert(name.trim_end_matches(['=', '+']).to_string(), takes);
        }
    }
    for command in commands() {
        assert_options(ZSH, command, &offered[command]);
    }
    if let Some((readable, said)) = run("zsh", &["-n", &path(ZSH).display().to_string()]) {
        assert!(readable, "{said}");
    }
}

/// Reads `complete -c openrange -x -l listen`: -x tells of an argument. With `-n '__fish_seen_subcommand_from NAME'` it is
/// an option of `openrange NAME`.
#[test]
fn fish_offers_the_options_of_the_program() {
    let mut offered: BTreeMap<&str, BTreeMap<String, bool>> = BTreeMap::new();
    for line in read(FISH).lines() {
        let seen = |command: &&str| {
            !command.is_empty()
                && line.contains(&format!("-n '__fish_seen_subcommand_from {command}'"))
        };
        let offered = offered.entry(commands().find(seen).unwrap_or_default());
        let offered = offered.or_default();
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
    for command in commands() {
        assert_options(FISH, command, &offered[command]);
    }
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
    let names = options::of_program()[""].clone().into_keys();
    let long: BTreeSet<String> = names.filter(|name| name.starts_with("--")).collect();
    assert_eq!(long, offered);
}
