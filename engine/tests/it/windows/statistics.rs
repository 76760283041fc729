//! Statistics over windows: the same is found whatever the order, the cuts and the saves; and what is found.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use borzoi_engine::anomaly::Detector;
use borzoi_engine::anomaly::pool::{Pool, Tally};
use borzoi_engine::anomaly::sensitivity::strength_of;
use borzoi_engine::windows::keys::{Key, value_hash};
use borzoi_engine::windows::plan::{Measured, Plan, Taken};
use borzoi_engine::windows::{Episode, Figure, Settings, Signal, Windows};
use borzoi_rules::correlation::{
    CorrelationCondition, CorrelationKind, CorrelationRule, Direction, Metric, Statistic, StatisticKind,
};
use proptest::prelude::*;

use super::rule;
use crate::effort;

const SECOND: i64 = 1_000_000;
pub(super) const MINUTE: i64 = 60 * SECOND;
pub(super) const HOUR: i64 = 60 * MINUTE;
pub(super) const DAY: i64 = 24 * HOUR;

const KINDS: [StatisticKind; 8] = [
    StatisticKind::Anomaly,
    StatisticKind::PeerAnomaly,
    StatisticKind::Beaconing,
    StatisticKind::Silence,
    StatisticKind::RareValue,
    StatisticKind::UnusualTime,
    StatisticKind::ImpossibleTravel,
    StatisticKind::GeneratedNames,
];

pub(super) fn statistic(kind: StatisticKind, metric: Metric, span: i64, learning: i64) -> CorrelationRule {
    let has_field = metric.has_field()
        || matches!(
            kind,
            StatisticKind::RareValue | StatisticKind::ImpossibleTravel | StatisticKind::GeneratedNames
        );
    let condition = CorrelationCondition::Statistic(Statistic {
        fields: if has_field {
            vec!["value".into()]
        } else {
            Vec::new()
        },
        metric,
        alerts_per_day: 1.0,
        learning: Duration::from_micros(learning as u64),
        direction: Direction::Up,
        at_least: match kind {
            StatisticKind::ImpossibleTravel => 200.0,
            StatisticKind::Beaconing => 10.0,
            StatisticKind::GeneratedNames => 4.0,
            _ => 0.0,
        },
        speed: 1000.0,
        at_most_peers: None,
    });
    let span = Duration::from_micros(span as u64);
    rule(CorrelationKind::Statistic(kind), 1, span, condition)
}

#[derive(Debug, Clone)]
pub(super) struct Event {
    pub(super) time: i64,
    pub(super) id: u128,
    group: String,
    value: f64,
}

pub(super) fn event(time: i64, id: u128, group: &str, value: f64) -> Event {
    Event {
        time,
        id,
        group: group.into(),
        value,
    }
}

pub(super) fn push(windows: &mut Windows, plan: &Plan, event: &Event) {
    let tenant = windows.tenant("default");
    let text = event.value.to_string();
    let of_key = matches!(&plan.test, borzoi_engine::windows::plan::Test::Statistic(kind, _) if *kind == StatisticKind::RareValue);
    let more = of_key.then_some(text.as_str());
    let high = |upper: u32, lower: f32| (u64::from(upper) << 32) | u64::from(lower.to_bits());
    let value = match plan.measured {
        Measured::Unusual(Taken::Event) => 0,
        Measured::Unusual(Taken::Value) => value_hash(text.as_bytes()),
        Measured::Unusual(Taken::Place) => high((event.value as f32).to_bits(), 10.0),
        Measured::Unusual(Taken::Name) => high(value_hash(text.as_bytes()) as u32, 0.99),
        _ => event.value.to_bits(),
    };
    windows.push(&Signal {
        plan: 0,
        slot: 0,
        tenant,
        source: 0,
        time: event.time,
        id: event.id,
        key: Key::of([event.group.as_str()].into_iter().chain(more)).bytes(),
        value,
        handed: &[],
    });
}

