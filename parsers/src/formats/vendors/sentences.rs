//! Products whose lines are sentences in a fixed frame: ManageEngine PAM360, Systancia Cleanroom, Ekinops OneOS,
//! Kaspersky Endpoint Security, Tenable (Alsid) for Active Directory, Huawei VRP.
//!
//! ```text
//! ResourceAudit:jane:192.0.2.7 Password_Retrieved 2026/03/01 10:00:00 Success srv1 account:owner:N/A:N/A
//! Connexion d'un plugin utilisateur org:example, user:jane@corp, ip:192.0.2.7
//! Mar  1 10:00:00 router : #NOTIFY# Logged out user:jane from a ssh session with client ip: 192.0.2.7 on …
//! Event type: Error verifying application databases and modules\r\nResult description: Error\r\nUser: PC7\jane …
//! "0" "1" "Forest" "corp.example.org" "C-PASSWORD-DONT-EXPIRE" "medium" "CN=Jane,…" "28" "1" "R-DONT-EXPIRE-SET" …
//! Mar 1 2026 10:00:00 sw1 %%01SNMP/4/SNMP_FAIL(l)[7]:Failed to login through SNMP. (Ip=192.0.2.7, …)
//! ```

use crate::formats::fields::{Fields, address, host_port};
use crate::formats::text::layout;
use crate::formats::text::once::sure;
use crate::formats::text::pairs::Style;
use crate::formats::text::parts::{instant, is_blank, put_user, row, without_priority};
use crate::formats::text::url::put_url;
use crate::formats::text::{Event, Grammar, Line};
use crate::time;

pub(super) const GRAMMARS: &[Grammar] = &[
    Grammar {
        name: "ManageEngine PAM360",
        marks: &["ResourceAudit:", "UserAudit:", "TaskAudit:"],
        programs: &[],
        read: pam360,
    },
    Grammar {
        name: "Systancia Cleanroom",
        marks: &[
            " org:",
            " New process: \"",
            " Process end: \"",
            " key sequence :\"",
            " New window: \"",
            " Window title",
        ],
        programs: &[],
        read: cleanroom,
    },
    Grammar {
        name: "Ekinops OneOS",
        marks: &[" : #", ": #"],
        programs: &[],
        read: ekinops,
    },
    Grammar {
        name: "Kaspersky Endpoint Security",
        marks: &["Event type: "],
        programs: &[],
        read: kaspersky,
    },
    Grammar {
        name: "Tenable for Active Directory (Alsid)",
        marks: &["\" \""],
        programs: &[],
        read: alsid,
    },
    Grammar {
        name: "Huawei VRP",
        marks: &["%%01", "%%10", ":OID 1.3.6.1.4.1.2011."],
        programs: &[],
        read: huawei,
    },
];

/// `Kind:user:address Operation date time Status host target:owner:reason:comment`; words are joined by underscores.
fn pam360<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let text = ["ResourceAudit:", "UserAudit:", "TaskAudit:"]
        .iter()
        .find_map(|kind| line.raw.find(kind))
        .filter(|at| *at < 80)
        .map(|at| &line.raw[at..])?;
    let (head, rest) = text.split_once(' ')?;
    let (kind, who) = head.split_once(':')?;
    let (user, host) = who.rsplit_once(':')?;
    let (operation, rest) = rest.split_once(' ')?;
    let (micros, rest) = time::slashed(rest, line.context.timezone)?;
    let mut words = rest.trim_start().splitn(3, ' ');
    let (status, server, detail) = (words.next()?, words.next()?, words.next().unwrap_or_default());
    let mut event = Event::new("manageengine.pam360");
    event.time = Some(micros);
    let fields = &mut event.fields;
    fields.text("event.action", kind);
    fields.text("manageengine.pam360.operation", operation);
    match status {
        "Success" => fields.text("event.outcome", "success"),
        "Failure" | "Failed" => fields.text("event.outcome", "failure"),
        _ => {}
    }
    if !is_blank(user) {
        fields.text("user.name", user);
    }
    fields.text("source.ip", address(host).unwrap_or_default());
    fields.text("host.name", server);
    if kind == "ResourceAudit" {
        let mut parts = detail.splitn(4, ':');
        fields.known("manageengine.pam360.resource", parts.next().unwrap_or_default());
        fields.known("user.target.name", parts.next().unwrap_or_default());
        fields.known("manageengine.pam360.reason", parts.nth(1).unwrap_or_default());
    } else {
        fields.known("event.reason", detail);
    }
    fields.text("message", text);
    Some(event)
}

