//! Conditions as the rules' intermediate form, so that the engine can run them over columns.

mod side;

use self::side::{Lowered, Side, asked, element_exists, exists, size};
use super::ast::{Expr, Operator, Settings};
use super::event::Event;
use super::function::Function;
use super::path::FieldPath;
use super::value::{Number, Value, instant};
use crate::ir::{Comparison, Expression, Matcher, Part, Pattern};

/// Whole numbers of at least this size may be rounded when they become floating point numbers.
const FIRST_ROUNDED: u64 = 1 << 53;

/// The largest expression, in parts, that is written twice, for where a condition is null and where it is not:
/// nested a few dozen times it would fill the memory.
const MAX_DOUBLED: usize = 256;

/// An expression that holds on every event on which the condition does, and whether it holds on no other.
///
/// If it is not exact, ask [`Expr::holds`] on the events on which it holds. What cannot be said at all is
/// `All([])`, which is true.
pub fn lower(condition: &Expr, settings: &Settings) -> (Expression, bool) {
    let yes = Lowering { settings }.condition(condition).yes;
    (yes.expression, yes.exact)
}

/// An event without any field: what is constant is evaluated on it.
struct Nothing;

impl Event for Nothing {
    fn field<'e>(&'e self, _: &FieldPath) -> Value<'e> {
        Value::Null
    }
}

struct Lowering<'s> {
    settings: &'s Settings,
}