pub(super) fn found(
    rule: &CorrelationRule,
    lateness: Option<i64>,
    events: &[Event],
    saves: &[usize],
) -> Vec<Episode> {
    let plan = Arc::new(Plan::of(rule).expect("it runs"));
    let settings = Settings {
        lateness,
        ..Settings::default()
    };
    let mut windows = Windows::new(vec![plan.clone()], settings);
    let mut found = Vec::new();
    for (number, event) in events.iter().enumerate() {
        if saves.contains(&number) {
            found.extend(windows.take_final());
            let saved = postcard::to_stdvec(&windows).expect("saved");
            windows = Windows::new(vec![plan.clone()], settings);
            let places = windows.restore(postcard::from_bytes(&saved).expect("read"));
            assert_eq!(places, [Ok(0)]);
        }
        push(&mut windows, &plan, event);
    }
    windows.finish();
    found.extend(windows.take_final());
    assert_eq!((windows.groups(), windows.bytes()), (0, 0));
    assert_eq!(windows.counters().too_late, 0);
    found.sort_by(|one, other| (one.start, &one.key).cmp(&(other.start, &other.key)));
    found
}

/// Events of some groups over days: regular ones, some at random, some twice.
fn traces() -> impl Strategy<Value = Vec<Event>> {
    let group = (0..4_u8, 1..40_i64, 0..500_i64, 1..30_usize, 0..5_u8);
    prop::collection::vec(group, 1..12).prop_map(|parts| {
        let mut events = Vec::new();
        for (group, every, from, times, value) in parts {
            for n in 0..times as i64 {
                let time = (from + n * every) * 7 * MINUTE;
                let id = (time as u128) << 8 | u128::from(group);
                let value = f64::from(value) * 17.0 + (n % 3) as f64;
                events.push(event(time, id, &format!("g{group}"), value));
            }
        }
        events.sort_by_key(|event| (event.time, event.id));
        events
    })
}

/// Ten groups that do the same for a day and a half: as many as are needed to have peers.
fn crowd() -> impl Iterator<Item = Event> {
    (0..10 * 30_i64).map(|n| {
        let (hour, group) = (n / 10, n % 10);
        let time = hour * HOUR + (group + 1) * MINUTE;
        event(time, (time as u128) << 8 | 0x80, &format!("crowd{group}"), 17.0)
    })
}

/// What was found of each kind, over all cases.
static FOUND: [AtomicUsize; KINDS.len()] = [const { AtomicUsize::new(0) }; KINDS.len()];

#[test]
fn order_cuts_and_saves_do_not_show() {
    order_cuts_and_saves_show_not();
    // Nothing is the same as nothing.
    for (kind, found) in KINDS.iter().zip(&FOUND) {
        assert!(found.load(Ordering::Relaxed) > 0, "{kind:?} found nothing");
    }
}

/// One group, with all it ever had.
#[derive(Default)]
struct OneSeries {
    detector: Detector,
    strengths: Vec<f64>,
    busy: u32,
}

impl OneSeries {
    /// The strength of an hour and the highest of late, as the pool wants them.
    fn next(&mut self, hour: i64, count: Option<u32>) -> (f64, f64) {
        self.busy += u32::from(count.is_some());
        let value = f64::from(count.unwrap_or(0));
        let score = self.detector.update(hour * HOUR, value);
        let strength = if count.is_some() && value > score.expected {
            score.settled
        } else {
            0.0
        };
        // Where one a day is asked for, a rest is six hours: four, and what has begun of the next four.
        let from = (self.strengths.len() / 4 * 4).saturating_sub(4);
        let quiet = self.strengths[from..].iter().copied().fold(0.0, f64::max);
        self.strengths.push(f64::from(strength as f32));
        let quiet = if strength >= 2.0 * quiet { 0.0 } else { quiet };
        (12.0 * quiet.ln_1p(), 12.0 * strength.ln_1p())
    }
}

