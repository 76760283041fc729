//! Exim: `2026-03-01 10:00:00 [123] 1abcde-0000fg-Hi <= jane@example.org H=mx (helo) [192.0.2.1]:25 …`.
//!
//! A host is `name (helo) [address]:port`, either of the first two may be missing. The name in parentheses is the
//! client's, and so are the sender and everything in quotes; the address is the last one in brackets before the next
//! thing that Exim writes itself (`I=[…]`, ` F=<`, ` rejected `, `: 535 `).

use super::super::super::fields::{Fields, address};
use super::super::super::text::{Event, Grammar, Line};
use super::{domain_of, mailbox, peer};
use crate::time;
use crate::value::Value;

/// See the [module](self).
pub(super) const GRAMMAR: Grammar = Grammar {
    name: "exim",
    marks: &[
        " H=",
        " <= ",
        " => ",
        " -> ",
        " ** ",
        " == ",
        "authenticator failed",
        "SMTP c",
        "SMTP p",
        "Completed",
        "no IP address found for host ",
        " rejected ",
        " host lookup ",
        "exim",
    ],
    programs: &["exim", "exim4"],
    read,
};

fn read<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let named = matches!(line.program(), "exim" | "exim4");
    if line.header.tag.is_some() && !named {
        return None;
    }
    let mut event = Event::new("exim.main");
    let mut text = if named { line.body } else { line.raw };
    if let Some((time, rest)) = time::iso(text, line.context.timezone) {
        event.time = Some(time);
        text = rest.trim_start();
    } else if !named {
        return None;
    }
    // Some forwarders put the level and the program behind the time.
    if let Some((head, rest)) = text.split_once("exim[")
        && head.len() <= 8
        && let Some((pid, rest)) = rest.split_once("]: ")
    {
        event.fields.number("process.pid", pid);
        text = rest;
    }
    if let Some((pid, rest)) = text.strip_prefix('[').and_then(|rest| rest.split_once("] "))
        && pid.bytes().all(|b| b.is_ascii_digit())
    {
        event.fields.number("process.pid", pid);
        text = rest;
    }
    let fields = &mut event.fields;
    let mut has_id = false;
    if let Some((id, rest)) = text.split_once(' ')
        && is_message_id(id)
    {
        fields.text("email.local_id", id);
        text = rest;
        has_id = true;
    }
    let known = (has_id && about_mail(text, fields)) || about_session(text, fields);
    if !known && !named && !has_id {
        return None;
    }
    fields.category("email");
    fields.put("network.protocol", Value::Str("smtp"));
    fields.put("process.name", Value::Str("exim"));
    if !named {
        fields.put("message", Value::Str(text));
    }
    Some(event)
}

/// `1ahr79-0006jK-G9`, since 4.97 `1rnRxp-00000002Cpg-2kEU`.
fn is_message_id(word: &str) -> bool {
    let mut parts = word.split('-');
    let mut next = |lengths: &[usize]| {
        parts.next().is_some_and(|part| {
            lengths.contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric())
        })
    };
    next(&[6]) && next(&[6, 11]) && next(&[2, 4]) && parts.next().is_none()
}

/// What became of a mail.
fn about_mail<'a>(text: &'a str, fields: &mut Fields<'a>) -> bool {
    let (flag, rest) = text.split_once(' ').unwrap_or((text, ""));
    let (action, outcome) = match flag {
        "<=" => ("received", "success"),
        "=>" | "->" | ">>" | "*>" => ("delivered", "success"),
        "**" => ("bounced", "failure"),
        "==" => ("deferred", "failure"),
        "Completed" => ("completed", ""),
        _ => return false,
    };
    fields.event(action, outcome);
    let rest = rest.trim_start();
    let (who, rest) = match rest.split_once(' ') {
        Some((who, rest)) => (who, rest),
        None => (rest, ""),
    };
    let incoming = flag == "<=";
    if incoming {
        put_mailbox(
            "email.from.address",
            "sender.domain",
            who.trim_matches(['<', '>']),
            fields,
        );
    } else {
        let bare = rest
            .strip_prefix('<')
            .and_then(|_| mailbox(rest))
            .map(|(inner, _)| inner);
        put_mailbox(
            "email.to.address",
            "recipient.domain",
            bare.unwrap_or(who),
            fields,
        );
    }
    if let Some(at) = rest
        .find("H=")
        .filter(|at| *at == 0 || rest[..*at].ends_with(' '))
    {
        let segment = &rest[at + 2..];
        let end = next_mark(segment);
        host(
            &segment[..end],
            if incoming { Side::Source } else { Side::Destination },
            fields,
        );
    }
    // A subject or a reply in quotes ends what Exim writes without quotes.
    let plain = rest.split_once('"').map_or(rest, |(plain, _)| plain);
    for word in plain.split(' ') {
        match word.split_once('=') {
            Some(("P", protocol)) => fields.text("protocol", protocol),
            Some(("S", size)) => fields.number("size", size),
            Some(("id", id)) => fields.text("email.message_id", id),
            Some(("R", router)) => fields.text("router", router),
            Some(("T", transport)) => fields.text("transport", transport.trim_end_matches(':')),
            Some(("X", cipher)) => fields.text("tls.cipher", cipher),
            Some(("U", user)) if incoming => fields.text("user.name", user),
            Some(("A", login)) if incoming => {
                let (method, name) = login.split_once(':').unwrap_or((login, ""));
                fields.text("authenticator", method);
                fields.text("user.name", name);
            }
            _ => {}
        }
    }
    true
}

