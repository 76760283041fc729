//! Appliances that write sentences or records of their own behind an ordinary header.
//!
//! ```text
//! <30>Mar  1 10:00:00 US8P60,f09fc26f4419,v4.0.54.10625 switch: TRAPMGR: …         Ubiquiti's switches and access points
//! <27>[Device: dp1 192.0.2.9] M_20000: 2 attacks of type "Intrusions" started …     Radware DefensePro
//! <5>Mar  1 10:00:00 [node1:wafl.scan.done:info]: Completed …                       NetApp ONTAP
//! Mar  1 10:00:00 host dfwpktlogs: 4711 INET match PASS domain-c7/1001 IN 60 TCP 192.0.2.4/45926->198.51.100.9/8140 S
//! Mar  1 10:00:00 host Severity: Informational, Category: Audit, MessageID: LOG007, Message: …   Dell iDRAC
//! Mar  1 10:00:00 host ossec: Alert Level: 3; Rule: 5501 - Login session opened.; Location: …; user: jane; …
//! ```
//!
//! Each is recognised by what only the device writes: its program, or the first words of its message. What it names
//! stands in a fixed order in front of any text that a stranger chose; products that write pairs are in [`keyed`].

mod keyed;

use crate::formats::fields::{Fields, address, host_port};
use crate::formats::text::parts::{instant, without_priority};
use crate::formats::text::{Event, Grammar, Line};
use crate::value::Value;

/// The grammars of all appliances.
pub(super) const GROUPS: [&[Grammar]; 2] = [GRAMMARS, keyed::GRAMMARS];

const GRAMMARS: &[Grammar] = &[
    Grammar {
        name: "Ubiquiti devices",
        marks: &[",v3.", ",v4.", ",v5.", ",v6.", ",v7.", ",v8."],
        programs: &[],
        read: ubiquiti,
    },
    Grammar {
        name: "Radware DefensePro",
        marks: &["M_"],
        programs: &[],
        read: radware,
    },
    Grammar {
        name: "Raritan",
        marks: &["[Login Failed]: ", "[Login]: ", "[Logout]: ", "[Access Login]: "],
        programs: &[],
        read: raritan,
    },
    Grammar {
        name: "NetApp ONTAP",
        marks: &[
            ":debug]:",
            ":info]:",
            ":notice]:",
            ":warning]:",
            ":error]:",
            ":alert]:",
            ":emergency]:",
            ":INFO]:",
            ":NOTICE]:",
            ":WARNING]:",
            ":ERROR]:",
            ":ALERT]:",
            ":EMERGENCY]:",
        ],
        programs: &[],
        read: ontap,
    },
    Grammar {
        name: "Dell iDRAC",
        marks: &[],
        programs: &["severity"],
        read: idrac,
    },
    Grammar {
        name: "OSSEC",
        marks: &[],
        programs: &["ossec"],
        read: ossec,
    },
    Grammar {
        name: "VMware NSX distributed firewall",
        marks: &["dfwpktlogs:", "FIREWALL_PKTLOG:"],
        programs: &["dfwpktlogs", "firewall_pktlog", "firewall-pktlog"],
        read: nsx,
    },
    Grammar {
        name: "Symantec Messaging Gateway",
        marks: &["[Brightmail] "],
        programs: &[],
        read: brightmail,
    },
    Grammar {
        name: "Pulse Connect Secure, bars",
        marks: &["ive | "],
        programs: &[],
        read: pulse,
    },
    Grammar {
        name: "NETSCOUT Arbor",
        marks: &[],
        programs: &["pfsp", "arbornetworks", "arbor-networks", "arbor-networks-aed"],
        read: arbor,
    },
];

