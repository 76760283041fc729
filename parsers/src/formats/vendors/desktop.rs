//! Remote desktops and webmail: xrdp, Roundcube.
//!
//! xrdp's session manager writes `AUTHFAIL: user=… ip=… time=…`. The user name is the client's and stands first, so the
//! address is what the last ` ip=` says, and only if nothing but the time follows. Roundcube writes who tried to log in,
//! then the address it came from, and then what the mail server answered: the address is the last ` from ` before the
//! answer's own sentence.

use super::super::fields::{Fields, address};
use super::super::text::{Event, Grammar, Line};
use crate::time;

/// Desktops and webmail.
pub(super) const GRAMMARS: &[Grammar] = &[
    Grammar {
        name: "xrdp",
        marks: &["AUTHFAIL: user=", "xrdp_"],
        programs: &["xrdp", "xrdp-sesman"],
        read: read_xrdp,
    },
    Grammar {
        name: "roundcube",
        marks: &["Login failed for "],
        programs: &["roundcube"],
        read: read_roundcube,
    },
];

/// `[INFO ] AUTHFAIL: user=jane ip=192.0.2.1 time=1649351484`, in its own file with `[20220407-12:11:24] ` in front.
fn read_xrdp<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let named = line.program().starts_with("xrdp");
    if line.header.tag.is_some() && !named {
        return None;
    }
    let mut text = line.body.trim();
    let mut event = Event::new("xrdp.log");
    if !named {
        let (time, rest) = time::compact(text.strip_prefix('[')?, line.context.timezone)?;
        event.time = Some(time);
        text = rest.strip_prefix("] ")?;
    }
    let fields = &mut event.fields;
    if let Some((level, rest)) = text.strip_prefix('[').and_then(|rest| rest.split_once("] ")) {
        fields.text("log.level", level.trim());
        text = rest;
    }
    if let Some(rest) = text.strip_prefix("AUTHFAIL: user=") {
        fields.event("login", "failure");
        fields.category("authentication");
        let (user, tail) = rest.rsplit_once(" ip=").unwrap_or((rest, ""));
        let (ip, time) = tail.split_once(" time=").unwrap_or((tail, ""));
        if time.bytes().all(|b| b.is_ascii_digit())
            && let Some(ip) = address(ip.trim_end())
        {
            fields.text("source.ip", ip);
            fields.text("user.name", user);
        }
    } else if let Some(rest) = text.strip_prefix("connection received from ") {
        fields.event("connect", "");
        put_peer(rest, fields);
    } else if let Some(rest) = text.strip_prefix("Socket ")
        && let Some((_, peer)) = rest.split_once(": AF_INET connection received from ")
    {
        fields.event("connect", "");
        put_peer(peer, fields);
    } else if let Some(rest) = text.strip_prefix("++ created session (access granted): username ") {
        fields.event("login", "success");
        fields.category("authentication");
        if let Some((user, tail)) = rest.rsplit_once(", ip ") {
            fields.text("user.name", user);
            put_peer(tail, fields);
        }
    } else if !named {
        return None;
    }
    Some(event)
}

/// `192.0.2.1 port 50000`, `192.0.2.1:50000 - socket: 12`
fn put_peer<'a>(text: &'a str, fields: &mut Fields<'a>) {
    let word = text.split(' ').next().unwrap_or_default();
    let (ip, port) = match address(word) {
        Some(ip) => (ip, text.split(' ').nth(2).unwrap_or_default()),
        None => match word.rsplit_once(':') {
            Some((ip, port)) => (address(ip).unwrap_or_default(), port),
            None => ("", ""),
        },
    };
    fields.text("source.ip", ip);
    fields.source_port(port);
}

/// `IMAP Error: Login failed for jane from 192.0.2.1. AUTHENTICATE PLAIN: … in …/rcube_imap.php on line 205 (POST …)`,
/// `<session> IMAP Error: …`, `Failed login for jane from 192.0.2.1 in session …`.
fn read_roundcube<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let named = line.program() == "roundcube";
    if line.header.tag.is_some() && !named {
        return None;
    }
    let text = line.body.trim();
    let failure = text
        .find("IMAP Error: Login failed for ")
        .map(|at| &text[at + "IMAP Error: Login failed for ".len()..]);
    if !named && failure.is_none() {
        return None;
    }
    let mut event = Event::new("roundcube.log");
    let fields = &mut event.fields;
    let Some(rest) = failure.or_else(|| {
        text.find("Failed login for ")
            .map(|at| &text[at + "Failed login for ".len()..])
    }) else {
        return Some(event);
    };
    fields.event("login", "failure");
    fields.category("authentication");
    // The name may hold ` from ADDRESS` itself, and the mail server's answer behind it may repeat the name: where the
    // addresses differ, none is certain. Behind a proxy: `192.0.2.1(X-Forwarded-For: …)`.
    let found: Vec<(usize, &str)> = rest
        .match_indices(" from ")
        .filter_map(|(at, mark)| {
            let host = rest[at + mark.len()..].split(['(', ' ']).next()?;
            Some((at, address(host.trim_end_matches('.'))?))
        })
        .collect();
    if let Some(&(at, ip)) = found.last()
        && found.iter().all(|(_, other)| *other == ip)
    {
        fields.text("source.ip", ip);
        fields.text("user.name", &rest[..at]);
    }
    Some(event)
}
