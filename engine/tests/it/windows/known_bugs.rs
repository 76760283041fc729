//! What other engines have got wrong, each once.

use std::time::Duration;

use borzoi_engine::windows::Settings;
use borzoi_oracle::windows::Signal;
use borzoi_rules::correlation::{CorrelationCondition, CorrelationKind};

use super::{at_least, event, rule, run};

const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;

fn failures(count: u32, span: Duration) -> borzoi_rules::correlation::CorrelationRule {
    rule(CorrelationKind::EventCount, 1, span, at_least(f64::from(count)))
}

fn within(lateness: i64) -> Settings {
    Settings {
        lateness: Some(lateness),
        ..Settings::default()
    }
}

/// Every order of up to six events.
fn orders(events: &[Signal]) -> Vec<Vec<Signal>> {
    if events.len() < 2 {
        return vec![events.to_vec()];
    }
    let mut all = Vec::new();
    for first in 0..events.len() {
        let mut rest = events.to_vec();
        let head = rest.remove(first);
        for mut order in orders(&rest) {
            order.insert(0, head.clone());
            all.push(order);
        }
    }
    all
}

#[test]
fn a_late_event_counts_once() {
    let four: Vec<Signal> = (0..4).map(|n| event(n * SECOND, n as u128, "a")).collect();
    let mut events = four.clone();
    // The second event comes again, late, twice.
    events.extend([four[1].clone(), four[1].clone()]);
    let (found, counters) = run(&failures(5, Duration::from_secs(60)), within(MINUTE), 1, &events);
    assert_eq!(found, []);
    assert_eq!(counters.twice, 2);
    let (found, _) = run(&failures(4, Duration::from_secs(60)), within(MINUTE), 1, &events);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].count, 4);
}

#[test]
fn order_holds_within_a_second() {
    let steps = rule(
        CorrelationKind::TemporalOrdered,
        2,
        Duration::from_secs(60),
        CorrelationCondition::AllRules,
    );
    let step = |time, slot| Signal {
        slot,
        ..event(time, slot as u128, "a")
    };
    for (first, second, expected) in [(100, 900, 1), (900, 100, 0), (500, 500, 1)] {
        for order in orders(&[step(first, 0), step(second, 1)]) {
            let (found, _) = run(&steps, within(SECOND), 1, &order);
            assert_eq!(found.len(), expected, "{first} µs, then {second} µs");
        }
    }
}

#[test]
fn groups_are_kept_apart() {
    // Five failures, none of them of the same user.
    let events: Vec<Signal> = (0..5)
        .map(|n| event(n * SECOND, n as u128, &format!("user{n}")))
        .collect();
    let (found, _) = run(&failures(2, Duration::from_secs(60)), within(0), 1, &events);
    assert_eq!(found, []);
}

#[test]
fn a_counter_never_leaks_into_another_group() {
    // Values that look the same once they are put together.
    let rule = failures(2, Duration::from_secs(60));
    let events = [
        event(0, 1, "ab"),
        event(1, 2, "a"),
        event(2, 3, "b"),
        event(3, 4, ""),
    ];
    let (found, _) = run(&rule, within(0), 1, &events);
    assert_eq!(found, []);
    // A group that is gone leaves nothing behind for one that comes later.
    let events = [
        event(0, 1, "a"),
        event(3 * MINUTE, 2, "b"),
        event(3 * MINUTE + 1, 3, "a"),
    ];
    let (found, _) = run(&rule, within(0), 1, &events);
    assert_eq!(found, []);
}

#[test]
fn five_minutes_are_five_minutes_out_of_order() {
    // Five failures over an hour, not five in five minutes, whatever order they come in.
    let events: Vec<Signal> = (0..5).map(|n| event(n * 15 * MINUTE, n as u128, "a")).collect();
    for order in orders(&events) {
        let (found, _) = run(
            &failures(5, Duration::from_secs(300)),
            within(60 * MINUTE),
            1,
            &order,
        );
        assert_eq!(found, []);
    }
}

#[test]
fn five_within_four_seconds_are_found_out_of_order() {
    let events: Vec<Signal> = (0..5).map(|n| event(n * SECOND, n as u128, "a")).collect();
    for order in orders(&events) {
        for settings in [within(4 * SECOND), Settings::default()] {
            let (found, _) = run(&failures(5, Duration::from_secs(300)), settings, 1, &order);
            assert_eq!(found.len(), 1, "{order:?}");
            assert_eq!((found[0].start, found[0].count), (4 * SECOND, 5));
        }
    }
}

#[test]
fn an_event_a_span_away_is_outside() {
    let rule = failures(2, Duration::from_secs(60));
    let (found, _) = run(&rule, within(0), 1, &[event(0, 1, "a"), event(MINUTE, 2, "a")]);
    assert_eq!(found, []);
    let (found, _) = run(
        &rule,
        within(0),
        1,
        &[event(0, 1, "a"), event(MINUTE - 1, 2, "a")],
    );
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].start, found[0].end), (MINUTE - 1, MINUTE));
}

#[test]
fn a_flood_is_one_alert_that_counts() {
    let events: Vec<Signal> = (0..10_000).map(|n| event(n * SECOND, n as u128, "a")).collect();
    let (found, _) = run(&failures(5, Duration::from_secs(60)), within(0), 100, &events);
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].count, found[0].peak), (10_000, 60.0));
}

#[test]
fn an_event_that_two_rules_match_is_one_event() {
    let of = |id, slot, time| Signal {
        slot,
        ..event(time, id, "a")
    };
    let both = [of(1, 1, 5), of(1, 0, 5)];
    let count = rule(
        CorrelationKind::EventCount,
        2,
        Duration::from_secs(60),
        super::at_least(2.0),
    );
    for eager in [false, true] {
        let settings = Settings {
            eager,
            ..within(SECOND)
        };
        for order in orders(&both) {
            assert_eq!(run(&count, settings, 1, &order).0, []);
        }
        for order in orders(&[&both[..], &[of(2, 1, 6)]].concat()) {
            let (found, counters) = run(&count, settings, 1, &order);
            assert_eq!(found.len(), 1, "{order:?}");
            // It is said to be of the first rule.
            assert_eq!((found[0].count, &*found[0].of_slot), (2, &[1, 1][..]));
            assert_eq!(counters.twice, 1);
        }
    }
    // Where it is asked which rules occurred, it is one of each.
    let temporal = rule(
        CorrelationKind::Temporal,
        2,
        Duration::from_secs(60),
        CorrelationCondition::AllRules,
    );
    for order in orders(&both) {
        assert_eq!(run(&temporal, within(SECOND), 1, &order).0.len(), 1);
    }
}
