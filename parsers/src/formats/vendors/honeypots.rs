//! The text log of the Cowrie honeypot, and lines in NLog's usual layout.
//!
//! ```text
//! 2026-02-03T04:05:06.123456Z [cowrie.ssh.factory.CowrieSSHFactory] New connection: 203.0.113.7:47630 (192.0.2.1:2222) [session: 3e5a9212b91f]
//! 2026-02-03T04:05:07.123456Z [HoneyPotSSHTransport,12,203.0.113.7] login attempt [b'root'/b'123456'] failed
//! 2026-02-03 04:05:06.1234   Shop.Orders.Worker [Debug] - Sending the order
//! ```
//!
//! What stands in Cowrie's first brackets is the honeypot's own: who speaks, the session's number and the client. All
//! behind it may be the client's, so a message is known by how it begins and ends, and no address is taken from its
//! middle.

use crate::formats::fields::{Fields, address, host_port};
use crate::formats::text::{Event, Grammar, Line};
use crate::time;
use crate::value::Value;

/// A line without a syslog header. It looks like one with: what a client does (`login attempt`) stands where a program
/// would, so it is asked for before programs count.
pub(super) const FIRST: &[Grammar] = &[Grammar {
    name: "cowrie.log",
    marks: &[],
    programs: &[],
    read: bare,
}];

pub(super) const GRAMMARS: &[Grammar] = &[
    Grammar {
        name: "cowrie.log",
        marks: &[],
        programs: &["cowrie"],
        read: carried,
    },
    Grammar {
        name: "nlog.log",
        marks: &[
            " [Trace] - ",
            " [Debug] - ",
            " [Info] - ",
            " [Warn] - ",
            " [Error] - ",
            " [Fatal] - ",
        ],
        programs: &[],
        read: nlog,
    },
];

fn bare<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    // Nearly every line ends here.
    let bytes = line.raw.as_bytes();
    if bytes.get(10) != Some(&b'T') || !bytes.first().is_some_and(u8::is_ascii_digit) {
        return None;
    }
    let space = memchr::memchr(b' ', &bytes[..bytes.len().min(40)])?;
    if bytes.get(space + 1) != Some(&b'[') {
        return None;
    }
    cowrie(line.raw, line, Event::headless("cowrie.log"))
}

fn carried<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    cowrie(line.body, line, Event::new("cowrie.log"))
}

/// Fills `event` with what `text` says.
fn cowrie<'a>(text: &'a str, line: &Line<'a>, mut event: Event<'a>) -> Option<Event<'a>> {
    let (time, rest) = time::iso(text, line.context.timezone)?;
    // The system may have parentheses and quotes: `[SSHChannel session (0) on SSHService b'ssh-connection' on …]`.
    let (system, message) = rest.strip_prefix(" [")?.split_once("] ")?;
    let systems = [
        "cowrie.",
        "HoneyPot",
        "Cowrie",
        "SSHService",
        "SSHChannel session (",
    ];
    // Twisted itself, which other programs are made with too.
    let is_twisted = system == "-" && !event.headless;
    if !is_twisted && !systems.iter().any(|start| system.starts_with(start)) {
        return None;
    }
    event.time = Some(time);
    let fields = &mut event.fields;
    fields.text("log.logger", system);
    fields.text("message", message);
    // `…Transport,<session>,<client>` ends it.
    if let Some((head, client)) = system.rsplit_once(',')
        && let Some(client) = address(client)
    {
        fields.text("source.ip", client);
        if let Some((_, number)) = head.rsplit_once(',') {
            fields.text("transport", number);
        }
    }
    said(message, fields);
    Some(event)
}

fn said<'a>(message: &'a str, fields: &mut Fields<'a>) {
    if let Some(rest) = message.strip_prefix("New connection: ") {
        fields.event("new-connection", "");
        let Some((client, rest)) = rest.split_once(" (") else {
            return;
        };
        let (host, port) = host_port(client);
        fields.source(host);
        fields.port("source.port", port.unwrap_or_default());
        if let Some((server, rest)) = rest.split_once(')') {
            let (host, port) = host_port(server);
            fields.destination(host);
            fields.port("destination.port", port.unwrap_or_default());
            let session = rest.trim_start().strip_prefix("[session: ");
            fields.text(
                "session",
                session.map_or("", |session| session.trim_end_matches(']')),
            );
        }
    } else if let Some(rest) = message.strip_prefix("login attempt [") {
        let Some((account, outcome)) = rest.rsplit_once("] ") else {
            return;
        };
        let outcome = match outcome {
            "succeeded" => "success",
            "failed" => "failure",
            _ => return,
        };
        fields.event("login", outcome);
        fields.category("authentication");
        // Newer versions write both as Python's bytes, where a quote inside is escaped.
        match account
            .strip_prefix("b'")
            .and_then(|account| account.split_once("'/b'"))
        {
            Some((user, password)) => {
                fields.text("user.name", user);
                fields.text("password", password.trim_end_matches('\''));
            }
            None => {
                let (user, password) = account.split_once('/').unwrap_or((account, ""));
                fields.text("user.name", user);
                fields.text("password", password);
            }
        }
    } else if let Some(command) = message.strip_prefix("CMD: ") {
        fields.event("command", "");
        fields.text("process.command_line", command);
    } else if let Some(version) = message.strip_prefix("Remote SSH version: ") {
        let bare = version
            .strip_prefix("b'")
            .and_then(|version| version.strip_suffix('\''));
        fields.text("client_version", bare.unwrap_or(version));
    } else if let Some(after) = message
        .strip_prefix("Connection lost after ")
        .and_then(|rest| rest.strip_suffix(" seconds"))
    {
        fields.event("connection-lost", "");
        let seconds: Option<f64> = after
            .parse()
            .ok()
            .filter(|seconds: &f64| (0.0..1e9).contains(seconds));
        let nanoseconds = seconds.map(|seconds| (seconds * 1e9) as i64);
        fields.put("event.duration", nanoseconds.map_or(Value::Null, Value::Int));
    }
}

