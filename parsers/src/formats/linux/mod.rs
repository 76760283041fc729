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
#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::sync::Arc;

use super::Reject;
use crate::catalog::{Catalog, Dataset};
use crate::value::Value;

/// The fields of one message. The first value of a name holds; later ones are ignored.
#[derive(Debug, Default)]
pub struct Fields<'a> {
    values: Vec<(&'static str, Value<'a>)>,
}

impl<'a> Fields<'a> {
    /// Sets `name`, unless it is set.
    pub fn put(&mut self, name: &'static str, value: Value<'a>) {
        if value != Value::Null && self.get(name).is_none() {
            self.values.push((name, value));
        }
    }

    /// Sets `name` to `text`, unless `text` is empty.
    fn text(&mut self, name: &'static str, text: &'a str) {
        if !text.is_empty() {
            self.put(name, Value::Str(text));
        }
    }

    /// What happened and how it ended; `outcome` may be empty.
    fn event(&mut self, action: &'static str, outcome: &'static str) {
        self.put("event.action", Value::Str(action));
        self.text("event.outcome", outcome);
    }

    /// The category of the event.
    fn category(&mut self, category: &'static str) {
        self.put("event.category", Value::List(vec![Value::Str(category)]));
    }

    /// Where a connection comes from: an address, or a name.
    fn source(&mut self, host: &'a str) {
        match address(host) {
            Some(address) => self.text("source.ip", address),
            None if host != "UNKNOWN" && host != "?" && !host.contains(' ') => {
                self.text("source.domain", host)
            }
            None => {}
        }
    }

    fn source_port(&mut self, port: &str) {
        if let Ok(port) = port.parse::<u16>() {
            self.put("source.port", Value::Int(i64::from(port)));
        }
    }

    /// The value of `name`.
    pub fn get(&self, name: &str) -> Option<&Value<'a>> {
        self.values
            .iter()
            .find(|(present, _)| *present == name)
            .map(|(_, value)| value)
    }
}

impl<'a> IntoIterator for Fields<'a> {
    type Item = (&'static str, Value<'a>);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.values.into_iter()
    }
}

/// `host` if it is an IP address, without brackets, zone (`%eth0`) and the `::ffff:` of IPv4-mapped ones, so
/// that one host has one spelling.
pub(super) fn address(host: &str) -> Option<&str> {
    let host = host
        .strip_prefix('[')
        .and_then(|inner| inner.strip_suffix(']'))
        .unwrap_or(host);
    let host = host.split_once('%').map_or(host, |(address, _)| address);
    if let Some(mapped) = host.get(..7).filter(|head| head.eq_ignore_ascii_case("::ffff:"))
        && let Some(v4) = host.get(mapped.len()..)
        && v4.parse::<std::net::Ipv4Addr>().is_ok()
    {
        return Some(v4);
    }
    host.parse::<IpAddr>().is_ok().then_some(host)
}

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
    match program.to_ascii_lowercase().as_str() {
        "sshd" | "sshd-session" | "sshd-auth" => sshd::dissect(message, fields),
        "dropbear" => sshd::dissect_dropbear(message, fields),
        "sudo" | "sudoedit" => privilege::sudo(message, fields),
        "su" => privilege::su(message, fields),
        "login" | "remote" => privilege::login(message, fields),
        "systemd-logind" => privilege::logind(message, fields),
        "cron" | "crond" | "crontab" | "anacron" | "fcron" | "atd" => cron::dissect(message, fields),
        "useradd" | "userdel" | "usermod" | "adduser" | "deluser" | "groupadd" | "groupdel" | "groupmod"
        | "gpasswd" | "passwd" | "chpasswd" | "chage" | "newusers" | "chsh" | "chfn" => {
            accounts::dissect(message, fields);
        }
        _ => {}
    }
}

/// The program of a message without a header (`journalctl -o cat`), where what it says leaves no doubt: sshd
/// naming a peer, or a PAM module naming its service.
pub fn program_of(message: &str) -> Option<&str> {
    let message = message.trim();
    if let Some(service) = pam::service(message) {
        return Some(service);
    }
    if message.starts_with("PAM ")
        && message.contains(" more authentication failure")
        && message.contains("tty=ssh")
    {
        return Some("sshd");
    }
    let mut fields = Fields::default();
    sshd::dissect(message, &mut fields);
    let has = |name: &str| fields.get(name).is_some();
    let peer = has("source.port") && (has("source.ip") || has("source.domain"));
    (peer && has("event.action")).then_some("sshd")
}

/// The message inside `message repeated 3 times: [ … ]`.
fn repeated<'a>(message: &'a str, fields: &mut Fields<'a>) -> &'a str {
    let inner = message
        .trim_start()
        .strip_prefix("message repeated ")
        .and_then(|rest| rest.split_once(" times: ["))
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
    let start = text.find(before)? + before.len();
    let rest = &text[start..];
    match after {
        "" => Some(rest),
        after => rest.find(after).map(|end| &rest[..end]),
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
