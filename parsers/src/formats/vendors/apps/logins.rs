//! Gitea and Forgejo, Keycloak, Vaultwarden: who tried to log in, from where.
//!
//! ```text
//! 2026/02/03 04:05:06 ...ers/web/auth/auth.go:200:SignInPost() [I] Failed authentication attempt for mara from 192.0.2.7:51022: user does not exist […]
//! 2026-02-03 04:05:06,123 WARN  [org.keycloak.events] (executor-thread-1) type="LOGIN_ERROR", ipAddress="192.0.2.7", username="mara"
//! [2026-02-03 04:05:06.123][vaultwarden::api::identity][ERROR] Username or password is incorrect. Try again. IP: 192.0.2.7. Username: mara.
//! ```
//!
//! - Gitea: the name ends at the last ` from ` whose next word is an address with a port and a colon; a name may hold
//!   anything, the reason behind the address is the server's.
//! - Keycloak: the first `ipAddress` is the server's; the user name is the last thing that a stranger writes into the
//!   line, and pairs in front of it are not overwritten by what it holds.
//! - Vaultwarden: the address stands in front of the user name and ends at `. `.

use crate::formats::fields::{Fields, address, host_port};
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

/// `mara from 192.0.2.7:51022: reason` or `192.0.2.7:51022`.
fn attempt(text: &str) -> Option<(&str, &str, &str)> {
    let is_host = |host: &str| {
        let (host, port) = host_port(host);
        port.is_some() && address(host).is_some()
    };
    let mut best = None;
    for at in memchr::memmem::find_iter(text.as_bytes(), b" from ") {
        let behind = &text[at + 6..];
        let word = behind.split(' ').next().unwrap_or_default();
        let host = word.strip_suffix(':').unwrap_or(word);
        if is_host(host) {
            best = Some((&text[..at], host, &behind[word.len()..]));
        }
    }
    best.or_else(|| {
        let word = text.split(' ').next().unwrap_or_default();
        let host = word.strip_suffix(':').unwrap_or(word);
        is_host(host).then(|| ("", host, &text[word.len()..]))
    })
}

fn keycloak<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let text = line.raw.trim_end();
    let (time, rest) = time::iso(text, line.context.timezone)?;
    let (level, rest) = rest.trim_start().split_once(' ')?;
    let (logger, rest) = rest.trim_start().strip_prefix('[')?.split_once(']')?;
    let (thread, rest) = rest.trim_start().strip_prefix('(')?.split_once(") ")?;
    if !rest.starts_with("type=") && !rest.starts_with("operationType=") {
        return None;
    }
    let mut event = Event::headless("keycloak.log");
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
    for pair in pairs(rest, style) {
        let (key, value) = (pair.key.trim(), pair.value.trim_end_matches([',', ' ']));
        match key {
            "ipAddress" => fields.source(value),
            "username" => fields.known("user.name", value),
            "type" | "operationType" => {
                let outcome = match value.ends_with("_ERROR") {
                    true => "failure",
                    false => "success",
                };
                fields.event(value, outcome);
            }
            "error" => fields.known("event.reason", value),
            // A dotted key would be a column of its own choice.
            _ if !key.contains('.') => fields.known(key, value),
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
    }

    #[test]
    fn keycloak() {
        for text in [
            "2026-02-03 04:05:06,123 WARN  [org.keycloak.events] (executor-thread-1) type=\"LOGIN_ERROR\", realmId=\"r\", userId=\"null\", ipAddress=\"192.0.2.7\", error=\"user_not_found\", username=\"mara, ipAddress=192.0.2.99\"",
            "2026-02-03 04:05:06,123 WARN  [org.keycloak.events] (executor-thread-1) type=LOGIN_ERROR, realmId=r, userId=null, ipAddress=192.0.2.7, error=user_not_found, username=mara",
        ] {
            check(
                text,
                "keycloak.log",
                &[
                    ("source.ip", "192.0.2.7"),
                    ("event.action", "LOGIN_ERROR"),
                    ("event.outcome", "failure"),
                    ("event.reason", "user_not_found"),
                    ("keycloak.realmId", "r"),
                    ("keycloak.userId", ""),
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
