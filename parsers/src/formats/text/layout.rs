//! Times in the arrangements of single products.
//!
//! A layout is a text in which letters stand for numbers and everything else for itself: `Y` a year of four digits, `y` of
//! two, `M` and `D` month and day, `B` a month's name (its first three letters), `h` `m` `s` the time, `f` an optional
//! fraction, `p` `AM` or `PM`. Numbers have one or two digits; where two stand next to each other (`YMD`), two.

use chrono::{NaiveDate, NaiveTime};
use chrono_tz::Tz;

use crate::time::local;

/// The instant that `text` starts with, as `layout` says, and the rest.
pub(crate) fn read<'a>(text: &'a str, layout: &str, zone: Tz) -> Option<(i64, &'a str)> {
    let (mut year, mut month, mut day) = (None, None, None);
    let (mut hour, mut minute, mut second, mut micros) = (0, 0, 0, 0);
    let mut afternoon = None;
    let mut rest = text;
    let signs = layout.as_bytes();
    for (at, sign) in signs.iter().enumerate() {
        let dense = signs.get(at + 1).is_some_and(|next| b"YyMDhms".contains(next))
            || (at > 0 && b"YyMDhms".contains(&signs[at - 1]));
        let mut take = |most: usize| {
            let digits = rest.bytes().take(most).take_while(u8::is_ascii_digit).count();
            let number: u32 = rest.get(..digits)?.parse().ok()?;
            if digits < most && (dense || most == 4) {
                return None;
            }
            rest = &rest[digits..];
            Some(number)
        };
        match sign {
            b'Y' => year = Some(take(4)?),
            b'y' => year = Some(2000 + take(2)?),
            b'M' => month = Some(take(2)?),
            b'D' => day = Some(take(2)?),
            b'h' => hour = take(2)?,
            b'm' => minute = take(2)?,
            b's' => second = take(2)?,
            b'B' => {
                month = Some(month_of(rest.get(..3)?)?);
                rest = &rest[3..];
            }
            b'f' => {
                if let Some(after) = rest.strip_prefix(['.', ',']) {
                    let digits = after.bytes().take_while(u8::is_ascii_digit).count();
                    for place in 0..6 {
                        let digit = after.as_bytes().get(place).filter(|_| place < digits);
                        micros = micros * 10 + digit.map_or(0, |b| u32::from(b - b'0'));
                    }
                    rest = &after[digits..];
                }
            }
            b'p' => {
                let half = rest.get(..2)?;
                afternoon = Some(half.eq_ignore_ascii_case("pm"));
                if afternoon == Some(false) && !half.eq_ignore_ascii_case("am") {
                    return None;
                }
                rest = &rest[2..];
            }
            other => rest = rest.strip_prefix(*other as char)?,
        }
    }
    let hour = match afternoon {
        Some(_) if hour > 12 => return None,
        Some(afternoon) => hour % 12 + if afternoon { 12 } else { 0 },
        None => hour,
    };
    let date = NaiveDate::from_ymd_opt(i32::try_from(year?).ok()?, month?, day?)?;
    let time = NaiveTime::from_hms_micro_opt(hour, minute, second, micros)?;
    Some((local(date.and_time(time), zone), rest))
}

fn month_of(name: &str) -> Option<u32> {
    const MONTHS: [&str; 12] = [
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ];
    let index = MONTHS.iter().position(|month| month.eq_ignore_ascii_case(name))?;
    u32::try_from(index + 1).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts() {
        let at = |text, layout| {
            read(text, layout, chrono_tz::UTC)
                .map(|(micros, rest)| (crate::time::rfc3339(micros).unwrap(), rest))
        };
        let told = |time: &str, rest| Some((time.to_owned(), rest));
        assert_eq!(
            at("03/01/2026:10:00:05 GMT", "M/D/Y:h:m:s"),
            told("2026-03-01T10:00:05.000000Z", " GMT")
        );
        assert_eq!(
            at("3/1/2026 12:49:00 AM", "M/D/Y h:m:s p"),
            told("2026-03-01T00:49:00.000000Z", "")
        );
        assert_eq!(
            at("20260301 1749", "YMD hm"),
            told("2026-03-01T17:49:00.000000Z", "")
        );
        assert_eq!(
            at("1 mar 2026 10:00:05.25x", "D B Y h:m:sf"),
            told("2026-03-01T10:00:05.250000Z", "x")
        );
        assert_eq!(at("31/02/2026", "D/M/Y"), None);
        assert_eq!(at("é", "D/M/Y"), None);
        assert_eq!(at("1 mé", "D B"), None);
    }
}
