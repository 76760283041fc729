//! Correlations by their definition: everything sorted, every point in time asked, every window looked at anew.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use borzoi_rules::correlation::{
    CorrelationCondition, CorrelationKind, CorrelationRule, Risk, RuleCondition, WindowMode,
};

/// One event of one of the correlation's rules, in a group.
#[derive(Debug, Clone, PartialEq)]
pub struct Signal {
    /// Event time in microseconds.
    pub time: i64,
    /// The event's id.
    pub id: u128,
    /// The position of the rule among those of the correlation.
    pub slot: usize,
    /// The group.
    pub group: String,
    /// What is counted or measured: a text, or the text of a number. Of counts of events beside which values are counted, one
    /// of its values, or empty: an event of several is there several times.
    pub value: String,
}

/// A stretch of time on which the condition holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Stretch {
    /// The group.
    pub group: String,
    /// From when on.
    pub start: i64,
    /// Until when, not included.
    pub end: i64,
    /// Time of the first event in a window of it.
    pub first: i64,
    /// Time of the last one.
    pub last: i64,
    /// How many there are.
    pub count: u64,
    /// How many of each rule.
    pub of_slot: Vec<u64>,
    /// What was measured at the start.
    pub value: f64,
    /// The most distinct values in a window, where they are asked for beside events.
    pub values: u64,
}

/// All stretches, by group and start.
pub fn stretches(rule: &CorrelationRule, signals: &[Signal]) -> Vec<Stretch> {
    let mut groups: BTreeMap<&str, Vec<&Signal>> = BTreeMap::new();
    let by_rule = matches!(
        rule.kind,
        CorrelationKind::Temporal | CorrelationKind::TemporalOrdered | CorrelationKind::Risk
    );
    if let CorrelationCondition::New { learning, .. } = &rule.condition {
        return new_values(rule, learning.as_micros() as i64, signals);
    }
    for signal in signals {
        let group = groups.entry(&signal.group).or_default();
        // Where events or values are counted, an event that several rules match is one, and said to be of the first.
        let same = group.iter_mut().find(|known| {
            let of_rule = !by_rule || known.slot == signal.slot;
            of_rule && (known.time, known.id, &known.value) == (signal.time, signal.id, &signal.value)
        });
        match same {
            Some(known) if signal.slot < known.slot => *known = signal,
            Some(_) => {}
            None => group.push(signal),
        }
    }
    let span = rule.timespan.as_micros() as i64;
    let mut found = Vec::new();
    for (group, events) in groups {
        let mut times: BTreeSet<i64> = BTreeSet::new();
        // Those at which something changes.
        for event in &events {
            let goes_on = |other: &&Signal| (event.time + 1..event.time + span).contains(&other.time);
            times.insert(event.time);
            times.extend(match rule.options.window {
                WindowMode::Sliding => Some(event.time + span),
                WindowMode::Tumbling => Some((event.time.div_euclid(span) + 1) * span),
                // The last of the windows that hold it.
                WindowMode::Hopping { hop } => windows_with(event.time, hop, span)
                    .last()
                    .map(|begins| begins + span),
                WindowMode::Session => (!events.iter().any(goes_on)).then_some(event.time + span),
            });
        }
        let mut sorted = events.clone();
        sorted.sort_by_key(|event| (event.time, event.id, event.slot));
        // The window that ends with a time.
        let window_of = |time: i64| -> Vec<&Signal> {
            let mut since = match rule.options.window {
                WindowMode::Sliding => time - span + 1,
                WindowMode::Tumbling => time.div_euclid(span) * span,
                // The oldest that is not over.
                WindowMode::Hopping { hop } => windows_with(time, hop, span)[0],
                WindowMode::Session => time - span + 1,
            };
            if rule.options.window == WindowMode::Session {
                for event in sorted.iter().rev().filter(|event| event.time <= time) {
                    if event.time >= since {
                        since = event.time - span + 1;
                    }
                }
            }
            let within = sorted.iter().filter(|event| (since..=time).contains(&event.time));
            within.copied().collect()
        };
        let values_of = |window: &[&Signal]| match &rule.condition {
            CorrelationCondition::Bounds { distinct, .. } if !distinct.is_empty() => distinct_values(window),
            _ => 0,
        };
        let mut open: Option<(i64, f64, u64)> = None;
        for &time in &times {
            let window = window_of(time);
            let holds = holds(rule, time, &window);
            match (open, holds) {
                // It begins with an event, not where one has left.
                (None, Some(value)) if events.iter().any(|event| event.time == time) => {
                    open = Some((time, value, values_of(&window)));
                }
                (Some((_, _, values)), Some(_)) => {
                    let most = values_of(&window).max(values);
                    open = open.map(|(start, value, _)| (start, value, most));
                }
                (Some((start, value, values)), None) => {
                    let mut all = window_of(start);
                    all.extend(
                        sorted
                            .iter()
                            .filter(|event| event.time > start && event.time < time),
                    );
                    found.push(Stretch {
                        group: group.to_owned(),
                        start,
                        end: time,
                        first: all[0].time,
                        last: all[all.len() - 1].time,
                        count: one_each(rule, &all).len() as u64,
                        of_slot: (0..rule.rules.len())
                            .map(|slot| {
                                let events = one_each(rule, &all);
                                events.iter().filter(|event| event.slot == slot).count() as u64
                            })
                            .collect(),
                        value,
                        values,
                    });
                    open = None;
                }
                _ => {}
            }
        }
        assert!(
            open.is_none(),
            "the last window is empty, and nothing holds of it"
        );
    }
    found
}

