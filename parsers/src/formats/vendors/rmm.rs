//! Tools for remote control: AnyDesk, TeamViewer. (Splashtop is among the [`agents`](super::agents); ScreenConnect writes to
//! Windows' Application log; RustDesk and others have logs like any application's.)
//!
//! ```text
//!    info 2026-02-03 04:05:06.123       main   ctrl   6086   6095   25      app.session - Accepted from 192.0.2.7:51022
//! Incoming    2026-02-03, 04:05    User    123456789    123456789
//! 2026/02/03 04:05:06.123  1234       5678 S0   text
//! 1031857653⇥PC7⇥03-02-2026 04:05:06⇥03-02-2026 05:05:06⇥mara⇥RemoteControl⇥{GUID}
//! ```
//!
//! AnyDesk's trace has columns of fixed order up to ` - `; the text behind it may be anybody's. TeamViewer's tables are
//! tabs, in which a computer's name (the partner's own word) is a column; columns are counted from the end, where the
//! kind of session and its id stand.

use crate::formats::fields::{Fields, host_port};
use crate::formats::text::{Event, Grammar, Line};
use crate::time;
use crate::value::Value;

pub(super) const GRAMMARS: &[Grammar] = &[
    Grammar {
        name: "anydesk.trace",
        marks: &["info 2", "warning 2", "error 2", "debug 2"],
        programs: &[],
        read: anydesk,
    },
    Grammar {
        name: "anydesk.connections",
        marks: &["Incoming ", "Incoming\t"],
        programs: &[],
        read: anydesk_connection,
    },
    Grammar {
        name: "teamviewer.log",
        marks: &["  ", "Start: "],
        programs: &[],
        read: teamviewer,
    },
    Grammar {
        name: "teamviewer.connections",
        marks: &[
            "\t{",
            "\tRemoteControl",
            "\tRemoteSupport",
            "\tFileTransfer",
            "\tMeeting",
            "\tVPN",
        ],
        programs: &[],
        read: teamviewer_connection,
    },
];

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

fn anydesk<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let text = line.raw.trim();
    let (level, rest) = text.split_once(' ')?;
    if !matches!(level, "info" | "warning" | "error" | "debug" | "fatal") {
        return None;
    }
    let (time, rest) = time::iso(rest, line.context.timezone)?;
    let (columns, message) = rest.split_once(" - ")?;
    let mut words = columns.split_ascii_whitespace();
    let (component, function, pid, thread) = (words.next()?, words.next()?, words.next()?, words.next()?);
    if !is_number(pid) || !is_number(thread) {
        return None;
    }
    let mut module = words.next()?;
    let mut fiber = "";
    if is_number(module) {
        (fiber, module) = (module, words.next()?);
    }
    let mut event = Event::headless("anydesk.trace");
    event.time = Some(time);
    let fields = &mut event.fields;
    fields.text("log.level", level);
    fields.text("component", component);
    fields.text("function", function);
    fields.number("process.pid", pid);
    fields.number("process.thread.id", thread);
    fields.text("fiber", fiber);
    fields.text("subfunction", module);
    let message = message.trim();
    fields.text("message", message);
    // `Logged in from 192.0.2.7:51022 on relay 1a2b.`, `Accepting from 192.0.2.7:51022.`
    if let Some(rest) = message
        .strip_prefix("Logged in from ")
        .or_else(|| message.strip_prefix("Accepting from "))
        .or_else(|| message.strip_prefix("Accepted from "))
    {
        fields.event("remote_session", "");
        let end = rest.find(' ').unwrap_or(rest.len());
        let (host, port) = host_port(rest[..end].trim_end_matches('.'));
        fields.source(host);
        fields.source_port(port.unwrap_or_default());
    } else if let Some(id) = message
        .strip_prefix("Client-ID: ")
        .or_else(|| message.strip_prefix("Accept request from "))
    {
        fields.text("source_id", id.split(' ').next().unwrap_or(id));
    }
    Some(event)
}

