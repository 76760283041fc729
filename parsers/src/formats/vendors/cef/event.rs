//! An event while its extension is read: what each key means beside the column that the catalog names for it.
//!
//! Most extensions have each key once. Then every pair means what it says as soon as it is read, and its fields are written
//! down at once. As soon as a key comes a second time (or has no number, so that nobody can tell), all is forgotten and the
//! extension read anew: its pairs are gathered ([`Keys`]) and those in doubt put aside before any of them is believed. Where
//! no key comes twice, gathering changes neither the pairs nor their order, so both ways give the same; a property test holds
//! them to it.

use super::super::super::fields::{Fields, address, is_nothing};
use super::super::super::text::Line;
use super::super::super::text::keys::{Numbered, PairKeys};
use super::super::super::text::once::Keys;
use super::extension::{meant, pairs, short};
use super::products;
use crate::time;
use crate::value::Value;

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
pub(super) struct Labels<'a> {
    labels: [(&'a str, &'a str); 16],
    pub(super) count: usize,
}

/// An event while its extension is read.
pub(super) struct Extension<'l, 'a> {
    pub(super) line: &'l Line<'a>,
    pub(super) fields: Fields<'a>,
    pub(super) labels: Labels<'a>,
    pub(super) time: Option<i64>,
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

impl<'l, 'a> Extension<'l, 'a> {
    pub(super) fn new(line: &'l Line<'a>) -> Self {
        Extension {
            line,
            fields: Fields::with_room(64),
            labels: Labels::default(),
            time: None,
            rank: 0,
        }
    }

    /// Reads the extension of a line of `dataset`. What comes of it is the same if it is `doubted` without cause.
    pub(super) fn read(&mut self, dataset: &str, extension: &'a str, doubted: bool) {
        let front = self.fields.len();
        if doubted || !self.read_once(dataset, extension) {
            self.fields.truncate(front);
            (self.labels.count, self.time, self.rank) = (0, None, 0);
            self.read_in_doubt(dataset, extension);
        }
    }

    /// Reads an extension that has each key once, as most do. `false`: this one has not, or has keys without a number, and
    /// what came of it so far must be forgotten.
    fn read_once(&mut self, dataset: &str, extension: &'a str) -> bool {
        let escaped = memchr::memchr(b'\\', extension.as_bytes()).is_some();
        let is_peculiar = products::has_own_pairs(dataset);
        let numbers = &mut *self.line.keys.cef.borrow_mut();
        numbers.restart();
        let mut pairs = pairs(extension);
        let mut known = None;
        while let Some((key, numbered, value)) = pairs.next_numbered(&mut known, numbers) {
            if !numbers.is_first(numbered) {
                return false;
            }
            let value = meant(value, escaped, self.line);
            let is_taken =
                value.is_empty() || is_peculiar && products::pair(dataset, key, value, &mut self.fields);
            if !is_taken {
                self.pair(key, numbered, value);
            }
        }
        true
    }

    /// Reads an extension, any of whose keys may stand in it with several values.
    fn read_in_doubt(&mut self, dataset: &str, extension: &'a str) {
        let escaped = memchr::memchr(b'\\', extension.as_bytes()).is_some();
        let is_peculiar = products::has_own_pairs(dataset);
        let repeats = products::repeats(dataset);
        let mut numbers = self.line.keys.cef.borrow_mut();
        numbers.restart();
        let mut keys = Keys::new(self.line.arena);
        for (key, value) in pairs(extension) {
            let numbered = number(key, extension, &mut numbers);
            keys.add_with(
                short(key),
                meant(value, escaped, self.line),
                repeats,
                (key, numbered),
            );
        }
        drop(numbers);
        // Who brought the best time into doubt does not choose a worse one.
        let doubted = keys.doubted().map(|(_, numbered)| numbered.role.rank());
        self.rank = doubted.max().unwrap_or(0);
        for (value, (key, numbered)) in keys.settled_with(&mut self.fields) {
            if !is_peculiar || !products::pair(dataset, key, value, &mut self.fields) {
                self.pair(key, numbered, value);
            }
        }
    }

    #[inline(always)]
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
            Role::Instant => return fields.push_named(key, self.line.instant(value)),
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

    fn moment(&mut self, name: &'static str, value: &'a str, rank: u8) {
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
    pub(super) fn name_custom_fields(&mut self) {
        for &(key, label) in &self.labels.labels[..self.labels.count] {
            let value = self
                .fields
                .iter()
                .find_map(|(name, value)| (name == key).then(|| value.clone()));
            if let Some(value) = value
                && label.len() <= 64
                && !matches!(value, Value::Str(text) if is_nothing(text))
            {
                self.fields.push_named(self.line.name("label.", label), value);
            }
        }
    }
}

/// An address, or the name that stands in its place.
pub(in super::super) fn host<'a>(
    fields: &mut Fields<'a>,
    key: &'a str,
    [ip, domain]: [&'static str; 2],
    value: &'a str,
) {
    match address(value) {
        Some(address) => fields.push(ip, Value::Str(address)),
        None if is_nothing(value) => fields.push_named(key, Value::Str(value)),
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
