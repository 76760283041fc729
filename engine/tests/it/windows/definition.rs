//! Every type, events in any order, against the definition.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use borzoi_engine::windows::keys::Key;
use borzoi_engine::windows::plan::{Measured, Parent, Plan};
use borzoi_engine::windows::{Settings, Windows, episode_id};
use borzoi_oracle::windows::{self as oracle, Signal};
use borzoi_rules::correlation::{
    Bound, BoundOperator, CorrelationCondition, CorrelationKind, CorrelationRule, Risk, RuleCondition,
    Weight, WindowMode,
};
use borzoi_rules::ir::Comparison;
use proptest::prelude::*;

use super::{at_least, bounds, push, rule, run, stretches};
use crate::effort;

fn operator() -> impl Strategy<Value = BoundOperator> {
    use Comparison::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual};
    prop_oneof![
        4 => Just(BoundOperator::Is(GreaterOrEqual)),
        2 => Just(BoundOperator::Is(Greater)),
        1 => Just(BoundOperator::Is(Less)),
        1 => Just(BoundOperator::Is(LessOrEqual)),
        1 => Just(BoundOperator::Is(Equal)),
        1 => Just(BoundOperator::IsNot),
    ]
}

fn over_rules(slots: usize) -> impl Strategy<Value = RuleCondition> {
    let leaf = (0..slots).prop_map(RuleCondition::Rule);
    leaf.prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..4).prop_map(RuleCondition::All),
            prop::collection::vec(inner.clone(), 1..4).prop_map(RuleCondition::Any),
            inner.prop_map(|inner| RuleCondition::Not(Box::new(inner))),
        ]
    })
}

fn learning() -> impl Strategy<Value = CorrelationCondition> {
    (0..40_u64).prop_map(|learning| CorrelationCondition::New {
        fields: vec!["value".into()],
        learning: Duration::from_micros(learning),
    })
}

fn risk(slots: usize) -> impl Strategy<Value = CorrelationCondition> {
    let weight = (0..40_u32, 0..16_u32).prop_map(|(score, tactics)| Weight {
        score: f64::from(score),
        tactics,
    });
    let weights = prop::collection::vec(weight, slots);
    (prop::option::of(1..60_u32), 1..5_u32, 1..60_u64, weights).prop_map(
        |(score, tactics, half_life, weights)| {
            let bound = |score| Bound {
                operator: BoundOperator::Is(Comparison::GreaterOrEqual),
                value: f64::from(score),
            };
            CorrelationCondition::Risk(Risk {
                tactics: (score.is_none() || tactics > 2).then_some(tactics),
                bounds: score.map(bound).into_iter().collect(),
                half_life: Duration::from_micros(half_life),
                weights,
            })
        },
    )
}

/// Bounds of events, half of the time with bounds of distinct values beside them.
fn beside(limits: CorrelationCondition) -> impl Strategy<Value = CorrelationCondition> {
    let values = prop::collection::vec((operator(), 0..4_u32), 0..3);
    (any::<bool>(), values).prop_map(move |(asks, values)| {
        let mut condition = limits.clone();
        if let CorrelationCondition::Bounds { distinct, .. } = &mut condition {
            let values = values.into_iter().filter(|_| asks);
            distinct.extend(values.map(|(operator, value)| Bound {
                operator,
                value: f64::from(value),
            }));
        }
        condition
    })
}

fn asks_values(rule: &CorrelationRule) -> bool {
    matches!(&rule.condition, CorrelationCondition::Bounds { distinct, .. } if !distinct.is_empty())
}

/// Windows that hop by twelfths of the span, or by a part that the span is no multiple of.
fn window_of(window: WindowMode, span: u64) -> WindowMode {
    match window {
        WindowMode::Hopping { hop } => {
            let part = hop.as_micros() as u64;
            let hop = if part.is_multiple_of(2) {
                (span * part).div_ceil(12)
            } else {
                part.min(span)
            };
            WindowMode::Hopping {
                hop: Duration::from_micros(hop.max(1)),
            }
        }
        other => other,
    }
}

