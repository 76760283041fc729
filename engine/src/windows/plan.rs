//! What a correlation asks of a window, ready to be asked.
//!
//! The rule's condition is turned into one of a few tests over what a window holds. *Monotone* tests are those
//! that one more event can only make true: they need not be asked at all where all events that a group has
//! together would not do.

use std::sync::Arc;
use std::time::Duration;

use borzoi_rules::correlation::{
    Bound, BoundOperator, CorrelationCondition, CorrelationKind, CorrelationRule, Metric, Options, Risk,
    RuleCondition, Statistic, StatisticKind, WindowMode,
};
use borzoi_rules::ir::Comparison;
use xxhash_rust::xxh3::xxh3_64;

use super::Settings;
use super::log::Entry;

/// Most ways in which a condition over rules in order may hold; a rule with more does not run.
const MOST_CHAINS: usize = 64;

/// Most rules of which is counted how many came in order: each event costs the cube of it.
const MOST_COUNTED: usize = 32;

/// What a statistic finds is about the events around it, however long it remembers: in microseconds.
const STATISTIC_STRETCH: i64 = 600_000_000;

/// Most rules of one correlation that run, but for a risk.
pub const MOST_SLOTS: usize = 1024;

/// The value of an entry that stands for an event where others beside it stand for its values. No value has this hash.
pub const EVENT: u64 = 0;

/// What is measured of the events of a window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Measured {
    /// How many there are.
    Events,
    /// How many there are, and beside it how many distinct values they have: of each event there is one entry whose value is
    /// [`EVENT`], and one for each of its values.
    EventsAndValues,
    /// How many distinct values they have.
    Distinct,
    /// The sum of their values.
    Sum,
    /// The mean of their values.
    Mean,
    /// This percentile of their values, between neighbours where it falls between them.
    Percentile(f64),
    /// Which rules they are of.
    Rules,
    /// Which rules they are of, in order.
    Order,
    /// What the newest of each rule weigh.
    Risk,
    /// Which of their values are new.
    New,
    /// What is unusual about them.
    Unusual(Taken),
}

/// What a statistic takes of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// That it was there.
    Event,
    /// The number in a field.
    Number,
    /// The hash of its values.
    Value,
    /// The entropy of a text.
    Entropy,
    /// A place: latitude and longitude.
    Place,
    /// A name, and how probable it is that a program made it.
    Name,
}

/// Which events of a correlation have to be looked at by one thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Together {
    /// Those of one key.
    Key,
    /// Those whose keys begin with the same values, so many.
    First(usize),
    /// All of them.
    All,
}

/// Rules that must have occurred in order, and rules that must not have occurred.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chain {
    /// Positions of rules, in the order of the correlation's `rules`.
    pub steps: Vec<u16>,
    /// Positions of rules that must be absent.
    pub absent: Vec<u16>,
}

/// What must hold of a window that holds at least one event.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// Bounds of the measured number.
    Bounds(Vec<Bound>),
    /// Bounds of how many events there are, and of how many distinct values they have.
    Both {
        /// Of the events.
        events: Vec<Bound>,
        /// Of the values.
        values: Vec<Bound>,
    },
    /// A condition over which rules occurred.
    Rules(RuleCondition),
    /// Any of these.
    Chains(Vec<Chain>),
    /// The sum of the scores, or so many tactics.
    Risk(Box<Risk>),
    /// A value has not been there for the length of the window, in a group known for so many microseconds.
    New {
        /// How long a group is only learned from.
        learning: i64,
    },
    /// It is unusual.
    Statistic(StatisticKind, Arc<Statistic>),
}

/// A correlation that reads what another one finds.
#[derive(Debug, Clone, PartialEq)]
pub struct Parent {
    /// Its number.
    pub plan: u32,
    /// The position of the other among its `rules`.
    pub slot: u16,
    /// Where its group values come from: positions among the values of the other's key and, behind them, those that the
    /// other [hands up](Plan::handed). `None`: one of them is not to be had, and nothing of the other takes part.
    pub group: Option<Vec<usize>>,
    /// As `group`, for the fields whose values are counted.
    pub fields: Option<Vec<usize>>,
    /// As `group`, for the values that it hands up itself.
    pub handed: Option<Vec<usize>>,
}

