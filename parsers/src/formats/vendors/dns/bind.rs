//! BIND: `queries: info: client @0x7f00 192.0.2.1#53000 (www.example.com): query: www.example.com IN A +E(0)K (192.0.2.53)`.
//!
//! In front may stand a time (`19-Oct-2026 05:34:02.425`, or ISO), a category and a level, each or none. A client's line
//! starts with its address; then come the name in parentheses, the view, and what it asked. Everything is read from the
//! front: no part but the last may hold a space.

use super::super::super::fields::Fields;
use super::super::super::text::{Event, Grammar, Line};
use super::{bind_zone, endpoint, name, put_question};
use crate::time;
use crate::value::Value;

/// See the [module](self).
pub(super) const GRAMMAR: Grammar = Grammar {
    name: "bind",
    marks: &[
        "client @0x",
        "client ",
        "zone ",
        "transfer of '",
        "rpz: ",
        " resolving '",
        "createfetch: ",
        "validating ",
        "List Matched ",
        "DNS format error from ",
        "listening on ",
        "queries: ",
        "resolver: ",
        "general: ",
        "lame-servers: ",
        "xfer-in: ",
        "xfer-out: ",
        "dns_diff_apply: ",
    ],
    programs: &["named", "named-chroot", "isc-named", "named-sdb", "named-pkcs11"],
    read,
};

/// Logging categories.
const CATEGORIES: [&str; 30] = [
    "client",
    "cname",
    "config",
    "database",
    "default",
    "delegation-only",
    "dispatch",
    "dnssec",
    "dnstap",
    "edns-disabled",
    "general",
    "lame-servers",
    "network",
    "notify",
    "nsid",
    "queries",
    "query-errors",
    "rate-limit",
    "resolver",
    "responses",
    "rpz",
    "rpz-passthru",
    "security",
    "serve-stale",
    "spill",
    "trust-anchor-telemetry",
    "unmatched",
    "update",
    "update-security",
    "zoneload",
];

fn read<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let program = line.program();
    let named = program == "named" || program.starts_with("named-") || program == "isc-named";
    let mut event = Event::new("bind.log");
    let mut text = line.body;
    if !named {
        match line.header.tag {
            // A file with syslog's time has the category where the program would stand.
            Some(tag) if line.header.process_id.is_none() && is_category(tag) => {
                let (time, rest) = time::bsd(line.raw, line.context.reference_time, line.context.timezone)
                    .or_else(|| time::iso(line.raw, line.context.timezone))?;
                event.time = Some(time);
                text = rest;
            }
            Some(_) => return None,
            None => text = line.raw,
        }
    }
    let mut text = text.trim();
    if let Some((time, rest)) =
        time::dashed(text, line.context.timezone).or_else(|| time::iso(text, line.context.timezone))
    {
        event.time = Some(time);
        text = rest.trim_start();
    }
    let fields = &mut event.fields;
    let has_time = text.len() != line.raw.trim().len();
    if let Some((category, rest)) = text.split_once(": ")
        && is_category(category)
        // A policy zone's line starts like the category.
        && (category != "rpz" || rest.split_once(": ").is_some_and(|(level, _)| is_level(level)))
    {
        fields.text("category", category);
        text = rest;
    }
    if let Some((level, rest)) = text.split_once(": ")
        && is_level(level)
    {
        fields.text("log.level", level);
        text = rest;
    }
    let leveled = has_time && fields.get("category").is_some() && fields.get("log.level").is_some();
    let mut view = false;
    if let Some(rest) = text.strip_prefix("view ")
        && let Some((name, rest)) = rest.split_once(": ")
        && !name.contains(' ')
    {
        fields.text("view", name);
        text = rest.trim_start();
        view = true;
    }
    let known = client(text, fields) || bind_zone::dissect(text, view || named, fields);
    if !known && !named && !leveled {
        return None;
    }
    fields.category("network");
    fields.put("network.protocol", Value::Str("dns"));
    if !named {
        fields.put("message", Value::Str(text));
        if line.header.tag.is_some() {
            // The header took the category for the program.
            fields.put("process.name", Value::Str("named"));
        }
    }
    Some(event)
}

fn is_category(text: &str) -> bool {
    CATEGORIES.contains(&text)
        || matches!(
            text,
            "xfer-in" | "xfer-out" | "sslkeylog" | "query_errors" | "queries-log"
        )
}

fn is_level(text: &str) -> bool {
    matches!(
        text,
        "critical" | "crit" | "error" | "warning" | "notice" | "info" | "debug" | "dynamic"
    ) || text
        .strip_prefix("debug ")
        .is_some_and(|level| level.parse::<u8>().is_ok())
}

