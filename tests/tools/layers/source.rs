//! A reader of Rust source that knows comments, strings and braces, and no more.

use std::fs;
use std::path::Path;

/// A file of `src`.
pub struct File {
    /// Below `src`.
    pub name: String,
    /// Without comments and the insides of literals, line for line.
    pub code: String,
}

pub fn files() -> Vec<File> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    let mut directories = vec![src.clone()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path
                    .strip_prefix(&src)
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .to_owned();
                let code = plain(&fs::read_to_string(&path).unwrap());
                files.push(File { name, code });
            }
        }
    }
    assert!(files.len() > 20, "only {} files", files.len());
    files
}

/// Whether `path` stands somewhere as whole words.
pub fn words(code: &str, path: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    code.match_indices(path).any(|(at, _)| {
        let (before, after) = (
            code[..at].bytes().next_back(),
            code[at + path.len()..].bytes().next(),
        );
        !before.is_some_and(word) && !after.is_some_and(word)
    })
}

/// Name and length in lines, signature included, of every function with a body.
pub fn functions(code: &str) -> Vec<(String, usize)> {
    let mut functions = Vec::new();
    for (at, _) in code.match_indices("fn ") {
        let own_word = !code[..at].ends_with(|byte: char| byte.is_alphanumeric() || byte == '_');
        let Some(body) = body(&code[at..]).filter(|_| own_word) else {
            continue;
        };
        let name = code[at + 3..].split(['(', '<']).next().unwrap_or_default();
        let end = block(&code[at + body..]);
        functions.push((name.to_owned(), code[at..at + body + end].lines().count()));
    }
    functions
}

/// Where the body of a function begins; a declaration has none. The semicolon of an array type is not its end.
fn body(code: &str) -> Option<usize> {
    let mut depth = 0;
    for (at, byte) in code.bytes().enumerate() {
        match byte {
            b'[' | b'(' => depth += 1,
            b']' | b')' => depth -= 1,
            b'{' if depth == 0 => return Some(at),
            b';' if depth == 0 => return None,
            _ => {}
        }
    }
    None
}

/// The length of the block that begins with the first brace.
fn block(code: &str) -> usize {
    let mut depth = 0;
    for (at, byte) in code.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' if depth == 1 => return at + 1,
            b'}' => depth -= 1,
            _ => {}
        }
    }
    panic!("a block without an end")
}

impl File {
    /// What is named of this crate, from its root: behind `crate::`, `openrange::` (in `main`) and `super::`.
    pub fn crate_paths(&self) -> Vec<String> {
        let mut paths = Vec::new();
        for (root, prefix) in [
            ("crate", String::new()),
            ("openrange", String::new()),
            ("super", self.parent()),
        ] {
            let start = format!("{root}::");
            for (at, _) in self.code.match_indices(&start) {
                if self.code[..at]
                    .ends_with(|byte: char| byte.is_alphanumeric() || byte == '_' || byte == ':')
                {
                    continue;
                }
                expand(&prefix, &self.code[at + start.len()..], &mut paths);
            }
        }
        paths
    }

    /// What is named of the modules that this file declares: behind `child::`.
    fn child_paths(&self) -> Vec<String> {
        let mut paths = Vec::new();
        let own = self.module();
        for declaration in self.code.split("mod ").skip(1) {
            let Some((child, _)) = declaration.split_once(';') else {
                continue;
            };
            if child
                .bytes()
                .any(|byte| !byte.is_ascii_alphanumeric() && byte != b'_')
            {
                continue;
            }
            let start = format!("{child}::");
            for (at, _) in self.code.match_indices(&start) {
                let before = &self.code[..at];
                let in_path = before
                    .ends_with(|byte: char| byte.is_alphanumeric() || byte == '_' || byte == ':');
                if !in_path {
                    paths.push(format!("{own}{child}"));
                }
            }
        }
        paths
    }

