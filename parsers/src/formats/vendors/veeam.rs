//! Veeam Backup & Replication's events, as it sends them over syslog.
//!
//! ```text
//! … [categoryId=0 instanceId=23110 JobID="…" UserName="CORP\mara" Version="1" Description="Job 'Daily' has been created."]
//! ```
//!
//! What looks like structured data is none: quotes in a value (XML, names of jobs) stand as they are. A value ends at a
//! quote that a space and the next `name="`, or the closing bracket at the end of the line, follow.

use crate::formats::fields::{Fields, address};
use crate::formats::text::{Event, Grammar, Line};

pub(super) const GRAMMARS: &[Grammar] = &[Grammar {
    name: "veeam.log",
    marks: &["[categoryId="],
    programs: &[],
    read,
}];

fn read<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let text = line.raw.trim_end();
    // Behind a header, or the element in front of it.
    let at = memchr::memmem::find(text.as_bytes(), b"[categoryId=")?;
    let inner = text[at + 1..].strip_suffix(']').unwrap_or(&text[at + 1..]);
    let mut event = Event::new("veeam.log");
    let fields = &mut event.fields;
    let mut rest = inner;
    while let Some((key, value)) = rest.split_once('=') {
        let key = key.trim_start();
        if key.is_empty() || !key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            break;
        }
        let (value, behind) = match value.strip_prefix('"') {
            Some(quoted) => {
                let end = end_of_value(quoted);
                (&quoted[..end], quoted.get(end + 1..).unwrap_or_default())
            }
            None => value.split_once(' ').unwrap_or((value, "")),
        };
        write(key, value, line, fields);
        rest = behind;
    }
    Some(event)
}

/// Where a value ends whose first quote is already passed.
fn end_of_value(text: &str) -> usize {
    for at in memchr::memchr_iter(b'"', text.as_bytes()) {
        let behind = &text[at + 1..];
        if behind.is_empty() {
            return at;
        }
        let Some(next) = behind.strip_prefix(' ') else {
            continue;
        };
        let name = next
            .bytes()
            .take_while(|b| b.is_ascii_alphanumeric() || *b == b'_')
            .count();
        if name > 0 && next[name..].starts_with("=\"") && !is_attribute(text, at) {
            return at;
        }
    }
    text.len()
}

/// Whether the quote at `at` is inside a tag of XML: there are attributes behind each other in the same form.
fn is_attribute(text: &str, at: usize) -> bool {
    let before = &text[..at];
    match (before.rfind('<'), before.rfind('>')) {
        (Some(open), Some(close)) => open > close,
        (Some(_), None) => true,
        (None, _) => false,
    }
}

fn write<'a>(key: &'a str, value: &'a str, line: &Line<'a>, fields: &mut Fields<'a>) {
    match key {
        "UserName" | "Initiator" => {
            let (domain, name) = value.rsplit_once('\\').unwrap_or(("", value));
            fields.known("user.name", name);
            fields.known("user.domain", domain);
        }
        "HostName" | "VmName" | "SourceHostName" if address(value).is_some() => {
            // A list in ECS: several parts of an event may name machines.
            fields.text("host.ip", value);
            fields.text_named(line.name("", key), value);
        }
        "Description" => {
            fields.text("event.reason", value);
            fields.text("message", value);
        }
        _ => fields.text_named(key, value),
    }
}

#[cfg(test)]
mod tests {
    use super::super::whole::{check, survives_truncation};

    #[test]
    fn values_keep_their_quotes() {
        let text = "<14>1 2026-02-03T04:05:06.123Z vbr1 Veeam_MP - - [origin enterpriseId=\"31023\"] [categoryId=0 instanceId=23110 JobID=\"1a\" JobType=\"12003\" JobName=\"Daily\" ChangesXML=\"<changes><object id=\"7\" name=\"x\" /></changes>\" UserName=\"CORP\\mara\" Version=\"1\" Description=\"Job 'Daily' has been created.\"]";
        check(
            text,
            "veeam.log",
            &[
                ("veeam.instance.id", "23110"),
                ("veeam.job.id", "1a"),
                ("veeam.job.name", "Daily"),
                (
                    "veeam.job.object",
                    "<changes><object id=\"7\" name=\"x\" /></changes>",
                ),
                ("user.name", "mara"),
                ("user.domain", "CORP"),
                ("event.reason", "Job 'Daily' has been created."),
                ("host.name", "vbr1"),
            ],
        );
        survives_truncation(text);
        check(
            "[categoryId=0 instanceId=890 HostName=\"192.0.2.7\" Description=\"a] UserName=\\\"root\\\"\"]",
            "veeam.log",
            &[("host.ip", "192.0.2.7"), ("user.name", "")],
        );
    }
}
