//! MongoDB before 4.4 and Redis.
//!
//! ```text
//! 2026-02-03T04:05:06.123+0000 I NETWORK  [listener] connection accepted from 192.0.2.7:51022 #9 (1 connection now open)
//! 2026-02-03T04:05:06.123+0000 [conn5] end connection 192.0.2.7:51022 (0 connections now open)
//! 1234:M 03 Feb 2026 04:05:06.123 * DB saved on disk
//! 1770091506.123456 [0 192.0.2.7:51022] "get" "key"
//! ```
//!
//! MongoDB's severity (none before 3.0) is one letter, its component a word in capitals, its context stands in brackets: the server's own,
//! like the words in front of an address. Redis' monitor puts the client in brackets in front of all that it sent.

use crate::formats::fields::{Fields, host_port};
use crate::formats::text::{Event, Grammar, Line};
use crate::time;
use crate::value::Value;

pub(super) const MONGODB: Grammar = Grammar {
    name: "mongodb.log",
    marks: &[
        " I ",
        " D ",
        " W ",
        " E ",
        " F ",
        " D1 ",
        " D2 ",
        " D3 ",
        " D4 ",
        " D5 ",
        " [conn",
        " [initandlisten] ",
    ],
    programs: &[],
    read: mongodb,
};

pub(super) const REDIS: Grammar = Grammar {
    name: "redis.log",
    marks: &[":M ", ":S ", ":C ", ":X ", "] "],
    programs: &["redis", "redis-server"],
    read: redis,
};

pub(super) const REDIS_MONITOR: Grammar = Grammar {
    name: "redis.monitor",
    marks: &["] \""],
    programs: &[],
    read: monitor,
};

fn mongodb<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let (time, rest) = time::iso(line.raw, line.context.timezone)?;
    let rest = rest.strip_prefix(' ')?;
    let is_old = rest.starts_with('[');
    let (severity, component, rest) = match is_old {
        true => ("", "", rest),
        false => severity_and_component(rest)?,
    };
    let (context, message) = rest.trim_start().strip_prefix('[')?.split_once(']')?;
    let is_connection = |context: &str| {
        let number = context.strip_prefix("conn").unwrap_or_default();
        !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())
    };
    if is_old && context != "initandlisten" && !is_connection(context) {
        return None;
    }
    let message = message.trim();
    let mut event = Event::headless("mongodb.log");
    event.time = Some(time);
    let fields = &mut event.fields;
    fields.text("log.level", severity);
    fields.known("component", component);
    fields.text("context", context);
    fields.text("message", message);
    if let Some(rest) = message
        .strip_prefix("connection accepted from ")
        .or_else(|| message.strip_prefix("end connection "))
        .or_else(|| message.strip_prefix("received client metadata from "))
    {
        endpoint(rest.split(' ').next().unwrap_or_default(), fields);
    } else if let Some((rest, client)) = message
        .strip_prefix("SASL ")
        .or(Some(message))
        .and_then(|rest| rest.split_once(" authentication failed for "))
    {
        // `SCRAM-SHA-1 authentication failed for mara on admin from client 192.0.2.7:51022 ; UserNotFound: …`
        fields.event("login", "failure");
        fields.category("authentication");
        fields.text("mechanism", rest);
        if let Some((user, host)) = refused(client) {
            let (user, database) = user.rsplit_once(" on ").unwrap_or((user, ""));
            fields.text("user.name", user);
            fields.text("database", database);
            endpoint(host, fields);
        }
    } else if let Some(rest) = message.strip_prefix("Failed to authenticate ") {
        // `mara@shop with mechanism MONGODB-CR: AuthenticationFailed …`
        fields.event("login", "failure");
        fields.category("authentication");
        if let Some((user, mechanism)) = rest.split_once(" with mechanism ") {
            let (user, database) = user.rsplit_once('@').unwrap_or((user, ""));
            fields.text("user.name", user);
            fields.text("database", database);
            fields.text("mechanism", mechanism.split(':').next().unwrap_or(mechanism));
        }
    } else if let Some(user) = message.strip_prefix("Successfully authenticated as principal ") {
        fields.event("login", "success");
        fields.category("authentication");
        // Nothing follows the client.
        let (user, client) = user.rsplit_once(" from client ").unwrap_or((user, ""));
        let (user, database) = user.rsplit_once(" on ").unwrap_or((user, ""));
        fields.text("user.name", user);
        fields.text("database", database);
        endpoint(client.trim_end(), fields);
    } else if component == "COMMAND" || component == "QUERY" || component == "WRITE" {
        query(message, fields);
    }
    Some(event)
}