proptest! {
    #![proptest_config(effort(400))]

    /// Intervals without events wait where nothing could be told of them, and do not where somebody watches; a gap is closed at once, or as
    /// time is said to go on.
    #[test]
    fn waiting_does_not_show(
        events in traces(),
        gap in 0..1_000_i64,
        tick in 1..40_i64,
        metric in prop::sample::select(&[Metric::Count, Metric::Sum, Metric::Mean][..]),
        direction in prop::sample::select(&[Direction::Up, Direction::Down, Direction::Both][..]),
    ) {
        let mut rule = statistic(StatisticKind::Anomaly, metric, HOUR, 20 * HOUR);
        if let CorrelationCondition::Statistic(statistic) = &mut rule.condition {
            (statistic.direction, statistic.alerts_per_day) = (direction, 10.0);
        }
        // The second half after a gap.
        let middle = events.get(events.len() / 2).map_or(0, |event| event.time);
        let mut events = events;
        for event in events.iter_mut().filter(|event| event.time > middle) {
            event.time += gap * HOUR;
        }
        let plan = Arc::new(Plan::of(&rule).expect("it runs"));
        let run = |watch: bool, ticks: bool| {
            let settings = Settings { lateness: Some(0), watch, ..Settings::default() };
            let mut windows = Windows::new(vec![plan.clone()], settings);
            let tenant = windows.tenant("default");
            let mut last = 0;
            for event in &events {
                while ticks && last < event.time {
                    windows.observe(tenant, 0, last);
                    last += tick * HOUR;
                }
                push(&mut windows, &plan, event);
            }
            windows.finish();
            windows.take_final()
        };
        let expected = run(true, true);
        prop_assert_eq!(run(false, false), expected.clone());
        prop_assert_eq!(run(false, true), expected);
    }

    fn order_cuts_and_saves_show_not(
        events in traces(),
        kind in prop::sample::select(&KINDS[..]),
        metric in prop::sample::select(&[Metric::Count, Metric::Distinct, Metric::Sum, Metric::Mean, Metric::Max][..]),
        late in prop::collection::vec(0..600 * SECOND, 700),
        saves in prop::collection::vec(0..200_usize, 0..4),
        twice in prop::collection::vec(any::<bool>(), 700),
    ) {
        let span = if kind == StatisticKind::PeerAnomaly || kind == StatisticKind::Anomaly { HOUR } else { DAY };
        let rule = statistic(kind, metric, span, HOUR);
        let mut events = events;
        if kind == StatisticKind::PeerAnomaly {
            events.extend(crowd());
            events.sort_by_key(|event| (event.time, event.id));
        }
        let expected = found(&rule, None, &events, &[]);
        let place = KINDS.iter().position(|&other| other == kind).unwrap_or(0);
        FOUND[place].fetch_add(expected.len(), Ordering::Relaxed);
        let mut arriving: Vec<(i64, Event)> = events
            .iter()
            .zip(late)
            .map(|(event, late)| (event.time + late, event.clone()))
            .collect();
        let again: Vec<_> = arriving.iter().zip(twice).filter(|(_, twice)| *twice).map(|(event, _)| event.clone()).collect();
        arriving.extend(again);
        arriving.sort_by_key(|(at, _)| *at);
        let arriving: Vec<Event> = arriving.into_iter().map(|(_, event)| event).collect();
        prop_assert_eq!(found(&rule, Some(600 * SECOND), &arriving, &saves), expected.clone());
        prop_assert_eq!(found(&rule, None, &arriving, &saves), expected);
    }

    /// What the rule says, by hand: for each group, its counts of all intervals into a detector; of all groups, strengths into a
    /// pool.
    #[test]
    fn counts_are_those_of_all_intervals(events in traces(), burst in 20..200_u32, at in 6..16_i64) {
        let mut events = events;
        for n in 0..burst {
            events.push(event(at * 12 * HOUR + i64::from(n), u128::from(n) << 100, "g1", 0.0));
        }
        events.sort_by_key(|event| event.time);
        let rule = statistic(StatisticKind::Anomaly, Metric::Count, HOUR, 10 * HOUR);
        let mut by_group: BTreeMap<String, BTreeMap<i64, u32>> = BTreeMap::new();
        let mut last = 0;
        let mut seen = std::collections::BTreeSet::new();
        for event in &events {
            if seen.insert((event.time, event.id)) {
                *by_group.entry(event.group.clone()).or_default().entry(event.time.div_euclid(HOUR)).or_default() += 1;
            }
            last = last.max(event.time.div_euclid(HOUR));
        }
        let first = by_group.values().filter_map(|counts| counts.keys().min()).min().copied().unwrap_or(0);
        prop_assume!(last - first < 14 * 24);
        let mut pool = Pool::new(1.0);
        let mut series: BTreeMap<&str, OneSeries> = BTreeMap::new();
        let mut expected = Vec::new();
        for hour in first..=last {
            let mut tally = Tally::default();
            let mut judged = Vec::new();
            for (group, counts) in &by_group {
                let count = counts.get(&hour).copied();
                if count.is_none() && !series.contains_key(group.as_str()) {
                    continue;
                }
                let began = events.iter().find(|event| event.group == *group).map_or(0, |event| event.time);
                let one = series.entry(group).or_default();
                let (quiet, strength) = one.next(hour, count);
                if one.busy >= 2 && hour * HOUR - began >= 5 * HOUR {
                    tally.add(quiet, strength);
                }
                if hour * HOUR - began >= 10 * HOUR {
                    judged.push((group, quiet, strength, count));
                }
            }
            // One a day of noise, of all groups together: twice as many may be left to the pool.
            let each = 2.0 / 24.0 / tally.values().max(1) as f64;
            let bar = pool.bar().max(12.0 * strength_of(each.min(0.5)).max(0.0).ln_1p());
            for (group, quiet, strength, count) in judged {
                if Pool::tells(bar, quiet, strength) {
                    expected.push((hour * HOUR, group.clone(), f64::from(count.unwrap_or(0))));
                }
            }
            pool.learn(1.0 / 24.0, &tally, bar);
        }
        let found: Vec<(i64, String, f64)> = found(&rule, None, &events, &[])
            .into_iter()
            .map(|episode| (episode.start, episode.key.values().concat(), episode.value))
            .collect();
        prop_assert_eq!(found, expected);
    }
}

