//! The fields of one event while a text is taken apart.

use std::net::{IpAddr, Ipv4Addr};

use crate::value::Value;

/// The fields of one event, by ECS names or the producer's own. The first value of a name holds; later ones are
/// ignored.
#[derive(Debug, Default, PartialEq)]
pub struct Fields<'a> {
    values: Vec<(&'a str, Value<'a>)>,
}

impl<'a> Fields<'a> {
    /// No fields yet, and room for as many as most lines have.
    pub fn new() -> Self {
        Fields {
            values: Vec::with_capacity(24),
        }
    }

    /// Sets `name`, unless it is set.
    pub fn put(&mut self, name: &'a str, value: Value<'a>) {
        if value != Value::Null && self.get(name).is_none() {
            self.values.push((name, value));
        }
    }

    /// Sets `name` to `value` without asking whether it is set: for readers of many pairs, whose duplicates the batch
    /// builder puts aside.
    pub fn push(&mut self, name: &'a str, value: Value<'a>) {
        self.values.push((name, value));
    }

    /// Sets `name` to `text`, unless `text` is empty.
    pub fn text(&mut self, name: &'a str, text: &'a str) {
        if !text.is_empty() {
            self.put(name, Value::Str(text));
        }
    }

    /// Sets `name` to `text`, unless that is what logs write where there is nothing (`-`, `N/A`, …).
    pub fn known(&mut self, name: &'a str, text: &'a str) {
        if !is_nothing(text) {
            self.put(name, Value::Str(text));
        }
    }

    /// Sets `name` to the number that `digits` spells; nothing if it spells none.
    pub fn number(&mut self, name: &'a str, digits: &str) {
        if let Ok(number) = digits.parse::<i64>() {
            self.put(name, Value::Int(number));
        }
    }

    /// What happened and how it ended; `outcome` may be empty.
    pub fn event(&mut self, action: &'a str, outcome: &'static str) {
        self.put("event.action", Value::Str(action));
        self.text("event.outcome", outcome);
    }

    /// The category of the event.
    pub fn category(&mut self, category: &'static str) {
        self.put("event.category", Value::List(vec![Value::Str(category)]));
    }

    /// Where a connection comes from: an address, or a name.
    pub fn source(&mut self, host: &'a str) {
        self.endpoint("source.ip", "source.domain", host);
    }

    /// Where a connection goes to: an address, or a name.
    pub fn destination(&mut self, host: &'a str) {
        self.endpoint("destination.ip", "destination.domain", host);
    }

    /// Sets `ip` if `host` is an address, `domain` if it is a name.
    pub fn endpoint(&mut self, ip: &'a str, domain: &'a str, host: &'a str) {
        match address(host) {
            Some(address) => self.text(ip, address),
            None if !is_nothing(host) && host != "UNKNOWN" && host != "?" && !host.contains(' ') => {
                self.text(domain, host);
            }
            None => {}
        }
    }

    /// The port that a connection comes from.
    pub fn source_port(&mut self, port: &str) {
        self.port("source.port", port);
    }

    /// Sets `name` if `port` is one.
    pub fn port(&mut self, name: &'a str, port: &str) {
        if let Ok(port) = port.parse::<u16>() {
            self.put(name, Value::Int(i64::from(port)));
        }
    }

    /// The value of `name`.
    pub fn get(&self, name: &str) -> Option<&Value<'a>> {
        self.values
            .iter()
            .find(|(present, _)| *present == name)
            .map(|(_, value)| value)
    }

    /// Whether nothing is set.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
}

impl<'a> IntoIterator for Fields<'a> {
    type Item = (&'a str, Value<'a>);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.values.into_iter()
    }
}

/// Whether `text` is one of the ways in which logs write that there is no value.
pub(super) fn is_nothing(text: &str) -> bool {
    match text.len() {
        0 | 1 => matches!(text, "" | "-"),
        2 => text == "--",
        3 => text.eq_ignore_ascii_case("n/a"),
        4 => text.eq_ignore_ascii_case("null") || text.eq_ignore_ascii_case("none"),
        6 => text == "(null)" || text == "<none>",
        _ => false,
    }
}

/// `host` if it is an IP address, without brackets, zone (`%eth0`) and the `::ffff:` of IPv4-mapped ones, so
/// that one host has one spelling.
pub(crate) fn address(host: &str) -> Option<&str> {
    let host = host
        .strip_prefix('[')
        .and_then(|inner| inner.strip_suffix(']'))
        .unwrap_or(host);
    let host = host.split_once('%').map_or(host, |(address, _)| address);
    if let Some(mapped) = host.get(..7).filter(|head| head.eq_ignore_ascii_case("::ffff:"))
        && let Some(v4) = host.get(mapped.len()..)
        && v4.parse::<Ipv4Addr>().is_ok()
    {
        return Some(v4);
    }
    host.parse::<IpAddr>().is_ok().then_some(host)
}

/// `host:port`, `[v6]:port` or `host` as host and port; a bare IPv6 address has no port.
pub(crate) fn host_port(text: &str) -> (&str, Option<&str>) {
    if let Some(inner) = text.strip_prefix('[')
        && let Some((host, rest)) = inner.split_once(']')
    {
        return (host, rest.strip_prefix(':').filter(|port| !port.is_empty()));
    }
    match text.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') && port.bytes().all(|b| b.is_ascii_digit()) => {
            (host, Some(port).filter(|port| !port.is_empty()))
        }
        _ => (text, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_ports() {
        assert_eq!(host_port("192.0.2.1:53"), ("192.0.2.1", Some("53")));
        assert_eq!(host_port("[2001:db8::1]:53"), ("2001:db8::1", Some("53")));
        assert_eq!(host_port("2001:db8::1"), ("2001:db8::1", None));
        assert_eq!(host_port("dc1"), ("dc1", None));
        assert_eq!(address("::FFFF:192.0.2.1"), Some("192.0.2.1"));
        assert_eq!(address("fe80::1%eth0"), Some("fe80::1"));
        assert_eq!(address("dc1"), None);
    }

    #[test]
    fn the_first_value_holds() {
        let mut fields = Fields::new();
        fields.known("user.name", "-");
        fields.source("192.0.2.1");
        fields.source("192.0.2.2");
        fields.source_port("70000");
        let all: Vec<_> = fields.into_iter().collect();
        assert_eq!(all, [("source.ip", Value::Str("192.0.2.1"))]);
    }
}
