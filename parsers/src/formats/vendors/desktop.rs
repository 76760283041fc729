//! Remote desktops and webmail: xrdp, Roundcube.
//!
//! xrdp's session manager writes `AUTHFAIL: user=… ip=… time=…`. The user name is the client's and stands first, so the
//! address is what the last ` ip=` says, and only if nothing but the time follows. Roundcube writes who tried to log in,
//! then the address it came from, and then what the mail server answered, which may repeat the name: the address is what a
//! ` from ` names that the answer's own form follows ([`written_address`]).

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
    if let Some((user, ip)) = written_address(rest) {
        fields.text("source.ip", ip);
        // `mara against mail.example.org`
        let user = match user.rsplit_once(" against ") {
            Some((name, server)) if !server.contains(' ') => name,
            _ => user,
        };
        fields.text("user.name", user);
    }
    Some(event)
}

/// The name and the address that Roundcube wrote in `NAME from ADDRESS(proxies). ANSWER in FILE on line N (…)`, of which
/// only `NAME from ADDRESS` is sure to be there.
///
/// A name may hold ` from ADDRESS` too, and a mail server's answer may repeat the name. What the server answered starts
/// with the command that it answers, and failures to reach it repeat nothing. So of the addresses that the line's form
/// goes on behind, the last one holds if it alone has such an answer behind it, or if all of them are the same. Otherwise
/// the line can be read in two ways, and nobody knows which is right.
fn written_address(text: &str) -> Option<(&str, &str)> {
    let mut last = None;
    let (mut same, mut answers, mut answered_last) = (true, 0, false);
    for at in memchr::memmem::find_iter(text.as_bytes(), b" from ") {
        let behind = &text[at + " from ".len()..];
        // Behind a proxy: `192.0.2.1(X-Forwarded-For: …)`.
        let end = behind.find(['(', ' ']).unwrap_or(behind.len());
        let (host, mut rest) = behind.split_at(end);
        let (host, dot) = match host.strip_suffix('.') {
            Some(host) => (host, true),
            None => (host, false),
        };
        let Some(ip) = address(host) else { continue };
        let mut dot = dot;
        if let Some(proxies) = rest.strip_prefix('(') {
            let Some((_, after)) = proxies.split_once(')') else {
                continue;
            };
            rest = after;
            if let Some(after) = rest.strip_prefix('.') {
                (dot, rest) = (true, after);
            }
        }
        let answer = rest.strip_prefix(' ').unwrap_or(rest);
        let in_form = match dot {
            // Nobody's answer starts with the words that go on behind it.
            true => !answer.starts_with("from ") && !answer.starts_with("in /"),
            false => rest.is_empty() || rest.starts_with(" in "),
        };
        if !in_form {
            continue;
        }
        answered_last = dot && (answer.starts_with("AUTHENTICATE ") || answer.starts_with("LOGIN: "));
        answers += usize::from(answered_last);
        same &= last.is_none_or(|(_, other)| other == ip);
        last = Some((at, ip));
    }
    let (at, ip) = last.filter(|_| same || (answered_last && answers == 1))?;
    Some((&text[..at], ip))
}

#[cfg(test)]
mod tests {
    use crate::formats::vendors::whole::check;

    #[test]
    fn roundcube() {
        let head = "Mar  1 10:00:00 web1 roundcube[7]: <k3x9> IMAP Error: Login failed for";
        let answer = "AUTHENTICATE PLAIN: A0002 NO Login failed.";
        let place = "in /srv/rc/rcube_imap.php on line 7 (POST /?_task=login)";
        for (said, ip, user) in [
            (
                format!("mara from 192.0.2.7. {answer} {place}"),
                "192.0.2.7",
                "mara",
            ),
            (
                format!("mara against mx from 192.0.2.7(X-Real-IP: 203.0.113.1). {answer} {place}"),
                "192.0.2.7",
                "mara",
            ),
            ("mara from 192.0.2.7".to_owned(), "192.0.2.7", "mara"),
            (format!("mara from 192.0.2.7 {place}"), "192.0.2.7", "mara"),
            // The name pretends to be from somewhere.
            (
                "x from 203.0.113.1 from 192.0.2.7".to_owned(),
                "192.0.2.7",
                "x from 203.0.113.1",
            ),
            (
                format!("x from 203.0.113.1. from 192.0.2.7. {answer} {place}"),
                "192.0.2.7",
                "x from 203.0.113.1.",
            ),
            (
                format!("x from 203.0.113.1. ok from 192.0.2.7. {answer} {place}"),
                "192.0.2.7",
                "x from 203.0.113.1. ok",
            ),
            // The answer repeats the name.
            (
                format!("x from 203.0.113.1 from 192.0.2.7. {answer} user=x from 203.0.113.1. {place}"),
                "192.0.2.7",
                "x from 203.0.113.1",
            ),
            // The name writes all that Roundcube would write: nobody knows.
            (
                format!("x from 203.0.113.1. {answer} from 192.0.2.7. {answer} {place}"),
                "",
                "",
            ),
            (
                format!("x from 203.0.113.1. {answer} from 192.0.2.7. Could not connect to mx {place}"),
                "",
                "",
            ),
        ] {
            check(
                &format!("{head} {said}"),
                "roundcube.log",
                &[("source.ip", ip), ("user.name", user)],
            );
        }
        check(
            "Mar  1 10:00:00 web1 roundcube[7]: Failed login for x from 203.0.113.1 in session a (error: 0) from 192.0.2.7 in session b (error: 0)",
            "roundcube.log",
            &[("source.ip", ""), ("event.outcome", "failure")],
        );
    }
}
