//! IBM's Log Event Extended Format, which QRadar's sources write.
//!
//! ```text
//! LEEF:1.0|Vendor|Product|7.1|Connection_Allowed|src=192.0.2.1<TAB>dst=198.51.100.7<TAB>usrName=ann
//! LEEF:2.0|Vendor|Product|7.1|15345|^|src=192.0.2.1^dst=198.51.100.7
//! ```
//!
//! Attributes end at the delimiter: a tab, or in 2.0 the one that the header names as a character or as `x5E`, `0x5E`.
//! Products that put a bar there in 1.0, against the format, are read too. What a value may do that a stranger chose
//! depends on the delimiter alone; a key with two values is in doubt ([`Keys`]). Meanings stand in the catalog's base `leef`.

use super::super::fields::Fields;
use super::super::fields::address;
use super::super::text::once::Keys;
use super::super::text::{Event, Grammar, Line};
use super::cef::datasets::dataset;
use super::cef::{extension::unescaped, host};
use crate::value::Value;

/// Asked before marks are sought: the first bytes decide.
pub(super) const GRAMMARS: &[Grammar] = &[Grammar {
    name: "leef",
    marks: &["LEEF:"],
    programs: &["leef"],
    read,
}];

fn read<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let tagged = line
        .header
        .tag
        .is_some_and(|tag| tag.eq_ignore_ascii_case("leef"));
    let first = line.body.as_bytes().first()?;
    if !tagged && !matches!(first, b' ' | 0xef | b'L' | b'-' | b':') {
        return None;
    }
    let body = line.body.trim_start_matches([' ', '\u{feff}']);
    let text = ["", "-: ", ": ", "- "]
        .iter()
        .find_map(|before| body.strip_prefix(before)?.strip_prefix("LEEF:"))
        .or_else(|| tagged.then_some(body))?;
    let (version, rest) = text.trim_start_matches(' ').split_once('|')?;
    let is_version = !version.is_empty() && version.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    if !is_version {
        return None;
    }
    let (vendor, rest) = field(rest);
    let (product, rest) = field(rest);
    let (product_version, rest) = field(rest);
    let (id, rest) = field(rest);
    let (delimiter, stated, attributes) = delimited(version, rest);
    let vendor = unbarred(vendor, line);
    let product = unbarred(product, line);
    let dataset = match dataset(vendor, product) {
        "generic.cef" => "generic.leef",
        known => known,
    };
    let mut fields = Fields::with_room(48);
    for (name, text) in [
        ("leef.version", version),
        ("observer.vendor", vendor),
        ("observer.product", product),
        ("leef.product", product),
        ("observer.version", product_version),
        ("leef.product_version", product_version),
        ("event.code", id),
        ("leef.event_id", id),
        ("leef.delimiter", stated),
    ] {
        if !text.is_empty() {
            fields.push(name, Value::Str(text));
        }
    }
    let mut time = None;
    let mut keys = Keys::new(line.arena);
    for attribute in attributes.split(delimiter) {
        let Some((key, value)) = attribute.split_once('=') else {
            continue;
        };
        let (key, value) = (key.trim_matches(' '), value.trim_matches([' ', '\r', '\n']));
        if key.is_empty() {
            continue;
        }
        let value = match unescaped(value, b"=\\") {
            std::borrow::Cow::Borrowed(value) => value,
            std::borrow::Cow::Owned(text) => line.keep(text),
        };
        keys.add(key, value, &[]);
    }
    for (key, value) in keys.settled(&mut fields) {
        attribute_of(&mut fields, line, key, value, &mut time);
    }
    if let Some(message) = fields.text_of("message") {
        match dataset {
            "forcepoint.firewall" => history(message, &mut fields),
            "watchguard.firebox_leef" => lease(message, &mut fields),
            _ => {}
        }
        fields.text("event.reason", message);
    } else {
        fields.push("message", Value::Str(line.body));
    }
    let acted = ["act", "action", "Action", "disp"]
        .iter()
        .any(|name| fields.get(name).is_some());
    if !acted || dataset == "forcepoint.firewall" {
        fields.text("event.action", id);
    }
    Some(Event {
        dataset,
        time,
        fields,
        headless: false,
    })
}

