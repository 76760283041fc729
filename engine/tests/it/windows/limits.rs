//! Late, too late, far ahead; and what happens when memory is full.

use std::sync::Arc;
use std::time::Duration;

use borzoi_engine::windows::keys::Key;
use borzoi_engine::windows::plan::{Measured, Plan};
use borzoi_engine::windows::{Counters, Settings, Signal, Windows};
use borzoi_oracle::windows as oracle;
use borzoi_rules::correlation::{CorrelationCondition, CorrelationKind, CorrelationRule};

use super::{at_least, event, push, rule, run};

const SECOND: i64 = 1_000_000;

fn failures(count: u32) -> CorrelationRule {
    let span = Duration::from_secs(60);
    rule(CorrelationKind::EventCount, 1, span, at_least(f64::from(count)))
}

#[test]
fn too_late_is_counted_and_changes_nothing() {
    let settings = Settings {
        lateness: Some(10 * SECOND),
        ..Settings::default()
    };
    // Ids are even: one source.
    let events = [
        event(0, 2, "a"),
        event(300 * SECOND, 4, "a"),
        event(SECOND, 6, "a"),
    ];
    let (found, counters) = run(&failures(2), settings, 1, &events);
    assert_eq!(found, []);
    assert_eq!((counters.late, counters.too_late), (1, 1));
}

#[test]
fn a_clock_far_ahead_does_not_move_time_on() {
    let settings = Settings {
        lateness: Some(SECOND),
        ..Settings::default()
    };
    let plan = Plan::of(&failures(2)).expect("it runs");
    let mut windows = Windows::new(vec![Arc::new(plan)], settings);
    windows.set_now(100 * SECOND);
    for signal in [
        event(99 * SECOND, 1, "a"),
        event(1 << 60, 2, "b"),
        event(100 * SECOND, 3, "a"),
    ] {
        push(&mut windows, Measured::Events, 0, &signal);
    }
    windows.finish();
    assert_eq!(windows.take_final().len(), 1);
    assert_eq!((windows.counters().future, windows.counters().too_late), (1, 0));
}

#[test]
fn a_quiet_source_is_not_waited_for() {
    let settings = Settings {
        lateness: Some(SECOND),
        ..Settings::default()
    };
    let mut plan = Plan::of(&failures(2)).expect("it runs");
    plan.rule_id = "quiet".into();
    let mut windows = Windows::new(vec![Arc::new(plan)], settings);
    push(&mut windows, Measured::Events, 0, &event(0, 1, "a"));
    for second in [1, 2, 300] {
        push(
            &mut windows,
            Measured::Events,
            1,
            &event(second * SECOND, second as u128 + 1, "a"),
        );
    }
    assert_eq!(
        windows.take_final(),
        [],
        "source 0 may still have something to say"
    );
    windows.idle(0, 0);
    assert_eq!(windows.take_final().len(), 1);
    windows.quiet(600 * SECOND);
    assert_eq!(windows.groups(), 0);
}

#[test]
fn a_quiet_minute_takes_nothing_from_the_lateness() {
    let settings = Settings {
        lateness: Some(300 * SECOND),
        ..Settings::default()
    };
    let plan = Plan::of(&failures(2)).expect("it runs");
    let mut windows = Windows::new(vec![Arc::new(plan)], settings);
    push_to(&mut windows, "a", 1000 * SECOND, 1);
    windows.quiet(61 * SECOND);
    push_to(&mut windows, "a", 970 * SECOND, 2);
    assert_eq!(windows.counters().too_late, 0);
    // Longer than the lateness and the window: over.
    windows.quiet(420 * SECOND);
    assert_eq!(windows.take_final().len(), 1);
}

#[test]
fn where_all_sources_are_idle_late_events_count_as_well() {
    let settings = Settings {
        lateness: Some(300 * SECOND),
        ..Settings::default()
    };
    let plan = Plan::of(&failures(2)).expect("it runs");
    let mut windows = Windows::new(vec![Arc::new(plan)], settings);
    push_to(&mut windows, "a", 1000 * SECOND, 1);
    windows.idle(0, 0);
    push_to(&mut windows, "a", 970 * SECOND, 2);
    assert_eq!(windows.counters().too_late, 0);
    windows.finish();
    assert_eq!(windows.take_final().len(), 1);
}

