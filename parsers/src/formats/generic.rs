//! What can be had from a line of a product that nobody has described: its time, its text, and the fields that it
//! names itself, as JSON or as `key=value` pairs.
//!
//! Every pair is kept under its own name behind `kv.`, which says no more than that the text has it. What the names that mean
//! the same everywhere stand for (`src_ip`, `username`) becomes an ECS column only where no stranger can have put it: the text
//! consists of pairs from its first word on (a time may stand in front), and none of its names for the column says
//! something else. In a sentence, `user=x` is as likely a stranger's as the writer's.

use std::collections::HashSet;
use std::sync::Arc;

use super::fields::{address, is_nothing};
use super::syslog::Header;
use super::text::pairs::{Pair, Style, pairs, unescaped};
use super::{EventSink, FrameContext, Reject, commit, pinned_or};
use crate::batch::BatchBuilder;
use crate::catalog::{Catalog, Column, Dataset, Resolution};
use crate::time;
use crate::value::Value;

/// A line in which this share of the bytes is no text is no line of a log.
const NOISE: usize = 8;

/// Writes the event of a line that no other format takes to `sink`.
///
/// # Errors
///
/// `unknown_format` if it is no text.
pub(super) fn decode_line(
    line: &str,
    context: &FrameContext<'_>,
    sink: &mut EventSink,
) -> Result<(), Reject> {
    let text = line.trim_end_matches(['\n', '\r']);
    let noise = text
        .chars()
        .filter(|c| (c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\x1b')) || *c == '\u{fffd}')
        .count();
    if context.dataset.is_none() && noise * NOISE > text.len() {
        return Err(Reject::new(
            "unknown_format",
            "no text; name its format with --format",
        ));
    }
    let mut leading = None;
    let mut body = text;
    let mut has_pairs = is_pairs(text);
    if !has_pairs {
        leading = leading_time(text, context);
        if let Some((_, rest)) = leading {
            body = rest.trim_start_matches([']', ')', '"', ':', ',', '|', '-', ' ', '\t']);
            has_pairs = is_pairs(body);
        }
    }
    let colons = match has_pairs {
        true => Vec::new(),
        false => colon_pairs(body),
    };
    let dataset = pinned_or(
        if has_pairs || !colons.is_empty() {
            "generic.pairs"
        } else {
            "generic.lines"
        },
        context,
        sink,
    )?;
    let builder = sink.begin(&dataset);
    if has_pairs {
        write_common(body, &dataset, builder);
        write_pairs(body, builder);
    } else if colons.is_empty() {
        write_pairs_inside(body, builder);
    }
    write_colons(&colons, builder);
    builder.field_if_absent("message", Value::Str(text));
    let time = leading.map(|(micros, _)| micros).or(builder.pending_time());
    commit(builder, context, line.as_bytes(), 0, time);
    Ok(())
}

/// The time that a line starts with, in brackets or not, and what follows it.
fn leading_time<'t>(text: &'t str, context: &FrameContext<'_>) -> Option<(i64, &'t str)> {
    let text = text.trim_start_matches(['[', '(', '"', ' ']);
    let zone = context.timezone;
    time::settled(time::iso, text, zone)
        .or_else(|| time::settled(time::slashed, text, zone))
        .or_else(|| time::ctime(text, zone))
        .or_else(|| time::apache(text, zone))
        .or_else(|| time::bsd(text, context.reference_time, zone))
}

/// Whether `text` consists of pairs; of one, only if that is all of it.
fn is_pairs(text: &str) -> bool {
    let text = text.trim();
    let key = text.split(['=', ' ']).next().unwrap_or_default();
    if !is_key(key) || !text[key.len()..].starts_with('=') {
        return false;
    }
    let (mut count, mut bytes) = (0, 0);
    for pair in pairs(text, style(text)) {
        count += 1;
        bytes += pair.key.len() + pair.value.len() + 2;
    }
    let whole = || {
        let value = &text[key.len() + 1..];
        let inner = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
        match inner {
            Some(inner) => !inner.contains('"'),
            None => !value.is_empty() && !value.contains([' ', '=', '"']),
        }
    };
    (count >= 2 && bytes * 4 >= text.len() * 3) || (count == 1 && whole())
}

/// Bytes that a key may have. No more of a text is looked at for one: a line may have a separator at each byte.
const KEY: usize = 64;

fn is_key(key: &str) -> bool {
    !key.is_empty() && key.len() <= KEY && key.bytes().all(is_key_byte)
}

fn is_key_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'@')
}