/// A correlation, ready to run. Never changes.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The id of the rule: part of the ids of its episodes.
    pub rule_id: Arc<str>,
    /// A hash of what the rule asks: of one that asks something else nothing is taken up.
    pub meaning: u64,
    /// How many rules it is about.
    pub slots: u16,
    /// How many values keep groups apart; where values are asked for that are new, those follow in the key.
    pub group_values: usize,
    /// Length of the window, or of the pause that ends a session, in microseconds; at least 1.
    pub span: i64,
    /// Which events lie in the window.
    pub window: WindowMode,
    /// How far below the highest time of its source an event of this rule may lie, in microseconds, where the rule says so.
    pub lateness: Option<i64>,
    /// What is measured.
    pub measured: Measured,
    /// What must hold.
    pub test: Test,
    /// Fields, beside those of the group, whose values the events of a stretch hand up to those that read it.
    pub handed: Vec<String>,
    /// Who reads what it finds.
    pub parents: Vec<Parent>,
    /// Plans whose findings it reads.
    pub children: Vec<u32>,
    /// Whether one more event can only make the test true.
    pub monotone: bool,
}

impl Plan {
    /// The plan of a rule; parents and children are the caller's to add.
    ///
    /// # Errors
    /// Why the rule cannot run.
    pub fn of(rule: &CorrelationRule) -> Result<Plan, String> {
        let slots = rule.rules.len();
        if slots > most_slots(rule.kind) {
            return Err(format!(
                "a correlation of more than {} rules does not run",
                most_slots(rule.kind)
            ));
        }
        let measured = match rule.kind {
            CorrelationKind::EventCount => match &rule.condition {
                CorrelationCondition::Bounds { distinct, .. } if !distinct.is_empty() => {
                    Measured::EventsAndValues
                }
                _ => Measured::Events,
            },
            CorrelationKind::ValueCount => Measured::Distinct,
            CorrelationKind::ValueSum => Measured::Sum,
            CorrelationKind::ValueAvg => Measured::Mean,
            CorrelationKind::ValuePercentile(percentile) => Measured::Percentile(percentile.unwrap_or(50.0)),
            CorrelationKind::ValueMedian => Measured::Percentile(50.0),
            CorrelationKind::Temporal => Measured::Rules,
            CorrelationKind::TemporalOrdered => Measured::Order,
            CorrelationKind::Risk => Measured::Risk,
            CorrelationKind::FirstSeen => Measured::New,
            CorrelationKind::Statistic(kind) => Measured::Unusual(taken(kind, &rule.condition)),
        };
        let ordered = measured == Measured::Order;
        if ordered && slots > MOST_COUNTED && matches!(rule.condition, CorrelationCondition::Bounds { .. }) {
            return Err(format!(
                "how many rules came in order is not counted for more than {MOST_COUNTED} rules"
            ));
        }
        let all: Vec<u16> = (0..slots as u16).collect();
        let test = match &rule.condition {
            CorrelationCondition::Bounds { bounds, distinct, .. }
                if measured == Measured::EventsAndValues =>
            {
                Test::Both {
                    events: bounds.clone(),
                    values: distinct.clone(),
                }
            }
            CorrelationCondition::Bounds { bounds, .. } => Test::Bounds(bounds.clone()),
            CorrelationCondition::AllRules if ordered => Test::Chains(vec![Chain {
                steps: all,
                absent: Vec::new(),
            }]),
            CorrelationCondition::AllRules => {
                Test::Rules(RuleCondition::All((0..slots).map(RuleCondition::Rule).collect()))
            }
            CorrelationCondition::Rules(condition) if ordered => Test::Chains(chains(condition)?),
            CorrelationCondition::Rules(condition) => Test::Rules(condition.clone()),
            CorrelationCondition::Risk(risk) => Test::Risk(Box::new(risk.clone())),
            CorrelationCondition::New { learning, .. } => Test::New {
                learning: micros(*learning),
            },
            CorrelationCondition::Statistic(statistic) => match rule.kind {
                CorrelationKind::Statistic(kind) => Test::Statistic(kind, Arc::new(statistic.clone())),
                _ => return Err("its condition is of another type".to_owned()),
            },
        };
        let span = micros(rule.timespan).max(1);
        let mut plan = Plan {
            rule_id: rule.meta.id.clone(),
            meaning: meaning_of(rule),
            slots: slots as u16,
            group_values: rule.group_by.len(),
            span,
            window: rule.options.window,
            lateness: rule.options.lateness.map(micros),
            measured,
            test,
            handed: Vec::new(),
            parents: Vec::new(),
            children: Vec::new(),
            monotone: false,
        };
        plan.monotone = plan.is_monotone();
        Ok(plan)
    }

