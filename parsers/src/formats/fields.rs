//! The fields of one event while a text is taken apart.

use std::cell::Cell;
use std::net::{IpAddr, Ipv4Addr};

use crate::formats::PairKey;
use crate::formats::text::search::Search;

use crate::value::Value;

/// With more fields than these nobody asks whether one is set: the batch builder puts later ones aside.
const MANY: usize = 512;

/// The fields of one event, by ECS names or the producer's own. The first value of a name holds; later ones are
/// ignored. What is in doubt, or one value too many, is kept beside them.
#[derive(Debug, Default, PartialEq)]
pub struct Fields<'a> {
    values: Vec<Field<'a>>,
    /// Some value owns memory.
    owning: bool,
    names: Names,
    /// Values that may be a stranger's or the writer's.
    doubts: Vec<(&'a str, Value<'a>)>,
    /// Further values of fields that have one.
    asides: Vec<(&'a str, Value<'a>)>,
}

/// A field of an event.
#[derive(Debug, PartialEq)]
pub(crate) struct Field<'a> {
    pub(crate) name: &'a str,
    /// The number of its name, if that is a key that has one; or that it is a constant of its parser.
    pub(crate) key: PairKey,
    pub(crate) value: Value<'a>,
}

impl<'a> Field<'a> {
    #[inline(always)]
    fn new(name: &'a str, value: Value<'a>) -> Self {
        Field {
            name,
            key: PairKey::NONE,
            value,
        }
    }

    fn into_pair(self) -> (&'a str, Value<'a>) {
        (self.name, self.value)
    }
}

thread_local! {
    /// The room of an event that is done with: the next one takes it.
    static SPARE: Cell<Vec<Field<'static>>> = const { Cell::new(Vec::new()) };
}

/// Room for more fields than these is not kept.
const SPARED: usize = 1024;

impl Drop for Fields<'_> {
    fn drop(&mut self) {
        if (1..=SPARED).contains(&self.values.capacity()) {
            if self.owning {
                self.values.clear();
            } else {
                // SAFETY: none is fewer than there are, and dropping values that own nothing does nothing.
                unsafe { self.values.set_len(0) };
            }
            // Nothing is in it: what comes out is the same room for other lifetimes.
            let values = std::mem::take(&mut self.values);
            SPARE.set(values.into_iter().map(|_| Field::new("", Value::Null)).collect());
        }
    }
}

/// Which names may be among some fields: a bit for each of them. With so many, few of an event's names share one.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Names([u64; 4]);

impl Names {
    /// The word and the bit of a name.
    #[inline(always)]
    fn place(name: &str) -> (usize, u64) {
        let bytes = name.as_bytes();
        let Some(last) = bytes.last() else { return (0, 1) };
        // Names of ECS differ in the middle and at the end.
        let (last, middle) = (usize::from(*last), usize::from(bytes[bytes.len() / 2]));
        let place = bytes.len() * 37 + last * 11 + middle * 5;
        (place / 64 % 4, 1 << (place % 64))
    }

    #[inline(always)]
    fn may_hold(&self, name: &str) -> bool {
        let (word, bit) = Names::place(name);
        self.0[word] & bit != 0
    }

    #[inline(always)]
    fn insert(&mut self, name: &str) {
        let (word, bit) = Names::place(name);
        self.0[word] |= bit;
    }
}

impl<'a> Fields<'a> {
    /// No fields yet, and room for as many as most lines have.
    pub fn new() -> Self {
        Fields::with_room(24)
    }

    /// No fields yet, and room for `many`.
    pub fn with_room(many: usize) -> Self {
        let mut values: Vec<Field<'a>> = SPARE.take();
        values.reserve(many);
        Fields {
            values,
            owning: false,
            names: Names::default(),
            doubts: Vec::new(),
            asides: Vec::new(),
        }
    }

    /// Makes room for `many` more.
    pub fn reserve(&mut self, many: usize) {
        self.values.reserve(many);
    }

