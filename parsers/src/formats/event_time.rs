//! The instants of events, in the notations that logs have.

use std::cell::Cell;

use chrono_tz::Tz;

use crate::time;

/// Text as microseconds since the epoch: RFC 3339 and its relatives, `/Date(…)/`, epoch numbers, what programs print. Without
/// a zone in the text, `zone` holds.
pub(crate) fn text_time(text: &str, zone: Tz) -> Option<i64> {
    let is_plain = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_graphic);
    let text = match is_plain(text.as_bytes().first()) && is_plain(text.as_bytes().last()) {
        true => text,
        false => text.trim(),
    };
    if let Some((micros, zoned)) = iso_time(text) {
        return if zoned {
            Some(micros)
        } else {
            local_to_utc(micros, zone)
        };
    }
    if let Some((micros, "")) = time::settled(time::iso, text, zone) {
        return Some(micros);
    }
    // .NET's JSON serialiser, used by ConvertTo-Json of older PowerShells.
    if let Some(millis) = text
        .strip_prefix("/Date(")
        .and_then(|rest| rest.strip_suffix(")/"))
    {
        let millis = millis.split(['+', '-']).find(|part| !part.is_empty())?;
        return millis.parse::<i64>().ok()?.checked_mul(1000);
    }
    if text.len() >= 9 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        // 14 digits before the point are no milliseconds of this millennium, but year, month, …, second.
        let compact = chrono::NaiveDateTime::parse_from_str(text, "%Y%m%d%H%M%S%.f");
        return match compact {
            Ok(local) if text.split('.').next().is_some_and(|whole| whole.len() == 14) => {
                local_to_utc(local.and_utc().timestamp_micros(), zone)
            }
            _ => number_time(text.parse().ok()?),
        };
    }
    if text.len() == "2023-11-14".len() {
        let day = chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
        return local_to_utc(
            day.and_time(chrono::NaiveTime::MIN).and_utc().timestamp_micros(),
            zone,
        );
    }
    if !text.bytes().any(|byte| byte == b':') || text.len() > LONGEST {
        return None;
    }
    for layout in [
        "%Y-%m-%d %H:%M:%S%.f %z",
        "%a, %d %b %Y %H:%M:%S %z",
        "%d/%b/%Y:%H:%M:%S %z",
    ] {
        if let Ok(instant) = chrono::DateTime::parse_from_str(text, layout) {
            return Some(instant.timestamp_micros());
        }
    }
    let named = text
        .rsplit_once(' ')
        .and_then(|(local, name)| match time::zone_name(name)? {
            (offset, "") => Some((local, Tz::UTC, offset)),
            _ => None,
        });
    let (local, zone, offset) = named.unwrap_or((text, zone, 0));
    for layout in [
        "%m/%d/%Y %I:%M:%S%.f %p",
        "%m/%d/%Y %H:%M:%S%.f",
        "%Y/%m/%d %I:%M:%S%.f %p",
        "%Y/%m/%d %H:%M:%S%.f",
        "%Y-%m-%d %H:%M:%S%.f",
        "%d-%b-%Y %H:%M:%S%.f",
        "%a %b %d %H:%M:%S %Y",
        "%a, %d %b %Y %H:%M:%S",
        "%b %d, %Y %H:%M:%S%.f",
        "%b %d, %Y %I:%M:%S%.f %p",
    ] {
        if let Ok(local) = chrono::NaiveDateTime::parse_from_str(local, layout) {
            return local_to_utc(local.and_utc().timestamp_micros(), zone).map(|micros| micros - offset);
        }
    }
    None
}

/// Longer texts are no instants.
const LONGEST: usize = 48;

/// As [`number_time`], for a whole number: exact, and what is finer than a microsecond is cut off.
pub(crate) fn whole_time(number: i64) -> Option<i64> {
    match number {
        ..1_000_000_000 => None,
        1_000_000_000..100_000_000_000 => Some(number * 1_000_000),
        100_000_000_000..100_000_000_000_000 => Some(number * 1000),
        100_000_000_000_000..100_000_000_000_000_000 => Some(number),
        100_000_000_000_000_000..1_000_000_000_000_000_000 => Some(number / 10 - 11_644_473_600_000_000),
        _ => Some(number / 1000),
    }
}

/// A number of seconds, milliseconds, microseconds or nanoseconds since the epoch, or a FILETIME, told apart by size.
/// Only instants after 2001 are taken for one: a smaller number is something else.
pub(crate) fn number_time(number: f64) -> Option<i64> {
    let micros = match number.abs() {
        n if n < 1e9 => return None,
        n if n < 1e11 => number * 1e6,
        n if n < 1e14 => number * 1e3,
        n if n < 1e17 => number,
        // As nanoseconds it would be before 2001: Windows' tenths of microseconds since 1601.
        n if n < 1e18 => number / 10.0 - 11_644_473_600e6,
        n if n < 1e20 => number / 1e3,
        _ => return None,
    };
    (number > 0.0).then_some(micros.round() as i64)
}

