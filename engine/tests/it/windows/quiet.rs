//! Silences: where all sources of a rule are quiet at once, it is one finding and nobody's own.

use borzoi_engine::anomaly::simulate::Noise;
use borzoi_engine::windows::Figure;
use borzoi_rules::correlation::{CorrelationRule, Metric, StatisticKind};

use super::statistics::{DAY, Event, HOUR, MINUTE, event, figure, found, statistic};

/// So many sources that speak each ten minutes or so.
fn sources(count: u64, days: i64) -> Vec<Event> {
    let mut events = Vec::new();
    for source in 0..count {
        let (mut noise, mut at) = (Noise::new(40 + source), 0);
        let name = format!("host{source}");
        while at < days * DAY {
            at += (noise.spread(0.7, 1.4) * 10.0 * MINUTE as f64) as i64;
            events.push(event(at, (at as u128) << 8 | u128::from(source), &name, 0.0));
        }
    }
    events.sort_by_key(|event| (event.time, event.id));
    events
}

fn rule() -> CorrelationRule {
    statistic(StatisticKind::Silence, Metric::Count, 30 * MINUTE, 14 * DAY)
}

#[test]
fn all_that_are_quiet_at_once_are_told_once() {
    let mut events = sources(60, 26);
    // Nothing arrives for five hours; some days later one source falls silent for good.
    events.retain(|event| !(20 * DAY..20 * DAY + 5 * HOUR).contains(&event.time));
    events.retain(|event| !(event.time > 24 * DAY && event.id & 0xff == 7));
    for saves in [vec![], vec![1_000, events.len() / 2, events.len() - 9_000]] {
        let found = found(&rule(), Some(MINUTE), &events, &saves);
        assert_eq!(found.len(), 2, "{found:#?}");
        assert_eq!(found[0].key.values(), ["*"]);
        let told = found[0].start - 20 * DAY;
        assert!((29 * MINUTE..32 * MINUTE).contains(&told), "{told}");
        assert_eq!(figure(&found[0], Figure::Peers), Some(60.0));
        assert_eq!(found[1].key.values(), ["host7"]);
        let told = found[1].start - 24 * DAY;
        assert!((0..3 * HOUR).contains(&told), "{told}");
    }
}

#[test]
fn two_are_not_all() {
    let mut events = sources(2, 22);
    events.retain(|event| !(20 * DAY..20 * DAY + 5 * HOUR).contains(&event.time));
    let found = found(&rule(), Some(MINUTE), &events, &[]);
    let names: Vec<String> = found.iter().map(|found| found.key.values().concat()).collect();
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(names.contains(&"host0".to_owned()) && names.contains(&"host1".to_owned()));
}

#[test]
fn half_of_them_are_told_by_name() {
    let mut events = sources(10, 22);
    events.retain(|event| event.id & 1 == 0 || !(20 * DAY..20 * DAY + 5 * HOUR).contains(&event.time));
    let found = found(&rule(), Some(MINUTE), &events, &[]);
    assert_eq!(found.len(), 5, "{found:#?}");
    assert!(found.iter().all(|found| found.key.values() != ["*"]));
}