    /// How many fields there are.
    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    /// Forgets all fields but the first `length`.
    pub(crate) fn truncate(&mut self, length: usize) {
        self.values.truncate(length);
    }

    /// The fields so far, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, &Value<'a>)> {
        self.values.iter().map(|field| (field.name, &field.value))
    }

    /// Sets `name`, unless it is set.
    #[inline]
    pub fn put(&mut self, name: &'static str, value: Value<'a>) {
        if self.is_new(name) && !matches!(value, Value::Null) {
            self.push(name, value);
        }
    }

    /// As [`put`](Fields::put), for a name that the line says.
    #[inline]
    pub fn put_named(&mut self, name: &'a str, value: Value<'a>) {
        if self.is_new(name) && !matches!(value, Value::Null) {
            self.push_named(name, value);
        }
    }

    #[inline]
    fn is_new(&self, name: &str) -> bool {
        !self.names.may_hold(name) || self.values.len() >= MANY || !self.holds(name)
    }

    /// Sets `name` to `value` without asking whether it is set: for readers of many pairs, whose duplicates the batch
    /// builder puts aside.
    #[inline]
    pub fn push(&mut self, name: &'static str, value: Value<'a>) {
        self.owning |= owns(&value);
        self.names.insert(name);
        let key = PairKey::CONSTANT;
        self.values.push(Field { name, key, value });
    }

    /// As [`push`](Fields::push), for a name that the line says.
    #[inline]
    pub fn push_named(&mut self, name: &'a str, value: Value<'a>) {
        self.owning |= owns(&value);
        self.names.insert(name);
        self.values.push(Field::new(name, value));
    }

    /// As [`push_named`](Fields::push_named), for a key of the line that may have a number.
    #[inline]
    pub(crate) fn push_pair(&mut self, name: &'a str, key: PairKey, value: &'a str) {
        self.names.insert(name);
        let value = Value::Str(value);
        self.values.push(Field { name, key, value });
    }

    /// Keeps a value of which nobody can tell who wrote it: in no column of its own.
    pub fn doubt(&mut self, name: &'a str, value: Value<'a>) {
        self.doubts.push((name, value));
    }

    /// Keeps a further value of a field that several things have, of the first of which it says what holds.
    pub fn aside(&mut self, name: &'a str, value: Value<'a>) {
        self.asides.push((name, value));
    }

    /// Takes the further values out.
    pub fn take_asides(&mut self) -> Vec<(&'a str, Value<'a>)> {
        std::mem::take(&mut self.asides)
    }

    /// Takes the doubts out.
    pub fn take_doubts(&mut self) -> Vec<(&'a str, Value<'a>)> {
        std::mem::take(&mut self.doubts)
    }

    /// Sets `name` to `value`, whatever it is set to.
    pub fn replace(&mut self, name: &'a str, value: Value<'a>) {
        match self.values.iter_mut().find(|field| field.name == name) {
            Some(present) => {
                self.owning |= owns(&value);
                present.value = value;
            }
            None => self.push_named(name, value),
        }
    }

    /// Sets `name` to `text`, unless `text` is empty.
    pub fn text(&mut self, name: &'static str, text: &'a str) {
        if !text.is_empty() {
            self.put(name, Value::Str(text));
        }
    }

    /// As [`text`](Fields::text), for a name that the line says.
    pub fn text_named(&mut self, name: &'a str, text: &'a str) {
        if !text.is_empty() {
            self.put_named(name, Value::Str(text));
        }
    }

    /// Sets `name` to `text`, unless that is what logs write where there is nothing (`-`, `N/A`, …).
    pub fn known(&mut self, name: &'static str, text: &'a str) {
        if !is_nothing(text) {
            self.put(name, Value::Str(text));
        }
    }

    /// As [`known`](Fields::known), for a name that the line says.
    pub fn known_named(&mut self, name: &'a str, text: &'a str) {
        if !is_nothing(text) {
            self.put_named(name, Value::Str(text));
        }
    }

    /// Sets `name` to the number that `digits` spells; nothing if it spells none.
    pub fn number(&mut self, name: &'static str, digits: &str) {
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
        // A column of lists takes a text for a list of one.
        self.put("event.category", Value::Str(category));
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
    pub fn endpoint(&mut self, ip: &'static str, domain: &'static str, host: &'a str) {
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
    pub fn port(&mut self, name: &'static str, port: &str) {
        if let Ok(port) = port.parse::<u16>() {
            self.put(name, Value::Int(i64::from(port)));
        }
    }

    /// The URL, or the part of one that a request names, and its parts.
    pub fn url(&mut self, url: &'a str) {
        if is_nothing(url) {
            return;
        }
        self.push("url.original", Value::Str(url));
        let (scheme, rest) = match url.cut("://") {
            Some((scheme, rest))
                if scheme.len() <= 12 && scheme.bytes().all(|b| b.is_ascii_alphanumeric()) =>
            {
                self.push("url.full", Value::Str(url));
                (scheme, rest)
            }
            _ => ("", url),
        };
        let (rest, fragment) = rest.cut_at(b'#').unwrap_or((rest, ""));
        let (rest, query) = rest.cut_at(b'?').unwrap_or((rest, ""));
        let (authority, path) = match memchr::memchr2(b'/', b'\\', rest.as_bytes()) {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        let mut part = |name, text: &'a str| {
            if !text.is_empty() {
                self.push(name, Value::Str(text));
            }
        };
        part("url.scheme", scheme);
        part("url.path", path);
        part("url.query", query);
        part("url.fragment", fragment);
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let (host, port) = host_port(host);
        // Without a scheme and a dot the first part is the name of some file, or the letter of a drive.
        let is_host = !scheme.is_empty() || host.contains('.') || port.is_some();
        if is_host && !host.contains(' ') {
            part("url.domain", host);
            if let Some(port) = port {
                self.port("url.port", port);
            }
        }
    }

    /// The path of a file, and its name and folder where it has some.
    pub fn file(&mut self, path: &'a str) {
        self.text("file.path", path);
        if let Some((folder, name)) = path.rsplit_once(['/', '\\']) {
            self.text("file.name", name);
            self.text("file.directory", folder);
        }
    }

    /// The digest of a file, by its length the one or the other.
    pub fn file_hash(&mut self, digest: &'a str) {
        let name = match digest.len() {
            32 => "file.hash.md5",
            40 => "file.hash.sha1",
            64 => "file.hash.sha256",
            _ => return,
        };
        if digest.bytes().all(|b| b.is_ascii_hexdigit()) {
            self.text(name, digest);
        }
    }

    /// The protocol above IP, by its name or its number.
    pub fn transport(&mut self, protocol: &'a str) {
        let known = match protocol {
            "1" => "icmp",
            "2" => "igmp",
            "6" => "tcp",
            "17" => "udp",
            "47" => "gre",
            "50" => "esp",
            "58" => "ipv6-icmp",
            "132" => "sctp",
            _ => "",
        };
        if protocol.bytes().all(|b| b.is_ascii_digit()) {
            self.text("network.iana_number", protocol);
            self.text("network.transport", known);
        } else {
            // ECS has names in small letters, which is how they are searched in the logs of all products.
            const NAMES: [&str; 12] = [
                "tcp",
                "udp",
                "icmp",
                "icmpv6",
                "icmp6",
                "ipv6-icmp",
                "igmp",
                "gre",
                "esp",
                "ah",
                "sctp",
                "ospf",
            ];
            let name = NAMES.iter().find(|name| name.eq_ignore_ascii_case(protocol));
            self.known("network.transport", name.copied().unwrap_or(protocol));
        }
    }

    /// The value of `name`, if it is text.
    pub fn text_of(&self, name: &str) -> Option<&'a str> {
        match self.get(name) {
            Some(Value::Str(text)) => Some(text),
            _ => None,
        }
    }

    /// The value of `name`.
    #[inline]
    pub fn get(&self, name: &str) -> Option<&Value<'a>> {
        match self.names.may_hold(name) {
            false => None,
            true => self.find(name),
        }
    }

    fn find(&self, name: &str) -> Option<&Value<'a>> {
        self.values
            .iter()
            .find(|field| field.name == name)
            .map(|field| &field.value)
    }

    fn holds(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// Whether nothing is set.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Takes the fields out, in order.
    pub fn drain(&mut self) -> impl Iterator<Item = (&'a str, Value<'a>)> {
        self.names = Names::default();
        self.values.drain(..).map(Field::into_pair)
    }

    /// As [`iter`](Fields::iter), with the numbers of their names.
    pub(crate) fn all(&self) -> &[Field<'a>] {
        &self.values
    }
}

