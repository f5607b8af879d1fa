//! A page of a directory for people, and for programs that follow its links. Any byte may be in a name; all are escaped.

use std::fmt::{self, Write};

use super::select::Page;
use crate::http::date::Date;
use crate::http::list_query::{ListQuery, Sort};
use crate::http::target::{Path, encode};
use crate::job::{JobState, JobStatus};
use crate::limits::TARGET_MAX;
use crate::store::listing::Form;
use crate::subscription::entry::{Entry, Kind};

const STYLE: &str = "\
:root{color-scheme:light dark;--dim:light-dark(#56616c,#97a3af);--edge:light-dark(#d5dae0,#30363d);--link:light-dark(#0a5cb8,#72b5ff);--ok:light-dark(#12733b,#5fce8a);--ko:light-dark(#b3261e,#ff8a80)}\
*{box-sizing:border-box}\
html{background:light-dark(#fff,#14171a);color:light-dark(#1b2127,#d5dbe1)}\
body{margin:0 auto;max-width:70em;padding:1em;font:15px/1.4 system-ui,sans-serif}\
h1{font-size:1.2em;overflow-wrap:anywhere}\
a{color:var(--link)}\
form{display:flex;gap:.5em;max-width:30em}\
input,button{font:inherit;font-size:16px;background:transparent;color:inherit;min-height:44px;padding:0 .7em;border:1px solid var(--dim);border-radius:6px}\
input{flex:1;min-width:0}\
p{color:var(--dim)}\
table{width:100%;border-collapse:collapse}\
th{text-align:left;font-weight:600}\
th,td{padding:.3em 1em .3em 0;border-bottom:1px solid var(--edge);vertical-align:top}\
td:first-child{overflow-wrap:anywhere;font-family:ui-monospace,monospace}\
.n{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}\
.d{color:var(--dim)}\
.ok{color:var(--ok)}.ko{color:var(--ko)}\
@media(max-width:40em){\
table,tbody{display:block}thead{display:none}\
tr{display:flex;flex-wrap:wrap;gap:0 1em;border-bottom:1px solid var(--edge);padding:.2em 0}\
td{border:0;padding:.2em 0}td:first-child{flex:1 0 100%}\
td a{display:inline-block;min-height:44px;line-height:44px;min-width:44px}td:not(:first-child){line-height:44px;padding:0}.x{display:none}}";

/// Writes it. `next`: the query of the next page.
pub fn write(
    path: &Path,
    page: &Page,
    form: Form,
    query: &ListQuery,
    next: Option<&ListQuery>,
) -> String {
    let mut html = String::new();
    let title = Escaped(b"/").to_string() + &Escaped(&path.name).to_string();
    // Search engines must not index logs. Programs that mirror a directory obey this element too, so they do not get it.
    let robots = match form {
        Form::Links => "",
        _ => "<meta name=\"robots\" content=\"noindex, nofollow\">",
    };
    // Writing to a String cannot fail.
    let _ = write!(
        html,
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">{robots}\
         <link rel=\"icon\" href=\"data:,\"><title>{title}</title><style>{STYLE}</style></head>\n\
         <body><main><h1>{title}</h1>\n"
    );
    let people = form != Form::Links;
    if people {
        write_controls(&mut html, page, query);
    }
    html.push_str("<table>\n");
    if people {
        html.push_str(
            "<thead><tr><th>Name</th><th></th><th class=\"n\">Size</th><th class=\"n x\">Bytes</th>\
             <th class=\"n\">Changed (UTC)</th></tr></thead>\n",
        );
    }
    html.push_str("<tbody>\n");
    if !path.name.is_empty() {
        html.push_str("<tr><td><a href=\"../\">../</a></td></tr>\n");
    }
    let room = TARGET_MAX.saturating_sub(path.to_string().len() + "?view".len());
    for (name, entry) in &page.entries {
        write_row(&mut html, name, entry, form, room);
    }
    html.push_str("</tbody></table>\n");
    if let Some(next) = next {
        let next = next.to_string().replace('&', "&amp;");
        let _ = writeln!(
            html,
            "<p><a rel=\"next\" href=\"{next}\">The next entries</a></p>"
        );
    }
    if form == Form::MemberPage {
        html.push_str("<p><a href=\"?logout\">Log out</a></p>\n");
    }
    html.push_str("</main></body></html>\n");
    html
}

