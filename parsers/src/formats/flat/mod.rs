//! Flat JSON records, straight from bytes to fields.
//!
//! Most JSON logs are lines of objects without objects in them, and consecutive records have the same keys
//! in the same order. [`FlatReader`] finds all quotes of a record in one pass of vector instructions,
//! guesses each key from the one before it and verifies the guess with one comparison; values stay where
//! they are until somebody wants them, escapes included.
//!
//! Only what is plain is read here: one object of strings, whole numbers, flags, nulls and lists of them,
//! valid as it stands, and of those only [flat Windows events](super::json_windows) that show their time.
//! Everything else is left to the [tape](super::tape). The two give the same event for the same bytes; a
//! test holds them to it.

pub(crate) mod keys;
mod plans;
mod scan;
#[cfg(test)]
mod tests;
mod walk;

use std::borrow::Cow;
use std::sync::Arc;

use chrono_tz::Tz;

use super::event_time::{iso_time, plain_time, text_time, whole_time};
use super::windows::WindowsDatasets;
use super::{EventSink, FrameContext, commit, id_of};
use crate::batch::{BatchBuilder, same_text};
use crate::catalog::{Catalog, Dataset};
use crate::frame::FrameBlock;
use crate::value::{Value, parse_timestamp};
pub use keys::Key;
use keys::{Keys, Role};
use plans::Plans;
use scan::Quotes;
pub(crate) use scan::unescape_bytes;
pub use scan::unescape_into;
use walk::{Compare, Noted, Steps, Stop, Way};

/// What a value is, as it stands in its record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The inside of a string without escapes.
    Text,
    /// The inside of a string with escapes, all of them valid.
    Escaped,
    /// A list of scalars, brackets included.
    List,
    /// A whole number that fits into 64 bits, written in the only way it can be.
    Number,
    /// `true`.
    True,
    /// `false`.
    False,
    /// `null`: the same as no field.
    Null,
}

/// A field of a record: which key, and where its value stands.
#[derive(Debug, Clone, Copy)]
pub struct FlatField {
    /// The key's number.
    pub key: Key,
    /// What the value is.
    pub kind: Kind,
    start: u32,
    end: u32,
}

impl FlatField {
    /// Key and kind as a number, the same for texts with escapes and without. (Keys are [few](Key).)
    #[inline(always)]
    pub fn code(&self) -> u32 {
        let kind = match self.kind {
            Kind::Text | Kind::Escaped => 0,
            Kind::List => 1,
            Kind::Number => 2,
            Kind::True => 3,
            Kind::False => 4,
            Kind::Null => 5,
        };
        self.key << 3 | kind
    }

    /// Where its value stands in the record: from where to where.
    #[inline(always)]
    pub(crate) fn span(&self) -> (u32, u32) {
        (self.start, self.end)
    }
}

/// Events whose columns are written together: their cells and records stay in the second-level cache.
const TOGETHER: usize = 256;

/// Spreads the bits of a few numbers well enough to tell shapes apart, as rustc's own hash does.
const SPREADS: u64 = 0x517c_c1b7_2722_0a95;

/// See the [module](self).
pub struct FlatReader {
    keys: Keys,
    steps: Steps,
    plans: Plans,
    quotes: Quotes,
    noted: Noted,
    /// See [`FlatEvent::shape`].
    shape: u64,
    windows: WindowsDatasets,
}

/// A flat Windows event whose values have not been looked at.
pub struct FlatEvent<'r> {
    /// What wrote it.
    pub dataset: &'r Arc<Dataset>,
    /// Its fields, in the order of the record.
    pub fields: &'r [FlatField],
    text: &'r str,
    shape: u64,
    keys: &'r Keys,
    timestamp: Option<FlatField>,
    time: Times,
    has_unicode_escapes: bool,
    is_ascii: bool,
}