fn cleanroom<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let text = line.body.trim();
    if let Some((sentence, rest)) = text.rsplit_once(" org:")
        && let Some((organization, rest)) = rest.split_once(", user:")
        && let Some((user, host)) = rest.rsplit_once(", ip:")
    {
        let mut event = Event::new("systancia.cleanroom");
        let fields = &mut event.fields;
        fields.text("event.reason", sentence);
        fields.text("organization.name", organization);
        match user.strip_prefix('@') {
            Some(domain) => fields.text("user.domain", domain),
            None => put_user(fields, user),
        }
        fields.source(host);
        fields.text("message", text);
        return Some(event);
    }
    let (user, rest) = text.split_once(' ')?;
    if !user.contains('@') || user.ends_with(':') {
        return None;
    }
    // A domain may have a name of several words' first only: `jane@Azure SSO key sequence :"…"`.
    let known = [
        "New process: \"",
        "Process end: \"",
        "New window: \"",
        "key sequence :\"",
        "Window title",
    ];
    let at = known
        .iter()
        .find_map(|start| rest.find(start))
        .filter(|at| *at < 40)?;
    let mut event = Event::new("systancia.cleanroom");
    let fields = &mut event.fields;
    put_user(fields, user);
    fields.text("event.reason", rest);
    let said = &rest[at..];
    if let Some((kind, program)) = said.split_once(": \"")
        && kind.to_ascii_lowercase().contains("process")
    {
        fields.text("event.action", kind);
        fields.text("process.executable", program.strip_suffix('"').unwrap_or(program));
    }
    Some(event)
}

fn ekinops<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    // Nothing stands between the host and the colon, so that the header is no syslog header to some.
    let (head, text) = match line.body.starts_with('#') {
        true => ("", line.body),
        false => line.body.split_once(": #").filter(|(head, _)| head.len() < 64)?,
    };
    let (level, text) = text.trim_start_matches('#').split_once("# ")?;
    if !level.bytes().all(|b| b.is_ascii_uppercase()) {
        return None;
    }
    let mut event = Event::new("ekinops.oneos");
    let head = without_priority(head);
    if let Some((micros, rest)) = time::bsd(head, line.context.reference_time, line.context.timezone) {
        event.time = Some(micros);
        event.fields.text("host.name", rest.trim());
    }
    let fields = &mut event.fields;
    fields.text("log.level", level);
    let text = text.trim_end();
    // `… on Wed Feb 07 13:43:36 UTC 2024` is the router's own, at the end.
    let said = text.rsplit_once(" on ").map_or(text, |(said, _)| said);
    if let Some((what, rest)) = text.rsplit_once(" by user '") {
        fields.text("event.reason", what);
        fields.text("user.name", rest.split('\'').next().unwrap_or_default());
    } else if text.starts_with("Logged out user:") || text.starts_with("Logged in user:") {
        if let Some((head, host)) = said.rsplit_once(" with client ip: ") {
            fields.source(host);
            let (_, user) = head.split_once("user:")?;
            fields.text(
                "user.name",
                user.split_once(" from ").map_or(user, |(user, _)| user),
            );
        }
    } else if let Some(rest) = text.strip_prefix("IF: ") {
        let (interface, state) = rest.rsplit_once(' ')?;
        let interface = interface.split_once(" is ").map_or(interface, |(name, _)| name);
        fields.text("observer.ingress.interface.name", interface);
        fields.text("event.action", state);
    } else if let Some(rest) = text.strip_prefix("list ") {
        let _ = access_list(fields, rest);
    }
    fields.text("event.reason", text);
    Some(event)
}

