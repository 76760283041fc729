//! What the functions give.

use std::borrow::Cow;

use super::ast::Arithmetic;
use super::evaluate::any_text;
use super::function::Function;
use super::text::{characters, find, find_last, fold};
use super::value::{Number, Value, compare};

/// The longest text that `concat` makes, in bytes; past it the result is null.
const MAX_CONCAT: usize = 1 << 20;

/// The value of a function. Null for arguments that it is not made for.
///
/// A list of nothing is null here as everywhere: a column has no other way to say that there is none.
pub(super) fn call<'v>(function: Function, values: Vec<Value<'v>>, cased: bool) -> Value<'v> {
    if values.first().is_some_and(Value::is_null) {
        return Value::Null;
    }
    match function {
        Function::Add => arithmetic(Arithmetic::Add, &values),
        Function::Subtract => arithmetic(Arithmetic::Subtract, &values),
        Function::Multiply => arithmetic(Arithmetic::Multiply, &values),
        Function::Divide => arithmetic(Arithmetic::Divide, &values),
        Function::Modulo => arithmetic(Arithmetic::Modulo, &values),
        Function::Safe => values.into_iter().next().unwrap_or_default(),
        Function::ArrayContains => array_contains(&values, cased),
        Function::StartsWith => text_test(&values, cased, |text, part| text.starts_with(part)),
        Function::EndsWith => text_test(&values, cased, |text, part| text.ends_with(part)),
        Function::StringContains => text_test(&values, cased, |text, part| text.contains(part)),
        Function::Length => length(&values),
        Function::Concat => concat(&values),
        Function::String => match values.first().and_then(Value::text) {
            Some(text) => Value::Text(Cow::Owned(text.into_owned())),
            None => Value::Null,
        },
        Function::Number => number(&values).map_or(Value::Null, Number::value),
        Function::IndexOf => match index_of(&values, cased) {
            Some(position) => whole(position),
            None => Value::Null,
        },
        Function::Substring => owned(substring(&values)),
        Function::Between => owned(between(&values, cased)),
    }
}

fn whole<'v>(number: usize) -> Value<'v> {
    Value::Int(i64::try_from(number).unwrap_or(i64::MAX))
}

fn owned<'v>(text: Option<String>) -> Value<'v> {
    text.map_or(Value::Null, |text| Value::Text(Cow::Owned(text)))
}

fn arithmetic<'v>(operator: Arithmetic, values: &[Value<'v>]) -> Value<'v> {
    match values {
        [a, b] => match (a.number(), b.number()) {
            (Some(a), Some(b)) => operator.apply(a, b).map_or(Value::Null, Number::value),
            _ => Value::Null,
        },
        _ => Value::Null,
    }
}

fn array_contains<'v>(values: &[Value<'v>], cased: bool) -> Value<'v> {
    let Some((Value::List(elements), wanted)) = values.split_first() else {
        return Value::Null;
    };
    Value::Bool(elements.iter().any(|element| {
        wanted
            .iter()
            .any(|wanted| compare(element, wanted, false, cased).is_some_and(std::cmp::Ordering::is_eq))
    }))
}

/// A test of the first text with any of the others.
fn text_test<'v>(values: &[Value<'v>], cased: bool, test: fn(&str, &str) -> bool) -> Value<'v> {
    let Some((value, others)) = values.split_first() else {
        return Value::Null;
    };
    let mut result = None;
    for other in others {
        let Some(part) = other.text() else { continue };
        let part = if cased {
            part
        } else {
            Cow::Owned(fold(&part).into_owned())
        };
        let holds = any_text(value, |text| match cased {
            true => test(text, &part),
            false => test(&fold(text), &part),
        });
        result = match (result, holds) {
            (Some(true), _) | (_, Some(true)) => return Value::Bool(true),
            (None, holds) => holds,
            (some, _) => some,
        };
    }
    result.map_or(Value::Null, Value::Bool)
}

