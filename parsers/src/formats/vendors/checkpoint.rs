//! Check Point's firewall log in the arrangements of its exporters.
//!
//! ```text
//! [action:"Accept"; ifdir:"inbound"; origin:"192.0.2.1"; src:"192.0.2.4"; … ]      syslog
//! time=1772355600|hostname=gw1|product=Firewall|action=Drop|src=192.0.2.4|…        Splunk
//! [x@2620 action="Accept" src="192.0.2.4" …]                                      RFC 5424
//! src: 192.0.2.4; dst: 198.51.100.9; action: drop;                                LEA clients
//! "21" "1Mar2026" "10:00:00" "eth1" "gw1" "Log" "Drop" "443" "5000" "192.0.2.4" … fw log
//! ```
//!
//! In all of them the keys are the same and the gateway's own; CEF is read by [`cef`](super::cef), JSON by the catalog, all
//! into one dataset. Values stand in quotes with quotes escaped, or end at the separator, which the exporters replace in
//! them. The first value of a key holds.

use super::super::fields::{Fields, address, is_nothing};
use super::super::text::pairs::unescaped;
use super::super::text::{Event, Grammar, Line};
use crate::time;
use crate::value::Value;

/// Asked before marks are sought: the first bytes decide, or the program.
pub(super) const GRAMMARS: &[Grammar] = &[Grammar {
    name: "checkpoint",
    marks: &[],
    programs: &["checkpoint"],
    read,
}];

struct Reading<'l, 'a> {
    line: &'l Line<'a>,
    fields: Fields<'a>,
    time: Option<i64>,
    known: u32,
}

fn read<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let body = line.body.trim_start_matches(' ');
    let mut reading = Reading {
        line,
        fields: Fields::default(),
        time: None,
        known: 0,
    };
    let found = match body.as_bytes().first().unwrap_or(&b' ') {
        b'[' => reading.bracketed(body.get(1..)?),
        b's' if body.starts_with("syslog[") => reading.bracketed(&body[7..]),
        b't' if body.starts_with("time=") => reading.barred(body),
        b'"' => reading.table(body),
        b'<' => reading.unheaded(body),
        // The same without a priority.
        b'1' if body.starts_with("1 ") => reading.unheaded(body),
        _ if line.header.tag.is_some_and(|tag| tag == "CheckPoint") => reading.structured(),
        b'a'..=b'z' => reading.semicolons(body),
        _ => None,
    };
    if found.is_none() && body.starts_with('[') {
        return None;
    }
    found?;
    let Reading { mut fields, time, .. } = reading;
    if line.header.tag.is_some_and(|tag| tag == "CheckPoint") {
        fields.push("program", Value::Str("CheckPoint"));
    }
    let message = ["message_info", "attack", "additional_info", "description"]
        .iter()
        .find_map(|name| fields.text_of(name));
    fields.push("message", Value::Str(message.unwrap_or(line.body)));
    gateway(&mut fields);
    Some(Event {
        dataset: "checkpoint.firewall",
        time,
        fields,
        headless: false,
    })
}

/// The gateway that an event comes from, where `hostname` is the server that keeps the log (`NAME-lm`): its name in the
/// internal authority (`CN=NAME,O=…`), of which a virtual system's is the last part.
fn gateway(fields: &mut Fields<'_>) {
    let server = fields.text_of("hostname").filter(|name| name.ends_with("-lm"));
    let name = ["origin_sic_name", "originsicname"]
        .iter()
        .find_map(|name| fields.text_of(name));
    let (Some(server), Some(name)) = (server, name) else {
        return;
    };
    let Some((kind, name)) = name.split_once('=') else {
        return;
    };
    if !kind.trim_end_matches('\\').eq_ignore_ascii_case("cn") {
        return;
    }
    let name = name.split([',', '\\']).next().unwrap_or(name);
    let name = name.rsplit_once("-v_").map_or(name, |(_, name)| name);
    fields.replace("hostname", Value::Str(name));
    fields.push("log_server", Value::Str(server));
}

