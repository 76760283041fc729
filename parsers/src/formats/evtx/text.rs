//! Values as text, the way Windows' own rendering and `evtx_dump` write them.
//!
//! Everything appends to a buffer that is kept between records.

use std::io::Write as _;

/// The code units before the first NUL of UTF-16 text; a last odd byte is no unit.
pub(super) fn until_nul(bytes: &[u8]) -> &[u8] {
    let units = bytes.as_chunks::<2>().0;
    let mut length = 0;
    // Strings are long and mostly have no NUL: eight units are looked at together.
    for eight in units.chunks_exact(8) {
        let any = eight.iter().fold(false, |any, unit| any | (*unit == [0, 0]));
        if any {
            break;
        }
        length += 8;
    }
    while units.get(length).is_some_and(|unit| *unit != [0, 0]) {
        length += 1;
    }
    &bytes[..2 * length]
}

/// `N` units as ASCII, if all of them are, and none is a NUL.
#[inline]
fn narrow<const N: usize>(units: &[[u8; 2]; N]) -> Option<[u8; N]> {
    let mut narrow = [0u8; N];
    let mut other = false;
    // Without a branch inside, so that it becomes a few instructions on wide registers.
    for (narrow, unit) in narrow.iter_mut().zip(units) {
        let unit = u16::from_le_bytes(*unit);
        *narrow = unit as u8;
        other |= unit.wrapping_sub(1) >= 0x7f;
    }
    if other { None } else { Some(narrow) }
}

/// UTF-16 up to its first NUL as UTF-8; an unpaired surrogate becomes U+FFFD.
pub(super) fn push_utf16(bytes: &[u8], out: &mut Vec<u8>) {
    let mut rest = bytes.as_chunks::<2>().0;
    out.reserve(rest.len());
    while let Some((block, after)) = rest.split_first_chunk::<16>()
        && let Some(text) = narrow(block)
    {
        out.extend_from_slice(&text);
        rest = after;
    }
    if let Some((block, after)) = rest.split_first_chunk::<8>()
        && let Some(text) = narrow(block)
    {
        out.extend_from_slice(&text);
        rest = after;
    }
    while let Some(([low @ 1..0x80, 0], after)) = rest.split_first() {
        out.push(*low);
        rest = after;
    }
    if rest.is_empty() || rest[0] == [0, 0] {
        return;
    }
    let units = until_nul(rest.as_flattened()).as_chunks::<2>().0;
    for character in char::decode_utf16(units.iter().map(|unit| u16::from_le_bytes(*unit))) {
        let character = character.unwrap_or(char::REPLACEMENT_CHARACTER);
        out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    }
}

/// What the bytes 0x80 to 0x9f are in Windows-1252; the five that it leaves open stay C1 controls, as in the
/// WHATWG's table.
const WINDOWS_1252: [char; 32] = [
    '\u{20ac}', '\u{81}', '\u{201a}', '\u{192}', '\u{201e}', '\u{2026}', '\u{2020}', '\u{2021}', '\u{2c6}',
    '\u{2030}', '\u{160}', '\u{2039}', '\u{152}', '\u{8d}', '\u{17d}', '\u{8f}', '\u{90}', '\u{2018}',
    '\u{2019}', '\u{201c}', '\u{201d}', '\u{2022}', '\u{2013}', '\u{2014}', '\u{2dc}', '\u{2122}', '\u{161}',
    '\u{203a}', '\u{153}', '\u{9d}', '\u{17e}', '\u{178}',
];

/// ANSI text, taken as Windows-1252, without its NULs.
pub(super) fn push_ansi(bytes: &[u8], out: &mut Vec<u8>) {
    for &byte in bytes {
        let character = match byte {
            0 => continue,
            0x80..0xa0 => WINDOWS_1252[usize::from(byte - 0x80)],
            _ => char::from(byte),
        };
        out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    }
}

/// A whole number.
pub(super) fn push_number(number: impl std::fmt::Display, out: &mut Vec<u8>) {
    write!(out, "{number}").expect("writing to memory cannot fail");
}