/// What a client did.
fn about_session<'a>(text: &'a str, fields: &mut Fields<'a>) -> bool {
    if let Some((name, rest)) = text.split_once(" authenticator failed for ") {
        if name.contains(' ') {
            return false;
        }
        // `535 Incorrect authentication data (set_id=name)`: the name is the client's and stands last.
        let (client, reply) = match rest.find("]: 535 ").or_else(|| rest.find(": 535 ")) {
            Some(at) => (&rest[..=at], rest[at..].trim_start_matches([']', ':', ' '])),
            None => (rest, ""),
        };
        let end = client.find(" I=[").unwrap_or(client.len());
        if !host(client[..end].trim_end_matches(':'), Side::Source, fields) {
            return false;
        }
        fields.event("smtp_login", "failure");
        fields.category("authentication");
        fields.text("authenticator", name);
        let (reason, user) = reply.split_once(" (set_id=").unwrap_or((reply, ""));
        fields.text("event.reason", reason);
        fields.text("user.name", user.strip_suffix(')').unwrap_or(user));
        return true;
    }
    if let Some(rest) = text.strip_prefix("SMTP protocol error in \"") {
        // The command in quotes is the client's; Exim's own `H=` is the last.
        let Some(at) = rest.rfind("\" H=") else {
            return false;
        };
        fields.event("smtp_protocol_error", "failure");
        fields.text("command", &rest[..at]);
        let client = &rest[at + 4..];
        let end = client.find(" I=[").unwrap_or(client.len());
        host(&client[..end], Side::Source, fields);
        return true;
    }
    if let Some(rest) = text.strip_prefix("SMTP protocol synchronization error ") {
        fields.event("smtp_protocol_error", "failure");
        if let Some((reason, client)) = rest.split_once(" H=") {
            fields.text(
                "event.reason",
                reason.trim_end_matches(": rejected connection from"),
            );
            let end = client.find(" input=").unwrap_or(client.len());
            let end = next_mark(client).min(end);
            host(&client[..end], Side::Source, fields);
        }
        return true;
    }
    const CALLS: [(&str, &str); 8] = [
        ("no MAIL in SMTP connection from ", "no_mail"),
        ("SMTP connection from ", "smtp_connection"),
        ("SMTP call from ", "smtp_dropped"),
        ("SMTP command timeout on connection from ", "timeout"),
        ("SMTP command timeout on TLS connection from ", "timeout"),
        (
            "SMTP data timeout (message abandoned) on connection from ",
            "timeout",
        ),
        (
            "unexpected disconnection while reading SMTP command from ",
            "disconnected",
        ),
        ("TLS error on connection from ", "tls_failed"),
    ];
    if let Some((start, action)) = CALLS.iter().find(|(start, _)| text.starts_with(start)) {
        let rest = text[start.len()..].trim_start_matches("H=");
        let end = next_mark(rest);
        let end = [" closed by ", " dropped", " lost", " (TCP/IP", " D="]
            .iter()
            .filter_map(|mark| rest.find(mark))
            .fold(end, usize::min);
        if !host(&rest[..end], Side::Source, fields) {
            return false;
        }
        fields.event(
            action,
            if *action == "smtp_connection" {
                ""
            } else {
                "failure"
            },
        );
        let reason = rest[end..].trim_start();
        fields.text(
            "event.reason",
            reason.split_once("] ").map_or(reason, |(_, tail)| tail),
        );
        return true;
    }
    if let Some(rest) = text.strip_prefix("no IP address found for host ")
        && let Some((name, rest)) = rest.split_once(" (during SMTP connection from ")
    {
        fields.event("host_lookup", "failure");
        fields.text("source.domain", name);
        let end = next_mark(rest);
        host(rest[..end].trim_end_matches(')'), Side::Source, fields);
        return true;
    }
    if let Some(rest) = text.strip_prefix("H=") {
        let end = next_mark(rest);
        if !host(&rest[..end], Side::Source, fields) {
            return false;
        }
        verdict(&rest[end..], fields);
        return true;
    }
    false
}

