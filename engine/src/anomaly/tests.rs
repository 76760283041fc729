//! What the detector promises, on simulated series.

use super::simulate::Noise;
use super::{Cause, Detector, Sensitivity};
use proptest::prelude::*;
use std::f64::consts::TAU;

const MINUTE: i64 = 60_000_000;

/// A series of noise without anomalies: kind, minutes since the start, state.
fn noise_at(kind: &str, minute: i64, noise: &mut Noise, state: &mut f64) -> f64 {
    let hour = minute as f64 / 60.0;
    let (day, week) = ((hour * TAU / 24.0).sin(), (hour * TAU / 168.0).cos());
    match kind {
        "white" => noise.normal(),
        "seasonal" => 10.0 * day + 5.0 * week + noise.normal() * (1.5 + day),
        "heavy" => noise.heavy(),
        "log-normal" => noise.normal().exp(),
        "autocorrelated" => {
            *state = 0.9 * *state + noise.normal();
            *state
        }
        "drifting" => noise.normal() + 0.005 * hour,
        "walking" => {
            *state += 0.02 * noise.normal();
            *state + noise.normal()
        }
        "counts" => noise.count(3.0 + 2.0 * day),
        "seasonal heavy" => 10.0 * day + noise.heavy() + 0.002 * hour,
        _ => unreachable!("{kind}"),
    }
}

#[test]
fn three_alerts_a_day_are_one_to_six() {
    let kinds = [
        "white",
        "seasonal",
        "heavy",
        "log-normal",
        "autocorrelated",
        "drifting",
        "walking",
        "counts",
        "seasonal heavy",
    ];
    for minutes in [1, 5] {
        for kind in kinds {
            for seed in 1..4 {
                let mut detector = Detector::new(Sensitivity::alerts_per_day(3.0, minutes * MINUTE));
                let (mut noise, mut state, mut alerts) = (Noise::new(seed), 0.0, 0);
                for step in 0..30 * 24 * 60 / minutes {
                    let value = noise_at(kind, step * minutes, &mut noise, &mut state);
                    alerts += usize::from(detector.update(step * minutes * MINUTE, value).alert);
                }
                let per_day = alerts as f64 / 30.0;
                println!("every {minutes} min, {kind}, seed {seed}: {per_day:.2} alerts a day");
                assert!(
                    (1.0..=6.0).contains(&per_day),
                    "every {minutes} min, {kind}, seed {seed}: {per_day}"
                );
            }
        }
    }
}

/// Ten days each 5 minutes with a season, then whatever is added; gives the scores.
fn after_ten_days(sensitivity: Sensitivity, added: impl Fn(i64) -> f64, until: i64) -> Vec<super::Score> {
    let (mut detector, mut noise, mut state) = (Detector::new(sensitivity), Noise::new(5), 0.0);
    let series = (0..until).map(|step| {
        let value = noise_at("seasonal", step * 5, &mut noise, &mut state) + added(step);
        detector.update(step * 5 * MINUTE, value)
    });
    series.collect()
}

const TEN_DAYS: i64 = 2_880;

#[test]
fn a_spike_a_shift_and_a_silence_are_found() {
    let one_in_two_days = Sensitivity::alerts_per_day(0.5, 5 * MINUTE);
    let spike = after_ten_days(
        one_in_two_days,
        |step| if step == TEN_DAYS { 60.0 } else { 0.0 },
        TEN_DAYS + 1,
    );
    let last = spike.last().unwrap();
    assert!(last.alert && last.cause == Cause::Outside, "{last:?}");

    let shift = after_ten_days(
        one_in_two_days,
        |step| if step >= TEN_DAYS { 6.0 } else { 0.0 },
        TEN_DAYS + 48,
    );
    assert!(shift[TEN_DAYS as usize..].iter().any(|score| score.alert));

    // A source that stops: counts around 30, then none.
    let (mut detector, mut noise) = (Detector::new(one_in_two_days), Noise::new(8));
    let found = (0..TEN_DAYS + 24).any(|step| {
        let value = if step < TEN_DAYS { noise.count(30.0) } else { 0.0 };
        let score = detector.update(step * 5 * MINUTE, value);
        step >= TEN_DAYS && score.alert
    });
    assert!(found);
}

#[test]
fn one_episode_is_one_alert() {
    let scores = after_ten_days(
        Sensitivity::alerts_per_day(0.5, 5 * MINUTE),
        |step| if step >= TEN_DAYS { 40.0 } else { 0.0 },
        TEN_DAYS + 60,
    );
    let alerts = scores[TEN_DAYS as usize..]
        .iter()
        .filter(|score| score.alert)
        .count();
    assert!((1..=2).contains(&alerts), "{alerts}");
}

