//! Outages, nights and false alarms on generated sources.

use super::*;
use crate::anomaly::simulate::{Noise, Source};
use crate::anomaly::{Detector, Sensitivity};
use proptest::prelude::*;

const DAY: i64 = 24 * HOUR_MICROS;

/// Alerts per day without an outage after two weeks, and hours until the deadline after an outage that begins at
/// 10 h on a working day of the seventh week.
fn alerts_and_delays(kind: Source, alerts_per_day: f64) -> (f64, Vec<f64>) {
    let settings = Settings {
        alerts_per_day,
        ..Settings::default()
    };
    let (sources, days) = (6, 49);
    let (mut alerts, mut delays) = (0, Vec::new());
    for source in 0..sources {
        let times = kind.times(&mut Noise::new(3_000 + source as u64), days);
        let mut silence = Silence::new(settings);
        let outage = (42 + source % 5) * DAY + 10 * HOUR_MICROS;
        let mut at_outage = None;
        for &time in &times {
            if time >= outage && at_outage.is_none() {
                at_outage = Some(silence.clone());
            }
            if silence.deadline().is_some_and(|deadline| deadline < time) {
                let deadline = silence.deadline().unwrap();
                alerts += usize::from(silence.check(deadline).alert);
            }
            silence.update(time);
        }
        let deadline = at_outage.unwrap().deadline().unwrap();
        delays.push((deadline - outage) as f64 / HOUR_MICROS as f64);
    }
    (alerts as f64 / (sources * (days - 14)) as f64, delays)
}

#[test]
fn an_outage_is_found_and_false_alarms_are_as_few_as_asked_for() {
    for (kind, most_hours) in [
        (Source::Steady, 0.5),
        (Source::DayAndNight, 0.5),
        (Source::Bursts, 3.0),
        (Source::Office, 4.0),
    ] {
        let (per_day, delays) = alerts_and_delays(kind, 0.1);
        // With lunch and days off, a little more than asked for.
        assert!(per_day <= 0.25, "{kind:?}: {per_day}");
        assert!(
            delays.iter().all(|&hours| hours <= most_hours),
            "{kind:?}: {delays:?}"
        );
    }
}

#[test]
fn a_night_is_no_silence_but_a_missing_morning_is() {
    let mut silence = Silence::new(Settings::default());
    for &time in &Source::Office.times(&mut Noise::new(12), 28) {
        silence.update(time);
    }
    // Day 28 is a working day. Nothing all night, and nothing by the afternoon.
    assert!(!silence.check(28 * DAY + 7 * HOUR_MICROS).alert);
    let afternoon = silence.check(28 * DAY + 16 * HOUR_MICROS);
    assert!(afternoon.alert && afternoon.probability < 1e-3, "{afternoon:?}");
    assert!(!silence.check(28 * DAY + 17 * HOUR_MICROS).alert);
    let back = silence.update(29 * DAY + 9 * HOUR_MICROS);
    assert!(!back.alert && back.lasted_micros > DAY, "{back:?}");
    // And the next silence is told again.
    assert!(silence.check(30 * DAY + 16 * HOUR_MICROS).alert);
}

#[test]
fn another_sensitivity_counts_at_once() {
    let mut silence = Silence::new(Settings::default());
    for &time in &Source::Steady.times(&mut Noise::new(5), 21) {
        silence.update(time);
    }
    let calm = silence.deadline();
    silence.set_rates(1.0, 1.0);
    assert!(silence.deadline() < calm, "{calm:?} {:?}", silence.deadline());
    silence.set_rates(0.01, 0.01);
    assert_eq!(silence.deadline(), calm);
}

#[test]
fn an_outage_while_learning_does_not_blind() {
    let mut silence = Silence::new(Settings::default());
    for &time in &Source::Steady.times(&mut Noise::new(4), 21) {
        if !(3 * DAY..3 * DAY + DAY / 2).contains(&time) {
            silence.update(time);
        }
    }
    let deadline = silence.deadline().unwrap();
    assert!(deadline - 21 * DAY < 3 * HOUR_MICROS, "{}", deadline - 21 * DAY);
}

