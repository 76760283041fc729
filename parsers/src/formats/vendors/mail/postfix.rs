//! Postfix: `postfix/smtpd[123]: 3D770111AF50: …`.
//!
//! Messages about a mail start with its queue id (or `NOQUEUE`), those about a connection say what became of it and with
//! whom. Fixed text and the peer stand at the front, so lines are read from there; the sender, the recipient and the name
//! in HELO follow `; from=<`. Postfix has taken spaces, brackets and quotes out of HELO names; addresses may hold them in
//! quotes only. A reply of another server is text and nothing else.
//!
//! Without a syslog header only lines that no other program writes are taken: those with a queue id, and those that name
//! a peer in Postfix's manner.

use super::super::super::fields::Fields;
use super::super::super::text::{Event, Grammar, Line};
use super::{Peer, domain_of, mailbox, peer, postfix_session};
use crate::value::Value;

/// See the [module](self).
pub(super) const GRAMMAR: Grammar = Grammar {
    name: "postfix",
    marks: &[
        "postfix",
        ": to=",
        ": from=<",
        ": client=",
        ": message-id=",
        ": uid=",
        ": removed",
        ": host ",
        ": Used TLS ",
        "connect from ",
        "lost connection ",
        "connect to ",
        "TLS connection established ",
        "SASL ",
        ": header ",
        " from=<",
        "statistics: max ",
        "does not resolve to address",
        "non-SMTP command",
        "pipelining after",
        " after CONNECT",
        "PREGREET ",
        "NOQUEUE: ",
        " notification: ",
        "conversation with ",
        "SSL_accept error from ",
        "SSL_connect error to ",
        "address not listed for hostname",
        "Cannot start TLS",
        "still being delivered",
    ],
    programs: &[],
    read,
};

fn read<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let program = line.program();
    let named = program.starts_with("postfix");
    if !named && line.header.tag.is_some() {
        return None;
    }
    let mut event = Event::new("postfix.log");
    let body = line.body.trim();
    let known = message(body, named, &mut event.fields);
    if !named && !known {
        return None;
    }
    event.fields.put("network.protocol", Value::Str("smtp"));
    event.fields.category("email");
    if named && line.header.process_id.is_none() && line.header.tag.is_none() {
        event.fields.text("process.name", program);
    }
    Some(event)
}

/// Reads a message; whether it is one that only Postfix writes. `named`: the header says that Postfix wrote it.
fn message<'a>(body: &'a str, named: bool, fields: &mut Fields<'a>) -> bool {
    match queue_id(body, named) {
        Some((id, rest)) => {
            let mut about = Fields::new();
            if !about_mail(rest, &mut about) && !named {
                return false;
            }
            if id != "NOQUEUE" {
                fields.text("queue_id.local", id);
                fields.text("email.local_id", id);
            }
            for (name, value) in about {
                fields.put_named(name, value);
            }
            true
        }
        None => {
            body.strip_prefix("proxy-accept: ")
                .is_some_and(|rest| verdict("proxy-accept", rest, fields))
                || postfix_session::dissect(body, fields)
        }
    }
}

/// The queue id at the start of a message: hexadecimal digits in capitals, or letters without vowels and digits where
/// long ids are on.
fn queue_id(body: &str, named: bool) -> Option<(&str, &str)> {
    let (id, rest) = body.split_once(": ")?;
    let is_short =
        (5..=14).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'A'..=b'F'));
    let is_long = (12..=24).contains(&id.len())
        && id.bytes().all(|b| b.is_ascii_alphanumeric())
        && id.bytes().any(|b| b.is_ascii_digit());
    let is_id = id == "NOQUEUE" || is_short || is_long;
    (is_id && (named || id.bytes().any(|b| b.is_ascii_digit()) || id == "NOQUEUE")).then_some((id, rest))
}