    /// How long it waits for late events, where that is another time than all others do.
    pub(super) fn waits(&self, settings: &Settings) -> Option<i64> {
        self.lateness.filter(|_| settings.own_lateness)
    }

    fn is_monotone(&self) -> bool {
        // A late event may make one session of two, and so begin what lasts already.
        if self.window == WindowMode::Session {
            return false;
        }
        match &self.test {
            Test::Bounds(bounds) => {
                let grows = matches!(
                    self.measured,
                    Measured::Events | Measured::Distinct | Measured::Rules | Measured::Order
                );
                grows && bounds.iter().all(is_lower_bound)
            }
            Test::Both { events, values } => events.iter().chain(values).all(is_lower_bound),
            Test::Rules(condition) => !names_absence(condition),
            Test::Chains(chains) => chains.iter().all(|chain| chain.absent.is_empty()),
            Test::Risk(_) => true,
            // One that comes late may say that it was there before.
            Test::New { .. } | Test::Statistic(..) => false,
        }
    }

    /// Whether a group that has met `entries` events of the rules `seen` (bits of positions below 32) could hold the
    /// test in any window. Only for monotone tests.
    pub(super) fn might_hold(&self, entries: usize, seen: u32) -> bool {
        if self.slots > 32 && !matches!(self.test, Test::Risk(_)) {
            return true;
        }
        let occurred = |slot: usize| seen & (1 << slot) != 0;
        match &self.test {
            Test::Risk(risk) => risk_might_hold(risk, entries, seen),
            Test::New { .. } | Test::Statistic(..) => true,
            Test::Bounds(bounds) => {
                let most = match self.measured {
                    Measured::Rules | Measured::Order => seen.count_ones() as usize,
                    _ => entries,
                };
                bounds.iter().all(|bound| bound.holds(most as f64))
            }
            // One entry at least is an event's own.
            Test::Both { events, values } => {
                let hold =
                    |bounds: &[Bound], most: usize| bounds.iter().all(|bound| bound.holds(most as f64));
                hold(events, entries) && hold(values, entries.saturating_sub(1))
            }
            Test::Rules(condition) => holds(condition, &occurred),
            Test::Chains(chains) => chains
                .iter()
                .any(|chain| chain.steps.iter().all(|&step| occurred(usize::from(step)))),
        }
    }

    /// Whether nothing is to be done for events within a stretch before it may end: they only confirm it, nobody is told of
    /// them, and [`might_hold`](Plan::might_hold) says exactly whether events make the test true.
    pub(super) fn only_lasts(&self) -> bool {
        let is_exact = matches!(self.measured, Measured::Events | Measured::Rules) && self.slots <= 32;
        self.monotone && is_exact && self.parents.is_empty()
    }

    /// Whether an event that several rules match counts for each of them: where it is asked which rules occurred. Events
    /// and values are counted once, whichever rules match.
    pub(crate) fn by_rule(&self) -> bool {
        matches!(self.measured, Measured::Rules | Measured::Order | Measured::Risk)
    }

    /// Whether an entry stands for an event, and not for one of its values beside it.
    pub(super) fn is_event(&self, entry: &Entry) -> bool {
        self.measured != Measured::EventsAndValues || entry.value == EVENT
    }

    /// When the oldest of the events in a window, which end with one of `last`, leaves it. In a session all leave together.
    pub(super) fn leaves(&self, oldest: i64, last: i64) -> i64 {
        match self.window {
            WindowMode::Sliding => oldest.saturating_add(self.span),
            WindowMode::Tumbling => end_of_last(oldest, self.span, self.span),
            WindowMode::Hopping { hop } => end_of_last(oldest, micros(hop), self.span),
            WindowMode::Session => last.saturating_add(self.span),
        }
    }

    /// The same for an event by itself.
    pub(super) fn leaves_alone(&self, time: i64) -> i64 {
        self.leaves(time, time)
    }

