//! `packaging/`: what stands there says the same as the program does. The program's own word is `--help`.

mod completions;
mod debian;
mod files;
mod manual;
mod options;
mod procd;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Path of a file of the project.
fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// Text of a file of the project.
fn read(name: &str) -> String {
    fs::read_to_string(path(name)).unwrap_or_else(|why| panic!("{name}: {why}"))
}

/// What a program says (stdout, then stderr) and whether it succeeds; `None` where it is not installed.
fn run(program: &str, arguments: &[&str]) -> Option<(bool, String)> {
    let mut command = Command::new(program);
    command.args(arguments).env("LC_ALL", "C.UTF-8");
    let Ok(output) = command.output() else {
        crate::support::machine::skip(&format!("no {program} here"));
        return None;
    };
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    Some((output.status.success(), said))
}

/// Text with every run of blanks and line ends as one blank.
fn squeezed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
