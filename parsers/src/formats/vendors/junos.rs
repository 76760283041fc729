//! Juniper Junos: routers, switches and SRX firewalls.
//!
//! ```text
//! mgd[77]: UI_LOGIN_EVENT: User 'jane' login, class 'ops' [77], ssh-connection '192.0.2.7 40382 192.0.2.1 22', client-mode 'cli'
//! RT_FLOW: RT_FLOW_SESSION_CLOSE: session closed TCP FIN: 192.0.2.7/5->198.51.100.9/443 0x0 junos-https …
//! <14>1 2026-03-01T10:00:00Z srx1 RT_FLOW - RT_FLOW_SESSION_DENY [junos@2636.1.1.1.2.26 source-address="192.0.2.7" …]
//! FW: ge-0/0/0.0   A icmp 192.0.2.7 198.51.100.9     8     0 (1 packets)
//! ```
//!
//! A message has a name in capitals. In a flow's line, which words follow each other depends on the release; counters,
//! user and roles are written with parentheses, and what stands around the first of them tells the others' places.

use crate::formats::fields::{Fields, address};
use crate::formats::text::once::sure;
use crate::formats::text::pairs::Style;
use crate::formats::text::parts::{is_blank, text_of};
use crate::formats::text::{Event, Grammar, Line};
use crate::value::Value;

pub(super) const GRAMMARS: &[Grammar] = &[
    Grammar {
        name: "Juniper Junos",
        marks: &[
            "RT_",
            "UI_",
            "junos@2636",
            "mgd[",
            "l2ald[",
            "rpd[",
            "keyadmin[",
            "xntpd: kernel ",
            "SSHD_LOGIN",
            "LOGIN_FAILED:",
            "SNMPD_",
            "SNMP_TRAP",
            "KMD_",
            "CHASSISD_",
            "L2ALD_",
            "DDOS_PROTOCOL",
            "PFE_",
            "RPD_",
            "ESWD_",
            "LIBJNX",
            "EVENTD_",
            "IDP_ATTACK",
            "WEBFILTER_",
            "APPTRACK_",
            "PKID_",
            "LLDPD_",
            "LACPD_",
            "MIB2D_",
            "DCD_",
        ],
        programs: &[
            "mgd", "rpd", "l2ald", "chassisd", "dcd", "eswd", "jsrpd", "rtlogd", "rt_flow", "rt_ids",
            "rt_utm", "keyadmin", "sfid", "l2cpd", "alarmd",
        ],
        read,
    },
    Grammar {
        // OpenSSH and login write no such word; marks do not decide for these programs.
        name: "Juniper Junos, logins",
        marks: &[],
        programs: &["sshd", "login"],
        read: login,
    },
    Grammar {
        name: "Juniper Junos, firewall filters",
        marks: &["FW: "],
        programs: &[],
        read: filter,
    },
];

const DATASET: &str = "juniper.junos";

