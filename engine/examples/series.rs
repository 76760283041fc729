//! How fast statistics are as rules, and how much memory they take: `series [GROUPS] [INTERVALS] [KIND]`.
//!
//! Each group has one event in each interval; so each event is one update of a series. Signals are handed over by as many together
//! as a scan does.
//!
//! Each is run twice, the first time for as much memory as is needed: in a virtual machine a page that was never touched
//! costs more than a hundred updates, which a process that runs for days pays once. With `MIMALLOC_PURGE_DELAY=-1` the allocator keeps it.

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
/// Signals handed over at once.
const TOGETHER: usize = 1024;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, usual: i64| {
        let given = arguments.get(at).and_then(|text| text.parse().ok());
        given.unwrap_or(usual)
    };
    let (groups, intervals) = (number(0, 100_000), number(1, 50));
    println!("{groups} groups, {intervals} intervals");
    for (kind, metric, direction) in [
        (StatisticKind::Anomaly, Metric::Sum, Direction::Up),
        (StatisticKind::Anomaly, Metric::Distinct, Direction::Up),
        (StatisticKind::Anomaly, Metric::Count, Direction::Both),
        (StatisticKind::PeerAnomaly, Metric::Sum, Direction::Up),
        (StatisticKind::Beaconing, Metric::Count, Direction::Up),
        (StatisticKind::Silence, Metric::Count, Direction::Up),
        (StatisticKind::UnusualTime, Metric::Count, Direction::Up),
    ] {
        if arguments.get(2).is_some_and(|wanted| wanted != kind.name()) {
            continue;
        }
        for runs in 0..2 {
            run(kind, metric, direction, groups, intervals, runs > 0);
        }
    }
}

fn run(kind: StatisticKind, metric: Metric, direction: Direction, groups: i64, intervals: i64, tells: bool) {
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
            direction,
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
    let (began, processor) = (Instant::now(), processor_seconds());
    let (mut told, mut mix, mut most) = (0, 1_u64, 0);
    let mut signals = Vec::with_capacity(TOGETHER);
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
            signals.push(Signal {
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
            if signals.len() == TOGETHER {
                windows.push_all(&signals);
                signals.clear();
            }
        }
        told += windows.take_final().len();
        most = most.max(windows.bytes());
    }
    windows.push_all(&signals);
    windows.finish();
    told += windows.take_final().len();
    let seconds = began.elapsed().as_secs_f64();
    let events = (groups * intervals) as f64;
    let by_processor = events / (processor_seconds() - processor) / 1e6;
    if !tells {
        return;
    }
    println!(
        "{:>14} {:<8} {:<4} {:>6.2} M updates/s ({by_processor:.2} M by processor time), {:>6.0} bytes a group at most, {told} told",
        kind.name(),
        metric.name(),
        format!("{direction:?}").to_lowercase(),
        events / seconds / 1e6,
        most as f64 / groups as f64,
    );
}

/// Seconds that this process has had a processor, where the system says so.
fn processor_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    let nanoseconds = text.split(' ').next().and_then(|first| first.parse::<f64>().ok());
    nanoseconds.unwrap_or(0.0) / 1e9
}
