//! Timestamps as text logs write them, to microseconds since the epoch.
//!
//! Every function takes the text that *starts* with a timestamp and gives back the instant and the rest,
//! so that grammars can go on behind it. Three things a stamp may leave open are settled here, always the
//! same way:
//!
//! - **The year** (`Mar  1 10:00:00`): the latest one that puts the instant no more than a day after the
//!   reference time (when the file was last written). A day, because clocks and zones differ; not more,
//!   because logs are not written ahead. 29 February goes to the latest leap year that fits.
//! - **The zone**: [`FrameContext::timezone`](crate::formats::FrameContext::timezone).
//! - **Local times that a change of the clocks repeats or skips**: of two possible instants the earlier
//!   one; a skipped time is read with the offset that was in force before the change, as if the clock had
//!   not been moved yet.
//!
//! A leap second (`:60`) is the first instant of the next minute. Fractions finer than a microsecond are
//! cut off.
//!
//! ```
//! use borzoi_parsers::time;
//! let (instant, rest) = time::iso("2026-03-01T10:00:00.25+01:00 host", chrono_tz::UTC).unwrap();
//! assert_eq!((instant, rest), (1_772_355_600_250_000, " host"));
//! ```

use std::cell::Cell;

use chrono::{Datelike, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone};
use chrono_tz::Tz;

use crate::batch::{eight_digits, long_digits};
use crate::formats::event_time::plain_time;

/// Microseconds of one second.
const SECOND: i64 = 1_000_000;
/// How far after the reference time a stamp without a year may lie.
const DAY: i64 = 86_400 * SECOND;

/// The instant of a wall-clock time in a zone; see the [module](self) for repeated and skipped times.
pub fn local(time: NaiveDateTime, zone: Tz) -> i64 {
    if zone == Tz::UTC {
        return time.and_utc().timestamp_micros();
    }
    match zone.from_local_datetime(&time) {
        LocalResult::Single(instant) => instant.timestamp_micros(),
        LocalResult::Ambiguous(earlier, later) => earlier.timestamp_micros().min(later.timestamp_micros()),
        LocalResult::None => {
            // No gap is a day long, so a day earlier the old offset is still in force.
            let Some(before) = time.checked_sub_signed(TimeDelta::days(1)) else {
                return time.and_utc().timestamp_micros();
            };
            match zone.from_local_datetime(&before) {
                LocalResult::Single(instant) | LocalResult::Ambiguous(instant, _) => {
                    instant.timestamp_micros() + DAY
                }
                LocalResult::None => time.and_utc().timestamp_micros(),
            }
        }
    }
}

/// The instant of a date without a year, nearest to `reference` from below (up to a day above).
pub fn yearless(month: u32, day: u32, time: NaiveTime, reference: i64, zone: Tz) -> Option<i64> {
    let year = zone.timestamp_micros(reference).single()?.year();
    // Leap years are at most eight years apart (1896 to 1904).
    (0..=9).find_map(|back| {
        let date = NaiveDate::from_ymd_opt(year + 1 - back, month, day)?;
        let instant = local(date.and_time(time), zone);
        (instant <= reference.saturating_add(DAY)).then_some(instant)
    })
}

/// `Mar  1 10:00:00`, also with a fraction, with the year before (`2026 Mar 1 …`) or after the day
/// (`Mar 1 2026 …`, `Mar 1 10:00:00 2026` is not taken: hosts may be called 2026).
pub fn bsd(text: &str, reference: i64, zone: Tz) -> Option<(i64, &str)> {
    if zone == Tz::UTC
        && let Some((day, seconds, rest)) = plain_bsd(text)
    {
        let midnight = match BSD_DAY.get() {
            (known, of, midnight) if (known, of) == (day, reference) => midnight,
            _ => {
                let midnight = day_of_bsd(text, reference)?;
                BSD_DAY.set((day, reference, midnight));
                midnight
            }
        };
        // A day after the reference time it depends on the hour which year is meant.
        let instant = midnight + seconds * SECOND;
        if instant <= reference.saturating_add(DAY) {
            return Some((instant, rest));
        }
    }
    let (mut year, rest) = match number(text, 4) {
        Some((year, rest)) => (Some(year), spaces(rest)?),
        None => (None, text),
    };
    let (month, rest) = month(rest)?;
    let rest = spaces(rest)?;
    let (day, rest) = number_up_to(rest, 2)?;
    let mut rest = spaces(rest)?;
    if year.is_none()
        && let Some((found, after)) = number(rest, 4)
        && let Some(after) = spaces(after)
    {
        year = Some(found);
        rest = after;
    }
    let (time, leap, rest) = clock(rest)?;
    let instant = match year {
        Some(year) => {
            let date = NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)?;
            local(date.and_time(time), zone)
        }
        None => yearless(month, day, time, reference, zone)?,
    };
    Some((instant + leap, rest))
}