/// Name, hardware address and firmware where a header has the host: `NAME,f09fc26f4419,v4.0.54`, older ones in brackets.
fn ubiquiti<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let host = line.header.host?;
    let host = host
        .strip_prefix("(\"")
        .and_then(|host| host.strip_suffix("\")"))
        .unwrap_or(host);
    let mut parts = host.split(',');
    let (name, mac, version) = (parts.next()?, parts.next()?, parts.next()?);
    let is_device = mac.len() == 12
        && mac.bytes().all(|b| b.is_ascii_hexdigit())
        && version.starts_with('v')
        && parts.next().is_none();
    if !is_device {
        return None;
    }
    let mut event = Event::new("ubiquiti.unifi");
    event.fields.text("host.name", name);
    event.fields.text("observer.mac", mac);
    event.fields.text("observer.version", version);
    Some(event)
}

/// `[Device: NAME ADDRESS] M_20000: text`, or the number of the message alone.
fn radware<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let (tag, _, mut text) = line.tagged();
    let mut event = Event::new("radware.defensepro");
    let fields = &mut event.fields;
    let number = match tag.strip_prefix("M_") {
        Some(number) => number,
        None if tag.is_empty() => {
            text = without_priority(text);
            if let Some(rest) = text.strip_prefix("[Device: ") {
                let (device, rest) = rest.split_once("] ")?;
                let (name, at) = device.rsplit_once(' ')?;
                fields.text("host.name", name);
                fields.text("observer.ip", address(at)?);
                text = rest;
            }
            let (number, rest) = text.strip_prefix("M_")?.split_once(':')?;
            text = rest;
            number
        }
        None => return None,
    };
    if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let text = text.trim_start();
    fields.text("event.code", number);
    fields.text("message", text);
    // `…; Attack name: x; Source IP: 192.0.2.1; Destination IPs: …; Destination port: 53; Action: drop.`
    for part in text.trim_end_matches('.').split("; ") {
        let Some((name, value)) = part.split_once(": ") else {
            continue;
        };
        match name {
            "Attack name" => fields.text("rule.name", value),
            "Source IP" => fields.source(value),
            "Source port" => fields.source_port(value),
            "Destination IP" => fields.destination(value),
            "Destination IPs" => fields.destination(value.split(", ").next().unwrap_or(value)),
            "Destination port" => fields.port("destination.port", value),
            "Protocol" => fields.transport(value),
            "Action" => fields.text("event.action", value),
            _ => {}
        }
    }
    Some(event)
}

/// `[Login Failed]: Authentication failed for user 'jane' from host 'console1'`: from the end inwards.
fn raritan<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let body = without_priority(line.body);
    let (name, text) = body.strip_prefix('[')?.split_once("]: ")?;
    if line.header.tag.is_some() || !name.bytes().all(|b| b.is_ascii_alphabetic() || b == b' ') {
        return None;
    }
    let mut event = Event::new("raritan.kvm");
    let fields = &mut event.fields;
    fields.text("event.action", name);
    fields.text("message", text);
    if let Some((head, host)) = text
        .trim_end_matches('.')
        .strip_suffix('\'')
        .and_then(|text| text.rsplit_once("' from host '"))
    {
        fields.source(host);
        if let Some((_, user)) = head.split_once(" user '") {
            fields.text("user.name", user);
        }
    }
    if name.ends_with("Failed") {
        fields.text("event.outcome", "failure");
    }
    Some(event)
}

/// `[node:event.name:severity]: text`; no program writes it.
fn ontap<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    if line.header.tag.is_some() {
        return None;
    }
    let (head, text) = without_priority(line.body).strip_prefix('[')?.split_once("]: ")?;
    let (head, severity) = head.rsplit_once(':')?;
    let (node, name) = head.split_once(':')?;
    let plain = |text: &str| {
        !text.is_empty()
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b':'))
    };
    if !plain(node) || !plain(name) || !severity.bytes().all(|b| b.is_ascii_alphabetic()) {
        return None;
    }
    let mut event = Event::new("netapp.ontap");
    event.fields.text("host.name", node);
    event.fields.text("event.action", name);
    event.fields.text("log.level", severity);
    event.fields.text("message", text);
    Some(event)
}

