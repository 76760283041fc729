//! ArcSight's Common Event Format, which some hundred products write.
//!
//! ```text
//! CEF:0|Vendor|Product|1.0|100|Connection denied|5|src=192.0.2.1 spt=4242 cs1=Edge cs1Label=Zone msg=no such rule
//! ```
//!
//! The header's seven fields are the writer's own, and so is every key. Values are not: a stranger who gets ` duser=x` into
//! one that the product failed to escape has made a field. A key with two values is in doubt, and so is what a short and a
//! full name of one key say in two ways: neither value holds, both are kept ([`Keys`]). A line is CEF only if the text behind the syslog header starts with it (or with the few words that
//! known products put before it), never because it stands somewhere in a message.
//!
//! What the keys mean is said once, in the catalog's base `cef`; a product's own keys are in the dataset that extends it
//! ([`datasets`] says which). Custom fields (`cs1`, `cs1Label`) keep their names and are there under their label too:
//! `label.Zone`.

pub(super) mod datasets;
pub(super) mod extension;
mod products;

use std::borrow::Cow;

use super::super::fields::{Fields, address, is_nothing};
use super::super::text::keys::{Numbered, PairKeys};
use super::super::text::once::Keys;
use super::super::text::{Event, Grammar, Line};
use crate::time;
use crate::value::Value;
use extension::{meant, pairs, short, unescaped};

/// Asked before marks are sought: the first bytes decide.
pub(super) const GRAMMARS: &[Grammar] = &[Grammar {
    name: "cef",
    marks: &["CEF:"],
    programs: &["cef"],
    read,
}];

/// The header of a line.
struct Header<'a> {
    version: &'a str,
    vendor: &'a str,
    product: &'a str,
    product_version: &'a str,
    class: &'a str,
    name: &'a str,
    severity: &'a str,
    extension: &'a str,
}

fn read<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let text = start(line)?;
    let header = header(text, line)?;
    let dataset = datasets::dataset(header.vendor, header.product);
    let mut event = Extension {
        line,
        fields: Fields::with_room(64),
        labels: Labels::default(),
        time: None,
        rank: 0,
    };
    let fields = &mut event.fields;
    for (name, text) in [
        ("cef.version", header.version),
        ("observer.vendor", header.vendor),
        ("observer.product", header.product),
        ("observer.version", header.product_version),
        ("event.code", header.class),
        ("cef.device.event_class_id", header.class),
        ("cef.name", header.name),
        ("cef.severity", header.severity),
    ] {
        if !text.is_empty() {
            fields.push(name, Value::Str(text));
        }
    }
    if products::class_is_rule(dataset) && !header.class.is_empty() {
        fields.push("rule.id", Value::Str(header.class));
    }
    if let Ok(severity) = header.severity.parse() {
        fields.push("event.severity", Value::Int(severity));
    }
    let escaped = memchr::memchr(b'\\', header.extension.as_bytes()).is_some();
    let is_peculiar = products::has_own_pairs(dataset);
    let repeats = products::repeats(dataset);
    let mut numbers = line.keys.cef.borrow_mut();
    numbers.restart();
    let mut keys = Keys::new(line.arena);
    for (key, value) in pairs(header.extension) {
        let numbered = number(key, header.extension, &mut numbers);
        keys.add_with(short(key), meant(value, escaped, line), repeats, (key, numbered));
    }
    drop(numbers);
    // Who brought the best time into doubt does not choose a worse one.
    event.rank = keys
        .doubted()
        .map(|(_, numbered)| numbered.role.rank())
        .max()
        .unwrap_or(0);
    for (value, (key, numbered)) in keys.settled_with(&mut event.fields) {
        if !is_peculiar || !products::pair(dataset, key, value, &mut event.fields) {
            event.pair(key, numbered, value);
        }
    }
    event.name_custom_fields();
    let (mut time, mut fields) = (event.time, event.fields);
    if products::starts_it(dataset)
        && let Some(Value::Time(start)) = fields.get("event.start")
    {
        time = Some(*start);
    }
    products::finish(dataset, &header, &mut fields, line);
    let acted = ["act", "deviceAction", "event.action", "fw_action"]
        .iter()
        .any(|name| fields.get(name).is_some())
        || dataset == "fortinet.fortigate";
    if !acted || products::is_named_by_header(dataset) {
        fields.text("event.action", header.name);
    }
    match fields.text_of("message") {
        Some(message) if fields.get("reason").is_none() => fields.text("event.reason", message),
        Some(_) => {}
        None if header.name.is_empty() => fields.push("message", Value::Str(line.body)),
        None => fields.push("message", Value::Str(header.name)),
    }
    if dataset == "trendmicro.deep_security" {
        // Some of its events say it in their names alone.
        fields.text("event.reason", header.name);
    }
    if line.header.host.is_none()
        && dataset != "bitdefender.gravityzone"
        && let Some(host) = fields.text_of("dvchost")
    {
        fields.push("host.name", Value::Str(host));
    }
    Some(Event {
        dataset,
        time,
        fields,
        headless: false,
    })
}

