//! PostgreSQL's log in its text form.
//!
//! ```text
//! 2026-02-03 04:05:06.123 UTC [127] mara@shop FATAL:  password authentication failed for user "mara"
//! 192.0.2.7 2026-02-03 04:05:06.123 UTC [127] mara@shop FATAL:  …
//! 2026-02-03 04:05:06.123 UTC:192.0.2.7(5432):mara@shop:[127]:FATAL:  …
//! ```
//!
//! What stands in front of the severity is made of `log_line_prefix`, so its parts are known by their form: a time, an
//! address with or without a port, `user@database`, a number in brackets. The severity ends at the first `:` with two
//! spaces behind it, which the server alone writes in front of the message; user, database and application are a client's
//! text, which may look like any other part. So a name or an address in the prefix is taken only where the prefix says it
//! once, or always the same; no name behind a word that is no part of any prefix; and an address only where it stands in
//! front of all that a client can have written, or is called `client` like its neighbours. Others are related. A user whom
//! the message names is that one.

use crate::formats::fields::{Fields, address};
use crate::formats::text::{Event, Grammar, Line};
use crate::time;
use crate::value::Value;

pub(super) const LOG: Grammar = Grammar {
    name: "postgresql.log",
    marks: &[
        "LOG:  ",
        "FATAL:  ",
        "ERROR:  ",
        "PANIC:  ",
        "WARNING:  ",
        "NOTICE:  ",
        "INFO:  ",
        "DETAIL:  ",
        "HINT:  ",
        "STATEMENT:  ",
        "CONTEXT:  ",
        "QUERY:  ",
        "LOCATION:  ",
        "DEBUG1:  ",
        "DEBUG:  ",
        "DEBUG2:  ",
        "DEBUG3:  ",
        "DEBUG4:  ",
        "DEBUG5:  ",
    ],
    programs: &["postgres", "postgresql"],
    read,
};

fn read<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let by_syslog = line.program().starts_with("postgres");
    if !by_syslog && line.header.tag.is_some() {
        return None;
    }
    let text = if by_syslog { line.body } else { line.raw };
    let (prefix, severity, message) = severity(text)?;
    let mut event = match by_syslog {
        true => Event::new("postgresql.log"),
        false => Event::headless("postgresql.log"),
    };
    let fields = &mut event.fields;
    // A name with blanks in it is not to be told from the parts around it; some messages state it.
    let said;
    (event.time, said) = match stated_user(message).and_then(|user| Some((user, prefix.split_once(user)?))) {
        Some((user, (head, tail))) if tail.starts_with('@') && user.contains([' ', ',']) => {
            fields.text("user.name", user);
            fields.known("database", tail[1..].split([' ', ',']).next().unwrap_or_default());
            prefix_parts(head, line, fields)
        }
        _ => prefix_parts(prefix, line, fields),
    };
    // Other programs have levels too; a prefix of this server's has a time or a process.
    if !by_syslog && event.time.is_none() && fields.get("process.pid").is_none() {
        return None;
    }
    fields.text("log.level", severity);
    fields.text("message", message.trim_end());
    if !by_syslog {
        fields.text("process.name", "postgres");
    }
    // User and database stand in front of the severity: one that holds a severity itself hides the real one.
    if !message.contains(":  ") {
        about(severity, message, fields);
    }
    said.write(fields);
    Some(event)
}

/// The user whom a message quotes whole: `password authentication failed for user "mara"`.
fn stated_user(message: &str) -> Option<&str> {
    let (_, rest) = message
        .split_once("authentication failed for user \"")
        .or_else(|| message.split_once("role \""))?;
    let end = rest.rfind('"')?;
    Some(&rest[..end]).filter(|user| !user.is_empty())
}

