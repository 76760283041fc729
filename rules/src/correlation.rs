//! Rules over several events: counts, proximity, order.

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
    /// Alias → rule id → field of that rule's events.
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
    /// This percentile of a field (0–100).
    ValuePercentile(f64),
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
    /// How the number compares; [`None`] is "not equal".
    pub comparison: Option<Comparison>,
    /// What it is compared with.
    pub value: f64,
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
