//! Alerts of Snort and Suricata, a line each (`alert_fast`, `fast.log`, and over syslog without the time):
//!
//! ```text
//! 03/01/2026-10:00:05.250000  [**] [1:2034125:4] text of the rule [**] [Classification: …] [Priority: 1] {TCP} 192.0.2.7:1 -> 198.51.100.9:80
//! ```
//!
//! Text and class come from the rule; nothing in the line is the packet's but its ends, which stand last.

use chrono::NaiveDate;

use crate::formats::fields::{Fields, host_port};
use crate::formats::text::{Event, Grammar, Line};
use crate::time;

/// The grammars.
pub(super) const GRAMMARS: &[Grammar] = &[Grammar {
    name: "snort.alert",
    marks: &["[**]", "[Priority: "],
    programs: &["snort", "suricata"],
    read,
}];

fn read<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let program = line.program();
    if !matches!(program, "" | "snort" | "suricata" | "barnyard2" | "barnyard") {
        return None;
    }
    let mut event = Event::new("snort.alert");
    let mut rest = line.body.trim_start();
    if let Some((instant, after)) = stamp(line, rest) {
        event.time = Some(instant);
        rest = after.trim_start();
    }
    let fields = &mut event.fields;
    // What an inline sensor did stands in front.
    if let Some((verdict, after)) = rest.strip_prefix('[').and_then(|inner| inner.split_once(']'))
        && matches!(verdict, "Drop" | "wDrop" | "WouldDrop" | "Block" | "drop")
    {
        fields.text("event.action", verdict);
        rest = after.trim_start();
    }
    rest = rest.strip_prefix("[**]").unwrap_or(rest).trim_start();
    let (ids, after) = rest.strip_prefix('[')?.split_once(']')?;
    let mut parts = ids.split(':');
    let (gid, sid, revision) = (parts.next()?, parts.next()?, parts.next()?);
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if parts.next().is_some() || !(digits(gid) && digits(sid) && digits(revision)) {
        return None;
    }
    fields.text("gid", gid);
    fields.text("rule.id", sid);
    fields.text("rule.version", revision);
    // From the right: the ends, the protocol, the classes, so that a rule's text may hold what it wants.
    let mut has_port = false;
    let (front, ends) = match after.rsplit_once('{') {
        Some((front, tail)) => {
            let (protocol, ends) = tail.split_once('}')?;
            has_port = matches!(protocol, "TCP" | "UDP" | "SCTP");
            fields.text("network.transport", line.keep(protocol.to_ascii_lowercase()));
            (front, ends.trim())
        }
        None => (after, ""),
    };
    let front = bracketed(front, "Priority: ", "event.severity", fields);
    let front = bracketed(front, "Classification: ", "rule.category", fields);
    let text = front.trim().trim_end_matches("[**]").trim_matches([' ', '"']);
    fields.text("rule.name", text);
    if let Some((from, to)) = ends.split_once(" -> ") {
        end(from, has_port, true, fields);
        end(to.split(' ').next().unwrap_or(to), has_port, false, fields);
    }
    fields.category("intrusion_detection");
    Some(event)
}

/// Takes `[name value]`, if it stands there, off the end of `text`.
fn bracketed<'a>(text: &'a str, name: &str, field: &'static str, fields: &mut Fields<'a>) -> &'a str {
    let trimmed = text.trim_end_matches([' ', ':']);
    let Some((front, value)) = trimmed.strip_suffix(']').and_then(|text| text.rsplit_once('[')) else {
        return text;
    };
    match value.strip_prefix(name) {
        Some(value) => {
            fields.text(field, value);
            front
        }
        None => text,
    }
}

/// `host`, `host:port`; IPv6 without brackets, where the last colon is the port's if the protocol has ports.
fn end<'a>(text: &'a str, has_port: bool, source: bool, fields: &mut Fields<'a>) {
    let (host, port) = match text.matches(':').count() > 1 && !text.starts_with('[') {
        true if has_port => text
            .rsplit_once(':')
            .map_or((text, None), |(host, port)| (host, Some(port))),
        true => (text, None),
        false => host_port(text),
    };
    match source {
        true => fields.source(host),
        false => fields.destination(host),
    }
    if let Some(port) = port {
        fields.port(if source { "source.port" } else { "destination.port" }, port);
    }
}