/// `client @0x7f00 192.0.2.1#53000/key name (www.example.com): view x: …`; Infoblox's DNS Guardian writes
/// `List Matched` in place of `client`.
fn client<'a>(text: &'a str, fields: &mut Fields<'a>) -> bool {
    let Some(mut rest) = text
        .strip_prefix("client ")
        .or_else(|| text.strip_prefix("List Matched "))
    else {
        return false;
    };
    if let Some((id, after)) = rest.split_once(' ')
        && id.starts_with("@0x")
    {
        fields.text("client_id", id);
        rest = after;
    }
    let Some((ip, port, mut rest)) = endpoint(rest) else {
        return false;
    };
    fields.text("source.ip", ip);
    fields.text("source.port", port);
    if let Some((key, after)) = rest
        .strip_prefix("/key ")
        .and_then(|rest| rest.split_once([' ', ':']))
    {
        fields.text("key", key);
        rest = after;
    }
    let mut asked = "";
    if let Some((inner, after)) = rest.strip_prefix(" (").and_then(|rest| rest.split_once("): ")) {
        asked = inner;
        rest = after;
    } else if let Some(after) = rest.strip_prefix(": ") {
        rest = after;
    }
    if let Some((view, after)) = rest.strip_prefix("view ").and_then(|rest| rest.split_once(": ")) {
        fields.text("view", view);
        rest = after;
    }
    request(rest, fields);
    fields.text("dns.question.name", name(asked));
    true
}

/// What a client asked for, and what came of it.
fn request<'a>(text: &'a str, fields: &mut Fields<'a>) {
    let (transport, text) = match (text.strip_prefix("UDP: "), text.strip_prefix("TCP: ")) {
        (Some(rest), _) => ("udp", rest),
        (_, Some(rest)) => ("tcp", rest),
        _ => ("", text),
    };
    fields.text("network.transport", transport);
    if let Some(rest) = text.strip_prefix("query: ") {
        fields.event("query", "");
        fields.put("dns.type", Value::Str("query"));
        question(rest, fields);
    } else if let Some(rest) = text
        .strip_prefix("answer: ")
        .or_else(|| text.strip_prefix("response: "))
    {
        fields.event("answer", "");
        fields.put("dns.type", Value::Str("answer"));
        question(rest, fields);
    } else if let Some(rest) = text.strip_prefix("query ")
        && let Some((asked, verdict)) = quoted(rest)
    {
        // `query (cache) 'example.com/A/IN' denied (allow-query-cache did not match)`
        put_question(asked, fields);
        denied("query", verdict, fields);
    } else if let Some(rest) = text.strip_prefix("query ")
        && rest.ends_with("denied")
    {
        denied("query", " denied", fields);
    } else if let Some(rest) = text.strip_prefix("query failed (")
        && let Some((code, rest)) = rest.split_once(") for ")
    {
        // `query failed (SERVFAIL) for example.com/IN/A at query.c:5588`
        fields.event("query_failed", "failure");
        fields.text("dns.response_code", code);
        fields.text("event.reason", text);
        let asked = rest.split(' ').next().unwrap_or_default();
        let mut parts = asked.rsplitn(3, '/');
        if let (Some(kind), Some(class), Some(question)) = (parts.next(), parts.next(), parts.next()) {
            fields.text("dns.question.name", name(question));
            fields.text("dns.question.type", kind);
            fields.text("dns.question.class", class);
        }
    } else if let Some(rest) = text.strip_prefix("rpz ") {
        rpz(rest, text, fields);
    } else if let Some(rest) = text.strip_prefix("updating zone '")
        && let Some((zone, rest)) = rest.split_once("': ")
    {
        // `updating zone 'example.com/IN': deleting rrset at 'test.example.com' AAAA`
        bind_zone::put_zone(zone, fields);
        let (action, reason) = rest.split_once(' ').unwrap_or((rest, ""));
        fields.event(action, "");
        fields.text("event.reason", reason);
        if let Some((host, kind)) = reason.split_once(" at '").and_then(|(_, at)| at.split_once("' ")) {
            fields.text("dns.question.name", name(host));
            fields.text("dns.question.type", kind.split(' ').next().unwrap_or_default());
        }
    } else if text.starts_with("no matching view") {
        fields.event("no matching view", "failure");
        fields.text("event.reason", text);
    } else if let Some((what, rest)) = text.split_once('\'')
        && let Some((zone, verdict)) = rest.split_once('\'')
    {
        // `zone transfer 'example.com/AXFR/IN' denied`, `transfer of 'example.com/IN': IXFR ended: …`,
        // `bad zone transfer request: 'example.com/IN': non-authoritative zone (NOTAUTH)`, `update 'example.com/IN' denied`,
        // `received notify for zone 'example.com'`
        let what = what.trim_end_matches([' ', ':']);
        put_question(zone, fields);
        bind_zone::put_zone(zone, fields);
        match verdict.strip_prefix(" denied") {
            Some(_) => denied(what, verdict, fields),
            None => {
                let failed = what.starts_with("bad ") || verdict.contains("failed");
                fields.event(what, if failed { "failure" } else { "" });
                fields.text("event.reason", verdict.trim_start_matches([':', ' ']));
            }
        }
    } else {
        fields.text("event.reason", text);
    }
}

