//! The init script of OpenWrt, with procd's and UCI's functions as far as it uses them.

use std::ffi::OsString;

use openrange::cli::{Command, parse};

use super::{path, run};
use crate::support::directory::TempDir;

/// Reads a configuration file like UCI does, one section, and prints the words of the command line.
const SHELL: &str = r#"
script=$1 config=$2
config_load() { [ "$1" = openrange ]; }
values() { sed -n "s/^[[:space:]]*$1 $2 '\(.*\)'$/\1/p" "$config"; }
config_foreach() { for section in $(sed -n "s/^config $2 '\(.*\)'$/\1/p" "$config"); do $1 "$section"; done; }
config_get() { eval "$1=\$(values option $3); [ -n \"\$$1\" ] || $1=\$4"; }
config_get_bool() { config_get "$@"; }
config_list_foreach() {
    list=$2 function=$3
    shift 3
    values list "$list" >"$config.$list"
    while read -r value; do "$function" "$value" "$@"; done <"$config.$list"
}
procd_open_instance() { echo "instance $1"; }
procd_set_param() { echo "$*"; }
procd_append_param() { shift; for word; do echo "command $word"; done; }
procd_close_instance() { echo end; }
procd_add_reload_trigger() { echo "trigger $1"; }
. "$script"
start_service
service_triggers
"#;

fn start(config: &str) -> String {
    let directory = TempDir::new();
    let file = directory.join("config");
    std::fs::write(&file, config).expect("write");
    let script = path("packaging/openwrt/openrange.init");
    let (script, file) = (script.display().to_string(), file.display().to_string());
    let outcome = run("sh", &["-euc", SHELL, "sh", &script, &file]);
    let (succeeded, said) = outcome.expect("every system has sh");
    assert!(succeeded, "{said}");
    said
}

#[test]
fn the_configuration_becomes_a_command_line() {
    let config = super::read("packaging/openwrt/openrange.config");
    let said = start(&config.replace("enabled '0'", "enabled '1'"));
    let words: Vec<&str> = said
        .lines()
        .filter_map(|line| line.strip_prefix("command "))
        .collect();
    let expected = "/usr/bin/openrange --listen 127.0.0.1:8080 --threads=1 /var/log/app";
    assert_eq!(words.join(" "), expected);
    assert!(said.starts_with("instance main\n"), "{said}");
    for line in ["user nobody", "respawn", "end", "trigger openrange"] {
        assert!(said.lines().any(|said| said == line), "no {line} in {said}");
    }
    let parsed = parse(words[1..].iter().map(OsString::from)).expect("good options");
    assert!(matches!(parsed, Command::Serve(_)), "{parsed:?}");
}

#[test]
fn nothing_starts_before_it_is_enabled() {
    let said = start(&super::read("packaging/openwrt/openrange.config"));
    assert_eq!(said, "trigger openrange\n");
}

#[test]
fn it_listens_wherever_it_is_told() {
    let said = start(
        "config openrange 'two'\n\toption enabled '1'\n\toption root '/a b'\n\tlist listen '[::1]:1'\n\tlist listen 'unix:/s'\n",
    );
    let words =
        "command --listen\ncommand [::1]:1\ncommand --listen\ncommand unix:/s\ncommand /a b\n";
    assert!(said.contains(words), "{said}");
}