/// `HISTORY: PID=7 UID=0 USER=root COMMAND`: what an administrator typed.
fn history<'a>(message: &'a str, fields: &mut Fields<'a>) {
    let Some((id, rest)) = message
        .strip_prefix("HISTORY: PID=")
        .and_then(|rest| rest.split_once(" UID="))
    else {
        return;
    };
    let Some((user_id, rest)) = rest.split_once(" USER=") else {
        return;
    };
    let (user, command) = rest.split_once(' ').unwrap_or((rest, ""));
    fields.number("process.pid", id);
    fields.text("process.user.id", user_id);
    fields.text("process.user.name", user);
    fields.text("process.command_line", command);
}

/// `DHCPREQUEST for 192.0.2.7 from 02:00:00:00:00:01 (NAME) via vlan2`, or `DHCPACK on … to …`: the server's words, and
/// a name that the client chose, which is therefore read from the end.
fn lease<'a>(message: &'a str, fields: &mut Fields<'a>) {
    let Some((kind, rest)) = message.strip_prefix("DHCP").and_then(|rest| rest.split_once(' ')) else {
        return;
    };
    if kind.is_empty() || !kind.bytes().all(|b| b.is_ascii_uppercase()) {
        return;
    }
    let (rest, interface) = rest.rsplit_once(" via ").unwrap_or((rest, ""));
    let mut words = rest.splitn(5, ' ');
    let mut ip = None;
    let mut next = words.next();
    if matches!(next, Some("for" | "on")) {
        ip = words.next().and_then(address);
        next = words.next();
    }
    if !matches!(next, Some("from" | "to")) {
        return;
    }
    let mac = words.next().unwrap_or_default();
    let name = words
        .next()
        .and_then(|name| name.strip_prefix('(')?.strip_suffix(')'));
    fields.text("source.ip", ip.unwrap_or_default());
    if mac.len() == 17 && mac.bytes().all(|b| b.is_ascii_hexdigit() || b == b':') {
        fields.text("source.mac", mac);
    }
    fields.text("source.domain", name.unwrap_or_default());
    fields.text("observer.ingress.interface.name", interface);
}

fn attribute_of<'a>(
    fields: &mut Fields<'a>,
    line: &Line<'a>,
    key: &'a str,
    value: &'a str,
    time: &mut Option<i64>,
) {
    match key {
        "src" => host(fields, key, ["source.ip", "source.domain"], value),
        "dst" => host(fields, key, ["destination.ip", "destination.domain"], value),
        "shost" => host(fields, key, ["source.ip", "source.domain"], value),
        "dhost" => host(fields, key, ["destination.ip", "destination.domain"], value),
        "proto" => fields.transport(value),
        "url" | "request" => fields.url(value),
        "msg" | "Message" => fields.push("message", Value::Str(value)),
        "devTime" => {
            if let Value::Time(instant) = line.instant(value) {
                *time = Some(instant);
            }
            fields.push_named(key, Value::Str(value));
        }
        _ => fields.push_named(key, Value::Str(value)),
    }
}

/// The delimiter of the attributes, the header's word for it, and the attributes.
fn delimited<'a>(version: &str, rest: &'a str) -> (char, &'a str, &'a str) {
    if version.starts_with('2')
        && let Some((word, attributes)) = rest.split_once('|')
        && word.len() <= 6
        && !word.contains('=')
    {
        return match named(word) {
            Some((delimiter, stated)) => (delimiter, stated, attributes),
            None => ('\t', "", attributes),
        };
    }
    let first = rest.find(['\t', '|']).and_then(|at| rest[at..].chars().next());
    // Only a bar that stands between pairs is a delimiter.
    let barred = first == Some('|')
        && rest
            .split('|')
            .take(3)
            .filter(|part| !part.is_empty())
            .all(|part| part.contains('='));
    (if barred { '|' } else { '\t' }, "", rest)
}

