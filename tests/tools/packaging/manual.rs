//! The man page: its options are those of `--help`, and it is clean to those who print it.

use super::options::{self, Entry, Options};
use super::{read, run, squeezed};

const PAGE: &str = "packaging/openrange.1";

/// Reads the list of options of a command: `.It Fl Fl listen Ar ADDR` and `.It Fl h , Fl Fl help` (mdoc(7): `Fl` is a
/// dash). That of the server is the section OPTIONS, that of `openrange NAME` the subsection of that title.
fn of_page(page: &str, command: &str) -> Options {
    let mut options = Options::new();
    let title = match command {
        "" => "\n.Sh OPTIONS\n".to_owned(),
        _ => format!("\n.Ss openrange {command}\n"),
    };
    let (_, section) = page
        .split_once(&title)
        .unwrap_or_else(|| panic!("no {title:?} in {PAGE}"));
    let ends = ["\n.Sh ", "\n.Ss "];
    let end = ends.iter().filter_map(|title| section.find(title)).min();
    let section = &section[..end.unwrap_or(section.len())];
    for item in section.split(".It ").skip(1) {
        let (head, text) = item.split_once('\n').expect("a text below");
        let (names, argument) = match head.split_once(" Ar ") {
            Some((names, argument)) => (names, Some(argument.to_string())),
            None => (head, None),
        };
        let words = text.lines().filter(|line| !line.starts_with(".El"));
        let text = squeezed(&words.collect::<Vec<_>>().join(" "));
        for name in names.split(" , ") {
            let name = name.replace("Fl ", "-");
            let argument = argument.clone();
            let text = text.clone();
            let known = options.insert(name, Entry { argument, text });
            assert_eq!(known, None, "{head} is there twice");
        }
    }
    options
}

#[test]
fn the_man_page_has_the_options_of_the_program() {
    let text = read(PAGE);
    for (command, table) in options::of_program() {
        let page = of_page(&text, command);
        assert_eq!(
            table.keys().collect::<Vec<_>>(),
            page.keys().collect::<Vec<_>>(),
            "left: the table of openrange {command}, right: {PAGE}"
        );
        for (name, entry) in &table {
            assert_eq!(entry.argument, page[name].argument, "{name} in {PAGE}");
            let default = |entry| options::default_of(entry).map(str::to_string);
            assert_eq!(default(entry), default(&page[name]), "{name} in {PAGE}");
        }
    }
}

#[test]
fn the_man_page_is_clean() {
    let page = super::path(PAGE).display().to_string();
    if let Some((clean, said)) = run("mandoc", &["-T", "lint", "-W", "warning", &page]) {
        assert!(clean, "{said}");
    }
    if let Some((clean, said)) = run("man", &["--warnings=w", "-E", "UTF-8", "-l", &page]) {
        assert!(
            clean && said.contains("--max-connections-per-address N"),
            "{said}"
        );
        assert!(!said.contains("warning"), "{said}");
    }
}

#[test]
fn the_man_page_is_of_this_version() {
    let line = concat!(".Os openrange ", env!("CARGO_PKG_VERSION"), "\n");
    assert!(read(PAGE).contains(line), "no {line}");
}