impl<'a> IntoIterator for Fields<'a> {
    type Item = (&'a str, Value<'a>);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(mut self) -> Self::IntoIter {
        let pairs: Vec<Self::Item> = self.drain().collect();
        pairs.into_iter()
    }
}

/// Whether a value owns memory.
#[inline(always)]
fn owns(value: &Value<'_>) -> bool {
    matches!(value, Value::List(_))
}

/// Whether `text` is one of the ways in which logs write that there is no value.
#[inline]
pub(crate) fn is_nothing(text: &str) -> bool {
    match text.as_bytes() {
        [] | b"-" | b"--" | b"(null)" | b"<none>" => true,
        [b'n' | b'N', b'/', b'a' | b'A'] => true,
        [b'n' | b'N', rest @ ..] => rest.eq_ignore_ascii_case(b"ull") || rest.eq_ignore_ascii_case(b"one"),
        _ => false,
    }
}

/// `host` if it is an IP address, without brackets, zone (`%eth0`) and the `::ffff:` of IPv4-mapped ones, so
/// that one host has one spelling.
pub(crate) fn address(host: &str) -> Option<&str> {
    if is_v4(host.as_bytes()) {
        return Some(host);
    }
    if !host.as_bytes().contains(&b':') {
        return None;
    }
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

/// Whether `text` is an IPv4 address as [`Ipv4Addr`] takes it.
pub(super) fn is_v4(text: &[u8]) -> bool {
    let mut rest = text;
    for part in 0..4 {
        if part > 0 {
            match rest {
                [b'.', after @ ..] => rest = after,
                _ => return false,
            }
        }
        rest = match rest {
            [b'0', after @ ..] => after,
            [a @ b'1'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9', after @ ..] => {
                let number = u32::from(a - b'0') * 100 + u32::from(b - b'0') * 10 + u32::from(c - b'0');
                if number > 255 {
                    return false;
                }
                after
            }
            [b'1'..=b'9', b'0'..=b'9', after @ ..] | [b'1'..=b'9', after @ ..] => after,
            _ => return false,
        };
    }
    rest.is_empty()
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
    fn urls_in_parts() {
        let parts = |url| {
            let mut fields = Fields::new();
            fields.url(url);
            fields
                .into_iter()
                .skip(1)
                .map(|(name, value)| match value {
                    Value::Str(text) => format!("{}={text}", &name[4..]),
                    other => format!("{}={other:?}", &name[4..]),
                })
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(
            parts("https://u@a.example:8443/p/q?x=1#top"),
            "full=https://u@a.example:8443/p/q?x=1#top scheme=https path=/p/q query=x=1 fragment=top domain=a.example port=Int(8443)"
        );
        assert_eq!(
            parts("/p?x=http://b.example/"),
            "path=/p query=x=http://b.example/"
        );
        assert_eq!(parts("a.example/p"), "path=/p domain=a.example");
        assert_eq!(parts("a.example:443"), "domain=a.example port=Int(443)");
        assert_eq!(parts("index"), "");
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