/// The time of an event, and the one that a collector gave it.
#[derive(Debug, Clone, Copy)]
struct Times {
    own: i64,
    collected: Option<i64>,
    /// Whether any column of times takes the time of collection as it stands.
    collected_is_plain: bool,
}

impl FlatReader {
    /// A reader for the datasets of `catalog`.
    pub fn new(catalog: &Catalog) -> Self {
        FlatReader {
            keys: Keys::default(),
            steps: Steps::default(),
            plans: Plans::default(),
            quotes: Quotes::default(),
            noted: Noted::default(),
            shape: 0,
            windows: WindowsDatasets::new(catalog),
        }
    }

    /// Reads a record. `None`: it is no flat Windows event, not plain enough to be read here, or does not
    /// show its time. Times that name no zone are of `zone`.
    #[inline]
    pub fn read<'r>(&'r mut self, record: &'r [u8], zone: Tz) -> Option<FlatEvent<'r>> {
        // Positions are 32 bits wide.
        if record.len() >= u32::MAX as usize || !self.quotes.index(record) {
            return None;
        }
        let text = if self.quotes.is_ascii() {
            // SAFETY: every byte is ASCII.
            unsafe { std::str::from_utf8_unchecked(record) }
        } else {
            std::str::from_utf8(record).ok()?
        };
        if self.quotes.has_unicode_escapes() && !scan::unicode_escapes_are_valid(record) {
            return None;
        }
        self.fields_of(text)?;
        let event = WindowsEvent::of(&self.keys, &self.noted.fields, &self.noted.telling, text)?;
        let time = event.time(text, zone)?;
        let timestamp = event.timestamp;
        let dataset = self.windows.find(event.channel, event.provider).ok()?;
        Some(FlatEvent {
            dataset,
            fields: &self.noted.fields,
            text,
            shape: self.shape,
            keys: &self.keys,
            timestamp,
            time,
            has_unicode_escapes: self.quotes.has_unicode_escapes(),
            is_ascii: self.quotes.is_ascii(),
        })
    }

    /// Takes the record apart.
    #[inline]
    fn fields_of(&mut self, text: &str) -> Option<()> {
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx2")
            && std::arch::is_x86_feature_detected!("bmi1")
            && std::arch::is_x86_feature_detected!("bmi2")
            && std::arch::is_x86_feature_detected!("popcnt")
        {
            // SAFETY: the machine has all of them.
            return unsafe { self.fields_with_avx2(text) };
        }
        self.fields_with(text, walk::Plainly)
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
    fn fields_with_avx2(&mut self, text: &str) -> Option<()> {
        // SAFETY: this function is only called where the machine has AVX2.
        self.fields_with(text, unsafe { walk::Avx2::new() })
    }

    #[inline(always)]
    fn fields_with(&mut self, text: &str, compare: impl Compare) -> Option<()> {
        let record = text.as_bytes();
        let FlatReader {
            keys,
            steps,
            plans,
            quotes,
            noted,
            ..
        } = self;
        if let Some(shape) = plans.read(record, quotes, steps, noted, compare) {
            self.shape = shape;
            return Some(());
        }
        noted.clear();
        let mut place = steps.start(SPREADS);
        loop {
            match steps.follow(record, quotes, &mut place, noted, compare) {
                Stop::End => break,
                Stop::Refused => return None,
                Stop::Unforeseen => {}
            }
            let taken = match steps.find(text, place.from, place.last, quotes, keys)? {
                Way::To(taken) => taken,
                Way::End => break,
            };
            let at = taken.value - usize::from(taken.is_string);
            let (kind, start, end, behind) = value_at(record, at, quotes)?;
            let field = FlatField {
                key: taken.key,
                kind,
                start: start as u32,
                end: end as u32,
            };
            place.shape = walk::turned(place.shape, &field);
            noted.add(field, taken.role, taken.number);
            steps.go_on(&mut place, &taken, if taken.is_string { end } else { behind });
            if walk::ends(record, place.from, taken.is_string) {
                break;
            }
        }
        plans.learn(quotes, steps, noted, place.shape);
        self.shape = place.shape;
        Some(())
    }
}

impl<'r> FlatEvent<'r> {
    /// The name of one of its keys.
    pub fn name(&self, key: Key) -> &'r str {
        self.keys.name(key)
    }