pub(super) fn figure(episode: &Episode, wanted: Figure) -> Option<f64> {
    let figures = episode.figures.as_ref()?;
    let (_, value) = figures.figures.iter().find(|(figure, _)| *figure == wanted)?;
    Some(*value)
}

#[test]
fn a_flood_of_bytes_is_told_with_what_was_expected() {
    let mut events = Vec::new();
    for hour in 0..24 * 20 {
        let busy = if (8..18).contains(&(hour % 24)) {
            1000.0
        } else {
            100.0
        };
        for part in 0..3 {
            let time = hour * HOUR + part * 20 * MINUTE;
            events.push(event(
                time,
                time as u128,
                "pc1",
                busy + ((hour * 7 + part) % 11) as f64,
            ));
        }
    }
    let at = (24 * 19 + 3) * HOUR;
    events.push(event(at + 5, 1 << 100, "pc1", 40_000.0));
    events.sort_by_key(|event| event.time);
    let mut rule = statistic(StatisticKind::Anomaly, Metric::Sum, HOUR, 7 * DAY);
    // One a day is expected of noise.
    if let CorrelationCondition::Statistic(statistic) = &mut rule.condition {
        statistic.at_least = 10_000.0;
    }
    let found = found(&rule, None, &events, &[]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((found[0].start, found[0].end, found[0].count), (at, at + HOUR, 4));
    assert!(found[0].value > 40_000.0);
    assert!(figure(&found[0], Figure::High).is_some_and(|high| high < 5_000.0));
    let series = &found[0].figures.as_ref().expect("figures").series;
    assert_eq!(series.len(), 24);
    assert!((series[23] - 40_300.0).abs() < 500.0, "{series:?}");
}

/// Numbers from 0 to 1, the same in each run.
fn chance() -> impl FnMut() -> f64 {
    let mut random = 1_u64;
    move || {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) as f64 / f64::from(1_u32 << 31)
    }
}

#[test]
fn a_beacon_is_told_once_and_people_are_not() {
    let mut events = Vec::new();
    let mut next = chance();
    for n in 0..200 {
        let time = n * 10 * MINUTE + ((next() - 0.5) * 6.0 * MINUTE as f64) as i64;
        events.push(event(time, n as u128, "bad", 0.0));
    }
    for person in 0..20 {
        let mut time = 0;
        while time < 33 * HOUR {
            time += (-next().max(1e-9).ln() * 10.0 * MINUTE as f64) as i64 + 1;
            events.push(event(
                time,
                (time as u128) << 8 | person,
                &format!("person{person}"),
                0.0,
            ));
        }
    }
    events.sort_by_key(|event| event.time);
    let rule = statistic(StatisticKind::Beaconing, Metric::Count, DAY, 0);
    let found = found(&rule, None, &events, &[]);
    let told: Vec<String> = found
        .iter()
        .map(|episode| episode.key.values().concat())
        .collect();
    assert_eq!(told, ["bad"]);
    let period = figure(&found[0], Figure::PeriodSeconds).expect("a period");
    assert!((540.0..660.0).contains(&period), "{period}");
}