thread_local! {
    /// The day that a stamp without a year named last, the reference time then, and its first instant.
    static BSD_DAY: Cell<(u64, i64, i64)> = const { Cell::new((0, 0, 0)) };
}

/// `Mar  1 10:00:00` in its plainest form: the bytes of its day, the seconds of the day, and the rest.
fn plain_bsd(text: &str) -> Option<(u64, i64, &str)> {
    let (stamp, rest) = text.as_bytes().split_first_chunk::<15>()?;
    let two = |at: usize| {
        let (tens, ones) = (stamp[at].wrapping_sub(b'0'), stamp[at + 1].wrapping_sub(b'0'));
        (tens <= 9 && ones <= 9).then(|| i64::from(tens) * 10 + i64::from(ones))
    };
    let [m, o, n, b' ', d, a, b' ', _, _, b':', _, _, b':', _, _] = *stamp else {
        return None;
    };
    // A fraction, or a leap second.
    if matches!(rest.first(), Some(b'.' | b',')) {
        return None;
    }
    let (hour, minute, second) = (two(7)?, two(10)?, two(13)?);
    let is_day = a.is_ascii_digit() && (d == b' ' || d.is_ascii_digit());
    let plain = is_day && hour < 24 && minute < 60 && second < 60;
    let day = u64::from_be_bytes([0, 0, 0, m, o, n, d, a]);
    plain.then_some((day, hour * 3600 + minute * 60 + second, text.get(15..)?))
}

/// The first instant of the day of `Mar  1 …`, in UTC.
fn day_of_bsd(text: &str, reference: i64) -> Option<i64> {
    let (month, rest) = month(text)?;
    let (day, _) = number_up_to(spaces(rest)?, 2)?;
    yearless(month, day, NaiveTime::MIN, reference, Tz::UTC)
}

/// ISO 8601 / RFC 3339: date, `T` or one space, time, optional fraction (`.` or `,`), optional `Z`, `±hh:mm`,
/// `±hhmm` or `±hh`; the first two of these also behind a blank. Without a zone it is in `zone`.
pub fn iso(text: &str, zone: Tz) -> Option<(i64, &str)> {
    let (year, rest) = number(text, 4)?;
    let rest = rest.strip_prefix('-')?;
    let (month, rest) = number(rest, 2)?;
    let rest = rest.strip_prefix('-')?;
    let (day, rest) = number(rest, 2)?;
    let rest = rest.strip_prefix(['T', 't', ' '])?;
    let (time, leap, rest) = clock(rest)?;
    let date = NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)?;
    let (instant, rest) = zoned(date.and_time(time), apart(rest), zone)?;
    Some((instant + leap, rest))
}

/// `text` without the blank in front of the offset of a zone that it starts with (` -0500`, ` +01:00`).
fn apart(text: &str) -> &str {
    let Some([b' ', b'+' | b'-', rest @ ..]) = text.as_bytes().get(..text.len().min(8)) else {
        return text;
    };
    let is_digits = |digits: &[u8]| digits.iter().all(u8::is_ascii_digit);
    let end = match rest {
        [a, b, b':', c, d, rest @ ..] if is_digits(&[*a, *b, *c, *d]) => rest,
        [a, b, c, d, rest @ ..] if is_digits(&[*a, *b, *c, *d]) => rest,
        _ => return text,
    };
    let is_end = end
        .first()
        .is_none_or(|b| matches!(b, b' ' | b']' | b')' | b',' | b';' | b'|' | b'"' | b'\t'));
    if is_end { &text[1..] } else { text }
}

