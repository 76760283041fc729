//! The value of one field as a format hands it to the [batch builder](crate::batch).

use crate::formats::event_time::plain_time;

/// One field value, borrowed from the frame wherever possible.
///
/// A format passes the most specific variant it *knows*: JSON numbers are [`Value::Int`] or
/// [`Value::Float`], everything cut out of a text line is [`Value::Str`]. The column's type, given by the
/// catalog, decides how it is stored; a string that spells a canonical integer is stored in an integer
/// column as that integer.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// Explicit null: kept as "absent".
    Null,
    /// A boolean.
    Bool(bool),
    /// A whole number in the range of `i64`.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// Text.
    Str(&'a str),
    /// A point in time, in microseconds since the epoch.
    Time(i64),
    /// Several scalars (no nesting): stored in list columns; elsewhere in `unmapped`.
    List(Vec<Value<'a>>),
    /// Anything nested, as compact JSON text: goes to `unmapped` under its name.
    Json(&'a str),
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Value::Str(text)
    }
}

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Value::Int(number)
    }
}

/// Text of an ISO 8601 / RFC 3339 instant as microseconds since the epoch. A space may stand for the
/// `T`; without a zone it is UTC. `None` if it is anything else.
///
/// ```
/// use borzoi_parsers::value::parse_timestamp;
/// assert_eq!(parse_timestamp("1970-01-01T00:00:01.5Z"), Some(1_500_000));
/// assert_eq!(parse_timestamp("1970-01-01 02:00:00+02:00"), Some(0));
/// assert_eq!(parse_timestamp("yesterday"), None);
/// ```
pub fn parse_timestamp(text: &str) -> Option<i64> {
    if let Some(micros) = plain_time(text) {
        return Some(micros);
    }
    if let Ok(instant) = chrono::DateTime::parse_from_rfc3339(text) {
        return Some(instant.timestamp_micros());
    }
    for layout in ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f"] {
        if let Ok(local) = chrono::NaiveDateTime::parse_from_str(text, layout) {
            return Some(local.and_utc().timestamp_micros());
        }
    }
    chrono::DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f%z")
        .ok()
        .map(|instant| instant.timestamp_micros())
}
