//! From the captures of a message's shape to fields.
//!
//! A capture's name is the field's, ECS or native, but for those that [`fill`] takes apart. Interfaces, translated
//! addresses and users are kept in the columns of Elastic's integration (`source_interface`, `mapped_source_ip`,
//! `source_username`) beside those of ECS, so that both kinds of search find them.

use super::endpoint::{self, End};
use crate::formats::fields::{Fields, address};
use crate::formats::text::Line;
use crate::formats::text::search::Search;
use crate::formats::text::shape::Found;
use crate::formats::text::url::put_url;
use crate::time;
use crate::value::Value;

/// The native names of one side of a connection.
struct Side {
    ip: &'static str,
    domain: &'static str,
    port: &'static str,
    nat_ip: &'static str,
    nat_port: &'static str,
    user: &'static str,
    user_domain: &'static str,
    interface: &'static str,
    observed: &'static str,
    mapped_ip: &'static str,
    mapped_host: &'static str,
    mapped_port: &'static str,
    username: &'static str,
}

const SOURCE: Side = Side {
    ip: "source.ip",
    domain: "source.domain",
    port: "source.port",
    nat_ip: "source.nat.ip",
    nat_port: "source.nat.port",
    user: "source.user.name",
    user_domain: "source.user.domain",
    interface: "source_interface",
    observed: "observer.ingress.interface.name",
    mapped_ip: "mapped_source_ip",
    mapped_host: "mapped_source_host",
    mapped_port: "mapped_source_port",
    username: "source_username",
};

const DESTINATION: Side = Side {
    ip: "destination.ip",
    domain: "destination.domain",
    port: "destination.port",
    nat_ip: "destination.nat.ip",
    nat_port: "destination.nat.port",
    user: "destination.user.name",
    user_domain: "destination.user.domain",
    interface: "destination_interface",
    observed: "observer.egress.interface.name",
    mapped_ip: "mapped_destination_ip",
    mapped_host: "mapped_destination_host",
    mapped_port: "mapped_destination_port",
    username: "destination_username",
};

/// Puts the captures of a message into `fields`.
pub(super) fn fill<'a>(line: &Line<'a>, found: &Found<'a>, fields: &mut Fields<'a>) {
    let direction = found.iter().find(|(name, _)| *name == "dir").map(|(_, dir)| *dir);
    let outbound = direction.is_some_and(|dir| dir.eq_ignore_ascii_case("outbound"));
    let inbound = direction.is_some_and(|dir| dir.eq_ignore_ascii_case("inbound"));
    // `for` and `faddr` name the far end: of an outbound connection it is where it goes to.
    let (far, near) = match outbound {
        true => (&DESTINATION, &SOURCE),
        false => (&SOURCE, &DESTINATION),
    };
    let (foreign, local) = match inbound {
        true => (&SOURCE, &DESTINATION),
        false => (&DESTINATION, &SOURCE),
    };
    for &(name, value) in found {
        // As bytes: names are told apart by their length and letters, not one after the other.
        match name.as_bytes() {
            b"" | b"in" | b"verb" | b"dns_type" => {}
            b"S" | b"s" | b"A" => end(&SOURCE, name, value, fields),
            b"D" | b"d" | b"B" => end(&DESTINATION, name, value, fields),
            b"X" => end(far, name, value, fields),
            b"Y" => end(near, name, value, fields),
            b"f" => faddr(foreign, value, fields),
            b"g" => global(local, value, fields),
            b"l" => end(local, name, value, fields),
            b"o" | b"p" => original(name, value, fields),
            b"dir" => fields.text("network.direction", folded(line, value)),
            b"proto" => protocol(line, value, fields),
            b"app" => fields.text("network.protocol", folded(line, value)),
            b"type" => fields.number("icmp_type", value),
            b"code" => fields.number("icmp_code", value),
            b"ifc" => {
                let interface = value.trim_end_matches('.');
                fields.text("source_interface", interface);
                fields.text("observer.ingress.interface.name", interface);
            }
            b"rule" => {
                fields.text("rule_name", value);
                fields.text("rule.name", value);
                fields.text("event.reason", value);
            }
            b"reason" => fields.text("event.reason", value),
            b"user" => user("user.name", "user.domain", value, fields),
            b"suser" => user("source.user.name", "source.user.domain", value, fields),
            b"duser" => user("destination.user.name", "destination.user.domain", value, fields),
            b"susr" => username(&SOURCE, value, fields),
            b"dusr" => username(&DESTINATION, value, fields),
            b"lusr" => {
                fields.text("source_username", value);
                user(local.user, local.user_domain, value, fields);
            }
            b"term" => {
                fields.text("termination_user", value);
                user("user.name", "user.domain", value, fields);
            }
            b"group" => {
                fields.text("user.group.name", value);
                fields.text("webvpn.group_name", value);
                fields.text("vpn.source.group", value);
                fields.text("vpn.domain", value);
            }
            b"policy" => fields.text("rule.name", value),
            b"ip" => fields.source(value),
            b"server" | b"h" => fields.destination(value),
            b"nat" => fields.text("source.nat.ip", value),
            b"assigned_ip" => {
                fields.text("assigned_ip", value);
                fields.text("source.nat.ip", value);
            }
            b"lip" => fields.source(value),
            b"lport" => fields.number("source.port", value),
            b"rip" => fields.destination(value),
            b"rport" => fields.number("destination.port", value),
            b"url" => put_url(fields, value),
            b"cmd" => {
                fields.text("process.command_line", value);
                fields.text("command_line_arguments", value);
            }
            b"flags" => fields.text("tcp_flags", value),
            b"bytes" => fields.number("network.bytes", value),
            b"dur" => duration(line, value, fields),
            b"outcome" => fields.text("outcome", value.trim_end_matches('.')),
            b"connection_type" => {
                fields.text("connection_type", value);
                if let Some(last) = value
                    .rsplit(' ')
                    .next()
                    .filter(|last| matches!(*last, "TCP" | "UDP"))
                {
                    protocol(line, last, fields);
                }
            }
            b"list_entry" => listed(found, value, fields),
            b"dap_records" => {
                let records = value.split(',').map(|record| Value::Str(record.trim())).collect();
                fields.put("dap_records", Value::List(records));
            }
            b"service" => fields.text("network.protocol", value),
            _ => fields.text(name, value),
        }
    }
    // The verb of an intrusion module says what was done.
    if let Some((_, verb)) = found.iter().find(|(name, _)| *name == "verb") {
        fields.text("event.action", verb);
    }
    if let Some((_, dns)) = found.iter().find(|(name, _)| *name == "dns_type") {
        fields.text("dns_type", dns);
    }
}

