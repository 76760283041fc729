//! Cisco Meraki: `1772359205.250000000 MX_1 flows src=192.0.2.7 dst=198.51.100.9 … pattern: allow all`.
//!
//! Seconds since the epoch, the network's name, the kind of message, then pairs or a sentence. Over the wire a priority
//! and a `1` stand in front, which makes it no RFC 5424. What a browser or user says stands in quotes, behind
//! `request:` or at the end, after all that the device says.

use crate::formats::fields::{Fields, host_port};
use crate::formats::text::once::sure_behind;
use crate::formats::text::pairs::Style;
use crate::formats::text::shape::{self, Found};
use crate::formats::text::url::put_url;
use crate::formats::text::{Event, Grammar, Line};
use crate::time;
use crate::value::Value;

/// The grammars.
pub(super) const GRAMMARS: &[Grammar] = &[Grammar {
    name: "cisco.meraki",
    marks: &[
        " events ",
        " flows ",
        " urls ",
        " ip_flow_start ",
        " ip_flow_end ",
        " firewall ",
        " vpn_firewall ",
        " cellular_firewall ",
        " bridge_anyconnect_client_vpn_firewall ",
        " ids-alerts ",
        " security_event ",
        " airmarshal_events ",
    ],
    programs: &[],
    read,
}];

const KINDS: [&str; 12] = [
    "events",
    "flows",
    "urls",
    "ip_flow_start",
    "ip_flow_end",
    "firewall",
    "vpn_firewall",
    "cellular_firewall",
    "bridge_anyconnect_client_vpn_firewall",
    "ids-alerts",
    "security_event",
    "airmarshal_events",
];

/// Sentences about users and leases.
#[rustfmt::skip]
const SENTENCES: &[(&str, &str, &str)] = &[
    ("dhcp-no-offers", "failure", "dhcp no offers for mac {@source.mac}*"),
    ("dhcp-lease", "success", "dhcp lease of ip {@ip} from server mac {=destination.mac} for client mac {=source.mac}[ {}]"),
    ("dhcp-lease", "success", "dhcp lease of ip {@ip} from mx mac {=destination.mac} for client mac {=source.mac}[ {}]"),
    ("dhcp-release", "", "dhcp release for mac {@source.mac}*"),
    ("vpn-connect", "success", "{=vpn_event} user id '{>user}' local ip {@source.nat.ip} connected from {@ip}"),
    ("vpn-disconnect", "", "{=vpn_event} user id '{>user}' local ip {@source.nat.ip}[ {}]"),
    ("port-status", "", "port {=port} status changed from {=state_before} to {=state}"),
    ("martian-vlan", "", "Site-to-site VPN: {reason}"),
    ("", "", "Blocked DHCP server response from {=source.mac} on {}"),
    ("content-filtering", "", "content_filtering_block url='{>url}' category0='{category}' server='{@dip}:{#destination.port}'[ {}]"),
];

fn read<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    // Version, time and host look like RFC 5424's, with the wrong things behind them.
    let whole = line.header.version.is_some() || line.header.time.is_none();
    entry(line, if whole { line.raw } else { line.body })
}

fn entry<'a>(line: &Line<'a>, text: &'a str) -> Option<Event<'a>> {
    let mut rest = text.trim_start_matches(' ');
    let mut priority = None;
    if let Some(marked) = rest.strip_prefix('<')
        && let Some((digits, after)) = marked.split_once('>')
    {
        priority = digits
            .parse::<i64>()
            .ok()
            .filter(|priority| (0..=191).contains(priority));
        rest = after;
    }
    rest = rest.strip_prefix("1 ").unwrap_or(rest);
    let (stamp, rest) = rest.split_once(' ')?;
    let instant = time::epoch(stamp)
        .filter(|_| stamp.len() >= 10 && stamp.contains('.'))
        .or_else(|| time::since_epoch(stamp).filter(|_| stamp.len() == 13))?;
    let (host, rest) = rest.split_once(' ')?;
    let (kind, text) = rest.split_once(' ')?;
    if !KINDS.contains(&kind) {
        return None;
    }
    let mut event = Event::new("cisco.meraki");
    event.headless = line.header.version.is_some();
    event.time = Some(instant);
    let fields = &mut event.fields;
    fields.text("kind", kind);
    fields.text("observer.hostname", host);
    fields.text("host.name", host);
    if let Some(priority) = priority {
        fields.put("log.syslog.priority", Value::Int(priority));
    }
    match kind {
        "events" => events(line, text, fields),
        "urls" => urls(line, text, fields),
        _ => flow(line, text, fields),
    }
    Some(event)
}

