//! Signals that are taken together, on any number of threads, find what each would by itself.

use std::sync::Arc;

use borzoi_engine::windows::keys::Key;
use borzoi_engine::windows::plan::{Measured, Parent, Plan};
use borzoi_engine::windows::{Counters, Episode, Settings, Signal, Windows};
use borzoi_oracle::windows as oracle;
use borzoi_rules::correlation::CorrelationKind;
use proptest::prelude::*;

use super::definition::{arriving, cases};
use super::{at_least, event, rule, values_of};
use crate::effort;

/// Everything that windows say, down to the bytes that they take.
#[derive(Debug, Default, PartialEq)]
struct Said {
    begun: Vec<Episode>,
    ended: Vec<Episode>,
    counters: Counters,
    bytes: Vec<usize>,
}

/// What is said where so many signals come together; of one each, they are pushed one by one.
fn said(plans: &[Arc<Plan>], settings: Settings, all: &[(u32, oracle::Signal)], together: usize) -> Said {
    let mut windows = Windows::new(plans.to_vec(), settings);
    let tenant = windows.tenant("default");
    let mut said = Said::default();
    let keys: Vec<Key> = all
        .iter()
        .map(|(plan, signal)| {
            let is_new = plans[*plan as usize].measured == Measured::New;
            Key::of(
                [signal.group.as_str()]
                    .into_iter()
                    .chain(is_new.then_some(signal.value.as_str())),
            )
        })
        .collect();
    let signals: Vec<Signal<'_>> = all
        .iter()
        .zip(&keys)
        .flat_map(|((plan, signal), key)| {
            let values = values_of(plans[*plan as usize].measured, &signal.value).into_iter();
            values.map(move |value| (plan, signal, key, value))
        })
        .map(|(plan, signal, key, value)| Signal {
            plan: *plan,
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
    for part in signals.chunks(together) {
        match part {
            [one] => windows.push(one),
            part => windows.push_all(part),
        }
        said.bytes.push(windows.bytes());
    }
    windows.finish();
    said.begun = windows.take_begun();
    said.ended = windows.take_final();
    said.counters = windows.counters();
    assert_eq!((windows.groups(), windows.bytes()), (0, 0));
    said
}

/// The same of all, and the bytes at those times at which all said them.
fn assert_same(plans: &[Arc<Plan>], settings: Settings, signals: &[(u32, oracle::Signal)], together: usize) {
    let alone = Settings {
        threads: 1,
        ..settings
    };
    let mut one_by_one = said(plans, alone, signals, 1);
    let bytes = one_by_one.bytes.chunks(together);
    one_by_one.bytes = bytes.filter_map(|part| part.last().copied()).collect();
    assert_eq!(said(plans, alone, signals, together), one_by_one);
    assert_eq!(
        said(plans, settings, signals, together),
        one_by_one,
        "on {} threads",
        settings.threads
    );
}

proptest! {
    #![proptest_config(effort(300))]

    #[test]
    fn together_or_one_by_one(
        (below, events) in cases(),
        together in 2..100_usize,
        (threads, few) in (2..6_usize, 1..10_usize),
        eager in any::<bool>(),
        lateness in prop_oneof![Just(Some(0)), Just(Some(60)), Just(None)],
        budget in prop_oneof![Just(512 << 20), 1000..8000_usize],
    ) {
        let plan = Plan::of(&below).expect("it runs");
        let count = rule(CorrelationKind::EventCount, 1, below.timespan, at_least(2.0));
        let mut count = Plan::of(&count).expect("it runs");
        // One that reads what the second one finds, in groups of other keys.
        let both = rule(CorrelationKind::EventCount, 2, below.timespan * 2, at_least(2.0));
        let mut both = Plan::of(&both).expect("it runs");
        both.rule_id = "both".into();
        both.children.push(1);
        count.parents.push(Parent { plan: 2, slot: 1, group: Some(vec![0, 0]), fields: Some(Vec::new()), handed: None });
        let plans = [Arc::new(plan), Arc::new(count), Arc::new(both)];
        let settings = Settings { lateness, eager, budget, threads, few, ..Settings::default() };
        // A signal of each plan in turn, as from rules of which both use one.
        let signals: Vec<(u32, oracle::Signal)> = arriving(&events)
            .into_iter()
            .flat_map(|signal| [(0, signal.clone()), (1, oracle::Signal { slot: 0, ..signal })])
            .collect();
        assert_same(&plans, settings, &signals, together);
    }
}

#[test]
fn among_thousands_of_groups_each_finds_its_own() {
    let span = std::time::Duration::from_micros(4000);
    let plan = Plan::of(&rule(CorrelationKind::EventCount, 1, span, at_least(9.0))).expect("it runs");
    let signals: Vec<(u32, oracle::Signal)> = (0..40_000_u64)
        .map(|number| {
            let group = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
            // Some groups come often, most of them once.
            let group = if group % 4 == 0 { group % 500 } else { group };
            (0, event(number as i64, u128::from(number), &group.to_string()))
        })
        .collect();
    let plans = [Arc::new(plan)];
    // With room for all groups, and without.
    for budget in [512 << 20, 1 << 18] {
        let settings = Settings {
            lateness: Some(100),
            threads: 3,
            budget,
            ..Settings::default()
        };
        let found = said(&plans, settings, &signals, 1000);
        assert!(found.ended.len() > 300, "{}", found.ended.len());
        assert_eq!(found.counters.evicted_groups > 0, budget < 1 << 20);
        assert_same(&plans, settings, &signals, 1000);
    }
}
