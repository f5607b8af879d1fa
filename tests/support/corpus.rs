//! The inputs of the fuzz targets: those that people wrote and those that fuzzing has found.

use std::fs;
use std::path::{Path, PathBuf};

/// Gives every file of the target's corpus to its check. The name of the file is printed with a failure.
pub fn replay(target: &str, check: impl Fn(&[u8])) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/corpus")
        .join(target);
    let entries =
        fs::read_dir(&directory).unwrap_or_else(|why| panic!("{}: {why}", directory.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(
        paths.len() >= 8,
        "only {} files in {}",
        paths.len(),
        directory.display()
    );
    for path in paths {
        println!("{}", path.display());
        check(&fs::read(&path).unwrap());
    }
}
