//! The kinds of text that vary between lines of one form. Each is narrow: nothing that a grammar reads otherwise than any other
//! text of the kind, no space (but in [`Kind::Words`] and [`Kind::Command`], which stand last), no letter beyond ASCII.

use crate::batch::same_text;
use crate::formats::is_nothing;

/// What a slot may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// One digit below eight.
    Level,
    /// A whole number in its only spelling.
    Number,
    /// A port in its only spelling.
    Port,
    /// An address of IPv4 in its only spelling.
    V4,
    /// A user's name.
    User,
    /// An interface's or a list's name.
    Name,
    /// `1:02:03`; its number is that of the seconds.
    Clock,
    /// `0x1f`
    Hex,
    /// `SHA256:` and a digest in base64; the digest alone has a slot of its own.
    Digest,
    /// `pts/0`, `tty1`
    Terminal,
    /// Some words, up to the end of the line.
    Words,
    /// A command and its arguments, up to the end of the line.
    Command,
    /// A folder.
    Folder,
}

const NAMES: [(&str, Kind); 13] = [
    ("level", Kind::Level),
    ("number", Kind::Number),
    ("port", Kind::Port),
    ("v4", Kind::V4),
    ("user", Kind::User),
    ("name", Kind::Name),
    ("clock", Kind::Clock),
    ("hex", Kind::Hex),
    ("digest", Kind::Digest),
    ("terminal", Kind::Terminal),
    ("words", Kind::Words),
    ("command", Kind::Command),
    ("folder", Kind::Folder),
];

/// Letters of each kind that is a run of letters, a bit each.
const USER: u8 = 1;
const NAME: u8 = 2;
const BASE64: u8 = 4;
const WORDS: u8 = 8;
const COMMAND: u8 = 16;
const FOLDER: u8 = 32;

const LETTERS: [u8; 256] = {
    let mut letters = [0; 256];
    let mut byte = 0;
    while byte < 128 {
        let b = byte as u8;
        if b.is_ascii_alphanumeric() {
            letters[byte] = USER | NAME | BASE64 | WORDS | COMMAND | FOLDER;
        }
        letters[byte] |= match b {
            b'_' => USER | NAME | COMMAND | FOLDER,
            b'-' => USER | NAME | WORDS | COMMAND | FOLDER,
            b'.' => USER | COMMAND | FOLDER,
            b'+' => BASE64 | COMMAND,
            b'/' => BASE64 | COMMAND | FOLDER,
            b' ' => WORDS | COMMAND,
            _ => 0,
        };
        byte += 1;
    }
    letters
};

/// What stands in front of a digest.
pub(super) const DIGEST: &[u8] = b"SHA256:";

/// Whether a run of letters, in front of a rest, is of a kind.
type Fits = fn(&[u8], &[u8]) -> bool;

/// The longest slot of letters.
const LONG: usize = 200;

#[inline]
fn run(text: &[u8], letters: u8) -> usize {
    let is_in = |b: &&u8| LETTERS[usize::from(**b)] & letters != 0;
    text.iter().take_while(is_in).count()
}

impl Kind {
    /// The kind called `name`.
    pub(super) fn named(name: &str) -> Option<Kind> {
        let found = NAMES.iter().find(|(known, _)| *known == name)?;
        Some(found.1)
    }

    /// Whether a slot has a number.
    pub(super) fn is_number(self) -> bool {
        matches!(self, Kind::Level | Kind::Number | Kind::Port | Kind::Clock)
    }