/// What follows a queue id.
fn about_mail<'a>(text: &'a str, fields: &mut Fields<'a>) -> bool {
    if text == "removed" {
        fields.event("removed", "");
    } else if let Some(rest) = text.strip_prefix("to=") {
        return delivery(rest, fields);
    } else if let Some(rest) = text.strip_prefix("from=") {
        let Some((sender, rest)) = mailbox(rest) else {
            return false;
        };
        put_sender(sender, fields);
        for part in rest.split(", ") {
            if let Some(size) = part.strip_prefix("size=") {
                fields.number("size", size);
            } else if let Some(count) = part.strip_prefix("nrcpt=") {
                let digits = count.split(' ').next().unwrap_or_default();
                fields.number("recipients", digits);
            } else if let Some(status) = part.strip_prefix("status=") {
                fields.text("event.action", status);
            }
        }
        if rest.ends_with("(queue active)") {
            fields.event("queued", "");
        }
    } else if let Some(rest) = text.strip_prefix("client=") {
        let Some((client, rest)) = peer(rest) else {
            return false;
        };
        fields.event("client", "");
        put_client(client, fields);
        for part in rest.split(", ") {
            if let Some(name) = part.strip_prefix("sasl_username=") {
                fields.text("user.name", name);
            } else if let Some(method) = part.strip_prefix("sasl_method=") {
                fields.text("sasl.method", method);
            }
        }
    } else if let Some(rest) = text
        .strip_prefix("message-id=")
        .or_else(|| text.strip_prefix("resent-message-id="))
    {
        let id = rest
            .strip_prefix('<')
            .and_then(|id| id.strip_suffix('>'))
            .unwrap_or(rest);
        fields.event("message_id", "");
        fields.text("email.message_id", id);
    } else if let Some(rest) = text.strip_prefix("uid=") {
        let (id, rest) = rest.split_once(' ').unwrap_or((rest, ""));
        fields.event("picked_up", "");
        fields.text("user.id", id);
        if let Some((sender, _)) = rest.strip_prefix("from=").and_then(mailbox) {
            put_sender(sender, fields);
        }
    } else if let Some(rest) = text.strip_prefix("host ") {
        return postfix_session::remote_host(rest, fields);
    } else if let Some(rest) = text.strip_prefix("Used TLS for ") {
        let Some((server, _)) = peer(rest) else {
            return false;
        };
        fields.event("tls_used", "");
        put_server(server, fields);
    } else if [
        "Cannot start TLS",
        "TLS is required",
        "skipped, still",
        "enabling PIX workarounds",
    ]
    .iter()
    .any(|start| text.starts_with(start))
    {
        fields.event("notice", "");
        fields.text("event.reason", text);
    } else if let Some((notice, id)) = text.split_once(" notification: ") {
        fields.event("notified", "");
        fields.text("notification", notice);
        fields.text("queue_id.notification", id);
    } else if let Some((action, rest)) = text.split_once(": ") {
        let is_action = action.len() <= 24
            && !action.is_empty()
            && action
                .bytes()
                .all(|b| b.is_ascii_alphabetic() || matches!(b, b'-' | b'_'));
        return (is_action && verdict(action, rest, fields)) || postfix_session::dissect(text, fields);
    } else {
        return postfix_session::dissect(text, fields);
    }
    true
}

/// `<jane@example.org>, orig_to=<j@example.org>, relay=mx[192.0.2.1]:25, delay=1, …, dsn=2.0.0, status=sent (250 …)`.
fn delivery<'a>(text: &'a str, fields: &mut Fields<'a>) -> bool {
    let Some((recipient, mut rest)) = mailbox(text) else {
        return false;
    };
    let mut original = "";
    if let Some((mailbox, after)) = rest.strip_prefix(", orig_to=").and_then(mailbox) {
        original = mailbox;
        rest = after;
    }
    let Some((delivered, status)) = rest.split_once(", status=") else {
        return false;
    };
    fields.put("email.to.address", Value::List(vec![Value::Str(recipient)]));
    fields.text("orig_to", original);
    for part in delivered.split(", ") {
        match part.split_once('=') {
            Some(("relay", relay)) => put_relay(relay, fields),
            Some(("delay", delay)) => fields.text("delay", delay),
            Some(("delays", delays)) => fields.text("delays", delays),
            Some(("dsn", code)) => fields.text("dsn", code),
            Some(("conn_use", uses)) => fields.text("conn_use", uses),
            _ => {}
        }
    }
    fields.text("recipient.domain", domain_of(recipient));
    let (status, reply) = status.split_once(' ').unwrap_or((status, ""));
    let outcome = match status {
        "sent" | "deliverable" => "success",
        "deferred" | "bounced" | "expired" | "undeliverable" | "SOFTBOUNCE" => "failure",
        _ => "",
    };
    fields.event(status, outcome);
    let reply = match (reply.strip_prefix('('), reply.rfind(')')) {
        (Some(_), Some(end)) => &reply[1..end.max(1)],
        _ => reply,
    };
    fields.text("event.reason", reply);
    put_remote_id(reply, fields);
    true
}

/// `mx.example.org[192.0.2.1]:25`, `127.0.0.1:2525`, `local`, `none`.
fn put_relay<'a>(relay: &'a str, fields: &mut Fields<'a>) {
    if let Some((server, _)) = peer(relay) {
        return put_server(server, fields);
    }
    match relay.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => {
            fields.destination(host);
            fields.port("destination.port", port);
        }
        _ => fields.text("relay", relay),
    }
}

/// `… queued as 4TwNdH5zwCz7fxV`: the id that the next server gave.
pub(super) fn put_remote_id<'a>(reply: &'a str, fields: &mut Fields<'a>) {
    if let Some((_, id)) = reply.rsplit_once("queued as ") {
        let end = id
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '-')
            .unwrap_or(id.len());
        fields.text("queue_id.remote", &id[..end]);
    }
}