    /// A value as it stands in the record; see [`Kind`].
    #[inline]
    pub fn raw(&self, field: FlatField) -> &'r str {
        raw(field, self.text)
    }

    /// The same for records whose fields have the same [codes](FlatField::code); hardly ever for others.
    pub fn shape(&self) -> u64 {
        self.shape
    }

    /// The record.
    pub fn text(&self) -> &'r str {
        self.text
    }

    /// Whether a character of the record is written as `\u….`
    pub fn has_unicode_escapes(&self) -> bool {
        self.has_unicode_escapes
    }

    /// The field that holds its time of collection, which is no field of the event itself.
    pub fn collected(&self) -> Option<Key> {
        self.timestamp.map(|field| field.key)
    }

    /// The time of collection as it stands in the record, if it is another than the event's own: decoding
    /// makes it `event.created`.
    #[inline]
    pub fn created(&self) -> Option<&'r str> {
        let apart = self
            .time
            .collected
            .is_some_and(|collected| collected != self.time.own);
        self.timestamp.filter(|_| apart).map(|field| self.raw(field))
    }

    /// Whether the time of collection, if it is another than the event's own, fits a column of times.
    #[inline]
    pub fn created_fits(&self) -> bool {
        self.time.collected_is_plain || self.created().is_none_or(|time| parse_timestamp(time).is_some())
    }

    /// Whether the record is ASCII.
    pub fn is_ascii(&self) -> bool {
        self.is_ascii
    }

    /// The record with all escapes replaced by what they mean: no JSON any more, but every text of the event
    /// stands in it.
    pub fn unescaped(&self) -> String {
        let mut text = String::new();
        unescape_into(self.text, &mut text);
        text
    }

    /// Calls `visit` with every scalar of a value: a list's elements, or the value itself. `buffer` is scratch.
    pub fn visit(&self, field: FlatField, buffer: &mut String, visit: &mut dyn FnMut(Value<'_>)) {
        let raw = self.raw(field);
        match field.kind {
            Kind::Escaped => {
                buffer.clear();
                unescape_into(raw, buffer);
                visit(Value::Str(buffer));
            }
            Kind::List => {
                for (kind, text) in elements(raw).unwrap_or_default() {
                    match kind {
                        Kind::Text | Kind::Escaped => visit(Value::Str(&text)),
                        kind => visit(scalar(kind, &text).unwrap_or(Value::Null)),
                    }
                }
            }
            kind => visit(scalar(kind, raw).unwrap_or(Value::Null)),
        }
    }

    /// Gives `sink` the event, which stands at `at` of `block`, to be written together with those around it. `false`: it
    /// has to be written now, and nothing waits.
    pub(super) fn wait(
        &self,
        at: usize,
        block: &FrameBlock,
        context: &FrameContext<'_>,
        sink: &mut EventSink,
    ) -> bool {
        let waits = self.created_fits() && self.waits(at, context, sink).is_some();
        sink.settle(block, if waits { TOGETHER } else { 0 });
        waits
    }

    fn waits(&self, at: usize, context: &FrameContext<'_>, sink: &mut EventSink) -> Option<()> {
        let builder = sink.waiting(self.dataset)?;
        let timestamp = self.timestamp.map(|field| field.key);
        let created = self.timestamp.filter(|_| self.created().is_some());
        if !builder.wait(self.fields, self.shape, at, timestamp, created) {
            return None;
        }
        let event_id = id_of(context, context.offset, self.text.as_bytes(), 0, true);
        builder.commit_waiting(self.time.own, event_id, context.offset);
        Some(())
    }

    /// Writes the event to `sink`. `None`: it turns out not to be plain enough; nothing is committed then.
    pub(super) fn write(&self, context: &FrameContext<'_>, sink: &mut EventSink) -> Option<()> {
        let builder = sink.begin(self.dataset);
        for field in self.fields {
            if Some(field.key) != self.timestamp.map(|field| field.key) {
                write_field(self.keys, *field, self.text, builder)?;
            }
        }
        if self.created().is_some()
            && let Some(field) = self.timestamp
        {
            builder.field("event.created", plain_value(field, self.text)?);
        }
        commit(builder, context, self.text.as_bytes(), 0, Some(self.time.own));
        Some(())
    }
}