/// Rules of every type, with spans that are one step and spans that are many.
fn rules() -> impl Strategy<Value = CorrelationRule> {
    use CorrelationKind::*;
    let kind = prop_oneof![
        2 => Just(EventCount),
        2 => Just(ValueCount),
        2 => Just(Temporal),
        3 => Just(TemporalOrdered),
        1 => Just(ValueSum),
        1 => Just(ValueAvg),
        1 => Just(ValueMedian),
        1 => Just(ValuePercentile(None)),
        1 => (0..=100_u32).prop_map(|percentile| ValuePercentile(Some(f64::from(percentile)))),
        2 => Just(FirstSeen),
        2 => Just(Risk),
    ];
    let limits = prop::collection::vec((operator(), 0..6_u32), 1..3).prop_map(|limits| {
        let limits: Vec<_> = limits
            .into_iter()
            .map(|(operator, number)| (operator, f64::from(number)))
            .collect();
        bounds(&limits)
    });
    let span = prop_oneof![1..12_u64, 16..200_u64];
    let window = prop_oneof![
        3 => Just(WindowMode::Sliding),
        1 => Just(WindowMode::Tumbling),
        // Of the span, below.
        2 => (1..=12_u64).prop_map(|part| WindowMode::Hopping { hop: Duration::from_micros(part) }),
        1 => Just(WindowMode::Session),
    ];
    (kind, 1..4_usize, span, limits, window).prop_flat_map(|(kind, slots, span, limits, window)| {
        let condition = match kind {
            Temporal | TemporalOrdered => prop_oneof![
                Just(CorrelationCondition::AllRules),
                Just(limits),
                over_rules(slots).prop_map(CorrelationCondition::Rules),
            ]
            .boxed(),
            FirstSeen => learning().boxed(),
            Risk => risk(slots).boxed(),
            EventCount => beside(limits).boxed(),
            _ => Just(limits).boxed(),
        };
        condition.prop_map(move |condition| {
            let mut rule = rule(kind, slots, Duration::from_micros(span), condition);
            if kind != FirstSeen {
                rule.options.window = window_of(window, span);
            }
            rule
        })
    })
}

/// Events of the rule, some of them at one time, some of them twice, and how much later than it should each comes.
fn events(rule: &CorrelationRule) -> impl Strategy<Value = Vec<(Signal, i64)>> + use<> {
    let slots = rule.rules.len();
    let kind = rule.kind;
    let asks_values = asks_values(rule);
    let one = (0..150_i64, 0..40_u128, 0..slots, 0..3_usize, -6..6_i32, 0..60_i64);
    let one = one.prop_map(move |(time, id, slot, group, value, late)| {
        let value = match kind {
            // Some are without a value.
            CorrelationKind::EventCount if asks_values && value > -4 => value.rem_euclid(4).to_string(),
            CorrelationKind::EventCount
            | CorrelationKind::Temporal
            | CorrelationKind::TemporalOrdered
            | CorrelationKind::Risk => String::new(),
            CorrelationKind::ValueCount | CorrelationKind::FirstSeen => value.to_string(),
            _ => (f64::from(value) * 0.75).to_string(),
        };
        let signal = Signal {
            time,
            id,
            slot,
            group: ["a", "b", "bb"][group].into(),
            value,
        };
        (signal, late)
    });
    (
        prop::collection::vec(one, 0..60),
        prop::collection::vec(0..1000_usize, 0..8),
    )
        .prop_map(move |(mut events, again)| {
            for place in again {
                if let Some((mut signal, _)) = events.get(place % events.len().max(1)).cloned() {
                    let late = (place % 50) as i64;
                    // Half of them by another rule; some with another value.
                    signal.slot = (signal.slot + place % 2) % slots;
                    if asks_values && place % 3 == 0 {
                        signal.value = (place % 4).to_string();
                    }
                    events.push((signal, late));
                }
            }
            events
        })
}

pub(super) fn cases() -> impl Strategy<Value = (CorrelationRule, Vec<(Signal, i64)>)> {
    rules().prop_flat_map(|rule| {
        let events = events(&rule);
        (Just(rule), events)
    })
}

/// Those whose findings have no other values than their group's.
pub(super) fn cases_told_apart_by_group() -> impl Strategy<Value = (CorrelationRule, Vec<(Signal, i64)>)> {
    cases().prop_filter("told apart by values too", |(rule, _)| {
        rule.kind != CorrelationKind::FirstSeen
    })
}

/// In the order in which they come if each is so much late.
pub(super) fn arriving(events: &[(Signal, i64)]) -> Vec<Signal> {
    let mut order: Vec<&(Signal, i64)> = events.iter().collect();
    order.sort_by_key(|(signal, late)| signal.time + late);
    order.into_iter().map(|(signal, _)| signal.clone()).collect()
}