/// What is in front of the severity, the severity, and what is behind it.
fn severity(text: &str) -> Option<(&str, &str, &str)> {
    let at = memchr::memmem::find(text.as_bytes(), b":  ")?;
    let (head, message) = (&text[..at], &text[at + 3..]);
    let word = head
        .bytes()
        .rev()
        .take_while(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
        .count();
    let (prefix, severity) = head.split_at(head.len() - word);
    let known = matches!(
        severity,
        "LOG"
            | "FATAL"
            | "ERROR"
            | "PANIC"
            | "WARNING"
            | "NOTICE"
            | "INFO"
            | "DETAIL"
            | "HINT"
            | "STATEMENT"
            | "CONTEXT"
            | "QUERY"
            | "LOCATION"
            | "DEBUG"
            | "DEBUG1"
            | "DEBUG2"
            | "DEBUG3"
            | "DEBUG4"
            | "DEBUG5"
    );
    known.then_some((prefix, severity, message))
}

/// Writes what the server says of itself in the prefix. Its time comes back, and what it says of the client.
fn prefix_parts<'a>(prefix: &'a str, line: &Line<'a>, fields: &mut Fields<'a>) -> (Option<i64>, Said<'a>) {
    let mut found = None;
    let mut rest = prefix.trim();
    let mut words: Vec<&'a str> = Vec::new();
    let mut said = Said::default();
    while !rest.is_empty() {
        if found.is_none()
            && rest.starts_with(|c: char| c.is_ascii_digit())
            && let Some((time, behind)) = time::iso(rest, line.context.timezone)
        {
            found = Some(time);
            rest = zone_dropped(behind).trim_start_matches([' ', ':', ',']);
            continue;
        }
        let end = rest.find([' ', ',']).unwrap_or(rest.len());
        // `UTC:192.0.2.7(5432):mara@shop:[127]:`: colons hold the parts together.
        let word = &rest[..end];
        match word.contains("(") || word.contains(":[") || word.ends_with(':') {
            true => words.extend(word.split(':').filter(|part| !part.is_empty())),
            false => words.push(word),
        }
        rest = rest[end..].trim_start_matches([' ', ',']);
    }
    for word in words {
        let number = word.strip_prefix('[').and_then(|inner| inner.split(']').next());
        let is_first = fields.get("process.pid").is_none() || said.is_empty();
        if let Some(inner) = number.filter(|_| is_first) {
            // `[127]` or `[127-1]`, the line's number in its session.
            let (pid, session_line) = inner.split_once('-').unwrap_or((inner, ""));
            if pid.bytes().all(|b| b.is_ascii_digit()) {
                fields.number("process.pid", pid);
                fields.number("session_line", session_line);
                said.by_process = true;
            } else {
                // A process without a client.
                fields.known("backend", inner);
            }
        } else {
            said.word(word);
        }
    }
    (found, said)
}

/// What a prefix says about its client.
#[derive(Default)]
struct Said<'a> {
    user: Once<'a>,
    database: Once<'a>,
    application: Once<'a>,
    client: Once<'a>,
    /// All addresses that may be the client's.
    addresses: Vec<&'a str>,
    /// The process was named, behind which clients' texts stand.
    by_process: bool,
    /// A user and a database without their names.
    is_bare: bool,
    /// A word is no part of a prefix, so that it is part of a name.
    is_strange: bool,
    /// An address stands where only the server writes one.
    is_servers: bool,
    /// An address is called the client's.
    is_named: bool,
}

/// A value that counts only if nothing else was said.
#[derive(Default)]
struct Once<'a>(Option<Option<&'a str>>);

impl<'a> Once<'a> {
    fn says(&mut self, text: &'a str) {
        self.0 = match self.0 {
            None => Some(Some(text)),
            Some(Some(other)) if other == text => self.0,
            Some(_) => Some(None),
        };
    }

    fn text(&self) -> &'a str {
        self.0.flatten().unwrap_or_default()
    }
}

/// `text` without a zone's name at its start.
fn zone_dropped(text: &str) -> &str {
    let rest = text.strip_prefix(' ').unwrap_or(text);
    let letters = rest
        .bytes()
        .take_while(|b| b.is_ascii_alphabetic() || *b == b'/')
        .count();
    let behind = &rest[letters..];
    match (2..=6).contains(&letters) && (behind.is_empty() || behind.starts_with([' ', ':'])) {
        true => behind,
        false => text,
    }
}

impl<'a> Said<'a> {
    /// Whether nothing of the client's was seen.
    fn is_empty(&self) -> bool {
        let names = [&self.user, &self.database, &self.application, &self.client];
        names.iter().all(|name| name.0.is_none()) && !self.is_strange
    }

    /// `192.0.2.7`, `192.0.2.7(5432)`, `mara@shop`, `client=192.0.2.7`, `user=mara`, `db=shop`, `app=psql`
    fn word(&mut self, word: &'a str) {
        let is_servers = self.is_empty() && !self.by_process;
        let (key, value) = word.split_once('=').unwrap_or(("", word));
        match key {
            "user" => self.user.says(value),
            "db" | "database" => self.database.says(value),
            "app" => self.application.says(value),
            "" | "client" | "host" | "remote" if address(host_of(value).0).is_some() => {
                if is_servers && key.is_empty() {
                    self.is_servers = true;
                } else if self.is_servers {
                    return;
                }
                self.is_named |= !key.is_empty();
                self.client.says(value);
                self.addresses.push(host_of(value).0);
            }
            _ => match word.split_once('@') {
                Some((user, database)) => {
                    self.is_bare = true;
                    // What stands in front belongs to the name.
                    let user = if self.is_strange { "" } else { user };
                    self.user.says(user);
                    self.database.says(database);
                }
                // Numbers of sessions, transactions and errors.
                None => {
                    let is_number = |b: u8| b.is_ascii_hexdigit() || matches!(b, b'.' | b'/' | b'-');
                    self.is_strange |= !word.bytes().all(is_number);
                }
            },
        }
    }