    /// Of each stretch of this length alerts show the first few events, if any.
    pub(crate) fn sample_span(&self) -> i64 {
        match (&self.test, self.window) {
            (Test::Statistic(kind, _), _) if !kind.is_series() && *kind != StatisticKind::RareValue => {
                self.span.min(STATISTIC_STRETCH)
            }
            // No such stretch may begin before the window of one of its times does.
            (_, WindowMode::Hopping { hop }) => {
                let hop = micros(hop).max(1);
                (self.span / hop).saturating_mul(hop).max(1)
            }
            _ => self.span,
        }
    }

    /// Whether the value of the fields is part of what keeps groups apart.
    pub(crate) fn tells_values_apart(&self) -> bool {
        match &self.test {
            Test::New { .. } => true,
            Test::Statistic(kind, _) => *kind == StatisticKind::RareValue,
            _ => false,
        }
    }

    /// Whose groups are kept together: what decides about one of them.
    pub(super) fn kept_together(&self) -> Together {
        match &self.test {
            // How long a group is known is asked with each of its values.
            Test::New { .. } => Together::First(self.group_values),
            Test::Statistic(kind, _) => match kind {
                StatisticKind::ImpossibleTravel | StatisticKind::GeneratedNames => Together::Key,
                // Each of the others asks how many groups there are: together they may alert so often a day. Some ask what
                // the other groups do, too.
                StatisticKind::Anomaly
                | StatisticKind::PeerAnomaly
                | StatisticKind::Beaconing
                | StatisticKind::Silence
                | StatisticKind::RareValue
                | StatisticKind::UnusualTime => Together::All,
            },
            _ => Together::Key,
        }
    }

    /// The highest time up to which can be worked off where everything below `watermark` is known.
    pub(super) fn limit_for(&self, watermark: i64) -> i64 {
        match watermark {
            i64::MAX => i64::MAX,
            _ => watermark.div_euclid(self.step()).saturating_mul(self.step()),
        }
    }

    /// Width of the steps in which time is worked off: findings are at most so much later than they could be.
    pub(super) fn step(&self) -> i64 {
        (self.span / 4).clamp(1, 60_000_000)
    }
}

/// Most rules of a correlation of this kind: what is kept of each group grows with them, but for risks.
fn most_slots(kind: CorrelationKind) -> usize {
    match kind {
        CorrelationKind::Risk => usize::from(u16::MAX),
        _ => MOST_SLOTS,
    }
}

fn meaning_of(rule: &CorrelationRule) -> u64 {
    // How long a rule waits does not change what it looks for.
    let options = Options {
        lateness: None,
        ..rule.options
    };
    let condition = match &rule.condition {
        CorrelationCondition::Statistic(statistic) => {
            CorrelationCondition::Statistic(what_is_learned(rule.kind, statistic))
        }
        other => other.clone(),
    };
    let asks = (
        &rule.kind,
        &rule.rules,
        &rule.group_by,
        &rule.timespan,
        &rule.aliases,
        &condition,
        &options,
    );
    xxh3_64(format!("{asks:?}").as_bytes())
}

/// A statistic without what only says how much of what it finds is told: to tune a rule is not to lose what it learned.
fn what_is_learned(kind: CorrelationKind, statistic: &Statistic) -> Statistic {
    Statistic {
        alerts_per_day: 0.0,
        at_most_peers: None,
        // Of travel it says which journeys are looked at.
        at_least: match kind {
            CorrelationKind::Statistic(StatisticKind::ImpossibleTravel) => statistic.at_least,
            _ => 0.0,
        },
        ..statistic.clone()
    }
}

pub(super) fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

/// When the last of the windows of length `span` that hold `time` is over, where one begins at each multiple of `hop`.
fn end_of_last(time: i64, hop: i64, span: i64) -> i64 {
    let begins = time.div_euclid(hop.max(1)).saturating_mul(hop.max(1));
    begins.saturating_add(span)
}

fn taken(kind: StatisticKind, condition: &CorrelationCondition) -> Taken {
    let metric = match condition {
        CorrelationCondition::Statistic(statistic) => statistic.metric,
        _ => Metric::Count,
    };
    match kind {
        StatisticKind::Anomaly | StatisticKind::PeerAnomaly => match metric {
            Metric::Count | Metric::Ratio => Taken::Event,
            Metric::Distinct => Taken::Value,
            Metric::Sum | Metric::Mean | Metric::Max => Taken::Number,
            Metric::Entropy => Taken::Entropy,
        },
        StatisticKind::Beaconing | StatisticKind::Silence | StatisticKind::UnusualTime => Taken::Event,
        // It is part of the key.
        StatisticKind::RareValue => Taken::Event,
        StatisticKind::ImpossibleTravel => Taken::Place,
        StatisticKind::GeneratedNames => Taken::Name,
    }
}

