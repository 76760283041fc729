//! Rules in SQL against their literal definition: every window, every group, all of its events at once.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use borzoi_engine::alert::Alert;
use borzoi_engine::matcher::CompiledRules;
use borzoi_engine::scan::{Scan, ScanOptions, ScanSummary};
use borzoi_parsers::catalog::Catalog;
use borzoi_parsers::input::InputSet;
use borzoi_rules::Loader;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::effort;

const SECOND: i64 = 1_000_000;

/// The first second of all events: a Thursday, 02:00.
const START: i64 = 1_767_232_800;

/// How events are looked at together.
#[derive(Debug, Clone, Copy)]
enum Window {
    /// Slide and size in seconds; one after the other where they are the same.
    Hop(i64, i64),
    Session(i64),
    Slide(i64),
}

impl Window {
    fn sql(self) -> String {
        match self {
            Window::Hop(slide, size) if slide == size => format!("tumble(time, interval '{size} seconds')"),
            Window::Hop(slide, size) => {
                format!("hop(time, interval '{slide} seconds', interval '{size} seconds')")
            }
            Window::Slide(size) => format!("slide(time, interval '{size} seconds')"),
            Window::Session(gap) => format!("session(time, interval '{gap} seconds')"),
        }
    }
}

fn rule(window: Window) -> String {
    format!(
        "
title: Counted
id: 00000000-0000-0000-0000-000000000001
sql: |
    select source_ip, count(*) as n, count(distinct destination_ip) as hosts, sum(source_bytes) as bytes,
        min(source_bytes) as low, max(destination.ip) as high, avg(source_bytes) as mean,
        median(source_bytes) as middle, count(*) filter (where source_bytes > 3) as large
    from zeek.conn
    where destination_port = 445
    group by source_ip, {}
    having count(*) >= 2
",
        window.sql()
    )
}

/// The same rule for each window is asked for many times.
fn rule_of(window: Window) -> Arc<CompiledRules> {
    static KNOWN: Mutex<BTreeMap<String, Arc<CompiledRules>>> = Mutex::new(BTreeMap::new());
    let mut known = KNOWN.lock().expect("no test panics with it");
    let text = rule(window);
    let rules = known
        .entry(text)
        .or_insert_with_key(|text| compiled(text).expect("it runs"));
    rules.clone()
}

fn compiled(text: &str) -> Result<Arc<CompiledRules>, String> {
    let report = Loader::new().load_text("rules.yml", text);
    if let Some(error) = report.errors().next() {
        return Err(error.to_string());
    }
    let catalog = Catalog::builtin();
    let (rules, _) = CompiledRules::compile_with_queries(report.detections, report.queries, &catalog);
    let (rules, not_run) = rules.with_sql(&report.sql, &catalog, None);
    match not_run.first() {
        Some(not_run) => Err(not_run.to_string()),
        None => Ok(Arc::new(rules)),
    }
}

/// One connection: second, source, destination, whether it is one of those looked at, bytes.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Event {
    second: i64,
    source: Option<u8>,
    destination: u8,
    counts: bool,
    bytes: Option<u8>,
}

impl Event {
    fn line(&self) -> String {
        let mut event = json!({
            "_path": "conn", "ts": (START + self.second) as f64, "uid": "C1", "id.orig_p": 50_000,
            "id.resp_h": format!("10.0.1.{}", self.destination), "proto": "tcp", "conn_state": "SF",
            "id.resp_p": if self.counts { 445 } else { 80 },
        });
        if let Some(source) = self.source {
            event["id.orig_h"] = json!(format!("10.0.0.{source}"));
        }
        if let Some(bytes) = self.bytes {
            event["orig_ip_bytes"] = json!(bytes);
        }
        event.to_string()
    }
}

fn event(seconds: i64) -> impl Strategy<Value = Event> {
    let source = prop::option::weighted(0.9, 0..3_u8);
    let bytes = prop::option::weighted(0.8, 0..9_u8);
    (0..seconds, source, 0..4_u8, prop::bool::weighted(0.8), bytes).prop_map(
        |(second, source, destination, counts, bytes)| Event {
            second,
            source,
            destination,
            counts,
            bytes,
        },
    )
}

struct Setting {
    threads: usize,
    batch_rows: usize,
    lateness: Option<i64>,
    budget: Option<usize>,
}