/// As `read`, which gives a time and what follows it; a half of the day (`10:00:00 PM`) or the name of a zone
/// (`10:00:00 EST`) behind that counts too.
pub fn settled<'a>(
    read: impl Fn(&'a str, Tz) -> Option<(i64, &'a str)>,
    text: &'a str,
    zone: Tz,
) -> Option<(i64, &'a str)> {
    let (mut instant, mut rest) = read(text, zone)?;
    let ends = |rest: &str| !rest.starts_with(|c: char| c.is_ascii_alphanumeric());
    let half = rest.get(..3).filter(|_| rest.get(3..).is_some_and(ends));
    if let Some(half) = half
        && let Some(later) = match half {
            " AM" | " am" => Some(false),
            " PM" | " pm" => Some(true),
            _ => None,
        }
    {
        let (utc, _) = read(text, Tz::UTC)?;
        let hour = utc.rem_euclid(DAY) / (3600 * SECOND);
        instant += match (later, hour) {
            (true, 0..=11) => DAY / 2,
            (false, 12) => -DAY / 2,
            _ => 0,
        };
        rest = &rest[3..];
    }
    if let Some((offset, after)) = rest.strip_prefix(' ').and_then(zone_name)
        && ends(after)
    {
        let (utc, _) = read(text, Tz::UTC)?;
        let (local, _) = read(text, zone)?;
        // What the half of the day has added stays.
        return Some((utc - offset + (instant - local), after));
    }
    Some((instant, rest))
}

/// `10/Oct/2000:13:55:36 -0700`, the zone optional.
pub fn apache(text: &str, zone: Tz) -> Option<(i64, &str)> {
    let Some((day, since_midnight, rest)) = plain_apache(text) else {
        return any_apache(text, zone);
    };
    let (known, midnight) = APACHE_DAY.get();
    if known == day {
        return Some((midnight + since_midnight, rest));
    }
    let (instant, rest) = any_apache(text, zone)?;
    APACHE_DAY.set((day, instant - since_midnight));
    Some((instant, rest))
}

thread_local! {
    /// The day that a stamp with an offset named last, and its first instant in UTC.
    static APACHE_DAY: Cell<([u8; 11], i64)> = const { Cell::new(([0; 11], 0)) };
}

/// `10/Oct/2000:13:55:36 -0700` in its plainest form: the day, the microseconds from its first instant in UTC, and the
/// rest.
fn plain_apache(text: &str) -> Option<([u8; 11], i64, &str)> {
    let stamp = text.as_bytes().first_chunk::<26>()?;
    let two = |at: usize| {
        let (tens, ones) = (stamp[at].wrapping_sub(b'0'), stamp[at + 1].wrapping_sub(b'0'));
        (tens <= 9 && ones <= 9).then(|| i64::from(tens) * 10 + i64::from(ones))
    };
    let sign = match stamp[20..22] {
        [b' ', b'+'] => 1,
        [b' ', b'-'] => -1,
        _ => return None,
    };
    let (hour, minute, second) = (two(12)?, two(15)?, two(18)?);
    let (east, minutes_east) = (two(22)?, two(24)?);
    let plain = [stamp[2], stamp[6], stamp[11], stamp[14], stamp[17]] == *b"//:::"
        && hour < 24
        && minute < 60
        && second < 60
        && east < 24
        && minutes_east < 60;
    let seconds = hour * 3600 + minute * 60 + second - sign * (east * 3600 + minutes_east * 60);
    let rest = plain.then(|| text.get(26..))??;
    Some((*text.as_bytes().first_chunk()?, seconds * SECOND, rest))
}

