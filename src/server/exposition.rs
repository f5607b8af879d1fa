//! The text format of Prometheus, version 0.0.4.

use std::fmt::{Display, Write};

/// Writes one family of metrics of this server: its help, its type, and for each value of the label (empty: there is no
/// label) a sample.
pub fn family(
    out: &mut String,
    name: &str,
    kind: &str,
    label: &str,
    help: &str,
    values: &[(&str, u64)],
) {
    let name = format!("openrange_{name}");
    head(out, &name, kind, help);
    for (of, value) in values {
        sample(out, &name, label, of, value);
    }
}

/// The lines before the samples of a family.
pub fn head(out: &mut String, name: &str, kind: &str, help: &str) {
    // Writing to a String cannot fail.
    let _ = write!(out, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
}

/// A sample; without a label if its name is empty.
pub fn sample(out: &mut String, name: &str, label: &str, of: &str, value: &dyn Display) {
    let _ = match label {
        "" => writeln!(out, "{name} {value}"),
        _ => writeln!(out, "{name}{{{label}=\"{}\"}} {value}", escape(of)),
    };
}

/// A label value, escaped for the quotes around it.
fn escape(value: &str) -> String {
    let escaped = value.replace('\\', "\\\\").replace('"', "\\\"");
    escaped.replace('\n', "\\n")
}