    /// The files of these, by their indices, of which this one names something.
    pub fn imports(&self, files: &[File]) -> Vec<usize> {
        let paths = self.crate_paths().into_iter().chain(self.child_paths());
        let file_of = |path: String| {
            let mut path = path.as_str();
            loop {
                let file = path.replace("::", "/");
                let names = [format!("{file}.rs"), format!("{file}/mod.rs")];
                let found = files.iter().position(|file| names.contains(&file.name));
                match (found, path.rsplit_once("::")) {
                    (Some(found), _) => return Some(found),
                    (None, Some((above, _))) => path = above,
                    (None, None) => return None,
                }
            }
        };
        paths.filter_map(file_of).collect()
    }

    /// The module of this file, with a final `::`, or nothing at the root.
    fn module(&self) -> String {
        let module = self.name.strip_suffix("/mod.rs").unwrap_or(&self.name);
        match module.strip_suffix(".rs").unwrap_or(module) {
            "lib" | "main" => String::new(),
            module => format!("{}::", module.replace('/', "::")),
        }
    }

    /// The module above this file's, with a final `::`, or nothing at the root.
    fn parent(&self) -> String {
        let module = self.name.strip_suffix("/mod.rs").unwrap_or(&self.name);
        let above = module.rfind('/').map_or("", |slash| &module[..slash]);
        match above {
            "" => String::new(),
            above => format!("{}::", above.replace('/', "::")),
        }
    }
}

/// The paths of `a::b`, `{a, b::{c, d}}` and the like at the beginning of `text`, each behind `prefix`. Gives how much
/// of the text they took.
fn expand(prefix: &str, text: &str, paths: &mut Vec<String>) -> usize {
    if let Some(group) = text.strip_prefix('{') {
        let mut at = 1;
        while !text[at..].starts_with('}') {
            let blank = text[at..].len() - text[at..].trim_start_matches([',', ' ', '\n']).len();
            at += blank;
            if !text[at..].starts_with('}') {
                at += expand(prefix, &text[at..], paths);
            }
            assert!(at <= group.len(), "a group without an end: {text}");
        }
        return at + 1;
    }
    let name = text
        .find(|byte: char| !byte.is_alphanumeric() && byte != '_')
        .unwrap_or(text.len());
    let (path, rest) = (format!("{prefix}{}", &text[..name]), &text[name..]);
    assert!(
        name > 0 && !path.ends_with("super"),
        "a path that is not understood: {prefix}{text:.40}"
    );
    match rest.strip_prefix("::") {
        Some(below) if !below.starts_with(['<', '*']) => {
            name + 2 + expand(&format!("{path}::"), below, paths)
        }
        _ => {
            paths.push(path);
            name
        }
    }
}

/// The source with blanks for comments and for what stands inside of literals.
fn plain(source: &str) -> String {
    let mut code = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let skipped = skipped(rest, code.chars().next_back());
        if skipped == 0 {
            code.push(first);
            rest = &rest[first.len_utf8()..];
        } else {
            let lines = rest[..skipped].chars().filter(|&byte| byte == '\n');
            code.push(' ');
            code.extend(lines);
            rest = &rest[skipped..];
        }
    }
    code
}

/// How many bytes at the beginning of `text` are a comment or a literal of text.
fn skipped(text: &str, before: Option<char>) -> usize {
    let in_word = before.is_some_and(|before| before.is_alphanumeric() || before == '_');
    if text.starts_with("//") {
        return text.find('\n').unwrap_or(text.len());
    }
    if text.starts_with("/*") {
        return text.find("*/").expect("the end of a comment") + 2;
    }
    if text.starts_with('"') {
        return quoted(text, '"');
    }
    if !in_word && (text.starts_with("r\"") || text.starts_with("br\"")) {
        let open = text.find('"').unwrap() + 1;
        return open + text[open..].find('"').unwrap() + 1;
    }
    // A character, not a lifetime.
    let mut chars = text.chars();
    if chars.next() == Some('\'') && (chars.next() == Some('\\') || chars.next() == Some('\'')) {
        return quoted(text, '\'');
    }
    0
}

/// The length of a literal that begins and ends with this quote.
fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, byte) in text.char_indices().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            byte if byte == quote => return at + 1,
            _ => {}
        }
    }
    panic!("a literal without an end")
}
