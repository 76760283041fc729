//! OpenSSH's server (and dropbear).
//!
//! What a client can put into these lines: its user name, its host name (reverse DNS), its version string,
//! the reason it gives for disconnecting, and with `hostbased` the user name it claims to have at home.

use super::{Fields, address};
use crate::formats::text::search::Search;
use crate::value::Value;

/// Levels that sshd prefixes to messages.
const LEVELS: [&str; 6] = [
    "error: ",
    "fatal: ",
    "info: ",
    "debug1: ",
    "main: sshd: ",
    "debug2: ",
];

/// How an endpoint in a message is found.
struct Endpoint<'a> {
    before: &'a str,
    host: &'a str,
    port: &'a str,
    after: &'a str,
}

/// Takes a message apart.
pub(super) fn dissect<'a>(message: &'a str, fields: &mut Fields<'a>) {
    let mut message = message;
    for suffix in [" [preauth]", " [postauth]"] {
        message = message.strip_suffix(suffix).unwrap_or(message);
    }
    message = message.trim_end();
    // Solaris puts an id and the facility in front.
    if let Some((_, rest)) = message.strip_prefix("[ID ").and_then(|rest| rest.cut("] ")) {
        message = rest;
    }
    for level in LEVELS {
        message = message.strip_prefix(level).unwrap_or(message);
    }
    let _ = authentication(message, fields)
        || user_then_endpoint(message, fields)
        || endpoint_first(message, fields)
        || endpoint_last(message, fields)
        || other(message, fields);
}

/// `Accepted publickey for U from A port N ssh2: RSA SHA256:…`. Anchored at the last ` from A port N ssh`:
/// the name in front of it is the client's, the key behind it is sshd's. Only `hostbased` puts the
/// client's text behind, after `, client user "`.
fn authentication<'a>(message: &'a str, fields: &mut Fields<'a>) -> bool {
    let (verdict, rest) = message.cut_at(b' ').unwrap_or((message, ""));
    let (action, outcome) = match verdict {
        "Accepted" => ("ssh_login", "success"),
        "Failed" => ("ssh_login", "failure"),
        "Postponed" => ("ssh_login_postponed", "unknown"),
        "Partial" => ("ssh_login_partial", "unknown"),
        _ => return false,
    };
    let Some((method, rest)) = rest.cut(" for ") else {
        return false;
    };
    if method.contains(' ') {
        return false;
    }
    let searched = match rest.last_place_of(", client user \"") {
        Some(at) if method.starts_with("hostbased") => &rest[..at],
        _ => rest,
    };
    let Some(found) = last_endpoint(searched, " from ", |after| {
        after.is_empty() || after.starts_with(" ssh") || after.starts_with(':')
    }) else {
        return false;
    };
    fields.event(action, outcome);
    fields.category("authentication");
    fields.text("system.auth.ssh.method", method);
    fields.text("system.auth.ssh.event", verdict);
    user(found.before, fields);
    fields.source(found.host);
    fields.source_port(found.port);
    // A name that looks like the end of a line leaves doubt: whoever looks for the other address finds the line too.
    if let Some((first, _)) = searched.cut(" ssh2: ")
        && first.len() < searched.len() - found.after.len()
        && let Some(other) = last_endpoint(first, " from ", str::is_empty)
        && other.host != found.host
    {
        let all = [address(other.host), address(found.host)];
        let all: Vec<Value<'_>> = all.into_iter().flatten().map(Value::Str).collect();
        fields.put("related.ip", Value::List(all));
    }
    if let Some((_, key)) = found.after.cut(": ") {
        signature(key, fields);
    }
    true
}

/// `RSA SHA256:…`, `ED25519-CERT SHA256:… ID x (serial 1) CA RSA SHA256:…`, `RSA 39:33:…`.
fn signature<'a>(key: &'a str, fields: &mut Fields<'a>) {
    let mut words = key.splitn(3, ' ');
    if let (Some(kind), Some(fingerprint)) = (words.next(), words.next())
        && (fingerprint.starts_with("SHA256:") || fingerprint.matches(':').count() == 15)
    {
        let fingerprint = fingerprint.trim_end_matches(',');
        fields.text("system.auth.ssh.key_type", kind);
        fields.text("system.auth.ssh.signature", fingerprint);
        fields.text(
            "system.auth.ssh.key.sha256",
            fingerprint.strip_prefix("SHA256:").unwrap_or_default(),
        );
    }
}

