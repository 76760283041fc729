//! Hopping windows, each looked at as a whole.

use std::collections::BTreeSet;
use std::time::Duration;

use borzoi_engine::windows::Settings;
use borzoi_oracle::windows::Signal;
use borzoi_rules::correlation::{CorrelationCondition, CorrelationKind, CorrelationRule, WindowMode};
use proptest::prelude::*;

use super::definition::{arriving, cases};
use super::{at_least, rule, run, stretches};
use crate::effort;

fn hopping(rule: &CorrelationRule, hop: i64) -> CorrelationRule {
    let mut rule = rule.clone();
    rule.options.window = WindowMode::Hopping {
        hop: Duration::from_micros(hop as u64),
    };
    rule
}

fn found(rule: &CorrelationRule, signals: &[Signal]) -> Vec<borzoi_oracle::windows::Stretch> {
    let settings = Settings {
        lateness: Some(60),
        ..Settings::default()
    };
    stretches(&run(rule, settings, 7, signals).0)
}

proptest! {
    #![proptest_config(effort(500))]

    /// What more events only confirm is found in the last hop of a window exactly where the whole window holds enough.
    #[test]
    fn a_window_that_holds_enough_is_found(
        times in prop::collection::vec((0..300_i64, 0..3_u32, 0..60_i64), 0..40),
        (hop, span) in (1..30_i64, 0..60_i64),
        (events, values) in (1..5_u32, prop::option::of(1..4_u32)),
    ) {
        let span = hop + span;
        let signals: Vec<(Signal, i64)> = times
            .iter()
            .zip(0..)
            .map(|(&(time, value, late), id)| {
                let value = if values.is_some() { value.to_string() } else { String::new() };
                (Signal { time, id, slot: 0, group: "a".into(), value }, late)
            })
            .collect();
        let mut count = rule(
            CorrelationKind::EventCount,
            1,
            Duration::from_micros(span as u64),
            at_least(f64::from(events)),
        );
        if let (CorrelationCondition::Bounds { distinct, .. }, Some(values)) = (&mut count.condition, values)
            && let CorrelationCondition::Bounds { bounds, .. } = at_least(f64::from(values))
        {
            *distinct = bounds;
        }
        let stretches = found(&hopping(&count, hop), &arriving(&signals));
        for number in -70..=310 {
            let begins = number * hop;
            let within: Vec<&Signal> = signals
                .iter()
                .map(|(signal, _)| signal)
                .filter(|signal| (begins..begins + span).contains(&signal.time))
                .collect();
            let different: BTreeSet<&str> = within.iter().map(|signal| signal.value.as_str()).collect();
            let enough = within.len() >= events as usize
                && values.is_none_or(|values| different.len() >= values as usize);
            // The last microsecond of the window.
            let last = begins + span - 1;
            let is_found = stretches.iter().any(|found| (found.start..found.end).contains(&last));
            prop_assert_eq!(is_found, enough, "the window of {} to {}", begins, begins + span);
        }
    }

    /// Windows that begin where the one before ends are tumbling ones, whatever is asked of them.
    #[test]
    fn a_hop_as_long_as_the_window_tumbles((rule, events) in cases()) {
        let mut tumbling = rule.clone();
        if tumbling.kind != CorrelationKind::FirstSeen {
            let hop = rule.timespan.as_micros() as i64;
            tumbling.options.window = WindowMode::Tumbling;
            let arriving = arriving(&events);
            prop_assert_eq!(found(&hopping(&rule, hop), &arriving), found(&tumbling, &arriving));
        }
    }
}