/// The first event after a pause that is longer than a group is remembered is not lost with what is forgotten: it comes just
/// after a whole hour at which it is looked who is to be forgotten, and by then nothing else of the group waits.
#[test]
fn an_event_that_ends_a_long_pause_counts() {
    let mut events = Vec::new();
    let (first, second) = (5 * HOUR + 43 * MINUTE, 39 * HOUR + 5 * MINUTE);
    for n in 0..10_i64 {
        events.push(event(first + n * 42 * MINUTE, n as u128, "a", 0.0));
        events.push(event(second + n * 21 * MINUTE, 100 + n as u128, "a", 0.0));
    }
    // Time goes on past that event before the next one comes.
    events.push(event(second + 17 * MINUTE, 200, "b", 0.0));
    events.sort_by_key(|event| event.time);
    let rule = statistic(StatisticKind::Beaconing, Metric::Count, DAY, 0);
    for lateness in [None, Some(0), Some(10 * MINUTE)] {
        let found = found(&rule, lateness, &events, &[]);
        let times: Vec<i64> = found.iter().map(|episode| episode.start).collect();
        assert_eq!(
            times,
            [first + 9 * 42 * MINUTE, second + 9 * 21 * MINUTE],
            "{lateness:?}"
        );
    }
}

#[test]
fn a_beacon_that_comes_back_after_a_while_of_other_traffic_is_told_again() {
    let mut next = chance();
    let mut time = 0;
    let mut events = Vec::new();
    for part in 0..3 {
        for _ in 0..300 {
            time += match part {
                1 => (-next().max(1e-9).ln() * 10.0 * MINUTE as f64) as i64 + 1,
                _ => 10 * MINUTE + ((next() - 0.5) * MINUTE as f64) as i64,
            };
            events.push(event(time, time as u128, "bad", 0.0));
        }
    }
    let rule = statistic(StatisticKind::Beaconing, Metric::Count, DAY, 0);
    let found = found(&rule, None, &events, &[]);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].start < events[299].time && found[1].start > events[599].time);
}

#[test]
fn a_host_that_falls_silent_is_told_while_others_go_on() {
    let mut events = Vec::new();
    for minute in 0..60 * 24 * 12 {
        for host in ["a", "b"] {
            if host == "a" || minute < 60 * 24 * 11 {
                let time = minute * MINUTE + (minute * 7_919 % 31) * SECOND;
                events.push(event(
                    time,
                    (time as u128) << 8 | host.as_bytes()[0] as u128,
                    host,
                    0.0,
                ));
            }
        }
    }
    events.sort_by_key(|event| (event.time, event.id));
    let rule = statistic(StatisticKind::Silence, Metric::Count, 10 * MINUTE, 7 * DAY);
    let found = found(&rule, Some(MINUTE), &events, &[]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].key.values(), ["b"]);
    assert!(found[0].start > 11 * DAY && found[0].start < 11 * DAY + 6 * HOUR);
}

#[test]
fn two_places_too_far_apart() {
    // Latitudes on one meridian: some 111 km a degree.
    let events = [
        event(0, 1, "anna", 50.0),
        event(HOUR, 2, "anna", 50.1),
        event(2 * HOUR, 3, "anna", -10.0),
        event(3 * DAY, 4, "berta", 50.0),
        event(4 * DAY, 5, "berta", -10.0),
    ];
    let rule = statistic(StatisticKind::ImpossibleTravel, Metric::Count, DAY, 0);
    let found = found(&rule, None, &events, &[]);
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].key.values(), found[0].start), (vec!["anna"], 2 * HOUR));
    let ids: Vec<u128> = found[0].samples.iter().map(|sample| sample.id).collect();
    assert_eq!(ids, [2, 3]);
}

#[test]
fn names_that_look_generated_are_counted() {
    let names = |count: i64, every: i64| -> Vec<Event> {
        (0..count)
            .map(|n| event(n * every, n as u128, "pc", (n % 6) as f64))
            .collect()
    };
    let rule = statistic(StatisticKind::GeneratedNames, Metric::Count, HOUR, 0);
    assert_eq!(found(&rule, None, &names(12, MINUTE), &[]).len(), 1);
    // Never four within an hour.
    assert_eq!(found(&rule, None, &names(12, 30 * MINUTE), &[]).len(), 0);
    // The same three again and again.
    let same: Vec<Event> = (0..50)
        .map(|n| event(n * MINUTE, n as u128, "pc", (n % 3) as f64))
        .collect();
    assert_eq!(found(&rule, None, &same, &[]).len(), 0);
}

