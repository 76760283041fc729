//! The checked form of a query.

use std::time::Duration;

use super::function::Function;
use super::path::{FieldPath, PathPart};
use super::regex::Regexes;
use super::text::Wildcards;
use super::value::Value;
use crate::ir::Cidr;

/// A whole query.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// Which events, or events in which order.
    pub body: Body,
    /// What is done with them, in order.
    pub pipes: Vec<Pipe>,
}

/// What a query asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// Single events.
    Event(EventQuery),
    /// Events one after another.
    Sequence(Sequence),
    /// Events in any order, one for each step.
    Join(Sequence),
    /// Events in any order and at any time, one for each step.
    Sample(Sequence),
}

/// `category where condition`.
#[derive(Debug, Clone, PartialEq)]
pub struct EventQuery {
    /// The category; `None` for `any`.
    pub category: Option<String>,
    /// What must hold.
    pub condition: Expr,
}

/// The steps of a sequence, join or sample.
#[derive(Debug, Clone, PartialEq)]
pub struct Sequence {
    /// The longest time from the first event to the last.
    pub maxspan: Option<Duration>,
    /// Its steps, in order. One with [`runs`](Step::runs) stands for as many events.
    pub steps: Vec<Step>,
    /// What drops a sequence that has begun.
    pub until: Option<Step>,
}

/// One step.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Which events.
    pub query: EventQuery,
    /// What must be equal in the events of all steps, position by position. The fields after the word
    /// `sequence` stand in front of the step's own. All steps, and `until`, have equally many.
    pub by: Vec<Expr>,
    /// `fork`: an event does not take the sequence that it continues away, others may continue it as well.
    pub fork: bool,
    /// `![…]`: there is no such event.
    pub missing: bool,
    /// `with runs=3`: as many such events in a row. 1 where nothing is written.
    pub runs: u32,
}

/// What is done with the events or sequences found.
#[derive(Debug, Clone, PartialEq)]
pub enum Pipe {
    /// The first so many.
    Head(u64),
    /// The last so many.
    Tail(u64),
    /// In the order of these.
    Sort(Vec<Expr>),
    /// The first for each combination of these.
    Unique(Vec<Expr>),
    /// The first for each combination of these, with `count` and `percent` added to it.
    UniqueCount(Vec<Expr>),
    /// How many for each combination of these; without any, how many in all.
    Count(Vec<Expr>),
    /// Those for which this holds.
    Filter(Expr),
}

/// How a query compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Settings {
    /// Whether case counts where the query does not say (`==`, `in`, `like`, functions without `~`). Not by
    /// default, as in the language's first implementation; in Elasticsearch it does.
    pub cased: bool,
}

/// Whether case counts in one comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Case {
    /// As [`Settings::cased`] says.
    Setting,
    /// It does not: `:`, `like~`, `startsWith~`.
    Folded,
    /// It does: the last argument of `between`.
    Cased,
}

impl Case {
    /// Whether case counts.
    pub fn counts(self, settings: &Settings) -> bool {
        match self {
            Case::Setting => settings.cased,
            Case::Folded => false,
            Case::Cased => true,
        }
    }
}

/// An expression.
#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    /// A value of the query's text.
    Literal(Value<'static>),
    /// A field of the event.
    Field(FieldPath),
    /// A field of several names where a condition stands: true if the field is, or, as in `subtype.create`,
    /// if the names but the last are a field that holds the last as its text.
    Flag {
        /// The field.
        field: FieldPath,
        /// The field without its last name.
        parent: FieldPath,
        /// The last name.
        word: String,
    },
    /// `events[2].pid` in a pipe: a field of one of the events found.
    EventField {
        /// Which event, from 0.
        event: usize,
        /// The field.
        field: FieldPath,
    },
    /// An element that an enclosing [`Expr::Elements`] or [`Expr::AnyField`] looks at.
    Variable {
        /// How many of those stand between.
        outward: usize,
        /// What is taken of the element.
        path: Vec<PathPart>,
    },
    /// Does not hold; null stays null.
    Not(Box<Expr>),
    /// True where the other is, else false: never null. What KQL negates is this.
    IsTrue(Box<Expr>),
    /// All hold.
    All(Vec<Expr>),
    /// Any holds.
    Any(Vec<Expr>),
    /// A comparison. Null if either side is.
    Compare {
        /// Left side.
        left: Box<Expr>,
        /// How.
        operator: Operator,
        /// Right side.
        right: Box<Expr>,
        /// One side can only be a number: what is none does not compare.
        numeric: bool,
        /// Whether case counts.
        case: Case,
    },
    /// Is null. Never null itself.
    IsNull(Box<Expr>),
    /// Equals any of these.
    In {
        /// What is looked for.
        value: Box<Expr>,
        /// Where.
        list: Vec<Expr>,
        /// Whether case counts.
        case: Case,
    },
    /// Matches any of these wildcard patterns as a whole.
    Like {
        /// What is looked at.
        value: Box<Expr>,
        /// The patterns.
        patterns: Vec<Wildcards>,
        /// Whether case counts.
        case: Case,
    },
    /// Matches any of these regular expressions.
    Regex {
        /// What is looked at.
        value: Box<Expr>,
        /// The expressions.
        patterns: Regexes,
        /// Whether case counts.
        case: Case,
    },
    /// Is an address in any of these networks.
    Cidr {
        /// What is looked at.
        value: Box<Expr>,
        /// The networks.
        networks: Vec<Cidr>,
    },
    /// A sum or a product, from left to right.
    Arithmetic {
        /// First operand.
        first: Box<Expr>,
        /// Operators and operands.
        rest: Vec<(Arithmetic, Expr)>,
    },
    /// A function.
    Call {
        /// Which.
        function: Function,
        /// Its arguments.
        arguments: Vec<Expr>,
        /// Whether case counts.
        case: Case,
    },
    /// A test of the elements of a list.
    Elements {
        /// What is asked.
        test: ElementTest,
        /// The list.
        list: Box<Expr>,
        /// What must hold of an element, which is [`Expr::Variable`] 0 in it.
        body: Box<Expr>,
    },
    /// Any field of the event (KQL: of a name that matches) for which this holds.
    AnyField {
        /// The names; `None` for every field.
        names: Option<Wildcards>,
        /// What must hold of the value, which is [`Expr::Variable`] 0 in it.
        body: Box<Expr>,
    },
    /// The event's process relates so to another event: `descendant of […]`.
    Related(Box<Subquery>),
}