#[test]
fn a_source_whose_clock_is_ahead_moves_time_on_to_now() {
    let settings = Settings {
        lateness: Some(SECOND),
        ..Settings::default()
    };
    let plan = Plan::of(&failures(2)).expect("it runs");
    let mut windows = Windows::new(vec![Arc::new(plan)], settings);
    windows.set_now(100 * SECOND);
    push_to(&mut windows, "a", 700 * SECOND, 1);
    push_to(&mut windows, "a", 701 * SECOND, 2);
    assert_eq!(windows.take_final(), [], "that time has not come");
    windows.set_now(800 * SECOND);
    push_to(&mut windows, "b", 1400 * SECOND, 3);
    assert_eq!(windows.take_final().len(), 1);
    assert_eq!(windows.counters().future, 3);
}

#[test]
fn an_event_far_ahead_does_not_keep_its_group_from_early_alerts() {
    let settings = Settings {
        lateness: Some(SECOND),
        eager: true,
        ..Settings::default()
    };
    let plan = Plan::of(&failures(2)).expect("it runs");
    // Before the others, between them, and where there is something to look at already.
    for place in 0..4 {
        let mut windows = Windows::new(vec![Arc::new(plan.clone())], settings);
        windows.set_now(103 * SECOND);
        let mut times = vec![99 * SECOND, 100 * SECOND, 102 * SECOND];
        times.insert(place, 1 << 60);
        for (id, time) in times.into_iter().enumerate() {
            push_to(&mut windows, "a", time, id as u128);
        }
        let begun = windows.take_begun();
        assert_eq!(begun.len(), 1, "{place}");
        assert_eq!(begun[0].start, 100 * SECOND);
        windows.finish();
        let found = windows.take_final();
        assert_eq!(found.len(), 1);
        assert_eq!(*found[0].announced, [100 * SECOND]);
    }
}

/// Groups of so many events each, all within a second, in a memory with room for some of them; what was announced and
/// is never said to be over.
fn announced_without_end(of_each: u128, budget: usize) -> Vec<i64> {
    let settings = Settings {
        lateness: Some(300 * SECOND),
        budget,
        eager: true,
        ..Settings::default()
    };
    let plan = Plan::of(&failures(3)).expect("it runs");
    let mut windows = Windows::new(vec![Arc::new(plan)], settings);
    for n in 0..3 {
        push_to(&mut windows, "attack", n, n as u128);
    }
    for group in 1..2000_u128 {
        for n in 0..of_each {
            push_to(
                &mut windows,
                &group.to_string(),
                (group * 10 + n) as i64,
                group * 10 + n,
            );
        }
    }
    assert!(windows.counters().evicted_groups > 0);
    windows.finish();
    let ended = windows.take_final();
    assert!(ended.iter().all(|found| found.is_final));
    let named: Vec<i64> = ended.iter().flat_map(|found| found.announced.to_vec()).collect();
    let mut begun: Vec<i64> = windows.take_begun().iter().map(|early| early.start).collect();
    assert!(begun.contains(&2));
    begun.retain(|start| !named.contains(start));
    begun
}

#[test]
fn what_was_announced_is_said_to_be_over_though_memory_was_full() {
    // Groups that were not announced go first; where all were, they are over when they go.
    for of_each in [2, 3] {
        let lost = announced_without_end(of_each, 1 << 17);
        assert!(lost.is_empty(), "{of_each}: {lost:?}");
    }
}

#[test]
fn windows_without_an_event_pass_no_test() {
    let never = rule(
        CorrelationKind::EventCount,
        1,
        Duration::from_secs(60),
        super::bounds(&[(
            borzoi_rules::correlation::BoundOperator::Is(borzoi_rules::ir::Comparison::Less),
            1.0,
        )]),
    );
    let (found, _) = run(
        &never,
        Settings::default(),
        1,
        &[event(0, 1, "a"), event(200 * SECOND, 2, "a")],
    );
    assert_eq!(found, []);
}