impl Lowering<'_> {
    fn condition(&self, expr: &Expr) -> Lowered {
        match expr {
            Expr::Literal(value) => Lowered::constant(value.truth()),
            Expr::Not(inner) => self.condition(inner).swapped(),
            Expr::IsTrue(inner) => {
                let yes = self.condition(inner).yes;
                Lowered {
                    no: yes.negated(),
                    yes,
                }
            }
            Expr::All(parts) => {
                let (yes, no): (Vec<Side>, Vec<Side>) = parts
                    .iter()
                    .map(|part| self.condition(part))
                    .map(|part| (part.yes, part.no))
                    .unzip();
                Lowered {
                    yes: Side::all(yes),
                    no: Side::any(no),
                }
            }
            Expr::Any(parts) => {
                let (yes, no): (Vec<Side>, Vec<Side>) = parts
                    .iter()
                    .map(|part| self.condition(part))
                    .map(|part| (part.yes, part.no))
                    .unzip();
                Lowered {
                    yes: Side::any(yes),
                    no: Side::all(no),
                }
            }
            // The field may be an object: its members are fields of the rules' form, it is none.
            Expr::Field(_) | Expr::Flag { .. } => Lowered::unknown(),
            Expr::IsNull(inner) => self.is_null(inner),
            Expr::Compare {
                left,
                operator,
                right,
                case,
                ..
            } => {
                let cased = case.counts(self.settings);
                match (&**left, &**right) {
                    (Expr::Field(field), Expr::Literal(literal)) => {
                        self.compare(field, *operator, literal, cased)
                    }
                    (Expr::Literal(literal), Expr::Field(field)) => {
                        self.compare(field, operator.flipped(), literal, cased)
                    }
                    _ => self.other(expr),
                }
            }
            Expr::In { value, list, case } => {
                let literals: Option<Vec<&Value<'static>>> = list
                    .iter()
                    .map(|item| match item {
                        Expr::Literal(literal) => Some(literal),
                        _ => None,
                    })
                    .collect();
                match (&**value, literals) {
                    (Expr::Field(field), Some(literals)) => {
                        let cased = case.counts(self.settings);
                        let mut exact = true;
                        let mut matchers = Vec::new();
                        for literal in literals {
                            let (some, is_exact) = equals(literal, cased);
                            matchers.extend(some);
                            exact &= is_exact;
                        }
                        Lowered::matchers(field, matchers, exact)
                    }
                    _ => Lowered::both(required(value)),
                }
            }
            Expr::Like {
                value,
                patterns,
                case,
            } => {
                let cased = case.counts(self.settings);
                let matchers = patterns
                    .iter()
                    .map(|pattern| like(pattern.parts().to_vec(), cased))
                    .collect();
                of_field(value, matchers)
            }
            Expr::Regex {
                value,
                patterns,
                case,
            } => match patterns.matchers(case.counts(self.settings)) {
                (matchers, true) => of_field(value, matchers),
                // The engine may give up on a text where we do not.
                (_, false) => Lowered::both(required(value)),
            },
            Expr::Cidr { value, networks } => {
                of_field(value, networks.iter().copied().map(Matcher::Cidr).collect())
            }
            Expr::Call {
                function,
                arguments,
                case,
            } => self
                .text_call(*function, arguments, case.counts(self.settings))
                .unwrap_or_else(|| self.other(expr)),
            Expr::AnyField { names: None, body } => match &**body {
                Expr::Like {
                    value,
                    patterns,
                    case,
                } if matches!(&**value, Expr::Variable { outward: 0, path } if path.is_empty()) => {
                    let cased = case.counts(self.settings);
                    let yes = Side::any(patterns.iter().map(|pattern| {
                        Side::exact(Expression::Keyword(like(pattern.parts().to_vec(), cased)))
                    }));
                    Lowered {
                        no: yes.negated(),
                        yes,
                    }
                }
                _ => Lowered::unknown(),
            },
            Expr::Arithmetic { .. } => self.other(expr),
            Expr::EventField { .. }
            | Expr::Variable { .. }
            | Expr::Elements { .. }
            | Expr::AnyField { .. }
            | Expr::Related(_) => Lowered::unknown(),
        }
    }

    /// What has no form of its own: that the fields are there without which it is null.
    fn other(&self, expr: &Expr) -> Lowered {
        if is_constant(expr) {
            return Lowered::constant(expr.eval(&Nothing, self.settings).truth());
        }
        Lowered::both(required(expr))
    }

    fn is_null(&self, inner: &Expr) -> Lowered {
        if let Expr::Field(field) = inner {
            if !field.inside().is_empty() {
                // The element may be an object.
                let no = Side::unknown();
                return Lowered {
                    yes: Side::unknown(),
                    no,
                };
            }
            // An object is there although no field of its name is.
            return Lowered {
                yes: Side::at_least(asked(field, Matcher::Exists(false))),
                no: Side::unknown(),
            };
        }
        let is_condition = matches!(
            inner,
            Expr::Not(_)
                | Expr::IsTrue(_)
                | Expr::All(_)
                | Expr::Any(_)
                | Expr::IsNull(_)
                | Expr::Compare { .. }
                | Expr::In { .. }
                | Expr::Like { .. }
                | Expr::Regex { .. }
                | Expr::Cidr { .. }
        );
        if !is_condition {
            return Lowered {
                yes: Side::unknown(),
                no: required(inner),
            };
        }
        let inner = self.condition(inner);
        let known = Side::any([inner.yes, inner.no]);
        if size(&known.expression) > MAX_DOUBLED {
            return Lowered::unknown();
        }
        Lowered {
            yes: known.negated(),
            no: known,
        }
    }

    fn compare(
        &self,
        field: &FieldPath,
        operator: Operator,
        literal: &Value<'static>,
        cased: bool,
    ) -> Lowered {
        let bound = match literal {
            Value::Int(_) | Value::Float(_) => literal.number(),
            _ => None,
        };
        match (operator, bound) {
            (Operator::NotEqual, _) => self.compare(field, Operator::Equal, literal, cased).swapped(),
            (_, Some(bound)) => compare_number(field, operator, bound),
            (Operator::Equal, None) => {
                let (matchers, exact) = equals(literal, cased);
                Lowered::matchers(field, matchers, exact)
            }
            _ => Lowered::both(required(&Expr::Field(field.clone()))),
        }
    }

    /// `startsWith(field, "text")` and its kin.
    fn text_call(&self, function: Function, arguments: &[Expr], cased: bool) -> Option<Lowered> {
        let (start, end) = match function {
            Function::StartsWith => (false, true),
            Function::EndsWith => (true, false),
            Function::StringContains => (true, true),
            _ => return None,
        };
        let (Expr::Field(_), texts) = (arguments.first()?, arguments.get(1..)?) else {
            return None;
        };
        let mut matchers = Vec::with_capacity(texts.len());
        for text in texts {
            let Expr::Literal(text) = text else { return None };
            let mut parts = Vec::new();
            if start {
                parts.push(Part::Many);
            }
            crate::pattern::push(&mut parts, Part::Literal(text.text()?.into_owned()));
            if end {
                crate::pattern::open_end(&mut parts);
            }
            matchers.push(like(parts, cased));
        }
        Some(of_field(arguments.first()?, matchers))
    }
}

fn of_field(value: &Expr, matchers: Vec<Matcher>) -> Lowered {
    match value {
        Expr::Field(field) => Lowered::matchers(field, matchers, true),
        other => Lowered::both(required(other)),
    }
}

fn like(parts: Vec<Part>, cased: bool) -> Matcher {
    Matcher::Pattern(Pattern { parts, cased })
}

