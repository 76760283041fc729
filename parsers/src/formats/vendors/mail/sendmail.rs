//! Sendmail: `sendmail[123]: x0ABCdef012345: from=<jane@example.org>, size=…, relay=mx [192.0.2.1]`.
//!
//! Pairs, separated by commas, and a relay that is always `name [address]`, the last pair but `reject=`, which holds a
//! stranger's text, and `stat=`. So the relay is the last ` relay=` before those.

use super::super::super::fields::{Fields, address};
use super::super::super::text::{Event, Grammar, Line};
use super::domain_of;
use crate::value::Value;

/// See the [module](self).
pub(super) const GRAMMAR: Grammar = Grammar {
    name: "sendmail",
    marks: &[],
    programs: &["sendmail", "sm-mta", "sm-msp-queue", "sm-acceptingconnections"],
    read,
};

fn read<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let mut event = Event::new("sendmail.log");
    let fields = &mut event.fields;
    fields.category("email");
    fields.put("network.protocol", Value::Str("smtp"));
    let body = line.body.trim();
    let (id, text) = match body.split_once(": ") {
        Some((id, rest)) if id.len() >= 8 && id.bytes().all(|b| b.is_ascii_alphanumeric()) => (id, rest),
        _ => ("", body),
    };
    fields.text("email.local_id", id);
    let (pairs, reject) = match text.rfind(", reject=") {
        Some(at) => (&text[..at], &text[at + ", reject=".len()..]),
        None => (text, ""),
    };
    let (pairs, stat) = match pairs.rfind(", stat=") {
        Some(at) => (&pairs[..at], &pairs[at + ", stat=".len()..]),
        None => (pairs, ""),
    };
    let relay = pairs
        .rfind("relay=")
        .filter(|at| *at == 0 || pairs[..*at].ends_with(", "));
    let outgoing = text.starts_with("to=");
    if let Some(at) = relay {
        let relay = pairs[at + "relay=".len()..]
            .split(", ")
            .next()
            .unwrap_or_default();
        put_relay(relay, outgoing, fields);
    }
    for pair in pairs[..relay.unwrap_or(pairs.len())].split(", ") {
        match pair.split_once('=') {
            Some(("from", from)) => {
                let from = from.trim_matches(['<', '>']);
                if !from.is_empty() {
                    fields.put("email.from.address", Value::List(vec![Value::Str(from)]));
                    fields.text("sender.domain", domain_of(from));
                }
            }
            Some(("to" | "arg1", to)) => {
                let to = to.trim_matches(['<', '>']);
                fields.put("email.to.address", Value::List(vec![Value::Str(to)]));
                fields.text("recipient.domain", domain_of(to));
            }
            Some(("size", size)) => fields.number("size", size),
            Some(("msgid", id)) => fields.text("email.message_id", id.trim_matches(['<', '>'])),
            Some(("proto", protocol)) => fields.text("protocol", protocol),
            Some(("ruleset", ruleset)) => fields.text("ruleset", ruleset),
            Some(("mailer", mailer)) => fields.text("mailer", mailer),
            Some(("dsn", dsn)) => fields.text("dsn", dsn),
            Some(("delay", delay)) => fields.text("delay", delay),
            _ => {}
        }
    }
    if !reject.is_empty() {
        fields.event("reject", "failure");
        fields.text("event.reason", reject);
    } else if outgoing {
        let (action, outcome) = match stat {
            sent if sent.starts_with("Sent") => ("sent", "success"),
            queued if queued.starts_with("queued") => ("queued", ""),
            deferred if deferred.starts_with("Deferred") => ("deferred", "failure"),
            _ => ("delivery", "failure"),
        };
        fields.event(action, outcome);
        fields.text("event.reason", stat);
    } else if text.starts_with("from=") {
        fields.event("received", "");
    } else if relay.is_none() {
        connection(text, fields);
    }
    Some(event)
}

/// `mx.example.org [192.0.2.1] (may be forged)`, `[192.0.2.1]`, `jane@localhost`, `[127.0.0.1] [127.0.0.1]`.
fn put_relay<'a>(relay: &'a str, outgoing: bool, fields: &mut Fields<'a>) {
    let relay = relay.strip_suffix(" (may be forged)").unwrap_or(relay);
    let (name, ip) = match relay.rfind('[') {
        Some(at) => (relay[..at].trim(), relay[at + 1..].trim_end_matches(']')),
        None => (relay, ""),
    };
    let name = name.trim_matches(['[', ']']).trim_end_matches('.');
    let name = name.rsplit_once('@').map_or(name, |(_, host)| host);
    let ip = address(ip.strip_prefix("IPv6:").unwrap_or(ip)).unwrap_or_default();
    match outgoing {
        true => {
            fields.text("destination.ip", ip);
            fields.text("destination.domain", name);
        }
        false => {
            fields.text("source.ip", ip);
            fields.text("source.domain", name);
        }
    }
}

/// `mx [192.0.2.1] did not issue MAIL/EXPN/VRFY/ETRN during connection to MTA`, `lost input channel from mx [192.0.2.1] to
/// MTA after rcpt`, `AUTH failure (LOGIN): …, relay=…` and other lines with one host that Sendmail names itself.
fn connection<'a>(text: &'a str, fields: &mut Fields<'a>) {
    let (client, reason) = if let Some((client, rest)) = text.split_once(" did not issue ") {
        (client, rest)
    } else if let Some((client, rest)) = text
        .strip_prefix("lost input channel from ")
        .or_else(|| text.strip_prefix("timeout waiting for input from "))
        .and_then(|rest| rest.split_once(" to "))
    {
        (client, rest)
    } else if let Some((client, rest)) = text
        .strip_prefix("rejecting commands from ")
        .and_then(|rest| rest.split_once(" due to "))
    {
        (client, rest)
    } else {
        return;
    };
    fields.event("connection", "failure");
    put_relay(client, false, fields);
    fields.text("event.reason", reason);
}
