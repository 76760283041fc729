//! dnsmasq's name server: `dnsmasq[1]: query[A] www.example.com from 192.0.2.2`.
//!
//! With extra logging a serial number and the asker stand in front. The leases that dnsmasq gives out are read with
//! those of other DHCP servers.

use super::super::super::fields::{Fields, address};
use super::super::super::text::{Event, Grammar, Line};
use super::name;
use crate::value::Value;

/// See the [module](self).
pub(super) const GRAMMAR: Grammar = Grammar {
    name: "dnsmasq",
    marks: &["query[", "forwarded "],
    programs: &["dnsmasq"],
    read,
};

fn read<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let named = line.program() == "dnsmasq";
    if line.header.tag.is_some() && !named {
        return None;
    }
    let mut event = Event::new("dnsmasq.log");
    let fields = &mut event.fields;
    let known = dissect(line.body.trim(), fields);
    // Without a header only what is a query beyond doubt is dnsmasq's.
    if !named && (!known || fields.get("dns.question.type").is_none()) {
        return None;
    }
    fields.category("network");
    fields.put("network.protocol", Value::Str("dns"));
    Some(event)
}

fn dissect<'a>(text: &'a str, fields: &mut Fields<'a>) -> bool {
    let mut text = text;
    // `123 192.0.2.2/50123 query[A] …`
    if let Some((serial, rest)) = text.split_once(' ')
        && !serial.is_empty()
        && serial.bytes().all(|b| b.is_ascii_digit())
        && let Some((client, rest)) = rest.split_once(' ')
        && let Some((ip, port)) = client.rsplit_once('/')
        && let Some(ip) = address(ip)
    {
        fields.text("serial", serial);
        fields.text("source.ip", ip);
        fields.source_port(port);
        text = rest;
    }
    let Some((verb, rest)) = text.split_once(' ') else {
        return false;
    };
    let (verb, kind) = match verb.split_once('[') {
        Some((verb, kind)) => (verb, kind.trim_end_matches(']')),
        None => (verb, ""),
    };
    match verb {
        "query" | "auth" | "dnssec-query" => {
            let Some((asked, client)) = rest.split_once(" from ").or_else(|| rest.split_once(" to ")) else {
                return false;
            };
            fields.event(verb, "");
            fields.put("dns.type", Value::Str("query"));
            fields.text("dns.question.name", name(asked));
            fields.text("dns.question.type", kind);
            match verb {
                "dnssec-query" => fields.destination(client),
                _ => fields.source(client),
            }
        }
        "forwarded" => {
            let Some((asked, server)) = rest.split_once(" to ") else {
                return false;
            };
            fields.event("forwarded", "");
            fields.text("dns.question.name", name(asked));
            let (server, port) = server.split_once('#').unwrap_or((server, ""));
            fields.destination(server);
            fields.port("destination.port", port);
        }
        "reply" | "cached" | "cached-stale" | "config" | "validation" | "DHCP" => answer(verb, rest, fields),
        // Answers from a file name it: `/etc/hosts gateway is 192.0.2.1`.
        path if path.starts_with('/') => answer("hosts", rest, fields),
        "nameserver" => {
            fields.event("nameserver_refused", "failure");
            fields.destination(rest.split(' ').next().unwrap_or_default());
        }
        _ => return false,
    }
    true
}

/// `www.example.com is 192.0.2.80`, `… is <CNAME>`, `… is NXDOMAIN`.
fn answer<'a>(verb: &'a str, text: &'a str, fields: &mut Fields<'a>) {
    let Some((asked, data)) = text.rsplit_once(" is ") else {
        return;
    };
    fields.event(verb, "");
    fields.put("dns.type", Value::Str("answer"));
    fields.text("dns.question.name", name(asked));
    match data {
        "NXDOMAIN" | "SERVFAIL" | "REFUSED" => fields.text("dns.response_code", data),
        _ => match address(data) {
            Some(ip) => fields.put("dns.resolved_ip", Value::List(vec![Value::Str(ip)])),
            None => fields.text("answer", data),
        },
    }
}