#[test]
fn the_deadline_is_when_the_check_alerts() {
    for kind in [Source::Steady, Source::Bursts, Source::Office] {
        let mut silence = Silence::new(Settings::default());
        let (mut noise, mut last) = (Noise::new(7), i64::MIN);
        for (step, &time) in kind.times(&mut noise, 30).iter().enumerate() {
            silence.update(time);
            if step % 50 != 0 {
                continue;
            }
            let Some(deadline) = silence.deadline() else {
                continue;
            };
            assert!(
                !silence.clone().check(deadline - MINUTE_MICROS).alert,
                "{kind:?} at {time}"
            );
            assert!(silence.clone().check(deadline).alert, "{kind:?} at {time}");
            last = deadline;
        }
        assert!(last > i64::MIN, "{kind:?}: nothing was tried");
    }
}

#[test]
fn volume_that_collapses_is_found_by_the_detector() {
    // A source of 200 events in five minutes by day and 100 by night falls to a fifth, but still talks.
    let five_minutes = 5 * MINUTE_MICROS;
    let (mut found, mut late) = (0, 0);
    for source in 0..20 {
        let mut noise = Noise::new(900 + source);
        let mut detector = Detector::new(Sensitivity::alerts_per_day(0.1, five_minutes));
        let mut silence = Silence::new(Settings::default());
        for step in 0..15 * 288i64 {
            let hour = step as f64 / 12.0;
            let usual = 150.0 - 50.0 * (hour * std::f64::consts::TAU / 24.0).cos();
            let collapsed = step >= 14 * 288;
            let count = noise.count(if collapsed { usual / 5.0 } else { usual });
            let score = detector.update(step * five_minutes, count);
            if collapsed && score.alert && late == 0 {
                found += 1;
                late = step;
            }
            let event = step * five_minutes + 1;
            assert!(!silence.update(event).alert);
        }
        late = 0;
    }
    assert!(found >= 19, "{found} of 20");
}

#[test]
fn times_may_be_anything_and_the_state_is_small() {
    assert!(size_of::<Silence>() <= 1_200, "{}", size_of::<Silence>());
    let mut noise = Noise::new(2);
    let mut silence = Silence::new(Settings {
        alerts_per_day: f64::NAN,
        learning_micros: i64::MIN,
        least_micros: i64::MAX,
    });
    for step in 0..500i64 {
        let time = match step % 4 {
            0 => i64::MIN,
            1 => i64::MAX,
            2 => noise.bits() as i64,
            _ => step,
        };
        let score = silence.update(time);
        assert!((0.0..=1.0).contains(&score.probability), "{score:?}");
        silence.deadline();
        silence.check(noise.bits() as i64);
    }
    let mut silence = Silence::new(Settings::default());
    for &time in &Source::Office.times(&mut noise, 15) {
        silence.update(time);
    }
    let text = serde_json::to_string(&silence).unwrap();
    assert_eq!(silence, serde_json::from_str(&text).unwrap());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// The date says nothing, as long as hours and days of the week are the same.
    #[test]
    fn another_week_scores_the_same(seed in 0u64..10_000, weeks in -2_000i64..2_000) {
        let shift = weeks * 7 * DAY;
        let (mut plain, mut other) = (Silence::new(Settings::default()), Silence::new(Settings::default()));
        for time in Source::Office.times(&mut Noise::new(seed), 21) {
            let (a, b) = (plain.update(time), other.update(time + shift));
            prop_assert_eq!((a.probability, a.limit_micros, a.alert), (b.probability, b.limit_micros, b.alert));
        }
        prop_assert_eq!(plain.deadline().map(|at| at + shift), other.deadline());
    }
}
