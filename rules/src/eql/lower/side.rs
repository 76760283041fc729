//! Where a condition is true and where it is false, as expressions.

use super::super::path::{FieldPath, PathPart};
use crate::ir::{Expression, Matcher};

/// An expression that holds at least wherever something does.
#[derive(Debug, Clone)]
pub(super) struct Side {
    pub expression: Expression,
    pub exact: bool,
}

/// Where a condition is true and where it is false. On an event where it is null, neither holds (if exact):
/// that is how three values become two.
#[derive(Debug, Clone)]
pub(super) struct Lowered {
    pub yes: Side,
    pub no: Side,
}

impl Side {
    pub fn exact(expression: Expression) -> Self {
        Self {
            expression,
            exact: true,
        }
    }

    pub fn at_least(expression: Expression) -> Self {
        Self {
            expression,
            exact: false,
        }
    }

    pub fn unknown() -> Self {
        Self::at_least(Expression::All(Vec::new()))
    }

    pub fn all(sides: impl IntoIterator<Item = Side>) -> Self {
        let mut exact = true;
        let mut parts = Vec::new();
        for side in sides {
            exact &= side.exact;
            match side.expression {
                Expression::All(inner) => parts.extend(inner),
                other => parts.push(other),
            }
        }
        let expression = match parts.len() {
            1 => parts.remove(0),
            _ => Expression::All(parts),
        };
        Self { expression, exact }
    }

    pub fn any(sides: impl IntoIterator<Item = Side>) -> Self {
        let mut exact = true;
        let mut parts = Vec::new();
        for side in sides {
            exact &= side.exact;
            match side.expression {
                // True: so is the whole. The others then only say whether it is exact.
                Expression::All(inner) if inner.is_empty() => {
                    return Self {
                        expression: Expression::All(inner),
                        exact: side.exact,
                    };
                }
                Expression::Any(inner) => parts.extend(inner),
                other => parts.push(other),
            }
        }
        let expression = match parts.len() {
            1 => parts.remove(0),
            _ => Expression::Any(parts),
        };
        Self { expression, exact }
    }

    /// Where this does not hold; only for what is exact.
    pub fn negated(&self) -> Self {
        if !self.exact {
            return Self::unknown();
        }
        Self::exact(Expression::Not(Box::new(self.expression.clone())))
    }
}

impl Lowered {
    pub fn both(side: Side) -> Self {
        Self {
            no: side.clone(),
            yes: side,
        }
    }

    pub fn unknown() -> Self {
        Self::both(Side::unknown())
    }

    pub fn swapped(self) -> Self {
        Self {
            yes: self.no,
            no: self.yes,
        }
    }

    pub fn constant(truth: Option<bool>) -> Self {
        let side = |holds: bool| {
            Side::exact(match holds {
                true => Expression::All(Vec::new()),
                false => Expression::Any(Vec::new()),
            })
        };
        Self {
            yes: side(truth == Some(true)),
            no: side(truth == Some(false)),
        }
    }

    /// True where any matcher holds for a field, false where the field is there and none holds.
    pub fn matchers(field: &FieldPath, matchers: Vec<Matcher>, exact: bool) -> Self {
        if !field.inside().is_empty() {
            return Self::of_element(field, matchers);
        }
        let yes = Side {
            exact,
            ..Side::any(
                matchers
                    .into_iter()
                    .map(|matcher| Side::exact(asked(field, matcher))),
            )
        };
        let no = match exact {
            true => Side::all([Side::exact(exists(field)), yes.negated()]),
            false => Side::at_least(exists(field)),
        };
        Self { yes, no }
    }

    /// As [`Lowered::matchers`] for one element of a list: if it matches, any element does.
    pub fn of_element(field: &FieldPath, matchers: Vec<Matcher>) -> Self {
        let Some(there) = element_exists(field) else {
            return Self::unknown();
        };
        let any = Side::any(
            matchers
                .into_iter()
                .map(|matcher| Side::exact(asked(field, matcher))),
        );
        Self {
            yes: Side::at_least(any.expression),
            no: Side::at_least(there),
        }
    }
}

/// How many parts an expression has.
pub(super) fn size(expression: &Expression) -> usize {
    match expression {
        Expression::All(parts) | Expression::Any(parts) => 1 + parts.iter().map(size).sum::<usize>(),
        Expression::Not(inner) => 1 + size(inner),
        Expression::Field { .. } | Expression::Keyword(_) => 1,
    }
}

pub(super) fn asked(field: &FieldPath, matcher: Matcher) -> Expression {
    Expression::Field {
        name: field.column().to_owned(),
        matcher,
    }
}

pub(super) fn exists(field: &FieldPath) -> Expression {
    asked(field, Matcher::Exists(true))
}

/// That the list exists of which a field is an element; not for what lies inside the element, which may be
/// columns of other names.
pub(super) fn element_exists(field: &FieldPath) -> Option<Expression> {
    let only_indexes = field
        .inside()
        .iter()
        .all(|part| matches!(part, PathPart::Index(_)));
    only_indexes.then(|| exists(field))
}
