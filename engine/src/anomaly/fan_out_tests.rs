//! Password spray and lateral fan-out: distinct values per interval, counted by [`Distinct`], judged by the [`Detector`].

use super::distinct::Distinct;
use super::simulate::{FanOut, Noise};
use super::{Detector, Sensitivity};

const TEN_MINUTES: i64 = 600_000_000;
const PER_DAY: i64 = 144;

/// Series of 21 days with an attack of two hours on the last: attacks found, and alerts per day in the two weeks before.
fn found_and_alerts(usual: FanOut, extra: usize) -> (f64, f64) {
    let runs = 40;
    let (mut found, mut alerts) = (0, 0);
    for seed in 0..runs {
        let mut noise = Noise::new(8_000_000 + seed);
        let mut detector = Detector::new(Sensitivity::alerts_per_day(0.1, TEN_MINUTES));
        let begins = 20 * PER_DAY + noise.below(PER_DAY as usize - 12) as i64;
        let mut caught = false;
        for step in 0..begins + 12 {
            let added = if step >= begins { extra } else { 0 };
            let mut distinct = Distinct::default();
            let day_part = (step % PER_DAY) as f64 / PER_DAY as f64;
            for value in usual.interval(&mut noise, day_part, added) {
                distinct.insert(value);
            }
            let alert = detector.update(step * TEN_MINUTES, distinct.estimate()).alert;
            caught |= alert && step >= begins;
            alerts += usize::from(alert && (7 * PER_DAY..begins).contains(&step));
        }
        found += usize::from(caught);
    }
    (found as f64 / runs as f64, alerts as f64 / (runs as f64 * 13.5))
}

#[test]
fn a_password_spray_is_found() {
    // A gateway of a company: up to eight accounts fail in ten minutes, fewer at night; the spray tries 20 or 40 more.
    let gateway = FanOut {
        usual: 8.0,
        season: 0.8,
        spread: 0.3,
    };
    let (recall, alerts) = found_and_alerts(gateway, 40);
    assert!(recall >= 0.95 && alerts <= 0.3, "40: {recall} {alerts}");
    let (recall, _) = found_and_alerts(gateway, 20);
    assert!(recall >= 0.8, "20: {recall}");
    // Two more per interval hide in the noise: stated in the documentation.
    let (recall, _) = found_and_alerts(gateway, 2);
    assert!(recall <= 0.3, "2: {recall}: better than stated");
}

#[test]
fn lateral_fan_out_is_found() {
    // A workstation talks to two or three others; then to fifteen more in ten minutes.
    let workstation = FanOut {
        usual: 2.5,
        season: 0.9,
        spread: 0.5,
    };
    let (recall, alerts) = found_and_alerts(workstation, 15);
    assert!(recall >= 0.95 && alerts <= 0.3, "{recall} {alerts}");
}
