//! Name servers: BIND and what is built on it, Unbound, dnsmasq.
//!
//! The name that is asked for is the client's, but a name has no spaces, so it cannot break a line apart. What the
//! client can choose beyond that (a view, a key) it cannot.

mod bind;
mod bind_zone;
mod dnsmasq;
mod unbound;

use super::super::fields::{Fields, address};
use super::super::text::Grammar;

/// Name servers, the strictest first.
pub(super) const GRAMMARS: &[Grammar] = &[bind::GRAMMAR, unbound::GRAMMAR, dnsmasq::GRAMMAR];

/// `192.0.2.1#53` at the start of `text`: the address, the port, and what follows.
fn endpoint(text: &str) -> Option<(&str, &str, &str)> {
    let end = text
        .bytes()
        .position(|b| matches!(b, b' ' | b'(' | b')' | b','))
        .unwrap_or(text.len());
    let (host, port) = text[..end].split_once('#')?;
    let digits = port.bytes().take_while(u8::is_ascii_digit).count();
    let ip = address(host)?;
    let port = &port[..digits];
    let rest = &text[host.len() + 1 + digits..];
    (digits > 0).then_some((ip, port, rest))
}

/// A name without the dot at its end; the root stays.
fn name(text: &str) -> &str {
    match text {
        "." => ".",
        _ => text.strip_suffix('.').unwrap_or(text),
    }
}

/// `name/type/class`, as BIND writes what is asked for, and `name/class`, as it writes zones.
fn put_question<'a>(text: &'a str, fields: &mut Fields<'a>) {
    let mut parts = text.rsplitn(3, '/');
    let (last, middle, first) = (parts.next(), parts.next(), parts.next());
    let (question, kind, class) = match (first, middle, last) {
        (Some(first), Some(kind), Some(class)) if is_class(class) => (first, kind, class),
        (None, Some(question), Some(class)) if is_class(class) => (question, "", class),
        (None, Some(question), Some(kind)) => (question, kind, ""),
        _ => (text, "", ""),
    };
    fields.text("dns.question.name", name(question));
    fields.text("dns.question.type", kind);
    fields.text("dns.question.class", class);
}

fn is_class(text: &str) -> bool {
    matches!(text, "IN" | "CH" | "HS" | "ANY" | "NONE") || text.starts_with("CLASS")
}
