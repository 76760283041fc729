//! Clavister cOS Core: pairs in nested brackets.
//!
//! ```text
//! [date time] EFW: CONN: prio=1 id=600001 rev=1 event=conn_open [message=Connection opened connrecvzone="lan" ]
//!   [rules rule=allow ][conn [conn connsrcip=192.0.2.7 … ]]
//! ```
//!
//! Brackets begin sections; a section may start with its name (`rules`, `conn`, `ethernet`, `ippacket`, `tcp`). Values
//! are quoted, or go on until the next pair or bracket: the message, above all. The first pair of a name holds, and the
//! firewall writes id, event and action before anything that a peer chose.

use crate::formats::text::pairs::{Style, pairs};
use crate::formats::text::parts::{is_blank, text_of, value, without_priority};
use crate::formats::text::{Event, Grammar, Line};
use crate::value::Value;

pub(super) const GRAMMARS: &[Grammar] = &[Grammar {
    name: "Clavister cOS Core",
    marks: &[" event="],
    programs: &[],
    read,
}];

fn read<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let start = match line.body.starts_with("id=") {
        true => 0,
        // `EFW: CONN: prio=1 id=…`
        false if line.program() == "EFW" || line.body.contains("EFW: ") => line.body.find(" id=")? + 1,
        false => return None,
    };
    let text = &line.body[start..];
    let (id, rest) = text.strip_prefix("id=")?.split_once(' ')?;
    if id.len() < 6 || !id.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let named = rest.starts_with("event=") || rest.starts_with("rev=");
    if !named {
        return None;
    }
    let mut event = Event::new("clavister.ngfw");
    // `[2026-03-01 10:00:00] EFW: CONN: …`
    event.time = without_priority(line.body)
        .strip_prefix('[')
        .and_then(|rest| crate::time::iso(rest, line.context.timezone))
        .map(|(time, _)| time);
    for section in sections(text) {
        put_section(line, section, &mut event);
    }
    let fields = &mut event.fields;
    let reason = text_of(fields, "message");
    fields.text("event.reason", reason);
    Some(event)
}

fn put_section<'a>(line: &Line<'a>, section: &'a str, event: &mut Event<'a>) {
    let ethernet = section.trim_start().starts_with("ethernet ");
    for pair in pairs(section, Style::OPEN) {
        if is_blank(pair.value) {
            continue;
        }
        let name = match pair.key {
            // What the frame holds, not what the packet does.
            "ipproto" if ethernet => "ethertype",
            name => name,
        };
        event
            .fields
            .put_named(name, Value::Str(value(line, pair).trim_end()));
    }
}

/// The texts between brackets that stand outside quotes.
fn sections(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let mut quoted = false;
        let mut before = b' ';
        for (at, byte) in text.bytes().enumerate() {
            match byte {
                // A quote is one where a value begins; in a message it is a character.
                b'"' if quoted || before == b'=' => quoted = !quoted,
                b'[' | b']' if !quoted => {
                    rest = text.get(at + 1..);
                    return text.get(..at);
                }
                _ => {}
            }
            before = byte;
        }
        rest = None;
        Some(text)
    })
}

#[cfg(test)]
mod tests {
    use crate::formats::vendors::whole::{check, survives_truncation};

    #[test]
    fn connections() {
        let line = "id=600001 event=conn_open action=allow [message=Connection opened. Fine connrecvzone=\"lan\" ][rules rule=allow_web ][conn [conn connsrcip=192.0.2.7 conndestip=198.51.100.9 newconnsrcip=203.0.113.1 connipproto=TCP connsrcport=50000 conndestport=443 newconnsrcport=6000 connrecvif=lan conndestif=wan ]]";
        check(
            line,
            "clavister.ngfw",
            &[
                ("event.code", "600001"),
                ("event.action", "conn_open"),
                ("event.reason", "Connection opened. Fine"),
                ("source.ip", "192.0.2.7"),
                ("source.nat.ip", "203.0.113.1"),
                ("destination.port", "443"),
                ("network.transport", "tcp"),
                ("rule.name", "allow_web"),
                ("observer.ingress.zone", "lan"),
            ],
        );
        check(
            &format!("<134>Mar  1 10:00:00 fw1 EFW: CONN: prio=1 {line}"),
            "clavister.ngfw",
            &[("source.ip", "192.0.2.7")],
        );
        survives_truncation(line);
    }

    #[test]
    fn packets_and_hostile_text() {
        check(
            "id=6000051 event=ruleset_drop_packet action=drop [message=Packet dropped recvzone=\"x] [conn connsrcip=203.0.113.1 \" ][ethernet hwsender=020000000001 hwdest=020000000002 ipproto=Ip4 ][ippacket ipproto=UDP srcip=192.0.2.7 destip=198.51.100.9 ][udp packet srcport=5 destport=53 ]",
            "clavister.ngfw",
            &[
                ("source.ip", "192.0.2.7"),
                ("source.mac", "020000000001"),
                ("destination.port", "53"),
                ("network.transport", "udp"),
            ],
        );
    }
}