#[test]
fn a_condition_with_too_many_ways_does_not_run() {
    use borzoi_rules::correlation::RuleCondition::{All, Any, Rule};
    let pair = |one, other| Any(vec![Rule(one), Rule(other)]);
    let condition = All((0..7).map(|n| pair(2 * n, 2 * n + 1)).collect());
    let rule = rule(
        CorrelationKind::TemporalOrdered,
        14,
        Duration::from_secs(60),
        CorrelationCondition::Rules(condition),
    );
    assert!(Plan::of(&rule).is_err_and(|reason| reason.contains("64 ways")));
}

/// Pushes an event of a group, with a number of its own as id.
fn push_to(windows: &mut Windows, group: &str, time: i64, id: u128) {
    push(windows, Measured::Events, 0, &event(time, id, group));
}

#[test]
fn a_flood_of_keys_that_occur_once_does_not_silence_a_slow_session() {
    let settings = Settings {
        lateness: Some(0),
        budget: 1 << 20,
        ..Settings::default()
    };
    let plan = Plan::of(&failures(5)).expect("it runs");
    let mut windows = Windows::new(vec![Arc::new(plan)], settings);
    let mut id = 0;
    for step in 0..5 {
        push_to(&mut windows, "slow", step * 10 * SECOND, u128::MAX - step as u128);
        if step == 0 {
            push_to(&mut windows, "slow", 1, u128::MAX - 100);
        }
        for n in 0..20_000 {
            id += 1;
            push_to(
                &mut windows,
                &format!("one-off {id}"),
                step * 10 * SECOND + 1 + n,
                id,
            );
        }
        assert!(windows.bytes() <= 1 << 20, "{}", windows.bytes());
    }
    windows.finish();
    let found = windows.take_final();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].count, 6);
    let counters = windows.counters();
    assert!(
        counters.evicted_groups > 80_000 && counters.over_budget > 0,
        "{counters:?}"
    );
    assert_eq!(counters.evicted_groups, counters.evicted_events);
}

#[test]
fn without_a_lateness_a_full_memory_moves_time_on_and_loses_nothing_in_order() {
    let settings = Settings {
        budget: 1 << 18,
        ..Settings::default()
    };
    let plan = Plan::of(&failures(3)).expect("it runs");
    let mut windows = Windows::new(vec![Arc::new(plan)], settings);
    for n in 0..100_000_i64 {
        // Three events of each group, a second apart.
        push_to(&mut windows, &(n / 3).to_string(), n * SECOND, n as u128);
    }
    windows.finish();
    assert_eq!(windows.take_final().len(), 33_333);
    let counters = windows.counters();
    assert!(counters.over_budget > 0);
    assert_eq!((counters.too_late, counters.evicted_groups), (0, 0));
}

#[test]
fn an_idle_group_takes_less_than_200_bytes() {
    let plan = Plan::of(&failures(10)).expect("it runs");
    let mut windows = Windows::new(vec![Arc::new(plan)], Settings::default());
    let tenant = windows.tenant("default");
    for n in 0..10_000_u32 {
        let [a, b, c, d] = n.to_be_bytes();
        windows.push(&Signal {
            plan: 0,
            slot: 0,
            tenant,
            source: 0,
            time: i64::from(n),
            id: u128::from(n),
            key: Key::of([format!("{a}.{b}.{c}.{d}").as_str()]).bytes(),
            value: 0,
            handed: &[],
        });
    }
    assert!(windows.bytes() / 10_000 < 200, "{}", windows.bytes() / 10_000);
}

/// A signal of a plan and a tenant.
fn signal<'k>(plan: u32, tenant: u32, time: i64, id: u128, key: &'k Key) -> Signal<'k> {
    Signal {
        plan,
        slot: 0,
        tenant,
        source: 0,
        time,
        id,
        key: key.bytes(),
        value: 0,
        handed: &[],
    }
}

