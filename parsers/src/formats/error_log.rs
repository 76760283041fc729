//! Error logs of Apache httpd and nginx.
//!
//! ```text
//! [Day Mon dd hh:mm:ss[.ffffff] yyyy] [[module:]level] [pid N[:tid N]] [(errno)text:] [client address[:port]] message
//! [[time] ][module:level] [pid N[:tid N]] …       (another `ErrorLogFormat`, or behind a syslog header)
//! yyyy/mm/dd hh:mm:ss [level] pid#tid: [*connection] message[, client: address, server: name, request: "…", host: "…"]
//! ```
//!
//! The text after the server's own head stays whole in `message`: that is what rules search. What the server
//! says about the request is taken out of it besides. In Apache's lines the client stands in front of anything
//! that a client could have written. In nginx's it stands behind the path asked for and in front of the request
//! and the headers, none of them escaped; where `, client: ` comes more than once, a client may have written one
//! of them. One is the server's if behind it, and behind no other, the rest of the line is what the server writes
//! there; otherwise all are in `related.ip`, and nothing else is taken from the line but its text. ModSecurity closes its messages with groups
//! (`[uri "/x"]`), whose quotes it escapes: they are read from the end.

use nom::bytes::complete::{tag, take_till1};
use nom::character::complete::{char, digit1};
use nom::combinator::{opt, verify};
use nom::sequence::{delimited, preceded};
use nom::{IResult, Parser};

use super::{EventSink, FrameContext, Reject, access, commit, linux, pinned_or};
use crate::batch::BatchBuilder;
use crate::time;
use crate::value::Value;

/// One line taken apart; everything as written.
#[derive(Debug, Default, PartialEq)]
struct Line<'a> {
    /// Behind a syslog header, that says when it was.
    time: Option<i64>,
    module: Option<&'a str>,
    level: &'a str,
    pid: Option<&'a str>,
    tid: Option<&'a str>,
    client: Option<&'a str>,
    connection: Option<&'a str>,
    message: &'a str,
    /// What nginx says about the request: name and value, without quotes.
    about: Vec<(&'a str, &'a str)>,
}

/// Whether `line` is an error log line.
pub fn looks_like(line: &str) -> bool {
    Line::parse(line, chrono_tz::UTC).is_some()
}

/// Writes the event of one line to `sink`.
///
/// # Errors
///
/// `not_error_log` if the line has neither server's time and level at its start.
pub fn decode(frame: &str, context: &FrameContext<'_>, sink: &mut EventSink) -> Result<(), Reject> {
    decode_message(frame, None, frame, context, sink)
}

/// The time of a syslog header stands in for that of a line without one.
type Carrier<'a> = (Option<&'a str>, Option<i64>);

/// Writes the event of an error log line that is the `message` of another format's `frame`.
pub(super) fn decode_message(
    message: &str,
    carrier: Option<Carrier<'_>>,
    frame: &str,
    context: &FrameContext<'_>,
    sink: &mut EventSink,
) -> Result<(), Reject> {
    let line = Line::parse(message, context.timezone)
        .ok_or_else(|| Reject::new("not_error_log", "no time and level at the start of the line"))?;
    let dataset = pinned_or("web.error", context, sink)?;
    let builder = sink.begin(&dataset);
    let (host, time) = carrier.unwrap_or_default();
    if let Some(host) = host {
        builder.field("host.name", Value::Str(host));
    }
    line.write(builder);
    commit(builder, context, frame.as_bytes(), 0, line.time.or(time));
    Ok(())
}