/// The text behind `CEF:`, if the line is one.
fn start<'a>(line: &Line<'a>) -> Option<&'a str> {
    let tagged = line.header.tag.is_some_and(|tag| tag.eq_ignore_ascii_case("cef"));
    let first = line.body.as_bytes().first()?;
    if !tagged && !matches!(first, b' ' | 0xef | b'C' | b'-' | b':' | b'A' | b'0' | b'1') {
        return None;
    }
    let body = line.body.trim_start_matches([' ', '\u{feff}']);
    for before in ["", "-: ", ": ", "- ", "ASM:"] {
        if let Some(rest) = body
            .strip_prefix(before)
            .and_then(|rest| rest.strip_prefix("CEF:"))
        {
            return Some(rest.trim_start_matches(' '));
        }
    }
    // Tagged: a collector took `CEF:` for the tag of the line.
    let bare = matches!(body.as_bytes(), [b'0' | b'1', b'|', ..]) && line.header.tag.is_none();
    (tagged || bare && is_whole(body)).then_some(body)
}

/// Whether `text`, which nothing announces, is a whole header with an extension behind it.
fn is_whole(text: &str) -> bool {
    let Some(at) = memchr::memchr_iter(b'|', text.as_bytes()).nth(6) else {
        return false;
    };
    let extension = &text[at + 1..];
    let key = extension
        .trim_start()
        .bytes()
        .take_while(u8::is_ascii_alphanumeric)
        .count();
    extension.trim().is_empty() || key > 0 && extension.trim_start()[key..].starts_with('=')
}

fn header<'a>(text: &'a str, line: &Line<'a>) -> Option<Header<'a>> {
    let mut rest = text;
    let version = next(&mut rest, line)?;
    let is_version = !version.is_empty() && version.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    if !is_version {
        return None;
    }
    let vendor = next(&mut rest, line)?;
    let product = next(&mut rest, line)?;
    let mut more = || next(&mut rest, line).unwrap_or_default();
    let mut header = Header {
        version,
        vendor,
        product,
        product_version: more(),
        class: more(),
        name: more(),
        severity: more(),
        extension: "",
    };
    let doubled = header.vendor.is_empty()
        && rest
            .split_once('=')
            .is_some_and(|(before, _)| before.contains('|'));
    if doubled {
        // Check Point's exporter, told to, writes an empty field first.
        header.vendor = header.product;
        header.product = header.product_version;
        header.product_version = header.class;
        header.class = header.name;
        header.name = header.severity;
        header.severity = next(&mut rest, line).unwrap_or_default();
    }
    header.extension = rest;
    Some(header)
}

/// Takes the next field off `rest`; `None` at the end.
fn next<'a>(rest: &mut &'a str, line: &Line<'a>) -> Option<&'a str> {
    let text: &'a str = rest;
    let end = text.bytes().position(|b| b == b'|' || b == b'\\');
    if let Some((field, after)) = end.and_then(|end| Some((&text[..end], text[end..].strip_prefix('|')?))) {
        *rest = after;
        let is_plain = |b: Option<&u8>| b.is_none_or(u8::is_ascii_graphic);
        let bytes = field.as_bytes();
        return Some(match is_plain(bytes.first()) && is_plain(bytes.last()) {
            true => field,
            false => field.trim(),
        });
    }
    let (field, after) = field(rest)?;
    *rest = after.unwrap_or_default();
    Some(match unescaped(field, b"\\|") {
        Cow::Borrowed(field) => field.trim(),
        Cow::Owned(text) => line.keep(text.trim()),
    })
}

/// The field that `text` starts with and what stands behind its bar; `None` at the end.
fn field(text: &str) -> Option<(&str, Option<&str>)> {
    let bytes = text.as_bytes();
    if bytes.is_empty() {
        return None;
    }
    for at in memchr::memchr_iter(b'|', bytes) {
        let backslashes = bytes[..at].iter().rev().take_while(|&&b| b == b'\\').count();
        if backslashes % 2 == 0 {
            return Some((&text[..at], Some(&text[at + 1..])));
        }
    }
    Some((text, None))
}

