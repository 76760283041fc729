//! What a value becomes in a column of a type.

use crate::catalog::ColumnType;
use crate::formats::event_time::{number_time, text_time, whole_time};
use crate::value::Value;

/// The text that a scalar has once a column of this type has taken it; `None` if the column does not take it.
/// Points in time are as in JSON output.
pub fn stored_text(column_type: ColumnType, value: &Value<'_>) -> Option<String> {
    let mut number = Spelled::default();
    Some(match column_type {
        ColumnType::Keyword | ColumnType::List => text_of(value, &mut number)?.to_owned(),
        ColumnType::Integer => integer(value)?.to_string(),
        ColumnType::Float => float(value)?.to_string(),
        ColumnType::Boolean => boolean(value)?.to_string(),
        ColumnType::Timestamp => crate::output::rfc3339(timestamp(value)?),
    })
}

/// Whether an integer column takes this text.
pub fn spells_integer(text: &str) -> bool {
    integer(&Value::Str(text)).is_some()
}

/// Room for the text of a scalar that is none itself.
#[derive(Default)]
pub(super) struct Spelled {
    digits: [u8; 20],
    text: String,
}

/// The canonical text of a scalar.
pub(super) fn text_of<'v>(value: &'v Value<'_>, room: &'v mut Spelled) -> Option<&'v str> {
    use std::fmt::Write;
    match value {
        Value::Str(text) => return Some(text),
        Value::Bool(true) => return Some("true"),
        Value::Bool(false) => return Some("false"),
        Value::Int(i) => return Some(digits(*i, &mut room.digits)),
        Value::Float(f) => write!(room.text, "{f}").expect("writing to a String cannot fail"),
        Value::Time(micros) => room.text.push_str(&crate::output::rfc3339(*micros)),
        Value::Null | Value::List(_) | Value::Json(_) => return None,
    }
    Some(&room.text)
}

/// The digits of a number, and its sign.
pub(super) fn digits(number: i64, room: &mut [u8; 20]) -> &str {
    const PAIRS: [[u8; 2]; 100] = {
        let mut pairs = [[b'0'; 2]; 100];
        let mut at = 0;
        while at < 100 {
            pairs[at] = [b'0' + (at / 10) as u8, b'0' + (at % 10) as u8];
            at += 1;
        }
        pairs
    };
    let mut rest = number.unsigned_abs();
    let mut start = room.len();
    // Two at a time: a division takes longer than all else.
    while rest >= 10 {
        start -= 2;
        room[start..start + 2].copy_from_slice(&PAIRS[(rest % 100) as usize]);
        rest /= 100;
    }
    if rest > 0 || start == room.len() {
        start -= 1;
        room[start] = b'0' + rest as u8;
    }
    if number < 0 {
        start -= 1;
        room[start] = b'-';
    }
    std::str::from_utf8(&room[start..]).unwrap_or_default()
}

/// An integer, or text that spells one the only way it can be spelled (so that it can be given back
/// letter for letter).
pub(super) fn integer(value: &Value<'_>) -> Option<i64> {
    match value {
        Value::Int(i) => Some(*i),
        Value::Str(text) => match text.as_bytes() {
            [first @ b'1'..=b'9', rest @ ..] if rest.len() < 18 => {
                rest.iter().try_fold(i64::from(first - b'0'), |number, byte| {
                    byte.is_ascii_digit()
                        .then(|| number * 10 + i64::from(byte - b'0'))
                })
            }
            b"0" => Some(0),
            // As long as the longest, or negative.
            [b'1'..=b'9', rest @ ..] | [b'-', b'1'..=b'9', rest @ ..]
                if rest.iter().all(u8::is_ascii_digit) =>
            {
                text.parse().ok()
            }
            _ => None,
        },
        _ => None,
    }
}

pub(super) fn float(value: &Value<'_>) -> Option<f64> {
    match value {
        Value::Int(i) => Some(*i as f64),
        Value::Float(f) => Some(*f),
        Value::Str(text) => text.parse().ok().filter(|f: &f64| f.is_finite()),
        _ => None,
    }
}

pub(super) fn boolean(value: &Value<'_>) -> Option<bool> {
    match value {
        Value::Bool(flag) => Some(*flag),
        Value::Str(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Value::Str(text) if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// Text in a notation of [`text_time`] (without a zone: UTC) or a number since the epoch, as microseconds.
pub(super) fn timestamp(value: &Value<'_>) -> Option<i64> {
    match value {
        Value::Str(text) => {
            crate::value::parse_timestamp(text).or_else(|| text_time(text, chrono_tz::Tz::UTC))
        }
        Value::Int(number) => whole_time(*number),
        Value::Float(number) => number_time(*number),
        Value::Time(micros) => Some(*micros),
        _ => None,
    }
}

pub(super) fn list(value: &Value<'_>) -> Option<Vec<String>> {
    let text = |item| text_of(item, &mut Spelled::default()).map(str::to_owned);
    match value {
        Value::List(items) => items.iter().map(text).collect(),
        scalar => text(scalar).map(|text| vec![text]),
    }
}

/// Whether `value` is `list`.
pub(super) fn is_list(value: &Value<'_>, list: &[String]) -> bool {
    let is = |item, text: &String| text_of(item, &mut Spelled::default()) == Some(text);
    match value {
        Value::List(items) => {
            items.len() == list.len() && items.iter().zip(list).all(|(item, text)| is(item, text))
        }
        scalar => matches!(list, [text] if is(scalar, text)),
    }
}

pub(super) fn push_json_string(json: &mut String, text: &str) {
    json.push_str(&serde_json::to_string(text).expect("text always has a JSON form"));
}

pub(super) fn push_json(json: &mut String, value: &Value<'_>) {
    match value {
        Value::Null => json.push_str("null"),
        Value::Bool(flag) => json.push_str(if *flag { "true" } else { "false" }),
        Value::Int(i) => json.push_str(&i.to_string()),
        Value::Float(f) if f.is_finite() => json.push_str(&f.to_string()),
        Value::Float(f) => push_json_string(json, &f.to_string()),
        Value::Str(text) => push_json_string(json, text),
        Value::Time(micros) => push_json_string(json, &crate::output::rfc3339(*micros)),
        Value::Json(raw) => json.push_str(raw),
        Value::List(items) => {
            json.push('[');
            for (position, item) in items.iter().enumerate() {
                if position > 0 {
                    json.push(',');
                }
                push_json(json, item);
            }
            json.push(']');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_of_numbers() {
        for number in [
            0,
            7,
            -7,
            9,
            10,
            99,
            100,
            101,
            -100,
            443,
            999,
            1000,
            65_535,
            i64::MAX,
            i64::MIN,
        ] {
            assert_eq!(digits(number, &mut [0; 20]), number.to_string());
        }
    }
}
