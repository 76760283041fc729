//! What Linux programs write to syslog, taken apart.
//!
//! A log line is written by a program, but parts of it are chosen by whoever talks to that program: a user
//! name may be ` from 192.0.2.1 port 22`. So nothing here searches a line for the first thing that looks
//! like an address. Each message has fixed text at its ends; it is taken apart from there inwards, and the
//! attacker's text is what remains in between. Every rule of that kind says where it anchors.
//!
//! Names of fields are ECS; what ECS does not know is called as in Elastic's *system* integration
//! (`system.auth.ssh.method`, `system.auth.sudo.command`).

mod accounts;
mod cron;
mod pam;
mod privilege;
mod sshd;
mod systemd;
#[cfg(test)]
mod tests;

use crate::formats::text::search::Search;
use std::sync::Arc;

use super::Reject;
pub use super::fields::Fields;
pub(super) use super::fields::address;
use crate::catalog::{Catalog, Dataset};
use crate::value::Value;

/// The dataset that takes what `program` wrote; `linux.syslog` for programs that no dataset claims.
///
/// # Errors
///
/// `no_dataset` if the catalog in use lacks `linux.syslog`.
pub fn dataset(catalog: &Catalog, program: &str) -> Result<Arc<Dataset>, Reject> {
    catalog
        .dataset_of_program(program)
        .or_else(|| catalog.dataset("linux.syslog"))
        .cloned()
        .ok_or_else(|| Reject::new("no_dataset", "the catalog has no dataset `linux.syslog`, add it"))
}

/// Takes `message` of `program` apart. `tag` is what the header had for the program (`sshd(pam_unix)`).
/// A message that is not known adds nothing.
pub fn dissect<'a>(tag: &'a str, program: &'a str, message: &'a str, fields: &mut Fields<'a>) {
    let message = repeated(message, fields).trim();
    if pam::dissect(tag, message, fields) {
        return;
    }
    let folded;
    let program = match program.bytes().any(|b| b.is_ascii_uppercase()) {
        true => {
            folded = program.to_ascii_lowercase();
            folded.as_str()
        }
        false => program,
    };
    match program {
        "sshd" | "sshd-session" | "sshd-auth" => sshd::dissect(message, fields),
        "dropbear" => sshd::dissect_dropbear(message, fields),
        "sudo" | "sudoedit" => privilege::sudo(message, fields),
        "su" => privilege::su(message, fields),
        "login" | "remote" => privilege::login(message, fields),
        "systemd-logind" => privilege::logind(message, fields),
        "systemd" => systemd::dissect(message, fields),
        "cron" | "crond" | "crontab" | "anacron" | "fcron" | "atd" => cron::dissect(message, fields),
        "useradd" | "userdel" | "usermod" | "adduser" | "deluser" | "groupadd" | "groupdel" | "groupmod"
        | "gpasswd" | "passwd" | "chpasswd" | "chage" | "newusers" | "chsh" | "chfn" => {
            accounts::dissect(message, fields);
        }
        _ => {}
    }
}

/// Whether `message` is one that the program called `tag` writes.
pub fn knows(tag: &str, message: &str) -> bool {
    let program = tag.split('(').next().unwrap_or(tag);
    let mut fields = Fields::default();
    dissect(tag, program, message, &mut fields);
    fields.get("event.action").is_some()
}

/// The program of a message without a header (`journalctl -o cat`), where what it says leaves no doubt: sshd
/// naming a peer, or a PAM module naming its service.
pub fn program_of(message: &str) -> Option<&str> {
    let message = message.trim();
    if let Some(service) = pam::service(message) {
        return Some(service);
    }
    if message.starts_with("PAM ")
        && message.holds(" more authentication failure")
        && message.holds("tty=ssh")
    {
        return Some("sshd");
    }
    if privilege::is_sudo(message) {
        return Some("sudo");
    }
    if message.starts_with("main: sshd: ") {
        return Some("sshd");
    }
    if message.starts_with("Exit before auth from <") || message.starts_with("Bad password attempt for '") {
        return Some("dropbear");
    }
    let mut fields = Fields::default();
    sshd::dissect(message, &mut fields);
    let has = |name: &str| fields.get(name).is_some();
    // Old versions write no port here.
    let port = has("source.port") || message.starts_with("Received disconnect from ");
    let peer = port && (has("source.ip") || has("source.domain"));
    (peer && has("event.action")).then_some("sshd")
}

/// The message inside `message repeated 3 times: [ … ]`.
fn repeated<'a>(message: &'a str, fields: &mut Fields<'a>) -> &'a str {
    let inner = message
        .trim_start()
        .strip_prefix("message repeated ")
        .and_then(|rest| rest.cut(" times: ["))
        .and_then(|(count, rest)| Some((count.parse().ok()?, rest.strip_suffix(']')?)));
    match inner {
        Some((count, inner)) => {
            fields.put("syslog.repeated", Value::Int(count));
            inner
        }
        None => message,
    }
}

/// The text between the first `before` and the next `after`; to the end where `after` is empty.
fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let start = text.place_of(before)? + before.len();
    let rest = &text[start..];
    match after {
        "" => Some(rest),
        after => rest.place_of(after).map(|end| &rest[..end]),
    }
}

/// `word` without the quotes around it.
fn unquoted(word: &str) -> &str {
    for quote in ['\'', '"', '`'] {
        if let Some(inner) = word.strip_prefix(quote) {
            return inner.strip_suffix(['\'', '"']).unwrap_or(inner);
        }
    }
    word
}
