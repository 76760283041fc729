//! One rule against one event, looked at closely: what holds, and because of which values.
//!
//! The batch matcher says *that* a rule matches; this says *why*, for alerts and explanations. It walks
//! the rule as it was written, and answers each of its questions at most once.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::rc::Rc;

use borzoi_parsers::catalog::Column;
use borzoi_rules::ir::{Condition, Listed};

use super::event::EventTexts;
use super::ready::{Asks, Question, Ready, Way};
use super::single::{Test, relates};
use super::values::Found;

/// What a rule, under the names of one route, makes of one event.
pub(crate) struct RowView<'v, 'a> {
    event: &'v EventTexts<'a>,
    way: &'v Way,
    /// The values of the way's fields.
    values: Vec<OnceCell<Rc<[Found<'a>]>>>,
    texts: OnceCell<Rc<[Found<'a>]>>,
    /// Which values satisfy a question.
    matching: Vec<OnceCell<Vec<usize>>>,
}

impl<'v, 'a> RowView<'v, 'a> {
    /// The event at which `event` stands.
    pub(crate) fn new(event: &'v EventTexts<'a>, way: &'v Way) -> RowView<'v, 'a> {
        RowView {
            event,
            way,
            values: vec![OnceCell::new(); way.fields.len()],
            texts: OnceCell::new(),
            matching: vec![OnceCell::new(); way.questions],
        }
    }

    /// The column of the field that a question is about; `None` for keywords.
    pub(crate) fn column(&self, question: &Question) -> Option<&'v Column> {
        match question.asks {
            Asks::Absent(field)
            | Asks::Present(field)
            | Asks::Value(field, _)
            | Asks::Related { field, .. } => Some(&self.way.fields[field].column),
            Asks::AnyText(_) => None,
        }
    }

    /// The values that a question is about: those of its field, or every text of the event.
    pub(crate) fn values(&self, question: &Question) -> &[Found<'a>] {
        match question.asks {
            Asks::Absent(field)
            | Asks::Present(field)
            | Asks::Value(field, _)
            | Asks::Related { field, .. } => self.values_of(field),
            Asks::AnyText(_) => self.texts.get_or_init(|| self.event.every()),
        }
    }

    fn values_of(&self, field: usize) -> &[Found<'a>] {
        self.values[field].get_or_init(|| self.event.values(&self.way.fields[field].key))
    }

    /// Positions of the values that satisfy a question. None where it asks for absence.
    pub(crate) fn matching(&self, question: &Question) -> &[usize] {
        self.matching[question.number].get_or_init(|| {
            let values = self.values(question);
            match &question.asks {
                Asks::Absent(_) | Asks::Value(_, Err(_)) | Asks::AnyText(Err(_)) => Vec::new(),
                Asks::Present(_) => (0..values.len()).collect(),
                Asks::Value(_, Ok(test)) | Asks::AnyText(Ok(test)) => {
                    let time = self.event.time();
                    positions(values, |value| test.holds_for(value, time))
                }
                Asks::Related {
                    other,
                    relation,
                    cased,
                    ..
                } => {
                    let others = self.values_of(*other);
                    positions(values, |value| {
                        others.iter().any(|other| match cased {
                            true => relates(&value.text, *relation, &other.text, true),
                            false => relates(value.folded(), *relation, other.folded(), true),
                        })
                    })
                }
            }
        })
    }

    /// What was asked of a value that satisfies a question, in words: of one in a list, what the list says.
    pub(crate) fn said_of<'q>(&self, question: &'q Question, value: &Found<'_>) -> Cow<'q, str> {
        match &question.asks {
            Asks::Value(_, Ok(Test::Listed(Listed { lists, list, sort }))) => {
                Cow::Owned(lists.describe(*list, *sort, &value.text, self.event.time()))
            }
            _ => Cow::Borrowed(&question.matcher),
        }
    }

    /// Whether the answer to a question is yes.
    pub(crate) fn holds(&self, question: &Question) -> bool {
        match question.asks {
            Asks::Absent(field) => self.values_of(field).is_empty(),
            _ => !self.matching(question).is_empty(),
        }
    }

    /// Whether an expression holds.
    pub(crate) fn expression(&self, expression: &Ready) -> bool {
        match expression {
            Ready::All(parts) => parts.iter().all(|part| self.expression(part)),
            Ready::Any(parts) => parts.iter().any(|part| self.expression(part)),
            Ready::Not(inner) => !self.expression(inner),
            Ready::Ask(question) => self.holds(question),
        }
    }

    /// The search at this position of the rule.
    pub(crate) fn search(&self, index: usize) -> Option<&'v Ready> {
        self.way.searches.get(index)
    }

    /// Whether a condition of the rule holds.
    pub(crate) fn condition(&self, condition: &Condition) -> bool {
        match condition {
            Condition::All(parts) => parts.iter().all(|part| self.condition(part)),
            Condition::Any(parts) => parts.iter().any(|part| self.condition(part)),
            Condition::Not(inner) => !self.condition(inner),
            Condition::Search(index) => self.search(*index).is_some_and(|search| self.expression(search)),
        }
    }
}

fn positions<'a>(values: &[Found<'a>], holds: impl Fn(&Found<'a>) -> bool) -> Vec<usize> {
    (0..values.len()).filter(|&index| holds(&values[index])).collect()
}
