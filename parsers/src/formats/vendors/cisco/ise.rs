//! Cisco Identity Services Engine.
//!
//! ```text
//! CISE_Passed_Authentications 0000453439 2 0 2026-03-01 10:00:05.365 +01:00 0007121364 5200 NOTICE Passed-Authentication: Authentication succeeded, ConfigVersionId=10, UserName=mara, …
//! ```
//!
//! A category (only over syslog), a number of the message, how many parts it has and which this is; in the first part
//! the time, a sequence number, the code, the severity and a title; then pairs, separated by commas. ISE puts a
//! backslash before the commas and semicolons of values, so that a user's name cannot begin a pair; a value may hold pairs
//! of its own (`Response={…; …; }`, `cisco-av-pair=…`). Parts after the first begin anywhere in the list.

use crate::formats::fields::{Fields, address, is_nothing};
use crate::formats::text::once::Keys;
use crate::formats::text::url::put_url;
use crate::formats::text::{Event, Grammar, Line};
use crate::time;

/// The grammars.
pub(super) const GRAMMARS: &[Grammar] = &[Grammar {
    name: "cisco.ise",
    marks: &[
        "CISE_",
        " INFO ",
        " NOTICE ",
        " WARN ",
        " ERROR ",
        " FATAL ",
        " DEBUG ",
        "Step=",
        "StepData=",
        "cisco-av-pair=",
        "AcsSessionID=",
        "ConfigVersionId=",
        "NetworkDeviceGroups=",
        "Network Device Profile=",
    ],
    programs: &[],
    read,
}];

/// The severities of ISE.
const LEVELS: [&str; 7] = ["DEBUG", "INFO", "NOTICE", "WARN", "WARNING", "ERROR", "FATAL"];

fn read<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let mut event = Event::new("cisco.ise");
    let fields = &mut event.fields;
    let body = line.body;
    // Over syslog the category is the tag, or what the tag should be.
    let tag = line.header.tag.unwrap_or_default();
    let (category, rest) = match body.split_once(' ') {
        _ if tag.starts_with("CISE_") => (tag, body),
        Some((category, rest)) if category.starts_with("CISE_") => (category, rest),
        _ if line.header.tag.is_some() => return None,
        _ => ("", body),
    };
    fields.text("type", category);
    let rest = match parts(rest, fields) {
        Some(rest) => rest,
        None if category.is_empty() => rest,
        None => return None,
    };
    let (time, rest) = match stamped(line, rest, fields) {
        // Many programs write a time, a level and a text; only ISE zone and code as well.
        Some((_, _, whole)) if !whole && fields.get("message_number").is_none() => return None,
        Some((time, rest, _)) => (Some(time), rest),
        None if fields.get("message_number").is_none() => return None,
        None => (None, rest),
    };
    if let Some(host) = line.header.host {
        fields.text("observer.hostname", host);
    }
    pairs(line, rest, ',', fields);
    derive(fields);
    event.time = time;
    Some(event)
}

/// `0000453439 2 0 `: number of the message, parts, which part.
fn parts<'a>(text: &'a str, fields: &mut Fields<'a>) -> Option<&'a str> {
    let mut words = text.splitn(4, ' ');
    let (number, count, part) = (words.next()?, words.next()?, words.next()?);
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if number.len() != 10 || !digits(number) || !digits(count) || !digits(part) || count.len() > 3 {
        return None;
    }
    fields.text("message_number", number);
    fields.text("segment.count", count);
    fields.text("segment.number", part);
    Some(words.next().unwrap_or_default().trim_start_matches(' '))
}

