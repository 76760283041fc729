//! Laurel's events: audit records that were put together and decoded before they were written, as one JSON object.
//!
//! ```json
//! {"ID": "1688048710.895:30827", "SYSCALL": {"syscall": 59, "SYSCALL": "execve", …}, "PATH": [{…}, {…}]}
//! ```
//!
//! Every record type is a key; a type that may come more than once is a list. Inside, names in capitals are what the
//! enriched part of a record says (`UID` is the name of `uid`), lists of arguments are called `ARGV`. They become the same
//! records that `auditd` writes, so that an event has the same fields whoever wrote it.

use bumpalo::Bump;

use super::super::tape::Json;
use super::super::{EventSink, FrameContext, Reject, pinned_or};
use super::record::{Raw, Record, type_name};
use super::{commit, event};
use crate::time;

/// Writes the event of `json` to `sink`, if it is one of Laurel's. `host` is where it was written, if the line around it
/// says so.
pub(in crate::formats) fn decode(
    json: Json<'_>,
    host: Option<&str>,
    raw: &[u8],
    context: &FrameContext<'_>,
    sink: &mut EventSink,
) -> Option<Result<(), Reject>> {
    let id = json.get("ID")?.text()?;
    let (stamp, serial) = id.rsplit_once(':')?;
    let (time, serial) = (time::epoch(stamp)?, serial.parse().ok()?);
    let arena = Bump::new();
    let mut records = Vec::new();
    for (kind, value) in json.members() {
        let is_type = kind.len() > 2
            && kind
                .bytes()
                .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
        // `PARENT_INFO` and `CONTAINER_INFO` are Laurel's own.
        if !is_type || kind.ends_with("_INFO") {
            continue;
        }
        let several = value.elements();
        for object in std::iter::once(value)
            .chain(several)
            .filter(|json| json.is_object())
        {
            let mut record = Record {
                node: json.get("NODE").and_then(Json::text),
                kind: type_name(kind),
                id,
                time: Some(time),
                serial: Some(serial),
                pairs: Vec::new(),
                enriched: Vec::new(),
                lead: "",
            };
            fill(&mut record, object, &arena);
            records.push(record);
        }
    }
    if records.is_empty() {
        return None;
    }
    let dataset = match pinned_or("linux.auditd", context, sink) {
        Ok(dataset) => dataset,
        Err(reject) => return Some(Err(reject)),
    };
    let builder = sink.begin(&dataset);
    if let Some(host) = host.or(records[0].node) {
        builder.field("host.name", host.into());
    }
    event::write(&records, builder);
    commit(builder, context, raw, 0, Some(time));
    Some(Ok(()))
}

/// Takes the members of a record's object over.
fn fill<'a>(record: &mut Record<'a>, object: Json<'a>, arena: &'a Bump) {
    for (key, value) in object.members() {
        match key {
            "ARGV" => arguments(record, value, arena),
            // Who started it; the process itself is described by the record.
            "PPID" if value.is_object() => {
                for (name, column) in [
                    ("exe", "process.parent.executable"),
                    ("comm", "process.parent.name"),
                ] {
                    if let Some(text) = value.get(name).and_then(Json::text) {
                        record.pairs.push((column, known(text)));
                    }
                }
            }
            _ if value.is_object() => {}
            _ if value.is_array() => {
                for text in value.elements().filter_map(|element| scalar(element, arena)) {
                    record.pairs.push((key, known(text)));
                }
            }
            _ => {
                let Some(text) = scalar(value, arena) else {
                    continue;
                };
                let text = match key {
                    "arch" => text.strip_prefix("0x").unwrap_or(text),
                    "saddr" => arena.alloc_str(&text.strip_prefix("0x").unwrap_or(text).to_ascii_uppercase()),
                    _ => text,
                };
                if key.bytes().any(|b| b.is_ascii_lowercase()) {
                    record.pairs.push((key, known(text)));
                } else {
                    record.enriched.push((key, known(text)));
                }
            }
        }
    }
}

/// `a0`, `a1`, … of a call or a program; the title of a process is its arguments.
fn arguments<'a>(record: &mut Record<'a>, list: Json<'a>, arena: &'a Bump) {
    let all = list.elements().filter_map(|element| scalar(element, arena));
    if record.kind == "PROCTITLE" {
        let all: Vec<&str> = all.collect();
        record
            .pairs
            .push(("proctitle", known(arena.alloc_str(&all.join(" ")))));
        return;
    }
    let is_call = record.kind == "SYSCALL";
    for (position, text) in all.enumerate() {
        let name: &str = arena.alloc_str(&format!("a{position}"));
        let text = match is_call {
            true => text.strip_prefix("0x").unwrap_or(text),
            false => text,
        };
        record.pairs.push((name, known(text)));
    }
}

/// A value that is decoded already, as quotes say of others.
fn known(text: &str) -> Raw<'_> {
    let quoted = !matches!(text, "?" | "(null)" | "");
    Raw { text, quoted }
}

fn scalar<'a>(value: Json<'a>, arena: &'a Bump) -> Option<&'a str> {
    if let Some(text) = value.text() {
        return Some(text);
    }
    if value.is_null() || value.is_object() || value.is_array() {
        return None;
    }
    let mut text = String::new();
    value.write(&mut text);
    Some(arena.alloc_str(&text))
}
