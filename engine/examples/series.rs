//! How fast statistics are as rules, and how much memory they take: `series [GROUPS] [INTERVALS]`.
//!
//! Each group has one event in each interval; so each event is one update of a series.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use borzoi_engine::windows::keys::Key;
use borzoi_engine::windows::plan::Plan;
use borzoi_engine::windows::{Settings, Signal, Windows};
use borzoi_rules::correlation::{
    CorrelationCondition, CorrelationKind, CorrelationRule, Direction, Metric, Options, Statistic,
    StatisticKind,
};
use borzoi_rules::ir::Meta;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const INTERVAL: i64 = 300_000_000;

fn main() {
    let mut numbers = std::env::args().skip(1).filter_map(|text| text.parse().ok());
    let groups: i64 = numbers.next().unwrap_or(100_000);
    let intervals: i64 = numbers.next().unwrap_or(50);
    println!("{groups} groups, {intervals} intervals");
    for (kind, metric) in [
        (StatisticKind::Anomaly, Metric::Sum),
        (StatisticKind::Anomaly, Metric::Distinct),
        (StatisticKind::PeerAnomaly, Metric::Sum),
        (StatisticKind::Beaconing, Metric::Count),
        (StatisticKind::Silence, Metric::Count),
        (StatisticKind::UnusualTime, Metric::Count),
    ] {
        run(kind, metric, groups, intervals);
    }
}

fn run(kind: StatisticKind, metric: Metric, groups: i64, intervals: i64) {
    let rule = CorrelationRule {
        meta: Meta {
            id: "rule".into(),
            ..Meta::default()
        },
        kind: CorrelationKind::Statistic(kind),
        rules: vec!["events".into()],
        group_by: vec!["group".into()],
        timespan: match kind.is_series() {
            true => Duration::from_micros(INTERVAL.unsigned_abs()),
            false => Duration::from_secs(86_400),
        },
        aliases: BTreeMap::new(),
        condition: CorrelationCondition::Statistic(Statistic {
            fields: Vec::new(),
            metric,
            alerts_per_day: 1.0,
            learning: Duration::from_secs(3600),
            direction: Direction::Up,
            at_least: 0.0,
            speed: 1000.0,
            at_most_peers: None,
        }),
        generate: false,
        options: Options::default(),
    };
    let plan = match Plan::of(&rule) {
        Ok(plan) => Arc::new(plan),
        Err(reason) => return println!("{}: {reason}", kind.name()),
    };
    let settings = Settings {
        lateness: Some(INTERVAL),
        budget: 8 << 30,
        ..Settings::default()
    };
    let mut windows = Windows::new(vec![plan], settings);
    let tenant = windows.tenant("default");
    let keys: Vec<Key> = (0..groups)
        .map(|group| Key::of([format!("10.{}.{}.{}", group >> 16, (group >> 8) & 255, group & 255).as_str()]))
        .collect();
    let began = Instant::now();
    let (mut told, mut mix, mut most) = (0, 1_u64, 0);
    for interval in 0..intervals {
        for group in 0..groups {
            mix = mix
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let value = match metric {
                Metric::Distinct => mix >> 40,
                _ => ((mix >> 40) as f64).to_bits(),
            };
            let id = (interval * groups + group) as u128;
            windows.push(&Signal {
                plan: 0,
                slot: 0,
                tenant,
                source: 0,
                time: interval * INTERVAL + group * INTERVAL / groups,
                id,
                key: keys[group as usize].bytes(),
                value,
                handed: &[],
            });
        }
        told += windows.take_final().len();
        most = most.max(windows.bytes());
    }
    windows.finish();
    told += windows.take_final().len();
    let seconds = began.elapsed().as_secs_f64();
    let events = (groups * intervals) as f64;
    println!(
        "{:>14} {:<8} {:>6.2} M updates/s, {:>6.0} bytes a group at most, {told} told",
        kind.name(),
        metric.name(),
        events / seconds / 1e6,
        most as f64 / groups as f64,
    );
}