/// Lines that name the user and then, at their end, the endpoint: `Connection closed by authenticating user U
/// A port N`. Anchored at the end; where sshd adds a reason, at the last endpoint that a reason of sshd's
/// own follows.
fn user_then_endpoint<'a>(message: &'a str, fields: &mut Fields<'a>) -> bool {
    const STARTS: [(&str, &str, &str); 5] = [
        ("Connection closed by ", "ssh_connection_closed", ""),
        ("Connection reset by ", "ssh_connection_reset", ""),
        ("Disconnected from ", "ssh_disconnected", ""),
        ("Disconnecting ", "ssh_disconnecting", "failure"),
        ("Close session: ", "ssh_session_closed", ""),
    ];
    let Some((rest, action, outcome)) = STARTS
        .iter()
        .find_map(|(start, action, outcome)| Some((message.strip_prefix(start)?, *action, *outcome)))
    else {
        return false;
    };
    let found = if action == "ssh_disconnecting" {
        last_endpoint(rest, " ", |after| after == ": Too many authentication failures")
            .or_else(|| first_endpoint(rest, " ", |after| after.starts_with(": ")))
    } else if action == "ssh_session_closed" {
        last_endpoint(rest, " from ", |after| after.starts_with(" id "))
    } else {
        last_endpoint(rest, " ", |after| after.is_empty() || after == ":").or_else(|| bare_endpoint(rest))
    };
    let Some(found) = found else {
        return false;
    };
    fields.event(action, outcome);
    for kind in ["authenticating user", "invalid user", "user"] {
        if let Some(name) = found.before.strip_prefix(kind) {
            if kind == "invalid user" {
                fields.put("system.auth.ssh.invalid_user", Value::Bool(true));
            }
            user(name.strip_prefix(' ').unwrap_or(name), fields);
            break;
        }
    }
    fields.source(found.host);
    fields.source_port(found.port);
    if let Some(reason) = found.after.strip_prefix(": ") {
        fields.text("event.reason", reason);
    }
    true
}

/// Lines in which the endpoint comes right after fixed text, and the client's text (if any) last.
fn endpoint_first<'a>(message: &'a str, fields: &mut Fields<'a>) -> bool {
    const STARTS: [(&str, &str, &str); 8] = [
        ("Received disconnect from ", "ssh_received_disconnect", ""),
        ("Connection from ", "ssh_connection", ""),
        ("Unable to negotiate with ", "ssh_negotiation_failed", "failure"),
        (
            "ssh_dispatch_run_fatal: Connection from ",
            "ssh_connection_failed",
            "failure",
        ),
        (
            "banner exchange: Connection from ",
            "ssh_banner_failed",
            "failure",
        ),
        (
            "Timeout before authentication for connection from ",
            "ssh_timeout",
            "failure",
        ),
        ("Timeout before authentication for ", "ssh_timeout", "failure"),
        ("ROOT LOGIN REFUSED FROM ", "ssh_login", "failure"),
    ];
    let Some((rest, action, outcome)) = STARTS
        .iter()
        .find_map(|(start, action, outcome)| Some((message.strip_prefix(start)?, *action, *outcome)))
    else {
        return false;
    };
    let (host, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    // Old versions write `from A: 11: reason`; an IPv6 address ends in no colon of its own.
    let (host, rest) = match host.strip_suffix(':') {
        Some(host) if address(host).is_some() => (host, rest),
        _ => (host, rest),
    };
    fields.event(action, outcome);
    fields.source(host);
    let mut reason = rest;
    if let Some(after) = rest.strip_prefix("port ") {
        let digits = after.bytes().take_while(u8::is_ascii_digit).count();
        fields.source_port(&after[..digits]);
        reason = after[digits..].trim_start_matches([':', ' ']);
    }
    if action == "ssh_connection" {
        if let Some((host, port)) = reason.strip_prefix("on ").and_then(|on| on.cut(" port ")) {
            fields.text("destination.ip", address(host).unwrap_or_default());
            let port = port.split(' ').next().unwrap_or_default();
            fields.put("destination.port", port.parse().map_or(Value::Null, Value::Int));
        }
    } else if !reason.starts_with("to ") {
        fields.text("event.reason", reason);
    }
    if message.starts_with("ROOT") {
        fields.text("user.name", "root");
    }
    true
}

