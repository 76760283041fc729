//! Every kind, hits in any order, against the definition.

use borzoi_engine::sequence::{Kind, Plan, Sequences, Settings, Step};
use borzoi_oracle::sequences::{self as oracle, Hit};
use proptest::prelude::*;

use super::{given, run, run_in_parts, within};
use crate::effort;

fn step() -> impl Strategy<Value = Step> {
    let runs = prop_oneof![4 => Just(1), 2 => 2..4_u32];
    (0..4_u32, 0..4_u32, runs).prop_map(|(fork, missing, runs)| Step {
        fork: fork == 0 && missing != 0,
        missing: missing == 0,
        runs,
    })
}

fn plans() -> impl Strategy<Value = Plan> {
    let span =
        prop_oneof![1 => Just(None), 2 => (0..40_i64).prop_map(Some), 1 => (40..150_i64).prop_map(Some)];
    let kind = prop_oneof![5 => Just(Kind::Ordered), 2 => Just(Kind::Join), 2 => Just(Kind::Sample)];
    let plan = (kind, prop::collection::vec(step(), 1..5), span).prop_map(|(kind, mut steps, mut span)| {
        if kind != Kind::Ordered {
            steps.fill(Step::default());
        }
        if kind == Kind::Sample {
            span = None;
        }
        Plan {
            kind,
            steps,
            span,
            has_until: kind != Kind::Sample,
        }
    });
    plan.prop_filter("it runs", |plan| plan.check().is_ok())
}

/// Hits of the plan, some of them of one event, and how much later than it should each comes.
fn hits(plan: &Plan) -> impl Strategy<Value = Vec<(Hit, i64)>> + use<> {
    // Rarely what breaks a sequence.
    let steps = plan.steps.len();
    let until = plan.has_until;
    let one = (0..100_i64, 0..30_u128, 0..20 * steps + 1, 0..3_usize, 0..60_i64);
    let one = one.prop_map(move |(time, id, step, key, late)| {
        let hit = Hit {
            time,
            id,
            step: if step == 20 * steps && until {
                steps
            } else {
                step % steps
            },
            key: ["a", "a", "a key that is longer than what is held in place"][key].into(),
        };
        (hit, late)
    });
    // The same event at other steps, and hits that come twice.
    let more = prop::collection::vec((0..1000_usize, 0..steps, any::<bool>()), 0..20);
    (prop::collection::vec(one, 0..80), more).prop_map(|(mut hits, more)| {
        for (place, step, twice) in more {
            if let Some((hit, late)) = hits.get(place % hits.len().max(1)).cloned() {
                let step = if twice { hit.step } else { step };
                hits.push((Hit { step, ..hit }, (late * 7) % 60));
            }
        }
        hits
    })
}

fn cases() -> impl Strategy<Value = (Plan, Vec<(Hit, i64)>)> {
    plans().prop_flat_map(|plan| {
        let hits = hits(&plan);
        (Just(plan), hits)
    })
}

fn definition(plan: &Plan) -> oracle::Plan {
    let steps = plan.steps.iter().map(|step| oracle::Step {
        fork: step.fork,
        missing: step.missing,
        runs: step.runs,
    });
    oracle::Plan {
        kind: match plan.kind {
            Kind::Ordered => oracle::Kind::Ordered,
            Kind::Join => oracle::Kind::Join,
            Kind::Sample => oracle::Kind::Sample,
        },
        steps: steps.collect(),
        span: plan.span,
    }
}

fn sorted(mut found: Vec<oracle::Found>) -> Vec<oracle::Found> {
    found.sort();
    found
}