/// `[allow ]src=… dst=… protocol=… pattern: …`, `signature=… message: …`
fn flow<'a>(line: &Line<'a>, text: &'a str, fields: &mut Fields<'a>) {
    let (text, said) = match text.split_once(" message: ") {
        Some((text, said)) => (text, said),
        None => (text, ""),
    };
    fields.text("rule.name", said);
    let (text, pattern) = text.split_once(" pattern: ").unwrap_or((text, ""));
    fields.text("pattern", pattern);
    // The pattern says what was done, as 0 or 1 (the other way round than one thinks) or in a word.
    let (verdict, _) = pattern.split_once(' ').unwrap_or((pattern, ""));
    let (first, _) = text.trim_start().split_once(' ').unwrap_or((text, ""));
    let action = match (first, verdict) {
        ("allow" | "deny", _) => first,
        (_, "allow" | "deny") => verdict,
        (_, "0") => "allow",
        (_, "1") => "deny",
        _ if !first.contains('=') => first,
        _ => "",
    };
    fields.text("event.action", action);
    fields.text("verdict.outcome", action);
    given(&[], line, text, fields);
}

/// `src=192.0.2.7:50001 dst=198.51.100.9:443 mac=… agent='…' request: GET https://…`
fn urls<'a>(line: &Line<'a>, text: &'a str, fields: &mut Fields<'a>) {
    let (text, request) = text.rsplit_once(" request: ").unwrap_or((text, ""));
    if let Some((method, url)) = request.split_once(' ') {
        fields.text("http.request.method", method);
        put_url(fields, url.trim_end());
    }
    fields.text("event.action", "url-accessed");
    given(&["src", "dst", "mac"], line, text, fields);
}

/// `type=anyconnect_vpn_auth_success msg= 'RADIUS[7] Server IP=… Peer IP=… User=mara: …'`, or a sentence.
fn events<'a>(line: &Line<'a>, text: &'a str, fields: &mut Fields<'a>) {
    let text = text.trim_start();
    if text.starts_with("type=") {
        let (text, said) = match text.split_once("msg=") {
            Some((text, said)) => (text, said.trim().trim_matches('\'').trim()),
            None => (text, ""),
        };
        given(&[], line, text, fields);
        told(said, fields);
        if let Some(Value::Str(kind)) = fields.get("type") {
            let outcome = match *kind {
                kind if kind.ends_with("_success") => "success",
                kind if kind.ends_with("_failure") || kind.ends_with("_fail") => "failure",
                _ => "",
            };
            fields.event(kind, outcome);
        }
        return;
    }
    let mut found = Found::new();
    for &(action, outcome, shape) in SENTENCES {
        if shape::matches(shape, text, |_, _| 0, &mut found) {
            for (name, value) in found {
                match name {
                    "user" => user(value, fields),
                    "ip" => fields.source(value),
                    "dip" => fields.destination(value),
                    "url" => put_url(fields, value),
                    "reason" => fields.text("event.reason", value),
                    _ => fields.text(name, value),
                }
            }
            fields.event(action, outcome);
            return;
        }
    }
    let (first, rest) = text.split_once(' ').unwrap_or((text, ""));
    if first.bytes().all(|b| b.is_ascii_lowercase() || b == b'_') && rest.contains('=') {
        fields.event(first, "");
        given(&[], line, rest, fields);
    } else {
        fields.text(
            "event.reason",
            line.body.get(line.body.len() - text.len()..).unwrap_or(text),
        );
    }
}

/// What the device says about a VPN session: `RADIUS[7] Server IP=… Server port=… Peer IP=… Peer port=… User=…: …`.
fn told<'a>(text: &'a str, fields: &mut Fields<'a>) {
    // The user's name comes after the addresses.
    let end = text.find("User").unwrap_or(text.len());
    let (facts, rest) = text.split_at(end);
    let fact = |name: &str| {
        let (_, value) = facts.split_once(name)?;
        value.split([' ', ']']).next()
    };
    if let Some(ip) = fact("Server IP=") {
        fields.destination(ip);
    }
    if let Some(port) = fact("Server port=") {
        fields.port("destination.port", port);
    }
    if let Some(ip) = fact("Peer IP=") {
        fields.source(ip);
    }
    if let Some(port) = fact("Peer port=") {
        fields.port("source.port", port);
    }
    if let Some(protocol) = fact("Prot[") {
        fields.text("network.protocol", protocol);
    }
    if let Some(named) = rest.strip_prefix("User=").and_then(|rest| rest.split_once(": ")) {
        user(named.0, fields);
        fields.text("event.reason", named.1.trim_end());
    } else if let Some(named) = rest.strip_prefix("User[").and_then(|rest| rest.split_once("]: ")) {
        user(named.0, fields);
        fields.text("event.reason", named.1.trim_end());
    }
}

