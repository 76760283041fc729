//! The header of a TSV log, and values by the types that it states.

use std::borrow::Cow;
use std::sync::Arc;

use crate::time;
use crate::value::Value;

/// The header of a Zeek TSV log: what the lines after it mean.
///
/// Feed it every line for which [`ZeekHeader::is_header_line`] holds. A `#separator` line starts it anew, so
/// one value serves a stream of concatenated logs; a rotated log that only repeats `#fields` replaces
/// these. Without `#types` (a header that somebody shortened) every value is text.
///
/// ```
/// use borzoi_parsers::formats::zeek::ZeekHeader;
/// let mut header = ZeekHeader::default();
/// for line in ["#separator \\x09", "#path\tdns", "#fields\tts\tquery", "#types\ttime\tstring"] {
///     header.push(line);
/// }
/// assert!(header.is_complete());
/// assert_eq!(header.path(), "dns");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZeekHeader {
    separator: String,
    set_separator: String,
    empty: String,
    unset: String,
    path: String,
    // Shared, so that copying a header costs the same however many columns it has.
    names: Arc<[Box<str>]>,
    kinds: Arc<[Kind]>,
}

/// A longer separator, mark or path is none: a header costs little to keep and to copy.
const LONGEST: usize = 1024;

/// What `#types` says of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Time,
    Number,
    Whole,
    Flag,
    List,
}

/// A value of a cell.
#[derive(Debug, PartialEq)]
pub(in crate::formats) enum Cell<'a> {
    Text(Cow<'a, str>),
    Whole(i64),
    Number(f64),
    Flag(bool),
    List(Vec<Cow<'a, str>>),
}

impl Cell<'_> {
    pub(in crate::formats) fn as_value(&self) -> Value<'_> {
        match self {
            Cell::Text(text) => Value::Str(text),
            Cell::Whole(number) => Value::Int(*number),
            Cell::Number(number) => Value::Float(*number),
            Cell::Flag(flag) => Value::Bool(*flag),
            Cell::List(items) => Value::List(items.iter().map(|item| Value::Str(item)).collect()),
        }
    }
}

impl Default for ZeekHeader {
    fn default() -> Self {
        ZeekHeader {
            separator: "\t".into(),
            set_separator: ",".into(),
            empty: "(empty)".into(),
            unset: "-".into(),
            path: String::new(),
            names: Arc::default(),
            kinds: Arc::default(),
        }
    }
}

impl ZeekHeader {
    /// Whether `line` belongs to a header (`#separator`, `#fields`, …, also `#close`).
    pub fn is_header_line(line: &str) -> bool {
        line.starts_with('#')
    }

    /// Takes in one header line.
    pub fn push(&mut self, line: &str) {
        let line = line.trim_end_matches(['\n', '\r']);
        if let Some(separator) = line.strip_prefix("#separator ") {
            *self = ZeekHeader::default();
            let separator = unescape(separator);
            if !separator.is_empty() && separator.len() <= LONGEST {
                self.separator = separator.into_owned();
            }
            return;
        }
        let separator = self.separator.clone();
        let mut parts = line.split(separator.as_str());
        let name = parts.next().unwrap_or_default();
        match name {
            "#fields" => {
                self.names = parts.map(Box::from).collect();
                self.kinds = Arc::default();
                return;
            }
            "#types" => {
                self.kinds = parts.take(self.names.len()).map(Kind::of).collect();
                return;
            }
            _ => {}
        }
        let text = parts.next().unwrap_or_default();
        if text.len() > LONGEST {
            return;
        }
        match name {
            "#set_separator" if !text.is_empty() => self.set_separator = unescape(text).into_owned(),
            "#empty_field" => text.clone_into(&mut self.empty),
            "#unset_field" => text.clone_into(&mut self.unset),
            "#path" => text.clone_into(&mut self.path),
            _ => {}
        }
    }