proptest! {
    #![proptest_config(effort(3000))]

    #[test]
    fn findings_are_those_of_the_definition((plan, hits) in cases(), taken in 1..20_usize) {
        let mut arriving = hits.clone();
        arriving.sort_by_key(|(hit, late)| hit.time + late);
        let arriving: Vec<Hit> = arriving.into_iter().map(|(hit, _)| hit).collect();
        let expected = oracle::found(&definition(&plan), &arriving);
        let mut in_time = arriving.clone();
        in_time.sort_by_key(|hit| hit.time);
        let mut backwards = in_time.clone();
        backwards.reverse();
        let (whole, counters) = run(&plan, within(0), taken, &in_time);
        prop_assert_eq!(counters.late, 0);
        prop_assert_eq!(counters.hits, hits.len() as u64);
        prop_assert_eq!(counters.found, expected.len() as u64);
        prop_assert_eq!(sorted(whole.clone()), expected);
        prop_assert!(whole.is_sorted_by_key(|found| found.known_at));
        for (settings, order) in [
            (within(60), &arriving),
            (Settings::default(), &arriving),
            (Settings::default(), &backwards),
        ] {
            let (found, counters) = run(&plan, settings, taken, order);
            prop_assert_eq!(counters.late, 0);
            // Down to the order in which it is given out.
            prop_assert_eq!(&found, &whole);
            if plan.span.is_some() {
                prop_assert_eq!((counters.open, counters.bytes), (0, 0));
            }
        }
    }

    #[test]
    fn what_was_saved_goes_on((plan, hits) in cases(), cuts in prop::collection::vec(0..60_usize, 1..6), waits in any::<bool>()) {
        let mut arriving = hits.clone();
        arriving.sort_by_key(|(hit, late)| hit.time + late);
        let arriving: Vec<Hit> = arriving.into_iter().map(|(hit, _)| hit).collect();
        let settings = if waits { within(60) } else { Settings::default() };
        let (whole, counters) = run_in_parts(&plan, settings, &[], &arriving);
        let (in_parts, after) = run_in_parts(&plan, settings, &cuts, &arriving);
        prop_assert_eq!(in_parts, whole);
        prop_assert_eq!((after.open, after.bytes), (counters.open, counters.bytes));
    }

    /// What is left of the definition where hits come too late is that of the others.
    #[test]
    fn what_is_too_late_is_counted_and_changes_nothing((plan, hits) in cases(), cuts in (1..20_usize, 1..20_usize)) {
        let mut arriving = hits.clone();
        arriving.sort_by_key(|(hit, late)| hit.time + late);
        let arriving: Vec<Hit> = arriving.into_iter().map(|(hit, _)| hit).collect();
        let lateness = 20;
        let mut highest = i64::MIN;
        let mut in_time = Vec::new();
        for hit in &arriving {
            if highest == i64::MIN || hit.time >= highest - lateness {
                in_time.push(hit.clone());
            }
            highest = highest.max(hit.time);
        }
        let (found, counters) = run(&plan, within(lateness), cuts.0, &arriving);
        prop_assert_eq!(counters.late as usize, arriving.len() - in_time.len());
        prop_assert_eq!(sorted(found.clone()), oracle::found(&definition(&plan), &in_time));
        prop_assert_eq!(run(&plan, within(lateness), cuts.1, &arriving).0, found);
    }

    /// Whatever is given up: memory holds, and what is found is a sequence.
    #[test]
    fn a_full_memory_holds_and_invents_nothing((plan, hits) in cases(), lateness in prop::option::of(0..40_i64)) {
        let mut arriving = hits.clone();
        arriving.sort_by_key(|(hit, late)| hit.time + late);
        let arriving: Vec<Hit> = arriving.into_iter().map(|(hit, _)| hit).collect();
        let settings = Settings { lateness, memory: 1500, ..Settings::default() };
        let mut sequences = Sequences::new(std::slice::from_ref(&plan), settings, |()| 0).expect("it runs");
        sequences.tenant("default");
        let mut found = Vec::new();
        for hit in &arriving {
            found.extend(sequences.take([given(hit, 1)]));
            prop_assert!(sequences.counters().bytes <= 1500);
        }
        found.extend(sequences.finish());
        let stages = plan.steps.iter().zip(0..).filter(|(step, _)| !step.missing);
        let stages: Vec<usize> = stages.flat_map(|(step, number)| vec![number; step.runs as usize]).collect();
        for one in found {
            prop_assert_eq!(one.events.len(), stages.len());
            let times = one.events.iter().map(|(time, ..)| *time);
            let (first, last) = (times.clone().min().expect("one"), times.max().expect("one"));
            prop_assert!(plan.span.is_none_or(|span| last - first <= span));
            prop_assert!(plan.kind != Kind::Ordered || one.events.is_sorted());
            for (step, (time, id, ())) in stages.iter().zip(&one.events) {
                let is_it = |hit: &Hit| {
                    (hit.time, hit.id, hit.step, hit.key.as_bytes()) == (*time, *id, *step, &*one.key)
                };
                prop_assert!(arriving.iter().any(is_it));
            }
        }
    }
}