impl<'a> Line<'a> {
    fn parse(line: &'a str, zone: chrono_tz::Tz) -> Option<Line<'a>> {
        let line = line.trim_end_matches(['\n', '\r', ' ']);
        match line.strip_prefix('[') {
            Some(rest) => Line::apache(rest, zone),
            None => Line::nginx(line, zone),
        }
    }

    /// `rest` starts behind the first bracket.
    fn apache(rest: &'a str, zone: chrono_tz::Tz) -> Option<Line<'a>> {
        let (time, level, rest) = match time::ctime(rest, zone) {
            Some((time, rest)) => {
                let (rest, level) = preceded(tag("] "), bracketed).parse(rest).ok()?;
                (Some(time), level, rest)
            }
            None => other_format(rest, zone)?,
        };
        let (module, level) = match level.split_once(':') {
            Some((module, level)) => (Some(module).filter(|module| !module.is_empty()), level),
            None => (None, level),
        };
        if !is_level(level) {
            return None;
        }
        let mut parsed = Line {
            time,
            module,
            level,
            ..Line::default()
        };
        let mut rest = rest.trim_start();
        if let Some((process, after)) = group(rest, "pid ") {
            let (pid, tid) = process.split_once(":tid ").unwrap_or((process, ""));
            parsed.pid = Some(pid);
            parsed.tid = Some(tid).filter(|tid| !tid.is_empty());
            rest = after;
        }
        // An error of the system, `(13)Permission denied: `, comes before the client; it is part of the text.
        parsed.message = rest;
        let behind = system_error(rest).map_or(rest, |(behind, _)| behind);
        if let Some((client, after)) = group(behind, "client ").or_else(|| group(behind, "remote ")) {
            parsed.client = Some(client);
            if behind.len() == rest.len() {
                parsed.message = after;
            }
        }
        Some(parsed)
    }

    fn nginx(line: &'a str, zone: chrono_tz::Tz) -> Option<Line<'a>> {
        let (time, rest) = time::slashed(line, zone)?;
        let parsed: IResult<&str, _> = (
            preceded(char(' '), bracketed),
            preceded(char(' '), digit1),
            preceded(char('#'), digit1),
            tag(": "),
            opt(delimited(char('*'), digit1, char(' '))),
        )
            .parse(rest);
        let (message, (level, pid, tid, _, connection)) = parsed.ok()?;
        is_level(level).then(|| Line {
            time: Some(time),
            level,
            pid: Some(pid),
            tid: Some(tid),
            connection,
            message,
            about: about(message).unwrap_or_default(),
            ..Line::default()
        })
    }

    fn write(&self, builder: &mut BatchBuilder) {
        builder.field("message", Value::Str(self.message));
        builder.field("level", Value::Str(self.level));
        for (name, text) in [("module", self.module), ("connection", self.connection)] {
            builder.field(name, text.map_or(Value::Null, Value::Str));
        }
        for (name, text) in [("pid", self.pid), ("tid", self.tid)] {
            let number = text.and_then(|text| text.parse().ok());
            builder.field(name, number.map_or(Value::Null, Value::Int));
        }
        // Apache numbers its messages.
        let code = self.message.split_once(": ").map(|(code, _)| code);
        if let Some(code) = code.filter(|code| {
            let number = code.strip_prefix("AH").unwrap_or_default();
            number.len() == 5 && number.bytes().all(|b| b.is_ascii_digit())
        }) {
            builder.field("code", Value::Str(code));
        }
        if let Some(client) = self.client {
            write_client(client, builder);
        }
        if self.about.is_empty() && self.client.is_none() {
            // One of several clients is the real one: whoever looks for it finds the line.
            let named = self.message.split(", client: ").skip(1);
            let clients: Vec<Value<'_>> = named
                .filter_map(|rest| linux::address(rest.split(", ").next().unwrap_or_default()))
                .map(Value::Str)
                .collect();
            if !clients.is_empty() {
                builder.field("related.ip", Value::List(clients));
            }
        }
        match self.connection {
            Some(_) => {}
            None if self.module.is_some() || self.client.is_some() => write_apache(self.message, builder),
            None => write_certificate(self.message, builder),
        }
        for &(name, value) in &self.about {
            match name {
                "client" => write_client(value, builder),
                "request" => {
                    access::write_request(value, builder);
                    builder.field("request_line", Value::Str(value));
                }
                "host" => builder.field("host", Value::Str(access::host_and_port(value).0)),
                _ => builder.field(name, Value::Str(value)),
            }
        }
    }
}

fn is_level(level: &str) -> bool {
    const LEVELS: &[&str] = &[
        "emerg", "alert", "crit", "error", "warn", "notice", "info", "debug",
    ];
    // Apache has eight levels of tracing besides.
    let level = level.strip_prefix("trace").map_or(level, |digit| match digit {
        "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" => "debug",
        _ => "",
    });
    LEVELS.contains(&level)
}

/// `[text]`
fn bracketed(input: &str) -> IResult<&str, &str> {
    delimited(char('['), take_till1(|c| matches!(c, ']' | '[')), char(']')).parse(input)
}

/// `(13)Permission denied: `, up to the bracket behind it.
fn system_error(input: &str) -> IResult<&str, &str> {
    preceded(
        delimited(char('('), digit1, char(')')),
        verify(take_till1(|c| c == '['), |text: &str| text.ends_with(": ")),
    )
    .parse(input)
}

/// The text of `[name text]` at the start of `input`, and what follows it. An IPv6 address with a port has
/// brackets of its own.
fn group<'a>(input: &'a str, name: &str) -> Option<(&'a str, &'a str)> {
    let inner = input.strip_prefix('[')?.strip_prefix(name)?;
    let address = match inner.starts_with('[') {
        true => inner.find(']')? + 1,
        false => 0,
    };
    let end = address + inner[address..].find(']')?;
    Some((&inner[..end], inner[end + 1..].trim_start()))
}

fn write_client(client: &str, builder: &mut BatchBuilder) {
    // An address alone first: the last part of an IPv6 address is no port.
    let (host, port) = match linux::address(client) {
        Some(_) => (client, None),
        None => match client.rsplit_once(':') {
            Some((host, port)) if port.parse::<u16>().is_ok() => (host, port.parse().ok()),
            _ => (client, None),
        },
    };
    match linux::address(host) {
        Some(address) => builder.field("client", Value::Str(address)),
        None => builder.field("source.domain", Value::Str(host)),
    }
    builder.field("source.port", port.map_or(Value::Null, Value::Int));
}

/// What nginx says about the request at the end of `message`, by the names it gives. `None` if there is
/// nothing, or if a client may have written it; only client and server, which no client writes, if a name
/// comes twice: then one of the two may stand in what a client sent.
fn about(message: &str) -> Option<Vec<(&str, &str)>> {
    let mut starts = memchr::memmem::find_iter(message.as_bytes(), CLIENT);
    let first = starts.next()?;
    let mut tail = &message[first + CLIENT.len()..];
    if starts.next().is_some() {
        // Somebody wrote one of them. What is behind the server's own is as the server writes it, to the end.
        let mut whole = memchr::memmem::find_iter(message.as_bytes(), CLIENT)
            .map(|at| &message[at + CLIENT.len()..])
            .filter(|tail| is_whole(tail));
        tail = whole.next()?;
        if whole.next().is_some() {
            return None;
        }
    }
    let (client, after) = tail.split_once(", ").unwrap_or((tail, ""));
    let mut found = vec![("client", client)];
    let mut rest = after;
    let twice = NAMES.iter().any(|name| {
        let mark = format!(", {name}: ");
        memchr::memmem::find_iter(after.as_bytes(), mark.as_bytes())
            .nth(1)
            .is_some()
            || (after.starts_with(&mark[2..]) && after.contains(&mark))
    });
    if twice {
        let server = after
            .strip_prefix("server: ")
            .and_then(|rest| rest.split_once(", "));
        found.extend(server.map(|(server, _)| ("server", server)));
        return Some(found);
    }
    // Each value ends where the next name stands; names come in this order and once.
    let mut names = NAMES.iter();
    while let Some((name, value)) = rest.split_once(": ")
        && names.any(|known| *known == name)
    {
        let left: Vec<&str> = names.clone().copied().collect();
        let end = left
            .iter()
            .filter_map(|next| value.find(&format!(", {next}: ")))
            .min()
            .unwrap_or(value.len());
        let text = &value[..end];
        let unquoted = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
        found.push((name, unquoted.unwrap_or(text)));
        rest = value.get(end + 2..).unwrap_or_default();
    }
    Some(found)
}

/// What nginx writes in front of a client.
const CLIENT: &[u8] = b", client: ";

/// What nginx says about a request, in its order.
const NAMES: &[&str] = &[
    "server",
    "request",
    "subrequest",
    "upstream",
    "host",
    "referrer",
    "login",
];

/// Whether `tail` is an address and then the server's names in their order up to the end of the line, each with a
/// value: one in quotes that a comma or the end follows, or one without any quote.
fn is_whole(tail: &str) -> bool {
    let (client, mut rest) = tail.split_once(", ").unwrap_or((tail, ""));
    if linux::address(client).is_none() {
        return false;
    }
    let mut names = NAMES.iter();
    while !rest.is_empty() {
        let Some((name, value)) = rest.split_once(": ") else {
            return false;
        };
        if !names.any(|known| *known == name) {
            return false;
        }
        let end = match value.strip_prefix('"') {
            Some(quoted) => memchr::memchr_iter(b'"', quoted.as_bytes())
                .map(|at| at + 2)
                .find(|end| value.len() == *end || value[*end..].starts_with(", ")),
            None => {
                let end = value.find(", ").unwrap_or(value.len());
                Some(end).filter(|end| !value[..*end].contains('"'))
            }
        };
        let Some(end) = end else {
            return false;
        };
        rest = value.get(end + 2..).unwrap_or_default();
    }
    true
}

/// `time] [module:level] [pid N] …` or `module:level] [pid N] …`: the time, the level with its module, and the rest.
/// Only with both a module and a process is it a line of Apache's.
fn other_format(text: &str, zone: chrono_tz::Tz) -> Option<(Option<i64>, &str, &str)> {
    let stamp = time::iso(text, zone).or_else(|| time::apache(text, zone));
    let (time, text) = match stamp {
        Some((time, rest)) => (Some(time), rest.strip_prefix("] [")?),
        None => (None, text),
    };
    let (level, rest) = text.split_once("] ")?;
    let of_a_module = level.contains(':') && !level.contains(['[', ' ', '"']);
    (of_a_module && rest.starts_with("[pid ")).then_some((time, level, rest))
}

/// What Apache and its modules say of a request, a file or an error of the system.
fn write_apache(message: &str, builder: &mut BatchBuilder) {
    let mut text = message;
    if let Some((code, rest)) = text.strip_prefix('(').and_then(|rest| rest.split_once(')'))
        && code.bytes().all(|b| b.is_ascii_digit())
        && let Some((error, _)) = rest.split_once(": ")
    {
        builder.field("error.code", Value::Str(code));
        builder.field("error.message", Value::Str(error));
    }
    if let Some(at) = memchr::memmem::find(text.as_bytes(), b"ModSecurity: ") {
        return write_modsecurity(&text[at..], builder);
    }
    // The last header that the server writes; what a client sends has no line feed, but may have commas.
    if let Some((before, referer)) = text.rsplit_once(", referer: ") {
        builder.field("referrer", Value::Str(referer));
        text = before;
    }
    if let Some((code, rest)) = text.split_once(": ")
        && code.len() == 7
        && code.starts_with("AH")
    {
        text = rest;
    }
    for start in ["File does not exist: ", "client denied by server configuration: "] {
        if let Some(path) = text.strip_prefix(start) {
            builder.field("file.path", Value::Str(path));
            return;
        }
    }
    if let Some(rest) = text.strip_prefix("user ") {
        // A name that holds the words behind it leaves nothing certain.
        let ends = [" not found: ", ": authentication failure for \"", " in realm "];
        let mut found = ends.iter().filter_map(|end| rest.split_once(end));
        if let Some((user, behind)) = found.next()
            && ends.iter().all(|end| !behind.contains(end))
            && found.next().is_none()
        {
            builder.field("user.name", Value::Str(user.trim_matches(['`', '\''])));
        }
    }
}

/// The groups at the end of a message of ModSecurity's, from the last one.
fn write_modsecurity(message: &str, builder: &mut BatchBuilder) {
    let mut rest = message.trim_end();
    if !rest.ends_with(']')
        && let Some(at) = rest.rfind("\"], referer: ")
    {
        builder.field("referrer", Value::Str(&rest[at + "\"], referer: ".len()..]));
        rest = &rest[..at + 2];
    }
    while let Some(inner) = rest.strip_suffix("\"]") {
        let Some(at) = inner.rfind(" [") else {
            return;
        };
        let Some((name, value)) = inner[at + 2..].split_once(" \"") else {
            return;
        };
        let native = match name {
            "hostname" => "cs-host",
            "uri" => "cs-uri-stem",
            "id" => "rule.id",
            "msg" => "rule.description",
            "ver" => "rule.version",
            "severity" => "modsecurity.severity",
            "unique_id" => "modsecurity.unique_id",
            "file" => "modsecurity.file",
            "line" => "modsecurity.line",
            "data" => "modsecurity.data",
            "tag" | "rev" | "maturity" | "accuracy" | "client" => "",
            _ => return,
        };
        if !native.is_empty() {
            builder.field_if_absent(native, Value::Str(value));
            if native == "cs-uri-stem" {
                builder.field_if_absent("cs-uri", Value::Str(value));
            }
        }
        rest = inner[..at].trim_end();
    }
}

/// `…, responder: ocsp.example.org, peer: 192.0.2.7:80, certificate: "/etc/ssl/a.pem"`
fn write_certificate(message: &str, builder: &mut BatchBuilder) {
    if let Some((rest, path)) = message
        .strip_suffix('"')
        .and_then(|rest| rest.rsplit_once(", certificate: \""))
    {
        builder.field("file.path", Value::Str(path));
        if let Some((folder, name)) = path.rsplit_once('/') {
            builder.field("file.directory", Value::Str(folder));
            builder.field("file.name", Value::Str(name));
            if let Some((_, extension)) = name.rsplit_once('.') {
                builder.field("file.extension", Value::Str(extension));
            }
        }
        if let Some((rest, peer)) = rest.rsplit_once(", peer: ") {
            let (host, port) = access::host_and_port(peer);
            match linux::address(host) {
                Some(address) => builder.field("destination.ip", Value::Str(address)),
                None => builder.field("destination.domain", Value::Str(host)),
            }
            builder.field("destination.port", port.map_or(Value::Null, Value::Int));
            if let Some((_, responder)) = rest.rsplit_once(", responder: ") {
                builder.field("responder", Value::Str(responder));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::batch::EventBatch;
    use crate::formats::testing;

    fn event(line: &str) -> EventBatch {
        testing::batch(line, decode)
    }

    #[track_caller]
    fn check(line: &str, time: &str, wanted: &[(&str, Option<&str>)]) {
        let batch = event(line);
        let mut json = String::new();
        crate::output::EventWriter::of(&batch, crate::output::JsonStyle::Flat).write(0, &mut json);
        let json: serde_json::Value = serde_json::from_str(&json).expect("written as JSON");
        assert_eq!(json["@timestamp"], time, "{line}");
        for (name, value) in wanted {
            let got = json.get(name).map(|value| match value {
                serde_json::Value::String(text) => text.clone(),
                other => other.to_string(),
            });
            assert_eq!(got.as_deref(), *value, "{name} of {line}");
        }
        assert!(batch.column("unmapped").is_none(), "{line}: {json}");
    }

    #[test]
    fn apache_lines() {
        check(
            "[Mon Feb 02 03:04:05.678901 2026] [authz_core:error] [pid 77:tid 140] [client 203.0.113.5:50123] AH01630: \
             client denied by server configuration: /srv/www/.git/config, referer: http://example.org/",
            "2026-02-02T03:04:05.678901Z",
            &[
                ("log.level", Some("error")),
                ("web.error.module", Some("authz_core")),
                ("process.pid", Some("77")),
                ("process.thread.id", Some("140")),
                ("source.ip", Some("203.0.113.5")),
                ("source.port", Some("50123")),
                ("event.code", Some("AH01630")),
                (
                    "message",
                    Some(
                        "AH01630: client denied by server configuration: /srv/www/.git/config, referer: http://example.org/",
                    ),
                ),
            ],
        );
        check(
            "[Mon Feb 02 03:04:05 2026] [error] [client 2001:db8::7] File does not exist: /srv/[client 192.0.2.1] x",
            "2026-02-02T03:04:05.000Z",
            &[
                ("source.ip", Some("2001:db8::7")),
                ("source.port", None),
                ("message", Some("File does not exist: /srv/[client 192.0.2.1] x")),
                ("event.code", None),
            ],
        );
        check(
            "[Mon Feb 02 03:04:05.1 2026] [core:error] [pid 7] (13)Permission denied: [client [2001:db8::7]:99] AH00035: no",
            "2026-02-02T03:04:05.100Z",
            &[
                ("source.ip", Some("2001:db8::7")),
                ("source.port", Some("99")),
                (
                    "message",
                    Some("(13)Permission denied: [client [2001:db8::7]:99] AH00035: no"),
                ),
            ],
        );
        check(
            "[Mon Feb 02 03:04:05.000001 2026] [core:notice] [pid 9] AH00052: child pid 41 exit signal Segmentation fault (11)",
            "2026-02-02T03:04:05.000001Z",
            &[("source.ip", None), ("event.code", Some("AH00052"))],
        );
    }

    #[test]
    fn nginx_lines() {
        check(
            r#"2026/02/03 04:05:06 [error] 31#32: *7 open() "/srv/www/.env" failed (2: No such file or directory), client: 203.0.113.5, server: shop.example.org, request: "GET /.env?a=b HTTP/1.1", host: "shop.example.org:443", referrer: "https://a/, b: c""#,
            "2026-02-03T04:05:06.000Z",
            &[
                ("log.level", Some("error")),
                ("process.pid", Some("31")),
                ("process.thread.id", Some("32")),
                ("nginx.error.connection_id", Some("7")),
                ("source.ip", Some("203.0.113.5")),
                ("web.error.server", Some("shop.example.org")),
                ("http.request.method", Some("GET")),
                ("url.path", Some("/.env")),
                ("url.query", Some("a=b")),
                ("url.domain", Some("shop.example.org")),
                ("http.request.referrer", Some("https://a/, b: c")),
            ],
        );
        check(
            "2026/02/03 04:05:06 [alert] 12#12: worker process 34 exited on signal 6 (core dumped)",
            "2026-02-03T04:05:06.000Z",
            &[
                ("source.ip", None),
                (
                    "message",
                    Some("worker process 34 exited on signal 6 (core dumped)"),
                ),
            ],
        );
        check(
            r#"2026/02/03 04:05:06 [error] 1#1: *2 upstream timed out, client: ::1, server: , request: "POST / HTTP/2.0", upstream: "http://127.0.0.1:9/""#,
            "2026-02-03T04:05:06.000Z",
            &[
                ("source.ip", Some("::1")),
                ("http.request.method", Some("POST")),
                ("web.error.upstream", Some("http://127.0.0.1:9/")),
            ],
        );
        // A path that says who asked for it: not to be believed, the server's own words are.
        check(
            r#"2026/02/03 04:05:06 [error] 1#1: *2 open() "/x", client: 192.0.2.1, server: s" failed, client: 203.0.113.5, server: s"#,
            "2026-02-03T04:05:06.000Z",
            &[
                ("source.ip", Some("203.0.113.5")),
                ("web.error.server", Some("s")),
            ],
        );
        // A user name that brings a client: only the server's is followed by what the server writes.
        check(
            r#"2026/02/03 04:05:06 [error] 1#1: *2 user "x": password mismatch, client: 192.0.2.1, server: s, request: "GET / HTTP/1.1", host: "h"": was not found in "/a", client: 203.0.113.5, server: s, request: "GET / HTTP/1.1", host: "h""#,
            "2026-02-03T04:05:06.000Z",
            &[("source.ip", Some("203.0.113.5"))],
        );
        // A request that brings one could be either.
        check(
            r#"2026/02/03 04:05:06 [error] 1#1: *2 open() "/x" failed, client: 203.0.113.5, server: s, request: "GET /, client: 192.0.2.1, server: s, request: "GET / HTTP/1.1", host: "h""#,
            "2026-02-03T04:05:06.000Z",
            &[("source.ip", None)],
        );
        check(
            r#"2026/02/03 04:05:06 [error] 1#1: OCSP_basic_verify() failed while requesting certificate status, responder: ocsp.example.org, peer: 192.0.2.7:80, certificate: "/etc/ssl/a.pem""#,
            "2026-02-03T04:05:06.000Z",
            &[
                ("destination.ip", Some("192.0.2.7")),
                ("file.path", Some("/etc/ssl/a.pem")),
                ("file.extension", Some("pem")),
            ],
        );
        // A request that says which host it was for: who asked is certain, the rest is not.
        check(
            r#"2026/02/03 04:05:06 [error] 1#1: *2 open() "/x" failed, client: 203.0.113.5, server: s, request: "GET /a, host: "evil" HTTP/1.1", host: "h""#,
            "2026-02-03T04:05:06.000Z",
            &[
                ("source.ip", Some("203.0.113.5")),
                ("web.error.server", Some("s")),
                ("url.domain", None),
                ("http.request.method", None),
            ],
        );
    }

    #[test]
    fn other_layouts_and_modules_of_apache() {
        for (head, time) in [
            ("[2026-02-03 04:05:06.123456] ", "2026-02-03T04:05:06.123456Z"),
            ("[03/Feb/2026:04:05:06 +0000] ", "2026-02-03T04:05:06.000Z"),
            ("[Tue Feb 03 04:05:06 2026] ", "2026-02-03T04:05:06.000Z"),
        ] {
            check(
                &format!("{head}[php7:emerg] [pid 31] [client 203.0.113.5:80] PHP Parse error"),
                time,
                &[
                    ("log.level", Some("emerg")),
                    ("process.pid", Some("31")),
                    ("source.ip", Some("203.0.113.5")),
                    ("message", Some("PHP Parse error")),
                ],
            );
        }
        assert!(looks_like(
            "[authz_core:error] [pid 31] [client 203.0.113.5:80] AH01630: x"
        ));
        check(
            r#"[Tue Feb 03 04:05:06 2026] [:error] [pid 31] [client 203.0.113.5] ModSecurity: Warning. Found "a \"] [uri \"/lie" at ARGS. [file "/a.conf"] [line "3"] [id "960015"] [msg "Missing"] [hostname "shop.example.org"] [uri "/x"] [unique_id "Ab1"], referer: http://a/"#,
            "2026-02-03T04:05:06.000Z",
            &[
                ("url.path", Some("/x")),
                ("url.domain", Some("shop.example.org")),
                ("rule.id", Some("960015")),
                ("http.request.referrer", Some("http://a/")),
            ],
        );
        check(
            "[Tue Feb 03 04:05:06 2026] [auth_basic:error] [pid 31] [client 203.0.113.5:80] AH01618: user mara not found: /",
            "2026-02-03T04:05:06.000Z",
            &[("user.name", Some("mara")), ("event.code", Some("AH01618"))],
        );
        check(
            "[Tue Feb 03 04:05:06 2026] [core:error] [pid 31] (13)Permission denied: [client 203.0.113.5:80] AH00035: x",
            "2026-02-03T04:05:06.000Z",
            &[
                ("error.code", Some("13")),
                ("error.message", Some("Permission denied")),
            ],
        );
    }

    #[test]
    fn other_lines_are_none() {
        for line in [
            "",
            "[",
            "[Mon Feb 02 03:04:05 2026] error",
            "[Mon Feb 02 03:04:05 2026] [client 203.0.113.5] x",
            "[2026-02-02 03:04:05] [error] x",
            "2026/02/03 04:05:06 [error] no process",
            "2026/02/30 04:05:06 [error] 1#1: no such day",
            "2026/02/03 04:05:06 [worker] 1#1: no level",
        ] {
            assert!(!looks_like(line), "{line}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in "\\PC{0,60}") {
            let _ = looks_like(&text);
            let _ = looks_like(&format!("[Mon Feb 02 03:04:05 2026] [error] {text}"));
            event(&format!("2026/02/03 04:05:06 [error] 1#1: {text}, client: {text}, server: {text}"));
            event(&format!("[Mon Feb 02 03:04:05 2026] [a:error] [client {text}] {text}"));
        }
    }
}