/// `2026-03-01 10:00:05.365 +01:00 0007121364 5200 NOTICE Passed-Authentication: Authentication succeeded, `
///
/// Also whether zone and code were there.
fn stamped<'a>(line: &Line<'a>, text: &'a str, fields: &mut Fields<'a>) -> Option<(i64, &'a str, bool)> {
    let (local, after) = time::iso(text, line.context.timezone)?;
    let after = after.trim_start_matches(' ');
    // An offset without a name is read with the time.
    let taken = &text[..text.len() - after.len()];
    let mut zoned = taken
        .trim_end()
        .get(19..)
        .is_some_and(|behind| behind.contains(['+', '-']));
    let (instant, after) = match after.split_once(' ') {
        Some((zone, after)) if zone.starts_with(['+', '-']) => {
            zoned = true;
            let stamp = &text[..text.len() - after.len() - 1 - zone.len()];
            let whole = line.name(stamp.trim_end(), zone);
            (time::iso(whole, line.context.timezone)?.0, after)
        }
        _ => (local, after),
    };
    let mut rest = after;
    let mut numbers = ["", ""];
    for number in &mut numbers {
        if let Some((word, after)) = rest.split_once(' ')
            && word.bytes().all(|b| b.is_ascii_digit())
        {
            *number = word;
            rest = after;
        }
    }
    let (level, after) = rest.split_once(' ')?;
    if !LEVELS.contains(&level) {
        return None;
    }
    fields.text("log.level", level);
    let (sequence, code) = if numbers[1].is_empty() {
        ("", numbers[0])
    } else {
        (numbers[0], numbers[1])
    };
    fields.text("sequence", sequence);
    fields.text("event.code", code);
    let (category, after) = after.trim_start_matches(' ').split_once(": ")?;
    fields.text("category", category);
    let (title, after) = after.split_once(',').unwrap_or((after, ""));
    fields.text("event.reason", title.trim());
    Some((instant, after, zoned && code.len() >= 4))
}

/// What stands in a line as often as there is something to say.
const SEVERAL: &[&str] = &[
    "cisco-av-pair",
    "Step",
    "StepData",
    "NetworkDeviceGroups",
    "Response",
];

/// The pairs of `text`, separated by `separator`. A name with two values is in doubt.
fn pairs<'a>(line: &Line<'a>, text: &'a str, separator: char, fields: &mut Fields<'a>) {
    let mut rest = text.trim_start_matches(' ');
    let mut first = true;
    let mut keys = Keys::new(line.arena);
    let mut several = Vec::new();
    while !rest.is_empty() {
        let end = end_of_pair(rest, separator);
        let (text, after) = rest.split_at(end);
        rest = after.trim_start_matches([separator, ' ']);
        match text.split_once('=') {
            Some((name, value)) if SEVERAL.contains(&name.trim()) => {
                several.push((name.trim(), value.trim()))
            }
            Some((name, value)) => keys.add(name.trim(), value.trim(), &[]),
            // The end of a value that began in the part before.
            None if first => fields.text("continued", text.trim()),
            None => {}
        }
        first = false;
    }
    for (name, value) in keys.settled(fields).chain(several) {
        pair(line, name, value, fields);
    }
}

/// Where the pair that `text` starts with ends: at a separator that no backslash takes the meaning from, outside
/// braces, and behind which another pair, or nothing, begins.
fn end_of_pair(text: &str, separator: char) -> usize {
    let bytes = text.as_bytes();
    let mut depth = 0u32;
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 1,
            b'{' => depth += 1,
            b'}' => depth = depth.saturating_sub(1),
            b if u32::from(b) == separator as u32
                && depth == 0
                && begins_pair(&text[at + 1..], separator) =>
            {
                return at;
            }
            _ => {}
        }
        at += 1;
    }
    text.len()
}

/// Whether `text`, behind a separator, goes on with `name=`, or is at its end.
fn begins_pair(text: &str, separator: char) -> bool {
    let text = match text.strip_prefix(' ') {
        Some(text) => text,
        // Lists within a value are written without the space.
        None if separator == ',' => return text.trim_matches(['#', '0', '1', '5']).is_empty(),
        None => text,
    };
    let name = text
        .bytes()
        .take(64)
        .take_while(|b| !matches!(b, b'=' | b',' | b';' | b'{' | b'\\'))
        .count();
    text.is_empty() || name > 0 && text.as_bytes().get(name) == Some(&b'=') && name < 64
}