/// A number without its sign: most numbers, and the formatter costs more than the digits.
pub(super) fn push_unsigned(mut number: u64, out: &mut Vec<u8>) {
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

const LOWER: &[u8; 16] = b"0123456789abcdef";
const UPPER: &[u8; 16] = b"0123456789ABCDEF";

/// `0x` and as few digits as do.
pub(super) fn push_hex(number: u64, out: &mut Vec<u8>) {
    let digits = ((67 - number.leading_zeros() as usize) / 4).max(1);
    out.extend_from_slice(b"0x");
    for digit in (0..digits).rev() {
        out.push(LOWER[(number >> (4 * digit)) as usize & 15]);
    }
}

/// Two upper-case digits a byte.
pub(super) fn push_binary(bytes: &[u8], out: &mut Vec<u8>) {
    out.reserve(2 * bytes.len());
    for byte in bytes {
        out.extend_from_slice(&[UPPER[usize::from(byte >> 4)], UPPER[usize::from(byte & 15)]]);
    }
}

/// `{1234abcd-…}`; of fewer than sixteen bytes nothing.
pub(super) fn push_guid(bytes: &[u8], out: &mut Vec<u8>) {
    // The first three parts are little-endian numbers.
    const ORDER: [usize; 16] = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
    let Some(bytes) = bytes.first_chunk::<16>() else {
        return;
    };
    let mut text = [b'-'; 38];
    (text[0], text[37]) = (b'{', b'}');
    let mut at = 1;
    for (position, &from) in ORDER.iter().enumerate() {
        at += usize::from(matches!(position, 4 | 6 | 8 | 10));
        text[at] = LOWER[usize::from(bytes[from] >> 4)];
        text[at + 1] = LOWER[usize::from(bytes[from] & 15)];
        at += 2;
    }
    out.extend_from_slice(&text);
}

/// `S-1-5-…`: revision, number of sub-authorities, authority (six bytes, big-endian), sub-authorities.
pub(super) fn push_sid(bytes: &[u8], out: &mut Vec<u8>) {
    let &[revision, count, a0, a1, a2, a3, a4, a5, ref parts @ ..] = bytes else {
        out.extend_from_slice(b"S-?");
        return;
    };
    out.extend_from_slice(b"S-");
    push_unsigned(revision.into(), out);
    out.push(b'-');
    push_unsigned(u64::from_be_bytes([0, 0, a0, a1, a2, a3, a4, a5]), out);
    for part in parts.as_chunks::<4>().0.iter().take(count.into()) {
        out.push(b'-');
        push_unsigned(u32::from_le_bytes(*part).into(), out);
    }
}

/// Ticks of 100 ns in a day.
const TICKS_PER_DAY: u64 = 86_400 * 10_000_000;

/// A date and a time of day.
#[derive(Default)]
struct Moment {
    year: u64,
    month: u64,
    day: u64,
    hour: u64,
    minute: u64,
    second: u64,
    ticks: u64,
}

/// A FILETIME: ticks of 100 ns since 1601, UTC. Of years past 9999 the last four digits; what does not fit into
/// 63 bits is all zeroes.
pub(super) fn push_file_time(ticks: u64, out: &mut Vec<u8>) {
    let mut moment = Moment::default();
    if i64::try_from(ticks).is_ok() {
        let (days, ticks) = (ticks / TICKS_PER_DAY, ticks % TICKS_PER_DAY);
        let (year, month, day) = date(days);
        let seconds = ticks / 10_000_000;
        moment = Moment {
            year: year % 10_000,
            month,
            day,
            hour: seconds / 3600,
            minute: seconds / 60 % 60,
            second: seconds % 60,
            ticks: ticks % 10_000_000,
        };
    }
    push_moment(&moment, out);
}

/// A FILETIME as microseconds since 1970; `None` for those whose text is cut (past the year 9999).
pub(super) fn file_time_micros(ticks: u64) -> Option<i64> {
    const YEAR_10000: u64 = 2_650_467_744_000_000_000;
    if ticks >= YEAR_10000 {
        return None;
    }
    let micros = i64::try_from(ticks / 10).expect("below the limit");
    Some(micros - 11_644_473_600_000_000)
}

/// Year, month and day so many days after 1601-01-01 (Howard Hinnant's `civil_from_days`).
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 584_694;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

/// A SYSTEMTIME: year, month, day of the week, day, hour, minute, second, millisecond. One that is no date is
/// written as 1601-01-01.
pub(super) fn push_system_time(bytes: &[u8], out: &mut Vec<u8>) {
    let part = |index: usize| {
        let bytes = bytes.get(2 * index..).and_then(|rest| rest.first_chunk::<2>());
        u64::from(bytes.map_or(0, |bytes| u16::from_le_bytes(*bytes)))
    };
    let [year, month, day, hour, minute, second, millis] = [0, 1, 3, 4, 5, 6, 7].map(part);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 => 28 + u64::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    let valid = (1601..=30827).contains(&year)
        && (1..=12).contains(&month)
        && (1..=days).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60
        && millis < 1000;
    let moment = if valid {
        Moment {
            year: year % 10_000,
            month,
            day,
            hour,
            minute,
            second,
            ticks: millis * 10_000,
        }
    } else {
        Moment {
            year: 1601,
            month: 1,
            day: 1,
            ..Moment::default()
        }
    };
    push_moment(&moment, out);
}

fn push_moment(moment: &Moment, out: &mut Vec<u8>) {
    let mut text = *b"0000-00-00T00:00:00.0000000Z";
    let mut digits = |range: std::ops::Range<usize>, mut number: u64| {
        for digit in text[range].iter_mut().rev() {
            *digit = b'0' + (number % 10) as u8;
            number /= 10;
        }
    };
    digits(0..4, moment.year);
    digits(5..7, moment.month);
    digits(8..10, moment.day);
    digits(11..13, moment.hour);
    digits(14..16, moment.minute);
    digits(17..19, moment.second);
    digits(20..27, moment.ticks);
    out.extend_from_slice(&text);
}

/// Which digits stand in `\u00..` of a control character. `evtx_dump` writes those of UTF-16 text in upper case,
/// all others in lower case, and the identity of an event is a hash over its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Digits {
    Lower,
    Upper,
}