/// `${longdate}   ${logger} [${level}] - ${message}`.
fn nlog<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let (time, rest) = time::iso(line.raw, line.context.timezone)?;
    let (head, message) = rest.split_once("] - ")?;
    let (logger, level) = head.trim_start().split_once(" [")?;
    let is_level = matches!(level, "Trace" | "Debug" | "Info" | "Warn" | "Error" | "Fatal");
    let is_logger = !logger.is_empty()
        && logger
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'+' | b'`' | b'-'));
    if !is_level || !is_logger {
        return None;
    }
    let mut event = Event::headless("nlog.log");
    event.time = Some(time);
    event.fields.text("log.logger", logger);
    event.fields.text("log.level", level);
    event.fields.text("message", message);
    Some(event)
}

#[cfg(test)]
mod tests {
    use super::super::whole::{check, read, survives_truncation};

    #[test]
    fn connections() {
        let line = "Feb  3 04:05:06 pot1 cowrie[2806]: 2026-02-03T04:05:06+0000 [cowrie.ssh.factory.CowrieSSHFactory] New connection: 203.0.113.7:47630 (192.0.2.1:2222) [session: 3e5a9212b91f]";
        let expected = [
            ("source.ip", "203.0.113.7"),
            ("source.port", "47630"),
            ("destination.ip", "192.0.2.1"),
            ("destination.port", "2222"),
            ("cowrie.session", "3e5a9212b91f"),
        ];
        check(line, "cowrie.log", &expected);
        check(
            line,
            "cowrie.log",
            &[("process.name", "cowrie"), ("host.name", "pot1")],
        );
        let (_, bare) = line.split_once("]: ").expect("a header");
        check(bare, "cowrie.log", &expected);
        check(bare, "cowrie.log", &[("@timestamp", "2026-02-03T04:05:06.000Z")]);
        survives_truncation(line);
    }

    #[test]
    fn what_clients_do() {
        check(
            "2026-02-03T04:05:07.123456Z [HoneyPotSSHTransport,12,203.0.113.7] login attempt [b'root'/b'1/2'] failed",
            "cowrie.log",
            &[
                ("source.ip", "203.0.113.7"),
                ("user.name", "root"),
                ("cowrie.password", "1/2"),
                ("event.outcome", "failure"),
            ],
        );
        // Of a password that looks like an end, the honeypot's own end holds.
        check(
            "2026-02-03T04:05:07Z [HoneyPotSSHTransport,12,203.0.113.7] login attempt [root/x] succeeded [,9,198.51.100.9] New connection: 198.51.100.9:1 (] failed",
            "cowrie.log",
            &[
                ("source.ip", "203.0.113.7"),
                ("user.name", "root"),
                ("event.outcome", "failure"),
            ],
        );
        check(
            "2026-02-03T04:05:08Z [SSHChannel session (0) on SSHService b'ssh-connection' on HoneyPotSSHTransport,12,203.0.113.7] CMD: wget http://198.51.100.9/x",
            "cowrie.log",
            &[
                ("source.ip", "203.0.113.7"),
                ("process.command_line", "wget http://198.51.100.9/x"),
            ],
        );
        assert!(read("2026-02-03T04:05:08Z [worker] CMD: x").is_empty());
    }

    #[test]
    fn nlogs_layout() {
        let line = "2026-02-03 04:05:06.1234   Shop.Orders.Worker [Debug] - Sending [Error] - the order";
        check(
            line,
            "nlog.log",
            &[
                ("@timestamp", "2026-02-03T04:05:06.123400Z"),
                ("log.logger", "Shop.Orders.Worker"),
                ("log.level", "Debug"),
                ("message", "Sending [Error] - the order"),
            ],
        );
        survives_truncation(line);
        assert!(read("2026-02-03 04:05:06 mara said [Debug] - x").is_empty());
    }
}
