//! The Debian package, where `cargo deb` has made one.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::{path, read, run};
use crate::support::directory::TempDir;
use crate::support::machine::skip;

/// The package of this version, if it is younger than what it is made of.
fn package() -> Option<PathBuf> {
    let prefix = concat!("openrange_", env!("CARGO_PKG_VERSION"), "-");
    let entries = fs::read_dir(path("target/debian")).ok()?.flatten();
    let package = entries.map(|entry| entry.path()).find(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with(prefix) && name.ends_with(".deb")
    })?;
    let modified = |path: &Path| -> Option<SystemTime> { path.metadata().ok()?.modified().ok() };
    let made = modified(&package)?;
    let sources = sources().into_iter().map(|(source, _)| path(&source));
    let sources = sources.filter(|source| !source.ends_with("target/release/openrange"));
    let fresh = sources
        .chain([path("Cargo.toml")])
        .all(|source| modified(&source) <= Some(made));
    fresh.then_some(package)
}

/// The assets of the manifest: where from, where to.
fn sources() -> Vec<(String, String)> {
    // In an unpacked crate, Cargo.toml is cargo's.
    let original = path("Cargo.toml.orig").exists();
    let manifest = read(if original {
        "Cargo.toml.orig"
    } else {
        "Cargo.toml"
    });
    let (_, assets) = manifest.split_once("\nassets = [\n").expect("assets");
    let (assets, _) = assets.split_once("\n]").expect("their end");
    let pairs = assets.lines().map(|line| {
        let mut strings = line.split('"').skip(1).step_by(2).map(str::to_string);
        let from = strings.next().expect("a source");
        let mut to = strings.next().expect("a destination");
        if to.ends_with('/') {
            to += from.rsplit('/').next().expect("a name");
        }
        (from, to)
    });
    pairs.flat_map(expanded).collect()
}

/// The files that a source with an asterisk for the beginning of their names stands for.
fn expanded((from, to): (String, String)) -> Vec<(String, String)> {
    let Some((directory, ending)) = from.split_once('*') else {
        return vec![(from, to)];
    };
    let entries = fs::read_dir(path(directory)).expect("a directory");
    let names = entries.map(|entry| entry.expect("an entry").file_name());
    let names = names.map(|name| name.into_string().expect("text"));
    let into = to.rsplit_once('/').expect("a directory").0;
    let pairs = names
        .filter(|name| name.ends_with(ending))
        .map(|name| (format!("{directory}{name}"), format!("{into}/{name}")));
    pairs.collect()
}

#[test]
fn everything_that_a_package_needs_is_there() {
    let sources = sources();
    assert!(sources.len() >= 8, "{sources:?}");
    for (from, _) in sources {
        assert!(
            from.starts_with("target/") || path(&from).exists(),
            "no {from}"
        );
    }
}

#[test]
fn the_package_has_it_where_it_belongs() {
    let Some(package) = package() else {
        skip("no fresh package; cargo deb makes it");
        return;
    };
    let package = package.display().to_string();
    let (contents, control) = (TempDir::new(), TempDir::new());
    let unpack = |how, to: &TempDir| {
        let to = to.path().display().to_string();
        run("dpkg-deb", &[how, &package, &to])
    };
    if unpack("-x", &contents).is_none() {
        return;
    }
    unpack("-e", &control);
    for (from, to) in sources() {
        let there = contents.join(&to).exists() || contents.join(format!("{to}.gz")).exists();
        assert!(there, "{from} is not at {to}");
    }
    for unit in ["openrange.service", "openrange.socket"] {
        let there = contents.join("usr/lib/systemd/system").join(unit);
        let there = fs::read_to_string(there).expect("a unit");
        assert_eq!(there, read(&format!("packaging/systemd/{unit}")));
    }
    let kept = fs::read_to_string(control.join("conffiles")).expect("conffiles");
    assert_eq!(kept, "/etc/default/openrange\n");
    for script in ["postinst", "prerm", "postrm"] {
        let script = control.join(script).display().to_string();
        assert_eq!(
            run("sh", &["-n", &script]).expect("sh"),
            (true, String::new())
        );
        // Nobody has said yet what is to be served.
        let text = fs::read_to_string(&script).expect("a script");
        assert!(!text.contains("deb-systemd-invoke start"), "{text}");
    }
    let binary = contents.join("usr/bin/openrange").display().to_string();
    let version = concat!("openrange ", env!("CARGO_PKG_VERSION"), "\n");
    assert_eq!(
        run(&binary, &["--version"]).expect("it runs"),
        (true, version.into())
    );
}