/// A field that filters names, what is shown, and the orders in which it can be shown.
fn write_controls(html: &mut String, page: &Page, query: &ListQuery) {
    let filter = Escaped(&query.filter);
    let sort = query.sort.word();
    let _ = write!(
        html,
        "<form><input type=\"search\" name=\"filter\" value=\"{filter}\" aria-label=\"Part of a name\" \
         placeholder=\"Part of a name\">\
         <button name=\"sort\" value=\"{sort}\">Filter</button></form>\n<p>"
    );
    let (shown, count) = (page.entries.len(), page.count);
    let _ = match shown < count {
        true => write!(html, "{shown} of {count} entries, by "),
        false => write!(html, "{count} entries, by "),
    };
    for (index, other) in [Sort::Name, Sort::Size, Sort::Time].into_iter().enumerate() {
        let comma = if index == 0 { "" } else { ", " };
        let word = other.word();
        let _ = match other == query.sort && query.after.is_none() {
            true => write!(html, "{comma}<b>{word}</b>"),
            false => {
                let link = query.sorted(other).to_string().replace('&', "&amp;");
                // An empty reference would keep the query.
                let link = if link.is_empty() { "./" } else { &link };
                write!(html, "{comma}<a href=\"{link}\">{word}</a>")
            }
        };
    }
    html.push_str("</p>\n");
}

/// A line of the table. `room`: the longest link that the server understands, in bytes.
fn write_row(html: &mut String, name: &[u8], entry: &Entry, form: Form, room: usize) {
    let (link, text) = (encode(name).to_string(), Escaped(name));
    let directory = entry.kind == Kind::Directory;
    let slash = if directory { "/" } else { "" };
    let _ = match link.len() <= room {
        true => write!(
            html,
            "<tr><td><a href=\"{link}{slash}\">{text}{slash}</a></td>"
        ),
        false => write!(html, "<tr><td>{text}{slash} (its address is too long)</td>"),
    };
    let follow = !directory && form != Form::Links && link.len() <= room;
    html.push_str("<td>");
    if follow {
        let _ = write!(html, "<a href=\"{link}?view\">follow</a>");
    }
    if let Kind::File { job: Some(job), .. } = entry.kind
        && form != Form::Links
    {
        let class = match job {
            JobState::Waiting | JobState::Running => "",
            JobState::Ended(JobStatus::Exit(0)) => " class=\"ok\"",
            JobState::Ended(_) => " class=\"ko\"",
        };
        let _ = write!(html, " <span{class}>job {}</span>", job.for_people());
    }
    html.push_str("</td>");
    let _ = match entry.kind {
        Kind::Directory => write!(html, "<td class=\"n\">-</td><td class=\"n x\"></td>"),
        Kind::File { size, .. } => write!(
            html,
            "<td class=\"n\">{}</td><td class=\"n x d\">{size}</td>",
            Amount(size)
        ),
    };
    let _ = writeln!(html, "<td class=\"n d\">{}</td></tr>", Time(entry.modified));
}

/// Bytes as people read them, in powers of 1,000.
struct Amount(u64);

impl fmt::Display for Amount {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];
        if self.0 < 1000 {
            return write!(out, "{} B", self.0);
        }
        let (mut tenths, mut unit) = (self.0 / 100, 0);
        while tenths >= 10_000 {
            tenths /= 1000;
            unit += 1;
        }
        match tenths < 100 {
            true => write!(out, "{}.{} {}", tenths / 10, tenths % 10, UNITS[unit]),
            false => write!(out, "{} {}", tenths / 10, UNITS[unit]),
        }
    }
}

/// A time in few characters.
struct Time(Date);

impl fmt::Display for Time {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let iso = self.0.iso().to_string();
        let short = iso[..16].replace('T', " ");
        write!(out, "<time datetime=\"{iso}\">{short}</time>")
    }
}

/// A name as HTML text. What is not UTF-8, control characters and those that turn the direction of text are U+FFFD.
struct Escaped<'a>(&'a [u8]);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in String::from_utf8_lossy(self.0).chars() {
            match character {
                '&' => out.write_str("&amp;")?,
                '<' => out.write_str("&lt;")?,
                '>' => out.write_str("&gt;")?,
                '"' => out.write_str("&quot;")?,
                '\'' => out.write_str("&#39;")?,
                '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                    out.write_char(char::REPLACEMENT_CHARACTER)?;
                }
                control if control.is_control() => out.write_char(char::REPLACEMENT_CHARACTER)?,
                other => out.write_char(other)?,
            }
        }
        Ok(())
    }
}
