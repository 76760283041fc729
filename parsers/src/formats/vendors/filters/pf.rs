//! pfSense and OPNsense: `filterlog`'s lines of pf, and logins to the web interface.
//!
//! ```text
//! 53,,,1000000301,em0,match,block,in,4,0x0,,64,420,0,none,6,tcp,460,192.0.2.7,198.51.100.9,50001,22,420,PA,1:420,1,65535,,
//! /index.php: webConfigurator authentication error for user 'mara' from: 192.0.2.7
//! ```
//!
//! The packet's line is positions alone, all of them pf's. In the other a stranger's name stands in quotes, and the
//! address last.

use crate::formats::fields::{Fields, address};
use crate::formats::text::shape::{self, Found};
use crate::formats::text::{Event, Grammar, Line};

/// The grammars.
pub(super) const GRAMMARS: &[Grammar] = &[
    Grammar {
        name: "pfsense.filterlog",
        marks: &[
            ",match,pass,",
            ",match,block,",
            ",match,reject,",
            ",match,rdr,",
            ",match,nat,",
        ],
        programs: &["filterlog"],
        read: packet,
    },
    Grammar {
        name: "pfsense.gui",
        marks: &[],
        programs: &["php-fpm", "php", "audit", "configd.py", "opnsense"],
        read: gui,
    },
];

#[rustfmt::skip]
const LOGINS: &[(&str, &str, &str)] = &[
    ("login", "failure", "{=url.path}: webConfigurator authentication error for user '{>user}' from~[:]~{@ip}"),
    ("login", "failure", "{=url.path}: webConfigurator authentication error for '{>user}' from~[:]~{@ip}"),
    ("login", "failure", "{=url.path}: Web GUI authentication error for '{>user}' from~[:]~{@ip}"),
    ("login", "failure", "{=url.path}: Session timed out for user '{>user}' from~[:]~{@ip}*"),
    ("login", "success", "{=url.path}: Successful login for user '{>user}' from~[:]~{@ip}[ {}]"),
    ("logout", "", "{=url.path}: User logged out for user '{>user}' from~[:]~{@ip}[ {}]"),
    ("login", "failure", "user {>user} could not authenticate for {=service.name}[.]*"),
    ("login", "success", "user {>user} authenticated successfully for {=service.name}[.]*"),
];

fn gui<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let mut found = Found::new();
    let &(action, outcome, _) = LOGINS
        .iter()
        .find(|row| shape::matches(row.2, line.body.trim_start(), |_, _| 0, &mut found))?;
    let mut event = Event::new("pfsense.gui");
    for (name, value) in found {
        match name {
            "user" => event.fields.text("user.name", value),
            "ip" => event.fields.source(value),
            _ => event.fields.text(name, value),
        }
    }
    event.fields.event(action, outcome);
    event.fields.category("authentication");
    Some(event)
}

fn packet<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    // Without a header, or by the daemon: others may quote such a line.
    if line.header.tag.is_some() && line.program() != "filterlog" {
        return None;
    }
    let mut parts = line.body.trim().split(',');
    let mut event = Event::new("pfsense.filterlog");
    let fields = &mut event.fields;
    let rule = parts.next()?;
    if rule.is_empty() || !rule.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    fields.text("rule.id", rule);
    for name in ["sub_rule", "rule.ruleset", "tracker_id"] {
        fields.text(name, parts.next()?);
    }
    let interface = parts.next()?;
    fields.text("event.reason", parts.next()?);
    fields.text("event.action", parts.next()?);
    let direction = parts.next()?;
    match direction {
        "in" => {
            fields.text("network.direction", "inbound");
            fields.text("observer.ingress.interface.name", interface);
        }
        "out" => {
            fields.text("network.direction", "outbound");
            fields.text("observer.egress.interface.name", interface);
        }
        _ => return None,
    }
    fields.text("direction", direction);
    match parts.next()? {
        "4" => {
            fields.text("network.type", "ipv4");
            for name in ["ip.tos", "ip.ecn", "ip.ttl", "ip.id", "ip.offset", "ip.flags"] {
                fields.text(name, parts.next().unwrap_or_default());
            }
            fields.text("network.iana_number", parts.next().unwrap_or_default());
            transport(line, parts.next().unwrap_or_default(), fields);
        }
        "6" => {
            fields.text("network.type", "ipv6");
            for name in ["ip.class", "ip.flow_label", "ip.hop_limit"] {
                fields.text(name, parts.next().unwrap_or_default());
            }
            transport(line, parts.next().unwrap_or_default(), fields);
            fields.text("network.iana_number", parts.next().unwrap_or_default());
        }
        _ => return Some(event),
    }
    fields.number("network.bytes", parts.next().unwrap_or_default());
    let (source, destination) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    for (name, host) in [("source.ip", source), ("destination.ip", destination)] {
        if address(host).is_some() {
            fields.text(name, host);
        }
    }
    of_protocol(parts, fields);
    Some(event)
}

