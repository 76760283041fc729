//! The Windows firewall's log (`pfirewall.log`): seventeen columns, a hyphen where there is nothing.
//!
//! ```text
//! 2026-03-01 10:00:05 DROP TCP 192.0.2.7 198.51.100.9 50001 445 52 S 1234 0 64240 - - - RECEIVE
//! ```
//!
//! Times are local unless the file's head says otherwise. All columns are the firewall's.

use crate::formats::text::{Event, Grammar, Line};
use crate::time;

/// The grammars.
pub(super) const GRAMMARS: &[Grammar] = &[Grammar {
    name: "windows.firewall",
    marks: &[
        " DROP ",
        " ALLOW ",
        " OPEN ",
        " CLOSE ",
        " OPEN-INBOUND ",
        " INFO-EVENTS-LOST ",
    ],
    programs: &[],
    read,
}];

/// The columns behind date, time, action and protocol.
const COLUMNS: [&str; 14] = [
    "src-ip", "dst-ip", "src-port", "dst-port", "size", "tcpflags", "tcpsyn", "tcpack", "tcpwin", "icmptype",
    "icmpcode", "info", "path", "pid",
];

fn read<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let (instant, rest) = time::iso(line.raw, line.context.timezone)?;
    let mut columns = rest.trim_start().split_ascii_whitespace();
    let action = columns.next()?;
    let known = matches!(
        action,
        "DROP" | "ALLOW" | "OPEN" | "CLOSE" | "OPEN-INBOUND" | "INFO-EVENTS-LOST"
    );
    let protocol = columns.next()?;
    if !known || columns.clone().count() < 8 {
        return None;
    }
    let mut event = Event::new("windows.firewall");
    event.time = Some(instant);
    let fields = &mut event.fields;
    fields.text("event.action", action);
    fields.known("network.transport", line.keep(protocol.to_ascii_lowercase()));
    for (name, value) in COLUMNS.iter().zip(columns) {
        match *name {
            "src-ip" => fields.source(value),
            "dst-ip" => fields.destination(value),
            "path" => {
                let direction = match value {
                    "RECEIVE" => "inbound",
                    "SEND" => "outbound",
                    "FORWARD" => "unknown",
                    _ => "",
                };
                fields.text("network.direction", direction);
                fields.known("path", value);
            }
            _ => fields.known(name, value),
        }
    }
    Some(event)
}

#[cfg(test)]
mod tests {
    use crate::formats::vendors::filters::testing::{read, reads};

    #[test]
    fn packets() {
        read(
            "2026-03-01 10:00:05 DROP TCP 192.0.2.7 198.51.100.9 50001 445 52 S 1234 0 64240 - - - RECEIVE",
            "windows.firewall",
            &[
                ("@timestamp", "2026-03-01T10:00:05.000000Z"),
                ("event.action", "DROP"),
                ("network.transport", "tcp"),
                ("source.ip", "192.0.2.7"),
                ("dst-port", "445"),
                ("size", "52"),
                ("network.direction", "inbound"),
            ],
        );
        for other in [
            "2026-03-01 10:00:05 DROP TABLE users",
            "2026-03-01 10:00:05 ERROR DROP TCP 192.0.2.7 198.51.100.9 50001 445 52 S 1234",
        ] {
            assert!(!reads(other), "{other}");
        }
    }
}