/// `ACL-WAN permitted proto 9 192.0.2.7:547-> 198.51.100.9:546 11 matches`
fn access_list<'a>(fields: &mut Fields<'a>, text: &'a str) -> Option<()> {
    let mut words = text.split_ascii_whitespace();
    fields.text("rule.name", words.next()?);
    fields.text("event.action", words.next()?);
    let mut word = words.next()?;
    if word == "proto" {
        fields.text("network.iana_number", words.next()?);
        word = words.next()?;
    } else if !word.contains(':') {
        fields.text("network.transport", word);
        word = words.next()?;
    }
    let (host, port) = host_port(word.trim_end_matches("->"));
    fields.source(host);
    fields.source_port(port.unwrap_or_default());
    let (host, port) = host_port(words.find(|word| *word != "->")?);
    fields.destination(host);
    fields.port("destination.port", port.unwrap_or_default());
    Some(())
}

/// Lines of `Name: value`, their ends written as `\r\n`.
fn kaspersky<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let start = line.body.find("Event type: ")?;
    let text = &line.body[start..];
    if !text.contains("\\r\\n") {
        return None;
    }
    let mut event = Event::new("kaspersky.endpoint");
    for part in text.split("\\r\\n") {
        let Some((name, value)) = part.split_once(": ") else {
            continue;
        };
        let fields = &mut event.fields;
        match name {
            "Event type" => fields.text("event.reason", value),
            "Result description" => fields.text("event.action", value),
            "Error" => fields.text("error.message", value),
            "Object name" | "Object" => put_object(fields, value),
            "Object path" => fields.text("file.directory", value),
            "Name" | "Application" => fields.text("process.name", value),
            "User" => {
                let user = value.split_once(" (").map_or(value, |(user, _)| user);
                put_user(fields, user);
            }
            "Release date" | "Time" => {
                let zone = line.context.timezone;
                event.time = layout::read(value, "M/D/Y h:m:s p", zone).map(|(micros, _)| micros);
            }
            "MD5" => fields.text("file.hash.md5", value),
            "SHA256" => fields.text("file.hash.sha256", value),
            _ => {}
        }
    }
    event.fields.get("event.reason")?;
    Some(event)
}

fn put_object<'a>(fields: &mut Fields<'a>, object: &'a str) {
    if object.contains("://") {
        put_url(fields, object);
    } else if object.contains('\\') {
        fields.text("file.path", object);
    } else {
        fields.text("url.path", object);
    }
}

/// Texts in quotes, divided by spaces: kind, number, forest, domain, indicator, severity, object; then pairs of them.
fn alsid<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let start = line.body.find('"').filter(|at| *at < 64)?;
    let text = line.body[start..].trim();
    let kind = text.as_bytes().get(1)?;
    if !matches!(kind, b'0' | b'1' | b'2') || text.get(2..4) != Some("\" ") {
        return None;
    }
    // Pairs are `"name"="value"`: the cells in front of them have no sign between.
    let cells_end = text
        .find("\"=\"")
        .map_or(text.len(), |at| text[..at].rfind('"').unwrap_or_default());
    let cells = row(line, text[..cells_end].trim_end(), b' ');
    if cells.len() < 6 || !cells[1].bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let mut event = Event::new("tenable.ad");
    let fields = &mut event.fields;
    fields.text("tenable.ad.kind", cells[0]);
    fields.text("tenable.ad.forest", cells[2]);
    fields.text("tenable.ad.domain", cells[3]);
    if cells[4].starts_with("C-") {
        fields.text("rule.name", cells[4]);
        fields.text("log.level", cells[5]);
        fields.text("tenable.ad.object", cells.get(6).copied().unwrap_or_default());
        fields.text("event.reason", cells.get(9).copied().unwrap_or_default());
    }
    for part in text[cells_end..].split("\" \"") {
        let Some((name, value)) = part.split_once("\"=\"") else {
            continue;
        };
        let (name, value) = (name.trim_matches('"'), value.trim_matches('"'));
        match name {
            "AccountCn" | "UserCn" => {
                let name = value.split_once(" (").map_or(value, |(name, _)| name);
                fields.text("user.name", name);
            }
            "UserDomain" => fields.text("user.domain", value),
            _ => fields.text_named(line.name("tenable.ad.", name), value),
        }
    }
    Some(event)
}

