//! Types of correlations that are statistics: what is usual is learned, not written down.

use std::time::Duration;

use super::CorrelationCondition;
use super::bounds::{number, operator};
use super::draft::texts;
use super::own::{duration, unknown};
use crate::problem::{Sink, nearest};
use crate::yaml::{Data, Node};

/// What a statistic looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatisticKind {
    /// A number of each interval, against the group's own past.
    Anomaly,
    /// A number of each interval, against those of all other groups.
    PeerAnomaly,
    /// Events that come back at a regular time, or nearly.
    Beaconing,
    /// Groups whose events stop.
    Silence,
    /// Values that are rare in the group, and in others.
    RareValue,
    /// Events at an hour of the week at which the group usually has none.
    UnusualTime,
    /// Two places too far apart for the time between them.
    ImpossibleTravel,
    /// Names that look made by a program.
    GeneratedNames,
}

/// `type` of each, as rules write it.
pub(super) const NAMES: [(&str, StatisticKind); 8] = [
    ("anomaly", StatisticKind::Anomaly),
    ("peer_anomaly", StatisticKind::PeerAnomaly),
    ("beaconing", StatisticKind::Beaconing),
    ("silence", StatisticKind::Silence),
    ("rare_value", StatisticKind::RareValue),
    ("unusual_time", StatisticKind::UnusualTime),
    ("impossible_travel", StatisticKind::ImpossibleTravel),
    ("generated_names", StatisticKind::GeneratedNames),
];

pub(super) fn named(word: &str) -> Option<StatisticKind> {
    let known = NAMES.iter().find(|(name, _)| *name == word);
    known.map(|(_, kind)| *kind)
}

impl StatisticKind {
    /// `type` of the rule, as it is written.
    pub fn name(self) -> &'static str {
        let known = NAMES.iter().find(|(_, kind)| *kind == self);
        known.map_or("", |(name, _)| name)
    }

    /// Whether it looks at one number of each interval.
    pub fn is_series(self) -> bool {
        matches!(self, StatisticKind::Anomaly | StatisticKind::PeerAnomaly)
    }

    fn keys(self) -> &'static [&'static str] {
        match self {
            StatisticKind::Anomaly | StatisticKind::PeerAnomaly => &[
                "metric",
                "field",
                "alerts-per-day",
                "learning",
                "direction",
                "at-least",
            ],
            StatisticKind::Beaconing => &["alerts-per-day", "at-least", "at-most-peers"],
            StatisticKind::Silence | StatisticKind::UnusualTime => &["alerts-per-day", "learning"],
            StatisticKind::RareValue => &["field", "alerts-per-day", "learning", "at-most-peers"],
            StatisticKind::ImpossibleTravel => &["field", "speed", "at-least"],
            StatisticKind::GeneratedNames => &["field", "at-least"],
        }
    }

    /// What [`Statistic::at_least`] is where nothing is said.
    fn least(self) -> f64 {
        match self {
            StatisticKind::Beaconing => 10.0,
            StatisticKind::ImpossibleTravel => 200.0,
            StatisticKind::GeneratedNames => 5.0,
            _ => 0.0,
        }
    }

    /// For how long is only learned where nothing is said.
    fn learning(self, timespan: Duration) -> Duration {
        const DAY: Duration = Duration::from_secs(86_400);
        match self {
            // A week shows what is usual on each of its days.
            StatisticKind::Anomaly => (DAY * 7).max(timespan.saturating_mul(30)),
            StatisticKind::PeerAnomaly => (DAY * 3).max(timespan.saturating_mul(10)),
            // A second week shows whether the first was like others.
            StatisticKind::UnusualTime | StatisticKind::Silence => DAY * 14,
            StatisticKind::RareValue => DAY * 7,
            _ => Duration::ZERO,
        }
    }
}

/// The number that is made of the events of an interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// How many there are.
    Count,
    /// How many distinct values they have.
    Distinct,
    /// The sum of their values.
    Sum,
    /// The mean of their values.
    Mean,
    /// The highest of their values.
    Max,
    /// The share of those of the first rule.
    Ratio,
    /// The mean entropy of their values, in bits per character.
    Entropy,
}

const METRICS: [(&str, Metric); 7] = [
    ("count", Metric::Count),
    ("distinct", Metric::Distinct),
    ("sum", Metric::Sum),
    ("mean", Metric::Mean),
    ("max", Metric::Max),
    ("ratio", Metric::Ratio),
    ("entropy", Metric::Entropy),
];

impl Metric {
    /// As rules write it.
    pub fn name(self) -> &'static str {
        let known = METRICS.iter().find(|(_, metric)| *metric == self);
        known.map_or("", |(name, _)| name)
    }

    /// Whether it is made of values of a field.
    pub fn has_field(self) -> bool {
        !matches!(self, Metric::Count | Metric::Ratio)
    }

    /// Whether an interval without events has one: nothing was counted.
    pub fn is_of_nothing(self) -> bool {
        matches!(self, Metric::Count | Metric::Distinct | Metric::Sum)
    }
}

