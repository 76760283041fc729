//! What Firepower (FTD) writes of its own: connection (430002, 430003), intrusion (430001), file (430004) and malware
//! (430005) events as `Name: value, Name: value`.
//!
//! Values hold commas, and some are a stranger's (a user agent, a URL, the name of a file). So a pair begins only with a
//! name that Firepower has, and none that says who, where or what was decided begins behind a stranger's value:
//! Firepower writes those first.

use crate::formats::fields::{Fields, is_nothing};
use crate::formats::text::Line;
use crate::formats::text::url::put_url;
use crate::time;

/// Names whose values a stranger chooses.
const STRANGERS: &[&str] = &[
    "DNSQuery",
    "DNS_Sinkhole",
    "FileName",
    "HTTP_Hostname",
    "HTTP_URI",
    "HTTPReferer",
    "HTTP_Referer",
    "OriginalClientSrcIP",
    "ReferencedHost",
    "SSLServerName",
    "URI",
    "URL",
    "UserAgent",
];

/// Names that stand in front of every stranger's value.
const FIRST: &[&str] = &[
    "AccessControlRuleAction",
    "AccessControlRuleName",
    "ACPolicy",
    "ConnectionID",
    "DeviceUUID",
    "DstIP",
    "DstPort",
    "EgressInterface",
    "EventPriority",
    "FileAction",
    "IngressInterface",
    "Protocol",
    "SrcIP",
    "SrcPort",
];

/// Whose words stand in front of a pair. Events about files name the user behind the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Behind {
    Nothing,
    File,
    Request,
}

/// Puts the pairs of message `number` into `fields`.
pub(in crate::formats::vendors) fn security<'a>(
    line: &Line<'a>,
    number: u32,
    text: &'a str,
    fields: &mut Fields<'a>,
) {
    let mut rest = text;
    let mut behind = Behind::Nothing;
    while let Some((name, value)) = rest.split_once(": ") {
        behind = match name {
            "FileName" => behind.max(Behind::File),
            _ if STRANGERS.contains(&name) => Behind::Request,
            _ => behind,
        };
        let end = next_pair(value, behind);
        let (value, after) = value.split_at(end);
        pair(line, name.trim(), value.trim_end_matches([' ', ',']), fields);
        rest = after.trim_start_matches([',', ' ']);
    }
    let (action, category) = match number {
        430_001 => ("intrusion-event", "intrusion_detection"),
        430_002 => ("connection-started", "network"),
        430_003 => ("connection-finished", "network"),
        430_004 => ("file-detected", "file"),
        430_005 => ("malware-detected", "malware"),
        _ => return,
    };
    fields.text("event.action", action);
    fields.category(category);
}

/// Where the next pair begins (its comma), or the end.
fn next_pair(text: &str, behind: Behind) -> usize {
    let bytes = text.as_bytes();
    let mut from = 0;
    while let Some(at) = memchr::memmem::find(&bytes[from..], b", ").map(|at| from + at) {
        let rest = &text[at + 2..];
        let length = rest
            .bytes()
            .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b' ' | b'-'))
            .count();
        let name = &rest[..length];
        let is_name = (2..=40).contains(&length)
            && rest[length..].starts_with(": ")
            && name.starts_with(|c: char| c.is_ascii_uppercase());
        let too_late =
            behind > Behind::Nothing && FIRST.contains(&name) || behind == Behind::Request && name == "User";
        if is_name && !too_late {
            return at;
        }
        from = at + 2;
    }
    text.len()
}

fn pair<'a>(line: &Line<'a>, name: &'a str, value: &'a str, fields: &mut Fields<'a>) {
    if value.is_empty() {
        return;
    }
    match name {
        "SrcIP" => fields.source(value),
        "DstIP" => fields.destination(value),
        "Protocol" => fields.text("network.transport", line.keep(value.to_ascii_lowercase())),
        "URL" | "URI" | "HTTP_URI" => put_url(fields, value),
        "User" => {
            // Firepower says in words that it knows of no user.
            let unknown = matches!(
                value,
                "Not Found" | "No Authentication Required" | "Unknown" | "Special Identities"
            );
            if !unknown && !is_nothing(value) {
                let (domain, account) = value.rsplit_once('\\').unwrap_or(("", value));
                fields.text("user.name", account);
                fields.text("user.domain", domain);
            }
            fields.text_named(name, value);
        }
        // The line itself is the event's `message`.
        "Message" => fields.text("intrusion_message", value),
        "FirstPacketSecond" => {
            let instant = time::iso(value, line.context.timezone)
                .map(|(instant, _)| instant)
                .or_else(|| time::epoch(value));
            if let Some(text) = instant.and_then(time::rfc3339) {
                fields.text("event.start", line.keep(text));
            }
        }
        "ConnectionDuration" => {
            if let Ok(seconds) = value.parse::<i64>() {
                let nanoseconds = crate::value::Value::Int(seconds.saturating_mul(1_000_000_000));
                fields.put("event.duration", nanoseconds);
            }
        }
        _ => fields.text_named(name, value),
    }
}

#[cfg(test)]
mod tests {
    use crate::formats::vendors::cisco::testing::{lacks, read};

    #[test]
    fn connection_event() {
        read(
            "%FTD-1-430003: EventPriority: Low, DeviceUUID: 0e4c1c5e-0000-11ee-9d2c-000000000001, InstanceID: 2, \
             FirstPacketSecond: 2026-03-01T10:00:00Z, ConnectionID: 7, AccessControlRuleAction: Block, SrcIP: 192.0.2.7, \
             DstIP: 198.51.100.9, SrcPort: 50001, DstPort: 443, Protocol: tcp, IngressInterface: in, \
             Prefilter Policy: Base, User: corp\\mara, UserAgent: A/1.0 (x, like y), Client: SSL client, \
             ConnectionDuration: 3, InitiatorBytes: 12, URL: https://www.example.org/a",
            "cisco.ftd",
            &[
                ("event.code", "430003"),
                ("event.severity", "1"),
                ("source.ip", "192.0.2.7"),
                ("DstPort", "443"),
                ("network.transport", "tcp"),
                ("Prefilter Policy", "Base"),
                ("user.name", "mara"),
                ("user.domain", "corp"),
                ("UserAgent", "A/1.0 (x, like y)"),
                ("event.duration", "3000000000"),
                ("url.domain", "www.example.org"),
                ("AccessControlRuleAction", "Block"),
            ],
        );
    }

    #[test]
    fn a_user_agent_decides_nothing() {
        let line = "%FTD-6-430002: InstanceID: 1, User: No Authentication Required, \
                    UserAgent: x, SrcIP: 203.0.113.66, AccessControlRuleAction: Allow, User: root, Client: y";
        read(
            line,
            "cisco.ftd",
            &[(
                "UserAgent",
                "x, SrcIP: 203.0.113.66, AccessControlRuleAction: Allow, User: root",
            )],
        );
        lacks(line, &["source.ip", "AccessControlRuleAction", "user.name"]);
    }

    #[test]
    fn cut_off() {
        read(
            "%FTD-6-430002: SrcIP: 192.0.2.7, DstI",
            "cisco.ftd",
            &[("event.code", "430002")],
        );
        read("%FTD-6-430002: ", "cisco.ftd", &[("event.code", "430002")]);
    }
}