/// Lines that end in ` from A` or ` from A port N`, the client's text in front.
fn endpoint_last<'a>(message: &'a str, fields: &mut Fields<'a>) -> bool {
    const STARTS: [(&str, &str, &str); 8] = [
        ("Invalid user ", "ssh_invalid_user", "failure"),
        ("Illegal user ", "ssh_invalid_user", "failure"),
        (
            "maximum authentication attempts exceeded for ",
            "ssh_max_attempts",
            "failure",
        ),
        (
            "Did not receive identification string from ",
            "ssh_no_identification",
            "failure",
        ),
        (
            "Bad protocol version identification ",
            "ssh_bad_protocol",
            "failure",
        ),
        ("Magic value check failed ", "ssh_bad_protocol", "failure"),
        ("Starting session: ", "ssh_session_started", "success"),
        (
            "Protocol major versions differ for ",
            "ssh_bad_protocol",
            "failure",
        ),
    ];
    let Some((start, action, outcome)) = STARTS.iter().find(|(start, _, _)| message.starts_with(start))
    else {
        return false;
    };
    // The space in front of an empty name may be gone.
    let rest = &message[start.trim_end_matches("from ").trim_end().len()..];
    let found = last_endpoint(rest, " from ", |after| {
        after.is_empty() || after.starts_with(" ssh") || after.starts_with(" id ")
    })
    .or_else(|| {
        let (before, host) = rest.cut_last(" from ")?;
        Some(Endpoint {
            before,
            host,
            port: "",
            after: "",
        })
    });
    let Some(found) = found else {
        return false;
    };
    fields.event(action, outcome);
    match *action {
        "ssh_invalid_user" => {
            fields.put("system.auth.ssh.invalid_user", Value::Bool(true));
            user(found.before.strip_prefix(' ').unwrap_or(found.before), fields);
        }
        "ssh_max_attempts" => user(found.before.trim_start(), fields),
        "ssh_session_started" => {
            if let Some((_, name)) = found.before.cut_last(" for ") {
                user(name, fields);
            }
        }
        _ => {}
    }
    fields.source(found.host);
    fields.source_port(found.port);
    true
}

/// The rest, each with its own shape.
fn other<'a>(message: &'a str, fields: &mut Fields<'a>) -> bool {
    if let Some(rest) = message.strip_prefix("User ")
        && let Some((rest, reason)) = rest.cut_last(" not allowed because ")
        && let Some((name, host)) = rest.cut_last(" from ")
    {
        fields.event("ssh_login", "failure");
        fields.category("authentication");
        user(name, fields);
        fields.source(host);
        fields.text("event.reason", reason);
    } else if let Some(rest) = strip_any(
        message,
        &[
            "PAM: Authentication failure for ",
            "PAM: authentication failure for ",
            "PAM: authentication error for ",
            "PAM: Authentication error for ",
            "PAM: User not known to the underlying authentication module for ",
        ],
    ) && let Some((name, host)) = rest.cut_last(" from ")
    {
        fields.event("ssh_login", "failure");
        fields.category("authentication");
        user(name, fields);
        fields.source(host.cut(" via ").map_or(host, |(host, _)| host));
    } else if let Some(rest) = message.strip_prefix("refused connect from ") {
        fields.event("ssh_refused", "failure");
        let inner = rest.cut_last(" (").and_then(|(_, host)| host.strip_suffix(')'));
        fields.source(inner.unwrap_or(rest));
    } else if let Some(rest) = message.strip_prefix("reverse mapping checking getaddrinfo for ") {
        fields.event("ssh_reverse_mapping_failed", "failure");
        if let Some((_, rest)) = rest.cut_last(" [")
            && let Some((host, _)) = rest.split_once(']')
        {
            fields.source(host);
        }
    } else if let Some(rest) = message.strip_prefix("Address ")
        && let Some((host, rest)) = rest.cut(" maps to ")
        && rest.holds(", but this does not map back")
    {
        fields.event("ssh_reverse_mapping_failed", "failure");
        fields.source(host);
    } else if let Some(rest) = message.strip_prefix("Server listening on ") {
        fields.event("ssh_listening", "success");
        if let Some((host, port)) = rest.trim_end_matches('.').cut(" port ") {
            fields.text("server.ip", address(host).unwrap_or_default());
            fields.put("server.port", port.parse().map_or(Value::Null, Value::Int));
        }
    } else if let Some(rest) = message.strip_prefix("drop connection #")
        && let Some((_, rest)) = rest.cut(" from [")
        && let Some((host, rest)) = rest.cut("]:")
    {
        fields.event("ssh_connection_dropped", "failure");
        fields.source(host);
        fields.source_port(rest.split(' ').next().unwrap_or_default());
    } else if let Some(name) = message.strip_prefix("Disconnecting: Too many authentication failures for ") {
        fields.event("ssh_disconnecting", "failure");
        user(name, fields);
    } else if let Some(rest) = message.strip_prefix("subsystem request for ")
        && let Some((subsystem, name)) = rest.cut(" by user ")
    {
        fields.event("ssh_subsystem", "");
        fields.text("system.auth.ssh.subsystem", subsystem);
        user(name, fields);
    } else if let Some(name) = strip_any(
        message,
        &[
            "input_userauth_request: invalid user ",
            "input_userauth_request: illegal user ",
        ],
    ) {
        fields.event("ssh_invalid_user", "failure");
        user(name, fields);
    } else if let Some(rest) = message.strip_prefix("User child is on pid ") {
        fields.event("ssh_session_started", "");
        fields.put("process.child.pid", rest.parse().map_or(Value::Null, Value::Int));
    } else {
        return false;
    }
    true
}