/// One end of a connection.
fn end<'a>(side: &Side, letter: &str, text: &'a str, fields: &mut Fields<'a>) {
    let Some((end, _)) = endpoint::parse(letter.as_bytes()[0], text) else {
        return;
    };
    let End {
        interface,
        host,
        port,
        mapped_host,
        mapped_port,
        user,
    } = end;
    fields.text(side.interface, interface);
    fields.text(side.observed, interface);
    fields.endpoint(side.ip, side.domain, host);
    match port.bytes().all(|b| b.is_ascii_digit()) {
        true => fields.number(side.port, port),
        // A name from the device's table of services: `ssh`.
        false => fields.text("network.protocol", port),
    }
    if !mapped_host.is_empty() {
        match address(mapped_host) {
            Some(ip) => {
                fields.text(side.mapped_ip, ip);
                if mapped_host != host {
                    fields.text(side.nat_ip, ip);
                }
            }
            None => fields.text(side.mapped_host, mapped_host),
        }
        fields.number(side.mapped_port, mapped_port);
        if mapped_port != port {
            fields.number(side.nat_port, mapped_port);
        }
    }
    username(side, user, fields);
}

/// The user of one side of a connection, in full and taken apart.
fn username<'a>(side: &Side, text: &'a str, fields: &mut Fields<'a>) {
    fields.text(side.username, text);
    user(side.user, side.user_domain, text, fields);
}

/// The far end of an ICMP connection: its sequence number stands where ports do. The columns of users are Elastic's,
/// whichever side is the source.
fn faddr<'a>(foreign: &Side, text: &'a str, fields: &mut Fields<'a>) {
    let Some((end, _)) = endpoint::parse(b'f', text) else {
        return;
    };
    fields.endpoint(foreign.ip, foreign.domain, end.host);
    fields.number(foreign.port, end.port);
    fields.number("icmp_seq", end.port);
    fields.text("destination_username", end.user);
    user(foreign.user, foreign.user_domain, end.user, fields);
    fields.text("network.protocol", "icmp");
}

/// `gaddr`, the address by which the outside knows the local end.
fn global<'a>(local: &Side, text: &'a str, fields: &mut Fields<'a>) {
    let Some((end, _)) = endpoint::parse(b'g', text) else {
        return;
    };
    match address(end.host) {
        Some(ip) => {
            // Elastic's name, whichever side is the source.
            fields.text("mapped_source_ip", ip);
            fields.text(local.nat_ip, ip);
        }
        None => fields.text("mapped_source_host", end.host),
    }
}

/// The ends of the connection that an ICMP error is about; its ports are all that the error knows of any.
fn original<'a>(letter: &str, text: &'a str, fields: &mut Fields<'a>) {
    let Some((end, _)) = endpoint::parse(b's', text) else {
        return;
    };
    let (ip, port) = match letter {
        "o" => ("original.source.ip", "source.port"),
        _ => ("original.destination.ip", "destination.port"),
    };
    fields.text(ip, end.host);
    fields.number(port, end.port);
}