fn scan(rules: &Arc<CompiledRules>, events: &[Event], setting: &Setting) -> (Vec<Alert>, ScanSummary) {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("conn.log");
    let lines: Vec<String> = events.iter().map(Event::line).collect();
    std::fs::write(&path, lines.join("\n") + "\n").expect("written");
    let mut options = ScanOptions {
        threads: NonZeroUsize::new(setting.threads).expect("not zero"),
        ..ScanOptions::default()
    };
    options.frame.batch_rows = setting.batch_rows;
    options.windows.lateness = setting.lateness;
    if let Some(budget) = setting.budget {
        options.windows.budget = budget;
    }
    let scan = Scan {
        catalog: Catalog::builtin(),
        options,
        rules: Some(rules.clone()),
        lake: None,
        stop: Arc::new(AtomicBool::new(false)),
    };
    let mut alerts: Vec<Alert> = Vec::new();
    let summary = scan
        .run(&InputSet::expand(&[path.to_string_lossy()]), &mut alerts)
        .expect("it runs");
    (alerts, summary)
}

/// What an alert says, as far as the definition knows it.
#[derive(Debug, Clone, PartialEq)]
struct Told {
    source: String,
    row: Value,
    count: u64,
    value: f64,
    peak: f64,
    first: String,
    last: String,
    time: String,
    until: String,
    evidence: Vec<String>,
}

fn told(alerts: &[Alert]) -> BTreeMap<(String, String), Told> {
    let told = alerts.iter().map(|alert| {
        let found = alert.correlation.as_ref().expect("of several events");
        let told = Told {
            source: found.group[0].value.clone(),
            row: alert.event.value(),
            count: found.count,
            value: found.value,
            peak: found.peak,
            first: found.first.clone(),
            last: found.last.clone(),
            time: alert.time.clone(),
            until: found.until.clone().expect("it is over"),
            evidence: found.evidence.iter().map(|shown| shown.time.clone()).collect(),
        };
        ((told.source.clone(), told.first.clone()), told)
    });
    told.collect()
}

fn rfc3339(second: i64) -> String {
    let time = chrono::DateTime::from_timestamp_micros((START + second) * SECOND).expect("a time");
    time.to_rfc3339_opts(chrono::SecondsFormat::Micros, true)
}

/// The result of the statement for the events of one group and window.
fn row(source: u8, events: &[Event]) -> Value {
    let mut bytes: Vec<i64> = events
        .iter()
        .filter_map(|event| event.bytes)
        .map(i64::from)
        .collect();
    bytes.sort_unstable();
    let hosts: BTreeSet<u8> = events.iter().map(|event| event.destination).collect();
    let half = bytes.len() / 2;
    let middle = match bytes.len() {
        0 => None,
        odd if odd % 2 == 1 => Some(bytes[half] as f64),
        _ => Some((bytes[half - 1] + bytes[half]) as f64 / 2.0),
    };
    json!({
        "source_ip": format!("10.0.0.{source}"),
        "n": events.len(),
        "hosts": hosts.len(),
        "bytes": (!bytes.is_empty()).then(|| bytes.iter().sum::<i64>()),
        "low": bytes.first(),
        "high": hosts.last().map(|last| format!("10.0.1.{last}")),
        "mean": (!bytes.is_empty()).then(|| bytes.iter().sum::<i64>() as f64 / bytes.len() as f64),
        "middle": middle,
        "large": bytes.iter().filter(|bytes| **bytes > 3).count(),
    })
}

