//! PAM modules, whichever program they speak through.
//!
//! `pam_unix` writes its pairs in a fixed order: `logname uid euid tty ruser rhost`, then `user` to the end.
//! `ruser` and `user` are the client's text; `rhost` lies between them. Where a remote user is named and there are two
//! hosts, either may be part of a name: none is taken.

use super::{Fields, unquoted};
use crate::formats::text::search::Search;
use crate::value::Value;

/// Takes `message` apart if a PAM module wrote it.
pub(super) fn dissect<'a>(tag: &'a str, message: &'a str, fields: &mut Fields<'a>) -> bool {
    let (service, text) = if let Some((module, rest)) = module(message) {
        fields.text("system.auth.pam.module", module.0);
        (module.1, rest)
    } else if let Some(rest) = message
        .strip_prefix("(pam_unix) ")
        .or_else(|| message.strip_prefix("pam_unix: "))
    {
        fields.text("system.auth.pam.module", "pam_unix");
        ("", rest)
    } else if tag.ends_with("(pam_unix)") {
        fields.text("system.auth.pam.module", "pam_unix");
        ("", message)
    } else if message.starts_with("PAM ") && message.holds(" more authentication failure") {
        ("", message)
    } else {
        return false;
    };
    let (service, kind) = service.cut_at(b':').unwrap_or((service, ""));
    fields.text("system.auth.pam.service", service);
    fields.text("system.auth.pam.type", kind);
    if let Some(rest) = text.strip_prefix("session opened for user ") {
        session_opened(rest, fields);
    } else if let Some(name) = text.strip_prefix("session closed for user ") {
        fields.event("session_closed", "success");
        fields.category("session");
        fields.text("user.name", name.trim_end());
    } else if text.holds("authentication failure") && text.holds("rhost=") {
        fields.event("authentication", "failure");
        fields.category("authentication");
        pairs(text, fields);
    } else if text.starts_with("authentication success;") {
        fields.event("authentication", "success");
        fields.category("authentication");
        pairs(text, fields);
    } else if text.starts_with("check pass; user unknown") {
        fields.event("authentication", "failure");
        fields.category("authentication");
    } else if let Some(name) = text.strip_prefix("password changed for ") {
        fields.event("password_changed", "success");
        fields.text("user.name", name.trim_end());
    } else if let Some(name) = text.strip_prefix("auth could not identify password for ") {
        fields.event("authentication", "failure");
        fields.text("user.name", name.trim_start_matches('[').trim_end_matches(']'));
    } else if let Some(name) = super::between(text, "bad username [", "") {
        fields.event("authentication", "failure");
        fields.text("user.name", name.trim_end_matches(']'));
    } else if let Some(rest) = text.strip_prefix("account ")
        && let Some((name, reason)) = rest.cut_last(" has ")
    {
        fields.event("account_check", "failure");
        fields.text("user.name", name);
        fields.text("event.reason", reason);
    } else if let Some(name) = text
        .strip_prefix("Consecutive login failures for user ")
        .and_then(|rest| rest.strip_suffix(" account temporarily locked"))
    {
        fields.event("account_locked", "success");
        fields.text("user.name", name);
    } else if let Some(rest) = text.strip_prefix("received for user ")
        && let Some((name, reason)) = rest.cut_last(": ")
    {
        fields.event("authentication", "failure");
        fields.text("user.name", name);
        fields.text("event.reason", reason);
    }
    true
}

/// `pam_unix(sshd:session): rest` as ((module, `sshd:session`), rest).
fn module(message: &str) -> Option<((&str, &str), &str)> {
    if !message.starts_with("pam_") {
        return None;
    }
    let (head, rest) = message.cut("): ")?;
    let (module, service) = head.cut_at(b'(')?;
    let is_module = memchr::memchr(b' ', head.as_bytes()).is_none();
    is_module.then_some(((module, service), rest))
}