impl<'a> Reading<'_, 'a> {
    /// `key:"value"; …]`
    fn bracketed(&mut self, text: &'a str) -> Option<()> {
        let mut rest = text;
        loop {
            rest = rest.trim_start_matches([' ', ';']);
            if rest.is_empty() || rest.starts_with(']') {
                break;
            }
            let (key, value) = rest.split_once(':')?;
            let is_key = !key.is_empty()
                && key
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'));
            // A colon in front of the quote is a key that the exporter escaped.
            let value = value.strip_prefix(':').unwrap_or(value).strip_prefix('"')?;
            if !is_key {
                return None;
            }
            let end = closing(value).unwrap_or(value.len());
            let inner = &value[..end];
            rest = value.get(end + 1..).unwrap_or_default();
            let inner = match inner.contains('\\') {
                true => self.line.keep(unescaped(inner)),
                false => inner,
            };
            self.pair(key, inner);
        }
        (self.known >= 2).then_some(())
    }

    /// `<134>1 2026-03-01 10:00:00 gw1 CheckPoint 1 - [action:…]`: a time with a space, or `1 2026-03-01T10:00:00Z gw1 …`
    /// without a priority, which no header has.
    fn unheaded(&mut self, text: &'a str) -> Option<()> {
        let (head, rest) = text.split_once(" - [")?;
        let mut words = head.rsplit(' ');
        let program = words.by_ref().take(2).find(|word| *word == "CheckPoint")?;
        let host = words.next()?;
        self.bracketed(rest)?;
        if let Some((instant, "")) = words
            .next()
            .and_then(|stamp| time::iso(stamp, self.line.context.timezone))
        {
            self.time = self.time.or(Some(instant));
        }
        self.fields.push("host.name", Value::Str(host));
        self.fields.push("program", Value::Str(program));
        Some(())
    }

    /// `key=value|key=value`; a part without a sign belongs to the value before it.
    fn barred(&mut self, text: &'a str) -> Option<()> {
        for part in text.trim_end().split('|') {
            if let Some((key, value)) = part.split_once('=') {
                self.pair(key.trim(), value.trim());
            }
        }
        (self.known >= 2).then_some(())
    }

    /// The parameters of RFC 5424's structured data.
    fn structured(&mut self) -> Option<()> {
        let header = self.line.header;
        for (_, key, value) in &header.structured {
            self.pair(key, value);
        }
        (self.known >= 2).then_some(())
    }

    /// `key: value; key: value;`
    fn semicolons(&mut self, text: &'a str) -> Option<()> {
        let text = text.trim_end().strip_suffix(';')?;
        if memchr::memchr(b'"', text.as_bytes()).is_some() {
            return None;
        }
        for part in text.split("; ") {
            let (key, value) = part.trim_start().split_once(": ")?;
            if key.contains(' ') {
                return None;
            }
            self.pair(key, value);
        }
        (self.known >= 1).then_some(())
    }

    /// Columns in quotes, as `fw log` prints them.
    fn table(&mut self, text: &'a str) -> Option<()> {
        const COLUMNS: [&str; 18] = [
            "sequencenum",
            "date",
            "time",
            "ifname",
            "origin",
            "type",
            "action",
            "service",
            "s_port",
            "src",
            "dst",
            "proto_name",
            "rule",
            "rule_name",
            "policy_rule",
            "user",
            "info",
            "product",
        ];
        let mut cells = text.strip_prefix('"')?.split("\" \"");
        let number = cells.next()?;
        let date = cells.next()?;
        let clock = cells.next()?;
        let is_table = number.bytes().all(|b| b.is_ascii_digit()) && clock.len() >= 7;
        let stamp = self.line.keep([date, " ", clock].concat());
        self.time = Some(time::day_first(stamp, self.line.context.timezone)?.0);
        if !is_table {
            return None;
        }
        for (name, cell) in COLUMNS.iter().skip(3).zip(cells) {
            let cell = cell.trim_end_matches('"');
            match *name {
                _ if is_nothing(cell) => {}
                "origin" => self.fields.push("host.name", Value::Str(cell)),
                name => self.pair(name, cell),
            }
        }
        Some(())
    }

    fn pair(&mut self, key: &'a str, value: &'a str) {
        if value.is_empty() || key.is_empty() {
            return;
        }
        let fields = &mut self.fields;
        if fields.is_empty() {
            fields.reserve(48);
        }
        match key {
            "action" | "origin" | "product" | "loguid" | "sequencenum" | "tcp_flags" | "originsicname" => {
                self.known += 1;
                fields.push_named(key, Value::Str(value));
            }
            "time" => {
                self.time = self.time.or_else(|| time::since_epoch(value));
            }
            "src" | "dst" => {
                let names = match key {
                    "src" => ("source.ip", "source.domain"),
                    _ => ("destination.ip", "destination.domain"),
                };
                match address(value) {
                    Some(address) => fields.push(names.0, Value::Str(address)),
                    None => fields.push(names.1, Value::Str(value)),
                }
            }
            "proto" => fields.transport(value),
            "resource" | "url" => fields.url(value),
            "service" if value.parse::<u16>().is_err() => fields.push("service_id", Value::Str(value)),
            _ => fields.push_named(key, Value::Str(value)),
        }
    }
}