    /// The length of the text of this kind that `text` starts with, and its number. Where more of the kind follows, it is none.
    #[inline]
    pub(super) fn read(self, text: &[u8]) -> Option<(usize, i64)> {
        let (letters, fits): (u8, Fits) = match self {
            Kind::Level => {
                let digit = text.first()?.wrapping_sub(b'0');
                return (digit < 8).then_some((1, i64::from(digit)));
            }
            Kind::Number => return number(text),
            Kind::Port => return number(text).filter(|(_, port)| *port <= 65_535),
            Kind::V4 => return Some((v4(text)?, 0)),
            Kind::Clock => return clock(text),
            Kind::Hex => {
                let digits = text.strip_prefix(b"0x")?;
                let digits = digits.iter().take_while(|b| b.is_ascii_hexdigit()).count();
                return (1..=LONG).contains(&digits).then_some((2 + digits, 0));
            }
            Kind::Digest => {
                let digest = text.strip_prefix(DIGEST)?;
                let length = run(digest, BASE64);
                return (1..=LONG).contains(&length).then_some((DIGEST.len() + length, 0));
            }
            Kind::User => {
                // A point behind it ends the sentence.
                let mut length = run(text, USER);
                while length > 0 && text[length - 1] == b'.' {
                    length -= 1;
                }
                let fits = (1..=LONG).contains(&length) && is_name(&text[..length]);
                return fits.then_some((length, 0));
            }
            Kind::Name => (NAME, |found, _| found[0].is_ascii_alphabetic()),
            Kind::Terminal => (FOLDER, |found, _| found[0].is_ascii_lowercase()),
            Kind::Folder => (FOLDER, |found, _| found[0] == b'/'),
            Kind::Words => (WORDS, |found, rest| rest.is_empty() && are_words(found)),
            Kind::Command => (COMMAND, |found, rest| {
                rest.is_empty() && found[0] == b'/' && !found.ends_with(b" ")
            }),
        };
        let length = run(text, letters);
        let (found, rest) = text.split_at_checked(length)?;
        ((1..=LONG).contains(&length) && fits(found, rest)).then_some((length, 0))
    }

    /// Whether `text` starts with `other`, a text of this kind, and no more of the kind follows.
    #[inline]
    pub(super) fn starts_with(text: &[u8], other: &[u8]) -> bool {
        let ends = || {
            text.get(other.len())
                .is_none_or(|b| LETTERS[usize::from(*b)] & USER == 0)
        };
        let same = text.get(..other.len()).is_some_and(|text| same_text(text, other));
        same && ends()
    }
}

/// Whether a name is no word that stands for nobody, or for what opens a session.
fn is_name(name: &[u8]) -> bool {
    if !name[0].is_ascii_alphabetic() {
        return false;
    }
    if !matches!(name.len(), 3..=7) {
        return true;
    }
    let text = std::str::from_utf8(name).unwrap_or_default();
    let is_none = is_nothing(text) || text.eq_ignore_ascii_case("unknown");
    !is_none && text != "LOGIN"
}

/// Whether a reason is nothing but words: it starts with a capital letter and names nobody.
fn are_words(text: &[u8]) -> bool {
    let breaks = |at: usize, b: u8| match b {
        b' ' => text.get(at + 1).is_none_or(|next| *next == b' '),
        b'f' => text[at..].starts_with(b"from"),
        _ => false,
    };
    let mut bytes = text.iter().enumerate();
    text[0].is_ascii_uppercase() && !bytes.any(|(at, b)| breaks(at, *b))
}

/// A whole number of at most 18 digits without a zero in front.
#[inline]
fn number(text: &[u8]) -> Option<(usize, i64)> {
    const DIGITS: usize = 18;
    if let Some(word) = text.first_chunk()
        && let Some(found) = short_number(u64::from_le_bytes(*word))
    {
        return found;
    }
    let mut number = 0_i64;
    let mut length = 0;
    for byte in text {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        if length == DIGITS {
            return None;
        }
        number = number * 10 + i64::from(digit);
        length += 1;
    }
    let plain = length == 1 || length > 1 && text[0] != b'0';
    plain.then_some((length, number))
}

/// As [`number`], of at most seven digits at the beginning of a word: all of them at once. [`None`]: there are more.
#[inline(always)]
fn short_number(word: u64) -> Option<Option<(usize, i64)>> {
    const ZEROES: u64 = 0x3030_3030_3030_3030;
    let digits = word ^ ZEROES;
    // The first byte that is more than nine, or no ASCII, has its highest bit now; those in front of it have not.
    let others = (digits | digits.wrapping_add(0x7676_7676_7676_7676)) & 0x8080_8080_8080_8080;
    if others == 0 {
        return None;
    }
    let length = others.trailing_zeros() as usize / 8;
    let leads = digits & 0xff == 0 && length > 1;
    if length == 0 || leads {
        return Some(None);
    }
    // As if there were zeroes in front. Ones and tens, then hundreds of these, then ten thousands: each step joins neighbours.
    let digits = digits << (64 - 8 * length);
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8) & 0x00ff_00ff_00ff_00ff;
    let fours = pairs.wrapping_mul(100).wrapping_add(pairs >> 16) & 0x0000_ffff_0000_ffff;
    let number = fours.wrapping_mul(10_000).wrapping_add(fours >> 32) & 0xffff_ffff;
    Some(Some((length, number as i64)))
}