/// ` F=<sender> rejected RCPT <recipient>: reason`, ` sender verify fail for <sender>: reason`.
fn verdict<'a>(text: &'a str, fields: &mut Fields<'a>) {
    let mut rest = text;
    if let Some((_, after)) = rest.split_once(" F=")
        && let Some((sender, after)) = mailbox(after)
    {
        put_mailbox("email.from.address", "sender.domain", sender, fields);
        rest = after;
    }
    if let Some((_, after)) = rest.split_once("rejected ") {
        let (stage, after) = after.split_once(' ').unwrap_or((after, ""));
        fields.event("rejected", "failure");
        fields.text("stage", stage.trim_end_matches(':'));
        let (recipient, reason) = match stage {
            "RCPT" | "MAIL" | "VRFY" | "EXPN" => match mailbox(after) {
                Some((recipient, reason)) => (recipient.trim_end_matches(':'), reason),
                None => ("", after),
            },
            _ => ("", after),
        };
        if stage == "RCPT" {
            put_mailbox("email.to.address", "recipient.domain", recipient, fields);
            // The mailbox that was asked for.
            fields.text("recipient.name", recipient);
        }
        fields.text("event.reason", reason.trim_start_matches([':', ' ']));
    } else if let Some((_, after)) = rest.split_once("sender verify fail for ") {
        fields.event("sender_verify_failed", "failure");
        if let Some((sender, reason)) = mailbox(after) {
            put_mailbox("email.from.address", "sender.domain", sender, fields);
            fields.text("event.reason", reason.trim_start_matches([':', ' ']));
        }
    } else {
        fields.event("warning", "");
        fields.text("event.reason", rest.trim());
    }
}

enum Side {
    Source,
    Destination,
}

/// Where a host ends: before the next thing that Exim writes in its own words.
fn next_mark(text: &str) -> usize {
    const MARKS: [&str; 12] = [
        " I=[",
        " F=<",
        " F=",
        " P=",
        " X=",
        " CV=",
        " A=",
        " S=",
        " rejected ",
        " sender verify ",
        " temporarily ",
        " C=\"",
    ];
    MARKS
        .iter()
        .filter_map(|mark| text.find(mark))
        .min()
        .unwrap_or(text.len())
}

/// `name (helo) [192.0.2.1]:25`; whether there is an address.
fn host<'a>(text: &'a str, side: Side, fields: &mut Fields<'a>) -> bool {
    // The last brackets: the name in HELO may hold some.
    let Some(open) = text.rfind('[') else {
        return false;
    };
    let Some((found, _)) = peer(&text[open..]) else {
        return false;
    };
    let names = text[..open].trim();
    // A name in HELO that goes on as Exim's own text would: the host is not known.
    if names.contains('(') && !names.ends_with(')') {
        return false;
    }
    let (name, helo) = match names.split_once('(') {
        Some((name, helo)) => (name.trim(), helo.trim_end_matches(')')),
        None => (names, ""),
    };
    match side {
        Side::Source => {
            fields.text("source.ip", found.ip);
            fields.source_port(found.port);
            fields.text("source.domain", name);
            fields.text("helo.domain", helo.trim_matches(['[', ']']));
        }
        Side::Destination => {
            fields.text("destination.ip", found.ip);
            fields.port("destination.port", found.port);
            fields.text("destination.domain", name);
        }
    }
    !found.ip.is_empty() && address(found.ip).is_some()
}

fn put_mailbox<'a>(name: &'static str, domain: &'static str, mailbox: &'a str, fields: &mut Fields<'a>) {
    if !mailbox.is_empty() {
        fields.put(name, Value::List(vec![Value::Str(mailbox)]));
        fields.text(domain, domain_of(mailbox));
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_name_in_helo_that_goes_on_like_a_line_is_no_host() {
        use crate::formats::vendors::whole::read;
        for helo in [
            "x [203.0.113.1]:25 I=x",
            "x H=y [203.0.113.1]:25 P=esmtp",
            "[203.0.113.1]",
        ] {
            let line = format!(
                "2026-11-22 10:00:00 [123] 1ahr79-0006jK-G9 <= mara@example.org H=({helo}) [192.0.2.25]:3755 I=[192.0.2.1]:25 P=esmtps S=1234"
            );
            let event = read(&line);
            let ip = event
                .get("source.ip")
                .map(ToString::to_string)
                .unwrap_or_default();
            assert!(!ip.contains("203.0.113.1"), "{line}: {event:#?}");
        }
    }
}
