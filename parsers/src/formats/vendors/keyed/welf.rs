//! WELF, the format in which firewalls have written since WebTrends read their logs: Stormshield Network Security,
//! SonicWall, Ivanti Connect Secure (Pulse).
//!
//! ```text
//! id=firewall time="2026-03-01 10:00:00" fw="fw1" tz=+0100 startime="…" pri=5 src=192.0.2.7 … logtype="filter"
//! id=firewall sn=0006B1000000 time="2026-03-01 10:00:00" fw=192.0.2.1 pri=6 c=1024 m=537 src=192.0.2.7:52322:X0 …
//! id=firewall time="2026-03-01 10:00:00" pri=6 fw=192.0.2.1 vpn=gate user=jane realm="Users" … msg="AUT24326: …"
//! ```

use crate::formats::fields::Fields;
use crate::formats::text::pairs::Style;
use crate::formats::text::parts::{first_address, instant, keyed, put_time, text_of, without_priority};
use crate::formats::text::{Event, Grammar, Line};

pub(in crate::formats::vendors) const GRAMMARS: &[Grammar] = &[
    Grammar {
        name: "Stormshield Network Security",
        marks: &[" startime=\"", " logtype=\""],
        programs: &[],
        read: stormshield,
    },
    Grammar {
        name: "SonicWall",
        marks: &["id=firewall "],
        programs: &[],
        read: sonicwall,
    },
    Grammar {
        name: "Ivanti Connect Secure",
        marks: &["id=firewall "],
        programs: &[],
        read: ivanti,
    },
];

fn stormshield<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let text = without_priority(line.body);
    let mut event = keyed(
        line,
        text,
        Style::SPACED,
        "stormshield.sns",
        &["time", "fw", "logtype"],
    )?;
    let fields = &mut event.fields;
    let offset = text_of(fields, "tz");
    event.time = instant(line, text_of(fields, "time"), offset);
    let start = instant(line, text_of(fields, "startime"), offset);
    put_time(line, fields, "event.start", start);
    // The firewall's name, which is its serial number until somebody gives it one.
    fields.text("observer.serial_number", text_of(fields, "fw"));
    let remote = text_of(fields, "remotenet");
    fields.text(
        "client.ip",
        remote.split_once('/').map_or(remote, |(address, _)| address),
    );
    let message = text_of(fields, "msg");
    match text_of(fields, "logtype") {
        "server" => fields.text("process.command_line", message),
        "auth" | "xvpn" => authentication(fields, message),
        "vpn" => fields.text("network.type", "ipsec"),
        _ => {}
    }
    fields.text("event.reason", message);
    Some(event)
}

fn authentication<'a>(fields: &mut Fields<'a>, message: &'a str) {
    if let Some((protocol, _)) = message.split_once(" authentication success") {
        fields.text("network.protocol", protocol);
        fields.event("authentication", "success");
    } else if message.contains("authentication failed") || message.contains("authentication failure") {
        fields.event("authentication", "failure");
    } else if message.starts_with("User authenticated") {
        fields.event("authentication", "success");
    }
}

fn sonicwall<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let text = without_priority(line.body);
    let mut event = keyed(
        line,
        text,
        Style::SPACED,
        "sonicwall.firewall",
        &["sn", "fw", "m"],
    )?;
    let fields = &mut event.fields;
    event.time = instant(line, text_of(fields, "time").trim_end_matches(" UTC"), "");
    for (native, ip, port, interface, domain) in [
        (
            "src",
            "source.ip",
            "source.port",
            "observer.ingress.interface.name",
            "source.domain",
        ),
        (
            "dst",
            "destination.ip",
            "destination.port",
            "observer.egress.interface.name",
            "destination.domain",
        ),
    ] {
        // `address:port:interface:name`; an IPv6 address has colons of its own and stands in brackets.
        let value = text_of(fields, native);
        let (address, rest) = match value.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((address, rest)) => (address, rest.trim_start_matches(':')),
            None => value.split_once(':').unwrap_or((value, "")),
        };
        let mut rest = rest.split(':');
        fields.text(ip, address);
        fields.port(port, rest.next().unwrap_or_default());
        fields.text(interface, rest.next().unwrap_or_default());
        fields.text(domain, rest.next().unwrap_or_default());
    }
    let protocol = text_of(fields, "proto");
    let (transport, service) = protocol.split_once('/').unwrap_or((protocol, ""));
    fields.text("network.transport", transport);
    fields.text("network.protocol", service);
    fields.text("event.reason", text_of(fields, "msg"));
    Some(event)
}

