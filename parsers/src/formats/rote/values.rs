//! Classes of values in lines of pairs. As the [kinds](super::slots) of sentences, each is so narrow that the reader of the
//! pair treats all values of the class alike; which classes the values of a key are parted into, its meaning says ([`Care`]).

use crate::batch::{Slot, long_digits, same_text, whole_number};
use crate::formats::fields::is_v4;
use crate::formats::is_nothing;
use crate::formats::text::search::{near, near2};
use crate::formats::vendors::{CefRole, FortigateRole};

/// How closely a reader looks at the values of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Care {
    /// It does not: they are texts or numbers.
    Plain,
    /// An address or a name.
    Address,
    /// Any of them may be treated in its own way.
    Each,
    /// It takes words apart at signs, or asks for them.
    Word,
    /// As `Word`, and how they begin is asked.
    Serial,
    /// A count of milliseconds.
    Millis,
    /// A count of seconds or nanoseconds.
    Ticks,
    /// `2026-03-01`
    Day,
    /// `10:00:00`
    Clock,
    Url,
    /// In a way that is not known here.
    Unknown,
}

impl From<CefRole> for Care {
    fn from(role: CefRole) -> Care {
        match role {
            CefRole::Plain | CefRole::Message | CefRole::Reason => Care::Plain,
            CefRole::Source | CefRole::Destination | CefRole::Device => Care::Address,
            CefRole::Received | CefRole::Start | CefRole::End | CefRole::Instant | CefRole::Clock(_) => {
                Care::Millis
            }
            CefRole::Url => Care::Url,
            CefRole::Path | CefRole::SourceUser | CefRole::Process => Care::Word,
            CefRole::Protocol | CefRole::Direction | CefRole::Label => Care::Each,
            CefRole::Hash => Care::Unknown,
        }
    }
}

impl From<FortigateRole> for Care {
    fn from(role: FortigateRole) -> Care {
        match role {
            FortigateRole::Plain
            | FortigateRole::Own
            | FortigateRole::Message
            | FortigateRole::Reason
            | FortigateRole::Id
            | FortigateRole::Name
            | FortigateRole::Rule
            | FortigateRole::Profile => Care::Plain,
            FortigateRole::Zone
            | FortigateRole::Protocol
            | FortigateRole::Kind
            | FortigateRole::Subkind
            | FortigateRole::Method => Care::Each,
            FortigateRole::Date => Care::Day,
            FortigateRole::Time => Care::Clock,
            FortigateRole::Instant => Care::Ticks,
            FortigateRole::Url => Care::Url,
            FortigateRole::Interface => Care::Word,
            FortigateRole::Serial => Care::Serial,
            FortigateRole::Addresses | FortigateRole::Other => Care::Unknown,
        }
    }
}

/// A class of values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Class {
    /// This one.
    Only(Box<[u8]>),
    /// A whole number in its only spelling.
    Number,
    /// Any text that is not what stands for none.
    Text,
    /// An address of IPv4.
    V4,
    /// One word of letters, digits and `_.-`, which is no address and does not stand for none.
    Word,
    /// The same; it does not begin as serial numbers of another product do.
    Serial,
    Millis,
    Seconds,
    Nanos,
    Day,
    Clock,
    /// A URL with or without TLS, which may have a query.
    Url {
        tls: bool,
    },
    /// The part of a URL that a request names.
    Path,
}

/// Slots that a value may take.
pub(super) const MOST: usize = 4;

/// What the part of a value is called that only some have.
pub(super) const OPTIONAL: &str = "url.query";

/// Longer texts are no [`Class::Only`].
const LONG: usize = 64;