/// Where the quote stands that closes a value.
fn closing(value: &str) -> Option<usize> {
    let bytes = value.as_bytes();
    let mut from = 0;
    loop {
        let at = from + memchr::memchr2(b'"', b'\\', &bytes[from..])?;
        if bytes[at] == b'"' {
            return Some(at);
        }
        from = (at + 2).min(bytes.len());
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{check, fields_of, value};

    #[test]
    fn all_arrangements() {
        for line in [
            r#"<134>1 2026-03-01T09:00:00Z gw1 CheckPoint 7 - [action:"Drop"; ifdir:"inbound"; origin:"192.0.2.1"; time:"1772355600"; src:"192.0.2.4"; dst:"198.51.100.9"; proto:"6"; service:"443"; s_port:"5000"; rule_name:"no \"way\""; ]"#,
            r#"<134>1 2026-03-01 09:00:00 gw1 CheckPoint 7 - [action:"Drop"; ifdir:"inbound"; origin:"192.0.2.1"; time:"1772355600"; src:"192.0.2.4"; dst:"198.51.100.9"; proto:"6"; service:"443"; s_port:"5000"; rule_name:"no \"way\""; ]"#,
            r#"<134>1 2026-03-01T09:00:00Z gw1 CheckPoint 7 - [x@2620 action="Drop" ifdir="inbound" origin="192.0.2.1" time="1772355600" src="192.0.2.4" dst="198.51.100.9" proto="6" service="443" s_port="5000" rule_name="no \"way\""]"#,
            r#"time=1772355600|hostname=gw1|action=Drop|ifdir=inbound|origin=192.0.2.1|src=192.0.2.4|dst=198.51.100.9|proto=6|service=443|s_port=5000|rule_name=no "way""#,
        ] {
            check(
                line,
                &[
                    ("event.dataset", "checkpoint.firewall"),
                    ("@timestamp", "2026-03-01T09:00:00.000Z"),
                    ("host.name", "gw1"),
                    ("event.action", "Drop"),
                    ("network.direction", "inbound"),
                    ("source.ip", "192.0.2.4"),
                    ("source.port", "5000"),
                    ("destination.port", "443"),
                    ("network.transport", "tcp"),
                    ("rule.name", "no \"way\""),
                ],
            );
        }
        check(
            r#""21" "1Mar2026" "09:00:00" "eth1" "gw1" "Log" "Drop" "443" "5000" "192.0.2.4" "198.51.100.9" "tcp" "7" "Deny All" "7-P" "" "inzone: External" "Gateway" "" """#,
            &[
                ("@timestamp", "2026-03-01T09:00:00.000Z"),
                ("host.name", "gw1"),
                ("source.port", "5000"),
                ("destination.port", "443"),
                ("network.transport", "tcp"),
            ],
        );
        check("action: drop; src: 192.0.2.4;", &[("source.ip", "192.0.2.4")]);
    }

    #[test]
    fn gateways_behind_a_log_server() {
        check(
            "time=1772355600|hostname=mgmt1-lm|product=IPS|action=Drop|loguid={0x1}|origin=192.0.2.1|origin_sic_name=CN=gw1-v_vs7,O=corp.example|src=192.0.2.4|",
            &[
                ("host.name", "vs7"),
                ("checkpoint.firewall.log_server", "mgmt1-lm"),
            ],
        );
        check(
            "time=1772355600|hostname=gw1|product=IPS|action=Drop|loguid={0x1}|originsicname=cn\\=cp_mgmt,o\\=corp|",
            &[("host.name", "gw1")],
        );
    }

    #[test]
    fn what_strangers_write() {
        check(
            r#"[action:"Drop"; origin:"192.0.2.1"; src:"192.0.2.4"; user:"x\"; src:\"203.0.113.9"; dst:"198.51.100.9"; ]"#,
            &[("source.ip", "192.0.2.4"), ("destination.ip", "198.51.100.9")],
        );
    }

    #[test]
    fn cut_off() {
        check(
            r#"[action:"Drop"; origin:"192.0.2.1"; src:"192.0.2.4"; dst:"198.51"#,
            &[("source.ip", "192.0.2.4")],
        );
        let event = fields_of("[2026-03-01] started: \"x\"");
        assert_ne!(value(&event, "event.dataset"), "checkpoint.firewall");
    }
}
