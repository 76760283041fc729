//! Parts that lines of many products share: pairs by their native names, users with a domain, rows of tables, offsets
//! from UTC.

use super::super::fields::{Fields, address};
use super::once::{Keys, sure};
use super::pairs::{Pair, Style, pairs, unescaped};
use super::{Event, Line};
use crate::value::Value;

/// What products write for "nothing here". `0` and `none` say something in some of them.
pub(crate) fn is_blank(value: &str) -> bool {
    matches!(value, "" | "-" | "--" | "N/A" | "n/a" | "(null)" | "null")
}

/// Puts the pairs of `text` by the names that they have there; two values of one name are a doubt, blanks are left out.
pub(crate) fn put_pairs<'a>(line: &Line<'a>, text: &'a str, style: Style, fields: &mut Fields<'a>) {
    for (key, value) in sure(line, text, style, fields) {
        if !is_blank(value) {
            fields.put_named(key, Value::Str(value));
        }
    }
}

/// The value of a pair, its escapes undone.
#[inline]
pub(crate) fn value<'a>(line: &Line<'a>, pair: Pair<'a>) -> &'a str {
    match pair.escaped {
        true => line.keep(unescaped(pair.value)),
        false => pair.value,
    }
}

/// An event of `dataset` with the pairs that `text` consists of, if it starts with one and has all of `keys`.
pub(crate) fn keyed<'a>(
    line: &Line<'a>,
    text: &'a str,
    style: Style,
    dataset: &'a str,
    keys: &[&str],
) -> Option<Event<'a>> {
    let first = text.split(style.assign as char).next()?;
    if first.len() == text.len() || first.is_empty() || first.contains([' ', '"', '\'', ':']) {
        return None;
    }
    let mut event = Event::new(dataset);
    let mut seen = 0_u64;
    let mut all = Keys::new(line.arena);
    for pair in pairs(text, style) {
        if let Some(at) = keys.iter().position(|key| *key == pair.key) {
            seen |= 1 << at;
        }
        all.add(pair.key, value(line, pair), &[]);
    }
    for (key, value) in all.settled(&mut event.fields) {
        if !is_blank(value) {
            event.fields.put_named(key, Value::Str(value));
        }
    }
    (seen.count_ones() as usize == keys.len()).then_some(event)
}

/// The text that a field has, or nothing.
pub(crate) fn text_of<'a>(fields: &Fields<'a>, name: &str) -> &'a str {
    match fields.get(name) {
        Some(Value::Str(text)) => text,
        _ => "",
    }
}

/// Puts `name`, `DOMAIN\name` or `name@domain` as user name, domain and mail address.
pub(crate) fn put_user<'a>(fields: &mut Fields<'a>, user: &'a str) {
    let user = user.trim();
    if is_blank(user) {
        return;
    }
    if let Some((domain, name)) = user.split_once('\\') {
        fields.text("user.domain", domain);
        fields.text("user.name", name.trim_start_matches('\\'));
    } else if let Some((name, domain)) = user.rsplit_once('@').filter(|(name, _)| !name.is_empty()) {
        fields.text("user.name", name);
        fields.text("user.domain", domain);
        if domain.contains('.') && !domain.contains(' ') {
            fields.text("user.email", user);
        }
    } else {
        fields.text("user.name", user);
    }
}

/// Puts an address that may be followed by a port (`192.0.2.1:53`, `[2001:db8::1]:53`).
pub(crate) fn put_peer<'a>(
    fields: &mut Fields<'a>,
    ip: &'static str,
    domain: &'static str,
    port: &'static str,
    text: &'a str,
) {
    let (host, number) = super::super::fields::host_port(text.trim());
    fields.endpoint(ip, domain, host);
    if let Some(number) = number {
        fields.port(port, number);
    }
}

/// Puts the instant, if there is one.
pub(crate) fn put_time<'a>(
    line: &Line<'a>,
    fields: &mut Fields<'a>,
    name: &'static str,
    micros: Option<i64>,
) {
    if let Some(text) = micros.and_then(crate::time::rfc3339) {
        fields.put(name, Value::Str(line.keep(text)));
    }
}

/// `+0200`, `-05:00` or `Z` as microseconds to take off a wall-clock time.
pub(crate) fn utc_offset(text: &str) -> Option<i64> {
    let (sign, digits) = match text.as_bytes().first()? {
        b'+' => (1, &text[1..]),
        b'-' => (-1, &text[1..]),
        b'Z' | b'z' => return Some(0),
        _ => return None,
    };
    let hours: i64 = digits.get(..2)?.parse().ok()?;
    let minutes = digits.get(2..).unwrap_or_default().trim_start_matches(':');
    let minutes: i64 = match minutes {
        "" => 0,
        minutes => minutes.get(..2)?.parse().ok()?,
    };
    (hours < 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60) * 1_000_000)
}

