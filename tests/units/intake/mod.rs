//! `intake`: the option, and lines in what comes in pieces.

use openrange::intake::Intake;
use openrange::intake::framing::Line;
use openrange::limits::INTAKE_LINE_MAX;

use crate::support::random::Random;

/// What a sender's bytes become, all at once: lines of at most so many bytes.
fn naive(bytes: &[u8]) -> (Vec<u8>, u64) {
    let (mut out, mut cuts) = (Vec::new(), 0);
    let mut lines: Vec<&[u8]> = bytes.split(|&byte| byte == b'\n').collect();
    if lines.last().is_some_and(|line| line.is_empty()) {
        lines.pop();
    }
    for line in lines {
        let mut pieces: Vec<&[u8]> = line.chunks(INTAKE_LINE_MAX).collect();
        if pieces.is_empty() {
            pieces.push(b"");
        }
        cuts += pieces.len() as u64 - 1;
        for piece in pieces {
            out.extend_from_slice(piece);
            out.push(b'\n');
        }
    }
    (out, cuts)
}

#[test]
fn lines_are_the_same_in_whatever_pieces_they_come() {
    for seed in 1..=300 {
        let mut random = Random::new(seed);
        let mut bytes = Vec::new();
        for _ in 0..random.below(8) {
            let length = match random.below(4) {
                // Around the longest, and around twice that.
                0 => INTAKE_LINE_MAX as u64 - 1 + random.below(3),
                1 => 2 * INTAKE_LINE_MAX as u64 - 1 + random.below(3),
                _ => random.below(5),
            };
            bytes.resize(bytes.len() + usize::try_from(length).expect("small"), b'x');
            bytes.push(b'\n');
        }
        if random.below(2) == 0 {
            bytes.pop();
        }
        let (mut line, mut out, mut cuts) = (Line::default(), Vec::new(), 0);
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let most = [1 + random.below(3), 1 + random.below(100_000)];
            let length = most[usize::from(random.below(8) > 0)];
            let length = usize::try_from(length).expect("small").min(rest.len());
            let (piece, later) = rest.split_at(length);
            cuts += line.take(piece, &mut out);
            assert!(out.is_empty() || out.ends_with(b"\n"), "seed {seed}");
            rest = later;
        }
        line.finish(&mut out);
        assert!((out, cuts) == naive(&bytes), "seed {seed}");
    }
}

#[test]
fn the_option() {
    for (text, shown, place) in [
        ("tcp:127.0.0.1:5140=/log", "tcp:127.0.0.1:5140", ("", "log")),
        ("udp:[::1]:514=/a/b/log", "udp:[::1]:514", ("a/b", "log")),
        ("tcp:localhost:1=/l%6fg", "tcp:127.0.0.1:1", ("", "log")),
        ("unix:/run/x=/log", "unix:/run/x", ("", "log")),
        (
            "unix-dgram:x=/=y,mode=0600=/log",
            "unix-dgram:x=/=y",
            ("", "log"),
        ),
    ] {
        let intake: Intake = text.parse().expect(text);
        assert_eq!(intake.to_string(), shown);
        let (directory, name) = (place.0.as_bytes(), place.1.as_bytes());
        assert_eq!(intake.place(), (directory, name), "{text}");
    }
    for wrong in [
        "",
        "=/log",
        "127.0.0.1:1=/log",
        "tcp:unix:/x=/log",
        "unix:=/log",
        "udp:127.0.0.1:65536=/log",
        "udp:127.0.0.1:1=log",
        "unix:/x,mode=8=/log",
        "tcp:127.0.0.1:1=/",
        "tcp:127.0.0.1:1=/.hidden",
        "tcp:127.0.0.1:1=/a/",
    ] {
        assert!(wrong.parse::<Intake>().is_err(), "{wrong}");
    }
}