fn pair<'a>(line: &Line<'a>, name: &'a str, value: &'a str, fields: &mut Fields<'a>) {
    if is_nothing(value) {
        return;
    }
    match name {
        "cisco-av-pair" => match value.split_once('=') {
            Some(("http-tlv", tlv)) => {
                if let Some(agent) = tlv.strip_prefix("User-Agent=") {
                    fields.text("user_agent.original", agent);
                }
            }
            Some(("url-redirect", url)) => put_url(fields, url),
            Some((name, value)) => fields.text_named(line.name("av.", name), value),
            None => {}
        },
        "Response" => {
            fields.text("Response", value);
            let inner = value.trim_start_matches('{').trim_end_matches(['}', ' ']);
            pairs(line, inner, ';', fields);
        }
        "EndpointProperty" => {
            for (name, value) in value.split(',').filter_map(|pair| pair.split_once('=')) {
                match name {
                    "dhcp-message-type" => fields.text("dhcp.message_type", value),
                    "dhcp-requested-address" => fields.text("dhcp.requested_address", value),
                    "client-fqdn" => fields.text("source.domain", value),
                    "EndPointPolicyID" => fields.text("rule.id", value),
                    _ => {}
                }
            }
        }
        "StepData" => {
            if let Some((step, data)) = value.split_once('=') {
                let name = line.name("step_data.", step.trim());
                fields.text_named(line.name(name, "_code"), data.trim());
            }
        }
        "Calling-Station-ID" | "EndPointMACAddress" | "EndpointMacAddress" | "PeerAddress" => {
            station("source.mac", "source.ip", value, fields);
        }
        "Called-Station-ID" => station("destination.mac", "destination.ip", value, fields),
        "UserName" | "User-Name" | "AdminName" | "AD-Account-Name" => {
            match value.strip_prefix("host/") {
                Some(host) => {
                    fields.text("source.domain", host);
                    fields.text("endpoint.name", host);
                }
                None => fields.text("user.name", value),
            }
            station("source.mac", "", value, fields);
            fields.text_named(name, value);
        }
        // The line itself is the event's `message`.
        "MESSAGE" | "Message" | "message" => {
            fields.text("operation_message", value);
            if value.ends_with("successfully") {
                fields.text("event.outcome", "success");
            }
        }
        // The log repeats these in pairs of one name.
        "NetworkDeviceGroups" => {
            if let Some((tree, _)) = value.split_once('#') {
                fields.text_named(line.name("device_group.", tree), value);
            }
        }
        "Step" => {}
        _ => fields.text_named(name, value),
    }
}

/// An address of a card (`00-11-22-33-44-55`, with a name behind it on wireless networks) or of a host.
fn station<'a>(mac: &'static str, ip: &'static str, value: &'a str, fields: &mut Fields<'a>) {
    let head = value.get(..17).unwrap_or_default();
    let is_mac = head.bytes().enumerate().all(|(at, b)| match at % 3 {
        2 => matches!(b, b':' | b'-'),
        _ => b.is_ascii_hexdigit(),
    });
    if !head.is_empty() && is_mac {
        fields.text(mac, head);
    } else if !ip.is_empty() && address(value).is_some() {
        fields.text(ip, value);
    }
}

/// What several names may say, the one that says it best first.
const DERIVED: [(&str, &[&str]); 7] = [
    (
        "auth_method",
        &[
            "EapAuthentication",
            "av.method",
            "AuthenticationMethod",
            "Acct-Authentic",
        ],
    ),
    ("policy", &["ISEPolicySetName", "AuthorizationPolicyMatchedRule"]),
    (
        "rule.name",
        &[
            "IdentityPolicyMatchedRule",
            "IdentitySelectionMatchedRule",
            "EndpointMatchedPolicy",
        ],
    ),
    (
        "source.ip",
        &[
            "Device IP Address",
            "AdminIPAddress",
            "EndpointIPAddress",
            "NAS-IP-Address",
        ],
    ),
    (
        "event.reason",
        &["FailureReason", "EapChainingResult", "Response"],
    ),
    (
        "device.profile",
        &["EndPointMatchedProfile", "av.dc-profile-name"],
    ),
    (
        "is_machine_identity",
        &["IsMachineIdentity", "IsMachineAuthentication"],
    ),
];