#[test]
fn who_is_full_forgets_who_was_quiet_longest() {
    let plan =
        Arc::new(Plan::of(&statistic(StatisticKind::Anomaly, Metric::Count, HOUR, 0)).expect("it runs"));
    let settings = Settings {
        lateness: Some(0),
        budget: 1 << 20,
        ..Settings::default()
    };
    let mut windows = Windows::new(vec![plan.clone()], settings);
    for n in 0..10_000_i64 {
        push(
            &mut windows,
            &plan,
            &event(n * MINUTE, n as u128, &format!("host{n}"), 0.0),
        );
        assert!(windows.bytes() <= 1 << 20);
    }
    let counters = windows.counters();
    assert!(counters.evicted_groups > 0 && counters.over_budget > 0);
    assert!(windows.groups() > 200, "{}", windows.groups());
}

/// That somebody was forgotten shows in what others may tell; so it must not depend on whether time went on at once.
#[test]
fn time_that_goes_on_without_events_does_not_show() {
    let mut rule = statistic(StatisticKind::Beaconing, Metric::Count, DAY, 0);
    if let CorrelationCondition::Statistic(statistic) = &mut rule.condition {
        statistic.at_most_peers = Some(0);
    }
    rule.group_by.push("destination".into());
    let plan = Arc::new(Plan::of(&rule).expect("it runs"));
    let mut events = vec![(0, "a")];
    // Three hours after the other one is forgotten.
    events.extend((0..30).map(|call| (28 * HOUR + call * 10 * MINUTE, "b")));
    let run = |ticks: bool| -> Vec<i64> {
        let settings = Settings {
            lateness: Some(0),
            ..Settings::default()
        };
        let mut windows = Windows::new(vec![plan.clone()], settings);
        let tenant = windows.tenant("default");
        let mut last = 0;
        for (number, &(time, source)) in events.iter().enumerate() {
            if ticks {
                for hour in last / HOUR..time / HOUR {
                    windows.observe(tenant, 0, hour * HOUR);
                }
            }
            last = time;
            windows.push(&Signal {
                plan: 0,
                slot: 0,
                tenant,
                source: 0,
                time,
                id: number as u128,
                key: Key::of([source, "x"]).bytes(),
                value: 0,
                handed: &[],
            });
        }
        windows.finish();
        let found = windows.take_final();
        found.iter().map(|episode| episode.start).collect()
    };
    let found = run(true);
    assert_eq!(found.len(), 1);
    assert!(found[0] < 30 * HOUR, "{found:?}");
    assert_eq!(run(false), found);
}

#[test]
fn an_event_dated_ahead_does_not_make_others_silent() {
    let plan = Arc::new(
        Plan::of(&statistic(
            StatisticKind::Silence,
            Metric::Count,
            10 * MINUTE,
            7 * DAY,
        ))
        .expect("it runs"),
    );
    let mut windows = Windows::new(vec![plan.clone()], Settings::default());
    windows.set_now(13 * DAY);
    for minute in 0..60 * 24 * 12 {
        let time = minute * MINUTE + (minute * 7_919 % 31) * SECOND;
        push(&mut windows, &plan, &event(time, time as u128, "a", 0.0));
    }
    push(&mut windows, &plan, &event(40_000 * DAY, 1, "b", 0.0));
    windows.finish();
    let found = windows.take_final();
    // Known: that nobody spoke in the day until now.
    assert!(found.iter().all(|episode| episode.start < 13 * DAY), "{found:?}");
    assert_eq!(windows.counters().future, 1);
}

/// One event twice leaves nothing behind.
#[test]
fn values_that_come_twice_are_forgotten() {
    let plan = Arc::new(
        Plan::of(&statistic(StatisticKind::RareValue, Metric::Count, 30 * DAY, DAY)).expect("it runs"),
    );
    let settings = Settings {
        lateness: Some(HOUR),
        ..Settings::default()
    };
    let mut windows = Windows::new(vec![plan.clone()], settings);
    for n in 0..100_i64 {
        for _ in 0..2 {
            push(&mut windows, &plan, &event(n * HOUR, n as u128, "a", n as f64));
        }
    }
    assert!(windows.groups() <= 3, "{}", windows.groups());
}