fn any_apache(text: &str, zone: Tz) -> Option<(i64, &str)> {
    let (day, rest) = number_up_to(text, 2)?;
    let rest = rest.strip_prefix('/')?;
    let (month, rest) = month(rest)?;
    let rest = rest.strip_prefix('/')?;
    let (year, rest) = number(rest, 4)?;
    let rest = rest.strip_prefix(':')?;
    let (time, leap, rest) = clock(rest)?;
    let date = NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)?;
    let time = date.and_time(time);
    let (instant, rest) = match rest.strip_prefix(' ') {
        Some(offset) if offset.starts_with(['+', '-', 'Z']) => zoned(time, offset, zone)?,
        _ => (local(time, zone), rest),
    };
    Some((instant + leap, rest))
}

/// `Wed Oct 11 14:32:52.123456 2000`, the fraction optional, as Apache's error log writes it.
pub fn ctime(text: &str, zone: Tz) -> Option<(i64, &str)> {
    const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    let rest = DAYS.iter().find_map(|day| text.strip_prefix(day))?;
    let (month, rest) = month(spaces(rest)?)?;
    let (day, rest) = number_up_to(spaces(rest)?, 2)?;
    let (time, leap, rest) = clock(spaces(rest)?)?;
    let (year, rest) = number(spaces(rest)?, 4)?;
    let date = NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)?;
    Some((local(date.and_time(time), zone) + leap, rest))
}

/// `2000/10/11 14:32:52`, as nginx's error log writes it.
pub fn slashed(text: &str, zone: Tz) -> Option<(i64, &str)> {
    let (year, rest) = number(text, 4)?;
    let (month, rest) = number(rest.strip_prefix('/')?, 2)?;
    let (day, rest) = number(rest.strip_prefix('/')?, 2)?;
    let (time, leap, rest) = clock(rest.strip_prefix(' ')?)?;
    let date = NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)?;
    let time = date.and_time(time);
    let (instant, rest) = match apart(rest) {
        offset if offset.len() < rest.len() => zoned(time, offset, zone)?,
        _ => (local(time, zone), rest),
    };
    Some((instant + leap, rest))
}

/// `19-Oct-2026 05:34:02.425`, as BIND writes it.
pub fn dashed(text: &str, zone: Tz) -> Option<(i64, &str)> {
    let (day, rest) = number_up_to(text, 2)?;
    let (month, rest) = month(rest.strip_prefix('-')?)?;
    let (year, rest) = number(rest.strip_prefix('-')?, 4)?;
    let (time, leap, rest) = clock(rest.strip_prefix(' ')?)?;
    let date = NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)?;
    Some((local(date.and_time(time), zone) + leap, rest))
}

/// `20261019-05:34:02`, as xrdp writes it.
pub fn compact(text: &str, zone: Tz) -> Option<(i64, &str)> {
    let (day, rest) = number(text, 8)?;
    let (time, leap, rest) = clock(rest.strip_prefix('-')?)?;
    let date = NaiveDate::from_ymd_opt(i32::try_from(day / 10_000).ok()?, day / 100 % 100, day % 100)?;
    Some((local(date.and_time(time), zone) + leap, rest))
}

/// A TAI64N label, as multilog writes it: `@`, 16 digits of seconds, 8 of nanoseconds, all hexadecimal. The
/// ten seconds that its clock was ahead of UTC in 1970 are taken off; leap seconds since then are not, as
/// the programs that write it do not add them either.
pub fn tai64n(text: &str) -> Option<(i64, &str)> {
    const EPOCH: u64 = (1 << 62) + 10;
    let seconds = u64::from_str_radix(hex(text.strip_prefix('@')?, 16)?, 16).ok()?;
    let nanos = i64::from_str_radix(hex(&text[17..], 8)?, 16).ok()?;
    let seconds = i64::try_from(seconds.checked_sub(EPOCH)?).ok()?;
    let instant = seconds.checked_mul(SECOND)?.checked_add(nanos / 1000)?;
    Some((instant, &text[25..]))
}

