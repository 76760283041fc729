//! Many groups in which nothing happens, and how many alerts a rule makes of them.
//!
//! Numbers are `simulate::Calm`; silence is watched on sources that talk at random, in bursts and in office hours, unusual times of people whose
//! working hours are not quite regular, rare values on hosts whose programs are drawn from a Pareto distribution, beacons among people's sessions.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use borzoi_engine::anomaly::simulate::{Calm, Noise, People, Source, working_hours};
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
pub fn learning_days(kind: StatisticKind) -> i64 {
    match kind {
        StatisticKind::UnusualTime | StatisticKind::Silence => 14,
        _ => 7,
    }
}

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
        timespan: match case.kind {
            StatisticKind::UnusualTime | StatisticKind::RareValue => Duration::from_secs(30 * 86_400),
            StatisticKind::Beaconing => Duration::from_secs(86_400),
            _ => Duration::from_secs(case.minutes.unsigned_abs() * 60),
        },
        aliases: BTreeMap::new(),
        condition: CorrelationCondition::Statistic(Statistic {
            fields: vec!["value".into()],
            metric: Metric::Sum,
            alerts_per_day: case.asked,
            learning: Duration::from_secs(learning_days(case.kind).unsigned_abs() * 86_400),
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
    if !case.kind.is_series() {
        return told_of_events(case, plan);
    }
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
    for minute in (0..(learning_days(case.kind) + 30) * 1_440).step_by(case.minutes as usize) {
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
            let day = episode.start.div_euclid(DAY) - learning_days(case.kind);
            if let Some(count) = usize::try_from(day).ok().and_then(|day| days.get_mut(day)) {
                *count += 1;
            }
        }
    }
    days
}

fn told_of_events(case: Case, plan: Arc<Plan>) -> Vec<u32> {
    let settings = Settings {
        lateness: None,
        budget: 8 << 30,
        ..Settings::default()
    };
    let mut windows = Windows::new(vec![plan], settings);
    let tenant = windows.tenant("default");
    let days = learning_days(case.kind) + 30;
    for number in 0..case.groups {
        let mut noise = Noise::new(case.seed.wrapping_mul(1_000_003) + number);
        let sources = [Source::Sparse, Source::Bursts, Source::Office];
        let times = match case.kind {
            StatisticKind::Silence => sources[number as usize % 3].times(&mut noise, days),
            StatisticKind::Beaconing => People::Sessions.times(&mut noise, 24.0 * days as f64),
            StatisticKind::UnusualTime => working_hours(&mut noise, days),
            _ => Source::Office.times(&mut noise, days),
        };
        let host = format!("host{number}");
        for (at, time) in times.into_iter().enumerate() {
            let program = (noise.pareto(1.0).min(1e6) as u64).to_string();
            let more = (case.kind == StatisticKind::RareValue).then_some(program.as_str());
            windows.push(&Signal {
                plan: 0,
                slot: 0,
                tenant,
                source: 0,
                time,
                id: (u128::from(number) << 64) | at as u128,
                key: Key::of([host.as_str()].into_iter().chain(more)).bytes(),
                value: 0,
                handed: &[],
            });
        }
    }
    windows.finish();
    let mut by_day = vec![0; 30];
    for episode in windows.take_final() {
        let day = episode.start.div_euclid(DAY) - learning_days(case.kind);
        if let Some(count) = usize::try_from(day).ok().and_then(|day| by_day.get_mut(day)) {
            *count += 1;
        }
    }
    by_day
}