/// A line of `connection_trace.txt`: direction, time, how it was allowed, id and alias.
fn anydesk_connection<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let rest = line.raw.strip_prefix("Incoming")?;
    let rest = rest.trim_start();
    let (date, rest) = rest.split_once(", ")?;
    let (clock, rest) = rest.split_once([' ', '\t'])?;
    let stamp = [date, " ", clock, ":00"].concat();
    let (time, _) = time::iso(&stamp, line.context.timezone)?;
    let mut words = rest.split_ascii_whitespace();
    let (how, id) = (words.next()?, words.next()?);
    let mut event = Event::headless("anydesk.connections");
    event.time = Some(time);
    let outcome = match how {
        "REJECTED" => "failure",
        _ => "success",
    };
    event.fields.event("remote_session", outcome);
    event.fields.text("authorization", how);
    event.fields.text("source_id", id);
    event.fields.known("alias", words.next().unwrap_or_default());
    Some(event)
}

/// `2026/02/03 04:05:06.123  1234       5678 S0   text`; lines of a start (`Start: …`) are their own.
fn teamviewer<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let text = line.raw.trim_end_matches(['\r', '\n']);
    if let Some(rest) = text.strip_prefix("Start:") {
        let (time, rest) = time::slashed(rest.trim_start(), line.context.timezone)?;
        let zone = rest.trim().strip_prefix("(UTC")?.strip_suffix(')')?;
        let mut event = Event::headless("teamviewer.log");
        event.time = Some(time - offset(zone)?);
        event.fields.text("event.action", "start");
        return Some(event);
    }
    let (time, rest) = time::slashed(text, line.context.timezone)?;
    let (pid, rest) = word(rest)?;
    let (thread, rest) = word(rest)?;
    let (writer, message) = word(rest)?;
    // `S0`: service, `G1`: window, `D2`: desktop, with the number of the session.
    let is_writer = writer.len() >= 2
        && writer.starts_with(|c: char| c.is_ascii_uppercase())
        && writer
            .bytes()
            .skip(1)
            .all(|b| b.is_ascii_digit() || b == b'+' || b == b'!');
    if !is_number(pid) || !is_number(thread) || !is_writer {
        return None;
    }
    let message = message.trim();
    let mut event = Event::headless("teamviewer.log");
    event.time = Some(time);
    let fields = &mut event.fields;
    fields.number("process.pid", pid);
    fields.number("process.thread.id", thread);
    fields.text("component", writer);
    fields.text("message", message);
    session(message, fields);
    Some(event)
}

/// What TeamViewer says about partners.
fn session<'a>(message: &'a str, fields: &mut Fields<'a>) {
    if let Some((_, rest)) = message.split_once("UDP: punch received a=") {
        let (host, port) = host_port(rest.split(':').next().map_or(rest, |_| {
            let end = rest.find(": ").or_else(|| rest.find(" (")).unwrap_or(rest.len());
            &rest[..end]
        }));
        fields.source(host);
        fields.source_port(port.unwrap_or_default());
    } else if let Some((_, id)) = message.split_once("client hello received from ") {
        fields.text("source_id", id.split([',', ' ']).next().unwrap_or_default());
    }
}