#[test]
fn neither_rules_nor_tenants_starve_each_other() {
    // One is flooded with keys that occur once; whichever it is, the groups of the other stay.
    let (a, b) = ((0, 0), (1, 1));
    for (flooded, other) in [
        (a, b),
        (b, a),
        ((0, 0), (1, 0)),
        ((1, 0), (0, 0)),
        ((0, 0), (0, 1)),
        ((0, 1), (0, 0)),
    ] {
        let settings = Settings {
            budget: 1 << 20,
            ..Settings::default()
        };
        let plan = |id: &str| {
            let mut plan = Plan::of(&failures(2)).expect("it runs");
            plan.rule_id = id.into();
            Arc::new(plan)
        };
        let mut windows = Windows::new(vec![plan("a"), plan("b")], settings);
        windows.tenant("first");
        windows.tenant("second");
        let push = |windows: &mut Windows, (plan, tenant), time, id, key: String| {
            windows.push(&signal(plan, tenant, time, id, &Key::of([key.as_str()])));
        };
        for n in 0..500_u128 {
            push(&mut windows, other, 0, n, format!("slow {n}"));
        }
        for n in 0..50_000_u128 {
            push(
                &mut windows,
                flooded,
                SECOND + n as i64,
                n,
                format!("one-off {n}"),
            );
        }
        assert!(windows.counters().evicted_groups > 40_000);
        for n in 0..500_u128 {
            push(&mut windows, other, 2 * SECOND, 1000 + n, format!("slow {n}"));
        }
        windows.finish();
        assert_eq!(windows.take_final().len(), 500, "{flooded:?} was flooded");
    }
}

/// Values of one group, one after the other, twice over; how many are said to be new.
fn rounds(values: u64, budget: usize) -> (usize, Counters, usize) {
    let condition = CorrelationCondition::New {
        fields: vec!["value".into()],
        learning: Duration::ZERO,
    };
    let span = Duration::from_secs(30 * 86_400);
    let plan = Plan::of(&rule(CorrelationKind::FirstSeen, 1, span, condition)).expect("it runs");
    let settings = Settings {
        lateness: Some(SECOND),
        budget,
        ..Settings::default()
    };
    let mut windows = Windows::new(vec![Arc::new(plan)], settings);
    let mut most = 0;
    for round in 0..2_u64 {
        for value in 0..values {
            let number = round * values + value;
            let signal = oracle::Signal {
                value: value.to_string(),
                ..event(number as i64 * SECOND, u128::from(number) * 2, "a")
            };
            push(&mut windows, Measured::New, 0, &signal);
            most = most.max(windows.bytes());
        }
    }
    windows.finish();
    (windows.take_final().len(), windows.counters(), most)
}

#[test]
fn what_was_seen_is_never_new_again_though_memory_is_full() {
    let values = 200_000;
    let (found, counters, _) = rounds(values, 512 << 20);
    assert_eq!((found, counters.condensed), (values as usize, 0));
    let budget = 3 << 20;
    let (found, counters, most) = rounds(values, budget);
    assert!(counters.condensed > 100_000, "{counters:?}");
    assert_eq!(counters.evicted_groups, 0);
    // Less than one in 2,500 are missed for each of a few filters, and none is new twice.
    let least = values as usize * 995 / 1000;
    assert!((least..=values as usize).contains(&found), "{found}");
    // A table that has doubled is found out at the next look.
    assert!(most < budget + (2 << 20), "{most}");
}

/// However little more than its budget is held, something is given up: the part that each shard gives up may be less than a group.
#[test]
fn memory_that_is_hardly_full_is_made_free() {
    for budget in (1000..6000).step_by(7) {
        let settings = Settings {
            budget,
            lateness: None,
            ..Settings::default()
        };
        let events: Vec<oracle::Signal> = (0..100)
            .map(|number| event(SECOND, number + 1, &number.to_string()))
            .collect();
        let (_, counters) = run(&failures(2), settings, 1, &events);
        assert!(counters.evicted_groups > 0, "{budget}");
    }
}
