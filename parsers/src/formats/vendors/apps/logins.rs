//! Gitea and Forgejo, Keycloak, Vaultwarden: who tried to log in, from where.
//!
//! ```text
//! 2026/02/03 04:05:06 ...ers/web/auth/auth.go:200:SignInPost() [I] Failed authentication attempt for mara from 192.0.2.7:51022: user does not exist […]
//! 2026-02-03 04:05:06,123 WARN  [org.keycloak.events] (executor-thread-1) type="LOGIN_ERROR", ipAddress="192.0.2.7", username="mara"
//! [2026-02-03 04:05:06.123][vaultwarden::api::identity][ERROR] Username or password is incorrect. Try again. IP: 192.0.2.7. Username: mara.
//! ```
//!
//! - Gitea: a name may hold anything, and the reason behind the address may repeat it: the address is the one that a
//!   ` from ` names and that a reason of the server's follows, if there is but one.
//! - Keycloak: client, details and user name are a stranger's, and stand on both sides of the address: with two different
//!   ones, none is taken.
//! - Vaultwarden: the address stands in front of the user name and ends at `. `.

use crate::formats::fields::{Fields, address, host_port};
use crate::formats::text::once::Keys;
use crate::formats::text::pairs::{Style, pairs};
use crate::formats::text::{Event, Grammar, Line};
use crate::time;
use crate::value::Value;

pub(super) const GITEA: Grammar = Grammar {
    name: "gitea.log",
    marks: &[".go:"],
    programs: &["gitea", "forgejo"],
    read: gitea,
};

pub(super) const KEYCLOAK: Grammar = Grammar {
    name: "keycloak.log",
    marks: &["type=LOGIN", "type=\"", "realmId="],
    programs: &[],
    read: keycloak,
};

pub(super) const VAULTWARDEN: Grammar = Grammar {
    name: "vaultwarden.log",
    marks: &["[vaultwarden::", "[bitwarden_rs::"],
    programs: &[],
    read: vaultwarden,
};

fn gitea<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let by_syslog = matches!(line.program(), "gitea" | "forgejo");
    let text = if by_syslog { line.body } else { line.raw }.trim_end();
    let (time, rest) = time::slashed(text, line.context.timezone)?;
    // `path.go:200:Function() [I] [id] text`
    let rest = rest.strip_prefix(' ')?;
    let (place, rest) = rest.split_once(' ')?;
    let (file, behind) = place.split_once(".go:")?;
    let (number, function) = behind.split_once(':')?;
    let (level, rest) = rest.strip_prefix('[')?.split_once(']')?;
    if level.len() != 1 && !level.bytes().all(|b| b.is_ascii_uppercase()) {
        return None;
    }
    let mut message = rest.trim_start();
    let mut event = if by_syslog {
        Event::new("gitea.log")
    } else {
        Event::headless("gitea.log")
    };
    event.time = Some(time);
    let fields = &mut event.fields;
    if let Some((id, rest)) = message.strip_prefix('[').and_then(|rest| rest.split_once("] ")) {
        fields.text("request_id", id);
        message = rest;
    }
    fields.text("log.level", level);
    fields.text("log.origin.file.name", line.name(file, ".go"));
    fields.number("log.origin.file.line", number);
    fields.text("log.origin.function", function);
    fields.text("message", message);
    if let Some(rest) = message
        .strip_prefix("Failed authentication attempt for ")
        .or_else(|| message.strip_prefix("Failed authentication attempt from "))
    {
        fields.event("login", "failure");
        fields.category("authentication");
        if let Some((user, host, reason)) = attempt(rest) {
            fields.text("user.name", user);
            let (host, port) = host_port(host);
            fields.source(host);
            if port != Some("0") {
                fields.source_port(port.unwrap_or_default());
            }
            let reason = reason.trim_start();
            fields.text("event.reason", reason.split(" [").next().unwrap_or(reason));
        }
    }
    Some(event)
}

/// How the reasons of a refused login begin.
const REASONS: &[&str] = &[
    "user ",
    "user's ",
    "User ",
    "email ",
    "e-mail ",
    "Email ",
    "invalid ",
    "Invalid ",
    "the user",
    "Username or ",
    "LDAP ",
    "unable ",
    "[",
];