impl Class {
    /// The class of a value whose reader takes such care, as far as there is one.
    pub(super) fn of(care: Care, value: &[u8]) -> Option<Class> {
        let mut slots = [Slot::default(); MOST];
        let mut fits = |class: &Class| class.read(value, 0, value.len(), &mut slots);
        let classes: &[Class] = match care {
            _ if value.is_empty() => &[],
            Care::Plain => &[Class::Number, Class::Text],
            Care::Address => &[Class::V4, Class::Word],
            Care::Each | Care::Unknown => &[],
            Care::Word => &[Class::Word],
            Care::Serial => &[Class::Serial],
            Care::Millis => &[Class::Millis],
            Care::Ticks => &[Class::Seconds, Class::Nanos],
            Care::Day => &[Class::Day],
            Care::Clock => &[Class::Clock],
            Care::Url => &[Class::Url { tls: true }, Class::Url { tls: false }, Class::Path],
        };
        let found = classes.iter().find(|class| fits(class)).cloned();
        found.or_else(|| {
            let is_none = std::str::from_utf8(value).is_ok_and(is_nothing);
            let alone = value.is_empty() || care == Care::Each || care == Care::Plain && is_none;
            (alone && value.len() <= LONG).then(|| Class::Only(value.into()))
        })
    }

    /// How many slots a value takes.
    pub(super) fn slots(&self) -> usize {
        match self {
            Class::Url { .. } => 4,
            Class::Path => 3,
            _ => 1,
        }
    }

    /// The one of them that only some values have.
    pub(super) fn optional(&self) -> Option<usize> {
        matches!(self, Class::Url { .. } | Class::Path).then(|| self.slots() - 1)
    }

    /// Which of them have a text, and which a number.
    pub(super) fn kinds(&self) -> (std::ops::Range<usize>, std::ops::Range<usize>) {
        match self {
            Class::Only(_) => (0..0, 0..0),
            Class::Number | Class::Millis | Class::Seconds | Class::Nanos => (0..1, 0..1),
            _ => (0..self.slots(), 0..0),
        }
    }

    /// Whether what stands in `line` from `start` to `end` is of this class; what it is goes to `slots`.
    #[inline]
    pub(super) fn read(&self, line: &[u8], start: usize, end: usize, slots: &mut [Slot]) -> bool {
        let value = &line[start..end];
        let mut number = 0;
        let fits = match self {
            Class::Only(only) => return same_text(value, only),
            Class::Text => !value.is_empty() && !stands_for_none(value),
            Class::Number => match whole_number(value) {
                Some(found) => {
                    number = found;
                    true
                }
                None => false,
            },
            Class::V4 => is_v4(value),
            Class::Word => is_word(value),
            Class::Serial => is_word(value) && !value.starts_with(b"FPX"),
            Class::Millis => count(value, 13, 1000, &mut number),
            Class::Seconds => count(value, 10, 1_000_000, &mut number),
            Class::Nanos => {
                let fits = value.first() == Some(&b'1') && count(value, 19, 1, &mut number);
                number /= 1000;
                fits
            }
            Class::Day => value.starts_with(b"20") && is_like(value, b"0000-00-00"),
            Class::Clock => is_like(value, b"00:00:00"),
            Class::Url { tls } => {
                let scheme: &[u8] = if *tls { b"https://" } else { b"http://" };
                return read_url(line, start, end, scheme, slots);
            }
            Class::Path => {
                slots[0] = piece(start, end);
                return value.first() == Some(&b'/') && read_path(line, start, end, &mut slots[1..]);
            }
        };
        slots[0] = Slot {
            number,
            ..piece(start, end)
        };
        fits
    }

    /// A value of this class for slot `slot` of sample `sample`: none comes twice, as text or as number. `spaces` may stand in it;
    /// if it may have an optional part, it has one if it is to be `full`.
    pub(super) fn sample(&self, slot: usize, sample: usize, spaces: bool, full: bool) -> String {
        let apart = slot * 1_000_003 + sample * 900_000_007;
        match self {
            Class::Only(only) => String::from_utf8_lossy(only).into_owned(),
            Class::Number => (60_001 + 1_009 * slot + 300_007 * sample).to_string(),
            Class::Text if spaces => format!("Tx{slot} ab{sample}"),
            Class::Text => format!("Tx{slot}.ab{sample}"),
            Class::V4 => format!("198.18.{}.{}", 100 + sample, slot % 250),
            Class::Word => format!("wd{slot}q{sample}"),
            Class::Serial => format!("FG{slot}T{sample}"),
            Class::Millis => (1_772_000_000_000 + apart).to_string(),
            Class::Seconds => (1_772_000_000 + slot * 1_003 + sample * 900_001).to_string(),
            Class::Nanos => (1_772_000_000_000_000_000 + apart * 1_001).to_string(),
            Class::Day => format!("2026-0{}-{}", 1 + sample, 10 + slot % 10),
            Class::Clock => format!("0{}:1{sample}:{}", 1 + sample, 10 + slot % 50),
            Class::Url { tls } => {
                let scheme = if *tls { "https" } else { "http" };
                let path = Class::Path.sample(slot, sample, spaces, full);
                format!("{scheme}://h{slot}z{sample}.example{path}")
            }
            Class::Path if full => format!("/p{slot}/r{sample}?s{slot}=t{sample}"),
            Class::Path => format!("/p{slot}/r{sample}"),
        }
    }
}