/// The first `digits` characters, if they are hexadecimal digits.
fn hex(text: &str, digits: usize) -> Option<&str> {
    text.get(..digits)
        .filter(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// Seconds since the epoch, with an optional fraction, and nothing else (`1772355600.25`). Exact: no
/// floating point on the way.
pub fn epoch(text: &str) -> Option<i64> {
    /// So many digits are below what a number of 64 bits holds.
    const DIGITS: usize = 18;
    // As Zeek writes all of this century.
    if let ([seconds @ .., b'.', _, _, _, _, _, _], 17) = (text.as_bytes(), text.len())
        && let Some(seconds) = long_digits(seconds)
        && let Some(micros) = eight_digits(&text.as_bytes()[11..])
    {
        return Some(seconds * SECOND + micros);
    }
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let mut seconds = 0_i64;
    let mut length = 0;
    for digit in digits.bytes().map(|byte| byte.wrapping_sub(b'0')) {
        if digit > 9 {
            break;
        }
        seconds = seconds.wrapping_mul(10).wrapping_add(i64::from(digit));
        length += 1;
    }
    if length > DIGITS {
        seconds = digits[..length].parse().ok()?;
    }
    let micros = match &digits.as_bytes()[length..] {
        _ if length == 0 => return None,
        [] => 0,
        [b'.', fraction @ ..] => fraction_micros(fraction)?,
        _ => return None,
    };
    let instant = seconds.checked_mul(SECOND)?.checked_add(micros)?;
    Some(if negative { -instant } else { instant })
}

/// The microseconds of a fraction of one digit or more; those behind the sixth do not count.
fn fraction_micros(digits: &[u8]) -> Option<i64> {
    const UNITS: [i64; 7] = [1_000_000, 100_000, 10_000, 1000, 100, 10, 1];
    let mut micros = 0;
    for (at, byte) in digits.iter().enumerate() {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        if at < 6 {
            micros = micros * 10 + i64::from(digit);
        }
    }
    (!digits.is_empty()).then(|| micros * UNITS[digits.len().min(6)])
}

/// An instant as RFC 3339 text in UTC, the form in which the batch builder takes timestamps. `None` past
/// the years that the calendar knows.
pub fn rfc3339(micros: i64) -> Option<String> {
    chrono::DateTime::from_timestamp_micros(micros)
        .map(|instant| instant.to_rfc3339_opts(chrono::SecondsFormat::Micros, true))
}

/// The zone that `text` starts with by the abbreviation that devices write (`CEST`), as microseconds east of UTC.
/// Those that stand for several zones mean what North America and Europe mean by them.
pub fn zone_name(text: &str) -> Option<(i64, &str)> {
    const NAMES: [(&str, i64); 41] = [
        ("UTC", 0),
        ("GMT", 0),
        ("WET", 0),
        ("WEST", 60),
        ("BST", 60),
        ("CET", 60),
        ("MET", 60),
        ("CEST", 120),
        ("MEST", 120),
        ("EET", 120),
        ("SAST", 120),
        ("EEST", 180),
        ("MSK", 180),
        ("TRT", 180),
        ("IST", 330),
        ("SGT", 480),
        ("HKT", 480),
        ("AWST", 480),
        ("JST", 540),
        ("KST", 540),
        ("AEST", 600),
        ("AEDT", 660),
        ("NZST", 720),
        ("NZDT", 780),
        ("NDT", -150),
        ("NST", -210),
        ("BRT", -180),
        ("ART", -180),
        ("ADT", -180),
        ("EDT", -240),
        ("AST", -240),
        ("EST", -300),
        ("CDT", -300),
        ("CST", -360),
        ("MDT", -360),
        ("MST", -420),
        ("PDT", -420),
        ("PST", -480),
        ("AKDT", -480),
        ("AKST", -540),
        ("HST", -600),
    ];
    let end = text
        .bytes()
        .position(|b| !b.is_ascii_alphabetic())
        .unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let minutes = NAMES
        .iter()
        .find_map(|(known, minutes)| (*known == name).then_some(*minutes))?;
    Some((minutes * 60 * SECOND, rest))
}

/// A time that a field of its own holds, in whatever form the product writes it: seconds, milli-, micro- or nanoseconds
/// since the epoch, ISO 8601 (also with slashes), `Mar 01 2026 10:00:00 UTC`, `03/01/2026 10:00:00`, `Sun Mar 1 10:00:00
/// 2026`, `01/Mar/2026:10:00:00 +0100`; a zone may follow (`UTC`, `GMT+01:00`, `+0100`).
///
/// ```
/// use borzoi_parsers::time;
/// let at = |text| time::stated(text, 1_772_355_600_000_000, chrono_tz::UTC);
/// let first_of_march = Some(1_772_355_600_000_000);
/// for text in ["1772355600", "1772355600000", "2026/03/01 09:00:00", "Mar 01 2026 10:00:00 GMT+01:00"] {
///     assert_eq!(at(text), first_of_march, "{text}");
/// }
/// assert_eq!(at("yesterday"), None);
/// ```
pub fn stated(text: &str, reference: i64, zone: Tz) -> Option<i64> {
    let text = text.trim();
    if text.as_bytes().get(10) == Some(&b'T')
        && let Some(instant) = plain_time(text)
    {
        return Some(instant);
    }
    if let Some(instant) = since_epoch(text) {
        return Some(instant);
    }
    let (instant, rest) = any_form(text, reference, zone)?;
    let rest = rest.trim_matches(' ');
    if rest.is_empty() {
        return Some(instant);
    }
    let after = rest.strip_prefix("UTC").or_else(|| rest.strip_prefix("GMT"));
    let offset = after.unwrap_or(rest);
    if after.is_none() && rest != "Z" && !rest.starts_with(['+', '-']) {
        // The name of some zone: what it stands for differs from country to country.
        return rest.bytes().all(|b| b.is_ascii_alphabetic()).then_some(instant);
    }
    let (utc, _) = any_form(text, reference, Tz::UTC)?;
    if offset.is_empty() || offset == "Z" {
        return Some(utc);
    }
    let time = chrono::DateTime::from_timestamp_micros(utc)?.naive_utc();
    let (instant, rest) = zoned(time, offset, Tz::UTC)?;
    rest.is_empty().then_some(instant)
}

/// A date and a time in any form but a count.
fn any_form(text: &str, reference: i64, zone: Tz) -> Option<(i64, &str)> {
    if text.starts_with(|c: char| c.is_ascii_digit()) {
        return iso(text, zone)
            .or_else(|| slashed(text, zone))
            .or_else(|| apache(text, zone))
            .or_else(|| american(text, zone))
            .or_else(|| dotted(text, zone))
            .or_else(|| bsd(text, reference, zone))
            .or_else(|| day_first(text, zone));
    }
    bsd(text, reference, zone)
        .or_else(|| ctime(text, zone))
        .or_else(|| french(text, zone))
}

/// A count since the epoch; how long it is says of what (ten digits: seconds).
pub fn since_epoch(text: &str) -> Option<i64> {
    let mut number = 0_u64;
    let mut length = 0;
    for digit in text.bytes().map(|byte| byte.wrapping_sub(b'0')) {
        if digit > 9 {
            break;
        }
        number = number.wrapping_mul(10).wrapping_add(u64::from(digit));
        length += 1;
    }
    // Nineteen digits fit in 64 bits, if not always beside a sign.
    let number = i64::try_from(number);
    match (length, text.len() - length) {
        (9..=11, 0) => number.ok()?.checked_mul(SECOND),
        (9..=11, _) => epoch(text),
        (12..=14, 0) => number.ok()?.checked_mul(1000),
        (15..=17, 0) => number.ok(),
        (18..=19, 0) => Some(number.ok()? / 1000),
        _ => None,
    }
}

/// `3/1/2026 10:00:00`, month first; also with a comma, a `T`, and `AM` or `PM`.
pub fn american(text: &str, zone: Tz) -> Option<(i64, &str)> {
    let (month, rest) = number_up_to(text, 2)?;
    let (day, rest) = number_up_to(rest.strip_prefix('/')?, 2)?;
    let (year, rest) = number_up_to(rest.strip_prefix('/')?, 4)?;
    // Two digits of a year, and no seconds, are how some spreadsheets put it.
    let year = if year < 100 { year + 2000 } else { year };
    let rest = rest.strip_prefix(',').unwrap_or(rest);
    let rest = rest
        .strip_prefix(['T', ' '])
        .unwrap_or(rest)
        .trim_start_matches(' ');
    let (time, leap, rest) = clock(rest).or_else(|| {
        let (hour, rest) = number_up_to(rest, 2)?;
        let (minute, rest) = number(rest.strip_prefix(':')?, 2)?;
        Some((NaiveTime::from_hms_opt(hour, minute, 0)?, 0, rest))
    })?;
    let (time, rest) = halved(time, rest);
    let date = NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)?;
    Some((local(date.and_time(time), zone) + leap, rest))
}

/// ` PM` after a time of the half day.
fn halved(time: NaiveTime, rest: &str) -> (NaiveTime, &str) {
    use chrono::Timelike;
    let Some(word) = rest.strip_prefix(' ') else {
        return (time, rest);
    };
    let after = word.get(2..).unwrap_or_default();
    let hour = match word.get(..2) {
        Some(half) if half.eq_ignore_ascii_case("am") => time.hour() % 12,
        Some(half) if half.eq_ignore_ascii_case("pm") => time.hour() % 12 + 12,
        _ => return (time, rest),
    };
    (time.with_hour(hour).unwrap_or(time), after)
}

/// `01 Mar 2026 10:00:00`, `1-Mar-2026 10:00:00`.
pub fn day_first(text: &str, zone: Tz) -> Option<(i64, &str)> {
    let (day, rest) = number_up_to(text, 2)?;
    let (month, rest) = month(rest.strip_prefix([' ', '-']).unwrap_or(rest))?;
    let (year, rest) = number(rest.strip_prefix([' ', '-']).unwrap_or(rest), 4)?;
    let rest = rest.strip_prefix(',').unwrap_or(rest);
    let (time, leap, rest) = clock(rest.strip_prefix([' ', ':', 'T'])?)?;
    let date = NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)?;
    Some((local(date.and_time(time), zone) + leap, rest))
}