fn length<'v>(values: &[Value<'v>]) -> Value<'v> {
    match values.first() {
        Some(Value::List(elements)) => whole(elements.len()),
        Some(Value::Object(members)) => whole(members.len()),
        Some(value) => value
            .text()
            .map_or(Value::Null, |text| whole(text.chars().count())),
        None => Value::Null,
    }
}

fn concat<'v>(values: &[Value<'v>]) -> Value<'v> {
    let mut whole = String::new();
    for value in values {
        match value.text() {
            Some(text) if whole.len() + text.len() <= MAX_CONCAT => whole.push_str(&text),
            _ => return Value::Null,
        }
    }
    Value::Text(Cow::Owned(whole))
}

/// `number("0x1f", 16)`, `number("-3")`, `number("1.5")`.
fn number(values: &[Value<'_>]) -> Option<Number> {
    let base = match values.get(1) {
        None | Some(Value::Null) => None,
        Some(base) => match base.number()? {
            Number::Int(base) => Some(u32::try_from(base).ok().filter(|base| (2..=36).contains(base))?),
            Number::Float(_) => return None,
        },
    };
    let text = match values.first()? {
        number @ (Value::Int(_) | Value::Float(_)) if base.is_none() => return number.number(),
        value => value.text()?,
    };
    if let Some(digits) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"))
        && matches!(base, None | Some(16))
    {
        return unsigned(digits, 16);
    }
    match base {
        None | Some(10) => Number::parse(&text),
        Some(base) => match text.strip_prefix('-') {
            Some(digits) => match unsigned(digits, base)? {
                Number::Int(number) => Some(Number::Int(-number)),
                Number::Float(number) => Some(Number::Float(-number)),
            },
            None => unsigned(text.strip_prefix('+').unwrap_or(&text), base),
        },
    }
}

fn unsigned(digits: &str, base: u32) -> Option<Number> {
    // `from_str_radix` would also take a sign.
    if !digits.starts_with(|c: char| c.is_digit(base)) {
        return None;
    }
    i64::from_str_radix(digits, base).ok().map(Number::Int)
}

fn index_of(values: &[Value<'_>], cased: bool) -> Option<usize> {
    let text = characters(&values.first()?.text()?, cased);
    let part = characters(&values.get(1)?.text()?, cased);
    let start = match values.get(2) {
        None | Some(Value::Null) => 0,
        Some(start) => match start.number()? {
            Number::Int(start) => usize::try_from(start).unwrap_or(0),
            Number::Float(_) => return None,
        },
    };
    find(&text, &part, start)
}

/// As Python's slices: negative positions count from the end, and what lies outside is left out.
fn substring(values: &[Value<'_>]) -> Option<String> {
    let text = values.first()?.text()?;
    let count = text.chars().count();
    let position = |value: Option<&Value<'_>>, default: usize| match value {
        None | Some(Value::Null) => Some(default),
        Some(value) => match value.number()? {
            Number::Int(at) if at < 0 => {
                let back = usize::try_from(at.unsigned_abs()).unwrap_or(usize::MAX);
                Some(count.saturating_sub(back))
            }
            Number::Int(at) => Some(usize::try_from(at).unwrap_or(usize::MAX).min(count)),
            Number::Float(_) => None,
        },
    };
    let start = position(values.get(1), 0)?;
    let end = position(values.get(2), count)?;
    Some(text.chars().skip(start).take(end.saturating_sub(start)).collect())
}

fn between(values: &[Value<'_>], cased: bool) -> Option<String> {
    let text = values.first()?.text()?;
    let folded = characters(&text, cased);
    let left = characters(&values.get(1)?.text()?, cased);
    let right = characters(&values.get(2)?.text()?, cased);
    let greedy = match values.get(3) {
        None | Some(Value::Null) => false,
        Some(greedy) => greedy.truth()?,
    };
    let start = find(&folded, &left, 0)? + left.len();
    let end = if greedy {
        find_last(&folded, &right, start)?
    } else {
        find(&folded, &right, start)?
    };
    Some(text.chars().skip(start).take(end - start).collect())
}