fn read<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let mut event = Event::new(DATASET);
    let fields = &mut event.fields;
    let mut structured = false;
    for (id, name, value) in &line.header.structured {
        if id.starts_with("junos@2636") {
            structured = true;
            if !is_blank(value) {
                fields.put_named(name, Value::Str(value));
            }
        }
    }
    if structured {
        fields.text("event.action", line.header.message_id.unwrap_or_default());
        fields.text("event.provider", line.program());
        fields.text("event.reason", text_of(fields, "reason"));
        return Some(event);
    }
    let (program, _, text) = line.tagged();
    // Without a program the message's own name stands where a tag would.
    let (program, text) = match is_name(program) && !matches!(program, "RT_FLOW" | "RT_IDS" | "RT_UTM") {
        true => ("", line.body),
        false => (program, text),
    };
    fields.text("event.provider", program);
    let name_end = text.find([':', ' ']).unwrap_or(text.len());
    let (name, rest) = text.split_at(name_end);
    if !is_name(name) {
        // A program's own words.
        let word = text.split_once(": ").map_or(" ", |(word, _)| word);
        let own = matches!(program, "keyadmin" | "rpd" | "mgd" | "l2ald" | "chassisd");
        if own && !word.contains(' ') {
            fields.text("event.action", word);
        } else if !(own || program == "xntpd" && text.starts_with("kernel ")) {
            return None;
        }
        return Some(event);
    }
    fields.text("event.action", name);
    let rest = rest.trim_start_matches(':').trim_start();
    if let Some(inner) = rest.strip_prefix('[') {
        let inner = inner.strip_suffix(']').unwrap_or(inner);
        for (key, value) in sure(line, inner, Style::SPACED, fields) {
            if !is_blank(value) {
                fields.put_named(key, Value::Str(value));
            }
        }
    } else if name.starts_with("RT_FLOW_SESSION_") {
        fields.text("log.syslog.appname", "RT_FLOW");
        flow(fields, name, rest);
    } else if name.starts_with("UI_") {
        interface_event(fields, name, rest);
    } else if let Some(rest) = rest.strip_prefix("Login failed for user '")
        && let Some((user, host)) = rest.rsplit_once("' from host '")
    {
        fields.text("user.name", user);
        fields.source(host.trim_end_matches(['.', '\'']));
        fields.text("event.outcome", "failure");
    } else if !name.contains('_') {
        return None;
    }
    Some(event)
}

fn login<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let named = line.body.starts_with("SSHD_") || line.body.starts_with("LOGIN_");
    named.then(|| read(line)).flatten()
}

fn is_name(word: &str) -> bool {
    word.len() > 4
        && word.contains('_')
        && word
            .bytes()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
}

/// `User 'jane' …`: the name in quotes is the user's, the rest the router's, read from the end.
fn interface_event<'a>(fields: &mut Fields<'a>, name: &str, text: &'a str) {
    let Some(rest) = text
        .strip_prefix("User '")
        .or_else(|| text.strip_prefix("Authenticated user '"))
    else {
        return;
    };
    let end = match name {
        "UI_CMDLINE_READ_LINE" => rest.find("' command '"),
        "UI_JUNOSCRIPT_CMD" => rest.find("' used JUNOScript client to run command '"),
        "UI_NETCONF_CMD" => rest.find("' used NETCONF client to run command '"),
        _ => rest.find("' "),
    };
    let Some(end) = end else { return };
    fields.text("user.name", &rest[..end]);
    let rest = &rest[end + 2..];
    match name {
        "UI_CMDLINE_READ_LINE" | "UI_JUNOSCRIPT_CMD" | "UI_NETCONF_CMD" => {
            if let Some((_, command)) = rest.split_once("command '") {
                fields.text(
                    "process.command_line",
                    command.strip_suffix('\'').unwrap_or(command),
                );
            }
        }
        "UI_LOGIN_EVENT" => {
            fields.text("event.outcome", "success");
            if let Some((_, connection)) = rest.rsplit_once("ssh-connection '") {
                let mut words = connection.split(['\'', ' ']);
                fields.text(
                    "source.ip",
                    address(words.next().unwrap_or_default()).unwrap_or_default(),
                );
                fields.port("source.port", words.next().unwrap_or_default());
                fields.text(
                    "destination.ip",
                    address(words.next().unwrap_or_default()).unwrap_or_default(),
                );
                fields.port("destination.port", words.next().unwrap_or_default());
            }
        }
        _ => {}
    }
}

