//! Barracuda CloudGen Firewall.
//!
//! ```text
//! Info     fw1 boxconfig[77]: Session localhost_fw1: Closed
//! Security fw1 Block: FWD|TCP|eth0|192.0.2.7|50000|02:00:00:00:00:01|198.51.100.9|443|https|eth1|rule|4003|…
//! Info     fw1 [admin@192.0.2.7_36778]  Download File /var/phion/x received size=71731 mode=100644
//! ```
//!
//! A level padded to eight characters and the box's name stand in front. What follows is a program and its text, an entry
//! of the firewall's activity log, whose columns are divided by `|`, or a sentence of the box service that the line came
//! from.

use crate::formats::fields::{Fields, address};
use crate::formats::syslog::header::full_tag;
use crate::formats::text::once::sure_behind;
use crate::formats::text::pairs::{Style, pairs};
use crate::formats::text::parts::{first_address, is_blank, put_peer};
use crate::formats::text::{Event, Grammar, Line};

pub(super) const GRAMMARS: &[Grammar] = &[Grammar {
    name: "Barracuda CloudGen Firewall",
    marks: &[
        "Info     ",
        "Security ",
        "Warning  ",
        "Notice   ",
        "Error    ",
        "Debug    ",
        "Fatal    ",
        "Panic    ",
    ],
    programs: &[],
    read,
}];

const LEVELS: [&str; 8] = [
    "Info     ",
    "Security ",
    "Warning  ",
    "Notice   ",
    "Error    ",
    "Debug    ",
    "Fatal    ",
    "Panic    ",
];

/// Services that write without a process id.
const SERVICES: [&str; 20] = [
    "auth",
    "boxconfig",
    "boxfw",
    "control",
    "dhcp",
    "dist",
    "dns",
    "event",
    "firewall",
    "ftpgw",
    "http",
    "ike3",
    "mail",
    "ntpd",
    "phibs",
    "policy",
    "snmp",
    "sshd",
    "virscan",
    "vpn",
];

/// Columns of the activity log behind its kind, in order.
const ACTIVITY: [&str; 22] = [
    "barracuda.cloudgen.traffic_type",
    "network.transport",
    "observer.ingress.interface.name",
    "source.ip",
    "source.port",
    "source.mac",
    "destination.ip",
    "destination.port",
    "service.name",
    "observer.egress.interface.name",
    "rule.name",
    "event.code",
    "source.nat.ip",
    "destination.nat.ip",
    "barracuda.cloudgen.duration",
    "barracuda.cloudgen.count",
    "destination.bytes",
    "source.bytes",
    "destination.packets",
    "source.packets",
    "user.name",
    "network.protocol",
];

fn read<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let level = LEVELS.iter().find(|level| line.body.starts_with(**level))?;
    let rest = &line.body[level.len()..];
    let (host, text) = rest.split_once(' ')?;
    if host.is_empty() || host.contains([':', '=', '[', '|']) {
        return None;
    }
    let text = text.trim();
    let mut event = Event::new("barracuda.cloudgen");
    let fields = &mut event.fields;
    fields.text("log.level", level.trim_end());
    fields.text("observer.name", host);
    fields.text("message", text);
    if let Some((kind, row)) = text.split_once(": ")
        && row.bytes().filter(|b| *b == b'|').count() >= 20
        && kind.bytes().all(|b| b.is_ascii_alphanumeric())
    {
        fields.text("event.action", kind);
        for (name, value) in ACTIVITY.iter().zip(row.split('|')) {
            match *name {
                _ if is_blank(value) => {}
                "network.transport" => fields.transport(value),
                name => fields.text(name, value),
            }
        }
        return Some(event);
    }
    if let Some(rest) = text.strip_prefix('[')
        && let Some((session, said)) = rest.split_once("]  ")
        && let Some((user, peer)) = session.rsplit_once('@')
    {
        fields.text("user.name", user);
        put_session_peer(fields, peer);
        transfer(fields, said);
        fields.text("event.reason", said);
        return Some(event);
    }
    if let Some((program, pid, said)) = full_tag(text)
        && (pid.is_some() || SERVICES.contains(&program))
    {
        fields.text("process.name", program);
        fields.number("process.pid", pid.unwrap_or_default());
        by_program(line, fields, program, said);
        fields.text("event.reason", if pid.is_some() { said } else { text });
        return Some(event);
    }
    // Other products pad their levels too.
    sentence(fields, text)?;
    fields.text("event.reason", text);
    Some(event)
}

/// `192.0.2.7_36778`
fn put_session_peer<'a>(fields: &mut Fields<'a>, peer: &'a str) {
    let (host, port) = peer.split_once('_').unwrap_or((peer, ""));
    fields.text("source.ip", address(host).unwrap_or_default());
    fields.port("source.port", port);
}

/// Files that an administrator's session reads or writes.
fn transfer<'a>(fields: &mut Fields<'a>, said: &'a str) {
    if let Some(rest) = said.strip_prefix("Download File ") {
        let (path, rest) = rest.rsplit_once(" received ").unwrap_or((rest, ""));
        put_file(fields, path);
        for pair in pairs(rest, Style::SPACED) {
            if pair.key == "size" {
                fields.number("file.size", pair.value);
            }
        }
    } else if let Some((_, rest)) = said.split_once(" Copy: ")
        && let Some((file, from)) = rest.rsplit_once(" from ")
    {
        fields.text("file.name", file);
        fields.text("file.directory", from);
    }
}

fn put_file<'a>(fields: &mut Fields<'a>, path: &'a str) {
    fields.text("file.path", path);
    if let Some((folder, name)) = path.rsplit_once('/') {
        fields.text("file.directory", folder);
        fields.text("file.name", name);
    }
}