/// `03/01-10:00:05.250000`, `03/01/26-…`, `03/01/2026-…`: month first.
fn stamp<'a>(line: &Line<'a>, text: &'a str) -> Option<(i64, &'a str)> {
    let (date, _) = text.split_once('-').filter(|(date, _)| date.len() <= 10)?;
    let mut parts = date.split('/');
    let month: u32 = parts.next()?.parse().ok()?;
    let day: u32 = parts.next()?.parse().ok()?;
    let year = match parts.next() {
        Some(year) => {
            let number: i32 = year.parse().ok()?;
            Some(if year.len() == 2 { 2000 + number } else { number })
        }
        None => None,
    };
    let clock = &text[date.len() + 1..];
    let (micros, rest) = time_of_day(clock)?;
    let midnight = chrono::NaiveTime::MIN;
    let zone = line.context.timezone;
    let instant = match year {
        Some(year) => time::local(
            NaiveDate::from_ymd_opt(year, month, day)?.and_time(midnight),
            zone,
        ),
        None => time::yearless(month, day, midnight, line.context.reference_time, zone)?,
    };
    Some((instant.checked_add(micros)?, rest))
}

/// `10:00:05.250000` as microseconds since midnight.
fn time_of_day(text: &str) -> Option<(i64, &str)> {
    let end = text.find([' ', '\t']).unwrap_or(text.len());
    let (clock, rest) = text.split_at(end);
    let (whole, fraction) = clock.split_once('.').unwrap_or((clock, ""));
    if whole.matches(':').count() != 2 {
        return None;
    }
    let mut total: i64 = 0;
    for part in whole.split(':') {
        let number: i64 = part.parse().ok().filter(|number| (0..60).contains(number))?;
        total = total * 60 + number;
    }
    let mut micros = 0;
    for position in 0..6 {
        let digit = fraction.as_bytes().get(position).copied().unwrap_or(b'0');
        micros = micros * 10 + i64::from(digit.is_ascii_digit().then(|| digit - b'0')?);
    }
    Some((total * 1_000_000 + micros, rest))
}

#[cfg(test)]
mod tests {
    use crate::formats::vendors::filters::testing::{read, reads};

    #[test]
    fn alerts() {
        read(
            "03/01/2026-10:00:05.250000  [**] [1:2100498:7] TEST says [Priority: 9] {x} -> y [**] [Classification: Bad \
             Traffic] [Priority: 2] {TCP} 192.0.2.7:80 -> 198.51.100.9:50001",
            "snort.alert",
            &[
                ("@timestamp", "2026-03-01T10:00:05.250000Z"),
                ("gid", "1"),
                ("rule.id", "2100498"),
                ("rule.version", "7"),
                ("rule.name", "TEST says [Priority: 9] {x} -> y"),
                ("rule.category", "Bad Traffic"),
                ("event.severity", "2"),
                ("network.transport", "tcp"),
                ("source.ip", "192.0.2.7"),
                ("destination.port", "50001"),
            ],
        );
        read(
            "Mar  1 10:00:05 ids1 snort[7]: [1:7:1] text [Priority: 0]: {UDP} 2001:db8::7:53 -> 2001:db8::8:1053",
            "snort.alert",
            &[
                ("source.ip", "2001:db8::7"),
                ("source.port", "53"),
                ("rule.name", "text"),
            ],
        );
        read(
            "02/28-23:59:59.5 [**] [116:7:1] (decoder) text [**] [Priority: 3] {ICMP} 192.0.2.7 -> 192.0.2.8",
            "snort.alert",
            &[
                ("@timestamp", "2026-02-28T23:59:59.500000Z"),
                ("destination.ip", "192.0.2.8"),
            ],
        );
        read("[**] [1:7:1] cut o", "snort.alert", &[("rule.id", "7")]);
        for other in [
            "[**] x [**]",
            "[1:2] [Priority: 3]",
            "Mar  1 10:00:05 h app[7]: [1:7:1] x [Priority: 3] {TCP} a -> b",
        ] {
            assert!(!reads(other), "{other}");
        }
    }
}