/// What should be told: windows by definition, then those that follow each other as one.
fn literally(events: &[Event], window: Window) -> BTreeMap<(String, String), Told> {
    let mut all = BTreeMap::new();
    for source in 0..3 {
        let mut of_group: Vec<Event> = events
            .iter()
            .filter(|event| event.source == Some(source) && event.counts)
            .copied()
            .collect();
        of_group.sort_by_key(|event| event.second);
        // Beginning, end and the places of the events of each.
        let mut windows: Vec<(i64, i64, Vec<usize>)> = Vec::new();
        let within = |times: std::ops::Range<i64>| -> Vec<usize> {
            let all = of_group.iter().enumerate();
            let inside = all.filter(|(_, event)| times.contains(&event.second));
            inside.map(|(place, _)| place).collect()
        };
        match window {
            Window::Hop(slide, size) => {
                let first = (START - size).div_euclid(slide);
                for start in (first..).map(|number| number * slide - START) {
                    if start > 2000 {
                        break;
                    }
                    windows.push((start, start + size, within(start..start + size)));
                }
            }
            Window::Slide(size) => {
                let ends: BTreeSet<i64> = of_group.iter().map(|event| event.second).collect();
                for end in ends {
                    windows.push((end - size, end, within(end - size + 1..end + 1)));
                }
            }
            Window::Session(gap) => {
                for (place, event) in of_group.iter().enumerate() {
                    match windows.last_mut() {
                        Some((_, end, inside)) if event.second < *end => {
                            *end = event.second + gap;
                            inside.push(place);
                        }
                        _ => windows.push((event.second, event.second + gap, vec![place])),
                    }
                }
            }
        }
        windows.retain(|(_, _, inside)| inside.len() >= 2);
        let mut episodes: Vec<Vec<(i64, i64, Vec<usize>)>> = Vec::new();
        for window_of in windows {
            let is_session = matches!(window, Window::Session(_));
            match episodes.last_mut() {
                Some(episode) if !is_session && window_of.0 <= episode.last().expect("one").1 => {
                    episode.push(window_of);
                }
                _ => episodes.push(vec![window_of]),
            }
        }
        for episode in episodes {
            let inside: BTreeSet<usize> = episode
                .iter()
                .flat_map(|(_, _, inside)| inside)
                .copied()
                .collect();
            let events: Vec<Event> = inside.iter().map(|place| of_group[*place]).collect();
            let of_window =
                |places: &[usize]| -> Vec<Event> { places.iter().map(|place| of_group[*place]).collect() };
            let first = of_window(&episode[0].2);
            let peak = episode
                .iter()
                .map(|(_, _, inside)| inside.len())
                .max()
                .expect("one");
            let highest = episode
                .iter()
                .find(|(_, _, inside)| inside.len() == peak)
                .expect("one");
            let told = Told {
                source: format!("10.0.0.{source}"),
                row: row(source, &of_window(&highest.2)),
                count: events.len() as u64,
                value: first.len() as f64,
                peak: peak as f64,
                first: rfc3339(events.first().expect("some").second),
                last: rfc3339(events.last().expect("some").second),
                time: rfc3339(first.last().expect("some").second),
                until: rfc3339(episode.last().expect("one").1),
                evidence: first.iter().take(3).map(|event| rfc3339(event.second)).collect(),
            };
            all.insert((told.source.clone(), told.first.clone()), told);
        }
    }
    all
}

fn window() -> impl Strategy<Value = Window> {
    prop_oneof![
        Just(Window::Hop(60, 60)),
        Just(Window::Hop(20, 60)),
        // Panes are shorter than both.
        Just(Window::Hop(40, 60)),
        Just(Window::Hop(7, 45)),
        Just(Window::Session(30)),
        Just(Window::Session(5)),
        Just(Window::Slide(60)),
        Just(Window::Slide(9)),
    ]
}

proptest! {
    #![proptest_config(effort(60))]

    #[test]
    fn windows_are_what_they_are_by_definition(
        window in window(),
        events in prop::collection::vec((event(600), 0..50_i64), 0..80),
        threads in 1..4_usize,
        batch_rows in 1..20_usize,
        waits in any::<bool>(),
    ) {
        let rules = rule_of(window);
        let mut events = events;
        // None comes more than 50 seconds after one that is later.
        events.sort_by_key(|(event, delay)| event.second + delay);
        let events: Vec<Event> = events.into_iter().map(|(event, _)| event).collect();
        let setting = Setting {
            threads,
            batch_rows,
            lateness: waits.then_some(50 * SECOND),
            budget: None,
        };
        let (alerts, summary) = scan(&rules, &events, &setting);
        prop_assert_eq!(told(&alerts), literally(&events, window), "{:?}", window);
        prop_assert_eq!(alerts.len(), told(&alerts).len());
        let looked_at = events.iter().filter(|event| event.counts).count() as u64;
        prop_assert_eq!((summary.sql.events, summary.sql.too_late), (looked_at, 0));
        prop_assert!(summary.sql.failed.is_empty(), "{:?}", summary.sql.failed);
    }

    /// Ids and everything else in alerts.
    #[test]
    fn alerts_do_not_depend_on_threads_cuts_and_lateness(
        window in window(),
        events in prop::collection::vec(event(600), 1..60),
        threads in 1..4_usize,
        batch_rows in 1..20_usize,
    ) {
        let rules = rule_of(window);
        let mut events = events;
        events.sort_by_key(|event| event.second);
        let setting = |threads, batch_rows, lateness| Setting { threads, batch_rows, lateness, budget: None };
        let (mut one, _) = scan(&rules, &events, &setting(1, 1000, None));
        let (mut other, _) = scan(&rules, &events, &setting(threads, batch_rows, Some(0)));
        for alerts in [&mut one, &mut other] {
            alerts.sort_by(|one, other| one.id.cmp(&other.id));
            // Files have other names each time, and events other ids therefore.
            for alert in alerts.iter_mut() {
                alert.event_id.clear();
                let found = alert.correlation.as_mut().expect("of several events");
                found.evidence.iter_mut().for_each(|shown| shown.event_id.clear());
            }
        }
        prop_assert_eq!(one, other);
    }
}