/// `Severity: Informational, Category: Audit, MessageID: LOG007, Message: …`; the first word is taken for a tag.
fn idrac<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let (severity, rest) = line.body.split_once(", Category: ")?;
    let (category, rest) = rest.split_once(", MessageID: ")?;
    let (id, text) = rest.split_once(", Message: ")?;
    if [severity, category, id].iter().any(|part| part.len() > 40) {
        return None;
    }
    let mut event = Event::new("dell.idrac");
    let fields = &mut event.fields;
    fields.text("log.level", severity);
    fields.text("category", category);
    fields.text("event.code", id);
    fields.text("message", text);
    // `Successfully logged in using root, from 192.0.2.7 and REDFISH.`: the name is whoever's who tried.
    if let Some((head, rest)) = text.rsplit_once(", from ")
        && let Some(ip) = rest.split(' ').next().and_then(address)
    {
        fields.text("source.ip", ip);
        if let Some((_, user)) = head.split_once(" using ") {
            fields.text("user.name", user);
        }
    }
    Some(event)
}

/// `Alert Level: 3; Rule: 5501 - …; Location: (host) 192.0.2.4->/var/log/secure; srcip: …; user: …; the line itself`.
/// What the line itself says stands last.
fn ossec<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let (level, rest) = line.body.strip_prefix("Alert Level: ")?.split_once("; ")?;
    let (rule, rest) = rest.strip_prefix("Rule: ")?.split_once("; ")?;
    let (location, mut rest) = rest.strip_prefix("Location: ")?.split_once("; ")?;
    let (id, name) = rule.split_once(" - ").unwrap_or((rule, ""));
    let mut event = Event::new("ossec.alert");
    let fields = &mut event.fields;
    fields.number("event.severity", level);
    fields.text("rule.id", id);
    fields.text("rule.name", name);
    fields.text("location", location);
    if let Some((agent, _)) = location.rsplit_once("->") {
        if let Some((name, at)) = agent.strip_prefix('(').and_then(|agent| agent.split_once(") ")) {
            fields.text("host.name", name);
            fields.text("host.ip", address(at).unwrap_or_default());
        } else {
            fields.text("host.name", agent);
        }
    }
    while let Some((name, value, after)) = rest
        .split_once("; ")
        .and_then(|(pair, after)| pair.split_once(": ").map(|(name, value)| (name, value, after)))
    {
        match name {
            "classification" => fields.text("rule.category", value.trim_end_matches(',')),
            "srcip" => fields.source(value),
            "dstip" => fields.destination(value),
            "srcport" => fields.source_port(value),
            "dstport" => fields.port("destination.port", value),
            "user" => fields.text("user.name", value),
            _ => break,
        }
        rest = after;
    }
    fields.text("message", rest);
    Some(event)
}

/// `4711 INET match PASS domain-c7/1001 IN 60 TCP 192.0.2.4/45926->198.51.100.9/8140 S`, with or without a number in
/// front; `INET TERM …` has counts behind the addresses.
fn nsx<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let text = line
        .body
        .split_once("FIREWALL_PKTLOG: ")
        .map_or(line.body, |(_, text)| text);
    let mut words = text.split(' ').filter(|word| !word.is_empty());
    let mut next = words.next()?;
    let mut event = Event::new("vmware.nsx_firewall");
    let fields = &mut event.fields;
    if !matches!(next, "INET" | "INET6") {
        fields.text("filter", next);
        next = words.next()?;
    }
    if !matches!(next, "INET" | "INET6") {
        return None;
    }
    fields.text("network.type", if next == "INET" { "ipv4" } else { "ipv6" });
    let reason = words.next()?;
    fields.text("event.reason", reason);
    let mut next = words.next()?;
    if matches!(
        next,
        "PASS"
            | "DROP"
            | "REJECT"
            | "SCRUB"
            | "NOSCRUB"
            | "NAT"
            | "NONAT"
            | "RDR"
            | "NORDR"
            | "PUNT"
            | "REDIRECT"
    ) {
        fields.text("event.action", next);
        next = words.next()?;
    }
    let (ruleset, rule) = next.rsplit_once('/').unwrap_or(("", next));
    fields.text("rule.ruleset", ruleset);
    fields.text("rule.id", rule);
    fields.text(
        "network.direction",
        match words.next()? {
            "IN" => "inbound",
            "OUT" => "outbound",
            _ => return None,
        },
    );
    let mut next = words.next()?;
    if next.bytes().all(|b| b.is_ascii_digit()) {
        fields.number("network.bytes", next);
        next = words.next()?;
    }
    if next == "PROTO" {
        next = words.next()?;
    }
    fields.transport(next);
    // Types of ICMP stand between the protocol and the addresses.
    let peers = words.take(4).find(|word| word.contains("->"))?;
    let (from, to) = peers.split_once("->")?;
    for (peer, ip, port) in [
        (from, "source.ip", "source.port"),
        (to, "destination.ip", "destination.port"),
    ] {
        let (host, number) = peer.rsplit_once('/').unwrap_or((peer, ""));
        fields.text(ip, address(host)?);
        fields.port(port, number);
    }
    Some(event)
}

