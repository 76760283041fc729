//! Rules that wait for late events as long as they say themselves.

use std::sync::Arc;
use std::time::Duration;

use borzoi_engine::windows::keys::Key;
use borzoi_engine::windows::plan::{Parent, Plan};
use borzoi_engine::windows::{Counters, Episode, Settings, Windows, episode_id};
use borzoi_oracle::windows::{self as oracle, Signal};
use borzoi_rules::correlation::{CorrelationKind, CorrelationRule};
use proptest::prelude::*;

use super::definition::{arriving, cases, cases_told_apart_by_group};
use super::{at_least, event, push, push_all, rule, stretches};
use crate::effort;

fn waiting(rule: &CorrelationRule, own: Option<i64>) -> CorrelationRule {
    let mut rule = rule.clone();
    rule.options.lateness = own.map(|own| Duration::from_micros(own as u64));
    rule
}

fn waits(lateness: i64) -> Settings {
    Settings {
        lateness: Some(lateness),
        ..Settings::default()
    }
}

/// What is final after each event, and what was counted.
fn step_by_step(
    rule: &CorrelationRule,
    settings: Settings,
    signals: &[Signal],
) -> (Vec<Vec<Episode>>, Counters) {
    let plan = Plan::of(rule).expect("it runs");
    let measured = plan.measured;
    let mut windows = Windows::new(vec![Arc::new(plan)], settings);
    let mut found = Vec::new();
    for signal in signals {
        push(&mut windows, measured, (signal.id % 2) as u32, signal);
        found.push(windows.take_final());
    }
    // A while without events, and one source that is not waited for any more.
    windows.idle(0, 1);
    found.push(windows.take_final());
    windows.quiet(20);
    found.push(windows.take_final());
    windows.finish();
    found.push(windows.take_final());
    assert_eq!((windows.groups(), windows.bytes()), (0, 0));
    (found, windows.counters())
}

proptest! {
    #![proptest_config(effort(600))]

    /// A rule's own lateness is to that rule what the lateness of all is to all: what is found, when, and what is too late.
    #[test]
    fn its_own_lateness_is_that_of_a_scan((rule, events) in cases(), own in 0..80_i64, all in 0..80_i64) {
        let arriving = arriving(&events);
        let expected = step_by_step(&rule, waits(own), &arriving);
        prop_assert_eq!(&step_by_step(&waiting(&rule, Some(own)), waits(all), &arriving), &expected);
        // Where nothing is final before the end, it waits for that like all others.
        let at_end = Settings::default();
        let expected = step_by_step(&rule, at_end, &arriving);
        prop_assert_eq!(&step_by_step(&waiting(&rule, Some(own)), at_end, &arriving), &expected);
        // Nor does it say anything where it is not asked.
        let expected = step_by_step(&rule, waits(all), &arriving);
        let not_asked = Settings { own_lateness: false, ..waits(all) };
        prop_assert_eq!(&step_by_step(&waiting(&rule, Some(own)), not_asked, &arriving), &expected);
    }

    /// Beside each other, rules that wait for longer and shorter each find what they find alone; cut into batches, on
    /// several threads, saved and taken up.
    #[test]
    fn each_waits_for_itself(
        (rule, events) in cases(),
        own in 0..80_i64,
        all in 0..80_i64,
        together in 1..20_usize,
        threads in 1..4_usize,
        saved in 0..60_usize,
    ) {
        let arriving = arriving(&events);
        let both = [waiting(&rule, None), waiting(&rule, Some(own))];
        let mut plans = both.map(|rule| Plan::of(&rule).expect("it runs"));
        plans[1].rule_id = "other".into();
        let plans = plans.map(Arc::new);
        let alone = |number: usize| {
            let settings = waits([all, own][number]);
            let (found, counters) = step_by_step(&rule, settings, &arriving);
            let mut found: Vec<Episode> = found.into_iter().flatten().collect();
            found.iter_mut().for_each(|episode| episode.plan = number as u32);
            found.sort_by(|one, other| (&one.key, one.start).cmp(&(&other.key, other.start)));
            (found, counters.too_late)
        };
        let settings = Settings { threads, few: 2, ..waits(all) };
        let mut windows = Windows::new(plans.to_vec(), settings);
        let measured = plans[0].measured;
        let mut found = Vec::new();
        for (number, signals) in arriving.chunks(together).enumerate() {
            if number == saved {
                let bytes = postcard::to_stdvec(&windows).expect("saved");
                windows = Windows::new(plans.to_vec(), settings);
                windows.restore(postcard::from_bytes(&bytes).expect("read"));
            }
            super::push_all_to(&mut windows, &[(0, measured), (1, measured)], signals);
            found.extend(windows.take_final());
        }
        windows.finish();
        found.extend(windows.take_final());
        let too_late = alone(0).1 + alone(1).1;
        if saved * together > arriving.len() {
            prop_assert_eq!(windows.counters().too_late, too_late);
        }
        for number in 0..2 {
            let of_one = found.iter().filter(|episode| episode.plan == number as u32);
            let mut of_one: Vec<Episode> = of_one.cloned().collect();
            of_one.sort_by(|one, other| (&one.key, one.start).cmp(&(&other.key, other.start)));
            prop_assert_eq!(of_one, alone(number).0);
        }
    }

    /// A rule that reads another waits for it, however short its own lateness is: nothing that the other finds is too late.
    #[test]
    fn who_reads_waits_for_what_it_reads(
        (below, events) in cases_told_apart_by_group(),
        above in 1..4_u32,
        span in 1..300_u64,
        own in prop_oneof![Just(None), (0..200_i64).prop_map(Some)],
        all in 0..80_i64,
    ) {
        let arriving = arriving(&events);
        let count = rule(CorrelationKind::EventCount, 1, Duration::from_micros(span), at_least(f64::from(above)));
        let signals: Vec<Signal> = oracle::stretches(&below, &arriving)
            .into_iter()
            .map(|found| Signal {
                time: found.start,
                id: episode_id("default", "rule", &Key::of([found.group.as_str()]), found.start),
                slot: 0,
                group: found.group,
                value: String::new(),
            })
            .collect();
        let expected = oracle::stretches(&count, &signals);
        // What it reads waits for all events.
        let mut child = Plan::of(&waiting(&below, Some(60))).expect("it runs");
        let measured = child.measured;
        child.parents.push(Parent { plan: 1, slot: 0, group: Some(vec![0]), fields: Some(Vec::new()), handed: None });
        let mut parent = Plan::of(&waiting(&count, own)).expect("it runs");
        parent.children.push(0);
        let mut windows = Windows::new(vec![Arc::new(child), Arc::new(parent)], waits(all));
        for signals in arriving.chunks(3) {
            push_all(&mut windows, measured, signals);
        }
        windows.finish();
        prop_assert_eq!(windows.counters().too_late, 0);
        let found: Vec<_> = windows.take_final().into_iter().filter(|episode| episode.plan == 1).collect();
        prop_assert_eq!(stretches(&found), expected);
    }
}