/// The number of `key`, which stands in `extension` in front of its sign.
#[inline]
fn number(key: &str, extension: &str, keys: &mut PairKeys<Role>) -> Numbered<Role> {
    let start = key.as_ptr().addr().wrapping_sub(extension.as_ptr().addr());
    let spelled = extension.as_bytes().get(start..).unwrap_or_default();
    match keys.guess(spelled) {
        Some((numbered, length)) if length == key.len() => numbered,
        _ => keys.find(key, spelled.get(..=key.len()).unwrap_or_default()),
    }
}

/// Labels of custom fields: the key that each is for, and the label.
#[derive(Default)]
struct Labels<'a> {
    labels: [(&'a str, &'a str); 16],
    count: usize,
}

/// An event while its extension is read.
struct Extension<'l, 'a> {
    line: &'l Line<'a>,
    fields: Fields<'a>,
    labels: Labels<'a>,
    time: Option<i64>,
    /// Of which rank the time is; a higher one says better when the event was.
    rank: u8,
}

/// What a key means beside the column that the catalog names for it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Role {
    Plain,
    Source,
    Destination,
    Device,
    Received,
    Start,
    End,
    Instant,
    Message,
    Reason,
    Url,
    Path,
    Hash,
    Protocol,
    Direction,
    SourceUser,
    Process,
    /// A label of a custom field.
    Label,
    /// A time that may be the event's, and of which rank.
    Clock(u8),
}

impl Role {
    /// How well a time under the key says when the event was; 0: it is no time that could.
    fn rank(self) -> u8 {
        match self {
            Role::Received => 9,
            Role::Start => 7,
            Role::End => 3,
            Role::Clock(rank) => rank,
            _ => 0,
        }
    }

    pub(crate) fn of(key: &str) -> Role {
        match key {
            "src" | "sourceAddress" => Role::Source,
            "dst" | "destinationAddress" => Role::Destination,
            "dvc" | "deviceAddress" => Role::Device,
            "rt" | "deviceReceiptTime" => Role::Received,
            "start" | "startTime" => Role::Start,
            "end" | "endTime" => Role::End,
            "deviceCustomDate1"
            | "deviceCustomDate2"
            | "flexDate1"
            | "fileCreateTime"
            | "fileModificationTime" => Role::Instant,
            "msg" | "message" => Role::Message,
            "reason" => Role::Reason,
            "request" | "requestUrl" => Role::Url,
            "filePath" => Role::Path,
            "fileHash" => Role::Hash,
            "proto" | "transportProtocol" => Role::Protocol,
            "deviceDirection" => Role::Direction,
            "suser" | "sourceUserName" => Role::SourceUser,
            "sproc" | "sourceProcessName" | "deviceProcessName" => Role::Process,
            _ if key.ends_with("Label") => Role::Label,
            _ if key.len() > 4 && key.ends_with("eventtime") => Role::Clock(8),
            _ if key.len() > 4
                && (key.ends_with("Time") || key.ends_with("time") || key.ends_with("timestamp")) =>
            {
                Role::Clock(5)
            }
            "Date" => Role::Clock(4),
            _ => Role::Plain,
        }
    }
}