fn ivanti<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let text = without_priority(line.body);
    let mut event = keyed(
        line,
        text,
        Style::SPACED,
        "ivanti.connect_secure",
        &["time", "vpn", "realm", "roles"],
    )?;
    let fields = &mut event.fields;
    event.time = instant(line, text_of(fields, "time"), "");
    let message = text_of(fields, "msg");
    // `AUT24326: Primary authentication successful for …`: three letters and a number before the colon.
    let Some((code, sentence)) = message.split_once(':').filter(|(code, _)| is_code(code)) else {
        fields.text("event.reason", message);
        return Some(event);
    };
    fields.text("event.code", code);
    let sentence = sentence.trim();
    if let Some((_, target)) = sentence.rsplit_once("was trying to connect to '") {
        fields.text(
            "destination.ip",
            first_address(target.split('\'').next()?).unwrap_or_default(),
        );
    }
    match sentence.rsplit_once(". Reason: '") {
        Some((_, reason)) => fields.text("event.reason", reason.trim_end_matches('\'')),
        None => fields.text("event.reason", sentence),
    }
    if let Some(outcome) = outcome(sentence) {
        fields.text("event.outcome", outcome);
    }
    Some(event)
}

fn is_code(text: &str) -> bool {
    text.len() > 5
        && text.len() < 12
        && text.bytes().take(3).all(|b| b.is_ascii_uppercase())
        && text.bytes().skip(3).all(|b| b.is_ascii_digit())
}

/// How the sentence says that it ended, judged by its fixed beginning.
fn outcome(sentence: &str) -> Option<&'static str> {
    let head = sentence.get(..sentence.len().min(48)).unwrap_or(sentence);
    if head.contains(" successful") || head.starts_with("Login succeeded") {
        Some("success")
    } else if head.contains(" failed") || head.contains(" rejected") {
        Some("failure")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use crate::formats::vendors::whole::{check, survives_truncation};

    const SNS: &str = "<13>Mar  1 10:00:00 fw1 id=firewall time=\"2026-03-01 10:00:00\" fw=\"VMSNSX00A0000A9\" tz=+0100 startime=\"2026-03-01 09:59:58\" pri=5 confid=01 ruleid=12 rulename=\"web\" srcif=\"Ethernet1\" srcifname=\"out\" ipproto=tcp dstif=\"Ethernet0\" proto=https src=192.0.2.7 srcport=50000 srcmac=02:00:00:00:00:01 dst=198.51.100.9 dstport=443 sent=120 rcvd=4000 action=pass logtype=\"filter\"";

    #[test]
    fn stormshield() {
        check(
            SNS,
            "stormshield.sns",
            &[
                ("@timestamp", "2026-03-01T09:00:00.000Z"),
                ("event.start", "2026-03-01T08:59:58.000Z"),
                ("observer.serial_number", "VMSNSX00A0000A9"),
                ("source.ip", "192.0.2.7"),
                ("destination.port", "443"),
                ("rule.name", "web"),
                ("event.action", "pass"),
                ("network.transport", "tcp"),
            ],
        );
        check(
            "id=firewall time=\"2026-03-01 10:00:00\" fw=\"fw1\" tz=+0000 startime=\"2026-03-01 10:00:00\" user=\"x\\\" src=198.51.100.1\" src=192.0.2.7 msg=\"SSH authentication success on the firewall\" logtype=\"auth\"",
            "stormshield.sns",
            &[
                ("source.ip", "192.0.2.7"),
                ("user.name", "x\" src=198.51.100.1"),
                ("event.outcome", "success"),
                ("network.protocol", "SSH"),
            ],
        );
        survives_truncation(SNS);
    }

    #[test]
    fn sonicwall() {
        let line = "<134>id=firewall sn=0006B1000000 time=\"2026-03-01 10:00:00 UTC\" fw=192.0.2.1 pri=6 c=1024 m=537 msg=\"Connection Closed\" src=192.0.2.7:52322:X0:pc7 dst=198.51.100.9:443:X1 proto=tcp/https sent=100 rcvd=200 usr=\"jane\"";
        check(
            line,
            "sonicwall.firewall",
            &[
                ("@timestamp", "2026-03-01T10:00:00.000Z"),
                ("event.code", "537"),
                ("source.ip", "192.0.2.7"),
                ("source.port", "52322"),
                ("observer.egress.interface.name", "X1"),
                ("network.protocol", "https"),
                ("user.name", "jane"),
                ("event.reason", "Connection Closed"),
            ],
        );
        survives_truncation(line);
    }

    #[test]
    fn ivanti() {
        let line = "id=firewall time=\"2026-03-01 10:00:00\" pri=4 fw=192.0.2.1 vpn=gate user=System realm=\"\" roles=\"\" type=mgmt proto= src=192.0.2.7 dst= msg=\"AUT24604: SSL negotiation failed while client at source IP '192.0.2.7' was trying to connect to '192.0.2.1'. Reason: 'no shared cipher'\"";
        check(
            line,
            "ivanti.connect_secure",
            &[
                ("event.code", "AUT24604"),
                ("event.reason", "no shared cipher"),
                ("destination.ip", "192.0.2.1"),
                ("source.ip", "192.0.2.7"),
                ("event.outcome", "failure"),
            ],
        );
        survives_truncation(line);
    }
}