    fn write(&self, fields: &mut Fields<'a>) {
        let stated = fields.text_of("user.name").unwrap_or_default();
        let user = self.user.text();
        // A name that is not the one in the message is a part of it, and so is what follows it.
        let is_whole = stated.is_empty() || user.is_empty() || stated == user;
        if is_whole {
            fields.known("user.name", user);
            fields.known("database", self.database.text());
            fields.known("application_name", self.application.text());
        }
        let client = self.client.text();
        let (host, port) = host_of(client);
        let is_clients = self.is_servers || self.is_named && !self.is_bare && !self.is_strange && is_whole;
        if is_clients && address(host).is_some() {
            fields.source(host);
            fields.source_port(port);
        } else if !self.addresses.is_empty() {
            let all = self.addresses.iter().map(|ip| Value::Str(ip)).collect();
            fields.put("related.ip", Value::List(all));
        }
    }
}

/// `192.0.2.7(5432)` or `192.0.2.7` as address and port.
fn host_of(text: &str) -> (&str, &str) {
    text.strip_suffix(')')
        .and_then(|text| text.split_once('('))
        .unwrap_or((text, ""))
}

/// What messages about clients say.
fn about<'a>(severity: &str, message: &'a str, fields: &mut Fields<'a>) {
    let message = message.trim();
    // Statements are logged too, and may say anything: only the server ends a connection (FATAL), and it names the method.
    if let Some((method, user)) = message.split_once(" authentication failed for user \"")
        && severity == "FATAL"
        && method.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    {
        fields.event("login", "failure");
        fields.category("authentication");
        fields.text("method", method);
        fields.text("user.name", user.strip_suffix('"').unwrap_or(user));
    } else if let Some(user) = message
        .strip_prefix("role \"")
        .and_then(|rest| rest.strip_suffix("\" does not exist"))
        && severity == "FATAL"
    {
        fields.event("login", "failure");
        fields.category("authentication");
        fields.text("user.name", user);
    } else if let Some(rest) = message.strip_prefix("no pg_hba.conf entry for ") {
        let rest = rest.strip_prefix("replication connection from ").unwrap_or(rest);
        fields.event("login", "failure");
        fields.category("authentication");
        if let Some((host, rest)) = rest.strip_prefix("host \"").and_then(|rest| rest.split_once('"')) {
            fields.source(host);
            let mut parts = rest.split('"');
            if parts.next() == Some(", user ") {
                fields.text("user.name", parts.next().unwrap_or_default());
            }
        }
    } else if let Some(rest) = message.strip_prefix("connection received: host=") {
        // The host is the server's own look at the socket.
        let (host, port) = rest.split_once(" port=").unwrap_or((rest, ""));
        fields.event("connection", "");
        fields.source(host);
        fields.source_port(port);
    } else if let Some(rest) = message
        .strip_prefix("connection authorized: user=")
        .or_else(|| message.strip_prefix("replication connection authorized: user="))
    {
        fields.event("login", "success");
        fields.category("authentication");
        let (user, database) = rest.split_once(" database=").unwrap_or((rest, ""));
        fields.text(
            "user.name",
            user.split(" application_name=").next().unwrap_or(user),
        );
        fields.text("database", database.split(' ').next().unwrap_or_default());
    } else if let Some(rest) = message.strip_prefix("disconnection: session time: ") {
        fields.event("disconnection", "");
        if let Some((rest, port)) = rest.rsplit_once(" port=") {
            fields.source_port(port);
            if let Some((_, host)) = rest.rsplit_once(" host=") {
                fields.source(host);
            }
        }
    } else if let Some(rest) = message.strip_prefix("duration: ") {
        if let Some((millis, rest)) = rest.split_once(" ms") {
            fields.text("duration_ms", millis);
            if let Some((_, query)) = rest.split_once("statement: ") {
                fields.text("query", query);
            }
        }
    } else if let Some(query) = message.strip_prefix("statement: ") {
        fields.text("query", query);
    } else if severity == "STATEMENT" {
        fields.put("query", Value::Str(message));
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::whole::{check, read, survives_truncation};

    #[test]
    fn a_name_with_blanks_is_what_the_message_says() {
        for (user, rest) in [
            ("x 192.0.2.66", ""),
            ("x 192.0.2.66 y", ""),
            ("a,b c", "app=psql "),
        ] {
            let line = format!(
                "2026-03-01 10:00:00.741 UTC [9158] {rest}{user}@shop FATAL:  password authentication failed for user \"{user}\""
            );
            let event = read(&line);
            assert_eq!(event["user.name"], user, "{event:?}");
            assert_eq!(event["process.pid"], 9158, "{event:?}");
            assert!(!event.contains_key("source.ip"), "{event:?}");
        }
    }

    #[test]
    fn prefixes() {
        for head in [
            "2026-02-03 04:05:06.123 UTC:192.0.2.7(5432):mara@shop:[127]:",
            "192.0.2.7 2026-02-03 04:05:06.123 UTC [127] mara@shop ",
            "2026-02-03 04:05:06.123 UTC [127]: user=mara,db=shop,app=psql,client=192.0.2.7 ",
            "192.0.2.7(5432) 2026-02-03 04:05:06.123 UTC [127-3] mara@shop ",
        ] {
            let text = format!("{head}FATAL:  password authentication failed for user \"mara\"");
            check(
                &text,
                "postgresql.log",
                &[
                    ("@timestamp", "2026-02-03T04:05:06.123Z"),
                    ("user.name", "mara"),
                    ("postgresql.log.database", "shop"),
                    ("source.ip", "192.0.2.7"),
                    ("process.pid", "127"),
                    ("log.level", "FATAL"),
                    ("event.outcome", "failure"),
                ],
            );
            survives_truncation(&text);
        }
        check(
            "Feb  3 04:05:06 db1 postgres[127]: [3-1] LOG:  connection received: host=192.0.2.7 port=51022",
            "postgresql.log",
            &[
                ("host.name", "db1"),
                ("source.ip", "192.0.2.7"),
                ("source.port", "51022"),
            ],
        );
    }

    #[test]
    fn messages() {
        check(
            "2026-02-03 04:05:06.123 UTC [127] LOG:  duration: 12.5 ms  statement: SELECT 1;\n\tSELECT 2",
            "postgresql.log",
            &[
                ("postgresql.log.duration_ms", "12.5"),
                ("postgresql.log.query", "SELECT 1;\n\tSELECT 2"),
            ],
        );
        check(
            "2026-02-03 04:05:06.123 UTC [127] FATAL:  no pg_hba.conf entry for host \"192.0.2.7\", user \"mara\", database \"shop\", SSL off",
            "postgresql.log",
            &[("source.ip", "192.0.2.7"), ("user.name", "mara")],
        );
        // A client that calls itself like the server's own words.
        check(
            "2026-02-03 04:05:06.123 UTC [127] ERROR:  syntax error at \"LOG:  connection received: host=192.0.2.99 port=1\"",
            "postgresql.log",
            &[("source.ip", ""), ("log.level", "ERROR")],
        );
        assert!(read("make: ERROR:  no rule").is_empty());
        // Names that pretend to be other parts of the prefix.
        for (prefix, user) in [
            ("x 203.0.113.1@shop", "x 203.0.113.1"),
            ("x 203.0.113.1 y@shop", "x 203.0.113.1 y"),
            ("203.0.113.1 y@shop", "203.0.113.1 y"),
            ("x [1-1] app=y@shop", "x [1-1] app=y"),
            ("client=203.0.113.1 y@shop", "client=203.0.113.1 y"),
            ("y@shop 203.0.113.1(5)", "y"),
        ] {
            let text = format!(
                "2026-02-03 04:05:06.123 UTC [127] {prefix} FATAL:  password authentication failed for user \"{user}\""
            );
            check(
                &text,
                "postgresql.log",
                &[("user.name", user), ("source.ip", ""), ("session_line", "")],
            );
        }
        check(
            "192.0.2.7 2026-02-03 04:05:06.123 UTC [127] x 203.0.113.1 y@shop LOG:  statement: SELECT 1",
            "postgresql.log",
            &[("source.ip", "192.0.2.7"), ("user.name", "")],
        );
        for prefix in [
            "[127] x 203.0.113.1(1)@shop 192.0.2.7(5432) ",
            "[127] x 203.0.113.1@shop ",
            "[127] x 203.0.113.1(1) y@shop 192.0.2.7(5432) ",
            "[127]: user=x,client=203.0.113.1,db=shop,app=psql,client=192.0.2.7 ",
        ] {
            let text = format!("2026-02-03 04:05:06.123 UTC {prefix}LOG:  statement: SELECT 1");
            check(&text, "postgresql.log", &[("source.ip", ""), ("source.port", "")]);
        }
        check(
            "2026-02-03 04:05:06.123 UTC [127]: user=x,user=postgres,db=shop,client=192.0.2.7 LOG:  statement: SELECT 1",
            "postgresql.log",
            &[("user.name", ""), ("source.ip", "192.0.2.7")],
        );
    }
}