/// Which side of what is expected is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// More than expected.
    Up,
    /// Less than expected.
    Down,
    /// Both.
    Both,
}

const DIRECTIONS: [(&str, Direction); 3] = [
    ("up", Direction::Up),
    ("down", Direction::Down),
    ("both", Direction::Both),
];

/// When a statistic is told.
#[derive(Debug, Clone, PartialEq)]
pub struct Statistic {
    /// The fields whose values are looked at.
    pub fields: Vec<String>,
    /// What is measured of each interval.
    pub metric: Metric,
    /// How many alerts of the rule a day are expected where there is nothing unusual, all groups of a tenant together.
    pub alerts_per_day: f64,
    /// How long a group is only learned from, beginning with its first event.
    pub learning: Duration,
    /// Which side is told.
    pub direction: Direction,
    /// Nothing below it is told: the measured number; call-backs; kilometres; names.
    pub at_least: f64,
    /// Nobody travels faster, in km/h.
    pub speed: f64,
    /// No more other groups may have the same: the rare value; of beacons the last value of `group-by`.
    pub at_most_peers: Option<u32>,
}

/// Reads the condition of a statistic: `{metric: sum, field: network.bytes, alerts-per-day: 0.5}`. It may be absent where
/// no field is needed.
pub(super) fn read(
    node: &Node<'_>,
    section: &Node<'_>,
    kind: StatisticKind,
    rules: usize,
    timespan: Option<Duration>,
    sink: &mut Sink<'_>,
) -> Option<CorrelationCondition> {
    let errors = sink.errors;
    let condition = node.get("condition");
    let entries = match condition.map(|condition| &condition.data) {
        None => &[][..],
        Some(Data::Map(entries)) => entries,
        Some(_) => {
            let condition = condition?;
            sink.error(
                condition.at,
                "attribute-type",
                format!(
                    "`condition` is {}, it must be a map such as `alerts-per-day: 1`",
                    condition.kind()
                ),
            );
            return None;
        }
    };
    let mut statistic = Statistic {
        fields: condition.map_or_else(Vec::new, |condition| texts(condition, "field", sink)),
        metric: Metric::Count,
        alerts_per_day: 1.0,
        learning: kind.learning(timespan.unwrap_or_default()),
        direction: Direction::Up,
        at_least: kind.least(),
        speed: 1000.0,
        at_most_peers: None,
    };
    for (key, value) in entries {
        let word = key.text().unwrap_or_default();
        if !kind.keys().contains(&word) {
            match operator(word) {
                Some(_) => sink.error(key.at, "correlation-condition", no_bound(kind, word)),
                None => unknown(key, word, kind.keys(), sink),
            }
            continue;
        }
        match word {
            "metric" => statistic.metric = one_of(value, word, &METRICS, sink).unwrap_or(Metric::Count),
            "direction" => {
                statistic.direction = one_of(value, word, &DIRECTIONS, sink).unwrap_or(Direction::Up);
            }
            "learning" => statistic.learning = duration(value, sink, true).unwrap_or_default(),
            "alerts-per-day" => {
                statistic.alerts_per_day = positive(value, word, 1e4, sink).unwrap_or(1.0);
            }
            "at-least" if number(value) == Some(0.0) => statistic.at_least = 0.0,
            "at-least" => statistic.at_least = positive(value, word, 1e18, sink).unwrap_or_default(),
            "at-most-peers" => match number(value) {
                Some(count) if (0.0..1e9).contains(&count) && count.fract() == 0.0 => {
                    statistic.at_most_peers = Some(count as u32);
                }
                _ => sink.error(
                    value.at,
                    "correlation-condition",
                    "`at-most-peers` is a whole number: how many other groups may have the same",
                ),
            },
            "speed" => statistic.speed = positive(value, word, 1e6, sink).unwrap_or_default(),
            _ => {}
        }
    }
    let place = |word: &str| condition.and_then(|condition| condition.entry(word));
    let at = condition.map_or(section.at, |condition| condition.at);
    let span_at = node.entry("timespan").map_or(at, |(_, value)| value.at);
    let needs = match kind {
        StatisticKind::Anomaly | StatisticKind::PeerAnomaly => statistic.metric.has_field(),
        StatisticKind::RareValue | StatisticKind::ImpossibleTravel | StatisticKind::GeneratedNames => true,
        _ => false,
    };
    let most = match kind {
        StatisticKind::RareValue => usize::MAX,
        StatisticKind::ImpossibleTravel => 2,
        _ if statistic.metric == Metric::Distinct => usize::MAX,
        _ => 1,
    };
    if sink.errors == errors {
        let problem = match (needs, statistic.fields.len()) {
            (true, 0) => Some("the condition needs `field`: whose values are looked at".to_owned()),
            (false, 1..) => Some(format!(
                "`field` has no meaning for `metric: {}`",
                statistic.metric.name()
            )),
            (_, fields) if fields > most => Some(format!("`field` names more than {most}")),
            _ => None,
        };
        if let Some(problem) = problem {
            let at = place("field").map_or(at, |(key, _)| key.at);
            sink.error(at, "correlation-condition", problem);
        }
        if statistic.metric == Metric::Ratio && rules < 2 {
            let at = place("metric").map_or(at, |(_, value)| value.at);
            sink.error(
                at,
                "correlation-condition",
                "`metric: ratio` needs two rules: the share of the first in all events is measured",
            );
        }
        if kind.is_series() && timespan.is_some_and(|span| span < Duration::from_secs(10)) {
            sink.error(
                span_at,
                "correlation-condition",
                "`timespan` is the interval of which a number is made, write 10s or more",
            );
        }
    }
    if sink.errors == errors
        && let Some(span) = timespan
        && let Some((key, doubt)) = doubt_about(kind, &statistic, span)
    {
        let at = place(key).map_or(span_at, |(_, value)| value.at);
        sink.warn(at, "statistic-span", doubt, None);
    }
    if kind == StatisticKind::PeerAnomaly && node.get("group-by").is_none() {
        let at = node.entry("type").map_or(section.at, |(_, value)| value.at);
        sink.warn(
            at,
            "statistic-group",
            "`peer_anomaly` measures groups against each other and there is no `group-by`: of one group nothing is ever told",
            None,
        );
    }
    (sink.errors == errors && timespan.is_some()).then_some(CorrelationCondition::Statistic(statistic))
}