fn word(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start();
    let end = text.find([' ', '\t']).unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

/// `+2:00` in microseconds.
fn offset(zone: &str) -> Option<i64> {
    let (sign, clock) = match zone.strip_prefix('-') {
        Some(clock) => (-1, clock),
        None => (1, zone.strip_prefix('+')?),
    };
    let (hours, minutes) = clock.split_once(':')?;
    let minutes = hours
        .parse::<i64>()
        .ok()?
        .checked_mul(60)?
        .checked_add(minutes.parse().ok()?)?;
    (0..=24 * 60)
        .contains(&minutes)
        .then_some(sign * minutes * 60_000_000)
}

/// A row of `Connections_incoming.txt` (seven columns) or `Connections.txt` (without the partner's name).
fn teamviewer_connection<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let columns: Vec<&str> = line.raw.trim_end().split('\t').map(str::trim).collect();
    let (id, name, rest) = match columns[..] {
        [id, name, ref rest @ ..] if rest.len() == 5 => (id, name, rest),
        [id, ref rest @ ..] if rest.len() == 5 => (id, "", rest),
        _ => return None,
    };
    let [start, end, user, kind, session] = rest else {
        return None;
    };
    if !is_number(id) || !session.starts_with('{') {
        return None;
    }
    let mut event = Event::headless("teamviewer.connections");
    let at = |text: &str| day_first(text, line);
    let began = at(start)?;
    event.time = Some(began);
    let fields = &mut event.fields;
    fields.event("remote_session", "");
    for (field, time) in [("event.start", Some(began)), ("event.end", at(end))] {
        if let Some(text) = time.and_then(time::rfc3339) {
            fields.put(field, Value::Str(line.keep(text)));
        }
    }
    fields.text("source_id", id);
    fields.text("display_name", name);
    fields.known("user.name", user);
    fields.text("activity_type", kind);
    fields.text("session_id", session);
    Some(event)
}

/// `03-02-2026 04:05:06`
fn day_first(text: &str, line: &Line<'_>) -> Option<i64> {
    let (date, clock) = text.split_once(' ')?;
    let mut parts = date.split('-');
    let (day, month, year) = (parts.next()?, parts.next()?, parts.next()?);
    let stamp = [year, "-", month, "-", day, " ", clock].concat();
    match time::iso(&stamp, line.context.timezone) {
        Some((time, "")) => Some(time),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::whole::{check, read, survives_truncation};

    #[test]
    fn anydesk() {
        let text = "   info 2026-02-03 04:05:06.123    service   main   6086   6095   25       anynet.any_socket - Logged in from 192.0.2.7:51022 on relay 1a - 192.0.2.99:1.";
        check(
            text,
            "anydesk.trace",
            &[
                ("@timestamp", "2026-02-03T04:05:06.123Z"),
                ("log.level", "info"),
                ("rmm.component", "service"),
                ("rmm.function", "main"),
                ("process.pid", "6086"),
                ("rmm.subfunction", "anynet.any_socket"),
                ("source.ip", "192.0.2.7"),
                ("source.port", "51022"),
            ],
        );
        survives_truncation(text);
        check(
            "Incoming    2026-02-03, 04:05    User                              123456789    123456789",
            "anydesk.connections",
            &[
                ("@timestamp", "2026-02-03T04:05:00.000Z"),
                ("rmm.source_id", "123456789"),
                ("event.outcome", "success"),
            ],
        );
        assert!(read("info 2026-02-03 04:05:06 a b - c").is_empty());
    }

    #[test]
    fn teamviewer() {
        let text = "2026/02/03 04:05:06.123  1234       5678 S0   UDP: punch received a=192.0.2.7:51022: (*)";
        check(
            text,
            "teamviewer.log",
            &[
                ("@timestamp", "2026-02-03T04:05:06.123Z"),
                ("process.pid", "1234"),
                ("rmm.component", "S0"),
                ("source.ip", "192.0.2.7"),
                ("source.port", "51022"),
            ],
        );
        survives_truncation(text);
        check(
            "Start:          2026/02/03 04:05:06.123 (UTC+2:00)",
            "teamviewer.log",
            &[("@timestamp", "2026-02-03T02:05:06.123Z")],
        );
        let text = "1031857653\tPC7\t03-02-2026 04:05:06\t03-02-2026 05:05:06\tmara\tRemoteControl\t{4BF22BA7-0000-4F64-8755-97E6E45F9883}";
        check(
            text,
            "teamviewer.connections",
            &[
                ("event.start", "2026-02-03T04:05:06.000Z"),
                ("event.end", "2026-02-03T05:05:06.000Z"),
                ("user.name", "mara"),
                ("rmm.display_name", "PC7"),
                ("rmm.activity_type", "RemoteControl"),
            ],
        );
        survives_truncation(text);
    }
}