#[test]
fn a_rare_value_is_known_of_others_that_have_it() {
    let mut events = Vec::new();
    for hour in 0..15 * 24_i64 {
        for user in 0..12_i64 {
            let value = match (hour % 24, user) {
                (9, 0..8) => 8,
                _ => 100 + user,
            };
            let id = (hour * 12 + user) as u128;
            events.push(event(
                hour * HOUR + user * SECOND,
                id,
                &format!("user{user}"),
                value as f64,
            ));
        }
    }
    events.push(event(15 * DAY, 1 << 40, "user11", 8.0));
    events.push(event(15 * DAY + SECOND, 2 << 40, "user10", 999.0));
    let ask = |most| {
        let mut rule = statistic(StatisticKind::RareValue, Metric::Count, 30 * DAY, 7 * DAY);
        if let CorrelationCondition::Statistic(ask) = &mut rule.condition {
            ask.alerts_per_day = 1000.0;
            ask.at_most_peers = most;
        }
        found(&rule, None, &events, &[])
    };
    let all = ask(None);
    let with: Vec<(String, Option<f64>, Option<f64>)> = all
        .iter()
        .filter(|episode| episode.start >= 15 * DAY)
        .map(|episode| {
            let figures = [Figure::PeersWith, Figure::Peers].map(|name| figure(episode, name));
            (episode.key.values().concat(), figures[0], figures[1])
        })
        .collect();
    assert_eq!(
        with,
        [
            ("user118".to_owned(), Some(8.0), Some(11.0)),
            ("user10999".to_owned(), Some(0.0), Some(11.0))
        ]
    );
    let few = ask(Some(2));
    let few: Vec<String> = few
        .iter()
        .filter(|episode| episode.start >= 15 * DAY)
        .map(|episode| episode.key.values().concat())
        .collect();
    assert_eq!(few, ["user10999"]);
}

/// What all groups of such a rule share is given up too, and counted; the groups of others stay.
#[test]
fn rare_values_are_forgotten_where_memory_is_full() {
    let rare = Arc::new(
        Plan::of(&statistic(StatisticKind::RareValue, Metric::Count, 30 * DAY, DAY)).expect("it runs"),
    );
    let mut windows = Windows::new(vec![rare.clone()], settings(1 << 20));
    let mut most = 0;
    for n in 0..100_000_i64 {
        push(
            &mut windows,
            &rare,
            &event(n * SECOND, n as u128, &format!("user{}", n / 20), n as f64),
        );
        most = most.max(windows.bytes());
    }
    let counters = windows.counters();
    assert!(counters.condensed > 10_000, "{counters:?}");
    assert_eq!(counters.evicted_events, 0, "{counters:?}");
    assert!(most < 2 << 20, "{most} bytes");
}

fn settings(budget: usize) -> Settings {
    Settings {
        lateness: Some(0),
        budget,
        ..Settings::default()
    }
}

#[test]
fn what_a_group_takes() {
    let plan =
        Arc::new(Plan::of(&statistic(StatisticKind::Anomaly, Metric::Sum, HOUR, 7 * DAY)).expect("it runs"));
    let mut windows = Windows::new(vec![plan.clone()], settings(1 << 30));
    let name = |n: i64| format!("10.0.{}.{}", n / 250, n % 250);
    for n in 0..2_000_i64 {
        push(&mut windows, &plan, &event(n, n as u128, &name(n), 5.0));
    }
    // Time goes on with one group.
    for hour in 1..100 {
        push(
            &mut windows,
            &plan,
            &event(hour * HOUR, hour as u128, &name(0), 5.0),
        );
    }
    let each = windows.bytes() / windows.groups();
    assert!(windows.groups() == 2_000 && each < 350, "one event: {each} bytes");
    for hour in 100..400 {
        for n in 0..2_000_i64 {
            push(
                &mut windows,
                &plan,
                &event(
                    hour * HOUR + n,
                    (hour << 20 | n) as u128,
                    &name(n),
                    (n % 7) as f64,
                ),
            );
        }
    }
    let each = windows.bytes() / windows.groups();
    assert!(windows.groups() == 2_000 && each < 2_000, "learned: {each} bytes");
}

