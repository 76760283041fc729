//! What is found and what not, on generated traces.

use super::*;
use crate::anomaly::simulate::{Callbacks, Noise, People};

// Seeds from here on were not looked at while the constants were chosen.
const SEED: u64 = 5_000_000;

fn found(times: &[i64]) -> Option<Score> {
    let mut beacon = Beacon::new(Settings::default());
    let scores: Vec<Score> = times.iter().map(|&time| beacon.update(time)).collect();
    scores.into_iter().find(|score| score.alert)
}

/// Of call-backs with periods from 30 s to an hour over a day, one to three connections each, the part found.
fn recall(jitter: f64, missing: f64) -> f64 {
    let runs = 200;
    let caught = (0..runs).filter(|seed| {
        let mut noise = Noise::new(SEED + seed);
        let callbacks = Callbacks {
            period: noise.spread(30.0, 3_600.0),
            jitter,
            missing,
            connections: 3,
        };
        found(&callbacks.times(&mut noise, 24.0)).is_some()
    });
    caught.count() as f64 / runs as f64
}

#[test]
fn call_backs_with_jitter_and_some_missing_are_found() {
    for (jitter, missing, least) in [
        (0.0, 0.0, 1.0),
        (0.0, 0.1, 1.0),
        (0.1, 0.05, 1.0),
        (0.3, 0.0, 0.97),
        (0.3, 0.05, 0.97),
        (0.3, 0.1, 0.95),
        (0.5, 0.0, 0.9),
        (0.5, 0.1, 0.75),
    ] {
        let recall = recall(jitter, missing);
        assert!(recall >= least, "jitter {jitter}, missing {missing}: {recall}");
    }
}

#[test]
fn people_raise_one_false_alarm_in_ten_thousand_pairs() {
    // 10,000 would be better and takes a minute without optimisation: the binary `traces` does it.
    let each = if cfg!(debug_assertions) { 100 } else { 1_000 };
    let mut alarms = Vec::new();
    for (number, kind) in People::ALL.into_iter().enumerate() {
        for pair in 0..each {
            let mut noise = Noise::new(SEED + number as u64 * 1_000_000 + pair);
            alarms.extend(found(&kind.times(&mut noise, 24.0)).map(|score| (kind, score)));
        }
    }
    // One would be twice what is expected of 5,000.
    assert!(alarms.len() <= 2, "{alarms:?}");
}

#[test]
fn period_jitter_and_missing_are_told() {
    let mut noise = Noise::new(SEED);
    let callbacks = Callbacks {
        period: 600.0,
        jitter: 0.2,
        missing: 0.1,
        connections: 4,
    };
    let mut beacon = Beacon::new(Settings::default());
    let scores = callbacks
        .times(&mut noise, 24.0)
        .into_iter()
        .map(|time| beacon.update(time));
    let last = scores.filter(|score| score.period_micros > 0).last().unwrap();
    let period = last.period_micros as f64 / 6e8;
    assert!((0.97..1.03).contains(&period), "{last:?}");
    assert!((0.15..0.27).contains(&last.jitter), "{last:?}");
    assert!(
        (2..=9).contains(&last.missing) && last.callbacks == 49,
        "{last:?}"
    );
    assert!(last.entropy < 0.6 && last.probability < 1e-9, "{last:?}");
}

#[test]
fn software_that_asks_for_updates_is_a_beacon_too() {
    // Stated in the documentation: no statistic tells it apart.
    let polls = Callbacks {
        period: 300.0,
        jitter: 0.02,
        missing: 0.0,
        connections: 2,
    };
    assert!(found(&polls.times(&mut Noise::new(SEED), 24.0)).is_some());
}

#[test]
fn one_beacon_is_one_alert_and_another_after_a_pause_is_new() {
    let callbacks = Callbacks {
        period: 120.0,
        jitter: 0.3,
        missing: 0.05,
        connections: 1,
    };
    let mut noise = Noise::new(SEED + 9);
    let mut times = callbacks.times(&mut noise, 48.0);
    // Then a day of somebody's browsing, then the beacon again.
    let day = 86_400_000_000;
    times.extend(
        People::Steady
            .times(&mut noise, 24.0)
            .iter()
            .map(|time| time + 2 * day),
    );
    times.extend(
        callbacks
            .times(&mut noise, 24.0)
            .iter()
            .map(|time| time + 3 * day),
    );
    let mut beacon = Beacon::new(Settings::default());
    let alerts = times.iter().filter(|&&time| beacon.update(time).alert).count();
    assert_eq!(alerts, 2);
}

#[test]
fn times_may_be_anything_and_the_state_is_small() {
    assert!(size_of::<Beacon>() <= 300, "{}", size_of::<Beacon>());
    let mut noise = Noise::new(1);
    for settings in [
        Settings::default(),
        Settings {
            alerts_per_day: f64::NAN,
            burst_micros: i64::MIN,
        },
    ] {
        let mut beacon = Beacon::new(settings);
        for step in 0..3_000i64 {
            let time = match step % 5 {
                0 => noise.bits() as i64,
                1 => i64::MAX,
                2 => i64::MIN,
                _ => step * 1_000_000,
            };
            let score = beacon.update(time);
            assert!(
                score.strength.is_finite() && (0.0..=1.0).contains(&score.probability),
                "{score:?}"
            );
        }
    }
    let mut beacon = Beacon::new(Settings::default());
    for step in 0..100 {
        beacon.update(step * 61_000_000);
    }
    let text = serde_json::to_string(&beacon).unwrap();
    assert_eq!(beacon, serde_json::from_str(&text).unwrap());
}