/// What stands behind the key that `text` starts with and its colon.
fn behind_key(text: &str) -> Option<&str> {
    let length = text.bytes().take(KEY + 1).take_while(|b| is_key_byte(*b)).count();
    let behind = text[length..].strip_prefix(':')?;
    (1..=KEY).contains(&length).then_some(behind)
}

/// The pairs of `Key: value, Key: "other, value"`; none if `text` is something else. A part without a key belongs to
/// the value in front of it.
fn colon_pairs(text: &str) -> Vec<(&str, &str)> {
    /// More than any such line was seen to have.
    const MOST: usize = 256;
    let text = text.trim();
    let mut all: Vec<(&str, &str)> = Vec::new();
    let mut rest = text;
    while !rest.is_empty() && all.len() < MOST {
        let Some((key, value)) = rest.split_once(':').filter(|(key, _)| is_key(key)) else {
            return Vec::new();
        };
        if !(value.is_empty() || value.starts_with([' ', '"'])) {
            return Vec::new();
        }
        let end = end_of_part(value);
        all.push((key, unquoted(value[..end].trim())));
        rest = value[end..].trim_start_matches([',', ' ']);
    }
    // One alone is as likely a program's name or a level and what it says.
    match all.as_slice() {
        [(_, value)] if value.is_empty() || (value.contains(' ') && !text.contains('"')) => Vec::new(),
        _ => all,
    }
}

/// Where the value that `text` starts with ends: at a comma outside of quotes with a key behind it.
fn end_of_part(text: &str) -> usize {
    let mut quoted = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b',' if !quoted => {
                let next = text[at + 1..].trim_start_matches(' ');
                if behind_key(next).is_some_and(|value| value.is_empty() || value.starts_with([' ', '"'])) {
                    return at;
                }
            }
            // `To:"ann" Cc:"bob"`
            b' ' if !quoted && text.starts_with('"') && text[..at].ends_with('"') => {
                let next = text[at..].trim_start_matches(' ');
                if behind_key(next).is_some_and(|value| value.starts_with('"')) {
                    return at;
                }
            }
            _ => {}
        }
    }
    text.len()
}

/// `x` of `"x"`.
fn unquoted(value: &str) -> &str {
    let inner = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
    inner.filter(|inner| !inner.contains('"')).unwrap_or(value)
}

fn style(text: &str) -> Style {
    let value = text.split_once('=').map_or("", |(_, value)| value);
    let end = match value.strip_prefix('"') {
        Some(quoted) => quoted.find('"').map_or(value.len(), |at| at + 2),
        None => value.find([',', ' ', ';', '|', '\t']).unwrap_or(value.len()),
    };
    match value.as_bytes().get(end) {
        Some(&between @ (b',' | b';' | b'|' | b'\t')) => Style {
            between,
            ..Style::SPACED
        },
        _ => Style::SPACED,
    }
}