/// A delimiter as the header names it: itself, or its code in hexadecimal.
fn named(word: &str) -> Option<(char, &str)> {
    let mut chars = word.chars();
    if let (Some(only), None) = (chars.next(), chars.next()) {
        return Some((only, word));
    }
    let digits = word
        .strip_prefix("0x")
        .or_else(|| word.strip_prefix("0X"))
        .or_else(|| word.strip_prefix(['x', 'X']))?;
    let code = u32::from_str_radix(digits, 16).ok()?;
    let delimiter = char::from_u32(code)?;
    Some((delimiter, spelled(delimiter)))
}

/// Delimiters that headers name by their codes, as text.
fn spelled(delimiter: char) -> &'static str {
    const ASCII: &str = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";
    ASCII
        .find(delimiter)
        .and_then(|at| ASCII.get(at..at + 1))
        .unwrap_or_default()
}

/// The field that `text` starts with, and what stands behind its bar.
fn field(text: &str) -> (&str, &str) {
    for at in memchr::memchr_iter(b'|', text.as_bytes()) {
        if at == 0 || text.as_bytes()[at - 1] != b'\\' {
            return (&text[..at], &text[at + 1..]);
        }
    }
    (text, "")
}

fn unbarred<'a>(text: &'a str, line: &Line<'a>) -> &'a str {
    match unescaped(text, b"|\\") {
        std::borrow::Cow::Borrowed(text) => text,
        std::borrow::Cow::Owned(text) => line.keep(text),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{fields_of, value};

    #[test]
    fn attributes_by_delimiter() {
        let line = "<13>Mar  1 10:00:00 fw1 LEEF:1.0|Example|Gate|7.1|Connection_Allowed|src=192.0.2.1\tdst=db.example\tproto=17\tdevTime=Mar 01 2026 09:59:58\tmsg=tunnel is up";
        let event = fields_of(line);
        assert_eq!(value(&event, "event.dataset"), "generic.leef");
        assert_eq!(value(&event, "source.ip"), "192.0.2.1");
        assert_eq!(value(&event, "destination.domain"), "db.example");
        assert_eq!(value(&event, "network.transport"), "udp");
        assert_eq!(value(&event, "event.action"), "Connection_Allowed");
        assert_eq!(value(&event, "message"), "tunnel is up");
        assert_eq!(value(&event, "host.name"), "fw1");
        assert_eq!(value(&event, "@timestamp"), "2026-03-01T09:59:58.000Z");
        for line in [
            "LEEF:2.0|Ex\\|ample|Gate|7|1|^|usrName=ann^srcPort=1^cat=a=b",
            "LEEF:2.0|Ex\\|ample|Gate|7|1|x5E|usrName=ann^srcPort=1^cat=a=b",
            "LEEF:1.0|Ex\\|ample|Gate|7|1|usrName=ann|srcPort=1|cat=a=b",
        ] {
            let event = fields_of(line);
            assert_eq!(value(&event, "observer.vendor"), "Ex|ample", "{line}");
            assert_eq!(value(&event, "user.name"), "ann", "{line}");
            assert_eq!(value(&event, "source.port"), "1", "{line}");
            assert_eq!(value(&event, "leef.cat"), "a=b", "{line}");
        }
    }

    #[test]
    fn what_strangers_write() {
        let event = fields_of(
            "LEEF:1.0|Example|Gate|7.1|1|usrName=x src=198.51.100.1\tsrc=192.0.2.1\tsrc=203.0.113.5",
        );
        assert_eq!(value(&event, "user.name"), "x src=198.51.100.1");
        assert_eq!(value(&event, "source.ip"), "", "it is in doubt");
        assert_eq!(value(&event, "related.ip"), r#"["192.0.2.1","203.0.113.5"]"#);
        let event = fields_of(
            "Mar  1 10:00:00 web1 sshd[7]: Invalid user LEEF:1.0|a|b|c|d|src=192.0.2.9 from 192.0.2.1 port 4",
        );
        assert_eq!(value(&event, "source.ip"), "192.0.2.1");
    }

    #[test]
    fn cut_off() {
        let event = fields_of("LEEF:1.0|Example|Gate|7.1");
        assert_eq!(value(&event, "observer.product"), "Gate");
        let event = fields_of("LEEF:2.0|Example|Gate|7.1|5|^|src=192.0.2.1^ds");
        assert_eq!(value(&event, "source.ip"), "192.0.2.1");
    }
}