/// Dropbear's messages, which end in `from A:N` or hold it in angle brackets.
pub(super) fn dissect_dropbear<'a>(message: &'a str, fields: &mut Fields<'a>) {
    // It repeats pid and time where it is not sure that syslog writes them.
    let message = match message.strip_prefix('[').and_then(|rest| rest.cut("] ")) {
        Some((_, rest)) if rest.len() > 16 && rest.is_char_boundary(16) => &rest[16..],
        _ => message,
    };
    let folded = message.to_ascii_lowercase();
    let (action, outcome) =
        if folded.starts_with("bad password attempt") || folded.starts_with("login attempt for") {
            ("ssh_login", "failure")
        } else if folded.holds(" auth succeeded ") {
            ("ssh_login", "success")
        } else if folded.starts_with("child connection from") {
            ("ssh_connection", "")
        } else if folded.starts_with("exit before auth from <") {
            ("ssh_disconnected", "failure")
        } else {
            return;
        };
    let endpoint = match action {
        "ssh_disconnected" => super::between(message, "<", ">"),
        _ => message.cut_last(" from ").map(|(_, endpoint)| endpoint),
    };
    fields.event(action, outcome);
    if action == "ssh_login" {
        fields.category("authentication");
        if let Some((before, _)) = message.cut_last(" from ")
            && let Some((_, name)) = before.cut(" for '")
            && let Some((name, _)) = name.rsplit_once('\'')
        {
            user(name, fields);
        }
    }
    if let Some((host, port)) = endpoint.and_then(|endpoint| endpoint.rsplit_once(':')) {
        fields.source(host);
        fields.source_port(port);
    }
}

/// A user name as sshd writes it, with `invalid user ` in front if there is no such account.
fn user<'a>(name: &'a str, fields: &mut Fields<'a>) {
    for kind in ["invalid user ", "illegal user "] {
        if let Some(name) = name.strip_prefix(kind) {
            fields.put("system.auth.ssh.invalid_user", Value::Bool(true));
            fields.text("user.name", name);
            return;
        }
    }
    let name = name.strip_prefix("user ").unwrap_or(name);
    if name != "<invalid username>" && name != "invalid user" {
        fields.text("user.name", name);
    }
}

fn strip_any<'a>(message: &'a str, starts: &[&str]) -> Option<&'a str> {
    starts.iter().find_map(|start| message.strip_prefix(start))
}

/// `before A port N after`, `A` being in front of the ` port ` at `at`.
fn endpoint_at<'a>(text: &'a str, at: usize, separator: &str) -> Option<Endpoint<'a>> {
    let head = &text[..at];
    // A host holds no space: its separator ends at the last one.
    let start = memchr::memrchr(b' ', head.as_bytes()).map_or(0, |at| at + 1);
    let (before, host) = match head[..start].strip_suffix(separator) {
        Some(before) => (before, &head[start..]),
        // The endpoint may be all there is in front.
        None if start == 0 && separator == " " => ("", head),
        None => return None,
    };
    let rest = &text[at + " port ".len()..];
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    if digits == 0 || host.is_empty() || (start == 0 && host.contains(' ')) {
        return None;
    }
    Some(Endpoint {
        before,
        host,
        port: &rest[..digits],
        after: &rest[digits..],
    })
}

/// The last endpoint whose rest passes `fits`.
fn last_endpoint<'a>(text: &'a str, separator: &str, fits: impl Fn(&str) -> bool) -> Option<Endpoint<'a>> {
    let mut end = text.len();
    while let Some(at) = text[..end].last_place_of(" port ") {
        if let Some(found) = endpoint_at(text, at, separator).filter(|found| fits(found.after)) {
            return Some(found);
        }
        end = at;
    }
    without_port(text, separator)
}

/// The first endpoint whose rest passes `fits`.
fn first_endpoint<'a>(text: &'a str, separator: &str, fits: impl Fn(&str) -> bool) -> Option<Endpoint<'a>> {
    text.match_indices(" port ")
        .filter_map(|(at, _)| endpoint_at(text, at, separator))
        .find(|found| fits(found.after))
}

/// ` from A` at the very end, as some versions write it.
fn without_port<'a>(text: &'a str, separator: &str) -> Option<Endpoint<'a>> {
    if separator != " from " {
        return None;
    }
    let (before, host) = text.rsplit_once(separator)?;
    (!host.is_empty() && !host.contains(' ')).then_some(Endpoint {
        before,
        host,
        port: "",
        after: "",
    })
}

/// `A` or `user U A` without a port.
fn bare_endpoint(text: &str) -> Option<Endpoint<'_>> {
    let (before, host) = text.rsplit_once(' ').unwrap_or(("", text));
    address(host)?;
    Some(Endpoint {
        before,
        host,
        port: "",
        after: "",
    })
}
