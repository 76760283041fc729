//! Rules over several events: counts, proximity, order.
//!
//! A correlation refers to other rules, detections or correlations, in any file. Here it is read and
//! checked and its references are resolved; running it is the engine's work.

mod draft;

pub(crate) use draft::{Draft, read, references};

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::ir::{Comparison, Meta};

/// A correlation rule, its references resolved.
#[derive(Debug, Clone, PartialEq)]
pub struct CorrelationRule {
    /// What it says of itself.
    pub meta: Meta,
    /// What is counted or awaited.
    pub kind: CorrelationKind,
    /// Ids of the rules that it is about, detections or other correlations, in the order of the rule.
    pub rules: Vec<Arc<str>>,
    /// Fields (or names of aliases) whose values keep events apart.
    pub group_by: Vec<String>,
    /// The time in which it must happen.
    pub timespan: Duration,
    /// Alias → id of one of `rules` → field of that rule's events.
    pub aliases: BTreeMap<String, BTreeMap<Arc<str>, String>>,
    /// What must hold.
    pub condition: CorrelationCondition,
    /// Whether the rules that it is about also alert on their own.
    pub generate: bool,
}

/// What a correlation looks at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum CorrelationKind {
    /// Number of events.
    EventCount,
    /// Number of distinct values of the fields.
    ValueCount,
    /// All rules within the time, in any order.
    Temporal,
    /// All rules within the time, in the order of `rules`.
    TemporalOrdered,
    /// Sum of a field.
    ValueSum,
    /// Mean of a field.
    ValueAvg,
    /// A percentile of a field: this one (0–100) if the condition has `percentile`. The specification's
    /// own example has none; what it then means is for the evaluator to say.
    ValuePercentile(Option<f64>),
    /// Median of a field.
    ValueMedian,
}

/// When a correlation holds.
#[derive(Debug, Clone, PartialEq)]
pub enum CorrelationCondition {
    /// Every bound holds for the count (or sum, or mean …).
    Bounds {
        /// The fields whose values are looked at; empty for counts of events and for temporal rules.
        fields: Vec<String>,
        /// What must hold.
        bounds: Vec<Bound>,
    },
    /// Temporal rules: all of the rules occurred.
    AllRules,
    /// Temporal rules: this holds of which rules occurred.
    Rules(RuleCondition),
}

/// One bound.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bound {
    /// How the number compares.
    pub operator: BoundOperator,
    /// What it is compared with.
    pub value: f64,
}

/// How a number compares with a bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BoundOperator {
    /// `eq`, `lt`, `lte`, `gt`, `gte`.
    Is(Comparison),
    /// `neq`.
    IsNot,
}

impl Bound {
    /// Whether `number` keeps to the bound.
    pub fn holds(&self, number: f64) -> bool {
        match self.operator {
            BoundOperator::Is(Comparison::Equal) => number == self.value,
            BoundOperator::Is(Comparison::Less) => number < self.value,
            BoundOperator::Is(Comparison::LessOrEqual) => number <= self.value,
            BoundOperator::Is(Comparison::Greater) => number > self.value,
            BoundOperator::Is(Comparison::GreaterOrEqual) => number >= self.value,
            BoundOperator::IsNot => number != self.value,
        }
    }
}

/// A condition over which rules occurred in the time.
#[derive(Debug, Clone, PartialEq)]
pub enum RuleCondition {
    /// All hold.
    All(Vec<RuleCondition>),
    /// Any holds.
    Any(Vec<RuleCondition>),
    /// Does not hold.
    Not(Box<RuleCondition>),
    /// The rule at this position of `rules` occurred.
    Rule(usize),
}