/// When the windows begin that hold a time, where one begins at each multiple of `hop` and is `span` long.
fn windows_with(time: i64, hop: Duration, span: i64) -> Vec<i64> {
    let hop = hop.as_micros() as i64;
    let all = (time - span).div_euclid(hop)..=time.div_euclid(hop);
    let begin = all.map(|number| number * hop);
    begin
        .filter(|begins| (*begins..begins + span).contains(&time))
        .collect()
}

/// Of each event one signal: where values are counted beside events, one of several values is there several times. It is said
/// to be of the first rule that matches it.
fn one_each<'s>(rule: &CorrelationRule, signals: &[&'s Signal]) -> Vec<&'s Signal> {
    if rule.kind != CorrelationKind::EventCount {
        return signals.to_vec();
    }
    let mut events: BTreeMap<(i64, u128), &Signal> = BTreeMap::new();
    for signal in signals {
        let event = events.entry((signal.time, signal.id)).or_insert(signal);
        if signal.slot < event.slot {
            *event = signal;
        }
    }
    events.into_values().collect()
}

fn distinct_values(window: &[&Signal]) -> u64 {
    let values: BTreeSet<&str> = window.iter().map(|signal| signal.value.as_str()).collect();
    values.iter().filter(|value| !value.is_empty()).count() as u64
}

/// Events whose value the group did not have in the span before, the group being known for long enough: since there was
/// something of it in every span.
fn new_values(rule: &CorrelationRule, learning: i64, signals: &[Signal]) -> Vec<Stretch> {
    let span = rule.timespan.as_micros() as i64;
    let mut sorted: Vec<&Signal> = signals.iter().collect();
    sorted.sort_by_key(|signal| (signal.time, signal.id, signal.slot));
    let mut found = Vec::new();
    for (place, signal) in sorted.iter().enumerate() {
        let of_group = |other: &&&Signal| other.group == signal.group;
        let before: Vec<&Signal> = sorted[..place].iter().filter(of_group).copied().collect();
        let recent = |since: i64, other: &&Signal| other.time > since - span;
        if before
            .iter()
            .any(|other| other.value == signal.value && recent(signal.time, other))
        {
            continue;
        }
        let mut known_since = signal.time;
        for other in before.iter().rev() {
            if recent(known_since, other) {
                known_since = other.time;
            }
        }
        if signal.time - known_since >= learning {
            let slots = 0..rule.rules.len();
            found.push(Stretch {
                group: format!("{}{}", signal.group, signal.value),
                start: signal.time,
                end: signal.time + 1,
                first: signal.time,
                last: signal.time,
                count: 1,
                of_slot: slots.map(|slot| u64::from(slot == signal.slot)).collect(),
                value: 1.0,
                values: 0,
            });
        }
    }
    found.sort_by(|one, other| (&one.group, one.start).cmp(&(&other.group, other.start)));
    found
}

/// What the newest events of the rules weigh at `time`, if that or their tactics are enough.
fn risk(risk: &Risk, time: i64, window: &[&Signal]) -> Option<f64> {
    let (mut score, mut tactics) = (0.0, BTreeSet::new());
    for (slot, weight) in risk.weights.iter().enumerate() {
        let times = window.iter().filter(|event| event.slot == slot);
        if let Some(newest) = times.map(|event| event.time).max() {
            let half_lives = (time - newest) as f64 / risk.half_life.as_micros() as f64;
            score += weight.score * (-half_lives).exp2();
            tactics.extend((0..32).filter(|bit| weight.tactics & (1 << bit) != 0));
        }
    }
    let by_score = !risk.bounds.is_empty() && risk.bounds.iter().all(|bound| bound.holds(score));
    let by_tactics = risk
        .tactics
        .is_some_and(|enough| tactics.len() >= enough as usize);
    (by_score || by_tactics).then_some(score)
}

