//! Dovecot: `dovecot: imap-login: Login: user=<jane>, method=PLAIN, rip=192.0.2.1, lip=…`.
//!
//! Behind syslog's tag stands the service (`imap-login: `, `auth-worker(123): `); Dovecot's own files have the service
//! alone, and put the level behind it or in front.
//!
//! Login processes end their lines with pairs. A user name may hold what looks like pairs, and the reason in front of
//! them may be a client's text, so the peer is what the *last* `rip=` says. The password databases write
//! `sql(user,address,<session>): verdict`. A name may hold what ends the parenthesis, and so may a password behind it: of
//! several such ends none counts.

use super::super::super::fields::{Fields, address};
use super::super::super::linux;
use super::super::super::text::{Event, Grammar, Line};
use crate::time;
use crate::value::Value;

/// See the [module](self).
pub(super) const GRAMMAR: Grammar = Grammar {
    name: "dovecot",
    marks: &[
        "rip=",
        "sasl:",
        "auth-worker",
        "auth: Info",
        "dovecot",
        "auth(default)",
    ],
    programs: &["dovecot"],
    read,
};

/// Services whose names stand in place of the program in Dovecot's own files.
const SERVICES: [&str; 20] = [
    "auth",
    "auth-worker",
    "dovecot-auth",
    "imap-login",
    "pop3-login",
    "managesieve-login",
    "submission-login",
    "imap",
    "pop3",
    "lmtp",
    "managesieve",
    "submission",
    "lda",
    "master",
    "config",
    "anvil",
    "stats",
    "indexer-worker",
    "doveadm",
    "log",
];

const LEVELS: [&str; 6] = ["Info: ", "Warning: ", "Error: ", "Fatal: ", "Debug: ", "Panic: "];

fn read<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let mut event = Event::new("dovecot.log");
    let program = line.program();
    let tag = line.header.tag.unwrap_or_default();
    let named = program == "dovecot" || program == "dovecot-auth";
    let body = if named {
        line.body
    } else if line.header.process_id.is_some() {
        return None;
    } else {
        // In a file of Dovecot's own everything behind the time is the message.
        let (time, body) = time::bsd(line.raw, line.context.reference_time, line.context.timezone)
            .or_else(|| time::iso(line.raw, line.context.timezone))
            .or_else(|| time::tai64n(line.raw))?;
        event.time = Some(time);
        body.trim_start_matches([' ', ':'])
    };
    let fields = &mut event.fields;
    if program == "dovecot-auth" {
        linux::dissect(tag, program, body, fields);
        fields.text("service", program);
        return Some(event);
    }
    let (level, rest) = level(body);
    let (service, inner, rest) = service(rest).unwrap_or(("", "", rest));
    if !named && !SERVICES.contains(&service) {
        return None;
    }
    let (level, text) = match level {
        "" => self::level(rest),
        level => (level, rest),
    };
    fields.text("log.level", level.trim_end_matches(": "));
    fields.text("service", service);
    // `imap(jane)<pid><session>: …`, `auth(jane,192.0.2.1,sasl:login)<session>: …`
    if let Some((user, rest)) = inner.split_once(',') {
        let (ip, _) = rest.split_once(',').unwrap_or((rest, ""));
        if let Some(ip) = address(ip) {
            fields.text("user.name", user);
            fields.text("source.ip", ip);
        }
    } else if !inner.bytes().all(|b| b.is_ascii_digit()) && inner != "default" {
        fields.text("user.name", inner);
    }
    let read = login(text, fields) || database(text, fields);
    if !read && !fields.is_empty() && (text.contains("Password mismatch") || text.contains("unknown user")) {
        fields.event("authentication", "failure");
        fields.category("authentication");
    }
    if !named {
        // The header took the service for the program.
        fields.put("process.name", Value::Str("dovecot"));
        fields.put("message", Value::Str(body));
        if !read && fields.get("source.ip").is_none() && !matches!(service, "imap" | "pop3" | "lmtp") {
            return None;
        }
    }
    Some(event)
}

/// `Info: text`
fn level(text: &str) -> (&'static str, &str) {
    LEVELS
        .iter()
        .find_map(|level| Some((*level, text.strip_prefix(level)?)))
        .unwrap_or(("", text))
}

/// `imap-login: text`, `auth-worker(123): text`, `imap(jane)<12><session>: text` as service, what stands in the
/// parentheses, and the text.
fn service(text: &str) -> Option<(&str, &str, &str)> {
    let end = text
        .bytes()
        .position(|b| !(b.is_ascii_alphanumeric() || b == b'-' || b == b'_'))?;
    let (name, rest) = text.split_at(end);
    if let Some(rest) = rest.strip_prefix(": ") {
        return Some((name, "", rest));
    }
    let (inner, rest) = rest.strip_prefix('(')?.split_once(')')?;
    let (marks, rest) = rest.split_once(": ").unwrap_or((rest, ""));
    let is_end = marks.is_empty() || (marks.starts_with('<') && marks.ends_with('>') && !marks.contains(' '));
    is_end.then_some((name, inner, rest))
}