fn derive(fields: &mut Fields<'_>) {
    for (name, origins) in DERIVED {
        let value = origins.iter().find_map(|origin| match fields.get(origin) {
            Some(crate::value::Value::Str(text)) => Some(*text),
            _ => None,
        });
        if let Some(value) = value {
            fields.text(name, value);
        }
    }
    let passed = match fields.get("type") {
        Some(crate::value::Value::Str("CISE_Passed_Authentications")) => "success",
        Some(crate::value::Value::Str("CISE_Failed_Attempts")) => "failure",
        _ => return,
    };
    fields.event("authentication", passed);
}

#[cfg(test)]
mod tests {
    use crate::formats::vendors::cisco::testing::{lacks, read, reads};

    #[test]
    fn first_parts() {
        read(
            "<181>Mar  1 10:00:05 ise1 CISE_Passed_Authentications 0000000077 2 0 2026-03-01 10:00:05.250 +01:00 0000000123 \
             5200 NOTICE Passed-Authentication: Authentication succeeded, ConfigVersionId=7, Device IP Address=192.0.2.1, \
             DestinationIPAddress=192.0.2.2, DestinationPort=1812, UserName=mara, Protocol=Radius, \
             Calling-Station-ID=02-00-00-00-00-07, cisco-av-pair=audit-session-id=C0, cisco-av-pair=method=dot1x, \
             StepData=5= DEVICE.Location, Response={User-Name=x; Class=a:b; },",
            "cisco.ise",
            &[
                ("@timestamp", "2026-03-01T09:00:05.250000Z"),
                ("observer.hostname", "ise1"),
                ("type", "CISE_Passed_Authentications"),
                ("event.code", "5200"),
                ("event.reason", "Authentication succeeded"),
                ("event.outcome", "success"),
                ("source.ip", "192.0.2.1"),
                ("DestinationIPAddress", "192.0.2.2"),
                ("user.name", "mara"),
                ("source.mac", "02-00-00-00-00-07"),
                ("auth_method", "dot1x"),
                ("step_data.5_code", "DEVICE.Location"),
            ],
        );
    }

    #[test]
    fn later_parts_begin_anywhere() {
        read(
            "0000000077 2 1 of a value\\, UserName=z, FailureReason=15039 Rejected, Step=1, Location=Location#All, ",
            "cisco.ise",
            &[
                ("event.reason", "15039 Rejected"),
                ("Location", "Location#All"),
                ("segment.number", "1"),
            ],
        );
        assert!(!reads("0000000077 kilometers INFO x: y, a=b"));
        assert!(!reads("2026-03-01 10:00:05.250 4711 INFO Main: started, a=b"));
        assert!(!reads(
            "Mar  1 10:00:05 web1 app[7]: 0000000077 2 1 UserName=root, Step=1,"
        ));
    }

    #[test]
    fn names_begin_no_pair() {
        let line = "CISE_Failed_Attempts 0000000077 1 0 2026-03-01 10:00:05.250 +01:00 0000000123 5400 NOTICE Failed-Attempt: \
                    Authentication failed, UserName=x\\, AdminName=root\\, Device IP Address=203.0.113.66, Step=1, ";
        read(line, "cisco.ise", &[("event.outcome", "failure")]);
        lacks(line, &["AdminName", "source.ip"]);
        // Cut off.
        read(
            "CISE_Failed_Attempts 0000000077 1 0 2026-03-01 10:0",
            "cisco.ise",
            &[("message_number", "0000000077")],
        );
    }
}