const SECOND: i64 = 1_000_000;

/// Two of a group within ten seconds.
fn two(own: Option<i64>) -> CorrelationRule {
    let count = rule(
        CorrelationKind::EventCount,
        1,
        Duration::from_secs(10),
        at_least(2.0),
    );
    waiting(&count, own)
}

#[test]
fn one_that_waits_longer_takes_what_others_find_too_late() {
    let plans = [two(None), two(Some(3600 * SECOND))].map(|rule| Arc::new(Plan::of(&rule).expect("it runs")));
    let mut windows = Windows::new(plans.to_vec(), waits(60 * SECOND));
    let measured = plans[0].measured;
    let both = [(0, measured), (1, measured)];
    let events = [(0, 2), (1800, 4), (5, 6)].map(|(second, id)| event(second * SECOND, id, "a"));
    for signal in &events {
        super::push_all_to(&mut windows, &both, std::slice::from_ref(signal));
    }
    assert_eq!(
        windows.counters().too_late,
        1,
        "half an hour is too late for the first"
    );
    windows.finish();
    let found: Vec<u32> = windows.take_final().iter().map(|found| found.plan).collect();
    assert_eq!(found, [1]);
}

#[test]
fn one_that_waits_for_less_is_final_before_the_others() {
    let plans = [two(None), two(Some(0))].map(|rule| Arc::new(Plan::of(&rule).expect("it runs")));
    let mut windows = Windows::new(plans.to_vec(), waits(3600 * SECOND));
    let measured = plans[0].measured;
    let both = [(0, measured), (1, measured)];
    for signal in [(0, 2), (5, 4), (60, 6)].map(|(second, id)| event(second * SECOND, id, "a")) {
        super::push_all_to(&mut windows, &both, std::slice::from_ref(&signal));
    }
    let found: Vec<u32> = windows.take_final().iter().map(|found| found.plan).collect();
    assert_eq!(found, [1]);
    windows.finish();
    let found: Vec<u32> = windows.take_final().iter().map(|found| found.plan).collect();
    assert_eq!(found, [0]);
}

/// Where memory is full, nobody waits longer than there is room for, and what is left out is counted.
#[test]
fn a_long_lateness_does_not_get_round_the_budget() {
    let plan = Plan::of(&two(Some(i64::MAX / 2))).expect("it runs");
    let measured = plan.measured;
    let settings = Settings {
        budget: 1 << 16,
        ..waits(0)
    };
    let mut windows = Windows::new(vec![Arc::new(plan)], settings);
    for number in 0..20_000_i64 {
        let signal = event(
            number * SECOND,
            2 * number as u128,
            &format!("group {}", number % 50),
        );
        push(&mut windows, measured, 0, &signal);
        assert!(windows.bytes() < 2 << 16, "{} after {number}", windows.bytes());
    }
    let counters = windows.counters();
    assert!(counters.over_budget > 0);
    assert_eq!(counters.evicted_groups, 0, "time was moved on instead");
}