/// Letters, digits and `signs`.
const fn letters(signs: &[u8]) -> [bool; 256] {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        table[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let mut sign = 0;
    while sign < signs.len() {
        table[signs[sign] as usize] = true;
        sign += 1;
    }
    table
}

fn piece(start: usize, end: usize) -> Slot {
    Slot {
        start: start as u32,
        end: end as u32,
        number: 0,
    }
}

/// [`is_nothing`] of a value that is not empty.
#[inline(always)]
fn stands_for_none(value: &[u8]) -> bool {
    // None of the words for it is longer, or begins with anything else.
    value.len() <= 6
        && matches!(value[0], b'-' | b'(' | b'<' | b'n' | b'N')
        && std::str::from_utf8(value).is_ok_and(is_nothing)
}

#[inline]
fn is_word(value: &[u8]) -> bool {
    const LETTERS: [bool; 256] = letters(b"_-.");
    let is_plain = value.iter().all(|b| LETTERS[usize::from(*b)]);
    // An address begins with a digit.
    let is_address = || value[0].is_ascii_digit() && is_v4(value);
    !value.is_empty() && is_plain && !stands_for_none(value) && !is_address()
}

/// So many digits, the first of which is no zero, and what they come to in microseconds.
#[inline]
fn count(value: &[u8], digits: usize, unit: i64, number: &mut i64) -> bool {
    if value.len() != digits || value[0] == b'0' {
        return false;
    }
    match long_digits(value).and_then(|count| count.checked_mul(unit)) {
        Some(micros) => {
            *number = micros;
            true
        }
        None => false,
    }
}

/// Whether digits and signs stand where `form` has zeroes and such.
fn is_like(value: &[u8], form: &[u8]) -> bool {
    let fits = |(byte, form): (&u8, &u8)| match form {
        b'0' => byte.is_ascii_digit(),
        form => byte == form,
    };
    value.len() == form.len() && value.iter().zip(form).all(fits)
}

/// `https://host/path?query`: all of it, the host, the path and the query each have a slot.
#[inline]
fn read_url(line: &[u8], start: usize, end: usize, scheme: &[u8], slots: &mut [Slot]) -> bool {
    let Some(rest) = line[start..end].strip_prefix(scheme) else {
        return false;
    };
    let Some(host) = near(b'/', rest) else {
        return false;
    };
    const LETTERS: [bool; 256] = letters(b"-.");
    let at = start + scheme.len();
    slots[0] = piece(start, end);
    slots[1] = piece(at, at + host);
    let is_host = host > 0 && rest[..host].iter().all(|b| LETTERS[usize::from(*b)]);
    is_host && read_path(line, at + host, end, &mut slots[2..])
}

/// A path that begins with `/`, and what is asked behind it.
#[inline]
fn read_path(line: &[u8], start: usize, end: usize, slots: &mut [Slot]) -> bool {
    let text = &line[start..end];
    if near2(b'#', b' ', text).is_some() {
        return false;
    }
    let asked = near(b'?', text);
    slots[0] = piece(start, asked.map_or(end, |at| start + at));
    slots[1] = match asked {
        Some(at) => piece(start + at + 1, end),
        None => Slot::NONE,
    };
    // An empty one is none.
    asked.is_none_or(|at| start + at + 1 < end)
}