proptest! {
    #![proptest_config(effort(1500))]

    #[test]
    fn findings_are_those_of_the_definition((rule, events) in cases(), taken in 1..20_usize, threads in 2..5_usize) {
        let arriving = arriving(&events);
        let expected = oracle::stretches(&rule, &arriving);
        // In order, late within what is allowed, and in any order where nothing is final before the end.
        let mut sorted = arriving.clone();
        sorted.sort_by_key(|signal| signal.time);
        let mut backwards = sorted.clone();
        backwards.reverse();
        let waits = |lateness| Settings { lateness, ..Settings::default() };
        let (whole, counters) = run(&rule, waits(Some(0)), taken, &sorted);
        prop_assert_eq!(counters.too_late, 0);
        prop_assert_eq!(stretches(&whole), expected);
        for (lateness, order) in [(Some(60), &arriving), (None, &arriving), (None, &backwards)] {
            let (found, counters) = run(&rule, waits(lateness), taken, order);
            prop_assert_eq!(counters.too_late, 0);
            // Down to the events that are named and the highest that was measured.
            prop_assert_eq!(&found, &whole);
        }
        let settings = Settings { threads, few: 2, ..waits(Some(60)) };
        let (found, shared_out) = run(&rule, settings, taken, &arriving);
        prop_assert_eq!(&found, &whole);
        prop_assert_eq!(shared_out, run(&rule, waits(Some(60)), taken, &arriving).1);
    }

    #[test]
    fn what_is_announced_early_comes_true((rule, events) in cases(), late in 0..80_i64) {
        let arriving = arriving(&events);
        let settings = |eager| Settings { lateness: Some(60), eager, ..Settings::default() };
        let (waited, _) = run(&rule, settings(false), 5, &arriving);
        let plan = Plan::of(&rule).expect("it runs");
        let (measured, monotone) = (plan.measured, plan.monotone);
        let mut windows = Windows::new(vec![Arc::new(plan)], settings(true));
        let (mut begun, mut ended) = (Vec::new(), Vec::new());
        for signal in &arriving {
            push(&mut windows, measured, (signal.id % 2) as u32, signal);
            begun.extend(windows.take_begun());
            ended.extend(windows.take_final());
        }
        windows.finish();
        ended.extend(windows.take_final());
        prop_assert!(windows.take_begun().is_empty() && windows.bytes() == 0);
        prop_assert!(monotone || begun.is_empty());
        // Everything announced is part of one episode, which says so.
        let mut announced: Vec<_> = begun.iter().map(|episode| (episode.key.clone(), episode.start)).collect();
        let starts = ended.iter().flat_map(|found| found.announced.iter().map(|start| (found.key.clone(), *start)));
        let mut named: Vec<_> = starts.collect();
        announced.sort();
        named.sort();
        prop_assert_eq!(&announced, &named);
        for found in &ended {
            prop_assert!(found.announced.iter().all(|start| (found.start..found.end).contains(start)));
        }
        // Episodes are the same as without announcements.
        ended.sort_by(|one, other| (&one.key, one.start).cmp(&(&other.key, other.start)));
        for found in &mut ended {
            found.announced = Box::default();
        }
        prop_assert_eq!(&ended, &waited);
        // In order, every episode of such a rule is announced by its own start, when it starts.
        let mut sorted = arriving;
        sorted.sort_by_key(|signal| signal.time);
        let (in_order, _) = run(&rule, Settings { lateness: Some(late), eager: true, ..Settings::default() }, 1, &sorted);
        for found in in_order.iter().filter(|_| monotone) {
            prop_assert_eq!(&found.announced[..], &[found.start]);
        }
    }

    /// What is over is said when the watermark has passed the step of time in which it ended.
    #[test]
    fn findings_come_in_time((rule, events) in cases()) {
        let mut sorted = arriving(&events);
        sorted.sort_by_key(|signal| signal.time);
        let settings = Settings { lateness: Some(0), ..Settings::default() };
        let (whole, _) = run(&rule, settings, 1, &sorted);
        let plan = Plan::of(&rule).expect("it runs");
        let (measured, step) = (plan.measured, (plan.span / 4).max(1));
        let mut windows = Windows::new(vec![Arc::new(plan)], settings);
        let mut found = BTreeSet::new();
        for signal in &sorted {
            push(&mut windows, measured, 0, signal);
            found.extend(windows.take_final().into_iter().map(|found| (found.key, found.start)));
            let over = whole.iter().filter(|known| (known.end.div_euclid(step) + 1) * step <= signal.time);
            for known in over {
                prop_assert!(found.contains(&(known.key.clone(), known.start)), "{known:?} at {}", signal.time);
            }
        }
    }

    /// Where it is asked whether another one holds, it does with each event of its stretches.
    #[test]
    fn findings_beside_findings_are_those_of_the_definition(
        (below, events) in cases_told_apart_by_group(),
        beside in prop::collection::vec((0..150_i64, 0..3_usize), 0..12),
        ordered in any::<bool>(),
        span in 1..120_u64,
        // Those of the rule beside it come first, which makes nothing too late.
        lateness in prop_oneof![Just(Some(300)), Just(None)],
    ) {
        let arriving = arriving(&events);
        let kind = if ordered { CorrelationKind::TemporalOrdered } else { CorrelationKind::Temporal };
        let above = rule(kind, 2, Duration::from_micros(span), CorrelationCondition::AllRules);
        let mut signals = Vec::new();
        for found in oracle::stretches(&below, &arriving) {
            let id = episode_id("default", "rule", &Key::of([found.group.as_str()]), found.start);
            let of_group = arriving.iter().filter(|signal| signal.group == found.group);
            let times: BTreeSet<i64> = of_group.map(|signal| signal.time).collect();
            signals.extend(times.range(found.start..found.end).map(|time| Signal {
                time: *time,
                id,
                slot: 0,
                group: found.group.clone(),
                value: String::new(),
            }));
        }
        let beside: Vec<Signal> = beside
            .iter()
            .zip(1000..)
            .map(|((time, group), id)| Signal {
                time: *time,
                id,
                slot: 1,
                group: ["a", "b", "bb"][*group].into(),
                value: String::new(),
            })
            .collect();
        signals.extend(beside.iter().cloned());
        let expected = oracle::stretches(&above, &signals);
        let mut child = Plan::of(&below).expect("it runs");
        let measured = child.measured;
        child.parents.push(Parent { plan: 1, slot: 0, group: Some(vec![0]), fields: Some(Vec::new()), handed: None });
        let mut parent = Plan::of(&above).expect("it runs");
        parent.children.push(0);
        let settings = Settings { lateness, ..Settings::default() };
        let mut windows = Windows::new(vec![Arc::new(child), Arc::new(parent)], settings);
        let tenant = windows.tenant("default");
        for signal in &beside {
            windows.push(&borzoi_engine::windows::Signal {
                plan: 1,
                slot: 1,
                tenant,
                source: 9,
                time: signal.time,
                id: signal.id,
                key: Key::of([signal.group.as_str()]).bytes(),
                value: 0,
                handed: &[],
            });
        }
        for signal in &arriving {
            push(&mut windows, measured, 0, signal);
        }
        windows.finish();
        prop_assert_eq!(windows.counters().too_late, 0);
        let found: Vec<_> = windows.take_final().into_iter().filter(|episode| episode.plan == 1).collect();
        prop_assert_eq!(stretches(&found), expected);
    }

    #[test]
    fn findings_of_findings_are_those_of_the_definition(
        (below, events) in cases_told_apart_by_group(),
        above in 1..4_u32,
        span in 1..300_u64,
        lateness in prop_oneof![Just(Some(60)), Just(None)],
    ) {
        let arriving = arriving(&events);
        let above = rule(CorrelationKind::EventCount, 1, Duration::from_micros(span), at_least(f64::from(above)));
        let key = |group: &str| Key::of([group]);
        let signals: Vec<Signal> = oracle::stretches(&below, &arriving)
            .into_iter()
            .map(|found| Signal {
                time: found.start,
                id: episode_id("default", "rule", &key(&found.group), found.start),
                slot: 0,
                group: found.group,
                value: String::new(),
            })
            .collect();
        let expected = oracle::stretches(&above, &signals);
        let mut child = Plan::of(&below).expect("it runs");
        let measured = child.measured;
        child.parents.push(Parent { plan: 1, slot: 0, group: Some(vec![0]), fields: Some(Vec::new()), handed: None });
        let mut parent = Plan::of(&above).expect("it runs");
        parent.children.push(0);
        let settings = Settings { lateness, ..Settings::default() };
        let mut windows = Windows::new(vec![Arc::new(child), Arc::new(parent)], settings);
        for signal in &arriving {
            push(&mut windows, measured, 0, signal);
        }
        windows.finish();
        let found: Vec<_> = windows.take_final().into_iter().filter(|episode| episode.plan == 1).collect();
        prop_assert_eq!(stretches(&found), expected);
        prop_assert!(measured != Measured::Events || windows.counters().too_late == 0);
    }
}
