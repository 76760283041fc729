//! What happens when memory is full, and when a source is quiet or far ahead.

use borzoi_engine::sequence::{Hit, Plan, Sequences, Settings, Step};

use super::{MINUTE, SECOND, given, hit, steps, within};

fn sequences(plans: &[Plan], settings: Settings) -> Sequences<()> {
    let mut sequences = Sequences::new(plans, settings, |()| 0).expect("it runs");
    sequences.tenant("default");
    sequences
}

fn of_plan(plan: u32, time: i64, id: u128, step: usize, key: &str) -> Hit<()> {
    Hit {
        plan,
        ..given(&hit(time, id, step, key), 1)
    }
}

#[test]
fn a_flood_of_keys_that_occur_once_does_not_silence_a_slow_session() {
    let plan = Plan {
        span: Some(24 * 60 * MINUTE),
        ..steps(4)
    };
    let settings = Settings {
        memory: 1 << 20,
        ..within(0)
    };
    let mut sequences = sequences(&[plan], settings);
    let mut found = Vec::new();
    let mut id = 0;
    for step in 0..4 {
        let time = step as i64 * 60 * MINUTE;
        found.extend(sequences.take([of_plan(0, time, 0, step, "slow")]));
        if step == 0 {
            found.extend(sequences.take([of_plan(0, time + 1, 1, 1, "slow")]));
        }
        for n in 0..20_000 {
            id += 1;
            let key = format!("one-off {id}");
            found.extend(sequences.take([of_plan(0, time + 2 + n, id, 0, &key)]));
        }
        assert!(sequences.counters().bytes <= 1 << 20);
    }
    found.extend(sequences.finish());
    assert_eq!(found.len(), 1);
    assert_eq!(&*found[0].key, b"slow");
    let counters = sequences.counters();
    assert!(counters.given_up > 60_000, "{counters:?}");
    assert_eq!((counters.late, counters.released_early), (0, 0));
}

#[test]
fn two_plans_do_not_starve_each_other() {
    // One is flooded; whichever it is, the other keeps its sessions.
    for flooded in [0, 1] {
        let other = 1 - flooded;
        let settings = Settings {
            memory: 1 << 20,
            ..within(0)
        };
        let mut sequences = sequences(&[steps(2), steps(2)], settings);
        let mut found = Vec::new();
        for n in 0..500_u128 {
            found.extend(sequences.take([of_plan(other, 0, n, 0, &n.to_string())]));
        }
        for n in 0..100_000_u128 {
            let time = SECOND + n as i64;
            found.extend(sequences.take([of_plan(flooded, time, n, 0, &n.to_string())]));
        }
        for n in 0..500_u128 {
            let (time, key) = (MINUTE, n.to_string());
            found.extend(sequences.take([of_plan(other, time, n, 1, &key)]));
        }
        found.extend(sequences.finish());
        assert_eq!(found.len(), 500);
        assert!(sequences.counters().given_up > 90_000);
        assert!(sequences.counters().bytes <= 1 << 20);
    }
}

#[test]
fn without_a_lateness_a_full_memory_works_off_early_and_loses_nothing_in_order() {
    let settings = Settings {
        memory: 1 << 18,
        ..Settings::default()
    };
    let plan = Plan {
        span: Some(MINUTE),
        ..steps(2)
    };
    let mut sequences = sequences(&[plan], settings);
    let mut found = Vec::new();
    for n in 0..100_000_u128 {
        let key = (n / 2).to_string();
        found.extend(sequences.take([of_plan(0, n as i64 * SECOND, n, (n % 2) as usize, &key)]));
    }
    found.extend(sequences.finish());
    assert_eq!(found.len(), 50_000);
    assert!(found.is_sorted_by_key(|found| found.known_at));
    let counters = sequences.counters();
    assert!(counters.released_early > 90_000, "{counters:?}");
    assert_eq!((counters.late, counters.given_up), (0, 0));
}

#[test]
fn what_comes_below_what_was_worked_off_early_is_late() {
    let settings = Settings {
        memory: 1 << 14,
        ..Settings::default()
    };
    let mut sequences = sequences(&[steps(2)], settings);
    for n in 0..1000_u128 {
        sequences.take([of_plan(0, n as i64, n, 0, "a")]);
    }
    assert!(sequences.counters().released_early > 0);
    sequences.take([of_plan(0, 0, 5000, 1, "a")]);
    assert_eq!(sequences.counters().late, 1);
}

