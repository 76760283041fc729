//! Unbound: `[1790000000] unbound[17265:0] info: 192.0.2.9 example.com. A IN`.
//!
//! Behind syslog the process and thread stand in brackets and then the level; in a file of its own the time stands in
//! brackets first. A query is an address, a name, a type and a class; a reply adds a code, a duration, whether it came
//! from the cache, and its size.

use super::super::super::fields::{Fields, address};
use super::super::super::text::{Event, Grammar, Line};
use super::{endpoint, is_class, name};
use crate::time;
use crate::value::Value;

/// See the [module](self).
pub(super) const GRAMMAR: Grammar = Grammar {
    name: "unbound",
    marks: &[
        "] info: ",
        "] query: ",
        "] reply: ",
        "] error: ",
        "] notice: ",
        "] warning: ",
        "] fatal error: ",
    ],
    programs: &["unbound"],
    read,
};

fn read<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let named = line.program() == "unbound";
    if line.header.tag.is_some() && !named {
        return None;
    }
    let mut event = Event::new("unbound.log");
    let mut rest = if named { line.body } else { line.raw.trim() };
    let mut sure = named;
    if let Some((stamp, after)) = rest
        .strip_prefix('[')
        .and_then(|rest| rest.split_once("] unbound"))
    {
        event.time = Some(time::epoch(stamp)?);
        rest = after;
        sure = true;
        event.fields.put("process.name", Value::Str("unbound"));
    }
    let fields = &mut event.fields;
    if let Some((inside, after)) = rest.strip_prefix('[').and_then(|rest| rest.split_once("] ")) {
        let (pid, thread) = inside.split_once(':')?;
        let is_thread = !thread.is_empty() && thread.bytes().all(|b| b.is_ascii_hexdigit());
        if !is_thread || !pid.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        fields.number("process.pid", pid);
        fields.text("thread", thread);
        rest = after;
    } else if !sure {
        return None;
    }
    let (level, text) = rest.split_once(": ")?;
    if !matches!(
        level,
        "info" | "query" | "reply" | "error" | "notice" | "warning" | "debug" | "fatal error"
    ) {
        return None;
    }
    fields.put("network.protocol", Value::Str("dns"));
    fields.category("network");
    match level {
        "query" | "reply" => fields.put(
            "dns.type",
            Value::Str(if level == "reply" { "answer" } else { "query" }),
        ),
        _ => fields.text("log.level", level),
    }
    if !question(text, fields) {
        if level == "error"
            && let Some((kind, message)) = text.split_once(": ")
        {
            fields.text("error.type", kind);
            fields.text("error.message", message);
        }
        step(text, fields);
    }
    if !named {
        fields.put("message", Value::Str(text));
    }
    Some(event)
}

/// `192.0.2.9 example.com. A IN` and, in replies, `NOERROR 0.000000 1 45`.
fn question<'a>(text: &'a str, fields: &mut Fields<'a>) -> bool {
    let mut words = text.split(' ');
    let (Some(client), Some(asked), Some(kind), Some(class)) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return false;
    };
    let Some(ip) = address(client.split_once('@').map_or(client, |(ip, _)| ip)) else {
        return false;
    };
    if !is_class(class) {
        return false;
    }
    fields.event("query", "");
    if let Some((_, port)) = client.split_once('@') {
        fields.source_port(port);
    }
    fields.text("source.ip", ip);
    fields.text("dns.question.name", name(asked));
    fields.text("dns.question.type", kind);
    fields.text("dns.question.class", class);
    if let Some(code) = words.next() {
        fields.text("dns.response_code", code);
        fields.text("response.seconds", words.next().unwrap_or_default());
        fields.text("response.cached", words.next().unwrap_or_default());
        fields.number("response.size", words.next().unwrap_or_default());
    }
    true
}

/// What Unbound does for a name: `resolving example.org. A IN`, `validation failure <example.org. A IN>: reason`,
/// `reply from <example.org.> 192.0.2.53#53`.
fn step<'a>(text: &'a str, fields: &mut Fields<'a>) {
    const STEPS: [(&str, &str, &str); 5] = [
        ("generate keytag query ", "keytag_query", ""),
        ("resolving ", "resolving", ""),
        ("response for ", "response", ""),
        ("validation success ", "validation", "success"),
        ("validation failure <", "validation", "failure"),
    ];
    if let Some((rest, action, outcome)) = STEPS
        .iter()
        .find_map(|(start, action, outcome)| Some((text.strip_prefix(start)?, *action, *outcome)))
    {
        let (asked, reason) = rest.split_once(">: ").unwrap_or((rest, ""));
        let mut words = asked.split(' ');
        fields.event(action, outcome);
        fields.text("dns.question.name", name(words.next().unwrap_or_default()));
        fields.text("dns.question.type", words.next().unwrap_or_default());
        fields.text("dns.question.class", words.next().unwrap_or_default());
        fields.text("event.reason", reason);
    } else if let Some((ip, port, _)) = text
        .strip_prefix("reply from <")
        .and_then(|rest| rest.split_once("> "))
        .and_then(|(_, server)| endpoint(server))
    {
        fields.event("reply", "");
        fields.text("destination.ip", ip);
        fields.text("destination.port", port);
    }
}
