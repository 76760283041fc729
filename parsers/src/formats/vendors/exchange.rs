//! Microsoft Exchange's logs of mail transport: rows without names, whose columns are always these.
//!
//! ```text
//! 2026-03-01T10:00:00.123Z,MX1\Default Frontend MX1,08DA4F7C11473A60,9,192.0.2.1:25,198.51.100.9:53722,>,535 5.7.3 …,
//! 2026-03-01T10:00:00.123Z,192.0.2.7,client,198.51.100.9,MX1,08DA…;ctx,MX1\Default,SMTP,RECEIVE,7,<id@example.org>,…
//! ```
//!
//! The first is a session of SMTP: connector, session, number of the line, both ends, the direction (`>` to the peer, `<`
//! from it, `+` and `-` for the connection), the line. What a peer says stands in the last columns, behind all that the
//! server knows. The second is the tracking of messages, where subjects and addresses are quoted if they hold commas.

use super::super::fields::{address, host_port};
use super::super::text::cells::cells;
use super::super::text::{Event, Grammar, Line};
use crate::time;

pub(super) const GRAMMARS: &[Grammar] = &[
    Grammar {
        name: "Exchange, SMTP",
        marks: &[",>,", ",<,", ",+,", ",-,", ",*,"],
        programs: &[],
        read: session,
    },
    Grammar {
        name: "Exchange, message tracking",
        marks: &[
            ",SMTP,",
            ",STOREDRIVER,",
            ",ROUTING,",
            ",DSN,",
            ",AGENT,",
            ",MAILBOXRULE,",
            ",DNS,",
            ",REDUNDANCY,",
            ",RESOLVER,",
        ],
        programs: &[],
        read: tracking,
    },
];

/// The columns of message tracking behind the time, as the file's header calls them; an empty name is not kept.
const TRACKED: [&str; 29] = [
    "client-ip",
    "client-hostname",
    "server-ip",
    "server-hostname",
    "",
    "connector-id",
    "source",
    "event-id",
    "internal-message-id",
    "message-id",
    "network-message-id",
    "recipient-address",
    "recipient-status",
    "total-bytes",
    "recipient-count",
    "related-recipient-address",
    "reference",
    "message-subject",
    "sender-address",
    "return-path",
    "message-info",
    "directionality",
    "tenant-id",
    "original-client-ip",
    "original-server-ip",
    "custom-data",
    "transport-traffic-type",
    "log-id",
    "schema-version",
];

/// The time that a row starts with, and the rest of it.
fn row<'a>(line: &Line<'a>) -> Option<(i64, &'a str)> {
    let text = line.raw;
    if text.as_bytes().get(10) != Some(&b'T') {
        return None;
    }
    let (at, rest) = time::iso(text, line.context.timezone)?;
    Some((at, rest.strip_prefix(',')?))
}

fn session<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let (at, rest) = row(line)?;
    let mut columns = rest.splitn(7, ',');
    let (connector, session, number) = (columns.next()?, columns.next()?, columns.next()?);
    let (local, remote) = (columns.next()?, columns.next()?);
    let (direction, said) = (columns.next()?, columns.next()?);
    let is_session = session.len() == 16
        && session.bytes().all(|b| b.is_ascii_hexdigit())
        && !number.is_empty()
        && number.bytes().all(|b| b.is_ascii_digit())
        && matches!(direction, ">" | "<" | "+" | "-" | "*");
    if !is_session {
        return None;
    }
    let mut event = Event::headless("microsoft.exchange_smtp");
    event.time = Some(at);
    let fields = &mut event.fields;
    fields.text("connector-id", connector);
    fields.text("session-id", session);
    fields.text("sequence-number", number);
    fields.text("event", direction);
    // A receive connector is asked, a send connector asks; only the former has a port below the ephemeral ones.
    let (near, near_port) = host_port(local);
    let (far, far_port) = host_port(remote);
    let asked =
        near_port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port < 1024 || port == 2525));
    let (from, from_port, to, to_port) = match asked {
        true => (far, far_port, near, near_port),
        false => (near, near_port, far, far_port),
    };
    fields.source(from);
    fields.source_port(from_port.unwrap_or_default());
    fields.destination(to);
    fields.port("destination.port", to_port.unwrap_or_default());
    let said = said.strip_suffix(',').unwrap_or(said);
    fields.text("data", said);
    if direction == ">" && asked {
        // The server's answer: its code.
        let code = said.split([' ', '-']).next().unwrap_or_default();
        if code.len() == 3 && code.bytes().all(|b| b.is_ascii_digit()) {
            fields.text("event.code", code);
        }
    }
    Some(event)
}