#[test]
fn a_flood_dated_far_ahead_moves_no_time_and_is_given_up() {
    let settings = Settings {
        memory: 1 << 18,
        ..within(SECOND)
    };
    let mut sequences = sequences(&[steps(2)], settings);
    sequences.set_now(100 * SECOND);
    let mut found = sequences.take([of_plan(0, 99 * SECOND, 1, 0, "a")]);
    for n in 0..10_000_u128 {
        found.extend(sequences.take([of_plan(0, (1 << 60) + n as i64, n, 0, "flood")]));
        assert!(sequences.counters().bytes <= 1 << 18);
    }
    found.extend(sequences.take([of_plan(0, 100 * SECOND, 2, 1, "a")]));
    found.extend(sequences.finish());
    assert_eq!(found.len(), 1);
    let counters = sequences.counters();
    assert_eq!((counters.future, counters.late), (10_000, 0));
    assert!(counters.given_up > 5_000, "{counters:?}");
}

#[test]
fn a_quiet_source_is_not_waited_for() {
    let mut sequences = sequences(&[steps(2)], within(SECOND));
    let two = |time, id, step| given(&hit(time, id, step, "a"), 2);
    assert_eq!(sequences.take([two(0, 0, 0)]), []);
    assert_eq!(sequences.take([two(SECOND, 1, 1), two(60 * SECOND, 3, 0)]), []);
    assert_eq!(sequences.idle(0, 0).len(), 1);
    // Nor are all of them, once nothing has come for long enough.
    assert_eq!(sequences.take([two(60 * SECOND, 5, 1)]), []);
    assert_eq!(sequences.quiet(2 * SECOND).len(), 1);
}

#[test]
fn tenants_are_kept_apart() {
    let mut sequences = sequences(&[steps(2)], within(0));
    let other = sequences.tenant("other");
    assert_eq!((other, sequences.tenant("default")), (1, 0));
    let mut found = sequences.take([
        of_plan(0, 0, 1, 0, "a"),
        Hit {
            tenant: other,
            ..of_plan(0, 1, 2, 1, "a")
        },
        Hit {
            tenant: other,
            ..of_plan(0, 2, 3, 2, "a")
        },
        of_plan(0, 3, 4, 1, "a"),
    ]);
    found.extend(sequences.finish());
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].tenant, 0);
}

#[test]
fn payloads_come_back_and_their_bytes_count() {
    let plan = Plan {
        steps: vec![
            Step::default(),
            Step {
                fork: true,
                ..Step::default()
            },
        ],
        ..steps(2)
    };
    let mut sequences = Sequences::new(&[plan], within(0), |text: &String| text.capacity()).expect("it runs");
    let tenant = sequences.tenant("default");
    let text = "x".repeat(10_000);
    let hit = |time: i64, step, payload: &str| Hit {
        time,
        id: time as u128,
        tenant,
        source: 0,
        plan: 0,
        step,
        key: b"a".as_slice().into(),
        payload: payload.to_owned(),
    };
    let mut found = sequences.take([hit(0, 0, &text), hit(1, 1, "one"), hit(2, 1, "two")]);
    let bytes = sequences.counters().bytes;
    assert!((10_000..11_000).contains(&bytes), "{bytes}");
    found.extend(sequences.take([hit(3, 2, "")]));
    found.extend(sequences.finish());
    let payloads: Vec<Vec<&str>> = found
        .iter()
        .map(|found| {
            found
                .events
                .iter()
                .map(|(_, _, payload)| payload.as_str())
                .collect()
        })
        .collect();
    assert_eq!(payloads, [[text.as_str(), "one"], [text.as_str(), "two"]]);
    assert_eq!((sequences.counters().bytes, sequences.counters().open), (0, 0));
}

#[test]
fn an_open_key_takes_less_than_200_bytes() {
    let mut sequences = sequences(&[steps(2)], within(0));
    for n in 0..10_000_u32 {
        let [a, b, c, d] = n.to_be_bytes();
        let key = format!("{a}.{b}.{c}.{d}");
        sequences.take([of_plan(0, i64::from(n), u128::from(n), 0, &key)]);
    }
    let bytes = sequences.counters().bytes / 10_000;
    assert!(bytes < 200, "{bytes}");
}

#[test]
fn after_the_end_everything_is_late() {
    let mut sequences = sequences(&[steps(1)], Settings::default());
    let times = [i64::MIN, 0, i64::MAX];
    let all = || times.map(|time| of_plan(0, time, 1, 0, "a"));
    assert_eq!(sequences.take(all()), []);
    assert_eq!(sequences.finish().len(), 3);
    assert_eq!(sequences.take(all()), []);
    assert_eq!(sequences.counters().late, 3);
    assert_eq!(sequences.finish(), []);
}