/// `conduit: [Brightmail] (NOTICE:7500.3119331456): [12066] text`
fn brightmail<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let (_, _, text) = line.tagged();
    let rest = text.strip_prefix("[Brightmail] (")?;
    let (level, rest) = rest.split_once(':')?;
    let (_, rest) = rest.split_once("): ")?;
    let mut event = Event::new("symantec.messaging_gateway");
    event.fields.text("log.level", level);
    if let Some((code, text)) = rest.strip_prefix('[').and_then(|rest| rest.split_once("] ")) {
        event.fields.text("event.code", code);
        event.fields.text("message", text);
    }
    Some(event)
}

/// `ive | 2026-03-01 10:00:00 | AUT24326 | info | 192.0.2.1 | kind | 198.51.100.9 | jane | …`
fn pulse<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let rest = line.body.trim_start().strip_prefix("ive | ")?;
    let mut cells = rest.split(" | ").map(str::trim);
    let (stamp, code, level, node) = (cells.next()?, cells.next()?, cells.next()?, cells.next()?);
    let is_code = code.len() >= 5 && code.bytes().all(|b| b.is_ascii_alphanumeric());
    if !is_code {
        return None;
    }
    let mut event = Event::new("ivanti.connect_secure");
    event.time = instant(line, stamp, "");
    let fields = &mut event.fields;
    fields.text("event.code", code);
    fields.text("log.level", level);
    fields.text("observer.ip", address(node).unwrap_or_default());
    fields.text("kind", cells.next().unwrap_or_default());
    fields.text("source.ip", cells.next().and_then(address).unwrap_or_default());
    fields.known("user.name", cells.next().unwrap_or_default());
    Some(event)
}

/// `Host Detection alert #7, start 2026-03-01 10:00:00 GMT, duration 60, direction incoming, host 192.0.2.7, …`
fn arbor<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let mut event = Event::new("netscout.arbor");
    let fields = &mut event.fields;
    fields.text("message", line.body);
    let mut parts = line.body.split(", ");
    let first = parts.next().unwrap_or_default();
    if let Some((kind, id)) = first.split_once(" alert #") {
        fields.text("event.action", kind);
        fields.text("alert_id", id.split(' ').next().unwrap_or(id));
        for part in parts {
            let Some((name, value)) = part.split_once(' ') else {
                continue;
            };
            match name {
                "direction" => fields.text("network.direction", value),
                "host" => {
                    let (host, port) = host_port(value);
                    fields.destination(host);
                    if let Some(port) = port {
                        fields.port("destination.port", port);
                    }
                }
                "importance" => fields.text("log.level", value),
                "start" => put_instant(line, fields, "event.start", value),
                "stop" => put_instant(line, fields, "event.end", value),
                // What follows quotes names that people gave.
                "signatures" | "managed_objects" => break,
                _ => {}
            }
        }
    }
    Some(event)
}

fn put_instant<'a>(line: &Line<'a>, fields: &mut Fields<'a>, name: &'static str, text: &'a str) {
    if let found @ Value::Time(_) = line.instant(text) {
        fields.put(name, found);
    }
}

#[cfg(test)]
mod tests;