/// `name 'x' rest` or `(cache) 'x' rest`: what stands in the first quotes, and the rest.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let (before, rest) = text.split_once('\'')?;
    (before.is_empty() || (before.starts_with('(') && before.ends_with(") ")))
        .then(|| rest.split_once('\''))
        .flatten()
}

fn denied<'a>(what: &'a str, verdict: &'a str, fields: &mut Fields<'a>) {
    let outcome = if verdict.starts_with(" denied") {
        "failure"
    } else {
        ""
    };
    fields.event(what, outcome);
    fields.text("event.reason", verdict.trim());
}

/// `www.example.com IN A +E(0)K (192.0.2.53) [ECS 198.51.100.0/24/0]`, with `-> NOERROR …` behind it in answers;
/// Infoblox: `www.example.com IN A response: NXDOMAIN +AE`.
fn question<'a>(text: &'a str, fields: &mut Fields<'a>) {
    let mut words = text.splitn(4, ' ');
    let asked = words.next().unwrap_or_default();
    fields.text("dns.question.name", name(asked));
    fields.text("dns.question.class", words.next().unwrap_or_default());
    fields.text("dns.question.type", words.next().unwrap_or_default());
    let mut rest = words.next().unwrap_or_default();
    if let Some(after) = rest.strip_prefix("response: ") {
        let (code, after) = after.split_once(' ').unwrap_or((after, ""));
        fields.text("dns.response_code", code);
        rest = after;
    }
    if rest.starts_with(['+', '-']) && !rest.starts_with("->") {
        let (flags, after) = rest.split_once(' ').unwrap_or((rest, ""));
        fields.text("log.question.flags", flags);
        rest = after;
    }
    if let Some((server, after)) = rest.strip_prefix('(').and_then(|rest| rest.split_once(')')) {
        fields.destination(server);
        fields.put("destination.port", Value::Int(53));
        rest = after;
    }
    if let Some(answer) = rest.trim_start().strip_prefix("-> ") {
        let (code, records) = answer.split_once(' ').unwrap_or((answer, ""));
        fields.text("dns.response_code", code);
        fields.text("answers", records);
    } else if let Some((subnet, _)) = rest
        .trim_start()
        .strip_prefix("[ECS ")
        .and_then(|rest| rest.split_once(']'))
    {
        fields.text("client_subnet", subnet);
    } else {
        fields.text("answers", rest.trim());
    }
}

/// `QNAME PASSTHRU rewrite id.example.com/A/IN via id.example.com.wl.rpz`; `text` is all of it for messages of errors.
fn rpz<'a>(rest: &'a str, text: &'a str, fields: &mut Fields<'a>) {
    let Some((policy, rest)) = rest.split_once(" rewrite ") else {
        return fields.text("event.reason", text);
    };
    fields.event("rewrite", "");
    fields.put("rpz.action", Value::Str("rewrite"));
    fields.text("rpz.policy", policy);
    let (asked, via) = rest.split_once(" via ").unwrap_or((rest, ""));
    match asked.contains('/') {
        true => put_question(asked, fields),
        false => fields.text("dns.question.name", name(asked)),
    }
    let (trigger, detail) = via.split_once(' ').unwrap_or((via, ""));
    fields.text("rpz.trigger", trigger);
    if let Some((reason, code)) = text.rsplit_once(" failed: ") {
        // `… rpz_rrset_find() failed: SERVFAIL`
        fields.text("dns.response_code", code);
        fields.text(
            "error.message",
            text.get(..reason.len() + " failed".len()).unwrap_or(reason),
        );
    } else {
        fields.text("event.reason", detail.trim_matches(['(', ')']));
    }
}
