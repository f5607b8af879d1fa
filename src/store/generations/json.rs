//! The generations of a name in JSON.

use std::fmt::Write;

use super::families::split;
use super::family::{Series, kinship};
use super::order::{Chain, Generation, Member};
use crate::http::target::{Path, encode};

/// The generations of a name in JSON, oldest first.
#[must_use]
pub fn list(path: &Path, chain: &Chain) -> Vec<u8> {
    let mut json = String::new();
    // Writing to a String cannot fail.
    let _ = write!(json, "{{\"path\":\"{path}\",\"generations\":[");
    for (index, generation) in chain.0.iter().enumerate() {
        json.push_str(if index == 0 { "\n" } else { ",\n" });
        write_generation(&mut json, generation, path.last());
    }
    json.push_str("\n]}\n");
    json.into_bytes()
}

fn write_generation(json: &mut String, generation: &Generation, base: &[u8]) {
    let member = &generation.member;
    let (path, size, tag) = (encode(&member.path), member.size, member.etag.0);
    let _ = write!(
        json,
        "{{\"etag\":\"W/\\\"{tag:016x}\\\"\",\"path\":\"/{path}\",\"size\":{size},\"mtime\":{},\"sealed\":{},\
         \"compressed\":",
        member.modified.0, member.sealed
    );
    let _ = match member.compression() {
        Some(compression) => write!(json, "\"{}\"", compression.word()),
        None => json.write_str("null"),
    };
    let _ = write!(json, ",\"current\":{}", member.current);
    if let Some(original) = &generation.original {
        let (tag, size) = (original.etag.0, original.size);
        let _ = write!(
            json,
            ",\"original\":{{\"etag\":\"W/\\\"{tag:016x}\\\"\",\"size\":{size}}}"
        );
    }
    if let Some(rolls) = rolls_to_be(member, base) {
        let _ = write!(json, ",\"rolls\":{rolls}");
    }
    json.push('}');
}

/// The number that a file is about to get from a mirror that has not finished a roll; its name does not tell it yet.
fn rolls_to_be(member: &Member, base: &[u8]) -> Option<u32> {
    let (_, name) = split(&member.path);
    match member.kinship {
        Some(to_be) if kinship(name, base) != member.kinship => match to_be.series {
            Series::Number(number) => Some(number),
            Series::Date(_) => None,
        },
        _ => None,
    }
}