/// The severity and the component that `text` begins with, and what follows.
fn severity_and_component(text: &str) -> Option<(&str, &str, &str)> {
    let (severity, rest) = text.split_once(' ')?;
    if !matches!(
        severity,
        "I" | "W" | "E" | "F" | "D" | "D1" | "D2" | "D3" | "D4" | "D5"
    ) {
        return None;
    }
    let (component, rest) = rest.split_once(' ')?;
    let is_component = !component.is_empty()
        && component
            .bytes()
            .all(|b| b.is_ascii_uppercase() || matches!(b, b'-' | b'_'));
    is_component.then_some((severity, component, rest))
}

/// The name with its database and the client of `mara on admin from client 192.0.2.7:51022 ; UserNotFound: …`. The reason
/// may repeat the name, and a name may hold the words around it: only one client may have ` ; Reason: ` behind it.
fn refused(text: &str) -> Option<(&str, &str)> {
    const CLIENT: &str = " from client ";
    let mut only: Option<(&str, &str)> = None;
    for at in memchr::memmem::find_iter(text.as_bytes(), CLIENT.as_bytes()) {
        let (host, reason) = match text[at + CLIENT.len()..].split_once(" ; ") {
            Some(parts) => parts,
            None => continue,
        };
        let word = reason.split_once(": ").map_or("", |(word, _)| word);
        let is_reason = !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphabetic());
        if host.contains(' ') || !is_reason {
            continue;
        }
        if only.is_some_and(|(_, other)| other != host) {
            return None;
        }
        only = only.or(Some((&text[..at], host)));
    }
    only
}

/// `command shop.$cmd command: find { … } … 120ms`: what was slow, and for how long.
fn query<'a>(message: &'a str, fields: &mut Fields<'a>) {
    let Some((operation, rest)) = message.split_once(' ') else {
        return;
    };
    let namespace = rest.split(' ').next().unwrap_or_default();
    let Some((_, last)) = message.rsplit_once(' ') else {
        return;
    };
    if let Some(millis) = last.strip_suffix("ms")
        && namespace.contains('.')
    {
        fields.text("event.action", operation);
        fields.text("namespace", namespace);
        fields.text("duration_ms", millis);
    }
}

fn endpoint<'a>(text: &'a str, fields: &mut Fields<'a>) {
    let (host, port) = host_port(text);
    fields.source(host);
    fields.source_port(port.unwrap_or_default());
}

/// `1234:M 03 Feb 2026 04:05:06.123 * text`, before Redis 3 `[1234] 03 Feb 04:05:06.123 * text`.
fn redis<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let text = match line.program() {
        "redis" | "redis-server" => line.body,
        _ => line.raw,
    };
    let (pid, role, rest) = match text.strip_prefix('[') {
        Some(inner) => {
            let (pid, rest) = inner.split_once("] ")?;
            (pid, "", rest)
        }
        None => {
            let (head, rest) = text.split_once(' ')?;
            let (pid, role) = head.split_once(':')?;
            if !matches!(role, "M" | "S" | "C" | "X") {
                return None;
            }
            (pid, role, rest)
        }
    };
    if pid.is_empty() || !pid.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    // `03 Feb 2026 04:05:06.123`: day, month, perhaps a year, clock.
    let mut words = rest.splitn(4, ' ');
    let (day, month, third) = (words.next()?, words.next()?, words.next()?);
    let fourth = words.next()?;
    let (year, clock, rest) = match third.contains(':') {
        true => ("", third, fourth),
        false => {
            let (clock, rest) = fourth.split_once(' ')?;
            (third, clock, rest)
        }
    };
    let stamp = [
        month,
        " ",
        day,
        if year.is_empty() { "" } else { " " },
        year,
        " ",
        clock,
    ]
    .concat();
    let (time, _) = time::bsd(&stamp, line.context.reference_time, line.context.timezone)?;
    let (sign, message) = rest.split_once(' ')?;
    let level = match sign {
        "." => "debug",
        "-" => "verbose",
        "*" => "notice",
        "#" => "warning",
        _ => return None,
    };
    let mut event = Event::headless("redis.log");
    event.time = Some(time);
    let fields = &mut event.fields;
    fields.number("process.pid", pid);
    fields.text("role", role);
    fields.text("log.level", level);
    fields.text("message", message.trim_end());
    if let Some(client) = message.strip_prefix("Accepted ") {
        endpoint(client.trim_end(), fields);
    }
    Some(event)
}