#[test]
fn a_slow_ramp_does_not_teach_that_everything_is_usual() {
    // Twelve days of growth from nothing to three times the noise: slow enough to raise no alarm of its own.
    let ramp = |step: i64| 3.0 * (step as f64 / TEN_DAYS as f64);
    let until = TEN_DAYS + 576;
    let scores = after_ten_days(
        Sensitivity::alerts_per_day(0.5, 5 * MINUTE),
        |step| ramp(step) + if step == until - 1 { 40.0 } else { 0.0 },
        until,
    );
    let last = scores.last().unwrap();
    assert!(last.alert, "{last:?}");
    assert!(
        last.high < last.expected + 40.0,
        "the band grew with the ramp: {last:?}"
    );
}

#[test]
fn a_burst_while_learning_does_not_blind_for_good() {
    // Twenty values far outside on the first day; ten days later an hour at half of that.
    let burst = |step: i64| if (100..120).contains(&step) { 300.0 } else { 0.0 };
    let spike = |step: i64| if step >= TEN_DAYS { 150.0 } else { 0.0 };
    let day = Sensitivity::alerts_per_day(1.0, 5 * MINUTE);
    let scores = after_ten_days(day, |step| burst(step) + spike(step), TEN_DAYS + 12);
    let found = scores[TEN_DAYS as usize..].iter().any(|score| score.alert);
    assert!(found, "{:?}", &scores[TEN_DAYS as usize..]);
    // And what it left of the band: less than three times that of a series without the burst.
    let calm = after_ten_days(day, spike, TEN_DAYS + 12);
    let width = |scores: &[super::Score]| {
        let before = scores[TEN_DAYS as usize];
        before.high - before.low
    };
    assert!(
        width(&scores) < 3.0 * width(&calm),
        "{} {}",
        width(&scores),
        width(&calm)
    );
}

/// Bytes per hour around 20 MB, more by day.
fn hourly_bytes(step: i64, noise: &mut Noise) -> f64 {
    let by_day = 1.0 + 0.5 * (step as f64 * TAU / 24.0).sin();
    2e7 * by_day * (0.3 * noise.normal()).exp()
}

#[test]
fn one_burst_does_not_hide_a_hundredth_of_it() {
    // A terabyte in one hour; weeks later 5 GB, which is 250 times the usual. Early and late, and with what is looked at
    // before the level forgot anything.
    for (burst, attack) in [(2, 25), (5, 8), (5, 20), (5, 60), (20, 24), (20, 60), (40, 41)] {
        let (mut detector, mut noise) = (Detector::default(), Noise::new(17));
        for step in 0..attack * 24 {
            let value = if step == burst * 24 {
                1e12
            } else {
                hourly_bytes(step, &mut noise)
            };
            detector.update(step * 60 * MINUTE, value);
        }
        let score = detector.update(attack * 24 * 60 * MINUTE, 5e9);
        assert!(score.strength > 2.5, "{burst} {attack}: {score:?}");
        assert!(score.high < 5e8, "{burst} {attack}: {score:?}");
    }
}

#[test]
fn an_hour_of_bursts_does_not_hide_what_comes_later() {
    let day = Sensitivity::alerts_per_day(1.0, 5 * MINUTE);
    // Twelve values 30,000 times the noise, then ten days later some at a hundredth; on the first day, at a tenth.
    for (from, height) in [(100, 3_000.0), (1_000, 300.0), (TEN_DAYS, 300.0)] {
        let attack = from + TEN_DAYS + 72;
        let added = |step: i64| {
            if (from..from + 12).contains(&step) {
                3e4
            } else if step >= attack {
                height
            } else {
                0.0
            }
        };
        let scores = after_ten_days(day, added, attack + 3);
        let found = scores[attack as usize..].iter().any(|score| score.alert);
        assert!(found, "{from}: {:?}", &scores[attack as usize..]);
    }
}

#[test]
fn a_wild_job_that_comes_again_becomes_usual() {
    // A backup each night, a million times what there is else.
    let (mut detector, mut noise, mut late) = (Detector::default(), Noise::new(19), 0.0f64);
    for step in 0..30 * 288 {
        let value = if step % 288 == 200 {
            1e6 * (10.0 + noise.normal())
        } else {
            10.0 + noise.normal()
        };
        let score = detector.update(step * 5 * MINUTE, value);
        if step >= 10 * 288 && step % 288 == 200 {
            late = late.max(score.strength);
        }
    }
    assert!(late < 1.3, "{late}");
}

