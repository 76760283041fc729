//! Windows against their definition, and the bugs that others have had.

mod calibration;
mod calm;
mod definition;
mod hopping;
mod hours;
mod known_bugs;
mod lateness;
mod limits;
mod quiet;
mod snapshot;
mod statistics;
mod together;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use borzoi_engine::windows::keys::{Key, value_hash};
use borzoi_engine::windows::plan::{EVENT, Measured, Plan};
use borzoi_engine::windows::{Counters, Episode, Figure, Settings, Signal, Windows};
use borzoi_oracle::windows as oracle;
use borzoi_rules::correlation::{
    Bound, BoundOperator, CorrelationCondition, CorrelationKind, CorrelationRule, Options,
};
use borzoi_rules::ir::{Comparison, Meta};

/// A correlation over `slots` rules.
fn rule(
    kind: CorrelationKind,
    slots: usize,
    span: Duration,
    condition: CorrelationCondition,
) -> CorrelationRule {
    CorrelationRule {
        meta: Meta {
            id: "rule".into(),
            ..Meta::default()
        },
        kind,
        rules: (0..slots).map(|slot| format!("rule-{slot}").into()).collect(),
        group_by: vec!["group".into()],
        timespan: span,
        aliases: BTreeMap::new(),
        condition,
        generate: false,
        options: Options::default(),
    }
}

fn bounds(all: &[(BoundOperator, f64)]) -> CorrelationCondition {
    let bounds = all.iter().map(|&(operator, value)| Bound { operator, value });
    CorrelationCondition::Bounds {
        fields: vec!["value".into()],
        bounds: bounds.collect(),
        distinct: Vec::new(),
    }
}

fn at_least(number: f64) -> CorrelationCondition {
    bounds(&[(BoundOperator::Is(Comparison::GreaterOrEqual), number)])
}

/// An event of the first rule.
fn event(time: i64, id: u128, group: &str) -> oracle::Signal {
    oracle::Signal {
        time,
        id,
        slot: 0,
        group: group.into(),
        value: String::new(),
    }
}

fn value_of(measured: Measured, text: &str) -> u64 {
    match measured {
        Measured::Events
        | Measured::Rules
        | Measured::Order
        | Measured::Risk
        | Measured::New
        | Measured::Unusual(_) => 0,
        Measured::EventsAndValues if text.is_empty() => EVENT,
        Measured::Distinct | Measured::EventsAndValues => value_hash(text.as_bytes()),
        _ => text.parse::<f64>().expect("a number").to_bits(),
    }
}

/// The values of the signals that an event gives: where values are counted beside events, it is one by itself.
fn values_of(measured: Measured, text: &str) -> Vec<u64> {
    let value = value_of(measured, text);
    match measured {
        Measured::EventsAndValues if value != EVENT => vec![EVENT, value],
        _ => vec![value],
    }
}

fn values_beside(episode: &Episode) -> u64 {
    let figures = episode.figures.iter().flat_map(|figures| &figures.figures);
    let mut distinct = figures.filter(|(figure, _)| *figure == Figure::Distinct);
    distinct.next().map_or(0, |(_, value)| *value as u64)
}

fn push(windows: &mut Windows, measured: Measured, source: u32, signal: &oracle::Signal) {
    let tenant = windows.tenant("default");
    let value = match measured {
        Measured::New => Some(signal.value.as_str()),
        _ => None,
    };
    let key = Key::of([signal.group.as_str()].into_iter().chain(value));
    for value in values_of(measured, &signal.value) {
        windows.push(&Signal {
            plan: 0,
            slot: signal.slot as u16,
            tenant,
            source,
            time: signal.time,
            id: signal.id,
            key: key.bytes(),
            value,
            handed: &[],
        });
    }
}

/// Pushes events together, from two sources.
fn push_all(windows: &mut Windows, measured: Measured, signals: &[oracle::Signal]) {
    push_all_to(windows, &[(0, measured)], signals);
}

/// The same to several plans, all of which tell values apart if one of them does.
fn push_all_to(windows: &mut Windows, plans: &[(u32, Measured)], signals: &[oracle::Signal]) {
    let tenant = windows.tenant("default");
    let is_new = plans.iter().any(|(_, measured)| *measured == Measured::New);
    let key = |signal: &oracle::Signal| {
        let value = is_new.then_some(signal.value.as_str());
        Key::of([signal.group.as_str()].into_iter().chain(value))
    };
    let keys: Vec<Key> = signals.iter().map(key).collect();
    let signals: Vec<Signal<'_>> = signals
        .iter()
        .zip(&keys)
        .flat_map(|(signal, key)| {
            plans
                .iter()
                .map(move |(plan, measured)| (signal, key, *plan, *measured))
        })
        .flat_map(|(signal, key, plan, measured)| {
            let values = values_of(measured, &signal.value);
            values.into_iter().map(move |value| (signal, key, plan, value))
        })
        .map(|(signal, key, plan, value)| Signal {
            plan,
            slot: signal.slot as u16,
            tenant,
            source: (signal.id % 2) as u32,
            time: signal.time,
            id: signal.id,
            key: key.bytes(),
            value,
            handed: &[],
        })
        .collect();
    windows.push_all(&signals);
}

/// Runs a rule over events in this order; every so many of them findings are taken. On several threads they are pushed
/// together.
fn run(
    rule: &CorrelationRule,
    settings: Settings,
    taken_every: usize,
    signals: &[oracle::Signal],
) -> (Vec<Episode>, Counters) {
    let plan = Plan::of(rule).expect("it runs");
    let measured = plan.measured;
    let mut windows = Windows::new(vec![Arc::new(plan)], settings);
    let mut found = Vec::new();
    for signals in signals.chunks(taken_every) {
        match settings.threads {
            1 => {
                for signal in signals {
                    push(&mut windows, measured, (signal.id % 2) as u32, signal);
                }
            }
            _ => push_all(&mut windows, measured, signals),
        }
        found.extend(windows.take_final());
    }
    windows.finish();
    found.extend(windows.take_final());
    assert_eq!(windows.groups(), 0, "a group was left behind");
    assert_eq!(windows.bytes(), 0, "bytes were miscounted");
    found.sort_by(|one, other| (&one.key, one.start).cmp(&(&other.key, other.start)));
    (found, windows.counters())
}

/// Episodes as the definition gives them.
fn stretches(episodes: &[Episode]) -> Vec<oracle::Stretch> {
    let mut all: Vec<oracle::Stretch> = episodes
        .iter()
        .map(|episode| oracle::Stretch {
            group: episode.key.values().concat(),
            start: episode.start,
            end: episode.end,
            first: episode.first,
            last: episode.last,
            count: episode.count,
            of_slot: episode.of_slot.to_vec(),
            value: episode.value,
            values: values_beside(episode),
        })
        .collect();
    all.sort_by(|one, other| (&one.group, one.start).cmp(&(&other.group, other.start)));
    all
}