/// `2026-03-01-10.00.00.250000`, as DB2 writes it.
fn dotted(text: &str, zone: Tz) -> Option<(i64, &str)> {
    let (year, rest) = number(text, 4)?;
    let (month, rest) = number(rest.strip_prefix('-')?, 2)?;
    let (day, rest) = number(rest.strip_prefix('-')?, 2)?;
    let (hour, rest) = number(rest.strip_prefix('-')?, 2)?;
    let (minute, rest) = number(rest.strip_prefix('.')?, 2)?;
    let (second, rest) = number(rest.strip_prefix('.')?, 2)?;
    let fraction = rest.strip_prefix('.').unwrap_or_default();
    let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
    let rest = if digits > 0 { &fraction[digits..] } else { rest };
    let time = NaiveTime::from_hms_opt(hour, minute, second)?;
    let date = NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)?;
    Some((
        local(date.and_time(time), zone) + micros_of(&fraction[..digits]),
        rest,
    ))
}

/// `déc. 01 2026 10:00:00`: Java's short names of the months, where a French system writes CEF.
fn french(text: &str, zone: Tz) -> Option<(i64, &str)> {
    const MONTHS: [&str; 12] = [
        "janv", "févr", "mars", "avr", "mai", "juin", "juil", "août", "sept", "oct", "nov", "déc",
    ];
    let (month, rest) = MONTHS
        .iter()
        .zip(1u32..)
        .find_map(|(name, month)| Some((month, text.strip_prefix(name)?)))?;
    let rest = spaces(rest.strip_prefix('.').unwrap_or(rest))?;
    let (day, rest) = number_up_to(rest, 2)?;
    let (year, rest) = number(spaces(rest)?, 4)?;
    let (time, leap, rest) = clock(spaces(rest)?)?;
    let date = NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)?;
    Some((local(date.and_time(time), zone) + leap, rest))
}

