//! Windows that are saved and taken up at any event, for another number of threads, find what they would have found.

use std::collections::BTreeMap;
use std::sync::Arc;

use borzoi_engine::windows::plan::{Parent, Plan};
use borzoi_engine::windows::{Episode, Settings, Windows};
use borzoi_oracle::windows::Signal;
use borzoi_rules::correlation::CorrelationKind;
use proptest::prelude::*;

use super::definition::{arriving, cases};
use super::{at_least, push, push_all, rule};
use crate::effort;

fn taken_up(windows: &Windows, plans: &[Arc<Plan>], settings: Settings) -> Windows {
    let saved = postcard::to_stdvec(windows).expect("saved");
    let mut other = Windows::new(plans.to_vec(), settings);
    let places = other.restore(postcard::from_bytes(&saved).expect("read"));
    assert_eq!(places, [Ok(0), Ok(1)]);
    assert_eq!(other.groups(), windows.groups());
    other
}

/// What is found and announced where the windows are saved and taken up before these events, each time for so many threads.
fn run(
    plans: &[Arc<Plan>],
    settings: Settings,
    signals: &[Signal],
    cuts: &BTreeMap<usize, usize>,
) -> (Vec<Episode>, Vec<Episode>) {
    let mut windows = Windows::new(plans.to_vec(), settings);
    let (mut begun, mut ended) = (Vec::new(), Vec::new());
    let mut from = 0;
    for (&cut, &threads) in cuts.range(..=signals.len()) {
        push_all(&mut windows, plans[0].measured, &signals[from..cut]);
        begun.extend(windows.take_begun());
        ended.extend(windows.take_final());
        windows = taken_up(&windows, plans, Settings { threads, ..settings });
        from = cut;
    }
    push_all(&mut windows, plans[0].measured, &signals[from..]);
    windows.finish();
    begun.extend(windows.take_begun());
    ended.extend(windows.take_final());
    assert_eq!((windows.groups(), windows.bytes()), (0, 0));
    (begun, ended)
}

proptest! {
    #![proptest_config(effort(600))]

    #[test]
    fn what_was_saved_goes_on(
        (below, events) in cases(),
        cuts in prop::collection::btree_map(0..60_usize, 1..5_usize, 1..5),
        eager in any::<bool>(),
        lateness in prop_oneof![Just(Some(0)), Just(Some(60)), Just(None)],
    ) {
        let mut child = Plan::of(&below).expect("it runs");
        let span = below.timespan * 2;
        let above = rule(CorrelationKind::EventCount, 1, span, at_least(2.0));
        child.parents.push(Parent { plan: 1, slot: 0, group: Some(vec![0]), fields: Some(Vec::new()), handed: None });
        let mut parent = Plan::of(&above).expect("it runs");
        parent.rule_id = "above".into();
        parent.children.push(0);
        let plans = [Arc::new(child), Arc::new(parent)];
        let settings = Settings { lateness, eager, few: 3, ..Settings::default() };
        let signals = arriving(&events);
        let whole = run(&plans, settings, &signals, &BTreeMap::new());
        let in_parts = run(&plans, settings, &signals, &cuts);
        prop_assert_eq!(in_parts, whole);
    }
}

#[test]
fn a_rule_that_asks_something_else_begins_anew() {
    let count = |number: f64| {
        let span = std::time::Duration::from_secs(60);
        Arc::new(Plan::of(&rule(CorrelationKind::EventCount, 1, span, at_least(number))).expect("it runs"))
    };
    let mut windows = Windows::new(vec![count(2.0)], Settings::default());
    push(&mut windows, count(2.0).measured, 0, &super::event(1, 1, "a"));
    let saved = postcard::to_stdvec(&windows).expect("saved");
    let taken_up = |plan| {
        let mut other = Windows::new(vec![plan], Settings::default());
        let lost = other.restore(postcard::from_bytes(&saved).expect("read"));
        (lost, other.groups())
    };
    assert_eq!(taken_up(count(2.0)), (vec![Ok(0)], 1));
    assert_eq!(taken_up(count(3.0)), (vec![Err("rule".to_owned())], 0));
}