#[test]
fn another_level_a_million_times_higher_becomes_usual() {
    let (mut detector, mut noise) = (Detector::default(), Noise::new(23));
    for step in 0..30 * 288 {
        let factor = if step < TEN_DAYS { 1.0 } else { 1e6 };
        let score = detector.update(step * 5 * MINUTE, factor * (10.0 + noise.normal()));
        if step >= 25 * 288 {
            assert!(score.low < 1e7 && 1e7 < score.high, "{step}: {score:?}");
            assert!(score.strength < 3.0, "{step}: {score:?}");
        }
    }
}

#[test]
fn the_unit_does_not_come_from_rounding() {
    let third = (0.1 + 0.1 + 0.1) / 3.0;
    assert_ne!(third, 0.1);
    let (mut detector, mut noise) = (Detector::default(), Noise::new(29));
    detector.update(0, 0.1);
    detector.update(MINUTE, third);
    for step in 2..500 {
        detector.update(step * MINUTE, 5.0 + noise.normal());
    }
    let usual = detector.clone().update(500 * MINUTE, 5.0);
    assert!(
        usual.low > 0.0 && usual.low < 4.0 && usual.high < 10.0,
        "{usual:?}"
    );
    let attack = detector.update(500 * MINUTE, 1_000.0);
    assert!(attack.alert && attack.strength > 10.0, "{attack:?}");
}

#[test]
fn values_that_are_none_change_nothing() {
    let mut detector = Detector::default();
    for step in 0..100 {
        detector.update(step * MINUTE, step as f64);
    }
    let before = detector.clone();
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert!(!detector.update(0, value).alert);
    }
    assert_eq!(detector, before);
}

#[test]
fn extremes_do_no_harm() {
    let mut detector = Detector::default();
    let mut noise = Noise::new(3);
    for step in 0..5_000 {
        let value = match step % 7 {
            0 => f64::MAX,
            1 => f64::MIN,
            2 => f64::MIN_POSITIVE,
            3 => 0.0,
            _ => noise.normal(),
        };
        let time = if step % 11 == 0 { i64::MIN } else { i64::MAX - step };
        let score = detector.update(time, value);
        assert!(
            score.strength.is_finite() && (0.0..=1.0).contains(&score.anomaly),
            "{score:?}"
        );
        assert!((0.0..=1.0).contains(&score.probability), "{score:?}");
    }
}

#[test]
fn a_series_that_stands_still_alerts_when_it_moves() {
    let mut detector = Detector::default();
    for step in 0..500 {
        assert!(!detector.update(step * MINUTE, 45.0).alert);
    }
    assert!(detector.update(500 * MINUTE, 46.0).alert);
}

#[test]
fn the_state_is_small_flat_and_goes_to_json_and_back() {
    assert!(size_of::<Detector>() < 2_048, "{}", size_of::<Detector>());
    let mut detector = Detector::default();
    let mut noise = Noise::new(9);
    for step in 0..1_000 {
        detector.update(step * MINUTE, noise.normal());
    }
    let text = serde_json::to_string(&detector).unwrap();
    let mut again: Detector = serde_json::from_str(&text).unwrap();
    assert_eq!(detector, again);
    for step in 1_000..1_100 {
        let value = noise.normal();
        assert_eq!(
            detector.update(step * MINUTE, value),
            again.update(step * MINUTE, value)
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// The unit, the zero and the date of a series say nothing.
    #[test]
    fn another_unit_zero_and_date_score_the_same(
        seed in 1u64..1_000,
        exponent in -60i32..60,
        offset in -1e3..1e3f64,
        shift in -3_000_000_000_000_000i64..3_000_000_000_000_000,
    ) {
        let factor = 1.7 * 10f64.powi(exponent);
        let (mut plain, mut other) = (Detector::default(), Detector::default());
        let (mut noise, mut state) = (Noise::new(seed), 0.0);
        for step in 0..1_500 {
            let spike = if step % 400 == 399 { 15.0 } else { 0.0 };
            let value = noise_at("seasonal", step * 5, &mut noise, &mut state) + spike;
            let time = step * 5 * MINUTE;
            let a = plain.update(time, value);
            let b = other.update(time + shift, factor * (value + offset));
            prop_assert!((a.strength - b.strength).abs() < 1e-3 * (1.0 + a.strength), "{a:?} {b:?}");
            let back = b.expected / factor - offset;
            prop_assert!((a.expected - back).abs() < 1e-3 * (1.0 + a.expected.abs()), "{a:?} {b:?}");
        }
    }
}