fn monitor<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let (stamp, rest) = line.raw.split_once(" [")?;
    let time = time::epoch(stamp).filter(|_| stamp.contains('.'))?;
    let (client, command) = rest.split_once("] ")?;
    let (database, client) = client.split_once(' ')?;
    if !command.starts_with('"') || !database.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let mut event = Event::headless("redis.monitor");
    event.time = Some(time);
    let fields = &mut event.fields;
    fields.text("database", database);
    let (host, port) = host_port(client);
    fields.endpoint("client.ip", "client.domain", host);
    fields.port("client.port", port.unwrap_or_default());
    endpoint(client, fields);
    let (name, arguments) = command[1..].split_once('"').unwrap_or((command, ""));
    fields.text("command", name);
    fields.text("arguments", arguments.trim());
    fields.put("message", Value::Str(command.trim_end()));
    Some(event)
}

#[cfg(test)]
mod tests {
    use super::super::super::whole::{check, read, survives_truncation};

    #[test]
    fn mongodb() {
        let text = "2026-02-03T04:05:06.123+0000 I NETWORK  [listener] connection accepted from 192.0.2.7:51022 #9 (1 connection now open)";
        check(
            text,
            "mongodb.log",
            &[
                ("@timestamp", "2026-02-03T04:05:06.123Z"),
                ("log.level", "I"),
                ("source.ip", "192.0.2.7"),
                ("source.port", "51022"),
            ],
        );
        survives_truncation(text);
        check(
            "2026-02-03T04:05:06.123+0000 I ACCESS   [conn9] SCRAM-SHA-1 authentication failed for mara on admin from client 192.0.2.7:51022 ; UserNotFound: x from client 192.0.2.99:1",
            "mongodb.log",
            &[
                ("user.name", "mara"),
                ("source.ip", "192.0.2.7"),
                ("event.outcome", "failure"),
            ],
        );
        check(
            "2026-02-03T04:05:06.123+0000 I ACCESS   [conn9] SCRAM-SHA-1 authentication failed for x on admin from client 203.0.113.1:1 on admin from client 192.0.2.7:51022 ; UserNotFound: Could not find user x",
            "mongodb.log",
            &[
                ("source.ip", "192.0.2.7"),
                ("user.name", "x on admin from client 203.0.113.1:1"),
            ],
        );
        check(
            "2026-02-03T04:05:06.123+0000 I ACCESS   [conn9] SCRAM-SHA-1 authentication failed for x on admin from client 203.0.113.1:1 ; UserNotFound: a on admin from client 192.0.2.7:51022 ; UserNotFound: Could not find user x",
            "mongodb.log",
            &[("source.ip", ""), ("user.name", "")],
        );
        check(
            "2026-02-03T04:05:06.123+0000 F -        [conn9] Got signal: 6 (Aborted).",
            "mongodb.log",
            &[("log.level", "F"), ("mongodb.log.component", "")],
        );
        check(
            "2026-02-03T04:05:06.123+0100 [conn5] end connection 192.0.2.7:51022 (0 connections now open)",
            "mongodb.log",
            &[
                ("@timestamp", "2026-02-03T03:05:06.123Z"),
                ("source.ip", "192.0.2.7"),
                ("source.port", "51022"),
            ],
        );
        check(
            "2026-02-03T04:05:06.123+0000 [conn5] Failed to authenticate mara@shop with mechanism MONGODB-CR: AuthenticationFailed x with mechanism y",
            "mongodb.log",
            &[
                ("user.name", "mara"),
                ("mongodb.database", "shop"),
                ("event.outcome", "failure"),
            ],
        );
        assert!(read("2026-02-03T04:05:06Z I am here [x] y").is_empty());
        assert!(read("2026-02-03T04:05:06Z [connection] end connection 192.0.2.7:1").is_empty());
    }

    #[test]
    fn redis() {
        check(
            "1234:M 03 Feb 2026 04:05:06.123 * DB saved on disk",
            "redis.log",
            &[
                ("@timestamp", "2026-02-03T04:05:06.123Z"),
                ("process.pid", "1234"),
                ("log.level", "notice"),
                ("message", "DB saved on disk"),
            ],
        );
        let text = "1770091506.123456 [0 192.0.2.7:51022] \"set\" \"[0 192.0.2.99:1] \\\"x\"";
        check(
            text,
            "redis.monitor",
            &[
                ("@timestamp", "2026-02-03T04:05:06.123456Z"),
                ("client.ip", "192.0.2.7"),
                ("client.port", "51022"),
                ("redis.command", "set"),
            ],
        );
        survives_truncation(text);
    }
}
