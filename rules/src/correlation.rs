//! Rules over several events: counts, proximity, order.
//!
//! A correlation refers to other rules, detections or correlations, in any file. Here it is read and
//! checked and its references are resolved; running it is the engine's work.

mod bounds;
mod draft;
mod options;
mod own;
mod statistic;

pub(crate) use draft::{Draft, parse_timespan, read, references};
pub use statistic::{Direction, Metric, Statistic, StatisticKind};

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::ir::{Comparison, Level, Meta};

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
    /// What the specification does not have.
    pub options: Options,
}

/// What a correlation says under `borzoi`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    /// Which events are looked at together.
    pub window: WindowMode,
    /// For how long after the start of what was found no more is told of the same group.
    pub suppress: Option<Duration>,
    /// How far an event may lie below the newest one of its source and still count, in place of what the whole scan allows.
    pub lateness: Option<Duration>,
}

/// Which events a condition looks at, at a point in time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum WindowMode {
    /// Those of the last `timespan`.
    #[default]
    Sliding,
    /// Those since the last whole multiple of `timespan`, counted from 1970 in UTC.
    Tumbling,
    /// Windows of `timespan` begin at each whole multiple of `hop`, counted from 1970 in UTC: those since the beginning of the
    /// oldest that is not over.
    Hopping {
        /// From the beginning of one window to that of the next: at most `timespan`.
        hop: Duration,
    },
    /// Those that go back without a pause of `timespan` or more.
    Session,
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
    /// Values that a group has not had within the time. Not of the specification.
    FirstSeen,
    /// What the signals about a group weigh together. Not of the specification.
    Risk,
    /// What is unusual by what was learned. Not of the specification.
    Statistic(StatisticKind),
}

/// When a correlation holds.
#[derive(Debug, Clone, PartialEq)]
pub enum CorrelationCondition {
    /// Every bound holds for the count (or sum, or mean …).
    Bounds {
        /// The fields whose values are looked at; empty for temporal rules, and for counts of events without `distinct`.
        fields: Vec<String>,
        /// What must hold.
        bounds: Vec<Bound>,
        /// Of counts of events: what must hold beside of the number of different values of the fields. Empty: nothing is
        /// asked of values.
        distinct: Vec<Bound>,
    },
    /// The values of these fields together are new to the group.
    New {
        /// The fields.
        fields: Vec<String>,
        /// How long a group is only learned from, beginning with its first event.
        learning: Duration,
    },
    /// The signals weigh this much.
    Risk(Risk),
    /// It is as unusual as this.
    Statistic(Statistic),
    /// Temporal rules: all of the rules occurred.
    AllRules,
    /// Temporal rules: this holds of which rules occurred.
    Rules(RuleCondition),
}

/// When the signals about a group are too many, or too different.
///
/// Of each rule the newest signal counts: its score, halved with every half-life that has passed since. So a rule that
/// matches all day weighs no more than its score.
#[derive(Debug, Clone, PartialEq)]
pub struct Risk {
    /// What must hold of the sum of the scores. None: only tactics are counted.
    pub bounds: Vec<Bound>,
    /// So many different tactics of ATT&CK among the rules do too.
    pub tactics: Option<u32>,
    /// The time in which a score halves.
    pub half_life: Duration,
    /// What each rule weighs, in step with the rules of the correlation.
    pub weights: Vec<Weight>,
}

/// What a signal of a rule weighs.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Weight {
    /// Its score when it is new.
    pub score: f64,
    /// The rule's tactics: bits of positions in [`TACTICS`](crate::attack::TACTICS), of those with the same id the first.
    pub tactics: u32,
}

impl Weight {
    /// The weight of a rule that nobody gave another score.
    pub fn of(meta: &Meta) -> Weight {
        use crate::attack::{TACTICS, tactic};
        let place = |tag: &String| {
            let id = tactic(tag)?.id;
            TACTICS.iter().position(|known| known.id == id)
        };
        let tactics = meta.tags.iter().filter_map(place);
        Weight {
            score: score_of(meta.level),
            tactics: tactics.fold(0, |bits, place| bits | 1 << place),
        }
    }
}

/// What a signal of a rule of this level weighs where nobody says otherwise.
pub fn score_of(level: Level) -> f64 {
    match level {
        Level::Informational => 1.0,
        Level::Low => 10.0,
        Level::Medium => 30.0,
        Level::High => 60.0,
        Level::Critical => 100.0,
    }
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
