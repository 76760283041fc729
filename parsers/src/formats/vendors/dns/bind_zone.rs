//! BIND's messages that start with no client: zones, transfers, what went wrong while a name was resolved.

use super::super::super::fields::Fields;
use super::{endpoint, name, put_question};
use crate::value::Value;

/// Reads a message; whether it is one of those that are known. `sure`: BIND wrote it, so that short ones count too.
pub(super) fn dissect<'a>(text: &'a str, sure: bool, fields: &mut Fields<'a>) -> bool {
    if let Some(rest) = text.strip_prefix("zone ") {
        zone(rest, fields)
    } else if let Some(rest) = text.strip_prefix("transfer of '") {
        transfer(rest, fields)
    } else if let Some(rest) = text.strip_prefix("rpz: ") {
        policy_zone(rest, fields)
    } else if let Some(rest) = text.strip_prefix("DNS format error from ") {
        format_error(rest, fields)
    } else if let Some(rest) = text.strip_prefix("dns_diff_apply: ") {
        // `host.example.org/A/IN: del not exact`
        let (question, reason) = rest.split_once(": ").unwrap_or((rest, ""));
        fields.event("diff_apply", "failure");
        put_question(question, fields);
        fields.text("event.reason", reason);
        true
    } else if let Some(rest) = text.strip_prefix("createfetch: ")
        && let Some((asked, kind)) = rest.split_once(' ')
    {
        fields.event("createfetch", "");
        fields.text("dns.question.name", name(asked));
        fields.text("dns.question.type", kind);
        true
    } else if let Some(rest) = text.strip_prefix("validating ") {
        validating(rest, sure, fields)
    } else if let Some(at) = text.find(" resolving '") {
        resolving(&text[..at], &text[at + " resolving '".len()..], fields)
    } else {
        listening(text, fields)
    }
}

/// `listening on IPv4 interface eth0, 192.0.2.1#53`, `no longer listening on 192.0.2.1#53`.
fn listening<'a>(text: &'a str, fields: &mut Fields<'a>) -> bool {
    let (action, rest) = match (
        text.strip_prefix("listening on "),
        text.strip_prefix("no longer listening on "),
    ) {
        (Some(rest), _) => ("listening", rest),
        (_, Some(rest)) => ("not_listening", rest),
        _ => return false,
    };
    let (interface, at) = rest.rsplit_once(", ").unwrap_or(("", rest));
    let Some((ip, port, _)) = endpoint(at) else {
        return false;
    };
    fields.event(action, "");
    fields.text("server.ip", ip);
    fields.text("server.port", port);
    fields.text("interface", interface.rsplit(' ').next().unwrap_or_default());
    true
}

/// `10.in-addr.arpa/IN`, `example.com/IN/view`.
pub(super) fn put_zone<'a>(zone: &'a str, fields: &mut Fields<'a>) {
    let mut parts = zone.split('/');
    fields.text("rpz.name", parts.next().unwrap_or_default());
    if let Some(class) = parts.next() {
        fields.text("rpz.type", class);
    }
    fields.text("view", parts.next().unwrap_or_default());
}

/// `example.com/IN: refresh: failure trying master 192.0.2.1#53: timed out`
fn zone<'a>(text: &'a str, fields: &mut Fields<'a>) -> bool {
    let Some((zone, rest)) = text.split_once(": ") else {
        return false;
    };
    if zone.contains(' ') || !zone.contains('/') {
        return false;
    }
    put_zone(zone, fields);
    fields.text("dns.question.class", zone.split('/').nth(1).unwrap_or_default());
    if let Some(rest) = rest.strip_prefix("refused notify from non-master: ") {
        fields.event("refused notify", "failure");
        fields.text("event.reason", rest);
        if let Some((ip, port, _)) = endpoint(rest) {
            fields.text("source.ip", ip);
            fields.text("source.port", port);
        }
        return true;
    }
    if let Some(status) = rest.strip_prefix("Transfer ") {
        fields.event("transfer", "");
        fields.put("rpz.action", Value::Str("transfer"));
        fields.text("rpz.status", status.trim_end_matches('.'));
    } else if rest.starts_with("transferred serial ") {
        fields.event("transfer", "success");
        fields.put("rpz.action", Value::Str("transfer"));
    } else if let Some((record, reason)) = rest.split_once(": ")
        && record.contains('/')
        && !record.contains(' ')
    {
        put_question(record, fields);
        fields.event("zone", "failure");
        fields.text("event.reason", reason);
    } else {
        fields.event("zone", "");
    }
    if let Some((ip, port, _)) = rest.strip_prefix("notify from ").and_then(endpoint) {
        fields.text("source.ip", ip);
        fields.text("source.port", port);
    }
    // A server that the zone comes from or goes to stands behind fixed words.
    for mark in ["master ", "primary ", "primaries ", "server "] {
        if let Some((ip, port, _)) = rest.split_once(mark).and_then(|(_, after)| endpoint(after)) {
            fields.text("destination.ip", ip);
            fields.text("destination.port", port);
            break;
        }
    }
    fields.text("event.reason", rest);
    true
}