/// `text` without a priority (`<134>`) and the space behind it.
pub(crate) fn without_priority(text: &str) -> &str {
    match text.strip_prefix('<').and_then(|rest| rest.split_once('>')) {
        Some((digits, rest)) if digits.len() <= 3 && digits.bytes().all(|b| b.is_ascii_digit()) => {
            rest.trim_start()
        }
        _ => text,
    }
}

/// The instant of a date with a time (`2026-03-01 10:00:00`, `2026/03/01 10:00:00`) in the zone that `offset` says
/// (`+0200`), where it says one.
pub(crate) fn instant(line: &Line<'_>, text: &str, offset: &str) -> Option<i64> {
    let zone = line.context.timezone;
    let read = |zone| crate::time::iso(text, zone).or_else(|| crate::time::slashed(text, zone));
    match utc_offset(offset) {
        Some(offset) => read(chrono_tz::UTC).map(|(micros, _)| micros - offset),
        None => read(zone).map(|(micros, _)| micros),
    }
}

/// The first address in `text` that stands as a word of its own. Only for texts whose every word is the writer's.
pub(crate) fn first_address(text: &str) -> Option<&str> {
    text.split([' ', ',', ';', '(', ')', '\'', '"', '<', '>', '='])
        .find_map(|word| address(word.trim_end_matches(['.', ':'])))
}

/// The cells of a row of a table: split at `between`, quotes taken off, doubled quotes in them undone.
pub(crate) fn row<'a>(line: &Line<'a>, text: &'a str, between: u8) -> Vec<&'a str> {
    let mut cells = Vec::with_capacity(32);
    let mut rest = text;
    loop {
        let (cell, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted_cell(line, quoted, between),
            None => match memchr::memchr(between, rest.as_bytes()) {
                Some(at) => (&rest[..at], Some(&rest[at + 1..])),
                None => (rest, None),
            },
        };
        cells.push(cell);
        match after {
            Some(after) => rest = after,
            None => return cells,
        }
    }
}

/// The cell whose opening quote was just passed, and what follows its separator.
fn quoted_cell<'a>(line: &Line<'a>, text: &'a str, between: u8) -> (&'a str, Option<&'a str>) {
    let bytes = text.as_bytes();
    let mut at = 0;
    let mut doubled = false;
    while let Some(found) = memchr::memchr(b'"', &bytes[at..]) {
        at += found;
        match bytes.get(at + 1) {
            Some(b'"') => {
                doubled = true;
                at += 2;
            }
            Some(next) if *next != between => at += 1,
            next => {
                let cell = &text[..at];
                let cell = if doubled {
                    line.keep(cell.replace("\"\"", "\""))
                } else {
                    cell
                };
                return (cell, next.map(|_| &text[at + 2..]));
            }
        }
    }
    (text, None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::syslog::Header;
    use crate::formats::testing::CONTEXT;

    #[test]
    fn rows() {
        let (header, arena) = (Header::default(), bumpalo::Bump::new());
        let line = Line {
            raw: "",
            header: &header,
            body: "",
            context: &CONTEXT,
            arena: &arena,
            keys: &Default::default(),
        };
        assert_eq!(
            row(&line, r#"a,"b, ""c""",,"open"#, b','),
            ["a", "b, \"c\"", "", "open"]
        );
        assert_eq!(row(&line, "", b','), [""]);
        assert_eq!(row(&line, "\"é\" x", b' '), ["é", "x"]);
    }

    #[test]
    fn users_and_offsets() {
        let mut fields = Fields::new();
        put_user(&mut fields, "CORP\\jane");
        assert_eq!(text_of(&fields, "user.domain"), "CORP");
        let mut fields = Fields::new();
        put_user(&mut fields, "jane@example.org");
        assert_eq!(text_of(&fields, "user.name"), "jane");
        assert_eq!(text_of(&fields, "user.email"), "jane@example.org");
        assert_eq!(utc_offset("+0530"), Some(19_800_000_000));
        assert_eq!(utc_offset("-05:00"), Some(-18_000_000_000));
        assert_eq!(utc_offset("CET"), None);
        assert_eq!(first_address("from 'dc1' (192.0.2.7)."), Some("192.0.2.7"));
    }
}