/// Why a bound such as `gte` has no meaning, and what does.
fn no_bound(kind: StatisticKind, word: &str) -> String {
    let instead = ["alerts-per-day", "at-least"]
        .into_iter()
        .filter(|key| kind.keys().contains(key));
    let instead: Vec<String> = instead.map(|key| format!("`{key}`")).collect();
    let all: Vec<String> = kind.keys().iter().map(|key| format!("`{key}`")).collect();
    format!(
        "unknown condition `{word}`: what is usual is learned, `{}` has {} instead of bounds (there are {})",
        kind.name(),
        instead.join(" and "),
        all.join(", ")
    )
}

/// Spans and rates that are allowed and make no sense together, and the word of the rule that they are about.
fn doubt_about(kind: StatisticKind, statistic: &Statistic, span: Duration) -> Option<(&'static str, String)> {
    const DAY: Duration = Duration::from_secs(86_400);
    let (learning, asked) = (statistic.learning, statistic.alerts_per_day);
    let intervals = |time: Duration| time.as_secs_f64() / span.as_secs_f64().max(1e-6);
    let least = match kind {
        // Before, the detector says nothing.
        StatisticKind::Anomaly => 30,
        StatisticKind::PeerAnomaly => 5,
        _ => 0,
    };
    if intervals(learning) < f64::from(least) {
        return Some((
            "learning",
            format!("`learning` is less than {least} intervals of `timespan`: too few to know what is usual"),
        ));
    }
    if kind.is_series() && span > DAY {
        return Some((
            "timespan",
            "`timespan` is more than a day: hours and days of the week cannot be told apart".into(),
        ));
    }
    if kind.is_series() && asked > intervals(DAY) {
        return Some((
            "alerts-per-day",
            format!(
                "`alerts-per-day` is more than the {:.0} intervals that a group has in a day",
                intervals(DAY)
            ),
        ));
    }
    if matches!(kind, StatisticKind::UnusualTime | StatisticKind::Silence)
        && learning < 7 * DAY
        && !learning.is_zero()
    {
        return Some((
            "learning",
            "`learning` is less than a week: the first weekend is a surprise".into(),
        ));
    }
    if kind == StatisticKind::UnusualTime && span < 7 * DAY {
        return Some((
            "timespan",
            "`timespan` is less than a week: an hour of the week is forgotten before it comes again".into(),
        ));
    }
    if kind == StatisticKind::RareValue && learning >= span {
        return Some((
            "learning",
            "`learning` is not shorter than `timespan`: values are forgotten before something is told".into(),
        ));
    }
    None
}

fn one_of<T: Copy>(
    node: &Node<'_>,
    key: &str,
    known: &[(&'static str, T)],
    sink: &mut Sink<'_>,
) -> Option<T> {
    let word = node.text().unwrap_or_default();
    let found = known.iter().find(|(name, _)| *name == word);
    if found.is_none() {
        let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
        sink.error_near(
            node.at,
            "correlation-condition",
            format!("unknown {key} `{word}`: it is one of {}", names.join(", ")),
            nearest(word, names),
        );
    }
    found.map(|(_, value)| *value)
}

fn positive(node: &Node<'_>, key: &str, most: f64, sink: &mut Sink<'_>) -> Option<f64> {
    let value = number(node).filter(|value| *value > 0.0 && *value <= most);
    if value.is_none() {
        sink.error(
            node.at,
            "correlation-condition",
            format!("`{key}` is a number above 0 and at most {most}"),
        );
    }
    value
}