impl<'a> Extension<'_, 'a> {
    #[inline]
    fn pair(&mut self, key: &'a str, numbered: Numbered<Role>, value: &'a str) {
        let fields = &mut self.fields;
        match numbered.role {
            Role::Plain => {}
            Role::Source => return host(fields, key, ["source.ip", "source.domain"], value),
            Role::Destination => {
                return host(fields, key, ["destination.ip", "destination.domain"], value);
            }
            Role::Device => return device(fields, value),
            Role::Received => self.clock(value, numbered.role.rank()),
            Role::Start => return self.moment("event.start", value, numbered.role.rank()),
            Role::End => return self.moment("event.end", value, numbered.role.rank()),
            Role::Instant => return fields.push(key, self.line.instant(value)),
            Role::Message => return fields.put("message", Value::Str(value)),
            Role::Reason if is_nothing(value) => return,
            Role::Reason => {}
            Role::Url => {
                fields.url(value);
                // Many products leave out the scheme.
                if fields.get("url.domain").is_some() && fields.get("url.full").is_none() {
                    fields.push("url.full", Value::Str(value));
                }
                return;
            }
            Role::Path => {
                return match value.split_once("://") {
                    // SharePoint's documents go by their addresses.
                    Some(("http" | "https", rest)) => {
                        fields.url(value);
                        fields.file(rest.split_once('/').map_or(rest, |(_, path)| path));
                    }
                    // A folder, whose file has a key of its own.
                    _ if value.len() > 3 => fields.file(value.strip_suffix('\\').unwrap_or(value)),
                    _ => fields.file(value),
                };
            }
            Role::Hash => fields.file_hash(value),
            Role::Protocol => {
                return match value.split_once('/') {
                    Some((transport, protocol)) => {
                        fields.transport(transport);
                        fields.push("app", Value::Str(protocol));
                    }
                    None => fields.transport(value),
                };
            }
            Role::Direction => match value {
                "0" => return fields.push("network.direction", Value::Str("inbound")),
                "1" => return fields.push("network.direction", Value::Str("outbound")),
                _ => {}
            },
            Role::SourceUser => {
                fields.push_pair(key, numbered.key, value);
                if memchr::memchr(b'@', value.as_bytes()).is_some() && !value.contains(' ') {
                    fields.push("source.user.email", Value::Str(value));
                }
                return;
            }
            Role::Process => {
                return match value.rsplit_once(['/', '\\']) {
                    Some((folder, name)) if folder.starts_with('/') || folder.contains(['\\', ':']) => {
                        fields.push("process.executable", Value::Str(value));
                        fields.push("process.name", Value::Str(name));
                        fields.push("process.working_directory", Value::Str(folder));
                    }
                    _ => fields.push("process.name", Value::Str(value)),
                };
            }
            Role::Label => {
                if let Some(custom) = key.strip_suffix("Label")
                    && let Some(place) = self.labels.labels.get_mut(self.labels.count)
                {
                    *place = (custom, value);
                    self.labels.count += 1;
                }
            }
            Role::Clock(_) => self.clock(value, numbered.role.rank()),
        }
        self.fields.push_pair(key, numbered.key, value);
    }

    /// Takes note of a time that stands for the event's, unless a better one did.
    fn clock(&mut self, value: &str, rank: u8) {
        if rank > self.rank
            && let Value::Time(instant) = self.line.instant(value)
        {
            self.time = Some(instant);
            self.rank = rank;
        }
    }

    fn moment(&mut self, name: &'a str, value: &'a str, rank: u8) {
        let instant = self.line.instant(value);
        if let Value::Time(micros) = instant
            && rank > self.rank
        {
            self.time = Some(micros);
            self.rank = rank;
        }
        self.fields.push(name, instant);
    }

    /// Gives custom fields the names that their labels say.
    fn name_custom_fields(&mut self) {
        for &(key, label) in &self.labels.labels[..self.labels.count] {
            let value = self
                .fields
                .iter()
                .find_map(|(name, value)| (name == key).then(|| value.clone()));
            if let Some(value) = value
                && label.len() <= 64
                && !matches!(value, Value::Str(text) if is_nothing(text))
            {
                self.fields.push(self.line.name("label.", label), value);
            }
        }
    }
}

/// An address, or the name that stands in its place.
pub(super) fn host<'a>(fields: &mut Fields<'a>, key: &'a str, [ip, domain]: [&'a str; 2], value: &'a str) {
    match address(value) {
        Some(address) => fields.push(ip, Value::Str(address)),
        None if is_nothing(value) => fields.push(key, Value::Str(value)),
        None => fields.push(domain, Value::Str(value)),
    }
}

/// The device's address or addresses, or its name.
fn device<'a>(fields: &mut Fields<'a>, value: &'a str) {
    if let Some(address) = address(value) {
        fields.push("dvc", Value::Str(address));
    } else if value.split(',').all(|part| address(part.trim()).is_some()) {
        let all = value.split(',').map(|part| Value::Str(part.trim())).collect();
        fields.push("host.ip", Value::List(all));
    } else if !is_nothing(value) {
        fields.push("dvchost", Value::Str(value));
    }
}

impl<'a> Line<'a> {
    /// The point in time that a field states, or its text if it states none.
    pub(in crate::formats) fn instant(&self, text: &'a str) -> Value<'a> {
        time::stated(text, self.context.reference_time, self.context.timezone)
            .map_or(Value::Str(text), Value::Time)
    }
}

#[cfg(test)]
mod tests;