/// What is measured of a window, if the condition holds of it.
fn holds(rule: &CorrelationRule, time: i64, window: &[&Signal]) -> Option<f64> {
    if window.is_empty() {
        return None;
    }
    if let CorrelationCondition::Risk(asked) = &rule.condition {
        return risk(asked, time, window);
    }
    let slots = rule.rules.len();
    let occurred = |slot: usize| window.iter().any(|event| event.slot == slot);
    let numbers = || -> Vec<f64> {
        let values = window.iter().map(|event| event.value.parse().expect("a number"));
        values.collect()
    };
    let number = match rule.kind {
        CorrelationKind::EventCount => one_each(rule, window).len() as f64,
        CorrelationKind::ValueCount => {
            let values: BTreeSet<&str> = window.iter().map(|event| event.value.as_str()).collect();
            values.len() as f64
        }
        CorrelationKind::ValueSum => exact_sum(&numbers()),
        CorrelationKind::ValueAvg => exact_sum(&numbers()) / window.len() as f64,
        CorrelationKind::ValuePercentile(percentile) => percentile_of(numbers(), percentile.unwrap_or(50.0)),
        CorrelationKind::ValueMedian => percentile_of(numbers(), 50.0),
        CorrelationKind::TemporalOrdered if matches!(rule.condition, CorrelationCondition::Bounds { .. }) => {
            // The most of the rules that came in their order.
            let chosen =
                |mask: u32| -> Vec<usize> { (0..slots).filter(|slot| mask & (1 << slot) != 0).collect() };
            let masks = (0..1_u32 << slots).filter(|mask| in_order(window, &chosen(*mask)));
            f64::from(masks.map(u32::count_ones).max().unwrap_or(0))
        }
        CorrelationKind::Risk | CorrelationKind::FirstSeen | CorrelationKind::Statistic(_) => {
            unreachable!("asked above, or of no window")
        }
        CorrelationKind::Temporal | CorrelationKind::TemporalOrdered => {
            (0..slots).filter(|slot| occurred(*slot)).count() as f64
        }
    };
    let ordered = rule.kind == CorrelationKind::TemporalOrdered;
    let all: Vec<usize> = (0..slots).collect();
    let holds = match &rule.condition {
        CorrelationCondition::Bounds { bounds, distinct, .. } => {
            let values = distinct_values(window) as f64;
            let beside = distinct.iter().all(|bound| bound.holds(values));
            beside && bounds.iter().all(|bound| bound.holds(number))
        }
        CorrelationCondition::AllRules if ordered => in_order(window, &all),
        CorrelationCondition::AllRules => all.iter().all(|slot| occurred(*slot)),
        CorrelationCondition::Rules(condition) if ordered => {
            // Some choice of rules that occur in order makes the condition true, with every other one that did occur
            // not harming it: the rules that must be absent are absent.
            (0..1_u32 << slots).any(|mask| {
                let chosen: Vec<usize> = (0..slots).filter(|slot| mask & (1 << slot) != 0).collect();
                in_order(window, &chosen) && enough(condition, &chosen, &occurred, false)
            })
        }
        CorrelationCondition::Rules(condition) => truth(condition, &occurred),
        CorrelationCondition::New { .. }
        | CorrelationCondition::Risk(_)
        | CorrelationCondition::Statistic(_) => unreachable!("asked above, or of no window"),
    };
    holds.then_some(number)
}

/// Whether a condition holds where named rules count as met if chosen, and as absent if they did not occur.
fn enough(
    condition: &RuleCondition,
    chosen: &[usize],
    occurred: &dyn Fn(usize) -> bool,
    negated: bool,
) -> bool {
    match condition {
        RuleCondition::All(parts) if !negated => {
            parts.iter().all(|part| enough(part, chosen, occurred, negated))
        }
        RuleCondition::All(parts) => parts.iter().any(|part| enough(part, chosen, occurred, negated)),
        RuleCondition::Any(parts) if !negated => {
            parts.iter().any(|part| enough(part, chosen, occurred, negated))
        }
        RuleCondition::Any(parts) => parts.iter().all(|part| enough(part, chosen, occurred, negated)),
        RuleCondition::Not(inner) => enough(inner, chosen, occurred, !negated),
        RuleCondition::Rule(slot) if negated => !occurred(*slot),
        RuleCondition::Rule(slot) => chosen.contains(slot),
    }
}

fn truth(condition: &RuleCondition, occurred: &dyn Fn(usize) -> bool) -> bool {
    match condition {
        RuleCondition::All(parts) => parts.iter().all(|part| truth(part, occurred)),
        RuleCondition::Any(parts) => parts.iter().any(|part| truth(part, occurred)),
        RuleCondition::Not(inner) => !truth(inner, occurred),
        RuleCondition::Rule(slot) => occurred(*slot),
    }
}

/// Whether there is an event for each of these rules, none before the one in front of it.
fn in_order(window: &[&Signal], slots: &[usize]) -> bool {
    let mut since = i64::MIN;
    slots.iter().all(|slot| {
        // The earliest that is possible leaves most room for the others.
        let times = window
            .iter()
            .filter(|event| event.slot == *slot && event.time >= since);
        match times.map(|event| event.time).min() {
            Some(time) => {
                since = time;
                true
            }
            None => false,
        }
    })
}

/// The exact sum of numbers that are whole numbers of 64ths.
fn exact_sum(numbers: &[f64]) -> f64 {
    let parts: i128 = numbers.iter().map(|number| (number * 64.0) as i128).sum();
    parts as f64 / 64.0
}

fn percentile_of(mut numbers: Vec<f64>, percentile: f64) -> f64 {
    numbers.sort_by(f64::total_cmp);
    let rank = (numbers.len() - 1) as f64 * percentile / 100.0;
    let (below, above) = (numbers[rank.floor() as usize], numbers[rank.ceil() as usize]);
    below + (above - below) * (rank - rank.floor())
}