fn refused(sql: &str) -> String {
    let lines: Vec<String> = sql.lines().map(|line| format!("    {line}")).collect();
    let text = format!("title: T\nsql: |\n{}\n", lines.join("\n"));
    compiled(&text).expect_err("it does not run")
}

#[test]
fn what_cannot_run_is_said_with_its_place() {
    for (sql, says, at) in [
        (
            "select source_ip, count(*) from zeek.con group by source_ip, tumble(time, interval '5 minutes')",
            "no table `zeek.con`; did you mean zeek_conn",
            "zeek.con ",
        ),
        (
            "select source_ipp, count(*) from zeek.conn\ngroup by source_ip, tumble(time, interval '5 minutes')",
            "no column `source_ipp` in zeek_conn; did you mean source_ip",
            "source_ipp",
        ),
        (
            "select source_ip, count(*) from zeek.conn group by source_ip",
            "the rule has no window of time",
            "",
        ),
        (
            "select source_ip from zeek.conn where source_port = 1",
            "has no `group by`",
            "",
        ),
        (
            "select a.source_ip, count(*) from zeek.conn a join zeek.dns b on a.uid = b.uid\ngroup by a.source_ip, tumble(a.time, interval '5 minutes')",
            "joins cannot be used",
            "",
        ),
        (
            "select source_ip, count(*) from zeek.conn where source_ip in (select source_ip from zeek.dns)\ngroup by source_ip, tumble(time, interval '5 minutes')",
            "subqueries cannot be used",
            "",
        ),
        (
            "select source_ip, count(*) from zeek.conn where time > now() group by source_ip, tumble(time, interval '5 minutes')",
            "`now` gives something else each time",
            "now(",
        ),
        (
            "select source_ip, sum(source_bytes / 1.5) from zeek.conn group by source_ip, tumble(time, interval '5 minutes')",
            "make whole numbers of them",
            "sum(",
        ),
        (
            "select source_ip, array_agg(destination_ip) from zeek.conn group by source_ip, tumble(time, interval '5 minutes')",
            "depends on the order in which events come",
            "array_agg(",
        ),
        (
            "select source_ip, approx_distinct(destination_ip) from zeek.conn group by source_ip, slide(time, interval '1 hour')",
            "use `hop`",
            "approx_distinct(",
        ),
        (
            "select source_ip, count(*) from zeek.conn group by source_ip, tumble(time, interval '1 month')",
            "months are not all as long",
            "",
        ),
        (
            "select source_ip, count(*) from zeek.conn group by source_ip, hop(time, interval '9 minutes', interval '5 minutes')",
            "leave events out",
            "",
        ),
        (
            "select source_ip, count(*) from zeek.conn group by source_ip, tumble(time, interval '5 minutes') order by 2",
            "`order by` has no meaning",
            "",
        ),
        (
            "select count(*) from zeek.conn group by source_ip, tumble(time, interval '5 minutes')",
            "is not selected",
            "",
        ),
        ("select source_ip, count(*) fro zeek.conn", "expected", ""),
    ] {
        let problem = refused(sql);
        assert!(problem.contains(says), "{sql}\n{problem}");
        let before = &sql[..sql.find(at).expect("the word is there")];
        let (line, column) = match before.rsplit_once('\n') {
            Some((above, in_line)) => (above.matches('\n').count() + 4, in_line.len() + 5),
            None => (3, before.len() + 5),
        };
        let place = format!("rules.yml:{line}:{column}: error");
        assert!(at.is_empty() || problem.starts_with(&place), "{sql}\n{problem}");
    }
    let entities = |entities: &str| {
        let text = format!(
            "title: T\nentities: {entities}\nsql: select source_ip, count(*) as n from zeek.conn group by source_ip, tumble(time, interval '5 minutes')"
        );
        compiled(&text)
            .map(|_| ())
            .unwrap_or_else(|error| panic!("{error}"))
    };
    entities("[source_ip]");
    entities("source.ip");
    entities("[id.orig_h]");
    let text = "title: T\nentities: [sourceip, n]\nsql: select source_ip, count(*) as n from zeek.conn group by source_ip, tumble(time, interval '5 minutes')";
    let problem = compiled(text).expect_err("no such column");
    assert!(problem.contains("did you mean `source_ip`"), "{problem}");
    let problem = compiled(&text.replace("sourceip, ", "")).expect_err("no group");
    assert!(problem.contains("no column of `group by`"), "{problem}");
}