/// `mara from 192.0.2.7:51022: reason` or `192.0.2.7:51022`.
fn attempt(text: &str) -> Option<(&str, &str, &str)> {
    let is_host = |host: &str| {
        let (host, port) = host_port(host);
        port.is_some() && address(host).is_some()
    };
    let mut only: Option<(&str, &str, &str)> = None;
    for at in memchr::memmem::find_iter(text.as_bytes(), b" from ") {
        let behind = &text[at + 6..];
        let word = behind.split(' ').next().unwrap_or_default();
        let host = word.strip_suffix(':').unwrap_or(word);
        let reason = behind[word.len()..].trim_start();
        if !is_host(host) || !(reason.is_empty() || REASONS.iter().any(|start| reason.starts_with(start))) {
            continue;
        }
        if only.is_some_and(|(_, other, _)| other != host) {
            return None;
        }
        only = only.or(Some((&text[..at], host, reason)));
    }
    only.or_else(|| {
        let word = text.split(' ').next().unwrap_or_default();
        let host = word.strip_suffix(':').unwrap_or(word);
        is_host(host).then(|| ("", host, &text[word.len()..]))
    })
}

/// What Keycloak writes in front of the client's name.
const FRONT: [&str; 4] = ["type", "operationType", "realmId", "realmName"];

/// Further names that Keycloak gives what it says.
const KEYS: [&str; 24] = [
    "realmId",
    "realmName",
    "clientId",
    "userId",
    "username",
    "sessionId",
    "auth_method",
    "auth_type",
    "redirect_uri",
    "code_id",
    "grant_type",
    "response_type",
    "response_mode",
    "consent",
    "identity_provider",
    "identity_provider_identity",
    "reason",
    "remember_me",
    "refresh_token_type",
    "token_id",
    "scope",
    "client_auth_method",
    "resourceType",
    "resourcePath",
];

fn keycloak<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let text = line.raw.trim_end();
    let (time, rest) = time::iso(text, line.context.timezone)?;
    let (level, rest) = rest.trim_start().split_once(' ')?;
    let (logger, rest) = rest.trim_start().strip_prefix('[')?.split_once(']')?;
    let (thread, rest) = rest.trim_start().strip_prefix('(')?.split_once(") ")?;
    if !rest.starts_with("type=") && !rest.starts_with("operationType=") {
        return None;
    }
    let mut event = Event::headless("keycloak.events");
    event.time = Some(time);
    let fields = &mut event.fields;
    fields.text("log.level", level);
    fields.text("log.logger", logger);
    fields.text("process.thread.name", thread);
    fields.text("process.name", "keycloak");
    fields.text("message", rest);
    let style = Style {
        open_values: !rest.starts_with("type=\""),
        ..Style::COMMAS
    };
    let mut keys = Keys::new(line.arena);
    for pair in pairs(rest, style) {
        // Type and realm stand in front of all that a stranger wrote.
        keys.add(pair.key.trim(), pair.value.trim_end_matches([',', ' ']), &FRONT);
    }
    for (key, value) in keys.settled(fields) {
        match key {
            "ipAddress" => fields.source(value),
            "type" | "operationType" => {
                let outcome = match value.ends_with("_ERROR") {
                    true => "failure",
                    false => "success",
                };
                fields.event(value, outcome);
                fields.known_named(key, value);
            }
            "error" => {
                fields.known("event.reason", value);
                fields.known_named(key, value);
            }
            // A name that the server does not write would be one of a stranger's choice.
            _ if KEYS.contains(&key) => fields.known_named(key, value),
            _ => {}
        }
    }
    Some(event)
}

fn vaultwarden<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let (stamp, rest) = line.raw.trim_end().strip_prefix('[')?.split_once("][")?;
    let (time, "") = time::iso(stamp, line.context.timezone)? else {
        return None;
    };
    let (module, rest) = rest.split_once("][")?;
    let (level, message) = rest.split_once("] ")?;
    let mut event = Event::headless("vaultwarden.log");
    event.time = Some(time);
    let fields = &mut event.fields;
    fields.text("log.logger", module);
    fields.text("log.level", level.trim());
    fields.text("message", message);
    let failed = [
        "Username or password is incorrect. Try again. IP: ",
        "Invalid admin token. IP: ",
        "Invalid TOTP code! ",
        "Invalid admin token: ",
    ]
    .iter()
    .any(|start| message.starts_with(start));
    if failed {
        fields.event("login", "failure");
        fields.category("authentication");
        client(message, fields);
    } else if let Some(rest) = message
        .strip_prefix("User ")
        .filter(|rest| rest.contains(" logged in successfully. IP: "))
    {
        // `User mara logged in successfully. IP: 192.0.2.7`
        if let Some((user, host)) = rest.rsplit_once(" logged in successfully. IP: ") {
            fields.event("login", "success");
            fields.category("authentication");
            fields.text("user.name", user);
            fields.source(host.trim_end_matches('.'));
        }
    }
    Some(event)
}