/// `host %%01MODULE/level/MNEMONIC(l)[number]:text (Name=value, …)`; older releases leave the `%%01` out.
fn huawei<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let raw = line.raw.trim_start_matches('"');
    let (head, rest) = match raw.split_once("%%") {
        Some((head, rest)) => (head, rest.get(2..)?),
        None => {
            let (head, rest) = raw.split_once(":OID ")?;
            let (head, module) = head.rsplit_once(' ')?;
            (
                head,
                &raw[raw.len() - rest.len() - ":OID ".len() - module.len()..],
            )
        }
    };
    let (origin, text) = rest.split_once(':')?;
    let mut parts = origin.splitn(3, '/');
    let (module, level, mnemonic) = (parts.next()?, parts.next()?, parts.next()?);
    let is_word = |text: &str| {
        text.bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
    };
    if level.len() != 1 || !is_word(module) || module.is_empty() {
        return None;
    }
    let mnemonic = mnemonic.split('(').next()?;
    let head = without_priority(head.trim());
    let zone = line.context.timezone;
    let mut event = Event::headless("huawei.vrp");
    let fields = &mut event.fields;
    fields.text("event.action", mnemonic);
    fields.text("event.code", mnemonic);
    fields.text("event.provider", module);
    fields.number("event.severity", level);
    fields.text("message", text.trim_end_matches('"'));
    let mut names = head;
    if let Some((micros, rest)) = time::bsd(head, line.context.reference_time, zone) {
        event.time = Some(micros);
        // `2026 11:57:11.390.3`: the last number is a counter.
        names = rest
            .trim_start_matches(|c: char| c == '.' || c.is_ascii_digit())
            .trim();
    } else if let Some((micros, rest)) = instant_of(line, head) {
        event.time = Some(micros);
        names = rest.trim();
    }
    let fields = &mut event.fields;
    for (place, word) in names.split_ascii_whitespace().enumerate() {
        match address(word) {
            // In front of the device's text stand its names; a program with its text is none.
            None if place > 3 || word.contains([':', '[', '=', '"', '/']) => return None,
            // Where the line was sent to, or from: the device's own.
            Some(word) => fields.text("destination.ip", word),
            None => fields.text("observer.name", word),
        }
    }
    // The device's sentence has no brackets; a name may.
    let inner = text.split_once(" (").or_else(|| text.rsplit_once('('));
    if let Some((_, inner)) = inner {
        let inner = inner.rsplit_once(')').map_or(inner, |(inner, _)| inner);
        for (key, value) in sure(line, inner, Style::COMMAS, fields) {
            match key {
                "SourceIP" | "UserIP" | "Ip" | "IP" | "IpAddress" | "IPAddress" | "PeerIP" => {
                    fields.text("source.ip", address(value).unwrap_or_default());
                }
                "UserName" | "User" => put_user(fields, value),
                "VpnName" | "Reason" | "State" | "Task" | "Command" => {
                    fields.text_named(line.name("huawei.vrp.", key), value);
                }
                _ => {}
            }
        }
    }
    Some(event)
}

fn instant_of<'a>(line: &Line<'a>, text: &'a str) -> Option<(i64, &'a str)> {
    let (date, _) = text.split_at_checked(19)?;
    Some((instant(line, date, "")?, &text[19..]))
}

#[cfg(test)]
mod tests {
    use crate::formats::vendors::whole::{check, survives_truncation};

    #[test]
    fn pam360() {
        let line = "<38>Mar  1 10:00:00 pam1 ResourceAudit:jane:192.0.2.7 Password_Retrieved 2026/03/01 09:59:59 Success pam1 srv7:root:N/A:UserAudit:x:203.0.113.1";
        check(
            line,
            "manageengine.pam360",
            &[
                ("@timestamp", "2026-03-01T09:59:59.000Z"),
                ("event.action", "ResourceAudit"),
                ("user.name", "jane"),
                ("source.ip", "192.0.2.7"),
                ("host.name", "pam1"),
                ("user.target.name", "root"),
            ],
        );
        survives_truncation(line);
    }

