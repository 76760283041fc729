//! DHCP servers: ISC dhcpd (and what Infoblox and EfficientIP make of it), Kea's and dnsmasq's leases.
//!
//! `DHCPACK on 192.0.2.10 to aa:bb:cc:dd:ee:ff (host-1) via eth0`. The client chooses its host name, which stands in
//! parentheses behind its hardware address; ISC dhcpd writes what is not printable in octal, but not spaces. So the
//! addresses in front of the name are read from the front, and where the request came in from behind the last `) via `.

use super::super::fields::{Fields, address};
use super::super::text::{Event, Grammar, Line};
use crate::value::Value;

/// DHCP.
pub(super) const GRAMMARS: &[Grammar] = &[
    Grammar {
        name: "dnsmasq-dhcp",
        marks: &[],
        programs: &["dnsmasq-dhcp", "dnsmasq-tftp"],
        read: read_dnsmasq,
    },
    Grammar {
        name: "dhcpd",
        marks: &[
            "DHCPDISCOVER",
            "DHCPOFFER",
            "DHCPREQUEST",
            "DHCPACK",
            "DHCPNAK",
            "DHCPDECLINE",
            "DHCPRELEASE",
            "DHCPINFORM",
            "DHCPLEASE",
            "DHCPEXPIRE",
            "BOOTREQUEST",
            "BOOTREPLY",
            "Option 82: ",
            "r-l-e:",
            " NA: address ",
            " PD: address ",
            " TA: address ",
            "Relay-forward ",
            " message from ",
            "Sending ",
        ],
        programs: &["dhcpd", "dhcpd6", "dhcpdv6"],
        read: read_dhcpd,
    },
];

fn read_dhcpd<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let named = line.program().starts_with("dhcpd");
    if line.header.tag.is_some() && !named {
        return None;
    }
    let mut event = Event::new("dhcpd.log");
    let fields = &mut event.fields;
    let text = line.body.trim();
    let known =
        message(text, fields) || version6(text, fields) || relayed(text, fields) || lease_event(text, fields);
    if !known && !named {
        return None;
    }
    fields.category("network");
    fields.put("network.protocol", Value::Str("dhcp"));
    Some(event)
}

/// The kinds of message, and how each ends for the client.
fn outcome(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "DHCPACK" | "BOOTREPLY" => "success",
        "DHCPNAK" | "DHCPDECLINE" => "failure",
        "DHCPDISCOVER"
        | "DHCPOFFER"
        | "DHCPREQUEST"
        | "DHCPRELEASE"
        | "DHCPINFORM"
        | "DHCPLEASEQUERY"
        | "DHCPLEASEACTIVE"
        | "DHCPLEASEUNKNOWN"
        | "DHCPLEASEUNASSIGNED"
        | "DHCPEXPIRE"
        | "BOOTREQUEST" => "",
        _ => return None,
    })
}

/// `DHCPREQUEST for 192.0.2.10 (192.0.2.1) from 01:23:45:67:89:ab (host) via eth0: ignored`.
fn message<'a>(text: &'a str, fields: &mut Fields<'a>) -> bool {
    let text = text.strip_prefix("DHCP4o6 ").unwrap_or(text);
    let (kind, rest) = text.split_once(' ').unwrap_or((text, ""));
    let Some(outcome) = outcome(kind) else {
        return false;
    };
    fields.event(kind, outcome);
    // In front of the client's name everything is the server's.
    let mut rest = rest;
    loop {
        let (word, after) = rest.split_once(' ').unwrap_or((rest, ""));
        let value = after.split(' ').next().unwrap_or_default();
        match word {
            "on" | "for" | "of" => match address(value) {
                Some(ip) => fields.text("source.ip", ip),
                // A client names its interface here.
                None if word == "on" => return false,
                None => break,
            },
            "from" | "to" => match hardware(value.trim_end_matches(':')) {
                Some(mac) => {
                    fields.text("source.mac", mac);
                    if let Some(after) = after.get(value.len()..) {
                        return tail(after, fields);
                    }
                    return true;
                }
                None => match address(value) {
                    Some(ip) => fields.text("source.ip", ip),
                    None => {
                        // `BOOTREPLY for 192.0.2.20 to boot-host (aa:bb:…) via eth1`
                        fields.text("source.domain", value);
                        if let Some(after) = after.get(value.len()..) {
                            return tail(after, fields);
                        }
                        return true;
                    }
                },
            },
            _ => match word.strip_prefix('(').and_then(|inner| inner.strip_suffix(')')) {
                // The server that the client chose.
                Some(inner) => {
                    match address(inner) {
                        Some(ip) => fields.text("server.ip", ip),
                        None => fields.text("source.mac", hardware(inner).unwrap_or_default()),
                    }
                    rest = after;
                    continue;
                }
                None => break,
            },
        }
        rest = after.get(value.len()..).unwrap_or_default().trim_start();
        if rest.is_empty() {
            return true;
        }
    }
    // `DHCPACK to 192.0.2.10 (aa:bb:cc:dd:ee:ff) via eth0` and what follows an address.
    tail(rest, fields)
}

