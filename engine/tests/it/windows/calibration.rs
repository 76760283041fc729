//! "So many alerts a day" gives about so many, for all groups of a rule together.

use borzoi_rules::correlation::StatisticKind;

use super::calm::{Case, told};

fn per_day(kind: StatisticKind, asked: f64, groups: u64, minutes: i64) -> f64 {
    let case = Case {
        kind,
        asked,
        groups,
        minutes,
        seed: 1,
    };
    f64::from(told(case).iter().sum::<u32>()) / 30.0
}

/// The whole table is made by `examples/calibration.rs`.
#[test]
fn as_many_alerts_as_were_asked_for() {
    let anomaly = StatisticKind::Anomaly;
    let peers = StatisticKind::PeerAnomaly;
    for (kind, asked, groups, minutes) in [
        (anomaly, 3.0, 1, 5),
        (anomaly, 3.0, 1, 60),
        (anomaly, 1.0, 12, 60),
        (anomaly, 3.0, 12, 60),
        (anomaly, 10.0, 12, 60),
        (anomaly, 1.0, 100, 60),
        (anomaly, 3.0, 100, 60),
        (peers, 3.0, 12, 60),
        (peers, 3.0, 100, 60),
        (StatisticKind::UnusualTime, 3.0, 100, 60),
        (StatisticKind::Silence, 3.0, 12, 60),
        (StatisticKind::Silence, 1.0, 100, 60),
        (StatisticKind::Silence, 3.0, 100, 60),
    ] {
        let given = per_day(kind, asked, groups, minutes);
        println!("{kind:?} of {groups} groups each {minutes} min: {asked} asked, {given:.2} given");
        assert!(
            (asked / 3.0..=asked * 2.0).contains(&given),
            "{kind:?} of {groups} groups each {minutes} min: {asked} asked, {given:.2} given"
        );
    }
}
