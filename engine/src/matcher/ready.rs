//! A rule made ready for looking closely at single events of one dataset.
//!
//! Names are resolved, matchers compiled and put into words once; [`super::row::RowView`] then asks an
//! event. Made when a rule first matches in a dataset, so that rules that never match cost nothing.

use std::fmt;
use std::sync::Arc;

use borzoi_parsers::catalog::{Column, Dataset};
use borzoi_rules::ir::{DetectionRule, Expression, Matcher, Regex, Relation};

use super::regexes::CompiledRegex;
use super::single::Test;
use crate::resolve::{FieldKey, Route, routes};

/// Gives the compiled form of a regular expression; the error says why there is none.
pub(crate) type Compile<'a> = &'a dyn Fn(&Regex) -> Result<Arc<CompiledRegex>, String>;

/// A rule as it reaches into a dataset.
#[derive(Debug)]
pub(crate) struct ReadyRule {
    /// The ways in which it does ([`routes`]); none if it does not apply.
    pub ways: Vec<Way>,
}

/// A rule under the names of one route.
#[derive(Debug)]
pub(crate) struct Way {
    /// What an event must satisfy to belong to the log source.
    pub when: Ready,
    /// The rule's searches, in their order.
    pub searches: Vec<Ready>,
    /// The fields that are asked about.
    pub fields: Vec<Field>,
    /// How many questions there are.
    pub questions: usize,
}

/// A field of a dataset.
#[derive(Debug)]
pub(crate) struct Field {
    /// What makes a column that field.
    pub key: Arc<FieldKey>,
    /// Where the catalog puts it.
    pub column: Column,
}

/// An [`Expression`] made ready.
#[derive(Debug)]
pub(crate) enum Ready {
    /// All hold. Empty: true.
    All(Vec<Ready>),
    /// Any holds. Empty: false.
    Any(Vec<Ready>),
    /// Does not hold.
    Not(Box<Ready>),
    /// A question about a field or about all texts.
    Ask(Question),
}

/// What is asked of an event in one place of a rule. `Display` puts it as a person would.
#[derive(Debug)]
pub(crate) struct Question {
    /// Position among the questions of the [`Way`].
    pub number: usize,
    /// The field as the rule writes it; `None` for keywords.
    pub name: Option<Box<str>>,
    /// The matcher as a person would write it.
    pub matcher: Box<str>,
    /// What to do.
    pub asks: Asks,
}

/// What a [`Question`] is about; fields are positions in [`Way::fields`].
#[derive(Debug)]
pub(crate) enum Asks {
    /// Whether the field has no value.
    Absent(usize),
    /// Whether the field has a value.
    Present(usize),
    /// Whether a value of the field passes a test; or why the test cannot run.
    Value(usize, Result<Test, String>),
    /// Whether a value of the field relates to one of another field.
    Related {
        /// The field.
        field: usize,
        /// The other one.
        other: usize,
        /// How they relate.
        relation: Relation,
        /// Whether case counts.
        cased: bool,
    },
    /// Whether any text of the event passes a test; or why the test cannot run.
    AnyText(Result<Test, String>),
}

impl ReadyRule {
    /// `rule` for events of `dataset`.
    pub(crate) fn new(rule: &DetectionRule, dataset: &Dataset, compile: Compile<'_>) -> ReadyRule {
        let way = |route: Route<'_>| {
            let mut maker = Maker {
                dataset,
                compile,
                fields: Vec::new(),
                questions: 0,
                names: Vec::new(),
            };
            let native = Route {
                served: None,
                when: Expression::All(Vec::new()),
            };
            let when = maker.expression(&route.when, &native);
            maker.names.clear();
            let searches = rule.searches.iter();
            let searches = searches.map(|search| maker.expression(&search.expression, &route));
            Way {
                when,
                searches: searches.collect(),
                fields: maker.fields,
                questions: maker.questions,
            }
        };
        ReadyRule {
            ways: routes(&rule.log_source, dataset).into_iter().map(way).collect(),
        }
    }
}

struct Maker<'m> {
    dataset: &'m Dataset,
    compile: Compile<'m>,
    fields: Vec<Field>,
    questions: usize,
    /// Names met so far under the current route, and their fields.
    names: Vec<(&'m str, usize)>,
}

impl<'m> Maker<'m> {
    fn expression(&mut self, expression: &'m Expression, route: &Route<'_>) -> Ready {
        match expression {
            Expression::All(parts) => Ready::All(self.expressions(parts, route)),
            Expression::Any(parts) => Ready::Any(self.expressions(parts, route)),
            Expression::Not(inner) => Ready::Not(Box::new(self.expression(inner, route))),
            Expression::Field { name, matcher } => {
                let field = self.field(name, route);
                let asks = match matcher {
                    Matcher::Null | Matcher::Exists(false) => Asks::Absent(field),
                    Matcher::Exists(true) => Asks::Present(field),
                    Matcher::FieldRef {
                        field: other,
                        relation,
                        cased,
                    } => Asks::Related {
                        field,
                        other: self.field(other, route),
                        relation: *relation,
                        cased: *cased,
                    },
                    matcher => Asks::Value(field, Test::of(matcher, self.compile)),
                };
                self.question(Some(name.as_str().into()), matcher, asks)
            }
            Expression::Keyword(matcher) => {
                self.question(None, matcher, Asks::AnyText(Test::of(matcher, self.compile)))
            }
        }
    }

    fn expressions(&mut self, parts: &'m [Expression], route: &Route<'_>) -> Vec<Ready> {
        parts.iter().map(|part| self.expression(part, route)).collect()
    }

    fn question(&mut self, name: Option<Box<str>>, matcher: &Matcher, asks: Asks) -> Ready {
        self.questions += 1;
        Ready::Ask(Question {
            number: self.questions - 1,
            name,
            matcher: matcher.to_string().into(),
            asks,
        })
    }

    fn field(&mut self, name: &'m str, route: &Route<'_>) -> usize {
        if let Some(&(_, field)) = self.names.iter().find(|(known, _)| *known == name) {
            return field;
        }
        let column = route.column(self.dataset, name);
        let key = Arc::new(FieldKey::of(&column));
        self.names.push((name, self.fields.len()));
        self.fields.push(Field { key, column });
        self.fields.len() - 1
    }
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name.as_deref().unwrap_or("any text");
        write!(f, "{name} {}", self.matcher)
    }
}