/// `reject: RCPT from peer: 554 5.7.1 …; from=<…> to=<…> proto=ESMTP helo=<…>`, `warning: header Subject: … from peer; …`
/// and the like: what Postfix or a filter made of a mail. `text` is what follows the action.
fn verdict<'a>(action: &'a str, text: &'a str, fields: &mut Fields<'a>) -> bool {
    let tail = ["; from=<", "; to=<", "; proto="]
        .iter()
        .find_map(|mark| text.rfind(mark));
    let (head, envelope) = match tail {
        Some(at) => (&text[..at], &text[at + 2..]),
        None => (text, ""),
    };
    let outcome = match action {
        "reject" | "milter-reject" | "discard" | "milter-discard" | "proxy-reject" => "failure",
        _ => "",
    };
    if let Some((kind, content)) = head
        .split_once(' ')
        .filter(|(kind, _)| matches!(*kind, "header" | "body" | "mime-header" | "nested-header"))
    {
        fields.event(action, outcome);
        inspected(kind, content, fields);
    } else if let Some((stage, rest)) = head.split_once(" from ")
        && stage.len() <= 24
        && let Some((client, reason)) = peer(rest)
    {
        fields.event(action, outcome);
        fields.text("stage", stage);
        put_client(client, fields);
        reply(reason.trim_start_matches(": "), fields);
    } else if action == "proxy-accept"
        && let Some((stage, reason)) = head.split_once(": ")
    {
        fields.event(action, "success");
        fields.text("stage", stage);
        reply(reason, fields);
        put_remote_id(reason, fields);
    } else {
        return false;
    }
    self::envelope(envelope, fields);
    true
}

/// `554 5.7.1 text` as codes and reason.
pub(super) fn reply<'a>(text: &'a str, fields: &mut Fields<'a>) {
    let mut rest = text;
    if let Some((code, after)) = rest.split_once([' ', '-'])
        && code.len() == 3
        && code.bytes().all(|b| b.is_ascii_digit())
    {
        fields.text("reply.code", code);
        rest = after;
    }
    if let Some((code, after)) = rest.split_once(' ')
        && code.matches('.').count() == 2
        && code.bytes().all(|b| b.is_ascii_digit() || b == b'.')
    {
        fields.text("dsn", code);
        rest = after;
    }
    fields.text("reply.reason", rest);
    fields.text("event.reason", text);
}

/// A line of a header or a body that a check matched: `Subject: text from peer`, or `From: text: From: other`.
fn inspected<'a>(kind: &'a str, content: &'a str, fields: &mut Fields<'a>) {
    let (line, client) = content.rsplit_once(" from ").unwrap_or((content, ""));
    let line = match peer(client) {
        Some((client, _)) => {
            put_client(client, fields);
            line
        }
        None if client == "local" => line,
        None => content,
    };
    fields.text("inspected", kind);
    let Some((name, value)) = line.split_once(": ").filter(|_| kind != "body") else {
        return fields.text("body.line", line);
    };
    fields.text("header.field", name);
    if name.eq_ignore_ascii_case("subject") {
        fields.text("email.subject", value);
    } else if name.eq_ignore_ascii_case("from") {
        // `replace` writes the header that stands there now behind the one that stood there.
        let both = value
            .split_once(": From: ")
            .or_else(|| value.split_once(": from: "));
        let list = match both {
            Some((old, new)) => vec![Value::Str(old), Value::Str(new)],
            None => vec![Value::Str(value)],
        };
        fields.put("headers.from", Value::List(list));
    } else if name.eq_ignore_ascii_case("content-disposition") || name.eq_ignore_ascii_case("content-type") {
        for part in value.split(';') {
            let part = part.trim_start_matches(['?', ' ', '\t']);
            match part.split_once('=') {
                Some(("filename" | "name", file)) => {
                    fields.text("email.attachments.file.name", file.trim_matches('"'));
                }
                Some(("size", size)) => fields.number("email.attachments.file.size", size),
                _ => {}
            }
        }
    }
    fields.text("header.content", value);
}

/// `from=<…> to=<…> proto=ESMTP helo=<…>`, with commas in between or not.
fn envelope<'a>(text: &'a str, fields: &mut Fields<'a>) {
    let mut rest = text;
    while let Some((key, after)) = rest.split_once('=') {
        let Some((value, after)) = mailbox(after) else {
            return;
        };
        match key {
            "from" => put_sender(value, fields),
            "to" if !value.is_empty() => {
                fields.put("email.to.address", Value::List(vec![Value::Str(value)]));
                fields.text("recipient.domain", domain_of(value));
            }
            "proto" => fields.text("protocol", value),
            "helo" => fields.text("helo.domain", value.trim_matches(['[', ']'])),
            "sasl_username" => fields.text("user.name", value),
            _ => {}
        }
        rest = after.trim_start_matches([',', ' ']);
    }
}

/// The sender in the envelope; nothing for the empty one of bounces.
fn put_sender<'a>(sender: &'a str, fields: &mut Fields<'a>) {
    if !sender.is_empty() {
        fields.put("email.from.address", Value::List(vec![Value::Str(sender)]));
        fields.text("sender.domain", domain_of(sender));
    }
}

/// Who connected.
pub(super) fn put_client<'a>(client: Peer<'a>, fields: &mut Fields<'a>) {
    fields.text("source.domain", client.name);
    fields.text("source.ip", client.ip);
    fields.source_port(client.port);
}

/// Whom Postfix connected to.
pub(super) fn put_server<'a>(server: Peer<'a>, fields: &mut Fields<'a>) {
    fields.text("destination.domain", server.name);
    fields.text("destination.ip", server.ip);
    fields.port("destination.port", server.port);
}