fn transport<'a>(line: &Line<'a>, name: &'a str, fields: &mut Fields<'a>) {
    let known = match name.bytes().any(|b| b.is_ascii_uppercase()) {
        true => line.keep(name.to_ascii_lowercase()),
        false => name,
    };
    fields.text("network.transport", known);
}

/// What follows the addresses, by protocol.
fn of_protocol<'a>(mut parts: std::str::Split<'a, char>, fields: &mut Fields<'a>) {
    let Some(crate::value::Value::Str(protocol)) = fields.get("network.transport") else {
        return;
    };
    let names: &[&str] = match *protocol {
        "tcp" => &[
            "source.port",
            "destination.port",
            "tcp.length",
            "tcp.flags",
            "tcp.seq",
            "tcp.ack",
            "tcp.window",
            "tcp.urgent",
            "tcp.options",
        ],
        "udp" => &["source.port", "destination.port", "udp.length"],
        "icmp" | "icmpv6" | "ipv6-icmp" => return icmp(parts, fields),
        "carp" | "vrrp" => &[
            "carp.type",
            "carp.ttl",
            "carp.vhid",
            "carp.version",
            "carp.advbase",
            "carp.advskew",
        ],
        _ => &[],
    };
    for name in names {
        fields.text(name, parts.next().unwrap_or_default());
    }
}

fn icmp<'a>(mut parts: std::str::Split<'a, char>, fields: &mut Fields<'a>) {
    let kind = parts.next().unwrap_or_default();
    fields.text("icmp.type", kind);
    match kind {
        "request" | "reply" => {
            fields.text("icmp.id", parts.next().unwrap_or_default());
            fields.text("icmp.seq", parts.next().unwrap_or_default());
        }
        _ if kind.starts_with("unreach")
            || kind == "timexceed"
            || kind == "paramprob"
            || kind == "needfrag" =>
        {
            fields.text("error.type", kind);
            // Of the three forms only the last part is always the text.
            fields.text("error.message", parts.next_back().unwrap_or_default());
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use crate::formats::vendors::filters::testing::{lacks, read, reads};

    #[test]
    fn packets() {
        read(
            "Mar  1 10:00:05 fw1 filterlog[77]: 5,,,1000000103,em0,match,block,in,4,0x0,,64,7,0,DF,6,tcp,60,192.0.2.7,\
             198.51.100.9,50001,22,0,S,1234,,64240,,mss;nop",
            "pfsense.filterlog",
            &[
                ("rule.id", "5"),
                ("tracker_id", "1000000103"),
                ("event.action", "block"),
                ("network.direction", "inbound"),
                ("observer.ingress.interface.name", "em0"),
                ("network.transport", "tcp"),
                ("network.iana_number", "6"),
                ("network.bytes", "60"),
                ("source.ip", "192.0.2.7"),
                ("destination.port", "22"),
                ("tcp.flags", "S"),
                ("tcp.options", "mss;nop"),
            ],
        );
        read(
            "98,,,ab12,re0,match,pass,out,6,0x00,0x0,51,udp,17,73,2001:db8::7,2001:db8::8,6881,53,73",
            "pfsense.filterlog",
            &[
                ("source.ip", "2001:db8::7"),
                ("destination.port", "53"),
                ("network.type", "ipv6"),
            ],
        );
        read(
            "74,,,7,enc0,match,pass,out,4,0x0,,2,8,0,none,1,icmp,56,192.0.2.7,192.0.2.8,unreach,host 192.0.2.9 unreachable",
            "pfsense.filterlog",
            &[
                ("error.type", "unreach"),
                ("error.message", "host 192.0.2.9 unreachable"),
            ],
        );
        read(
            "5,,,1,em0,match,block,in,4,0x0,,64",
            "pfsense.filterlog",
            &[("ip.ttl", "64")],
        );
        assert!(!reads(
            "Mar  1 10:00:05 web1 app[7]: 5,,,1,em0,match,block,in,4,0x0,,64,7,0,DF,6,tcp,60,192.0.2.7,1"
        ));
        assert!(!reads("a,b,match,pass,in"));
    }

    #[test]
    fn logins() {
        let line = "Mar  1 10:00:05 fw1 php-fpm[7]: /index.php: webConfigurator authentication error for user 'x' from: \
                    203.0.113.66' from: 192.0.2.7";
        read(
            line,
            "pfsense.gui",
            &[("source.ip", "192.0.2.7"), ("event.outcome", "failure")],
        );
        lacks(
            "Mar  1 10:00:05 fw1 php-fpm[7]: something else from 192.0.2.7",
            &["source.ip"],
        );
    }
}