fn local_to_utc(micros: i64, zone: Tz) -> Option<i64> {
    if zone == Tz::UTC {
        return Some(micros);
    }
    let local = chrono::DateTime::from_timestamp_micros(micros)?.naive_utc();
    Some(time::local(local, zone))
}

/// `YYYY-MM-DD` `T` or space `HH:MM:SS[.f][zone]`, and whether there is a zone.
pub(super) fn iso_time(text: &str) -> Option<(i64, bool)> {
    let bytes = text.as_bytes();
    let (mut micros, leap) = whole_seconds(bytes.first_chunk()?)?;
    micros += i64::from(leap) * 1_000_000;
    let mut position = SECONDS;
    if matches!(bytes.get(position), Some(b'.' | b',')) {
        position += 1;
        let mut unit = 100_000;
        while let Some(digit) = bytes.get(position).filter(|byte| byte.is_ascii_digit()) {
            micros += i64::from(digit - b'0') * unit;
            unit /= 10;
            position += 1;
        }
    }
    if position == bytes.len() {
        return Some((micros, false));
    }
    if bytes[position..] == *b"Z" {
        return Some((micros, true));
    }
    let zone = text.get(position..)?.trim_start();
    match zone.as_bytes() {
        [] => Some((micros, false)),
        [b'Z' | b'z'] | b"UTC" | b"GMT" => Some((micros, true)),
        [b'+' | b'-', ..] => match time::offset(zone)? {
            (offset, "") => Some((micros - offset, true)),
            _ => None,
        },
        _ => None,
    }
}

/// Bytes of a time of day and its date.
const SECONDS: usize = "2023-11-14T22:13:20".len();

/// `YYYY-MM-DD`, `T` or space, `HH:MM:SS`, as microseconds since the epoch, and whether it is the second 60, which is
/// not counted then.
#[inline]
fn whole_seconds(bytes: &[u8; SECONDS]) -> Option<(i64, bool)> {
    let [minute @ .., b':', tens, ones] = bytes else {
        return None;
    };
    let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
    if tens > 6 || ones > 9 || tens == 6 && ones > 0 {
        return None;
    }
    let start = LAST_MINUTE.with(|last| match last.get() {
        (known, micros) if known == *minute => Some(micros),
        _ => {
            let micros = whole_minutes(minute)?;
            last.set((*minute, micros));
            Some(micros)
        }
    });
    let second = i64::from(tens * 10 + ones);
    Some((start? + second.min(59) * 1_000_000, second == 60))
}

/// Bytes of a date and hours and minutes.
const MINUTES: usize = "2023-11-14T22:13".len();

thread_local! {
    /// The last minute that was read, and its first microsecond: events of one follow each other.
    static LAST_MINUTE: Cell<([u8; MINUTES], i64)> = const { Cell::new((*b"1970-01-01T00:00", 0)) };
}

/// `YYYY-MM-DD`, `T` or space, `HH:MM`, as microseconds since the epoch.
fn whole_minutes(bytes: &[u8; MINUTES]) -> Option<i64> {
    const DIGITS: [usize; 12] = [0, 1, 2, 3, 5, 6, 8, 9, 11, 12, 14, 15];
    let mut greatest = 0;
    let mut digits = [0; DIGITS.len()];
    for (digit, place) in digits.iter_mut().zip(DIGITS) {
        *digit = bytes[place].wrapping_sub(b'0');
        greatest = greatest.max(*digit);
    }
    let separators = [bytes[4], bytes[7], bytes[13]] == *b"--:";
    if greatest > 9 || !separators || !matches!(bytes[10], b'T' | b't' | b' ') {
        return None;
    }
    let two = |first: usize| i64::from(digits[first]) * 10 + i64::from(digits[first + 1]);
    let (year, month, day) = (two(0) * 100 + two(2), two(4), two(6));
    let (hour, minute) = (two(8), two(10));
    let valid = (1..=12).contains(&month)
        && (1..=28).contains(&day) | ((1..=31).contains(&day) && day <= days_in(year, month))
        && hour < 24
        && minute < 60;
    valid.then(|| ((days_from_epoch(year, month, day) * 24 + hour) * 60 + minute) * 60_000_000)
}