/// Length of an address.
#[inline]
fn v4(text: &[u8]) -> Option<usize> {
    let mut rest = &text[octet(text)?..];
    for _ in 0..3 {
        let [b'.', after @ ..] = rest else {
            return None;
        };
        rest = &after[octet(after)?..];
    }
    Some(text.len() - rest.len())
}

/// Length of a number up to 255 in its only spelling.
#[inline(always)]
fn octet(text: &[u8]) -> Option<usize> {
    match text {
        [a @ b'1'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9', ..] => {
            let number = u32::from(a - b'0') * 100 + u32::from(b - b'0') * 10 + u32::from(c - b'0');
            (number <= 255).then_some(3)
        }
        [b'1'..=b'9', b'0'..=b'9', ..] => Some(2),
        [b'0'..=b'9', ..] => Some(1),
        _ => None,
    }
}

/// `1:02:03` with up to six digits of hours, and its seconds.
#[inline]
fn clock(text: &[u8]) -> Option<(usize, i64)> {
    let (length, hours) = number(text)?;
    let [b':', a, b, b':', c, d, ..] = *text.get(length..)? else {
        return None;
    };
    let sixty = |ten: u8, one: u8| {
        let (ten, one) = (ten.wrapping_sub(b'0'), one.wrapping_sub(b'0'));
        (ten < 6 && one < 10).then(|| i64::from(ten * 10 + one))
    };
    let seconds = hours * 3600 + sixty(a, b)? * 60 + sixty(c, d)?;
    (length <= 6).then_some((length + 6, seconds))
}

/// How many samples of a line there are.
pub(super) const SAMPLES: usize = 3;

impl Kind {
    /// A text of this kind for slot `slot` of sample `sample`: none comes twice, as text or as number.
    pub(super) fn sample(self, slot: usize, sample: usize) -> String {
        let number = 40 * sample + slot;
        let letters: String = [slot, sample]
            .iter()
            .map(|n| char::from(b'b' + *n as u8))
            .collect();
        match self {
            // The only one of its line.
            Kind::Level => (7 - sample).to_string(),
            Kind::Number => (70_001 + 1_013 * number).to_string(),
            Kind::Port => (20_001 + 211 * number).to_string(),
            Kind::V4 => format!("198.18.{}.{}", 100 + sample, 30 + slot),
            Kind::User => format!("usr{letters}"),
            Kind::Name => format!("ifc_{letters}"),
            Kind::Clock => format!("{}:1{}:{}", 7 + sample, sample, 20 + slot),
            Kind::Hex => format!("0xa{number:03x}"),
            Kind::Digest => format!("SHA256:bX+{letters}/{}", "k".repeat(30 + sample)),
            Kind::Terminal => ["pts/3", "tty1", "console"][sample].to_owned(),
            Kind::Words => ["Alpha Beta-1", "Gamma", "Delta Epsilon Zeta"][sample].to_owned(),
            Kind::Command => format!("/usr/bin/{letters} -x y{number}"),
            Kind::Folder => format!("/srv/{letters}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// As [`number`], digit by digit.
    fn spelled(text: &str) -> Option<(usize, i64)> {
        let length = text.bytes().take_while(u8::is_ascii_digit).count();
        let digits = &text[..length];
        let plain = length == 1 || length > 1 && length <= 18 && !digits.starts_with('0');
        plain.then(|| (length, digits.parse().expect("18 digits are less than 2^63")))
    }

    proptest! {
        #[test]
        fn numbers_as_std_reads_them(digits in "[0-9]{0,20}", rest in "[ -~é\x7f\x00]{0,9}") {
            let text = digits + &rest;
            prop_assert_eq!(number(text.as_bytes()), spelled(&text), "{}", text);
        }
    }
}
