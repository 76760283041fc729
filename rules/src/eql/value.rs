//! Values of expressions, and how two of them compare.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::path::PathPart;
use super::text::fold;

/// What a field holds or an expression comes to.
///
/// An event may carry the same number as a number or as its text (a column of unknown JSON numbers is one
/// of texts), so nothing may depend on which it is:
///
/// - A number and a text that reads as a number compare as numbers.
/// - Two texts compare as texts, also if both read as numbers; so do a number and a text that reads as none,
///   unless the number is one of the query (then the comparison is null).
/// - Where a function asks for a text, a number or a truth value gives its text (`5`, `0.5`, `true`).
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
pub enum Value<'a> {
    /// Absent, or null.
    #[default]
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Any other number; never NaN.
    Float(f64),
    /// A text.
    Text(Cow<'a, str>),
    /// A list. One without any element that is not null compares as null.
    List(Vec<Value<'a>>),
    /// An object: names and values, in the order of the event.
    Object(Vec<(Cow<'a, str>, Value<'a>)>),
}

impl<'a> Value<'a> {
    /// Whether this is null, or a list of nothing but nulls.
    pub fn is_null(&self) -> bool {
        match self {
            Value::Null => true,
            Value::List(elements) => elements.iter().all(Value::is_null),
            _ => false,
        }
    }

    /// Whether this counts as true where a condition stands; `None` for null.
    ///
    /// Numbers other than zero, texts and objects that are not empty, and lists with any element that is true
    /// are true. The texts `0` and `false` are false: they may be a number or a truth value of an untyped
    /// column.
    pub fn truth(&self) -> Option<bool> {
        match self {
            Value::Null => None,
            Value::Bool(value) => Some(*value),
            Value::Int(value) => Some(*value != 0),
            Value::Float(value) => Some(*value != 0.0),
            Value::Text(text) => {
                Some(!(text.is_empty() || text == "0" || text.eq_ignore_ascii_case("false")))
            }
            Value::List(elements) => elements
                .iter()
                .filter_map(Value::truth)
                .reduce(|any, element| any || element),
            Value::Object(members) => Some(!members.is_empty()),
        }
    }

    /// A scalar as text; `None` for null, lists and objects.
    pub fn text(&self) -> Option<Cow<'_, str>> {
        match self {
            Value::Bool(value) => Some(Cow::Borrowed(if *value { "true" } else { "false" })),
            Value::Int(value) => Some(Cow::Owned(value.to_string())),
            Value::Float(value) => Some(Cow::Owned(value.to_string())),
            Value::Text(text) => Some(Cow::Borrowed(text)),
            Value::Null | Value::List(_) | Value::Object(_) => None,
        }
    }

    /// The number that this is or that its text spells.
    pub fn number(&self) -> Option<Number> {
        match self {
            Value::Int(value) => Some(Number::Int(*value)),
            Value::Float(value) => Some(Number::Float(*value)),
            Value::Text(text) => Number::parse(text),
            _ => None,
        }
    }

    /// What lies at the end of a path in this value. A name asks every object of a list; what they hold, also in
    /// lists of their own, becomes one list.
    pub fn walk(&self, path: &[PathPart]) -> Value<'_> {
        let Some((part, rest)) = path.split_first() else {
            return self.borrowed();
        };
        match (part, self) {
            (PathPart::Name(name), Value::Object(members)) => members
                .iter()
                .find(|(key, _)| key == name)
                .map_or(Value::Null, |(_, value)| value.walk(rest)),
            (PathPart::Index(index), Value::List(elements)) => {
                elements.get(*index).map_or(Value::Null, |value| value.walk(rest))
            }
            (PathPart::Name(_), Value::List(elements)) => {
                joined(elements.iter().map(|element| element.walk(path)))
            }
            _ => Value::Null,
        }
    }

    /// The same value, its texts borrowed from this one.
    pub fn borrowed(&self) -> Value<'_> {
        match self {
            Value::Null => Value::Null,
            Value::Bool(value) => Value::Bool(*value),
            Value::Int(value) => Value::Int(*value),
            Value::Float(value) => Value::Float(*value),
            Value::Text(text) => Value::Text(Cow::Borrowed(text)),
            Value::List(elements) => Value::List(elements.iter().map(Value::borrowed).collect()),
            Value::Object(members) => Value::Object(
                members
                    .iter()
                    .map(|(key, value)| (Cow::Borrowed(key.as_ref()), value.borrowed()))
                    .collect(),
            ),
        }
    }

    /// The same value with texts of its own.
    pub fn into_owned(self) -> Value<'static> {
        match self {
            Value::Null => Value::Null,
            Value::Bool(value) => Value::Bool(value),
            Value::Int(value) => Value::Int(value),
            Value::Float(value) => Value::Float(value),
            Value::Text(text) => Value::Text(Cow::Owned(text.into_owned())),
            Value::List(elements) => Value::List(elements.into_iter().map(Value::into_owned).collect()),
            Value::Object(members) => Value::Object(
                members
                    .into_iter()
                    .map(|(key, value)| (Cow::Owned(key.into_owned()), value.into_owned()))
                    .collect(),
            ),
        }
    }

    /// The scalars and objects of a list, also of lists in it, or the value alone; none for null.
    pub(crate) fn each(&self) -> Vec<&Value<'a>> {
        let mut found = Vec::new();
        self.collect(&mut found);
        found
    }

    fn collect<'v>(&'v self, found: &mut Vec<&'v Value<'a>>) {
        match self {
            Value::Null => {}
            Value::List(elements) => elements.iter().for_each(|element| element.collect(found)),
            other => found.push(other),
        }
    }
}