    #[test]
    fn cleanroom() {
        let line = "Connexion d'un plugin utilisateur org:a, user:x, ip:203.0.113.1@corp, ip:192.0.2.7";
        check(
            line,
            "systancia.cleanroom",
            &[
                ("source.ip", "192.0.2.7"),
                ("organization.name", "a"),
                ("event.reason", "Connexion d'un plugin utilisateur"),
            ],
        );
        check(
            "jane@local New process: \"C:\\Windows\\a.exe\"",
            "systancia.cleanroom",
            &[
                ("process.executable", "C:\\Windows\\a.exe"),
                ("user.name", "jane"),
            ],
        );
        survives_truncation(line);
    }

    #[test]
    fn ekinops() {
        let line = "Mar  1 10:00:00 router : #INFO# list ACL-WAN permitted proto 9 192.0.2.7:547-> 198.51.100.9:546 11 matches";
        check(
            line,
            "ekinops.oneos",
            &[
                ("log.level", "INFO"),
                ("source.port", "547"),
                ("destination.ip", "198.51.100.9"),
                ("rule.name", "ACL-WAN"),
            ],
        );
        check(
            "Mar  1 10:00:00 router : #NOTIFY# Logged out user:x with client ip: 203.0.113.1 from a ssh session with client ip: 192.0.2.7 on Sun Mar 01 10:00:00 UTC 2026",
            "ekinops.oneos",
            &[("source.ip", "192.0.2.7")],
        );
        survives_truncation(line);
    }

    #[test]
    fn kaspersky() {
        let line = "Event type: Update failed\\r\\nResult description: Error\\r\\nObject name: C:\\a.exe\\r\\nUser: PC7\\jane (Active user)\\r\\nRelease date: 3/1/2026 3:49:00 PM";
        check(
            line,
            "kaspersky.endpoint",
            &[
                ("@timestamp", "2026-03-01T15:49:00.000Z"),
                ("event.reason", "Update failed"),
                ("user.name", "jane"),
                ("user.domain", "PC7"),
            ],
        );
        survives_truncation(line);
    }

    #[test]
    fn alsid() {
        let line = "\"0\" \"1\" \"Forest\" \"corp.example.org\" \"C-ADMIN-RESTRICT-AUTH\" \"high\" \"OU=a\" \"19\" \"2\" \"R-X\" \"49\" \"UserCn\"=\"Jane Doe (Root)\" \"UserDomain\"=\"corp.example.org\"";
        check(
            line,
            "tenable.ad",
            &[
                ("rule.name", "C-ADMIN-RESTRICT-AUTH"),
                ("user.name", "Jane Doe"),
                ("user.domain", "corp.example.org"),
                ("log.level", "high"),
            ],
        );
        survives_truncation(line);
    }

    #[test]
    fn huawei() {
        let line = "<188>Mar  1 2026 10:00:00.390.3 sw1 192.0.2.1 %%01SNMP/4/SNMP_FAIL(l)[4265]:Login failed. (SourceIPType=1, SourceIP=192.0.2.7)";
        check(
            line,
            "huawei.vrp",
            &[
                ("@timestamp", "2026-03-01T10:00:00.390Z"),
                ("event.action", "SNMP_FAIL"),
                ("source.ip", "192.0.2.7"),
                ("destination.ip", "192.0.2.1"),
                ("observer.name", "sw1"),
            ],
        );
        check(
            "<188>Mar  1 2026 10:00:00 sw1 LINE/4/USERLOGINFAIL:OID 1.3.6.1.4.1.2011.5.25.207.2.3 A user login fail. (UserIndex=129, UserName=jane, UserIP=192.0.2.7, UserChannel=VTY0)",
            "huawei.vrp",
            &[
                ("event.action", "USERLOGINFAIL"),
                ("user.name", "jane"),
                ("source.ip", "192.0.2.7"),
            ],
        );
        survives_truncation(line);
    }
}
