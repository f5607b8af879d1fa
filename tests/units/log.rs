//! `log::line_writer`: what is written, what is lost, and that no line is glued to another. `log::line`: errors in words,
//! times and peers.

use std::io;
use std::time::{Duration, UNIX_EPOCH};

use openrange::http::date::Date;
use openrange::log::line::{text_line, without_error_numbers};
use openrange::log::line_writer::LineWriter;
use openrange::os::sockets::Peer;

/// Takes so many bytes, then no more.
struct Sink {
    bytes: Vec<u8>,
    space: usize,
    most: usize,
}

impl Sink {
    fn take(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len().min(self.space).min(self.most);
        if count == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.bytes.extend_from_slice(&bytes[..count]);
        self.space -= count;
        Ok(count)
    }
}

#[test]
fn times_and_peers() {
    for (milliseconds, expected) in [
        (0, "1970-01-01T00:00:00.000Z"),
        (1_009, "1970-01-01T00:00:01.009Z"),
        (951_868_799_999, "2000-02-29T23:59:59.999Z"),
        (1_795_898_145_120, "2026-11-28T20:35:45.120Z"),
    ] {
        let time = UNIX_EPOCH + Duration::from_millis(milliseconds);
        assert_eq!(Date::with_milliseconds(time).to_string(), expected);
    }
    for (address, port, expected) in [
        ("127.0.0.1", 80, "127.0.0.1:80"),
        ("255.255.255.255", 65_535, "255.255.255.255:65535"),
        ("10.0.100.9", 1, "10.0.100.9:1"),
        ("10.0.100.9", 0, "10.0.100.9"),
        ("::1", 8080, "[::1]:8080"),
        ("::1", 0, "::1"),
    ] {
        let peer = Peer::Ip(address.parse().expect("an address"), port);
        assert_eq!(peer.to_string(), expected);
    }
}

#[test]
fn lines_are_whole_counted_or_ended() {
    for space in 0..=12 {
        for most in 1..=5 {
            let (mut writer, mut sink) = (
                LineWriter::new(),
                Sink {
                    bytes: Vec::new(),
                    space,
                    most,
                },
            );
            let first = writer.write(b"one\ntwo\nsix\n", |bytes| sink.take(bytes));
            assert_eq!(first.is_ok(), space == 12);
            let lost = [3, 2, 1, 0][space / 4];
            assert_eq!(writer.lost(), lost, "{space} {most}");
            sink.space = 100;
            assert!(writer.write(b"end\n", |bytes| sink.take(bytes)).is_ok());
            let text = String::from_utf8(sink.bytes).unwrap();
            let mut expected = "one\ntwo\nsix\n"[..space].to_owned();
            if space % 4 > 0 {
                expected.push('\n');
            }
            assert_eq!(text, expected + "end\n", "{space} {most}");
            assert_eq!(writer.lost(), lost, "nothing more is lost");
        }
    }
}

#[test]
fn interruptions_are_no_failures() {
    let (mut writer, mut calls, mut bytes) = (LineWriter::new(), 0, Vec::new());
    let result = writer.write(b"line\n", |piece| {
        calls += 1;
        if calls % 2 == 1 {
            return Err(io::ErrorKind::Interrupted.into());
        }
        bytes.push(piece[0]);
        Ok(1)
    });
    assert!(result.is_ok());
    assert_eq!((bytes.as_slice(), writer.lost()), (&b"line\n"[..], 0));
    assert!(writer.write(b"x\n", |_| Ok(0)).is_err());
    assert_eq!(writer.lost(), 1);
    writer.forget_lost();
    writer.lose_count(2);
    writer.lose(b"a\nb\nc");
    assert_eq!(writer.lost(), 4);
}

#[test]
fn errors_have_words_and_no_numbers() {
    let error = io::Error::from_raw_os_error(98);
    assert!(error.to_string().contains("98"));
    let table = [
        (format!("no: {error}"), "no: Address already in use"),
        (
            format!("{error}; {error}."),
            "Address already in use; Address already in use.",
        ),
        ("a (os error 1)(os error 2".into(), "a(os error 2"),
        ("a (os error x) (os error 3)b".into(), "a (os error x)b"),
        ("a (os error ".into(), "a (os error "),
        ("nothing".into(), "nothing"),
    ];
    for (message, expected) in table {
        assert_eq!(without_error_numbers(message), expected);
    }
}

#[test]
fn a_line_of_text_is_one_line() {
    for (message, expected) in [
        ("a file: no", "a file: no\n"),
        ("a\nb\r\tc\0", "a\u{fffd}b\u{fffd}\u{fffd}c\u{fffd}\n"),
        (
            "\u{1b}]0;x\u{7}\u{7f}\u{9b}",
            "\u{fffd}]0;x\u{fffd}\u{fffd}\u{fffd}\n",
        ),
        ("Gr\u{fc}\u{df}e \u{a0}", "Gr\u{fc}\u{df}e \u{a0}\n"),
        ("", "\n"),
    ] {
        assert_eq!(text_line(message.into()), expected);
    }
}
