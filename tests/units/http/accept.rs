//! `http::accept`: what is chosen for which field.

use openrange::http::accept::Accept;

fn accept(fields: &[&str]) -> Accept {
    let mut accept = Accept::default();
    for field in fields {
        accept.add(field.as_bytes());
    }
    accept
}

const BROWSER: &str =
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8,a/b;v=b3;q=0.7";

#[test]
fn html_or_json() {
    // The fields; whether JSON is preferred, and whether HTML is named.
    let table: &[(&[&str], bool, bool)] = &[
        (&[], false, false),
        (&[""], false, false),
        (&["*/*"], false, false),
        (&["application/json"], true, false),
        (&["Application/JSON"], true, false),
        (&["text/html"], false, true),
        (&["TEXT/HTML ; Q=0.2"], false, true),
        (&[BROWSER], false, true),
        // Equal: the one that is named more precisely, then HTML.
        (&["application/json, text/html"], false, true),
        (&["application/json, text/plain, */*"], true, false),
        (&["application/*, text/html"], false, true),
        (&["application/*"], true, false),
        (&["text/*"], false, false),
        (&["text/*, application/json"], true, false),
        // By quality.
        (&["text/html;q=0.9, application/json"], true, true),
        (&["text/html, application/json;q=0.999"], false, true),
        (&["text/html;q=0.001, application/json;q=0.002"], true, true),
        (&["text/html;q=0.02, application/json;q=0.03"], true, true),
        (&["text/html;q=0.12, application/json;q=0.121"], true, true),
        (&["text/html;q=0.19, application/json;q=0.21"], true, true),
        (&["text/html;q=0.009, application/json;q=0.01"], true, true),
        (&["text/html;q=0.099, application/json;q=0.1"], true, true),
        (&["text/html;q=0, */*"], true, false),
        (&["application/json;q=0"], false, false),
        (&["application/json;q=0, */*"], false, false),
        (&["*/*;q=0.1, application/json;q=0.2"], true, false),
        // The most precise range counts, wherever it stands.
        (
            &["text/html;q=0.5, */*, application/json;q=0.6"],
            true,
            true,
        ),
        (&["*/*, text/html;q=0.5"], true, true),
        (&["application/json;q=0.1, application/*"], true, false),
        (
            &["application/json;q=0.1, application/*, text/*;q=0.2"],
            false,
            false,
        ),
        // Several fields are one list, the last word counts.
        (&["text/html", "application/json;q=0.9"], false, true),
        (&["application/json;q=0.5", "text/html;q=0.4"], true, true),
        (&["application/json", "application/json;q=0"], false, false),
        // Other parameters do not matter.
        (
            &["application/json;charset=utf-8;q=0.5, text/html;level=1;q=0.4"],
            true,
            true,
        ),
        // Malformed members are passed over.
        (&["application/json;q=2, text/html"], false, true),
        (&["application/json;q=1.001"], false, false),
        (&["application/json;q=0.1234"], false, false),
        (&["application/json;q=.5"], false, false),
        (&["application/json;q="], false, false),
        (&["application/json;q=0.x"], false, false),
        (&["application/json;q=-1"], false, false),
        (&["application/json;q=1.000"], true, false),
        (&["application/json;q=1."], true, false),
        (&["application/jso, application/jsonl, json"], false, false),
        (&[",, ;q=1, application/json,"], true, false),
    ];
    for (fields, json, html) in table {
        let accept = accept(fields);
        assert_eq!(accept.prefers_json(), *json, "JSON for {fields:?}");
        assert_eq!(accept.names_html(), *html, "HTML in {fields:?}");
    }
}

#[test]
fn html_or_plain_text() {
    let table: &[(&[&str], bool)] = &[
        // Who names nothing reads in a terminal.
        (&[], true),
        (&[""], true),
        (&["*/*"], true),
        (&["*/*;q=0.5"], true),
        (&["text/plain"], true),
        (&["text/plain, */*"], true),
        (&["text/plain, text/html;q=0.9"], true),
        (&["text/html;q=0, text/*"], true),
        (&[BROWSER], false),
        (&["text/html"], false),
        (&["text/*"], false),
        (&["text/html, text/plain"], false),
        (&["text/plain;q=0"], false),
        (&["image/png"], false),
        (&["image/png, */*"], false),
    ];
    for (fields, plain) in table {
        assert_eq!(accept(fields).prefers_text(), *plain, "{fields:?}");
    }
}