/// `Aborted login (auth failed, 1 attempts): user=<jane>, method=PLAIN, rip=…, lip=…, TLS, session=<…>`
fn login<'a>(text: &'a str, fields: &mut Fields<'a>) -> bool {
    let Some(at) = text.rfind(" rip=") else {
        return false;
    };
    let (head, tail) = (&text[..at], &text[at + " rip=".len()..]);
    let mut parts = tail.split(", ");
    let Some(ip) = parts.next().and_then(|ip| address(ip.trim())) else {
        return false;
    };
    let (verdict, pairs) = match head.find(": user=<") {
        Some(at) => (&head[..at], &head[at + 2..]),
        None => match head.find(": method=") {
            Some(at) => (&head[..at], &head[at + 2..]),
            None => (head.trim_end_matches([':', ',']), ""),
        },
    };
    let (action, outcome) = if verdict == "Login" {
        ("login", "success")
    } else if verdict.starts_with("Disconnected: Logged out") {
        ("logout", "success")
    } else if verdict.contains("auth failed")
        || verdict.contains("auth attempts")
        || verdict.starts_with("Aborted login")
        || verdict.starts_with("Login aborted")
        || verdict.contains("plaintext auth")
        || verdict.contains("SASL auth")
    {
        ("login", "failure")
    } else {
        ("disconnected", "")
    };
    fields.event(action, outcome);
    fields.category("authentication");
    fields.text("source.ip", ip);
    if verdict != "Login" {
        fields.text("event.reason", verdict);
    }
    if let Some(rest) = pairs.strip_prefix("user=<") {
        // The name ends where the line goes on with `>, method=` or `>,` before the address.
        let rest = rest.trim_end_matches([',', ' ']);
        let end = rest.rfind(">, method=").or_else(|| rest.rfind('>'));
        if let Some(end) = end {
            fields.text("user.name", &rest[..end]);
            let method = rest[end..].strip_prefix(">, method=").unwrap_or_default();
            fields.text("method", method);
        }
    } else if let Some(method) = pairs.strip_prefix("method=") {
        fields.text("method", method.trim_end_matches([',', ' ']));
    }
    for part in parts {
        match part.split_once('=') {
            Some(("lip", ip)) => fields.text("destination.ip", address(ip).unwrap_or_default()),
            Some(("lport", port)) => fields.port("destination.port", port),
            Some(("rport", port)) => fields.source_port(port),
            Some(("mpid", pid)) => fields.text("mpid", pid),
            Some(("session", id)) => fields.text("session", id.trim_matches(['<', '>'])),
            None if part == "TLS" || part.starts_with("TLS ") || part.starts_with("TLS:") => {
                fields.put("network.protocol", Value::Str("tls"));
            }
            _ => {}
        }
    }
    true
}

/// `pam(jane,192.0.2.1): unknown user`, `conn unix:auth-worker (pid=1,uid=97): auth-worker<4>: sql(jane,192.0.2.1): …`
fn database<'a>(text: &'a str, fields: &mut Fields<'a>) -> bool {
    let text = match text.strip_prefix("conn unix:") {
        Some(rest) => match rest.find(">: ") {
            Some(at) => &rest[at + 3..],
            None => return false,
        },
        None => text,
    };
    let Some((database, rest)) = text.split_once('(') else {
        return false;
    };
    let is_name = !database.is_empty()
        && database.len() <= 24
        && database
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    if !is_name {
        return false;
    }
    let mut found = None;
    let mut is_plain = true;
    let mut addresses: Vec<Value<'a>> = Vec::new();
    for (at, _) in rest.match_indices("): ") {
        let (who, verdict) = (&rest[..at], &rest[at + 3..]);
        let who = match who.rsplit_once(',') {
            Some((before, session)) if session.is_empty() || session.starts_with('<') => before,
            _ => who,
        };
        let Some((user, ip)) = who.rsplit_once(',') else {
            continue;
        };
        let Some(ip) = address(ip) else {
            continue;
        };
        if !addresses.contains(&Value::Str(ip)) {
            addresses.push(Value::Str(ip));
        }
        is_plain &= found.is_none();
        found = found.or(Some((user, ip, verdict)));
    }
    let Some((user, ip, verdict)) = found else {
        return false;
    };
    if is_plain {
        fields.text("user.name", user);
    }
    match addresses.len() {
        1 => fields.text("source.ip", ip),
        _ => fields.put("related.ip", Value::List(addresses)),
    }
    fields.text("database", database);
    fields.text("event.reason", verdict);
    let failed = [
        "unknown user",
        "mismatch",
        "failed",
        "invalid credentials",
        "not allowed",
        "denied",
    ]
    .iter()
    .any(|what| verdict.contains(what));
    fields.event("authentication", if failed { "failure" } else { "" });
    fields.category("authentication");
    true
}

#[cfg(test)]
mod tests {
    use crate::formats::vendors::whole::{check, read};

    #[test]
    fn names_that_end_the_parenthesis() {
        check(
            "Mar  1 10:00:00 mx dovecot: auth: passwd-file(bob,192.0.2.7,<x>): unknown user",
            "dovecot.log",
            &[("user.name", "bob"), ("source.ip", "192.0.2.7")],
        );
        let line = "Mar  1 10:00:00 mx dovecot: auth: passwd-file(bob,203.0.113.1,<x>): unknown user (SHA1 of given password: abc),192.0.2.7,<s>): unknown user";
        check(
            line,
            "dovecot.log",
            &[("user.name", ""), ("source.ip", ""), ("event.outcome", "failure")],
        );
        let related = format!("{:?}", read(line));
        assert!(
            related.contains("203.0.113.1") && related.contains("192.0.2.7"),
            "{related}"
        );
    }
}
