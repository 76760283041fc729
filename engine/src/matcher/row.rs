//! One rule against one event, looked at closely: what holds, and because of which values.
//!
//! The batch matcher says *that* a rule matches; this says *why*, for alerts and explanations. It walks
//! the rule as it was written and compiles matchers as it goes, so it costs microseconds where the
//! batch matcher costs nanoseconds.

use std::cell::RefCell;

use borzoi_parsers::batch::EventBatch;
use borzoi_parsers::catalog::Column;
use borzoi_rules::ir::{Condition, DetectionRule, Expression, Matcher};
use hashbrown::HashMap;

use super::single::{Test, relates};
use super::values::{Found, every_text, values_of};
use crate::resolve::{FieldKey, Route};

/// Makes the test of a matcher; the error says why it cannot run.
pub(crate) type MakeTest<'a> = &'a dyn Fn(&Matcher) -> Result<Test, String>;

/// One event under the names of one route.
pub(crate) struct RowView<'a> {
    batch: &'a EventBatch,
    row: usize,
    route: &'a Route<'a>,
    make_test: MakeTest<'a>,
    values: RefCell<HashMap<FieldKey, Vec<Found>>>,
    texts: RefCell<Option<Vec<Found>>>,
}

/// What was found about one field or keyword.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// Whether the matcher holds.
    pub holds: bool,
    /// The column that the field resolves to; `None` for keywords.
    pub column: Option<Column>,
    /// All values of the field; for keywords those that match.
    pub values: Vec<Found>,
    /// Which of them match.
    pub matching: Vec<usize>,
    /// Why the matcher cannot run.
    pub problem: Option<String>,
}

impl<'a> RowView<'a> {
    pub(crate) fn new(
        batch: &'a EventBatch,
        row: usize,
        route: &'a Route<'a>,
        make_test: MakeTest<'a>,
    ) -> RowView<'a> {
        RowView {
            batch,
            row,
            route,
            make_test,
            values: RefCell::default(),
            texts: RefCell::default(),
        }
    }

    /// The values of a field that the rule calls `name`.
    fn values(&self, column: &Column) -> Vec<Found> {
        let key = FieldKey::of(column);
        let mut known = self.values.borrow_mut();
        known
            .entry(key)
            .or_insert_with_key(|key| values_of(self.batch, self.row, key))
            .clone()
    }

    /// What a matcher says of a field.
    pub(crate) fn field(&self, name: &str, matcher: &Matcher) -> Asked {
        let column = self.route.column(&self.batch.dataset, name);
        let values = self.values(&column);
        let mut problem = None;
        let matching: Vec<usize> = match matcher {
            Matcher::Null | Matcher::Exists(false) => {
                return Asked {
                    holds: values.is_empty(),
                    column: Some(column),
                    values,
                    matching: Vec::new(),
                    problem: None,
                };
            }
            Matcher::Exists(true) => (0..values.len()).collect(),
            Matcher::FieldRef {
                field,
                relation,
                cased,
            } => {
                let others = self.values(&self.route.column(&self.batch.dataset, field));
                let related = |value: &Found| {
                    let mut others = others.iter();
                    others.any(|other| relates(&value.text, *relation, &other.text, *cased))
                };
                positions(&values, related)
            }
            matcher => match (self.make_test)(matcher) {
                Ok(test) => positions(&values, |value| test.holds(&value.text)),
                Err(reason) => {
                    problem = Some(reason);
                    Vec::new()
                }
            },
        };
        Asked {
            holds: !matching.is_empty(),
            column: Some(column),
            values,
            matching,
            problem,
        }
    }

    /// What a matcher says of the texts of the event.
    pub(crate) fn keyword(&self, matcher: &Matcher) -> Asked {
        let mut texts = self.texts.borrow_mut();
        let texts = texts.get_or_insert_with(|| every_text(self.batch, self.row));
        let (values, problem): (Vec<Found>, _) = match (self.make_test)(matcher) {
            Ok(test) => {
                let found = texts.iter().filter(|found| test.holds(&found.text));
                (found.cloned().collect(), None)
            }
            Err(reason) => (Vec::new(), Some(reason)),
        };
        Asked {
            holds: !values.is_empty(),
            column: None,
            matching: (0..values.len()).collect(),
            values,
            problem,
        }
    }

    /// Whether an expression holds.
    pub(crate) fn expression(&self, expression: &Expression) -> bool {
        match expression {
            Expression::All(parts) => parts.iter().all(|part| self.expression(part)),
            Expression::Any(parts) => parts.iter().any(|part| self.expression(part)),
            Expression::Not(inner) => !self.expression(inner),
            Expression::Field { name, matcher } => self.field(name, matcher).holds,
            Expression::Keyword(matcher) => self.keyword(matcher).holds,
        }
    }

    /// Whether a condition holds.
    pub(crate) fn condition(&self, condition: &Condition, rule: &DetectionRule) -> bool {
        match condition {
            Condition::All(parts) => parts.iter().all(|part| self.condition(part, rule)),
            Condition::Any(parts) => parts.iter().any(|part| self.condition(part, rule)),
            Condition::Not(inner) => !self.condition(inner, rule),
            Condition::Search(index) => {
                let search = rule.searches.get(*index);
                search.is_some_and(|search| self.expression(&search.expression))
            }
        }
    }
}

fn positions(values: &[Found], holds: impl Fn(&Found) -> bool) -> Vec<usize> {
    (0..values.len()).filter(|&index| holds(&values[index])).collect()
}