/// The values of all as one list; null if there is none.
pub(super) fn joined<'v>(values: impl Iterator<Item = Value<'v>>) -> Value<'v> {
    let mut found = Vec::new();
    for value in values {
        match value {
            Value::Null => {}
            Value::List(elements) => found.extend(elements),
            other => found.push(other),
        }
    }
    if found.is_empty() {
        Value::Null
    } else {
        Value::List(found)
    }
}

impl<'a> From<&'a serde_json::Value> for Value<'a> {
    fn from(value: &'a serde_json::Value) -> Self {
        match value {
            serde_json::Value::Null => Value::Null,
            serde_json::Value::Bool(value) => Value::Bool(*value),
            serde_json::Value::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(whole), _) => Value::Int(whole),
                (None, Some(float)) if !float.is_nan() => Value::Float(float),
                _ => Value::Text(Cow::Owned(number.to_string())),
            },
            serde_json::Value::String(text) => Value::Text(Cow::Borrowed(text)),
            serde_json::Value::Array(elements) => Value::List(elements.iter().map(Value::from).collect()),
            serde_json::Value::Object(members) => Value::Object(
                members
                    .iter()
                    .map(|(key, value)| (Cow::Borrowed(key.as_str()), Value::from(value)))
                    .collect(),
            ),
        }
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Value::Text(Cow::Borrowed(text))
    }
}

/// A number: whole numbers stay exact past 2^53.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Number {
    /// Whole.
    Int(i64),
    /// Any other; never NaN.
    Float(f64),
}

impl Number {
    /// `text` as a finite decimal number, blanks around it aside: what
    /// [`Matcher::Number`](crate::ir::Matcher::Number) takes for one.
    pub fn parse(text: &str) -> Option<Number> {
        let text = text.trim();
        // `parse` would also take `inf` and `nan`.
        let first = text.bytes().next()?;
        if !(first.is_ascii_digit() || matches!(first, b'-' | b'+' | b'.')) {
            return None;
        }
        if let Ok(whole) = text.parse::<i64>() {
            return Some(Number::Int(whole));
        }
        text.parse::<f64>()
            .ok()
            .filter(|float| float.is_finite())
            .map(Number::Float)
    }

    /// As a floating point number, rounded past 2^53.
    pub fn float(self) -> f64 {
        match self {
            #[allow(clippy::cast_precision_loss, reason = "the caller asked for a float")]
            Number::Int(value) => value as f64,
            Number::Float(value) => value,
        }
    }

    pub(crate) fn compare(self, other: Number) -> Ordering {
        match (self, other) {
            (Number::Int(a), Number::Int(b)) => a.cmp(&b),
            _ => self
                .float()
                .partial_cmp(&other.float())
                .unwrap_or(Ordering::Equal),
        }
    }

    /// An order of all numbers, also where whole numbers and others meet past 2^53: first as floating point
    /// numbers, then as whole ones.
    pub(crate) fn total(self, other: Number) -> Ordering {
        // Adding zero makes -0 the same as 0.
        let floats = (self.float() + 0.0).total_cmp(&(other.float() + 0.0));
        floats.then_with(|| match (self, other) {
            (Number::Int(a), Number::Int(b)) => a.cmp(&b),
            (Number::Int(_), Number::Float(_)) => Ordering::Less,
            (Number::Float(_), Number::Int(_)) => Ordering::Greater,
            (Number::Float(_), Number::Float(_)) => Ordering::Equal,
        })
    }

    pub(crate) fn value<'a>(self) -> Value<'a> {
        match self {
            Number::Int(value) => Value::Int(value),
            Number::Float(value) if value.is_nan() => Value::Null,
            Number::Float(value) => Value::Float(value),
        }
    }
}

/// How two scalars compare; `None` if they do not: null, an object, or (where `numeric`) a text that is no
/// number.
pub(crate) fn compare(a: &Value<'_>, b: &Value<'_>, numeric: bool, cased: bool) -> Option<Ordering> {
    let is_minus_zero =
        |value: &Value<'_>| matches!(value, Value::Float(float) if *float == 0.0 && float.is_sign_negative());
    let is_number = |value: &Value<'_>| matches!(value, Value::Int(_) | Value::Float(_));
    match (a, b) {
        (Value::Bool(a), Value::Bool(b)) => return Some(a.cmp(b)),
        // The text of -0 is not that of 0, whose number it is.
        _ if !numeric && (is_minus_zero(a) || is_minus_zero(b)) => {}
        _ if numeric || is_number(a) || is_number(b) => {
            if let (Some(a), Some(b)) = (a.number(), b.number()) {
                return Some(a.compare(b));
            }
            if numeric {
                return None;
            }
        }
        _ => {}
    }
    let (a, b) = (a.text()?, b.text()?);
    if let (Some(a), Some(b)) = (instant(&a), instant(&b)) {
        return Some(a.cmp(&b));
    }
    Some(if cased { a.cmp(&b) } else { fold(&a).cmp(&fold(&b)) })
}

/// A point in time in UTC as RFC 3339 writes it, in parts that compare as the points do: all up to the second, and the
/// digits of the fraction.
pub(crate) fn instant(text: &str) -> Option<(&str, &str)> {
    const SHAPE: &[u8; 19] = b"0000-00-00T00:00:00";
    let (second, rest) = text.split_at_checked(SHAPE.len())?;
    let fits = second.bytes().zip(SHAPE).all(|(byte, shape)| match shape {
        b'0' => byte.is_ascii_digit(),
        other => byte == *other,
    });
    let rest = rest.strip_suffix('Z')?;
    let fraction = match rest.strip_prefix('.') {
        Some(digits) if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) => digits,
        None if rest.is_empty() => "",
        _ => return None,
    };
    fits.then(|| (second, fraction.trim_end_matches('0')))
}