/// Appends UTF-8 text as the inside of a JSON string.
pub(super) fn push_escaped(text: &[u8], digits: Digits, out: &mut Vec<u8>) {
    out.reserve(text.len() + 16);
    let mut rest = text;
    while let Some((block, after)) = rest.split_first_chunk::<8>() {
        out.extend_from_slice(block);
        let special = specials(u64::from_le_bytes(*block));
        if special == 0 {
            rest = after;
            continue;
        }
        let plain = special.trailing_zeros() as usize / 8;
        out.truncate(out.len() - 8 + plain);
        push_escaped_bytes(&rest[plain..=plain], digits, out);
        rest = &rest[plain + 1..];
    }
    push_escaped_bytes(rest, digits, out);
}

/// A high bit in every byte (up to the first, exactly) that is a quote, a backslash or a control character.
fn specials(block: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let zero = |bytes: u64| bytes.wrapping_sub(ONES) & !bytes;
    let quote = zero(block ^ (ONES * u64::from(b'"')));
    let backslash = zero(block ^ (ONES * u64::from(b'\\')));
    let control = block.wrapping_sub(ONES * 0x20) & !block;
    (quote | backslash | control) & HIGH
}

fn push_escaped_bytes(bytes: &[u8], digits: Digits, out: &mut Vec<u8>) {
    for &byte in bytes {
        let short = match byte {
            b'"' | b'\\' => byte,
            0x20.. => {
                out.push(byte);
                continue;
            }
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            0x08 => b'b',
            0x0c => b'f',
            _ => {
                let table = if digits == Digits::Upper { UPPER } else { LOWER };
                out.extend_from_slice(b"\\u00");
                out.extend_from_slice(&[table[usize::from(byte >> 4)], table[usize::from(byte & 15)]]);
                continue;
            }
        };
        out.extend_from_slice(&[b'\\', short]);
    }
}