#[test]
fn who_is_full_keeps_what_was_learned() {
    let plan = Arc::new(
        Plan::of(&statistic(StatisticKind::Anomaly, Metric::Count, HOUR, 5 * HOUR)).expect("it runs"),
    );
    let mut windows = Windows::new(vec![plan.clone()], settings(1 << 20));
    for hour in 0..50 {
        for host in 0..100 {
            push(
                &mut windows,
                &plan,
                &event(hour * HOUR, host << 20 | hour as u128, &format!("old{host}"), 0.0),
            );
        }
    }
    assert_eq!(windows.counters().evicted_groups, 0);
    // A flood of names that are seen once.
    for n in 0..20_000_i64 {
        push(
            &mut windows,
            &plan,
            &event(51 * HOUR + n * SECOND, n as u128, &format!("flood{n}"), 0.0),
        );
    }
    assert!(windows.counters().evicted_groups > 10_000);
    let before = windows.groups();
    for host in 0..100 {
        push(
            &mut windows,
            &plan,
            &event(57 * HOUR, host << 30, &format!("old{host}"), 0.0),
        );
    }
    assert_eq!(windows.groups(), before, "they were all there");
}

/// Who waits to the end learns only then.
#[test]
fn memory_is_looked_at_while_the_end_is_worked_off() {
    let plan =
        Arc::new(Plan::of(&statistic(StatisticKind::Anomaly, Metric::Count, HOUR, DAY)).expect("it runs"));
    let budget = 2 << 20;
    let settings = Settings {
        lateness: None,
        ..settings(budget)
    };
    let mut windows = Windows::new(vec![plan.clone()], settings);
    for n in 0..4_000_i64 {
        for time in 0..3 {
            push(
                &mut windows,
                &plan,
                &event(time * HOUR, n as u128, &format!("host{n}"), 0.0),
            );
        }
    }
    assert_eq!(windows.counters().over_budget, 0, "{}", windows.bytes());
    windows.finish();
    let counters = windows.counters();
    assert!(
        counters.over_budget > 0 && counters.evicted_groups > 1_000,
        "{counters:?}"
    );
    assert_eq!(counters.evicted_events, 0);
}

/// A month without events in intervals of ten seconds, for a thousand groups, is no work.
#[test]
fn a_gap_is_not_closed_interval_by_interval() {
    let plan = Arc::new(
        Plan::of(&statistic(
            StatisticKind::Anomaly,
            Metric::Count,
            10 * SECOND,
            HOUR,
        ))
        .expect("it runs"),
    );
    let mut windows = Windows::new(vec![plan.clone()], settings(1 << 30));
    for group in 0..1_000 {
        for n in 0..40 {
            push(
                &mut windows,
                &plan,
                &event(
                    n * 10 * SECOND,
                    (n << 10 | group) as u128,
                    &format!("g{group}"),
                    0.0,
                ),
            );
        }
    }
    let began = std::time::Instant::now();
    push(&mut windows, &plan, &event(30 * DAY, 1, "g1", 0.0));
    // 26 million intervals of groups.
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[test]
fn an_outlier_against_peers_is_told_once_and_the_next_one_too() {
    let (mut events, mut next) = (Vec::new(), chance());
    for hour in 0..14 * 24_i64 {
        for host in 0..30 {
            // Within a factor of three.
            let mut bytes = 1e6 * 3f64.powf(next());
            if (host == 3 && (240..264).contains(&hour)) || (host == 9 && hour == 293) {
                bytes = 1e9;
            }
            let time = hour * HOUR + i64::from(host);
            events.push(event(time, time as u128, &format!("host{host}"), bytes));
        }
    }
    let mut rule = statistic(StatisticKind::PeerAnomaly, Metric::Sum, HOUR, 3 * DAY);
    if let CorrelationCondition::Statistic(statistic) = &mut rule.condition {
        statistic.alerts_per_day = 0.5;
        statistic.at_least = 1e7;
    }
    let found = found(&rule, None, &events, &[]);
    let told: Vec<_> = found
        .iter()
        .map(|episode| (episode.start / HOUR, episode.key.values().concat()))
        .collect();
    assert_eq!(told, [(240, "host3".to_owned()), (293, "host9".to_owned())]);
}