fn tracking<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let (at, rest) = row(line)?;
    let mut event = Event::headless("microsoft.exchange_tracking");
    event.time = Some(at);
    let fields = &mut event.fields;
    let mut count = 0;
    for (name, cell) in TRACKED.iter().zip(cells(rest.trim_end(), b',')) {
        count += 1;
        if name.is_empty() || cell.text.is_empty() {
            continue;
        }
        let text = match cell.doubled {
            true => line.keep(cell.undoubled()),
            false => cell.text,
        };
        match *name {
            "client-ip" | "server-ip" | "original-client-ip" | "original-server-ip" => {
                fields.text(name, address(text)?);
            }
            "source" | "event-id" if !text.bytes().all(|b| b.is_ascii_alphanumeric()) => return None,
            "message-id" => fields.text(name, text.trim_matches(['<', '>'])),
            name => fields.text(name, text),
        }
    }
    (count >= 20 && fields.get("event-id").is_some()).then_some(event)
}

#[cfg(test)]
mod tests {
    use crate::formats::vendors::whole::{check, read, survives_truncation};

    #[test]
    fn sessions() {
        check(
            "2026-03-01T10:00:00.123Z,MX1\\Default Frontend MX1,08DA4F7C11473A60,9,192.0.2.1:25,198.51.100.9:53722,>,535 5.7.3 Authentication unsuccessful,",
            "microsoft.exchange_smtp",
            &[
                ("@timestamp", "2026-03-01T10:00:00.123Z"),
                ("source.ip", "198.51.100.9"),
                ("source.port", "53722"),
                ("destination.ip", "192.0.2.1"),
                ("destination.port", "25"),
                ("event.code", "535"),
                ("message", "535 5.7.3 Authentication unsuccessful"),
            ],
        );
        check(
            "2026-03-01T10:00:00.123Z,Outbound,08DA4F7C11473A61,2,192.0.2.1:40000,198.51.100.25:25,<,\"220 mx.example.org, 203.0.113.9:1\",",
            "microsoft.exchange_smtp",
            &[("source.ip", "192.0.2.1"), ("destination.ip", "198.51.100.25")],
        );
        assert!(read("2026-03-01T10:00:00.123Z,a,b,c,192.0.2.1:25,198.51.100.9:1,>,x").is_empty());
    }

    #[test]
    fn messages() {
        let line = "2026-03-01T10:00:00.123Z,192.0.2.7,client,198.51.100.9,MX1,08DA;ctx,MX1\\Default,SMTP,RECEIVE,7,<id@example.org>,n-1,ann@example.org,,2048,1,,,\"Hi, 203.0.113.1\",bob@example.net,bob@example.net,0I: ,Incoming,,192.0.2.8,198.51.100.9,S:x=y,Email,log-1,15.02";
        check(
            line,
            "microsoft.exchange_tracking",
            &[
                ("source.ip", "192.0.2.7"),
                ("host.name", "MX1"),
                ("event.action", "RECEIVE"),
                ("email.message_id", "id@example.org"),
                ("email.subject", "Hi, 203.0.113.1"),
                ("email.from.address", "bob@example.net"),
                ("email.to.address", "ann@example.org"),
            ],
        );
        survives_truncation(line);
    }
}