/// ` (host-1) via 192.0.2.254: network 192.0.2.0/24: no free leases`
fn tail<'a>(text: &'a str, fields: &mut Fields<'a>) -> bool {
    let text = text.trim_start();
    let (head, via) = match text.strip_prefix("via ") {
        Some(via) => ("", via),
        None => match text.rfind(") via ") {
            Some(at) => (&text[..=at], &text[at + ") via ".len()..]),
            None => (text, ""),
        },
    };
    if let Some(inner) = head.strip_prefix('(').and_then(|head| head.strip_suffix(')')) {
        match hardware(inner) {
            Some(mac) => fields.text("source.mac", mac),
            None => {
                fields.text("source.domain", inner);
                fields.text("client.name", inner);
            }
        }
    }
    let (from, rest) = match via.find([' ', ':']) {
        // An IPv6 address has colons of its own.
        Some(at) if address(via.split(' ').next().unwrap_or_default()).is_none() => via.split_at(at),
        Some(_) => via.split_once(' ').unwrap_or((via, "")),
        None => (via, ""),
    };
    let from = from.trim_end_matches(':');
    match address(from) {
        Some(ip) => fields.text("relay.ip", ip),
        None => fields.text("observer.ingress.interface.name", from),
    }
    details(rest, fields);
    true
}

/// What follows where a message came in: ` TransID 80b994d6 uid 01:00:… (RENEW)`, ` relay 192.0.2.1 lease-duration 119`,
/// ` [14400]`, `: load balance to peer x`.
fn details<'a>(text: &'a str, fields: &mut Fields<'a>) {
    let (words, reason) = match text.find(": ") {
        Some(at) => (&text[..at], &text[at + 2..]),
        None => (text, ""),
    };
    let mut parts = words.split(' ').filter(|part| !part.is_empty());
    while let Some(part) = parts.next() {
        match part {
            "TransID" => fields.text("transaction_id", parts.next().unwrap_or_default()),
            "uid" => fields.text("client.uid", parts.next().unwrap_or_default()),
            "relay" => fields.text("relay.ip", parts.next().and_then(address).unwrap_or_default()),
            "lease-duration" => fields.text("lease.duration", parts.next().unwrap_or_default()),
            "offered-duration" => fields.text("lease.offered_duration", parts.next().unwrap_or_default()),
            _ => {
                if let Some(inner) = part.strip_prefix('(').and_then(|part| part.strip_suffix(')')) {
                    fields.text("event.reason", inner);
                } else if let Some(inner) = part.strip_prefix('[').and_then(|part| part.strip_suffix(']')) {
                    fields.text("lease.duration", inner);
                }
            }
        }
    }
    fields.text("event.reason", reason);
}

/// A hardware address: two digits and a colon, six times or more.
fn hardware(text: &str) -> Option<&str> {
    let parts = text.split(':');
    let is_mac = text.len() >= 17
        && parts.clone().count() >= 6
        && parts
            .clone()
            .all(|part| part.len() == 2 && part.bytes().all(|b| b.is_ascii_hexdigit()));
    is_mac.then_some(text)
}

/// DHCPv6: `Reply NA: address 2001:db8::10 to client with duid 00:01 iaid = 7 valid for 3600 seconds`,
/// `Solicit message from fe80::1 port 546, transaction ID 0x1234`, `Sending Reply to fe80::1 port 546`,
/// `Relay-forward from 2001:db8::1 with link address=… and peer address=… …`.
fn version6<'a>(text: &'a str, fields: &mut Fields<'a>) -> bool {
    if let Some((kind, rest)) = text.split_once(": address ") {
        let Some((action, lease)) = kind.split_once(' ').filter(|(_, lease)| lease.len() == 2) else {
            return false;
        };
        let (ip, rest) = rest.split_once(' ').unwrap_or((rest, ""));
        let Some(ip) = address(ip) else {
            return false;
        };
        fields.event(action, if action == "Reply" { "success" } else { "" });
        fields.text("lease.type", lease);
        fields.text("source.ip", ip);
        if let Some((_, rest)) = rest.split_once("duid ") {
            let (duid, rest) = rest.split_once(' ').unwrap_or((rest, ""));
            fields.text("client.duid", duid);
            if let Some((_, iaid)) = rest.split_once("iaid = ") {
                fields.text("client.iaid", iaid.split(' ').next().unwrap_or_default());
            }
        }
        if let Some((_, rest)) = rest.split_once(" valid for ") {
            fields.text("lease.duration", rest.split(' ').next().unwrap_or_default());
        }
        return true;
    }
    let (action, rest) = if let Some((action, rest)) = text.split_once(" message from ") {
        (action, rest)
    } else if let Some((action, rest)) = text
        .strip_prefix("Sending ")
        .and_then(|rest| rest.split_once(" to "))
    {
        (action, rest)
    } else if let Some(rest) = text.strip_prefix("Relay-forward from ") {
        ("Relay-forward", rest)
    } else {
        return false;
    };
    let is_kind = matches!(
        action,
        "Solicit"
            | "Advertise"
            | "Request"
            | "Confirm"
            | "Renew"
            | "Rebind"
            | "Reply"
            | "Release"
            | "Decline"
            | "Reconfigure"
            | "Information-request"
            | "Relay-forward"
            | "Relay-reply"
    );
    let (peer, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    let Some(ip) = address(peer).filter(|_| is_kind) else {
        return false;
    };
    fields.event(action, "");
    fields.text("source.ip", ip);
    for (mark, name) in [("link address=", "link.ip"), ("peer address=", "peer.ip")] {
        if let Some((_, rest)) = rest.split_once(mark) {
            let ip = rest.split([' ', ',']).next().and_then(address);
            fields.text(name, ip.unwrap_or_default());
        }
    }
    if let Some((port, _)) = rest.strip_prefix("port ").and_then(|rest| rest.split_once(',')) {
        fields.source_port(port);
    }
    if let Some((_, id)) = rest.split_once("transaction ID ") {
        fields.text("transaction_id", id.split([' ', ',']).next().unwrap_or_default());
    }
    true
}

