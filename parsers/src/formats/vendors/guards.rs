//! What watches over a Unix host: ConfigServer's lfd, xinetd, Samba's audit of logins and files.
//!
//! lfd repeats what it read elsewhere, so only its own sentence counts: what failed stands in front of ` from `, then the
//! address. Samba's audit of logins puts everything that a client chose in brackets, in a fixed order; the peer's address
//! stands behind them, in front of ` mapped to ` or ` became `, so it is found from the end.

use super::super::fields::{Fields, address};
use super::super::text::{Event, Grammar, Line};
use crate::value::Value;

/// Watchers.
pub(super) const GRAMMARS: &[Grammar] = &[
    Grammar {
        name: "lfd",
        marks: &[],
        programs: &["lfd"],
        read: read_lfd,
    },
    Grammar {
        name: "xinetd",
        marks: &[],
        programs: &["xinetd"],
        read: read_xinetd,
    },
    Grammar {
        name: "samba",
        marks: &["Auth: ["],
        programs: &["smbd", "smbd_audit", "samba", "nmbd", "winbindd"],
        read: read_samba,
    },
];

/// `(sshd) Failed SSH login from 192.0.2.1 (US/United States/host): 5 in the last 300 secs - *Blocked in csf* [LF_SSHD]`,
/// `SSH login: user jane from 192.0.2.1 using password authentication`, `*Port Scan* detected from 192.0.2.1 (…). …`.
fn read_lfd<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let mut event = Event::new("lfd.log");
    let fields = &mut event.fields;
    let text = line.body.trim();
    let (service, text) = match text.strip_prefix('(').and_then(|rest| rest.split_once(") ")) {
        Some(split) => split,
        None => ("", text),
    };
    fields.text("service", service);
    let Some((what, rest)) = text.split_once(" from ") else {
        return Some(event);
    };
    let (host, detail) = rest.split_once(' ').unwrap_or((rest, ""));
    let Some(ip) = address(host.trim_end_matches([':', '.', ','])) else {
        return Some(event);
    };
    let blocked = detail.contains("*Blocked in csf*");
    fields.event(if blocked { "blocked" } else { "detected" }, "");
    fields.category("intrusion_detection");
    fields.text("source.ip", ip);
    fields.text("event.reason", what);
    if let Some((_, name)) = what.rsplit_once("user ") {
        fields.text("user.name", name);
    }
    if let Some((trigger, _)) = detail.rsplit_once('[').and_then(|(_, rest)| rest.split_once(']')) {
        fields.text("rule.name", trigger);
    }
    Some(event)
}

/// `START: telnet pid=1 from=192.0.2.1`, `FAIL: telnet address from=192.0.2.1`, `EXIT: telnet status=0 pid=1 duration=2(sec)`.
fn read_xinetd<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let mut event = Event::new("xinetd.log");
    let fields = &mut event.fields;
    let text = line.body.trim();
    let Some((verb, rest)) = text.split_once(": ") else {
        return Some(event);
    };
    let (action, outcome) = match verb {
        "START" => ("started", "success"),
        "FAIL" => ("refused", "failure"),
        "EXIT" => ("ended", ""),
        _ => return Some(event),
    };
    let (service, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    fields.event(action, outcome);
    fields.category("network");
    fields.text("service", service);
    for word in rest.split(' ') {
        match word.split_once('=') {
            Some(("from", host)) => fields.source(host),
            Some(("pid", pid)) => fields.number("process.child.pid", pid),
            Some(("duration", time)) => fields.text("duration", time.trim_end_matches("(sec)")),
            Some(("status", status)) => fields.text("status", status),
            None if verb == "FAIL" => fields.text("event.reason", word),
            _ => {}
        }
    }
    Some(event)
}