/// `example.com/IN' from 192.0.2.1#53: Transfer status: success`, behind `transfer of '`.
fn transfer<'a>(text: &'a str, fields: &mut Fields<'a>) -> bool {
    let Some((zone, rest)) = text.split_once("' from ") else {
        return false;
    };
    let Some((ip, port, rest)) = endpoint(rest) else {
        return false;
    };
    put_zone(zone, fields);
    fields.text("source.ip", ip);
    fields.text("source.port", port);
    fields.put("rpz.action", Value::Str("transfer"));
    let reason = rest.trim_start_matches([':', ' ']);
    fields.text("event.reason", reason);
    let (status, outcome) = if let Some(status) = reason.strip_prefix("Transfer status: ") {
        (status, if status == "success" { "success" } else { "failure" })
    } else if reason.starts_with("Transfer completed") {
        ("completed", "success")
    } else if let Some(rest) = reason.strip_prefix("failed ") {
        let cut = rest.rfind(": ").unwrap_or(rest.len());
        fields.text("error.message", &reason[.."failed ".len() + cut]);
        ("failed", "failure")
    } else {
        ("", "")
    };
    fields.text("rpz.status", status);
    fields.event("transfer", outcome);
    true
}

/// `bad-nameservers.example: reload start`, behind `rpz: `.
fn policy_zone<'a>(text: &'a str, fields: &mut Fields<'a>) -> bool {
    let Some((zone, rest)) = text.split_once(": ").filter(|(zone, _)| !zone.contains(' ')) else {
        return false;
    };
    fields.text("rpz.name", zone);
    match rest.split_once(' ') {
        Some((action @ ("reload" | "update"), status)) => {
            fields.event(action, "");
            fields.text("rpz.action", action);
            fields.text("rpz.status", status);
        }
        _ => {
            fields.event("rpz", "");
            fields.text("error.message", rest);
        }
    }
    true
}

/// `example.com/SOA: no valid signature found`, behind `validating `; older versions put `@0x7f00: ` in front.
fn validating<'a>(text: &'a str, sure: bool, fields: &mut Fields<'a>) -> bool {
    let text = match text.split_once(": ") {
        Some((id, rest)) if id.starts_with("@0x") => rest,
        _ => text,
    };
    let Some((question, reason)) = text.split_once(": ") else {
        return false;
    };
    if question.contains(' ') || !(sure || question.contains('/')) {
        return false;
    }
    fields.event("validating", "failure");
    fields.put("rpz.action", Value::Str("validating"));
    match question.split_once(' ') {
        Some((asked, kind)) => {
            fields.text("dns.question.name", name(asked));
            fields.text("dns.question.type", kind);
        }
        None => put_question(question, fields),
    }
    fields.text("error.message", reason);
    true
}

/// `192.0.2.1#53 resolving www.example.org/A for <unknown>: server sent FORMERR`.
fn format_error<'a>(text: &'a str, fields: &mut Fields<'a>) -> bool {
    let Some((ip, port, rest)) = endpoint(text) else {
        return false;
    };
    fields.event("format_error", "failure");
    fields.text("server.ip", ip);
    fields.text("server.port", port);
    if let Some((asked, reason)) = rest
        .strip_prefix(" resolving ")
        .and_then(|rest| rest.split_once(": "))
    {
        put_question(asked.split(' ').next().unwrap_or_default(), fields);
        fields.text("event.reason", reason);
    }
    true
}

/// `lame server resolving 'www.example.com' (in 'example.com'?): 192.0.2.1#53`: `what` in front of the name, `rest` behind
/// its first quote.
fn resolving<'a>(what: &'a str, rest: &'a str, fields: &mut Fields<'a>) -> bool {
    let Some((asked, rest)) = rest.split_once('\'') else {
        return false;
    };
    let server = rest.rsplit_once(": ").and_then(|(_, server)| endpoint(server));
    if server.is_none() && !rest.starts_with(" after ") {
        return false;
    }
    put_question(asked, fields);
    if let Some((ip, port, _)) = server {
        fields.text("destination.ip", ip);
        fields.text("destination.port", port);
    }
    let (first, others) = what.split_once(' ').unwrap_or((what, ""));
    if first.len() >= 6 && first.bytes().all(|b| b.is_ascii_uppercase()) {
        fields.event(first, "failure");
        fields.text("dns.response_code", first);
        fields.text("event.reason", others);
    } else {
        fields.event("resolving", if what == "success" { "success" } else { "failure" });
        // `unexpected RCODE (REFUSED) resolving …`
        if let Some((code, _)) = what.split_once('(').and_then(|(_, rest)| rest.split_once(')')) {
            let code = code.rsplit(' ').next().unwrap_or_default();
            fields.text("dns.response_code", code);
        }
        fields.text("event.reason", what);
    }
    true
}