/// `session closed TCP FIN: a/p->b/p 0x0 service a/p->b/p 0x0 … rule 6 policy from-zone to-zone id 1(2) 3(4) 5 …`
fn flow<'a>(fields: &mut Fields<'a>, name: &str, text: &'a str) {
    let (said, rest) = match text.split_once(": ") {
        Some((said, rest)) if !said.contains("->") => (said, rest),
        _ => {
            let start = text.find(|c: char| c.is_ascii_digit()).unwrap_or_default();
            (text[..start].trim_end(), &text[start..])
        }
    };
    if let Some(reason) = said.strip_prefix("session closed ") {
        fields.text("event.reason", reason);
    }
    let words: Vec<&str> = rest.split_ascii_whitespace().collect();
    let mut ends = words.iter().enumerate().filter(|(_, word)| word.contains("->"));
    let Some((first, flow)) = ends.next() else { return };
    put_ends(
        fields,
        flow,
        ["source.ip", "source.port", "destination.ip", "destination.port"],
    );
    // The service stands behind the connection's tag, where there is one.
    let service = words[first + 1..].iter().find(|word| !word.starts_with("0x"));
    if let Some((_, translated)) = ends.next() {
        let names = [
            "source.nat.ip",
            "source.nat.port",
            "destination.nat.ip",
            "destination.nat.port",
        ];
        put_ends(fields, translated, names);
    }
    fields.known("service.name", service.copied().unwrap_or_default());
    let counted: Vec<usize> = (first + 1..words.len())
        .filter(|at| words[*at].ends_with(')') && words[*at].contains('('))
        .collect();
    let Some(&anchor) = counted.first() else { return };
    let at = |place: Option<usize>| {
        place
            .and_then(|place| words.get(place))
            .copied()
            .unwrap_or_default()
    };
    if name == "RT_FLOW_SESSION_DENY" {
        // `6(0) policy from to`
        fields.text(
            "network.iana_number",
            at(Some(anchor)).split('(').next().unwrap_or_default(),
        );
        fields.text("rule.name", at(Some(anchor + 1)));
        fields.text("observer.ingress.zone", at(Some(anchor + 2)));
        fields.text("observer.egress.zone", at(Some(anchor + 3)));
        return;
    }
    fields.text("juniper.junos.session_id", at(anchor.checked_sub(1)));
    fields.text("observer.egress.zone", at(anchor.checked_sub(2)));
    fields.text("observer.ingress.zone", at(anchor.checked_sub(3)));
    fields.text("rule.name", at(anchor.checked_sub(4)));
    fields.text("network.iana_number", at(anchor.checked_sub(5)));
    let mut user = anchor;
    if let [sent, received, ..] = counted.as_slice()
        && *received == sent + 1
        && name != "RT_FLOW_SESSION_CREATE"
    {
        put_counter(fields, words[*sent], "source.packets", "source.bytes");
        put_counter(
            fields,
            words[*received],
            "destination.packets",
            "destination.bytes",
        );
        user = counted.get(2).copied().unwrap_or(words.len());
    }
    fields.known("user.name", at(Some(user)).split('(').next().unwrap_or_default());
    fields.known("observer.ingress.interface.name", at(Some(user + 1)));
}

/// `192.0.2.7/5->198.51.100.9/443`
fn put_ends<'a>(fields: &mut Fields<'a>, flow: &'a str, names: [&'static str; 4]) {
    let Some((from, to)) = flow.split_once("->") else {
        return;
    };
    for (end, ip, port) in [(from, names[0], names[1]), (to, names[2], names[3])] {
        let (host, number) = end.rsplit_once('/').unwrap_or((end, ""));
        fields.text(ip, address(host).unwrap_or_default());
        fields.port(port, number);
    }
}

/// `60(52906)`: packets and bytes.
fn put_counter<'a>(fields: &mut Fields<'a>, word: &'a str, packets: &'static str, bytes: &'static str) {
    if let Some((count, size)) = word.split_once('(') {
        fields.number(packets, count);
        fields.number(bytes, size.trim_end_matches(')'));
    }
}