/// Infoblox: `Option 82: received a REQUEST DHCP packet from relay-agent eth2 with a circuit-id of "…", a remote-id of "…"
/// for 192.0.2.2 (aa:bb:…) lease time is 300 seconds. (NEW)`.
fn relayed<'a>(text: &'a str, fields: &mut Fields<'a>) -> bool {
    let Some((action, rest)) = text
        .strip_prefix("Option 82: received a ")
        .and_then(|rest| rest.split_once(" packet from relay-agent "))
    else {
        return false;
    };
    fields.event(action, "");
    let (agent, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    match address(agent) {
        Some(ip) => fields.text("relay.ip", ip),
        None => fields.text("observer.ingress.interface.name", agent),
    }
    for (mark, name) in [
        ("circuit-id of \"", "circuit_id"),
        ("remote-id of \"", "remote_id"),
    ] {
        if let Some((value, _)) = rest.split_once(mark).and_then(|(_, rest)| rest.split_once('"')) {
            fields.text(name, value);
        }
    }
    // What the relay says stands in quotes; the lease follows the last of them.
    if let Some((ip, rest)) = rest
        .rsplit_once("\" for ")
        .and_then(|(_, rest)| rest.split_once(" ("))
        && let Some((mac, reason)) = rest.split_once(')')
    {
        fields.text("source.ip", address(ip).unwrap_or_default());
        fields.text("source.mac", hardware(mac).unwrap_or_default());
        fields.text("event.reason", reason.trim());
    }
    true
}

/// Infoblox: `r-l-e:192.0.2.113,Issued,host,c4:d0:e3:b4:08:4d,1732119022,1732291822,,$`.
fn lease_event<'a>(text: &'a str, fields: &mut Fields<'a>) -> bool {
    let Some(rest) = text.strip_prefix("r-l-e:") else {
        return false;
    };
    let mut parts = rest.split(',');
    let Some(ip) = parts.next().and_then(address) else {
        return false;
    };
    fields.text("source.ip", ip);
    fields.text("event.action", parts.next().unwrap_or_default());
    fields.text(
        "source.domain",
        parts.next().unwrap_or_default().trim_matches('"'),
    );
    fields.text("source.mac", parts.next().and_then(hardware).unwrap_or_default());
    fields.text("lease.start", parts.next().unwrap_or_default());
    fields.text("lease.end", parts.next().unwrap_or_default());
    true
}

/// dnsmasq: `DHCPACK(eth0) 192.0.2.5 aa:bb:cc:dd:ee:ff laptop`, with a transaction number in front where much is logged.
fn read_dnsmasq<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let mut event = Event::new("dnsmasq.log");
    let fields = &mut event.fields;
    let text = line.body.trim();
    fields.category("network");
    let text = match text.split_once(' ') {
        Some((id, rest)) if !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit()) => {
            fields.text("transaction_id", id);
            rest
        }
        _ => text,
    };
    if let Some((kind, rest)) = text.split_once('(')
        && let Some(outcome) = outcome(kind)
        && let Some((interface, rest)) = rest.split_once(')')
    {
        fields.event(kind, outcome);
        fields.put("network.protocol", Value::Str("dhcp"));
        fields.text("observer.ingress.interface.name", interface);
        let mut words = rest.trim_start().split(' ').peekable();
        if let Some(ip) = words.peek().copied().and_then(address) {
            fields.text("source.ip", ip);
            words.next();
        }
        if let Some(mac) = words.peek().copied().and_then(hardware) {
            fields.text("source.mac", mac);
            words.next();
        }
        let last = words.next().unwrap_or_default();
        match kind {
            "DHCPNAK" | "DHCPDECLINE" => {
                let at = rest.find(last).unwrap_or(rest.len());
                fields.text("event.reason", &rest[at..]);
            }
            _ => fields.text("source.domain", last),
        }
    }
    Some(event)
}