fn zoned(time: NaiveDateTime, rest: &str, zone: Tz) -> Option<(i64, &str)> {
    if rest.starts_with(['Z', 'z', '+', '-']) {
        let (offset, rest) = offset(rest)?;
        return Some((time.and_utc().timestamp_micros() - offset, rest));
    }
    Some((local(time, zone), rest))
}

/// The offset of a zone from UTC that `text` starts with, in microseconds: `Z`, `±hh:mm`, `±hhmm` or `±hh`; at most a day.
pub fn offset(text: &str) -> Option<(i64, &str)> {
    if let Some(rest) = text.strip_prefix(['Z', 'z']) {
        return Some((0, rest));
    }
    let (sign, digits) = match text.as_bytes().first()? {
        b'+' => (1, &text[1..]),
        b'-' => (-1, &text[1..]),
        _ => return None,
    };
    let (hours, rest) = number(digits, 2)?;
    let (minutes, rest) = number(rest.strip_prefix(':').unwrap_or(rest), 2).unwrap_or((0, rest));
    if hours > 23 || minutes > 59 {
        return None;
    }
    Some((sign * i64::from(hours * 3600 + minutes * 60) * SECOND, rest))
}

/// `hh:mm:ss` with an optional fraction; the second value is what a leap second adds.
fn clock(text: &str) -> Option<(NaiveTime, i64, &str)> {
    let (hour, rest) = number_up_to(text, 2)?;
    let rest = rest.strip_prefix(':')?;
    let (minute, rest) = number(rest, 2)?;
    let rest = rest.strip_prefix(':')?;
    let (second, rest) = number(rest, 2)?;
    let (fraction, rest) = match rest.strip_prefix(['.', ',']) {
        Some(after) => {
            let digits = after.bytes().take_while(u8::is_ascii_digit).count();
            if digits == 0 {
                (0, rest)
            } else {
                (micros_of(&after[..digits]), &after[digits..])
            }
        }
        None => (0, rest),
    };
    let (second, leap) = if second == 60 { (59, SECOND) } else { (second, 0) };
    let micros = u32::try_from(fraction).ok()?;
    let time = NaiveTime::from_hms_micro_opt(hour, minute, second, micros)?;
    Some((time, leap, rest))
}