/// `LOCAL\mara`, `LOCAL\corp\mara`, `mara@corp.example`: name and domain.
fn user<'a>(name: &'static str, domain: &'static str, text: &'a str, fields: &mut Fields<'a>) {
    if text.is_empty() {
        return;
    }
    // Behind a comma stands the security group.
    let text = text.cut(", ").map_or(text, |(user, _)| user);
    let (realm, account) = text.rsplit_once('\\').unwrap_or(("", text));
    let (account, suffix) = account.split_once('@').unwrap_or((account, ""));
    fields.text(name, account);
    let realm = realm.rsplit('\\').next().unwrap_or_default();
    fields.text(domain, if suffix.is_empty() { realm } else { suffix });
}

/// An entry of the botnet filter's lists: a domain, or a network.
fn listed<'a>(found: &Found<'a>, entry: &'a str, fields: &mut Fields<'a>) {
    if entry.contains('/') || address(entry).is_some() {
        return fields.text("list_entry", entry);
    }
    let is_source = found
        .iter()
        .any(|(name, side)| *name == "listed_side" && *side == "source");
    fields.text(
        if is_source {
            "source.domain"
        } else {
            "destination.domain"
        },
        entry,
    );
}

/// The transport protocol by name or number.
fn protocol<'a>(line: &Line<'a>, text: &'a str, fields: &mut Fields<'a>) {
    const KNOWN: [(&str, &str); 14] = [
        ("tcp", "6"),
        ("udp", "17"),
        ("icmp", "1"),
        ("igmp", "2"),
        ("ipip", "4"),
        ("gre", "47"),
        ("esp", "50"),
        ("ah", "51"),
        ("icmpv6", "58"),
        ("icmp6", "58"),
        ("eigrp", "88"),
        ("ospf", "89"),
        ("pim", "103"),
        ("sctp", "132"),
    ];
    if text.bytes().all(|b| b.is_ascii_digit()) {
        fields.text("network.iana_number", text);
        return fields.text("network.transport", text);
    }
    match KNOWN.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)) {
        Some((name, number)) => {
            fields.text("network.transport", name);
            fields.text("network.iana_number", number);
        }
        None => fields.text("network.transport", folded(line, text)),
    }
}

/// `text` in lower case.
fn folded<'a>(line: &Line<'a>, text: &'a str) -> &'a str {
    match text.bytes().any(|b| b.is_ascii_uppercase()) {
        true => line.keep(text.to_ascii_lowercase()),
        false => text,
    }
}

/// The years 1970 to 9999, microseconds since the epoch: what is spelled with four digits of a year.
const YEARS: std::ops::Range<i64> = 0..253_402_300_800_000_000;

/// How long a connection or session was, and when it began.
fn duration<'a>(line: &Line<'a>, text: &str, fields: &mut Fields<'a>) {
    let Some(seconds) = seconds(text) else { return };
    fields.put(
        "event.duration",
        Value::Int(seconds.saturating_mul(1_000_000_000)),
    );
    let Some(ended) = line.header.time else { return };
    let started = ended.saturating_sub(seconds.saturating_mul(1_000_000));
    for (name, instant) in [("event.start", started), ("event.end", ended)] {
        if YEARS.contains(&instant) {
            fields.put(name, Value::Time(instant));
        } else if let Some(text) = time::rfc3339(instant) {
            fields.text(name, line.keep(text));
        }
    }
}

/// `1:02:03`, `0h:12m:03s`, `2d 3h:12m:03s` as seconds.
fn seconds(text: &str) -> Option<i64> {
    let mut total: i64 = 0;
    let mut parts = 0;
    for part in text.split([':', ' ']).filter(|part| !part.is_empty()) {
        let digits = part.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let number: i64 = digits.parse().ok()?;
        total = match &part[digits.len()..] {
            "" => total.checked_mul(60)?.checked_add(number)?,
            "d" => total.checked_add(number.checked_mul(86_400)?)?,
            "h" => total.checked_add(number.checked_mul(3_600)?)?,
            "m" => total.checked_add(number.checked_mul(60)?)?,
            "s" => total.checked_add(number)?,
            _ => return None,
        };
        parts += 1;
    }
    (parts > 0).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, wanted) in [
            ("0:02:04", Some(124)),
            ("92:24:20", Some(332_660)),
            ("0h:32m:16s", Some(1_936)),
            ("1d 2h:00m:01s", Some(93_601)),
            ("", None),
            ("x", None),
            ("1y", None),
            ("99999999999999999999:00", None),
        ] {
            assert_eq!(seconds(text), wanted, "{text}");
        }
    }
}
