//! The text format of Prometheus, version 0.0.4.

use std::fmt::Write;

/// Writes one family of metrics: its help, its type, and for each value of the label (empty: there is no label) a sample.
pub fn family(
    out: &mut String,
    name: &str,
    kind: &str,
    label: &str,
    help: &str,
    values: &[(&str, u64)],
) {
    // Writing to a String cannot fail.
    let _ = write!(
        out,
        "# HELP openrange_{name} {help}\n# TYPE openrange_{name} {kind}\n"
    );
    for (of, value) in values {
        let _ = match label {
            "" => writeln!(out, "openrange_{name} {value}"),
            _ => writeln!(
                out,
                "openrange_{name}{{{label}=\"{}\"}} {value}",
                escape(of)
            ),
        };
    }
}

/// A value of a label, as it stands between quotes.
fn escape(value: &str) -> String {
    let escaped = value.replace('\\', "\\\\").replace('"', "\\\"");
    escaped.replace('\n', "\\n")
}