/// `FW: interface verdict [frame] PROTOCOL from to port port (n packets)`
fn filter<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let (_, text) = line.raw.split_once("FW: ")?;
    let (text, packets) = text.trim_end().rsplit_once(" (")?;
    let packets = packets
        .strip_suffix(" packets)")
        .or_else(|| packets.strip_suffix(" packet)"))?;
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    let [interface, verdict, .., transport, from, to, source_port, port] = words.as_slice() else {
        return None;
    };
    let (from, to) = (address(from)?, address(to)?);
    let action = match *verdict {
        "A" => "accept",
        "D" => "discard",
        "R" => "reject",
        _ => return None,
    };
    let mut event = Event::new(DATASET);
    let fields = &mut event.fields;
    fields.text("event.action", action);
    fields.text("observer.ingress.interface.name", interface);
    fields.text("network.transport", transport);
    fields.text("source.ip", from);
    fields.text("destination.ip", to);
    fields.port("source.port", source_port);
    fields.port("destination.port", port);
    fields.number("network.packets", packets);
    Some(event)
}

#[cfg(test)]
mod tests {
    use crate::formats::vendors::whole::{check, survives_truncation};

    #[test]
    fn flows() {
        let line = "RT_FLOW: RT_FLOW_SESSION_CLOSE: session closed TCP FIN: 192.0.2.7/50000->198.51.100.9/443 0x0 junos-https 203.0.113.1/6000->198.51.100.9/443 0x0 source rule nat1 N/A N/A 6 web trust untrust 4711 9(900) 7(700) 3 UNKNOWN UNKNOWN jane(staff) reth0.0 UNKNOWN";
        check(
            line,
            "juniper.junos",
            &[
                ("event.action", "RT_FLOW_SESSION_CLOSE"),
                ("event.reason", "TCP FIN"),
                ("source.ip", "192.0.2.7"),
                ("source.nat.port", "6000"),
                ("destination.bytes", "700"),
                ("rule.name", "web"),
                ("observer.ingress.zone", "trust"),
                ("service.name", "junos-https"),
                ("user.name", "jane"),
                ("observer.ingress.interface.name", "reth0.0"),
            ],
        );
        check(
            "<14>1 2026-03-01T10:00:00Z srx1 RT_FLOW - RT_FLOW_SESSION_DENY [junos@2636.1.1.1.2.26 source-address=\"192.0.2.7\" source-port=\"5\" destination-address=\"198.51.100.9\" destination-port=\"443\" policy-name=\"deny\" protocol-id=\"6\"]",
            "juniper.junos",
            &[
                ("source.ip", "192.0.2.7"),
                ("rule.name", "deny"),
                ("network.iana_number", "6"),
                ("event.action", "RT_FLOW_SESSION_DENY"),
            ],
        );
        check(
            "FW: ge-0/0/0.0   D icmp 192.0.2.7 198.51.100.9     8     0 (1 packets)",
            "juniper.junos",
            &[
                ("event.action", "discard"),
                ("network.packets", "1"),
                ("source.port", "8"),
            ],
        );
        survives_truncation(line);
    }

    #[test]
    fn commands() {
        let line = "Mar  1 10:00:00 r1 mgd[77]: UI_LOGIN_EVENT: User 'jane' login, class 'ops' [77], ssh-connection '192.0.2.7 40382 192.0.2.1 22', client-mode 'cli'";
        check(
            line,
            "juniper.junos",
            &[
                ("user.name", "jane"),
                ("source.ip", "192.0.2.7"),
                ("destination.port", "22"),
                ("event.provider", "mgd"),
                ("host.name", "r1"),
            ],
        );
        check(
            "mgd[77]: UI_CMDLINE_READ_LINE: User 'jane' command 'show | match \"ssh-connection '203.0.113.1 1\" '",
            "juniper.junos",
            &[
                (
                    "process.command_line",
                    "show | match \"ssh-connection '203.0.113.1 1\" ",
                ),
                ("source.ip", ""),
            ],
        );
        check(
            "sshd[7]: SSHD_LOGIN_FAILED: Login failed for user 'x' from host '203.0.113.1' from host '192.0.2.7'",
            "juniper.junos",
            &[("source.ip", "192.0.2.7"), ("event.action", "SSHD_LOGIN_FAILED")],
        );
        survives_truncation(line);
    }
}
