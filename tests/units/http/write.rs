//! What heads of writing requests say.

use openrange::http::request::{self, Request};
use openrange::http::request_body::Framing;
use openrange::http::write::{Change, WriteHead};

fn head(line: &str, fields: &str) -> WriteHead {
    let head = format!("{line} HTTP/1.1\r\nHost: h:80\r\n{fields}\r\n");
    let parsed = request::parse(head.as_bytes()).expect("no refusal");
    let request: Request = parsed.expect("a whole head").0;
    *request.write.expect("a writing request")
}

#[test]
fn patches() {
    const PARTIAL: &str = "Content-Type: application/partial-upload\r\n";
    const TUS: &str = "content-type: Application/Offset+Octet-Stream; x=y\r\n";
    // Fields; offset and completeness, or the status.
    let table = [
        (
            "Upload-Offset: 5\r\nUpload-Complete: ?0\r\n",
            Ok((5, false)),
        ),
        ("Upload-Offset: 0\r\nUpload-Complete: ?1\r\n", Ok((0, true))),
        (
            "Upload-Offset: 9223372036854775807\r\nUpload-Complete: ?1\r\n",
            Ok((i64::MAX as u64, true)),
        ),
        ("Upload-Offset: 5\r\n", Err(400)),
        ("Upload-Complete: ?1\r\n", Err(400)),
        ("Upload-Offset: 5\r\nUpload-Complete: 1\r\n", Err(400)),
        ("Upload-Offset: 5\r\nUpload-Complete: ?2\r\n", Err(400)),
        ("Upload-Offset: -1\r\nUpload-Complete: ?1\r\n", Err(400)),
        ("Upload-Offset: +1\r\nUpload-Complete: ?1\r\n", Err(400)),
        ("Upload-Offset: 1.0\r\nUpload-Complete: ?1\r\n", Err(400)),
        ("Upload-Offset: \r\nUpload-Complete: ?1\r\n", Err(400)),
        (
            "Upload-Offset: 99999999999999999999\r\nUpload-Complete: ?1\r\n",
            Err(400),
        ),
        (
            "Upload-Offset: 1\r\nUpload-Offset: 1\r\nUpload-Complete: ?1\r\n",
            Err(400),
        ),
    ];
    for (fields, expected) in table {
        let head = head("PATCH /f", &format!("{PARTIAL}{fields}"));
        let change = head.change.map_err(|fault| fault.status.code());
        let expected = expected.map(|(offset, complete)| Change::AppendAt { offset, complete });
        assert_eq!(change, expected, "{fields}");
    }
    let tus = head("PATCH /f", &format!("{TUS}Upload-Offset: 7\r\n"));
    let expected = Change::AppendAt {
        offset: 7,
        complete: false,
    };
    assert_eq!(tus.change, Ok(expected));
    for fields in [
        "",
        "Content-Type: text/plain\r\n",
        "Content-Type: application/partial-uploads\r\n",
    ] {
        let head = head(
            "PATCH /f",
            &format!("{fields}Upload-Offset: 7\r\nUpload-Complete: ?0\r\n"),
        );
        let fault = head.change.expect_err("another type");
        assert_eq!(fault.status.code(), 415, "{fields}");
        assert!(
            fault
                .fields
                .starts_with("Accept-Patch: application/partial-upload")
        );
    }
}