/// `Auth: [SMB2,(null)] user [DOM]\[jane] at [Sun, 22 Nov 2026 16:00:00 UTC] with [NTLMv2] status [NT_STATUS_WRONG_PASSWORD]
/// workstation [PC1] remote host [ipv4:192.0.2.1:50000] mapped to [DOM]\[jane]. local host [ipv4:192.0.2.2:445]`, and
/// `jane|192.0.2.1|share|open|ok|r|file` of the module `full_audit`.
fn read_samba<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let named = matches!(
        line.program(),
        "smbd" | "smbd_audit" | "samba" | "nmbd" | "winbindd"
    );
    if line.header.tag.is_some() && !named {
        return None;
    }
    let mut event = Event::new("samba.log");
    let fields = &mut event.fields;
    let text = line.body.trim();
    let known = match text.find("Auth: [") {
        Some(at) if at == 0 || named => login(&text[at + "Auth: ".len()..], fields),
        _ => named && text.contains('|') && audited(text, fields),
    };
    (known || named).then_some(event)
}

fn login<'a>(text: &'a str, fields: &mut Fields<'a>) -> bool {
    let Some((service, rest)) = text
        .strip_prefix('[')
        .and_then(|rest| rest.split_once("] user ["))
    else {
        return false;
    };
    // Names and the workstation are the client's: if they hold the server's words, nothing of what follows is certain.
    let marks = [
        "] at [",
        "] with [",
        "] status [",
        "] workstation [",
        "] remote host [",
    ];
    if marks.iter().any(|mark| rest.matches(mark).nth(1).is_some()) {
        fields.event("login", "unknown");
        fields.category("authentication");
        return true;
    }
    let Some((names, rest)) = rest.rsplit_once("] at [") else {
        return false;
    };
    let Some((_, peer)) = rest.rsplit_once("] remote host [") else {
        return false;
    };
    let (peer, _) = peer.split_once(']').unwrap_or((peer, ""));
    let Some((_, status)) = rest.split_once("] status [") else {
        return false;
    };
    let status = status.split(']').next().unwrap_or_default();
    fields.event(
        "login",
        if status == "NT_STATUS_OK" {
            "success"
        } else {
            "failure"
        },
    );
    fields.category("authentication");
    let (domain, user) = names.split_once("]\\[").unwrap_or(("", names));
    fields.text("service", service);
    fields.known("user.domain", domain);
    fields.known("user.name", user);
    fields.text("status", status);
    fields.text("event.reason", status);
    if let Some((_, method)) = rest.split_once("] with [") {
        fields.text("method", method.split(']').next().unwrap_or_default());
    }
    if let Some((_, station)) = rest.split_once("] workstation [") {
        fields.known("source.domain", station.split(']').next().unwrap_or_default());
    }
    let peer = peer
        .strip_prefix("ipv4:")
        .or_else(|| peer.strip_prefix("ipv6:"))
        .unwrap_or(peer);
    if let Some((ip, port)) = peer.rsplit_once(':') {
        fields.text("source.ip", address(ip).unwrap_or_default());
        fields.source_port(port);
    }
    true
}

/// What the module writes by default: prefix, operation, result, and what it was about.
fn audited<'a>(text: &'a str, fields: &mut Fields<'a>) -> bool {
    let parts: Vec<&str> = text.split('|').collect();
    let Some(at) = parts
        .iter()
        .position(|part| *part == "ok" || part.starts_with("fail"))
        .filter(|at| *at >= 1)
    else {
        return false;
    };
    fields.event(
        parts[at - 1],
        if parts[at] == "ok" { "success" } else { "failure" },
    );
    fields.category("file");
    if let Some(path) = parts.last().filter(|_| parts.len() > at + 1) {
        fields.text("file.path", path);
    }
    // The prefix is the administrator's, mostly `%u|%I` or `%u|%I|%S`.
    let mut prefix = parts[..at - 1].iter();
    if let Some(user) = prefix.next() {
        fields.text("user.name", user);
    }
    for part in prefix {
        match address(part) {
            Some(ip) => fields.text("source.ip", ip),
            None => fields.put("share", Value::Str(part)),
        }
    }
    true
}
