//! MikroTik's RouterOS: topics, then a sentence.
//!
//! ```text
//! firewall,info drop input: in:ether1 out:(unknown 0), src-mac 02:…, proto TCP (SYN), 192.0.2.7:1->198.51.100.9:22, len 60
//! system,info,account user mara logged in from 192.0.2.7 via ssh
//! ```
//!
//! The topics are the router's; a packet's sentence has a fixed order. Over BSD syslog they are no tag (they hold a
//! comma), so that a line with an ISO time is not recognised as syslog: its header is read here.

use crate::formats::fields::{Fields, host_port};
use crate::formats::syslog::Header;
use crate::formats::text::shape::{self, Found};
use crate::formats::text::{Event, Grammar, Line};
use crate::value::Value;

/// The grammars.
pub(super) const GRAMMARS: &[Grammar] = &[Grammar {
    name: "mikrotik.routeros",
    marks: &[
        "firewall,",
        "system,",
        "dhcp,",
        "wireless,",
        "interface,",
        "ppp,",
        "ipsec,",
        "l2tp,",
        "pptp,",
        "sstp,",
        "ovpn,",
        "hotspot,",
        "account,",
        "caps,",
        "wifi,",
        "radius,",
        " out:",
        "script,",
        "dns,",
        "ssh,",
    ],
    programs: &[],
    read,
}];

const TOPICS: [&str; 28] = [
    "account",
    "async",
    "bgp",
    "bridge",
    "calc",
    "caps",
    "certificate",
    "critical",
    "debug",
    "dhcp",
    "dns",
    "error",
    "firewall",
    "hotspot",
    "info",
    "interface",
    "ipsec",
    "l2tp",
    "ovpn",
    "ppp",
    "pptp",
    "radius",
    "script",
    "sstp",
    "system",
    "warning",
    "wifi",
    "wireless",
];

#[rustfmt::skip]
const SENTENCES: &[(&str, &str, &str)] = &[
    ("login", "success", "user {>user} logged in from {@ip} via {=network.protocol}"),
    ("login", "success", "user {>user} logged in via {=network.protocol}"),
    ("logout", "", "user {>user} logged out from {@ip} via {=network.protocol}"),
    ("logout", "", "user {>user} logged out via {=network.protocol}"),
    ("login", "failure", "login failure for user {>user} from {@ip} via {=network.protocol}"),
    ("login", "failure", "login failure for user {>user} via {=network.protocol}"),
    ("dhcp-assigned", "", "{=dhcp_server} assigned {@ip} [for ][to ]{=source.mac}[ {source.domain}]"),
    ("dhcp-released", "", "{=dhcp_server} deassigned {@ip} [for ][from ]{=source.mac}[ {source.domain}]"),
    ("interface-up", "", "{=interface} link up*"),
    ("interface-down", "", "{=interface} link down*"),
    ("wireless-connected", "", "{=source.mac}@{=interface}: connected*"),
    ("wireless-disconnected", "", "{=source.mac}@{=interface}: disconnected*"),
    ("configuration", "", "{} {=change} by {=user}"),
];

fn read<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let none = line.header.host.is_none() && line.header.tag.is_none();
    // No tag, so that the header was not seen as one.
    let header = match none {
        true => Header::parse(line.raw, line.context.reference_time, line.context.timezone),
        false => None,
    };
    let header = header
        .as_ref()
        .filter(|header| header.tag.is_none())
        .unwrap_or(line.header);
    let body = match header.host.is_some() {
        true => header.message,
        false => line.body,
    }
    .trim_start_matches(' ');
    // RouterOS puts its own name, or the topics, where the tag belongs.
    if let Some(tag) = header.tag
        && !tag.eq_ignore_ascii_case("mikrotik")
        && !is_topics(tag)
    {
        return None;
    }
    let (topics, text) = match body.split_once([' ', ':']) {
        Some((topics, text)) if is_topics(topics) => (topics, text.trim_start_matches([':', ' '])),
        _ => ("", body),
    };
    let mut event = Event::new("mikrotik.routeros");
    let fields = &mut event.fields;
    let read =
        packet(line, text, fields) || (!topics.is_empty() || header.tag.is_some()) && sentence(text, fields);
    if !read && topics.is_empty() {
        return None;
    }
    fields.put(
        "topics",
        Value::List(
            topics
                .split(',')
                .filter(|topic| !topic.is_empty())
                .map(Value::Str)
                .collect(),
        ),
    );
    if let Some(host) = header.host {
        fields.text("host.name", host);
        fields.text("observer.hostname", host);
    }
    fields.text("message", body);
    event.time = header.time;
    Some(event)
}

/// Whether `text` is a list of RouterOS' topics; one alone is too little to tell.
fn is_topics(text: &str) -> bool {
    text.contains(',')
        && text
            .split(',')
            .all(|topic| TOPICS.contains(&topic.trim_start_matches('!')))
}

fn sentence<'a>(text: &'a str, fields: &mut Fields<'a>) -> bool {
    let mut found = Found::new();
    for &(action, outcome, shape) in SENTENCES {
        if shape::matches(shape, text, |_, _| 0, &mut found) {
            for (name, value) in found {
                match name {
                    "user" => fields.text("user.name", value),
                    "ip" => fields.source(value),
                    "interface" => fields.text("observer.ingress.interface.name", value),
                    _ => fields.text(name, value),
                }
            }
            fields.event(action, outcome);
            return true;
        }
    }
    false
}

