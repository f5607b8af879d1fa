//! Results as a Markdown table: medians, and their ratios to those of other servers in the same case.

use std::fmt::Write;

use super::meter::median;
use super::servers::Kind;

/// Samples during which others used more of a core than this, in percent, count only if there are no better ones.
const QUIET: f64 = 15.0;

/// A column: its name, and whether it is also given in terms of the table's references.
pub type Column = (&'static str, bool);

/// One measurement: a figure for each column, and what others used of the machine meanwhile.
#[derive(Clone)]
pub struct Sample {
    pub figures: Vec<f64>,
    pub others: f64,
}

struct Row {
    case: String,
    kind: Kind,
    samples: Vec<Result<Sample, String>>,
}

pub struct Table {
    title: String,
    columns: &'static [Column],
    references: &'static [Kind],
    rows: Vec<Row>,
}

impl Table {
    pub fn new(
        title: impl Into<String>,
        columns: &'static [Column],
        references: &'static [Kind],
    ) -> Table {
        Table {
            title: title.into(),
            columns,
            references,
            rows: Vec::new(),
        }
    }

    pub fn add(&mut self, case: &str, kind: Kind, sample: Result<Sample, String>) {
        match &sample {
            Ok(sample) => {
                let figures = self.columns.iter().zip(&sample.figures);
                let figures =
                    figures.map(|((name, _), &figure)| format!("{name} {}", number(figure)));
                let figures: Vec<String> = figures.collect();
                eprintln!(
                    "  {case}: {}, others {:.0} %",
                    figures.join(", "),
                    sample.others
                );
            }
            Err(why) => eprintln!("  {case}: failed: {why}"),
        }
        let found = |row: &&mut Row| row.case == case && row.kind == kind;
        if let Some(row) = self.rows.iter_mut().find(found) {
            row.samples.push(sample);
        } else {
            self.rows.push(Row {
                case: case.into(),
                kind,
                samples: vec![sample],
            });
        }
    }

    /// The median of a figure, if there is one.
    pub fn median(&self, case: &str, kind: Kind, column: usize) -> Option<f64> {
        let row = |row: &&Row| row.case == case && row.kind == kind;
        let (samples, _) = self.rows.iter().find(row)?.counted();
        let figures: Vec<f64> = samples
            .iter()
            .map(|sample| sample.figures[column])
            .collect();
        Some(median(&figures)).filter(|figure| figure.is_finite())
    }

    /// Cases in the order in which they came.
    pub fn cases(&self) -> Vec<String> {
        let mut cases: Vec<String> = Vec::new();
        for row in &self.rows {
            if !cases.contains(&row.case) {
                cases.push(row.case.clone());
            }
        }
        cases
    }

    /// Shows the samples of one case in another one, too, for comparison.
    pub fn repeat(&mut self, case: &str, other: &str, kind: Kind) {
        let row = |row: &&Row| row.case == case && row.kind == kind;
        if let Some(row) = self.rows.iter().find(row) {
            let samples = row.samples.clone();
            self.rows.push(Row {
                case: other.into(),
                kind,
                samples,
            });
        }
    }

    pub fn failed(&self) -> bool {
        let ours = |row: &&Row| matches!(row.kind, Kind::Openrange | Kind::Events | Kind::Bare);
        let mut ours = self.rows.iter().filter(ours);
        ours.any(|row| row.samples.iter().any(Result::is_err))
    }

    pub fn markdown(&self) -> String {
        let mut text = format!("\n### {}\n\n| case | server |", self.title);
        let references: Vec<&str> = self.references.iter().map(|kind| kind.name()).collect();
        let mut line = String::from("|---|---|");
        for (name, ratio) in self.columns {
            let of = format!(" (of {})", references.join(" / "));
            let of = if *ratio && !references.is_empty() {
                of
            } else {
                String::new()
            };
            let _ = write!(text, " {name}{of} |");
            line += "---:|";
        }
        let _ = writeln!(text, " samples |\n{line}---:|");
        for case in self.cases() {
            for row in self.rows.iter().filter(|row| row.case == case) {
                let _ = writeln!(text, "{}", self.row(row));
            }
        }
        text
    }

    fn row(&self, row: &Row) -> String {
        let mut text = format!("| {} | {} |", row.case, row.kind.name());
        let (samples, quiet) = row.counted();
        if samples.is_empty() {
            let why = row.samples.iter().find_map(|sample| sample.as_ref().err());
            let _ = write!(text, " failed: {} |", why.map_or("", String::as_str));
            return text + &" |".repeat(self.columns.len());
        }
        for (column, (_, ratio)) in self.columns.iter().enumerate() {
            let figure = self.median(&row.case, row.kind, column).unwrap_or(f64::NAN);
            let _ = write!(text, " {}", number(figure));
            let ratios: Vec<String> = self
                .references
                .iter()
                .map(|&kind| self.median(&row.case, kind, column).unwrap_or(f64::NAN))
                .map(|reference| format!("{:.2}", figure / reference))
                .map(|ratio| if ratio == "NaN" { "-".into() } else { ratio })
                .collect();
            if *ratio && !ratios.is_empty() {
                let _ = write!(text, " ({})", ratios.join(" / "));
            }
            text += " |";
        }
        let mark = if quiet { "" } else { " (disturbed)" };
        let _ = write!(text, " {} of {}{mark} |", samples.len(), row.samples.len());
        text
    }
}

impl Row {
    /// The samples that count, and whether they are undisturbed ones.
    fn counted(&self) -> (Vec<&Sample>, bool) {
        let good: Vec<&Sample> = self.samples.iter().flatten().collect();
        let quiet: Vec<&Sample> = good
            .iter()
            .copied()
            .filter(|sample| sample.others <= QUIET)
            .collect();
        if quiet.is_empty() {
            (good, false)
        } else {
            (quiet, true)
        }
    }
}

/// Three digits or more.
pub fn number(figure: f64) -> String {
    let decimals = match figure.abs() {
        0.0..10.0 => 2,
        10.0..100.0 => 1,
        _ => 0,
    };
    let text = format!("{figure:.decimals$}");
    if figure.abs() < 1000.0 || !figure.is_finite() {
        return if figure.is_nan() { "-".into() } else { text };
    }
    let digits: Vec<&str> = text
        .as_bytes()
        .rchunks(3)
        .rev()
        .map(|group| std::str::from_utf8(group).expect("digits"))
        .collect();
    digits.join(",")
}