/// Writes what the pairs of `text` mean, where their names mean the same in whatever product writes them (`src_ip`,
/// `username`); `common` knows which. An address is one only if it reads as one. A column for which two names say different
/// things gets nothing: one of them may be a stranger's.
fn write_common(text: &str, common: &Dataset, builder: &mut BatchBuilder) {
    // A value with a quote in it may have swallowed what its writer has in quotes further on.
    if pairs(text, style(text)).any(|pair| !pair.escaped && pair.value.contains('"')) {
        return;
    }
    let mut found: Vec<(Column, Pair<'_>, bool)> = Vec::new();
    for pair in pairs(text, style(text)) {
        let Resolution::Declared(column) = common.resolve(pair.key, None) else {
            continue;
        };
        match found.iter_mut().find(|(known, _, _)| *known == column) {
            Some((_, known, certain)) => *certain &= known.value == pair.value,
            None => found.push((column, pair, true)),
        }
    }
    let is_own = std::ptr::eq(common, Arc::as_ptr(builder.dataset()));
    // That there is nothing is said, too.
    let is_said = |pair: &Pair<'_>| !pair.value.is_empty() && !is_nothing(pair.value);
    found.retain(|(column, pair, certain)| *certain && is_said(pair) && (is_own || !is_of_header(column)));
    for (column, pair, _) in found {
        let value = match (column.dotted.ends_with(".ip"), address(pair.value)) {
            (true, None) => continue,
            (true, Some(address)) => address,
            (false, _) => pair.value,
        };
        let name = if is_own { pair.key } else { &*column.dotted };
        match pair.escaped {
            true => builder.field_if_absent(name, Value::Str(&unescaped(value))),
            false => builder.field_if_absent(name, Value::Str(value)),
        }
    }
}

/// What the header of a line says, and Borzoi itself: no pair of the text stands for it.
fn is_of_header(column: &Column) -> bool {
    [
        "@timestamp",
        "message",
        "host.",
        "process.",
        "log.",
        "event.",
        "observer.",
        "tenant",
    ]
    .iter()
    .any(|own| column.dotted.starts_with(own))
}

/// As [`write_pairs`], for the message of a program that nobody knows, which has a header: names that mean the same
/// everywhere are columns of their own, too, but for what the header says.
pub(super) fn write_pairs_of_message(text: &str, catalog: &Catalog, builder: &mut BatchBuilder) {
    if is_pairs(text)
        && let Some(common) = catalog.dataset("generic.pairs")
    {
        write_common(text, common, builder);
    }
    match is_pairs(text) || colon_pairs(text).len() > 1 {
        true => write_pairs(text, builder),
        false => write_pairs_inside(text, builder),
    }
}

/// Writes the pairs that `text` consists of, if it does, under names of their own; a key with two values is in doubt.
pub(super) fn write_pairs(text: &str, builder: &mut BatchBuilder) {
    if !is_pairs(text) {
        let colons = colon_pairs(text);
        if colons.len() > 1 {
            write_colons(&colons, builder);
        }
        return;
    }
    let mut name = String::new();
    let empty = pairs(text, style(text)).filter(|pair| pair.value.is_empty());
    let empty: HashSet<String> = empty.map(|pair| pair.key.to_lowercase()).collect();
    builder.watch_doubts();
    for pair in pairs(text, style(text)) {
        if pair.value.is_empty() {
            continue;
        }
        name.clear();
        // What a text names itself does not stand in for what its header says.
        name.push_str("kv.");
        name.push_str(pair.key);
        // Empty in one place and not in another: one of them may be a stranger's.
        if !empty.is_empty() && empty.contains(&pair.key.to_lowercase()) {
            builder.aside(&name, &Value::Str(pair.value));
            continue;
        }
        match pair.escaped {
            true => builder.field(&name, Value::Str(&unescaped(pair.value))),
            false => builder.field(&name, Value::Str(pair.value)),
        }
    }
    builder.settle_doubts();
}

/// Pairs of a sentence that are looked at, at most.
const INSIDE: usize = 64;

/// Writes the pairs that stand among other words of `text`, outside of quotes. A name that says two things says nothing:
/// one of them may be a stranger's.
fn write_pairs_inside(text: &str, builder: &mut BatchBuilder) {
    if memchr::memchr(b'=', text.as_bytes()).is_none() {
        return;
    }
    let mut found: Vec<(&str, &str, bool)> = Vec::new();
    for pair in pairs(text, Style::SPACED)
        .filter(|pair| is_name(pair.key))
        .take(INSIDE)
    {
        let value = pair.value.trim_end_matches([',', ';', '.', ')', ']']);
        match found
            .iter_mut()
            .find(|(key, _, _)| key.eq_ignore_ascii_case(pair.key))
        {
            Some((_, known, certain)) => *certain &= *known == value,
            None => found.push((pair.key, value, !value.is_empty() && !pair.escaped)),
        }
    }
    let mut name = String::new();
    for (key, value, _) in found.iter().filter(|(_, _, certain)| *certain) {
        name.clear();
        name.push_str("kv.");
        name.push_str(key);
        builder.field(&name, Value::Str(value));
    }
}

/// Whether a writer would call a value so.
fn is_name(key: &str) -> bool {
    is_key(key) && key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
}

/// Writes pairs with colons under their own names alone: a sentence may look like them.
fn write_colons(colons: &[(&str, &str)], builder: &mut BatchBuilder) {
    let mut name = String::new();
    for (key, value) in colons.iter().filter(|(_, value)| !value.is_empty()) {
        name.clear();
        name.push_str("kv.");
        name.push_str(key);
        builder.field(&name, Value::Str(value));
    }
}

/// The JSON object that the text of a line is, with the line's header and nothing else around it but a few words
/// without quotes in front (`CEF: `, `-: `).
pub(super) fn carried_json<'a>(line: &'a str, header: Option<&Header<'a>>) -> Option<(Header<'a>, &'a str)> {
    /// Bytes that may stand in front.
    const PREFIX: usize = 120;
    let body = header.map_or(line, |header| header.message).trim();
    let at = memchr::memchr(b'{', &body.as_bytes()[..body.len().min(PREFIX)])?;
    let (prefix, document) = body.split_at(at);
    // Behind a header, a sentence in front is a program's, and what it quotes a stranger's.
    let plain =
        !prefix.contains(['"', '=', '}']) && (header.is_none() || prefix.split_whitespace().count() <= 1);
    if !plain || !document.ends_with('}') {
        return None;
    }
    let mut carrier = header.cloned().unwrap_or_default();
    carrier.message = "";
    Some((carrier, document))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::testing::batch;
    use crate::output::{EventWriter, JsonStyle};

    #[test]
    fn pairs_with_colons() {
        assert_eq!(
            colon_pairs("zork: zoog, nonk: nink norgle: noog, last: \"a, b: c\" "),
            [
                ("zork", "zoog"),
                ("nonk", "nink norgle: noog"),
                ("last", "a, b: c")
            ]
        );
        assert_eq!(colon_pairs("To: tom"), [("To", "tom")]);
        assert_eq!(
            colon_pairs("To:\"tom\" Cc:\"bob\""),
            [("To", "tom"), ("Cc", "bob")]
        );
        assert_eq!(colon_pairs("test: \"tom\" test"), [("test", "\"tom\" test")]);
        for none in [
            "Error: it is broken",
            "10:20 x",
            "no: ",
            "two words: x",
            "a:b",
            "",
        ] {
            assert_eq!(colon_pairs(none), [], "{none}");
        }
        assert!(is_pairs("name=value") && is_pairs("name=\"a = b\""));
        assert!(!is_pairs("name=") && !is_pairs("name=a b") && !is_pairs("x a=b"));
    }

    #[test]
    fn that_there_is_nothing_is_a_value_too() {
        for line in [
            "user=- action=login src=192.0.2.4 note=x username=root",
            "user= action=login src=192.0.2.4 note=x user=root",
        ] {
            let event = flat(line);
            assert!(event.get("user.name").is_none(), "{event}");
            assert_ne!(event["kv.user"], "root", "{event}");
            assert_eq!(event["source.ip"], "192.0.2.4", "{event}");
        }
        let event = flat("src=N/A action=login user=ann note=x src_ip=203.0.113.4");
        assert!(event.get("source.ip").is_none(), "{event}");
    }

    #[test]
    fn pairs_have_common_names_and_their_own() {
        let line = "src_ip=192.0.2.7 SrcPort=50000 username=\"jane doe\" dst_ip=web1 colour=blue";
        let batch = batch(line, decode_line);
        let mut text = String::new();
        EventWriter::of(&batch, JsonStyle::Flat).write(0, &mut text);
        let event: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        for (name, value) in [
            ("source.ip", "192.0.2.7"),
            ("kv.src_ip", "192.0.2.7"),
            ("user.name", "jane doe"),
            ("kv.SrcPort", "50000"),
            ("kv.colour", "blue"),
            ("kv.dst_ip", "web1"),
        ] {
            assert_eq!(event[name], value, "{name} in {text}");
        }
        assert_eq!(event["source.port"], 50000);
        assert!(event.get("destination.ip").is_none(), "no address: {text}");
    }
    fn flat(line: &str) -> serde_json::Value {
        let batch = batch(line, decode_line);
        EventWriter::of(&batch, JsonStyle::Flat).value(0).expect("JSON")
    }

    #[test]
    fn pairs_behind_a_time() {
        for line in [
            r#"2026-11-23T10:00:00Z level=info user=ann msg="x y""#,
            r#"[2026-11-23 10:00:00] level=info user=ann msg="x y""#,
            r#"2026/11/23 10:00:00 level=info user=ann msg="x y""#,
        ] {
            let event = flat(line);
            for (name, value) in [
                ("@timestamp", "2026-11-23T10:00:00.000Z"),
                ("event.dataset", "generic.pairs"),
                ("user.name", "ann"),
                ("kv.msg", "x y"),
                ("message", line),
            ] {
                assert_eq!(event[name], value, "{name} of {event}");
            }
        }
    }

    #[test]
    fn what_may_be_a_strangers_is_no_column() {
        let event = flat("user=ann src=192.0.2.7 note=x username=root src_ip=192.0.2.7");
        assert_eq!(event.get("user.name"), None, "{event}");
        assert_eq!(event["source.ip"], "192.0.2.7");
        assert_eq!(event["kv.username"], "root");
    }

    #[test]
    fn pairs_in_a_sentence_have_their_own_names_alone() {
        let event = flat(
            r#"2026-11-23T10:00:00Z door opened by=ann (gate=7), said "user=root x=1" n=1 n=2 http://x/?a=b"#,
        );
        for (name, value) in [("kv.by", "ann"), ("message", event["message"].as_str().unwrap())] {
            assert_eq!(event[name], value, "{name} of {event}");
        }
        for none in ["kv.user", "kv.x", "kv.n", "user.name", "kv.a"] {
            assert_eq!(event.get(none), None, "{none} of {event}");
        }
    }
}