/// The service that a PAM module speaks for, as it says in front: `pam_unix(sshd:auth): …`.
pub(super) fn service(message: &str) -> Option<&str> {
    let ((_, service), _) = module(message)?;
    let (service, kind) = service.split_once(':')?;
    matches!(kind, "auth" | "session" | "account" | "chauthtok" | "setcred").then_some(service)
}

/// `root(uid=0) by jane(uid=1000)`: who asked is the user, whom they became the effective user. With nobody
/// named (`by (uid=0)`) the session's user is the user.
fn session_opened<'a>(rest: &'a str, fields: &mut Fields<'a>) {
    fields.event("session_opened", "success");
    fields.category("session");
    let (target, by) = rest.cut_last(" by ").unwrap_or((rest, ""));
    let (target, target_id) = with_id(target);
    let (by, by_id) = with_id(by);
    if by.is_empty() || by == "LOGIN" || by == target {
        fields.text("user.name", target);
        fields.text("user.id", target_id);
    } else {
        fields.text("user.name", by);
        fields.text("user.id", by_id);
        fields.text("user.effective.name", target);
        fields.text("user.effective.id", target_id);
    }
}

/// `jane(uid=1000)` as name and id.
fn with_id(text: &str) -> (&str, &str) {
    let text = text.trim();
    match text.cut_last("(uid=") {
        Some((name, id)) if id.ends_with(')') => (name, &id[..id.len() - 1]),
        _ => (text, ""),
    }
}

/// Where `jane rhost=192.0.2.1  user=jane` parts into the remote user and what follows ` rhost=`. Either name may hold a
/// host with all that follows one: with two such hosts none is certain, but for a server of files, which writes the same
/// name twice.
fn written_host(text: &str, same_name: bool) -> Option<(&str, &str)> {
    let mut found = Vec::new();
    for at in memchr::memmem::find_iter(text.as_bytes(), b" rhost=") {
        let (remote_user, after) = (&text[..at], &text[at + " rhost=".len()..]);
        let behind = after.split_once(' ').map_or("", |(_, behind)| behind).trim();
        if behind.is_empty() || behind.starts_with("user=") {
            found.push((remote_user, after, behind.strip_prefix("user=")));
        }
    }
    if found.len() > 1 && same_name {
        found.retain(|(remote_user, _, user)| *user == Some(remote_user));
    }
    match found.as_slice() {
        [(remote_user, after, _)] => Some((remote_user, after)),
        _ => None,
    }
}

fn pairs<'a>(text: &'a str, fields: &mut Fields<'a>) {
    // Everything up to `ruser=` is the module's own.
    if let Some(uid) = super::between(text, " uid=", " ") {
        fields.text("user.id", uid);
    }
    if let Some(euid) = super::between(text, " euid=", " ") {
        fields.text("user.effective.id", euid);
    }
    if let Some(tty) = super::between(text, " tty=", " ") {
        fields.text("system.auth.pam.tty", tty);
    }
    let Some(at) = text.place_of(" ruser=") else {
        return;
    };
    let rest = &text[at + " ruser=".len()..];
    let (remote_user, after) = match rest.strip_prefix(" rhost=") {
        // No remote user: the host follows at once, whatever a user name further on pretends.
        Some(after) => ("", after),
        None => match written_host(rest, super::between(text, " tty=", " ") == Some("ftp")) {
            Some(split) => split,
            None => return,
        },
    };
    let (host, after) = after.split_once(' ').unwrap_or((after, ""));
    fields.source(host);
    if let Some(name) = after.trim_start().strip_prefix("user=") {
        fields.text("user.name", unquoted(name.trim_end()));
        fields.text("source.user.name", remote_user);
    } else {
        fields.text("user.name", remote_user);
    }
    if let Some(count) = text
        .strip_prefix("PAM ")
        .and_then(|rest| rest.split(' ').next())
        .and_then(|count| count.parse().ok())
    {
        fields.put("syslog.repeated", Value::Int(count));
    }
}
