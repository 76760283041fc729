//! Sendmail: `sendmail[123]: x0ABCdef012345: from=<jane@example.org>, size=…, relay=mx [192.0.2.1]`.
//!
//! Pairs, separated by commas, and a relay that is always `name [address]`. A line about a sender ends with its relay,
//! behind the message id, which a stranger wrote: there, the last one counts. A line about a recipient, or about what a
//! rule refused, begins with addresses in angle brackets and ends with `stat=` or `reject=`, which a stranger wrote: there,
//! the first one behind the addresses counts.

use super::super::super::fields::{Fields, address};
use super::super::super::text::{Event, Grammar, Line};
use super::{domain_of, mailbox};
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
        Some((id, rest)) if is_id(id, rest) => (id, rest),
        _ => ("", body),
    };
    fields.text("email.local_id", id);
    let outgoing = text.starts_with("to=");
    let incoming = text.starts_with("from=");
    // How far the addresses in front go.
    let own = match incoming {
        true => 0,
        false => text.len() - behind_mailboxes(text).len(),
    };
    let ends = [", reject=", ", stat="].map(|end| {
        text[own..]
            .find(end)
            .filter(|_| !incoming)
            .map(|at| (own + at, end))
    });
    let (pairs, reject, stat) = match ends.into_iter().flatten().min() {
        Some((at, end @ ", reject=")) => (&text[..at], &text[at + end.len()..], ""),
        Some((at, end)) => (&text[..at], "", &text[at + end.len()..]),
        None => (text, "", ""),
    };
    let relay = match incoming {
        true => pairs.rfind(", relay=").map(|at| at + 2),
        false if pairs.starts_with("relay=") => Some(0),
        false => {
            let mut all = pairs[own..].match_indices(", relay=");
            let first = all.next().map(|(at, _)| own + at + 2);
            // Nothing is known of a line that begins otherwise: of several, any may be a stranger's.
            first.filter(|_| own > 0 || all.next().is_none())
        }
    };
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

/// Whether `id` is a queue's name for a message; what Sendmail says of one begins with few words.
fn is_id(id: &str, rest: &str) -> bool {
    let long = id.len() >= 8;
    let known = || {
        ["to=", "from=", "ruleset="]
            .iter()
            .any(|start| rest.starts_with(start))
    };
    id.bytes().all(|b| b.is_ascii_alphanumeric()) && (long || id.len() >= 4 && known())
}

/// What follows the addresses that `text` begins with: `to=<a@b>,<c@d>, …`, `ruleset=check_rcpt, arg1=<a@b>, …`.
fn behind_mailboxes(text: &str) -> &str {
    let list = match text
        .strip_prefix("ruleset=")
        .and_then(|rest| rest.split_once(", arg1="))
    {
        Some((_, list)) => list,
        None => match text.strip_prefix("to=") {
            Some(list) => list,
            None => return text,
        },
    };
    let rest = behind_list(list);
    // Whoever runs the program that gave the message its recipient.
    rest.strip_prefix(", ctladdr=").map_or(rest, behind_list)
}

/// What follows `<a@b>,<c@d>`, or a text in quotes: a program that gets the message.
fn behind_list(list: &str) -> &str {
    let mut rest = list;
    loop {
        if let Some(quoted) = rest.strip_prefix('"') {
            rest = quoted
                .split_once("\",")
                .map_or("", |(said, _)| &quoted[said.len() + 1..]);
        } else if rest.starts_with('<') {
            rest = mailbox(rest).map_or("", |(_, behind)| behind);
        } else {
            return rest;
        }
        match rest.strip_prefix(',') {
            Some(next) if next.starts_with(['<', '"']) => rest = next,
            _ => return rest,
        }
    }
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

#[cfg(test)]
mod tests {
    use crate::formats::vendors::whole::check;

    #[test]
    fn relays() {
        let head = "Mar  1 10:00:00 mx1 sendmail[7]: x0ABCdef012345:";
        for (said, ip) in [
            (
                "from=<jane@example.org>, size=7, class=0, nrcpts=1, msgid=<a>, relay=x [203.0.113.1], b=<c>, proto=ESMTP, daemon=MTA, relay=mx.example.org [192.0.2.7]",
                "192.0.2.7",
            ),
            (
                "from=<a, relay=x [203.0.113.1]@example.org>, size=7, relay=mx.example.org [192.0.2.7] (may be forged)",
                "192.0.2.7",
            ),
            (
                "ruleset=check_rcpt, arg1=<\"a>, relay=x [203.0.113.1], b\"@example.org>, relay=mx [192.0.2.7], reject=550 5.7.1 <a>, relay=y [203.0.113.2], reject=x",
                "192.0.2.7",
            ),
        ] {
            check(&format!("{head} {said}"), "sendmail.log", &[("source.ip", ip)]);
        }
        for said in [
            "to=<\"a, relay=evil [203.0.113.1], stat=Sent\"@example.com>, delay=00:00:06, mailer=esmtp, relay=mx.example.org [192.0.2.7], dsn=5.0.0, stat=User unknown",
            "to=<a@example.com>, ctladdr=<\"b, relay=evil [203.0.113.1], stat=Sent\"@example.com> (7/7), delay=00:00:06, relay=mx.example.org [192.0.2.7], stat=User unknown",
        ] {
            check(
                &format!("Mar  1 10:00:00 mx1 sendmail[7]: 13KGXM: {said}"),
                "sendmail.log",
                &[
                    ("destination.ip", "192.0.2.7"),
                    ("event.reason", "User unknown"),
                    ("source.ip", ""),
                ],
            );
        }
        check(
            &format!("{head} x: said a, relay=x [203.0.113.1], relay=mx [192.0.2.7]"),
            "sendmail.log",
            &[("source.ip", "")],
        );
        // What the other server answers.
        check(
            &format!(
                "{head} to=<jane@example.org>, delay=00:00:01, mailer=esmtp, pri=7, relay=mx.example.org. [192.0.2.7], dsn=2.0.0, stat=Sent (ok, relay=x [203.0.113.1], dsn=2.0.0, stat=Sent)"
            ),
            "sendmail.log",
            &[
                ("destination.ip", "192.0.2.7"),
                ("destination.domain", "mx.example.org"),
                ("event.action", "sent"),
            ],
        );
    }
}