/// The commonest notations alone, in which all readers agree: `YYYY-MM-DDTHH:MM:SS[.f]Z`, or with a space and without
/// the `Z`; at most nine digits of a fraction.
pub(crate) fn plain_time(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let (whole, leap) = whole_seconds(bytes.first_chunk()?)?;
    let rest = match (bytes[10], &bytes[SECONDS..]) {
        (b'T', [rest @ .., b'Z']) | (b' ', rest) => rest,
        _ => return None,
    };
    let fraction = match rest {
        [] => 0,
        [b'.', digits @ ..] if (1..=9).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit) => {
            let mut unit = 1_000_000;
            digits.iter().fold(0, |micros, digit| {
                unit /= 10;
                micros + unit * i64::from(digit - b'0')
            })
        }
        _ => return None,
    };
    (!leap).then_some(whole + fraction)
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days from 1970-01-01 in the proleptic Gregorian calendar (Howard Hinnant's `days_from_civil`).
fn days_from_epoch(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notations_of_the_same_instant_agree() {
        let instant = Some(1_700_000_000_123_000);
        for text in [
            "2023-11-14T22:13:20.123Z",
            "2023-11-14 22:13:20.123",
            "2023-11-14T22:13:20,123000+00:00",
            "2023-11-14T23:13:20.1230000 +0100",
            "/Date(1700000000123)/",
            "1700000000.123",
            "1700000000123",
            "11/14/2023 10:13:20.123 PM",
            "20231114221320.123",
            "14-Nov-2023 22:13:20.123",
            "2023-11-14 22:13:20.123 UTC",
            "Nov 14, 2023 10:13:20.123 PM",
        ] {
            assert_eq!(text_time(text, Tz::UTC), instant, "{text}");
        }
        assert_eq!(number_time(1_700_000_000_123_000_000.0), instant);
        assert_eq!(
            number_time(133_444_736_000_000_000.0),
            Some(1_700_000_000_000_000)
        );
        for number in [
            1_700_000_000_123_000,
            1_700_000_000_123,
            1_700_000_000_123_000_999,
            133_444_736_001_230_009,
        ] {
            assert_eq!(whole_time(number), instant, "{number}");
        }
        assert_eq!(whole_time(1_700_000_000), Some(1_700_000_000_000_000));
        assert_eq!(whole_time(-1_700_000_000), None);
        for text in [
            "Tue Nov 14 22:13:20 2023",
            "Tue, 14 Nov 2023 22:13:20 +0000",
            "Tue, 14 Nov 2023 22:13:20 GMT",
            "14/Nov/2023:23:13:20 +0100",
            "11/14/2023 22:13:20 GMT",
            "2023-11-14 23:13:20 +0100",
            "2023-11-14 17:13:20 EST",
            "2023-11-14 10:13:20 PM",
            "2023/11/14 10:13:20 PM",
            "11/14/2023 05:13:20 PM EST",
        ] {
            assert_eq!(text_time(text, Tz::UTC), Some(1_700_000_000_000_000), "{text}");
        }
        assert_eq!(text_time("2023-11-14", Tz::UTC), Some(1_699_920_000_000_000));
        assert_eq!(number_time(4624.0), None);
        assert_eq!(text_time("2023-02-29T00:00:00Z", Tz::UTC), None);
        assert_eq!(text_time("1970-01-01T00:00:00Z", Tz::UTC), Some(0));
        assert_eq!(text_time("4624", Tz::UTC), None);
        for text in [
            "2026-03-01T10:00:00+99:99",
            "2026-03-01T10:00:00+24:00",
            "2026-03-01T10:00:00-00:60",
        ] {
            assert_eq!(text_time(text, Tz::UTC), None, "{text}");
        }
    }

    #[test]
    fn the_commonest_notations_are_read_as_chrono_reads_them() {
        let chrono = |text: &str| {
            let zoned = chrono::DateTime::parse_from_rfc3339(text).map(|time| time.timestamp_micros());
            let local = chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f");
            zoned.or(local.map(|time| time.and_utc().timestamp_micros())).ok()
        };
        let mut read = 0;
        for date in [
            "1969-12-31",
            "2000-02-29",
            "1900-02-29",
            "2023-04-30",
            "2023-04-31",
            "2023-13-01",
            "0000-00-00",
        ] {
            for time in [
                "00:00:00", "23:59:59", "23:59:60", "24:00:00", "12:60:00", "1a:00:00",
            ] {
                for fraction in [
                    "",
                    ".",
                    ".5",
                    ".123",
                    ".123456",
                    ".123456789",
                    ".1234567891",
                    ",5",
                    ".12a",
                ] {
                    for (between, zone) in [("T", "Z"), (" ", ""), ("T", ""), (" ", "Z"), ("-", "Z")] {
                        let text = format!("{date}{between}{time}{fraction}{zone}");
                        if let Some(found) = plain_time(&text) {
                            assert_eq!(Some(found), chrono(&text), "{text}");
                            read += 1;
                        }
                    }
                }
            }
        }
        assert_eq!(
            read,
            3 * 2 * 5 * 2,
            "valid dates, times, fractions, and notations"
        );
    }

    #[test]
    fn text_without_a_zone_is_local() {
        let zone = Tz::America__New_York;
        assert_eq!(text_time("1970-01-01 00:00:00", zone), Some(5 * 3_600_000_000));
        assert_eq!(text_time("1970-01-01T00:00:00Z", zone), Some(0));
        // Skipped by the clock: taken as standard time.
        assert_eq!(
            text_time("2023-03-12 02:30:00", zone),
            text_time("2023-03-12T07:30:00Z", zone)
        );
    }
}