fn user<'a>(text: &'a str, fields: &mut Fields<'a>) {
    let (name, domain) = text.split_once('@').unwrap_or((text, ""));
    fields.text("user.name", name);
    fields.text("user.domain", domain);
}

/// The pairs of `text`; the devices have those of `front` in front of what others wrote.
fn given<'a>(front: &[&str], line: &Line<'a>, text: &'a str, fields: &mut Fields<'a>) {
    const STYLE: Style = Style {
        quotes: b"\"'",
        escapes: false,
        ..Style::SPACED
    };
    for (key, value) in sure_behind(front, line, text, STYLE, fields) {
        match key {
            "src" | "peer_contact" => end(value, "source.port", true, fields),
            "dst" | "server" => end(value, "destination.port", false, fields),
            "url" => put_url(fields, value),
            "user" | "identity" => user(value, fields),
            "type" => fields.text("type", value),
            key => fields.text_named(key, value),
        }
    }
}

/// `host` or `host:port`; a card's address where the devices speak below IP.
fn end<'a>(text: &'a str, port_name: &'static str, source: bool, fields: &mut Fields<'a>) {
    if text.split(':').count() == 6 && text.len() == 17 {
        return fields.text(if source { "source.mac" } else { "destination.mac" }, text);
    }
    let (host, port) = host_port(text);
    match source {
        true => fields.source(host),
        false => fields.destination(host),
    }
    if let Some(port) = port {
        fields.port(port_name, port);
    }
}

#[cfg(test)]
mod tests {
    use crate::formats::vendors::cisco::testing::{read, reads};

    #[test]
    fn flows_and_urls() {
        read(
            "<134>1 1772359205.250000000 MX_1 flows deny src=192.0.2.7 dst=198.51.100.9 mac=02:00:00:00:00:07 protocol=tcp \
             sport=50001 dport=443 pattern: deny all",
            "cisco.meraki",
            &[
                ("@timestamp", "2026-03-01T10:00:05.250000Z"),
                ("log.syslog.priority", "134"),
                ("observer.hostname", "MX_1"),
                ("source.ip", "192.0.2.7"),
                ("sport", "50001"),
                ("event.action", "deny"),
                ("pattern", "deny all"),
            ],
        );
        read(
            "1772359205.250000000 MX_1 urls src=192.0.2.7:50001 dst=198.51.100.9:80 mac=02:00:00:00:00:07 \
             agent='A src=203.0.113.66 b' request: GET http://www.example.org/a?b=c",
            "cisco.meraki",
            &[
                ("source.ip", "192.0.2.7"),
                ("source.port", "50001"),
                ("agent", "A src=203.0.113.66 b"),
                ("http.request.method", "GET"),
                ("url.domain", "www.example.org"),
                ("url.query", "b=c"),
            ],
        );
    }

    #[test]
    fn users() {
        read(
            "1772359205.2 MX_1 events type=anyconnect_vpn_auth_success msg= 'RADIUS[7] Server IP=192.0.2.5 Server port=1812 \
             Peer IP=198.51.100.7 Peer port=5000 User=Peer IP=203.0.113.66: Authentication request accepted. '",
            "cisco.meraki",
            &[
                ("source.ip", "198.51.100.7"),
                ("destination.port", "1812"),
                ("event.outcome", "success"),
                ("user.name", "Peer IP=203.0.113.66"),
            ],
        );
        read(
            "1772359205.2 MX_1 events client_vpn_connect user id 'x' local ip 203.0.113.66 connected from 203.0.113.67' local \
             ip 192.0.2.9 connected from 198.51.100.7",
            "cisco.meraki",
            &[("source.ip", "198.51.100.7"), ("source.nat.ip", "192.0.2.9")],
        );
        // Cut off.
        read(
            "1772359205.2 MX_1 events type=any",
            "cisco.meraki",
            &[("kind", "events")],
        );
        assert!(!reads("1772359205.2 MX_1 rumours type=x"));
        assert!(!reads("Mar  1 10:00:05 web1 app[7]: the events of today"));
    }
}