/// What these rules weigh if all their signals are new.
fn risk_might_hold(risk: &Risk, entries: usize, seen: u32) -> bool {
    let weights = &risk.weights;
    if weights.len() > 32 {
        let highest = weights.iter().map(|weight| weight.score).fold(0.0, f64::max);
        let tactics = weights.iter().map(|weight| weight.tactics.count_ones()).max();
        return risk_holds(
            risk,
            highest * entries as f64,
            tactics.unwrap_or(0).saturating_mul(entries as u32),
        );
    }
    let met = (0..weights.len()).filter(|slot| seen & (1 << slot) != 0);
    let (score, tactics) = met.fold((0.0, 0), |(score, tactics), slot| {
        (score + weights[slot].score, tactics | weights[slot].tactics)
    });
    risk_holds(risk, score, tactics.count_ones())
}

/// Whether a score and a number of different tactics are enough.
pub(super) fn risk_holds(risk: &Risk, score: f64, tactics: u32) -> bool {
    let by_score = !risk.bounds.is_empty() && risk.bounds.iter().all(|bound| bound.holds(score));
    by_score || risk.tactics.is_some_and(|enough| tactics >= enough)
}

/// Whether a condition over rules holds.
pub(super) fn holds(condition: &RuleCondition, occurred: &impl Fn(usize) -> bool) -> bool {
    match condition {
        RuleCondition::All(parts) => parts.iter().all(|part| holds(part, occurred)),
        RuleCondition::Any(parts) => parts.iter().any(|part| holds(part, occurred)),
        RuleCondition::Not(inner) => !holds(inner, occurred),
        RuleCondition::Rule(slot) => occurred(*slot),
    }
}

fn is_lower_bound(bound: &Bound) -> bool {
    use Comparison::{Greater, GreaterOrEqual};
    matches!(bound.operator, BoundOperator::Is(Greater | GreaterOrEqual))
}

fn names_absence(condition: &RuleCondition) -> bool {
    match condition {
        RuleCondition::All(parts) | RuleCondition::Any(parts) => parts.iter().any(names_absence),
        RuleCondition::Not(_) => true,
        RuleCondition::Rule(_) => false,
    }
}

/// The ways in which a condition holds: which rules in order, which not at all.
fn chains(condition: &RuleCondition) -> Result<Vec<Chain>, String> {
    let mut chains = ways(condition, false)?;
    for chain in &mut chains {
        chain.steps.sort_unstable();
        chain.steps.dedup();
        chain.absent.sort_unstable();
        chain.absent.dedup();
    }
    // A rule that must and must not occur never does.
    chains.retain(|chain| !chain.steps.iter().any(|step| chain.absent.contains(step)));
    Ok(chains)
}

fn ways(condition: &RuleCondition, negated: bool) -> Result<Vec<Chain>, String> {
    let (parts, all) = match (condition, negated) {
        (RuleCondition::Rule(slot), _) => {
            let mut chain = Chain::default();
            let slots = if negated {
                &mut chain.absent
            } else {
                &mut chain.steps
            };
            slots.push(*slot as u16);
            return Ok(vec![chain]);
        }
        (RuleCondition::Not(inner), _) => return ways(inner, !negated),
        (RuleCondition::All(parts), false) | (RuleCondition::Any(parts), true) => (parts, true),
        (RuleCondition::Any(parts), false) | (RuleCondition::All(parts), true) => (parts, false),
    };
    let mut found = if all { vec![Chain::default()] } else { Vec::new() };
    for part in parts {
        let more = ways(part, negated)?;
        if all {
            let pairs = found.iter().flat_map(|one| {
                more.iter().map(move |other| Chain {
                    steps: [&one.steps[..], &other.steps].concat(),
                    absent: [&one.absent[..], &other.absent].concat(),
                })
            });
            found = pairs.collect();
        } else {
            found.extend(more);
        }
        if found.len() > MOST_CHAINS {
            return Err(format!(
                "the condition can hold in more than {MOST_CHAINS} ways; write several correlations"
            ));
        }
    }
    Ok(found)
}
