//! Many groups in which nothing happens, and how many alerts a rule makes of them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use borzoi_engine::anomaly::simulate::Calm;
use borzoi_engine::windows::keys::Key;
use borzoi_engine::windows::plan::Plan;
use borzoi_engine::windows::{Settings, Signal, Windows};
use borzoi_rules::correlation::{
    CorrelationCondition, CorrelationKind, CorrelationRule, Direction, Metric, Options, Statistic,
    StatisticKind,
};
use borzoi_rules::ir::Meta;

const MINUTE: i64 = 60_000_000;
const DAY: i64 = 1_440 * MINUTE;
/// From when on it is counted.
pub const LEARNING_DAYS: i64 = 7;

/// What is asked for, of how many groups, with an interval of so many minutes.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    pub kind: StatisticKind,
    pub asked: f64,
    pub groups: u64,
    pub minutes: i64,
    pub seed: u64,
}

/// Alerts by day, over 30 days after the learning time.
pub fn told(case: Case) -> Vec<u32> {
    let rule = CorrelationRule {
        meta: Meta {
            id: "rule".into(),
            ..Meta::default()
        },
        kind: CorrelationKind::Statistic(case.kind),
        rules: vec!["events".into()],
        group_by: vec!["group".into()],
        timespan: Duration::from_secs(case.minutes.unsigned_abs() * 60),
        aliases: BTreeMap::new(),
        condition: CorrelationCondition::Statistic(Statistic {
            fields: vec!["value".into()],
            metric: Metric::Sum,
            alerts_per_day: case.asked,
            learning: Duration::from_secs(LEARNING_DAYS.unsigned_abs() * 86_400),
            direction: Direction::Up,
            at_least: 0.0,
            speed: 1000.0,
            at_most_peers: None,
        }),
        generate: false,
        options: Options::default(),
    };
    let plan = Arc::new(Plan::of(&rule).expect("it runs"));
    let settings = Settings {
        lateness: Some(0),
        budget: 8 << 30,
        ..Settings::default()
    };
    let mut windows = Windows::new(vec![plan], settings);
    let tenant = windows.tenant("default");
    let mut groups: Vec<(Key, Calm)> = (0..case.groups)
        .map(|number| {
            let key = Key::of([format!("host{number}").as_str()]);
            // Peers are of one kind.
            let number = match case.kind {
                StatisticKind::PeerAnomaly => 3 * number + 1,
                _ => number,
            };
            (key, Calm::new(case.seed, number, case.minutes))
        })
        .collect();
    let mut days = vec![0; 30];
    for minute in (0..(LEARNING_DAYS + 30) * 1_440).step_by(case.minutes as usize) {
        for (number, (key, calm)) in groups.iter_mut().enumerate() {
            windows.push(&Signal {
                plan: 0,
                slot: 0,
                tenant,
                source: 0,
                time: minute * MINUTE,
                id: ((minute as u128) << 32) | number as u128,
                key: key.bytes(),
                value: calm.value(minute).to_bits(),
                handed: &[],
            });
        }
        for episode in windows.take_final() {
            let day = episode.start.div_euclid(DAY) - LEARNING_DAYS;
            if let Some(count) = usize::try_from(day).ok().and_then(|day| days.get_mut(day)) {
                *count += 1;
            }
        }
    }
    days
}