fn connection(second: i64, source: u8, destination: u8) -> Event {
    Event {
        second,
        source: Some(source),
        destination,
        counts: true,
        bytes: Some(1),
    }
}

#[test]
fn events_that_come_too_late_are_counted_and_change_nothing() {
    let rules = compiled(&rule(Window::Hop(60, 60))).expect("it runs");
    let mut events: Vec<Event> = (0..30).map(|number| connection(number * 10, 0, 1)).collect();
    events.push(connection(5, 0, 2));
    let setting = Setting {
        threads: 1,
        batch_rows: 1,
        lateness: Some(10 * SECOND),
        budget: None,
    };
    let (alerts, summary) = scan(&rules, &events, &setting);
    assert_eq!((summary.sql.events, summary.sql.too_late), (30, 1));
    assert_eq!(told(&alerts), literally(&events[..30], Window::Hop(60, 60)));
}

#[test]
fn an_expression_that_fails_leaves_out_its_events_alone_and_says_so() {
    let text = rule(Window::Hop(60, 60)).replace("destination_port = 445", "100 / source_bytes >= 0");
    let rules = compiled(&text).expect("it runs");
    let mut events: Vec<Event> = (0..40).map(|number| connection(number, 0, 1)).collect();
    for event in events.iter_mut().step_by(4) {
        event.bytes = Some(0);
    }
    for batch_rows in [1, 7, 100] {
        let setting = Setting {
            threads: 1,
            batch_rows,
            lateness: None,
            budget: None,
        };
        let (alerts, summary) = scan(&rules, &events, &setting);
        assert_eq!((alerts.len(), summary.sql.events), (1, 30));
        let (failed, why) = &summary.sql.failed["Counted"];
        assert_eq!(*failed, 10, "{why}");
        assert!(why.contains("zero"), "{why}");
    }
}

#[test]
fn memory_is_bounded_and_what_is_given_up_is_counted() {
    let many = |window| {
        let text = rule(window).replace(
            "group by source_ip",
            "group by source_ip, destination_ip, source_bytes",
        );
        let text = text.replace(
            "select source_ip,",
            "select source_ip, destination_ip, source_bytes,",
        );
        compiled(&text).expect("it runs")
    };
    let events: Vec<Event> = (0..2000)
        .map(|number| Event {
            second: number / 4,
            source: Some((number % 250) as u8),
            destination: (number / 50 % 200) as u8,
            counts: true,
            bytes: Some((number % 100) as u8),
        })
        .collect();
    let setting = Setting {
        threads: 1,
        batch_rows: 50,
        lateness: None,
        budget: Some(100_000),
    };
    let (_, summary) = scan(&many(Window::Hop(60, 60)), &events, &setting);
    assert!(summary.sql.ended_early > 0, "{:?}", summary.sql);
    // One window that never ends.
    for window in [
        Window::Hop(100_000, 100_000),
        Window::Session(100_000),
        Window::Slide(100_000),
    ] {
        let (_, summary) = scan(&many(window), &events, &setting);
        assert!(summary.sql.groups_given_up > 0, "{window:?} {:?}", summary.sql);
        assert!(summary.sql.groups_given_up < 2000, "{window:?} {:?}", summary.sql);
    }
}