/// `… IP: 192.0.2.7. Username: mara.`
fn client<'a>(message: &'a str, fields: &mut Fields<'a>) {
    let Some((_, rest)) = message.split_once("IP: ") else {
        return;
    };
    let (host, user) = rest.split_once(". Username: ").unwrap_or((rest, ""));
    fields.source(host.trim_end_matches('.'));
    let user = user.strip_suffix('.').unwrap_or(user);
    if !user.is_empty() {
        fields.put("user.name", Value::Str(user));
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::whole::{check, survives_truncation};

    #[test]
    fn gitea() {
        let text = "2026/02/03 04:05:06 ...ers/web/auth/auth.go:206:SignInPost() [I] [645e123e] Failed authentication attempt for a from 192.0.2.99:1: x from [2001:db8::7]:51022: user does not exist [uid: 0]";
        check(
            text,
            "gitea.log",
            &[
                ("@timestamp", "2026-02-03T04:05:06.000Z"),
                ("user.name", "a from 192.0.2.99:1: x"),
                ("source.ip", "2001:db8::7"),
                ("source.port", "51022"),
                ("event.reason", "user does not exist"),
            ],
        );
        survives_truncation(text);
        // The reason repeats the name.
        check(
            "2026/02/03 04:05:06 ...ers/web/auth/auth.go:206:SignInPost() [I] Failed authentication attempt for a from 203.0.113.1:1: x from 192.0.2.7:51022: user does not exist [uid: 0, name: a from 203.0.113.1:1: x]",
            "gitea.log",
            &[
                ("user.name", "a from 203.0.113.1:1: x"),
                ("source.ip", "192.0.2.7"),
            ],
        );
        // The name holds a reason: nobody knows.
        check(
            "2026/02/03 04:05:06 ...ers/web/auth/auth.go:206:SignInPost() [I] Failed authentication attempt for a from 203.0.113.1:1: user does not exist from 192.0.2.7:51022: user does not exist [uid: 0]",
            "gitea.log",
            &[("user.name", ""), ("source.ip", ""), ("event.outcome", "failure")],
        );
    }

    #[test]
    fn keycloak() {
        check(
            "2026-02-03 04:05:06,123 WARN  [org.keycloak.events] (executor-thread-1) type=LOGIN_ERROR, realmId=r, clientId=x, userId=null, ipAddress=203.0.113.1, error=x, userId=null, ipAddress=192.0.2.7, error=client_not_found",
            "keycloak.events",
            &[("source.ip", ""), ("event.action", "LOGIN_ERROR")],
        );
        for text in [
            "2026-02-03 04:05:06,123 WARN  [org.keycloak.events] (executor-thread-1) type=\"LOGIN_ERROR\", realmId=\"r\", userId=\"null\", ipAddress=\"192.0.2.7\", error=\"user_not_found\", username=\"mara, ipAddress=192.0.2.99\"",
            "2026-02-03 04:05:06,123 WARN  [org.keycloak.events] (executor-thread-1) type=LOGIN_ERROR, realmId=r, userId=null, ipAddress=192.0.2.7, error=user_not_found, username=mara",
        ] {
            check(
                text,
                "keycloak.events",
                &[
                    ("source.ip", "192.0.2.7"),
                    ("event.action", "LOGIN_ERROR"),
                    ("event.outcome", "failure"),
                    ("event.reason", "user_not_found"),
                    ("keycloak.realm_id", "r"),
                    ("user.id", ""),
                ],
            );
            survives_truncation(text);
        }
    }

    #[test]
    fn vaultwarden() {
        let text = "[2026-02-03 04:05:06.123][vaultwarden::api::identity][ERROR] Username or password is incorrect. Try again. IP: 192.0.2.7. Username: m@example.org. IP: 192.0.2.99.";
        check(
            text,
            "vaultwarden.log",
            &[
                ("source.ip", "192.0.2.7"),
                ("user.name", "m@example.org. IP: 192.0.2.99"),
                ("event.outcome", "failure"),
            ],
        );
        survives_truncation(text);
    }
}
