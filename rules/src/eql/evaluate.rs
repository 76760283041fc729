//! What an expression comes to on one event.

use std::cmp::Ordering;

use super::ast::{Arithmetic, ElementTest, Expr, Operator, Settings};
use super::call_value;
use super::event::Event;
use super::network;
use super::value::{Number, Value, compare};

/// What the variables of an expression stand for: the innermost, and those around it.
#[derive(Clone, Copy)]
pub(crate) struct Scope<'v> {
    value: &'v Value<'v>,
    outer: Option<&'v Scope<'v>>,
}

impl Expr {
    /// The value on this event.
    pub fn eval<'e>(&'e self, event: &'e dyn Event, settings: &Settings) -> Value<'e> {
        self.value(event, *settings, None)
    }

    /// Whether the condition holds: not where it is false, and not where it is null.
    pub fn holds(&self, event: &dyn Event, settings: &Settings) -> bool {
        self.truth(event, *settings, None) == Some(true)
    }

    /// As a condition; `None` is null.
    fn truth<'v>(
        &'v self,
        event: &'v dyn Event,
        settings: Settings,
        scope: Option<&'v Scope<'v>>,
    ) -> Option<bool> {
        match self {
            Expr::Not(inner) => inner.truth(event, settings, scope).map(|holds| !holds),
            Expr::IsTrue(inner) => Some(inner.truth(event, settings, scope) == Some(true)),
            Expr::All(parts) => {
                let mut all = Some(true);
                for part in parts {
                    match part.truth(event, settings, scope) {
                        Some(false) => return Some(false),
                        Some(true) => {}
                        None => all = None,
                    }
                }
                all
            }
            Expr::Any(parts) => any(parts.iter().map(|part| part.truth(event, settings, scope))),
            Expr::Flag { field, parent, word } => match event.field(field).truth() {
                Some(holds) => Some(holds),
                None => match event.field(parent) {
                    Value::Text(text) => Some(text == *word),
                    _ => None,
                },
            },
            Expr::Compare {
                left,
                operator,
                right,
                numeric,
                case,
            } => {
                let left = left.value(event, settings, scope);
                let right = right.value(event, settings, scope);
                let cased = case.counts(&settings);
                let (operator, negated) = match operator {
                    Operator::NotEqual => (Operator::Equal, true),
                    other => (*other, false),
                };
                let holds = any_pair(&left, &right, |a, b| {
                    compare(a, b, *numeric, cased).map(|ordering| operator.holds(ordering))
                });
                holds.map(|holds| holds != negated)
            }
            Expr::IsNull(inner) => Some(inner.value(event, settings, scope).is_null()),
            Expr::In { value, list, case } => {
                let value = value.value(event, settings, scope);
                // An object compares with nothing.
                if value
                    .each()
                    .into_iter()
                    .all(|value| matches!(value, Value::Object(_)))
                {
                    return None;
                }
                let cased = case.counts(&settings);
                any(list.iter().map(|item| {
                    // A literal never makes the answer null: what does not compare with it differs from it.
                    if let Expr::Literal(item) = item {
                        return Some(any_pair(&value, item, |a, b| Some(equal(a, b, cased))) == Some(true));
                    }
                    any_pair(&value, &item.value(event, settings, scope), |a, b| {
                        Some(equal(a, b, cased))
                    })
                }))
            }
            Expr::Like {
                value,
                patterns,
                case,
            } => {
                let cased = case.counts(&settings);
                let value = value.value(event, settings, scope);
                any_text(&value, |text| {
                    patterns.iter().any(|pattern| pattern.matches(text, cased))
                })
            }
            Expr::Regex {
                value,
                patterns,
                case,
            } => {
                let cased = case.counts(&settings);
                let value = value.value(event, settings, scope);
                any_text(&value, |text| patterns.is_match(text, cased))
            }
            Expr::Cidr { value, networks } => {
                let value = value.value(event, settings, scope);
                any_text(&value, |text| {
                    networks.iter().any(|network| network::contains(text, network))
                })
            }
            Expr::Elements { test, list, body } if *test != ElementTest::Count => {
                let list = list.value(event, settings, scope);
                let elements = match &list {
                    Value::List(elements) => elements.as_slice(),
                    Value::Object(_) if *test == ElementTest::Nested => std::slice::from_ref(&list),
                    _ => &[],
                };
                Some(
                    elements
                        .iter()
                        .any(|element| holds_of(body, element, event, settings, scope)),
                )
            }
            Expr::AnyField { names, body } => Some(event.any_field(&mut |name, value| {
                names.as_ref().is_none_or(|names| names.matches(name, false))
                    && holds_of(body, value, event, settings, scope)
            })),
            Expr::Related(subquery) => Some(event.related(subquery.relation, subquery.id)),
            _ => self.value(event, settings, scope).truth(),
        }
    }

    pub(crate) fn value<'v>(
        &'v self,
        event: &'v dyn Event,
        settings: Settings,
        scope: Option<&'v Scope<'v>>,
    ) -> Value<'v> {
        match self {
            Expr::Literal(value) => value.borrowed(),
            Expr::Field(field) => event.field(field),
            Expr::EventField { event: at, field } => match event.in_sequence(*at) {
                Some(event) => event.field(field),
                None => Value::Null,
            },
            Expr::Variable { outward, path } => {
                let mut found = scope;
                for _ in 0..*outward {
                    found = found.and_then(|scope| scope.outer);
                }
                found.map_or(Value::Null, |scope| scope.value.walk(path))
            }
            Expr::Arithmetic { first, rest } => {
                let mut result = first.value(event, settings, scope).number();
                for (operator, operand) in rest {
                    let operand = operand.value(event, settings, scope).number();
                    result = match (result, operand) {
                        (Some(a), Some(b)) => operator.apply(a, b),
                        _ => return Value::Null,
                    };
                }
                result.map_or(Value::Null, Number::value)
            }
            Expr::Call {
                function,
                arguments,
                case,
            } => {
                let values: Vec<Value<'v>> = arguments
                    .iter()
                    .map(|argument| argument.value(event, settings, scope))
                    .collect();
                call_value::call(*function, values, case.counts(&settings))
            }
            Expr::Elements {
                test: ElementTest::Count,
                list,
                body,
            } => {
                let count = match &list.value(event, settings, scope) {
                    Value::List(elements) => elements
                        .iter()
                        .filter(|element| holds_of(body, element, event, settings, scope))
                        .count(),
                    _ => 0,
                };
                Value::Int(i64::try_from(count).unwrap_or(i64::MAX))
            }
            _ => match self.truth(event, settings, scope) {
                Some(holds) => Value::Bool(holds),
                None => Value::Null,
            },
        }
    }
}