#[test]
fn moves() {
    // Fields; the new name and whether it may be taken from another file, or the status.
    let table = [
        ("Destination: /g", Ok(("/g", true))),
        ("Destination: /a/../g%20h", Ok(("/g%20h", true))),
        ("Destination: http://h:80/g", Ok(("/g", true))),
        ("Destination: https://H:80/g", Ok(("/g", true))),
        ("Destination: http://h:80", Err(403)),
        ("Destination: http://h:80?x", Err(400)),
        ("Destination: x://h:80/g", Err(400)),
        // The path of this server that looks like the name of another one.
        ("Destination: /a://other/g", Ok(("/a%3A/other/g", true))),
        ("Destination: /g\r\nOverwrite: T", Ok(("/g", true))),
        ("Destination: /g\r\nOverwrite: F", Ok(("/g", false))),
        ("Destination: /g\r\nOverwrite: no", Err(400)),
        ("Destination: /g\r\nDestination: /h", Err(400)),
        ("Overwrite: T", Err(400)),
        ("Destination: ", Err(400)),
        ("Destination: g", Err(400)),
        ("Destination: *", Err(400)),
        ("Destination: /g?x", Err(400)),
        ("Destination: /..", Err(400)),
        ("Destination: /%zz", Err(400)),
        ("Destination: /", Err(403)),
        ("Destination: /g/", Err(403)),
        ("Destination: /.g", Err(403)),
        ("Destination: http://other/g", Err(403)),
        ("Destination: http://h/g", Err(403)),
        ("Destination: /g\r\nContent-Length: 1", Err(415)),
    ];
    for (fields, expected) in table {
        let head = head("MOVE /f", &format!("{fields}\r\n"));
        let change = head.change.map_err(|fault| fault.status.code());
        let change = change.map(|change| match change {
            Change::Move {
                destination,
                overwrite,
            } => (destination.to_string(), overwrite),
            other => panic!("{other:?}"),
        });
        let expected = expected.map(|(name, overwrite)| (name.to_owned(), overwrite));
        assert_eq!(change, expected, "{fields}");
    }
}

#[test]
fn puts_and_posts() {
    let table = [
        ("PUT /f", "Content-Range: bytes 0-1/2", 400),
        ("PUT /f", "Content-Encoding: gzip", 415),
        ("POST /f", "Content-Encoding: identity", 415),
        ("DELETE /f", "Content-Encoding: gzip", 415),
        ("POST /f", "Content-Digest: sha-256=x", 400),
        ("POST /f", "Content-Digest: md5=:AAAA:", 400),
        ("PUT /f", "Upload-Offset: x", 400),
        // A part must not pass for the whole.
        ("PUT /f", "Upload-Complete: ?0", 400),
        ("POST /f", "Upload-Complete: ?0", 400),
        ("DELETE /f", "Transfer-Encoding: chunked", 415),
    ];
    for (line, fields, status) in table {
        let head = head(line, &format!("{fields}\r\n"));
        let status_of = head.change.map_err(|fault| fault.status.code());
        assert_eq!(status_of, Err(status), "{line} {fields}");
    }
    let put = head("PUT /f", "Upload-Offset: 12\r\nUpload-Complete: ?1\r\n");
    assert_eq!((put.change, put.expected), (Ok(Change::Replace), Some(12)));
}

#[test]
fn preferences_and_expectations() {
    for (fields, fsync) in [
        ("Prefer: fsync", true),
        ("prefer: respond-async, FSYNC;x=y", true),
        ("Prefer: wait=1\r\nPrefer: fsync", true),
        ("Prefer: fsyncs", false),
        ("Prefer: x=fsync", false),
    ] {
        assert_eq!(
            head("POST /f", &format!("{fields}\r\n")).preferences.fsync,
            fsync,
            "{fields}"
        );
    }
    for (fields, expects) in [
        ("Expect: 100-continue\r\nContent-Length: 1", true),
        ("expect: 100-Continue\r\nTransfer-Encoding: chunked", true),
        // There is nothing to wait for.
        ("Expect: 100-continue", false),
        ("Expect: 200-ok\r\nContent-Length: 1", false),
    ] {
        let head = head("POST /f", &format!("{fields}\r\n"));
        assert_eq!(head.expects_continue, expects, "{fields}");
    }
    let old = "POST /f HTTP/1.0\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n";
    let parsed = request::parse(old.as_bytes()).expect("no refusal");
    let old = parsed.expect("a head").0.write.expect("it writes");
    assert!(!old.expects_continue, "HTTP/1.0 has no interim responses");
    assert_eq!(old.framing, Framing::Length(1));
    assert!(!old.keep_alive);
}