/// What is asked of the elements of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ElementTest {
    /// `arraySearch`: any holds. False if there is no list.
    Search,
    /// `arrayCount`: how many hold.
    Count,
    /// KQL's `field: { … }`: any holds; an object alone counts as a list of one.
    Nested,
}

/// How two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// `==`
    Equal,
    /// `!=`: exactly where `==` is false.
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

/// `+`, `-`, `*`, `/`, `%`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arithmetic {
    /// Sum.
    Add,
    /// Difference.
    Subtract,
    /// Product.
    Multiply,
    /// Quotient; of whole numbers, rounded down.
    Divide,
    /// Remainder, with the sign of the divisor.
    Modulo,
}

/// How a process relates to those of the subquery's events.
///
/// The language's first implementation follows processes by `unique_pid` and `unique_ppid` in the order of
/// the events. An event of the subquery, of any category and at any time of the process, makes its process a
/// *source*. What is known of a process is forgotten with the next process event after that of its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Relation {
    /// The event belongs to a process that started while its parent was a source or a descendant of one.
    DescendantOf,
    /// The event belongs to a process that started while its parent was a source.
    ChildOf,
    /// The event belongs to a source.
    EventOf,
}

/// `descendant of [process where …]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Subquery {
    /// Its number within the query, from 0; those inside it have lower numbers.
    pub id: usize,
    /// How the event's process relates to its events.
    pub relation: Relation,
    /// Which events.
    pub query: EventQuery,
}

impl Query {
    /// Every subquery, the innermost first: at position `n` stands the one with the number `n`.
    pub fn subqueries(&self) -> Vec<&Subquery> {
        let conditions: Vec<&Expr> = match &self.body {
            Body::Event(query) => vec![&query.condition],
            Body::Sequence(sequence) | Body::Join(sequence) | Body::Sample(sequence) => sequence
                .steps
                .iter()
                .chain(&sequence.until)
                .flat_map(|step| std::iter::once(&step.query.condition).chain(&step.by))
                .collect(),
        };
        let mut found: Vec<&Subquery> = conditions.into_iter().flat_map(Expr::subqueries).collect();
        found.sort_by_key(|subquery| subquery.id);
        found
    }
}

impl Expr {
    /// The expressions directly inside this one; not those of a subquery.
    pub fn children(&self) -> Vec<&Expr> {
        match self {
            Expr::Literal(_)
            | Expr::Field(_)
            | Expr::Flag { .. }
            | Expr::EventField { .. }
            | Expr::Variable { .. }
            | Expr::Related(_) => Vec::new(),
            Expr::Not(inner) | Expr::IsTrue(inner) | Expr::IsNull(inner) => vec![inner],
            Expr::All(parts) | Expr::Any(parts) => parts.iter().collect(),
            Expr::Compare { left, right, .. } => vec![left, right],
            Expr::In { value, list, .. } => std::iter::once(&**value).chain(list).collect(),
            Expr::Like { value, .. } | Expr::Regex { value, .. } | Expr::Cidr { value, .. } => vec![value],
            Expr::Arithmetic { first, rest } => std::iter::once(&**first)
                .chain(rest.iter().map(|(_, operand)| operand))
                .collect(),
            Expr::Call { arguments, .. } => arguments.iter().collect(),
            Expr::Elements { list, body, .. } => vec![list, body],
            Expr::AnyField { body, .. } => vec![body],
        }
    }

    /// The fields that this asks of the event, each once. Those of subqueries are not among them.
    pub fn fields(&self) -> Vec<&FieldPath> {
        let mut found = Vec::new();
        let mut seen = std::collections::HashSet::new();
        self.visit(&mut |expr| {
            let fields = match expr {
                Expr::Field(field) | Expr::EventField { field, .. } => [Some(field), None],
                Expr::Flag { field, parent, .. } => [Some(field), Some(parent)],
                _ => [None, None],
            };
            for field in fields.into_iter().flatten() {
                if seen.insert(field) {
                    found.push(field);
                }
            }
        });
        found
    }

    /// Whether this asks more fields than [`Expr::fields`] names: those of some pattern, or all.
    pub fn asks_any_field(&self) -> bool {
        let mut asks = false;
        self.visit(&mut |expr| asks |= matches!(expr, Expr::AnyField { .. }));
        asks
    }

    /// The subqueries in this, also those in one another, each after those inside it.
    pub fn subqueries(&self) -> Vec<&Subquery> {
        let mut found = Vec::new();
        self.visit(&mut |expr| {
            if let Expr::Related(subquery) = expr {
                found.extend(subquery.query.condition.subqueries());
                found.push(subquery);
            }
        });
        found
    }

    fn visit<'e>(&'e self, see: &mut dyn FnMut(&'e Expr)) {
        see(self);
        for child in self.children() {
            child.visit(see);
        }
    }
}