/// Whether `body` holds of an element, which is its innermost variable.
fn holds_of<'v>(
    body: &'v Expr,
    element: &'v Value<'v>,
    event: &'v dyn Event,
    settings: Settings,
    outer: Option<&'v Scope<'v>>,
) -> bool {
    let scope = Scope {
        value: element,
        outer,
    };
    body.truth(event, settings, Some(&scope)) == Some(true)
}

/// True if any is true; else null if any is null or there is none; else false.
fn any(parts: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let mut any = Some(false);
    for part in parts {
        match part {
            Some(true) => return Some(true),
            Some(false) => {}
            None => any = None,
        }
    }
    any
}

/// Whether `test` is true of any element of the one with any of the other; null if it is null of all.
fn any_pair(
    left: &Value<'_>,
    right: &Value<'_>,
    mut test: impl FnMut(&Value<'_>, &Value<'_>) -> Option<bool>,
) -> Option<bool> {
    let is_list = |value: &Value<'_>| matches!(value, Value::List(_));
    if !is_list(left) && !is_list(right) {
        let is_null = *left == Value::Null || *right == Value::Null;
        return if is_null { None } else { test(left, right) };
    }
    let mut result = None;
    let right = right.each();
    for a in left.each() {
        for b in &right {
            match test(a, b) {
                Some(true) => return Some(true),
                Some(false) => result = Some(false),
                None => {}
            }
        }
    }
    result
}

/// Whether `test` is true of the text of any element; null if there is no text.
pub(super) fn any_text(value: &Value<'_>, mut test: impl FnMut(&str) -> bool) -> Option<bool> {
    if !matches!(value, Value::List(_)) {
        return value.text().map(|text| test(&text));
    }
    let mut result = None;
    for element in value.each() {
        if let Some(text) = element.text() {
            if test(&text) {
                return Some(true);
            }
            result = Some(false);
        }
    }
    result
}

/// Equality of elements of a list of literals: what does not compare differs.
fn equal(a: &Value<'_>, b: &Value<'_>, cased: bool) -> bool {
    let numeric = matches!(b, Value::Int(_) | Value::Float(_));
    compare(a, b, numeric, cased) == Some(Ordering::Equal)
}

impl Operator {
    fn holds(self, ordering: Ordering) -> bool {
        match self {
            Operator::Equal => ordering.is_eq(),
            Operator::NotEqual => ordering.is_ne(),
            Operator::Less => ordering.is_lt(),
            Operator::LessOrEqual => ordering.is_le(),
            Operator::Greater => ordering.is_gt(),
            Operator::GreaterOrEqual => ordering.is_ge(),
        }
    }
}

impl Arithmetic {
    /// Null where there is no such number: by zero, or past what a float holds.
    pub(super) fn apply(self, a: Number, b: Number) -> Option<Number> {
        if let (Number::Int(a), Number::Int(b)) = (a, b) {
            let whole = match self {
                Arithmetic::Add => a.checked_add(b),
                Arithmetic::Subtract => a.checked_sub(b),
                Arithmetic::Multiply => a.checked_mul(b),
                Arithmetic::Divide | Arithmetic::Modulo if b == 0 => return None,
                // Towards minus infinity.
                Arithmetic::Divide => a
                    .checked_div(b)
                    .map(|quotient| quotient - i64::from(a % b != 0 && (a < 0) != (b < 0))),
                Arithmetic::Modulo => a.checked_rem(b).map(|rest| {
                    if rest != 0 && (rest < 0) != (b < 0) {
                        rest + b
                    } else {
                        rest
                    }
                }),
            };
            if let Some(whole) = whole {
                return Some(Number::Int(whole));
            }
        }
        let (a, b) = (a.float(), b.float());
        let result = match self {
            Arithmetic::Add => a + b,
            Arithmetic::Subtract => a - b,
            Arithmetic::Multiply => a * b,
            Arithmetic::Divide => a / b,
            Arithmetic::Modulo => a - b * (a / b).floor(),
        };
        result.is_finite().then_some(Number::Float(result))
    }
}