/// `[prefix ]chain: in:a out:b, [connection-state:x][,snat ][src-mac m,] proto P (flags), from->to, [NAT …, ]len n`
fn packet<'a>(line: &Line<'a>, text: &'a str, fields: &mut Fields<'a>) -> bool {
    let Some((chain, rest)) = text.split_once(": in:") else {
        return false;
    };
    let Some((interfaces, rest)) = rest.split_once(", ") else {
        return false;
    };
    let Some((input, output)) = interfaces.split_once(" out:") else {
        return false;
    };
    let Some((before, rest)) = rest.split_once("proto ") else {
        return false;
    };
    if chain.len() > 128 {
        return false;
    }
    let (prefix, chain) = chain.rsplit_once(' ').unwrap_or(("", chain));
    fields.text("prefix", prefix);
    fields.text("chain", chain);
    let known = |name: &'a str| if name.starts_with("(unknown") { "" } else { name };
    fields.text("observer.ingress.interface.name", known(input));
    fields.text("observer.egress.interface.name", known(output));
    if let Some((_, mac)) = before.split_once("src-mac ") {
        fields.text("source.mac", mac.trim_end_matches([',', ' ']));
    }
    if let Some((_, state)) = before.split_once("connection-state:") {
        fields.text(
            "connection_state",
            state.split([' ', ',']).next().unwrap_or_default(),
        );
    }
    let (protocol, rest) = rest.split_once(", ").unwrap_or((rest, ""));
    let (protocol, detail) = protocol.split_once(" (").unwrap_or((protocol, ""));
    fields.text("network.transport", line.keep(protocol.to_ascii_lowercase()));
    fields.text(
        if protocol.starts_with("ICMP") {
            "icmp"
        } else {
            "tcp_flags"
        },
        detail.trim_end_matches(')'),
    );
    let mut parts = rest.split(", ");
    if let Some((from, to)) = parts.next().and_then(|ends| ends.split_once("->")) {
        let (host, port) = host_port(from);
        fields.source(host);
        if let Some(port) = port {
            fields.port("source.port", port);
        }
        let (host, port) = host_port(to);
        fields.destination(host);
        if let Some(port) = port {
            fields.port("destination.port", port);
        }
    }
    for part in parts {
        if let Some(length) = part.strip_prefix("len ") {
            fields.number("network.bytes", length.trim_end());
        } else if let Some(nat) = part.strip_prefix("NAT ") {
            translated(nat, fields);
        }
    }
    let action = prefix.split([' ', '_', '-', ':']).find(|word| {
        ["drop", "accept", "reject", "deny", "block", "allow"]
            .iter()
            .any(|action| action.eq_ignore_ascii_case(word))
    });
    fields.text("event.action", action.unwrap_or_default());
    true
}

/// `(a:1->b:2)->c:3`: the source was translated; `a:1->(b:2->c:3)`: the destination was.
fn translated<'a>(text: &'a str, fields: &mut Fields<'a>) {
    if let Some((source, _)) = text.strip_prefix('(').and_then(|text| text.split_once(")->"))
        && let Some((_, mapped)) = source.split_once("->")
    {
        let (host, port) = host_port(mapped);
        fields.text("source.nat.ip", host);
        fields.port("source.nat.port", port.unwrap_or_default());
    }
    if let Some((_, destination)) = text.split_once("->(")
        && let Some((_, mapped)) = destination.trim_end_matches(')').split_once("->")
    {
        let (host, port) = host_port(mapped);
        fields.text("destination.nat.ip", host);
        fields.port("destination.nat.port", port.unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use crate::formats::vendors::filters::testing::{read, reads};

    #[test]
    fn packets() {
        read(
            "2026-03-01T11:00:05.250000+01:00 gw firewall,info drop_all input: in:WAN out:(unknown 0), connection-state:new \
             src-mac 02:00:00:00:00:01, proto TCP (SYN), [2001:db8::7]:50001->[2001:db8::8]:22, len 60",
            "mikrotik.routeros",
            &[
                ("@timestamp", "2026-03-01T10:00:05.250000Z"),
                ("host.name", "gw"),
                ("chain", "input"),
                ("prefix", "drop_all"),
                ("event.action", "drop"),
                ("observer.ingress.interface.name", "WAN"),
                ("source.mac", "02:00:00:00:00:01"),
                ("source.ip", "2001:db8::7"),
                ("source.port", "50001"),
                ("destination.port", "22"),
                ("network.transport", "tcp"),
                ("network.bytes", "60"),
                ("topics", "firewall,info"),
            ],
        );
        read(
            "forward: in:lan out:wan, proto UDP, 192.0.2.7:53->198.51.100.9:53, NAT (192.0.2.7:53->203.0.113.5:1053)->198.51.100.9:53, len 7",
            "mikrotik.routeros",
            &[("source.nat.ip", "203.0.113.5"), ("source.nat.port", "1053")],
        );
    }

    #[test]
    fn users() {
        read(
            "system,error,critical login failure for user x from 203.0.113.66 via ssh from 192.0.2.7 via web",
            "mikrotik.routeros",
            &[("source.ip", "192.0.2.7"), ("event.outcome", "failure")],
        );
        read("firewall,info input: in:WAN ou", "mikrotik.routeros", &[]);
        for other in [
            "Mar  1 10:00:05 web1 sshd[7]: x: in:a out:b, proto TCP, 203.0.113.66:1->192.0.2.1:2, len 3",
            "system, and more",
            "user mara logged in from 192.0.2.7 via ssh",
        ] {
            assert!(!reads(other), "{other}");
        }
    }
}