/// The digits after a decimal point as microseconds, cut off after the sixth.
fn micros_of(digits: &str) -> i64 {
    let mut micros = 0;
    for position in 0..6 {
        let digit = digits.as_bytes().get(position).map_or(0, |b| i64::from(b - b'0'));
        micros = micros * 10 + digit;
    }
    micros
}

fn month(text: &str) -> Option<(u32, &str)> {
    const MONTHS: [&[u8; 3]; 12] = [
        b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec",
    ];
    let name = text
        .as_bytes()
        .first_chunk::<3>()?
        .map(|b| b.to_ascii_lowercase());
    let number = MONTHS.iter().zip(1..).find(|(month, _)| ***month == name)?.1;
    Some((number, &text[3..]))
}

/// Exactly `digits` digits, not followed by another.
fn number(text: &str, digits: usize) -> Option<(u32, &str)> {
    let (value, rest) = number_up_to(text, digits)?;
    (text.len() - rest.len() == digits).then_some((value, rest))
}

fn number_up_to(text: &str, most: usize) -> Option<(u32, &str)> {
    let digits = text.bytes().take(most).take_while(u8::is_ascii_digit);
    // No caller asks for more than eight digits.
    let (count, value) = digits.fold((0, 0_u32), |(count, value), digit| {
        (
            count + 1,
            value.wrapping_mul(10).wrapping_add(u32::from(digit - b'0')),
        )
    });
    (count > 0).then(|| (value, &text[count..]))
}

fn spaces(text: &str) -> Option<&str> {
    let rest = text.trim_start_matches(' ');
    (rest.len() < text.len()).then_some(rest)
}

#[cfg(test)]
mod tests;