    /// Whether lines can be decoded: `#fields` was seen.
    pub fn is_complete(&self) -> bool {
        !self.names.is_empty()
    }

    /// The log's path (`conn`).
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The names of the columns.
    pub(crate) fn names(&self) -> &[Box<str>] {
        &self.names
    }

    /// What the column of this number holds. Where no types are given, only that of `ts` is known: it never varies.
    pub(crate) fn kind(&self, column: usize) -> Kind {
        match self.kinds.get(column) {
            Some(&kind) => kind,
            None if self.names.get(column).is_some_and(|name| **name == *"ts") => Kind::Time,
            None => Kind::Text,
        }
    }

    /// The byte between cells, if it is one.
    pub(crate) fn separator(&self) -> Option<u8> {
        match *self.separator.as_bytes() {
            [byte] => Some(byte),
            _ => None,
        }
    }

    /// Whether `cell` stands for nothing set.
    #[inline]
    pub(crate) fn is_unset(&self, cell: &str) -> bool {
        cell.len() == self.unset.len() && cell == self.unset
    }

    /// What stands where nothing is set.
    pub(crate) fn unset_mark(&self) -> &str {
        &self.unset
    }

    /// What stands for an empty text or list.
    pub(crate) fn empty_mark(&self) -> &str {
        &self.empty
    }

    /// Whether `cell` stands for an empty text or list.
    #[inline]
    pub(crate) fn is_empty_mark(&self, cell: &str) -> bool {
        cell.len() == self.empty.len() && cell == self.empty
    }

    /// The cells of a line.
    pub(super) fn cells<'l>(&'l self, line: &'l str) -> impl Iterator<Item = &'l str> {
        line.split(self.separator.as_str())
    }

    /// `cell` by the field's type; `None` where nothing is set. What does not spell its type stays text, so
    /// that it is stored aside and counted.
    pub(in crate::formats) fn value<'l>(&self, kind: Kind, cell: &'l str) -> Option<Cell<'l>> {
        if cell == self.unset {
            return None;
        }
        let text = || Cell::Text(unescape(cell));
        Some(match kind {
            Kind::List => {
                if cell == self.empty {
                    return None;
                }
                let items = cell.split(self.set_separator.as_str());
                Cell::List(items.filter(|item| *item != self.unset).map(unescape).collect())
            }
            _ if cell == self.empty => Cell::Text(Cow::Borrowed("")),
            Kind::Text => text(),
            Kind::Time => match time::epoch(cell).and_then(time::rfc3339) {
                Some(instant) => Cell::Text(Cow::Owned(instant)),
                None => text(),
            },
            Kind::Number => cell.parse().map_or_else(|_| text(), Cell::Number),
            Kind::Whole => cell.parse().map_or_else(|_| text(), Cell::Whole),
            Kind::Flag => match cell {
                "T" => Cell::Flag(true),
                "F" => Cell::Flag(false),
                _ => text(),
            },
        })
    }
}

impl Kind {
    fn of(name: &str) -> Self {
        match name {
            "time" => Kind::Time,
            "interval" | "double" => Kind::Number,
            "count" | "int" | "port" => Kind::Whole,
            "bool" => Kind::Flag,
            list if list.starts_with("set[") || list.starts_with("vector[") => Kind::List,
            _ => Kind::Text,
        }
    }
}

/// Undoes `\xHH` (and `\\`); left as it is if the bytes are no text.
fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let code = (bytes[at] == b'\\')
            .then(|| text.get(at + 2..at + 4))
            .flatten()
            .filter(|hex| bytes[at + 1] == b'x' && hex.bytes().all(|b| b.is_ascii_hexdigit()))
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match code {
            Some(code) => {
                out.push(code);
                at += 4;
            }
            None => {
                out.push(bytes[at]);
                at += if bytes[at..].starts_with(b"\\\\") { 2 } else { 1 };
            }
        }
    }
    String::from_utf8(out).map_or(Cow::Borrowed(text), Cow::Owned)
}
