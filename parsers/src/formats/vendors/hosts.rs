//! Unix hosts and their services that others wrote: AIX's audit trail, FreeRADIUS, BitDefender for mail servers.
//!
//! ```text
//! FILE_Unlink     rm     root     root OK          01 Mar 2026 10:00:00.759120  No associated roles filename /tmp/a
//! (548804) Login incorrect (No Auth-Type found): [jane] (from client WLAN port 9815 cli 00-11-22-33-44-55)
//! 03/01/2026 10:00:00 BDLIVED INFO: Downloading files …
//! ```

use crate::formats::fields::{Fields, address};
use crate::formats::text::layout;
use crate::formats::text::parts::put_user;
use crate::formats::text::{Event, Grammar, Line};

pub(super) const GRAMMARS: &[Grammar] = &[
    Grammar {
        name: "AIX audit",
        marks: &[" OK ", " FAIL ", " FAIL_"],
        programs: &[],
        read: aix,
    },
    Grammar {
        name: "FreeRADIUS",
        marks: &[
            "Login OK: [",
            "Login incorrect",
            "Invalid user",
            "Ignoring request to ",
        ],
        programs: &["radiusd", "freeradius"],
        read: radius,
    },
    Grammar {
        name: "BitDefender",
        marks: &[" BD"],
        programs: &[],
        read: bitdefender,
    },
];

/// `EVENT command real-login login status time roles tail`; the tail may stand in front where lines were joined. A command's
/// name is padded, never holds spaces, and the event's has a prefix in capitals.
fn aix<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let text = line.body.trim();
    let at = [" OK ", " FAIL ", " FAIL_"]
        .iter()
        .filter_map(|status| text.find(status))
        .min()?;
    let (front, back) = text.split_at(at);
    let mut words = front.split_ascii_whitespace().rev();
    let (login, group, command, event_name) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let is_event = event_name.contains('_')
        && event_name.starts_with(|c: char| c.is_ascii_uppercase())
        && event_name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if !is_event {
        return None;
    }
    let back = back.trim_start();
    let (status, back) = back.split_once(' ')?;
    let back = back.trim_start();
    let (micros, tail) = match layout::read(back, "D B Y h:m:sf", line.context.timezone) {
        Some((micros, tail)) => (Some(micros), tail),
        // `Sun Mar 01 10:00:00 2026`
        None => {
            let (micros, tail) = crate::time::ctime(back, line.context.timezone)?;
            (Some(micros), tail)
        }
    };
    let tail = tail.trim();
    let tail = tail.strip_prefix("No associated roles").unwrap_or(tail).trim();
    let mut event = Event::new("aix.audit");
    event.time = micros;
    let fields = &mut event.fields;
    fields.text("event.action", event_name);
    fields.text(
        "event.outcome",
        if status == "OK" { "success" } else { "failure" },
    );
    fields.text("aix.audit.status", status);
    let front = front.trim_start();
    let before = front[..front.find(event_name).unwrap_or_default()].trim();
    about(fields, if tail.is_empty() { before } else { tail });
    if fields.get("file.name").is_none() {
        about(fields, before);
    }
    fields.text("process.name", command);
    fields.text("user.name", login);
    fields.text("group.name", group);
    fields.text("message", text);
    Some(event)
}

/// What an event is about: each has its own words.
fn about<'a>(fields: &mut Fields<'a>, text: &'a str) {
    for (sign, name) in [
        ("filename ", "file.name"),
        ("filename = ", "file.name"),
        ("detected ", "file.name"),
        ("file: ", "file.name"),
        ("dir: ", "file.directory"),
        ("user: ", "user.target.name"),
        ("linkname ", "file.target_path"),
        ("cmd: ", "process.command_line"),
    ] {
        let Some(at) = text.find(sign) else { continue };
        let value = text[at + sign.len()..].trim_start();
        let end = value.find(' ').unwrap_or(value.len());
        let value = value[..end].trim_end_matches(',');
        if value != "=" {
            fields.text(name, value);
        }
    }
}

/// What the client sent stands in the brackets; who asked for it in the last parentheses.
fn radius<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let (program, _, text) = line.tagged();
    if !matches!(program, "" | "radiusd" | "freeradius") {
        return None;
    }
    let text = text.trim();
    let (number, text) = match text.strip_prefix('(').and_then(|rest| rest.split_once(") ")) {
        Some((number, rest)) if number.bytes().all(|b| b.is_ascii_digit()) => (number, rest),
        _ => ("", text),
    };
    let text = ["Auth: ", "Info: ", "Error: ", "Warning: "]
        .iter()
        .find_map(|kind| text.strip_prefix(kind))
        .unwrap_or(text);
    let text = match text.strip_prefix('(').and_then(|rest| rest.split_once(") ")) {
        Some((inner, rest)) if inner.bytes().all(|b| b.is_ascii_digit()) => rest,
        _ => text,
    };
    let mut event = Event::new("freeradius.server");
    let fields = &mut event.fields;
    fields.text("freeradius.server.request", number);
    if text.starts_with("Ignoring request to ") {
        ignored(fields, text)?;
        return Some(event);
    }
    let (outcome, rest) = [
        ("Login OK", "success"),
        ("Login incorrect", "failure"),
        ("Invalid user", "failure"),
    ]
    .iter()
    .find_map(|(start, outcome)| Some((*outcome, text.strip_prefix(start)?)))?;
    fields.event("login", outcome);
    let (head, rest) = rest.split_once(": [")?;
    if let Some(reason) = head.trim().strip_prefix('(') {
        fields.text("event.reason", reason.strip_suffix(')').unwrap_or(reason));
    }
    let (user, rest) = rest.rsplit_once("] (from client ")?;
    let (client, rest) = rest.rsplit_once(" port ")?;
    who(fields, user);
    // The client of the server, which asks for its user. Without a header nothing else says where this happened.
    match line.header.host {
        None => fields.text("host.name", client),
        Some(_) => fields.text("client", client),
    }
    let rest = rest.trim_end_matches(')');
    let mut words = rest.split(' ');
    fields.port("source.port", words.next().unwrap_or_default());
    if words.next() == Some("cli") {
        let station = words.next().unwrap_or_default();
        match address(station) {
            Some(station) => fields.text("source.ip", station),
            None => fields.text("source.mac", station),
        }
    }
    if let Some((_, tunnel)) = rest.split_once("via ") {
        fields.text(
            "network.protocol",
            tunnel.strip_suffix(" tunnel").unwrap_or(tunnel),
        );
    }
    Some(event)
}