/// Matchers of which any holds where a value equals the literal, and whether none holds elsewhere.
fn equals(literal: &Value<'_>, cased: bool) -> (Vec<Matcher>, bool) {
    let whole = |text: &str| {
        let mut parts = Vec::new();
        crate::pattern::push(&mut parts, Part::Literal(text.to_owned()));
        like(parts, cased)
    };
    match literal {
        Value::Int(_) | Value::Float(_) => match literal.number() {
            Some(number) => (
                vec![Matcher::Number(Comparison::Equal, number.float())],
                !is_rounded(number),
            ),
            None => (Vec::new(), true),
        },
        Value::Bool(_) => (literal.text().iter().map(|text| whole(text)).collect(), true),
        // The same point in time may be written with other decimals.
        Value::Text(text) if instant(text).is_some() => (vec![Matcher::Exists(true)], false),
        Value::Text(text) => match Number::parse(text) {
            // A field may hold the same number as a number; its text is the literal's only if that is
            // written as numbers are, and if no two numbers are near enough to be taken for one.
            Some(number) if !is_shortest(number, text) => (
                vec![whole(text), Matcher::Number(Comparison::Equal, number.float())],
                false,
            ),
            _ => (vec![whole(text)], true),
        },
        Value::Null | Value::List(_) | Value::Object(_) => (Vec::new(), true),
    }
}

fn is_rounded(number: Number) -> bool {
    matches!(number, Number::Int(whole) if whole.unsigned_abs() >= FIRST_ROUNDED)
}

fn is_shortest(number: Number, text: &str) -> bool {
    match number {
        Number::Int(whole) => !is_rounded(number) && whole.to_string() == text,
        Number::Float(float) => float.abs() < FIRST_ROUNDED as f64 && float.to_string() == text,
    }
}

fn compare_number(field: &FieldPath, operator: Operator, bound: Number) -> Lowered {
    let number = |comparison| asked(field, Matcher::Number(comparison, bound.float()));
    let (holds, fails) = match operator {
        Operator::Less => (Comparison::Less, Comparison::GreaterOrEqual),
        Operator::LessOrEqual => (Comparison::LessOrEqual, Comparison::Greater),
        Operator::Greater => (Comparison::Greater, Comparison::LessOrEqual),
        Operator::GreaterOrEqual => (Comparison::GreaterOrEqual, Comparison::Less),
        Operator::Equal | Operator::NotEqual => {
            let differs = Expression::Any(vec![number(Comparison::Less), number(Comparison::Greater)]);
            return number_sides(field, number(Comparison::Equal), differs, bound);
        }
    };
    number_sides(field, number(holds), number(fails), bound)
}

/// False only where some element is a number and none holds: what is no number is null.
fn number_sides(field: &FieldPath, holds: Expression, fails: Expression, bound: Number) -> Lowered {
    if !field.inside().is_empty() {
        let Some(there) = element_exists(field) else {
            return Lowered::unknown();
        };
        let holds = if is_rounded(bound) { there.clone() } else { holds };
        return Lowered {
            yes: Side::at_least(holds),
            no: Side::at_least(there),
        };
    }
    if is_rounded(bound) {
        return Lowered::both(Side::at_least(exists(field)));
    }
    let yes = Side::exact(holds);
    let no = Side::all([Side::exact(fails), yes.negated()]);
    Lowered { yes, no }
}

/// That the fields are there without which an expression is null.
fn required(expr: &Expr) -> Side {
    let mut fields = Vec::new();
    collect_required(expr, &mut fields);
    fields.dedup();
    Side {
        exact: false,
        ..Side::all(fields.into_iter().map(Side::at_least))
    }
}

fn collect_required(expr: &Expr, found: &mut Vec<Expression>) {
    match expr {
        Expr::Field(field) => {
            let there = element_exists(field);
            found.extend(there.filter(|there| !found.contains(there)));
        }
        Expr::Arithmetic { first, rest } => {
            collect_required(first, found);
            for (_, operand) in rest {
                collect_required(operand, found);
            }
        }
        Expr::Compare { left, right, .. } => {
            collect_required(left, found);
            collect_required(right, found);
        }
        Expr::Call {
            function, arguments, ..
        } => {
            let needed = match function {
                Function::ArrayContains
                | Function::EndsWith
                | Function::Number
                | Function::StartsWith
                | Function::StringContains
                | Function::Substring => 1,
                // Of a list of objects too.
                Function::Length => 0,
                Function::IndexOf => 2,
                Function::Between => 3,
                _ => arguments.len(),
            };
            for argument in arguments.iter().take(needed) {
                collect_required(argument, found);
            }
        }
        _ => {}
    }
}

/// Whether the value does not depend on the event.
fn is_constant(expr: &Expr) -> bool {
    match expr {
        Expr::Literal(_) => true,
        Expr::Field(_)
        | Expr::Flag { .. }
        | Expr::EventField { .. }
        | Expr::Variable { .. }
        | Expr::Elements { .. }
        | Expr::AnyField { .. }
        | Expr::Related(_) => false,
        _ => expr.children().into_iter().all(is_constant),
    }
}

impl Operator {
    /// The operator with its sides changed.
    fn flipped(self) -> Self {
        match self {
            Operator::Equal | Operator::NotEqual => self,
            Operator::Less => Operator::Greater,
            Operator::LessOrEqual => Operator::GreaterOrEqual,
            Operator::Greater => Operator::Less,
            Operator::GreaterOrEqual => Operator::LessOrEqual,
        }
    }
}