/// Shorter numbers fit into 64 bits whatever their digits are.
const ALWAYS_FITS: usize = 18;

#[inline(always)]
fn skip_space(record: &[u8], at: usize) -> usize {
    // Control characters do not get as far as here.
    match record.get(at) {
        Some(byte) if *byte <= b' ' => skip_spaces(record, at),
        _ => at,
    }
}

#[cold]
fn skip_spaces(record: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\t' | b'\n' | b'\r') = record.get(at) {
        at += 1;
    }
    at
}

/// The value at `at`: what it is, from where to where, and what follows it.
#[inline]
fn value_at(record: &[u8], at: usize, quotes: &Quotes) -> Option<(Kind, usize, usize, usize)> {
    let literal = |word: &[u8], kind| {
        let end = at + word.len();
        scan::starts_at(record, at, word).then_some((kind, at, end, end))
    };
    match record.get(at)? {
        b'"' => string_at(at, quotes),
        b'0'..=b'9' | b'-' => {
            let end = number_end(record, at, &mut Vec::new())?;
            Some((Kind::Number, at, end, end))
        }
        b'[' => {
            let end = list_end(record, at, quotes)?;
            Some((Kind::List, at, end, end))
        }
        b't' => literal(b"true", Kind::True),
        b'f' => literal(b"false", Kind::False),
        b'n' => literal(b"null", Kind::Null),
        _ => None,
    }
}

/// Where the whole number at `at` ends; it fits into 64 bits. `fitting` is the last long one that did.
#[inline(always)]
fn number_end(record: &[u8], at: usize, fitting: &mut Vec<u8>) -> Option<usize> {
    let end = scan::whole_number_end(record, at)?;
    if end - at > ALWAYS_FITS && record[at..end] != **fitting {
        whole_number(&record[at..end])?;
        record[at..end].clone_into(fitting);
    }
    Some(end)
}

/// The same for a value that is a string.
#[inline(always)]
fn string_at(at: usize, quotes: &Quotes) -> Option<(Kind, usize, usize, usize)> {
    let start = at + 1;
    let (end, has_escapes) = quotes.end_of_string(start)?;
    let kind = match has_escapes {
        false => Kind::Text,
        true => Kind::Escaped,
    };
    Some((kind, start, end, end + 1))
}

/// Behind the list at `at`, which holds nothing but scalars.
fn list_end(record: &[u8], at: usize, quotes: &Quotes) -> Option<usize> {
    let mut at = skip_space(record, at + 1);
    if record.get(at)? == &b']' {
        return Some(at + 1);
    }
    loop {
        if record.get(at)? == &b'[' {
            return None;
        }
        let (_, _, _, next) = value_at(record, at, quotes)?;
        at = skip_space(record, next);
        match record.get(at)? {
            b',' => at = skip_space(record, at + 1),
            b']' => return Some(at + 1),
            _ => return None,
        }
    }
}