fn by_program<'a>(line: &Line<'a>, fields: &mut Fields<'a>, program: &str, said: &'a str) {
    match program {
        "phibs" => {
            let Some((action, rest)) = said
                .strip_prefix("Authentication ")
                .and_then(|rest| rest.split_once(" for "))
            else {
                return;
            };
            fields.text("event.action", action);
            // The user comes last.
            for (key, value) in sure_behind(&["peer", "origin", "service"], line, rest, Style::OPEN, fields) {
                match key {
                    "peer" => fields.text("source.ip", address(value).unwrap_or_default()),
                    "user" => fields.text("user.name", value),
                    "service" => fields.text("service.name", value),
                    _ => {}
                }
            }
        }
        "firewall" => {
            if let Some((_, rest)) = said.rsplit_once(" for source IP ") {
                fields.source(rest.split(' ').next().unwrap_or_default());
            }
        }
        "event" => {
            let Some((_, rest)) = said.split_once("] ") else {
                return;
            };
            let Some((action, rest)) = rest.split_once(" Event (") else {
                return;
            };
            let Some((row, target)) = rest.split_once(") to Control Center ") else {
                return;
            };
            fields.text("event.action", action);
            let mut cells = row.split('|').skip(1);
            fields.number("event.severity", cells.next().unwrap_or_default());
            fields.text("service.name", cells.next().unwrap_or_default());
            fields.destination(target);
        }
        "boxconfig" => {
            if let Some(rest) = said.strip_prefix("Session ")
                && let Some((session, _)) = rest.split_once(": ")
            {
                fields.text("user.name", session.split('_').next().unwrap_or_default());
            }
        }
        "control" => {
            if let Some((_, target)) = said.rsplit_once(" to Control Center ") {
                fields.destination(target);
            }
        }
        _ => {}
    }
}

/// What the box services say without their name; nothing if none of them says `text`.
fn sentence<'a>(fields: &mut Fields<'a>, text: &'a str) -> Option<()> {
    if let Some(rest) = text.strip_prefix("Session from ") {
        put_peer(
            fields,
            "source.ip",
            "source.domain",
            "source.port",
            rest.split(' ').next().unwrap_or_default(),
        );
    } else if let Some(session) = text.strip_prefix("New Session ") {
        // `GCSID_<host>_<box>_<address>_<port>_<number>`
        let mut parts = session.rsplitn(4, '_');
        let (_, port, host, names) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let host = address(host)?;
        fields.text("source.ip", host);
        fields.port("source.port", port);
        if let Some(name) = names
            .strip_prefix("GCSID_")
            .and_then(|names| names.split('_').next())
        {
            fields.text("host.name", name);
        }
    } else if let Some(rest) = text.strip_prefix("was able to ping process ") {
        let (pid, file) = rest.split_once(" (").unwrap_or((rest, ""));
        fields.number("process.pid", pid);
        put_file(fields, file.trim_end_matches(['.', ')']));
    } else if text.starts_with("Received ")
        && let Some((_, rest)) = text.split_once(" users from ")
        && let Some((domain, rest)) = rest.split_once(" (")
    {
        fields.text("user.domain", domain);
        fields.text("server.ip", first_address(rest).unwrap_or_default());
    } else if !(text.starts_with("current load is ") || is_of_kernel(text)) {
        return None;
    }
    Some(())
}

/// `[5647250.628103] KTINA-WARN: …`
fn is_of_kernel(text: &str) -> bool {
    let stamp = text.strip_prefix('[').and_then(|rest| rest.split_once("] "));
    stamp.is_some_and(|(stamp, _)| {
        stamp.contains('.')
            && stamp
                .bytes()
                .all(|b| b.is_ascii_digit() || matches!(b, b'.' | b' '))
    })
}

#[cfg(test)]
mod tests {
    use crate::formats::vendors::whole::{check, survives_truncation};

    #[test]
    fn activity() {
        let line = "Security fw1 Block: FWD|TCP|eth0|192.0.2.7|50000|02:00:00:00:00:01|198.51.100.9|443|https||deny|4003|||0|1|0|0|0|0||||||";
        check(
            line,
            "barracuda.cloudgen",
            &[
                ("log.level", "Security"),
                ("event.action", "Block"),
                ("source.ip", "192.0.2.7"),
                ("destination.port", "443"),
                ("rule.name", "deny"),
                ("network.transport", "tcp"),
                ("observer.name", "fw1"),
            ],
        );
        survives_truncation(line);
    }

    #[test]
    fn services() {
        check(
            "Info     fw1 phibs: Authentication Login for peer=192.0.2.7 origin=DCCLIENT service=dcclient user=x peer=203.0.113.1",
            "barracuda.cloudgen",
            &[("source.ip", "192.0.2.7"), ("event.action", "Login")],
        );
        check(
            "Info     fw1 [admin@192.0.2.7_36778]  Download File /var/phion/a b received size=7 mode=100644",
            "barracuda.cloudgen",
            &[
                ("source.ip", "192.0.2.7"),
                ("source.port", "36778"),
                ("file.path", "/var/phion/a b"),
                ("file.size", "7"),
                ("user.name", "admin"),
            ],
        );
        check(
            "Info     fw1 New Session GCSID_localhost_fw1_5-4_1_192.0.2.7_15743_25308",
            "barracuda.cloudgen",
            &[("source.port", "15743"), ("host.name", "localhost")],
        );
        for other in [
            "Info     a: b",
            "Error    something went wrong from 203.0.113.1",
            "Error    loading module: Session from 203.0.113.1:50000 mode=0",
        ] {
            assert!(crate::formats::vendors::whole::read(other).is_empty(), "{other}");
        }
    }
}
