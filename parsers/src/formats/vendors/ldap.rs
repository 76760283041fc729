//! OpenLDAP: `slapd[1]: conn=1001 op=2 BIND dn="uid=jane,ou=people,dc=example,dc=org" method=128`.
//!
//! A connection, an operation, its kind, and pairs in which a client's text stands in quotes: a name or a filter may hold
//! any sign but a quote, which slapd escapes. So pairs are read from the front, quotes as a whole.

use super::super::fields::{Fields, address, host_port};
use super::super::text::once::sure;
use super::super::text::pairs::Style;
use super::super::text::{Event, Grammar, Line};

/// Directory servers.
pub(super) const GRAMMARS: &[Grammar] = &[Grammar {
    name: "openldap",
    marks: &["conn="],
    programs: &["slapd"],
    read,
}];

fn read<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let named = line.program() == "slapd";
    if line.header.tag.is_some() && !named {
        return None;
    }
    let mut text = line.body.trim();
    // Tables of logs double the quotes of the message and put it in quotes.
    if let Some(inner) = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
        text = line.keep(inner.replace("\"\"", "\"")).trim();
    }
    let mut event = Event::new("openldap.log");
    let fields = &mut event.fields;
    let Some((connection, rest)) = text.strip_prefix("conn=").and_then(|rest| rest.split_once(' ')) else {
        return named.then_some(event);
    };
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    // slapd's own operations have no connection.
    if !is_number(connection) && connection != "-1" {
        return None;
    }
    fields.text("connection", connection);
    let (step, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    match step.split_once('=') {
        Some(("op", op)) if is_number(op) => fields.text("operation", op),
        Some(("fd", fd)) if is_number(fd) => fields.text("fd", fd),
        _ => return named.then_some(event),
    }
    operation(rest, line, fields);
    Some(event)
}

fn operation<'a>(text: &'a str, line: &Line<'a>, fields: &mut Fields<'a>) {
    let (kind, rest) = text.split_once(' ').unwrap_or((text, ""));
    let (action, rest) = match (kind, rest.split_once(' ').unwrap_or((rest, ""))) {
        ("SEARCH", ("RESULT", rest)) => ("result", rest),
        ("RESULT", _) => ("result", rest),
        ("BIND", _) => ("bind", rest),
        ("UNBIND", _) => ("unbind", rest),
        ("SRCH", _) => ("srch", rest),
        ("MOD", _) => ("mod", rest),
        ("ADD", _) => ("add", rest),
        ("DEL", _) => ("del", rest),
        ("MODRDN", _) => ("modrdn", rest),
        ("CMP", _) => ("cmp", rest),
        ("EXT", _) => ("ext", rest),
        ("ABANDON", _) => ("abandon", rest),
        ("PASSMOD", _) => ("passmod", rest),
        ("WHOAMI", _) => ("whoami", rest),
        ("STARTTLS", _) => ("starttls", rest),
        ("TLS", _) => ("tls", rest),
        ("ACCEPT", _) => ("accept", rest),
        ("DISCONNECT", _) => ("disconnect", rest),
        ("closed", _) => ("closed", rest),
        _ => ("message", rest),
    };
    fields.event(action, "");
    match action {
        "accept" => {
            // `from IP=192.0.2.1:50000 (IP=0.0.0.0:389)`, `from PATH=/run/ldapi (PATH=…)`
            let mut ends = rest
                .split(' ')
                .filter_map(|word| word.trim_matches(['(', ')']).strip_prefix("IP="));
            for (ip, port) in [
                ("source.ip", "source.port"),
                ("destination.ip", "destination.port"),
            ] {
                let Some((host, number)) = ends.next().map(host_port) else {
                    break;
                };
                fields.text(ip, address(host).unwrap_or_default());
                fields.port(port, number.unwrap_or_default());
            }
        }
        "closed" => fields.text("event.reason", rest.trim_matches(['(', ')'])),
        "srch" if rest.starts_with("attr=") => fields.text("attributes", &rest["attr=".len()..]),
        "mod" if rest.starts_with("attr=") => fields.text("attributes", &rest["attr=".len()..]),
        "result" => {
            let (pairs, text) = rest.split_once("text=").unwrap_or((rest, ""));
            pair_fields(pairs, line, fields);
            fields.text("event.reason", text);
        }
        "message" => fields.text("event.reason", text),
        _ => pair_fields(rest, line, fields),
    }
}

fn pair_fields<'a>(text: &'a str, line: &Line<'a>, fields: &mut Fields<'a>) {
    for (key, value) in sure(line, text, Style::SPACED, fields) {
        match key {
            "dn" | "id" => {
                fields.text("entry.name", value);
                fields.text("user.name", account(value));
                put_domain(value, line, fields);
            }
            "base" => {
                fields.text("base", value);
                put_domain(value, line, fields);
            }
            "err" => {
                fields.text("error.code", value);
            }
            "filter" => fields.text("filter", value),
            "scope" => fields.text("scope", value),
            "deref" => fields.text("deref", value),
            "method" => fields.text("method", value),
            "mech" => fields.text("mechanism", value),
            "tag" => fields.text("tag", value),
            "nentries" => fields.text("entries", value),
            "oid" => fields.text("oid", value),
            "attr" => fields.text("attributes", value),
            "msg" => fields.text("abandoned", value),
            "tls_ssf" => fields.text("tls_ssf", value),
            "ssf" => fields.text("ssf", value),
            "etime" => fields.text("etime", value),
            "qtime" => fields.text("qtime", value),
            _ => {}
        }
    }
}

/// The first value of a distinguished name: `jane` in `uid=jane,ou=people,…`.
fn account(dn: &str) -> &str {
    let first = dn.split(',').next().unwrap_or_default();
    first.split_once('=').map_or("", |(_, value)| value.trim())
}

/// The domain at the end of a distinguished name: `example.org` of `dc=example,dc=org`, or the organisation, `o=example`.
fn put_domain<'a>(dn: &'a str, line: &Line<'a>, fields: &mut Fields<'a>) {
    let of = |kind: &'static str| {
        dn.split(',')
            .filter_map(|part| part.trim().split_once('='))
            .filter(move |(key, _)| key.eq_ignore_ascii_case(kind))
            .map(|(_, value)| value)
    };
    let mut domain = String::new();
    for part in of("dc") {
        if !domain.is_empty() {
            domain.push('.');
        }
        domain.push_str(part);
    }
    match domain.is_empty() {
        true => fields.text("entry.domain", of("o").next_back().unwrap_or_default()),
        false => fields.text("entry.domain", line.keep(domain)),
    }
}