/// The elements of a list that [`list_end`] has accepted, unescaped.
fn elements(raw: &str) -> Option<Vec<(Kind, Cow<'_, str>)>> {
    let record = raw.as_bytes();
    let mut quotes = Quotes::default();
    quotes.index(record);
    let mut elements = Vec::new();
    let mut at = skip_space(record, 1);
    while record.get(at)? != &b']' {
        let (kind, start, end, next) = value_at(record, at, &quotes)?;
        let inside = &raw[start..end];
        elements.push((
            kind,
            match kind {
                Kind::Escaped => {
                    let mut text = String::new();
                    unescape_into(inside, &mut text);
                    Cow::Owned(text)
                }
                _ => Cow::Borrowed(inside),
            },
        ));
        at = skip_space(record, next);
        if record.get(at)? == &b',' {
            at = skip_space(record, at + 1);
        }
    }
    Some(elements)
}

#[inline]
fn raw(field: FlatField, text: &str) -> &str {
    &text[field.start as usize..field.end as usize]
}

/// A scalar that needs no unescaping; `None` for anything else.
fn plain_value<'r>(field: FlatField, text: &'r str) -> Option<Value<'r>> {
    let raw = raw(field, text);
    scalar(field.kind, raw)
}

/// Hands out what `raw`, a value as it stands in its record, means. `None`: it is no such value.
pub(crate) fn with_value<T>(kind: Kind, raw: &[u8], take: impl FnOnce(&Value<'_>) -> T) -> Option<T> {
    let raw = std::str::from_utf8(raw).ok()?;
    match kind {
        Kind::Escaped => {
            let mut text = String::new();
            unescape_into(raw, &mut text);
            Some(take(&Value::Str(&text)))
        }
        Kind::List => {
            let parts = elements(raw)?;
            Some(take(&list_of(&parts)?))
        }
        kind => Some(take(&scalar(kind, raw)?)),
    }
}

/// The list of these elements.
fn list_of<'p>(parts: &'p [(Kind, Cow<'_, str>)]) -> Option<Value<'p>> {
    let values = parts.iter().map(|(kind, text)| match kind {
        Kind::Text | Kind::Escaped => Some(Value::Str(text)),
        kind => scalar(*kind, text),
    });
    Some(Value::List(values.collect::<Option<_>>()?))
}

fn scalar(kind: Kind, raw: &str) -> Option<Value<'_>> {
    Some(match kind {
        Kind::Text => Value::Str(raw),
        Kind::Escaped | Kind::List => return None,
        Kind::Number => Value::Int(whole_number(raw.as_bytes())?),
        Kind::True => Value::Bool(true),
        Kind::False => Value::Bool(false),
        Kind::Null => Value::Null,
    })
}

/// A whole number of 64 bits as JSON writes them. Others are rare in events and left to the
/// tape's parser, so that there is one reading of them.
#[inline]
fn whole_number(raw: &[u8]) -> Option<i64> {
    let (negative, digits) = match raw {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    let plain = match digits {
        [b'0'] => !negative,
        [first, ..] => *first != b'0',
        [] => false,
    };
    if !plain {
        return None;
    }
    // Downwards: the lowest number has no positive counterpart.
    let number = digits.iter().try_fold(0_i64, |number, byte| {
        let digit = i64::from(byte.is_ascii_digit().then_some(*byte)? - b'0');
        number.checked_mul(10)?.checked_sub(digit)
    })?;
    if negative {
        Some(number)
    } else {
        number.checked_neg()
    }
}

#[inline]
fn write_field(keys: &Keys, field: FlatField, text: &str, builder: &mut BatchBuilder) -> Option<()> {
    let name = keys.name(field.key);
    match field.kind {
        Kind::Text => builder.raw_text(field.key, name, raw(field, text), false),
        Kind::Escaped => builder.raw_text(field.key, name, raw(field, text), true),
        Kind::List => {
            let raw = raw(field, text);
            let mut parts = Vec::new();
            builder.raw_list(field.key, name, raw, || {
                parts = elements(raw)?;
                list_of(&parts)
            })?;
        }
        Kind::Number if builder.raw_number(field.key, name, raw(field, text)) => {}
        _ => builder.keyed_field(field.key, name, plain_value(field, text)?),
    }
    Some(())
}

/// What a flat record says of the event that it is: see [`json_windows`](super::json_windows).
struct WindowsEvent<'r> {
    channel: &'r str,
    provider: &'r str,
    timestamp: Option<FlatField>,
    utc: Option<FlatField>,
    event: Option<FlatField>,
    created: Option<FlatField>,
}

impl<'r> WindowsEvent<'r> {
    #[inline]
    fn of(keys: &Keys, fields: &[FlatField], telling: &[u32], text: &'r str) -> Option<Self> {
        let mut event = WindowsEvent {
            channel: "",
            provider: "",
            timestamp: None,
            utc: None,
            event: None,
            created: None,
        };
        let mut has_id = false;
        let mut has_origin = false;
        let name = |field: FlatField, known: &'r str| match field.kind {
            Kind::Escaped | Kind::List => None,
            Kind::Text if known.is_empty() => Some(raw(field, text)),
            _ => Some(known),
        };
        for &position in telling {
            let field = fields[position as usize];
            match keys.role(field.key) {
                Role::Plain => {}
                Role::EventId => has_id = true,
                Role::Channel => {
                    has_origin = true;
                    event.channel = name(field, event.channel)?;
                }
                Role::Provider => {
                    has_origin = true;
                    event.provider = name(field, event.provider)?;
                }
                Role::SourceName => event.provider = name(field, event.provider)?,
                // Of two times of one name each reader takes another: not for here.
                Role::Timestamp if event.timestamp.is_none() => event.timestamp = Some(field),
                Role::Timestamp | Role::Other => return None,
                Role::UtcTime => event.utc = Some(field),
                Role::EventTime => event.event = Some(field),
                Role::Created => event.created = Some(field),
            }
        }
        (has_id && has_origin).then_some(event)
    }

    /// `None` where finding the time takes more than a look at these fields.
    #[inline]
    fn time(&self, text: &str, zone: Tz) -> Option<Times> {
        let value = |field: Option<FlatField>| match field {
            Some(field) => plain_value(field, text).map(Some),
            None => Some(None),
        };
        let instant = |value: &Value<'_>| match value {
            Value::Str(text) => text_time(text, zone),
            Value::Int(number) => whole_time(*number),
            _ => None,
        };
        let collected = value(self.timestamp)?;
        let plain = match &collected {
            Some(Value::Str(text)) => plain_time(text),
            _ => None,
        };
        let collected = match collected {
            Some(value) => Some(plain.filter(|_| zone == Tz::UTC).or_else(|| instant(&value))?),
            None => None,
        };
        let created = value(self.created)?.as_ref().and_then(instant);
        let sysmon = || {
            // Its channel by far the most often, without a search.
            if same_text(self.channel.as_bytes(), b"Microsoft-Windows-Sysmon/Operational") {
                return true;
            }
            let is_sysmon = |name: &str| memchr::memmem::find(name.as_bytes(), b"Sysmon").is_some();
            is_sysmon(self.channel) || is_sysmon(self.provider)
        };
        let utc = value(self.utc)?;
        let event = value(self.event)?;
        let own = created
            .or_else(|| match utc {
                Some(Value::Str(utc)) if sysmon() => text_time(utc, Tz::UTC),
                _ => None,
            })
            .or_else(|| {
                let event = event.as_ref()?;
                let certain = zone != Tz::UTC
                    || match event {
                        Value::Str(text) => iso_time(text).is_some_and(|(_, zoned)| zoned),
                        _ => true,
                    };
                if certain { instant(event) } else { None }
            });
        let own = own.or(collected).or_else(|| event.as_ref().and_then(instant))?;
        Some(Times {
            own,
            collected,
            collected_is_plain: plain.is_some(),
        })
    }
}