fn who<'a>(fields: &mut Fields<'a>, user: &'a str) {
    // A machine's own account; with a slash, a password may follow where the server is told to log it.
    if let Some(host) = user.strip_prefix("host/") {
        fields.text("source.domain", host);
    }
    if let Some((name, _)) = user.split_once('/').filter(|(name, _)| *name != "host") {
        put_user(fields, name);
    } else {
        put_user(fields, user);
    }
}

/// `Ignoring request to auth address * port 1812 bound to server default from unknown client 192.0.2.7 port 9459 proto udp`
fn ignored<'a>(fields: &mut Fields<'a>, text: &'a str) -> Option<()> {
    let (ours, theirs) = text.rsplit_once(" from unknown client ")?;
    let mut words = theirs.split(' ');
    fields.source(words.next()?);
    if words.next() == Some("port") {
        fields.port("source.port", words.next()?);
    }
    if words.next() == Some("proto") {
        fields.text("network.transport", words.next()?);
    }
    fields.event("ignored", "failure");
    if let Some((_, rest)) = ours.split_once(" port ") {
        let (port, rest) = rest.split_once(' ').unwrap_or((rest, ""));
        fields.port("destination.port", port);
        fields.text(
            "host.name",
            rest.strip_prefix("bound to server ").unwrap_or_default(),
        );
    }
    Some(())
}

/// Its modules begin with `BD`.
fn bitdefender<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let (micros, rest) = layout::read(line.raw.trim_start(), "M/D/Y h:m:s", line.context.timezone)?;
    let (module, rest) = rest.strip_prefix(' ')?.split_once(' ')?;
    let (level, text) = rest.split_once(": ")?;
    if !module.starts_with("BD") || !module.bytes().all(|b| b.is_ascii_uppercase()) || level.contains(' ') {
        return None;
    }
    let mut event = Event::headless("bitdefender.server");
    event.time = Some(micros);
    event.fields.text("process.name", "bitdefender");
    event.fields.text("bitdefender.server.module", module);
    event.fields.text("log.level", level);
    event.fields.text("message", text);
    Some(event)
}

#[cfg(test)]
mod tests {
    use crate::formats::vendors::whole::{check, survives_truncation};

    #[test]
    fn aix() {
        let line = "FILE_Unlink     rm     root     root OK          01 Mar 2026 10:00:00.759120  No associated roles filename /tmp/a";
        check(
            line,
            "aix.audit",
            &[
                ("@timestamp", "2026-03-01T10:00:00.759120Z"),
                ("event.action", "FILE_Unlink"),
                ("file.name", "/tmp/a"),
                ("process.name", "rm"),
                ("group.name", "root"),
                ("event.outcome", "success"),
            ],
        );
        check("it is OK 01 Mar 2026 10:00:00", "", &[]);
        survives_truncation(line);
    }

    #[test]
    fn radius() {
        let line = "(5) Login incorrect (No Auth-Type found): [x] (from client A port 1 cli 203.0.113.1)] (from client WLAN port 9815 cli 02-00-00-00-00-07)";
        check(
            line,
            "freeradius.server",
            &[
                ("source.mac", "02-00-00-00-00-07"),
                ("source.port", "9815"),
                ("host.name", "WLAN"),
                ("source.ip", ""),
                ("event.reason", "No Auth-Type found"),
            ],
        );
        check(
            "(5) Login OK: [CORP\\jane] (from client WLAN port 8 via TLS tunnel)",
            "freeradius.server",
            &[("user.name", "jane"), ("network.protocol", "TLS")],
        );
        check(
            "Mar  1 10:00:00 r1 radiusd[7]: (5) Login OK: [jane] (from client WLAN port 8)",
            "freeradius.server",
            &[("host.name", "r1"), ("freeradius.server.client", "WLAN")],
        );
        check(
            "Ignoring request to auth address * port 1812 bound to server default from unknown client 192.0.2.7 port 9459 proto udp",
            "freeradius.server",
            &[
                ("source.ip", "192.0.2.7"),
                ("source.port", "9459"),
                ("destination.port", "1812"),
                ("host.name", "default"),
            ],
        );
        survives_truncation(line);
    }

    #[test]
    fn others() {
        check(
            "03/01/2026 10:00:00 BDLIVED INFO: Downloading files",
            "bitdefender.server",
            &[("log.level", "INFO"), ("@timestamp", "2026-03-01T10:00:00.000Z")],
        );
    }
}
