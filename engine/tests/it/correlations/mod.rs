//! Correlation rules in a scan: from log files to alerts, whatever the threads, the batches and the order.

mod chains;
mod kinds;

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use borzoi_engine::alert::Alert;
use borzoi_engine::lake::{Lake, LakeWriter, WriterOptions};
use borzoi_engine::matcher::CompiledRules;
use borzoi_engine::scan::{STREAM_LATENESS, Scan, ScanOptions, ScanSink, ScanSummary};
use borzoi_parsers::catalog::Catalog;
use borzoi_parsers::input::InputSet;
use borzoi_rules::Loader;

const LOGONS: &str = "
title: Failed logon
id: 00000000-0000-0000-0000-000000000001
name: failed_logon
logsource: {product: windows, service: security}
detection:
    selection: {EventID: 4625}
    condition: selection
---
title: Logon
id: 00000000-0000-0000-0000-000000000002
name: logon
logsource: {product: windows, service: security}
detection:
    selection: {EventID: 4624}
    condition: selection
";

fn logon(second: u32, code: u32, user: &str, address: &str) -> String {
    format!(
        r#"{{"Channel":"Security","Provider_Name":"Microsoft-Windows-Security-Auditing","EventID":{code},"Computer":"dc01","TimeCreated":"2026-03-02T10:{:02}:{:02}.000000Z","TargetUserName":"{user}","IpAddress":"{address}"}}"#,
        second / 60,
        second % 60
    )
}

fn compiled(text: &str) -> Arc<CompiledRules> {
    let report = Loader::new().load_text("rules.yml", text);
    assert_eq!(
        report.errors().map(ToString::to_string).collect::<Vec<_>>(),
        Vec::<String>::new()
    );
    let (rules, _) = CompiledRules::compile(report.detections, &Catalog::builtin());
    let (rules, not_run) = rules.with_correlations(&report.correlations, &report.referenced_only);
    assert!(not_run.is_empty());
    Arc::new(rules)
}

/// Scans files of these lines.
fn scan(
    rules: &Arc<CompiledRules>,
    files: &[Vec<String>],
    threads: usize,
    batch_rows: usize,
) -> (Vec<Alert>, ScanSummary) {
    let folder = tempfile::tempdir().expect("a folder");
    scan_in(folder.path(), rules, files, threads, batch_rows)
}

/// The same in a folder: the id of an event is that of its bytes at their place.
fn scan_in(
    folder: &Path,
    rules: &Arc<CompiledRules>,
    files: &[Vec<String>],
    threads: usize,
    batch_rows: usize,
) -> (Vec<Alert>, ScanSummary) {
    for (number, lines) in files.iter().enumerate() {
        std::fs::write(folder.join(format!("{number}.json")), lines.join("\n") + "\n").expect("written");
    }
    let mut options = ScanOptions {
        threads: NonZeroUsize::new(threads).expect("not zero"),
        ..ScanOptions::default()
    };
    options.frame.batch_rows = batch_rows;
    let scan = Scan {
        catalog: Catalog::builtin(),
        options,
        rules: Some(rules.clone()),
        lake: None,
        stop: Arc::new(AtomicBool::new(false)),
    };
    let mut alerts: Vec<Alert> = Vec::new();
    let inputs = InputSet::expand(&[folder.to_string_lossy()]);
    let summary = scan.run(&inputs, &mut alerts).expect("it runs");
    (alerts, summary)
}

/// The alert without the times at which its events were read.
fn timeless(alert: &Alert) -> serde_json::Value {
    fn strip(value: &mut serde_json::Value) {
        match value {
            serde_json::Value::Object(map) => {
                map.remove("ingested");
                map.values_mut().for_each(strip);
            }
            serde_json::Value::Array(items) => items.iter_mut().for_each(strip),
            _ => {}
        }
    }
    let mut value = serde_json::to_value(alert).expect("JSON");
    strip(&mut value);
    value
}

#[test]
fn failed_logons_are_counted_by_user() {
    let rules = compiled(&format!(
        "{LOGONS}---
title: Many failed logons
id: 00000000-0000-0000-0000-00000000000a
level: high
correlation:
    type: event_count
    rules: failed_logon
    group-by: [TargetUserName]
    timespan: 5m
    condition: {{gte: 5}}
"
    ));
    let mut lines: Vec<String> = (0..6).map(|n| logon(n * 10, 4625, "Alice", "10.0.0.1")).collect();
    lines.extend((0..4).map(|n| logon(n * 10 + 1, 4625, "bob", "10.0.0.2")));
    // Case does not count; an event without the field takes no part.
    lines.push(logon(55, 4625, "ALICE", "10.0.0.9"));
    lines.push(logon(56, 4625, "alice", "").replace(r#""TargetUserName":"alice","#, ""));
    let (alerts, summary) = scan(&rules, std::slice::from_ref(&lines), 1, 100);
    assert_eq!(summary.windows.signals, 11);
    let logon_alerts = alerts.iter().filter(|alert| alert.correlation.is_none()).count();
    assert_eq!(logon_alerts, 0, "rules that a correlation reads do not alert");
    assert_eq!(alerts.len(), 1, "{alerts:#?}");
    let alert = &alerts[0];
    assert_eq!(&*alert.rule.title, "Many failed logons");
    assert_eq!(alert.time, "2026-03-02T10:00:40.000000Z");
    assert_eq!(&*alert.dataset, "windows.security");
    assert_eq!(alert.entities.hosts, ["dc01"]);
    let found = alert.correlation.as_ref().expect("of a correlation");
    assert_eq!((found.count, found.value, found.peak), (7, 5.0, 7.0));
    assert_eq!(found.kind, "event_count");
    assert_eq!(found.condition, "gte 5 within 5m");
    assert_eq!(
        (found.group[0].field.as_str(), found.group[0].value.as_str()),
        ("TargetUserName", "Alice")
    );
    assert_eq!(found.first, "2026-03-02T10:00:00.000000Z");
    assert_eq!(found.last, "2026-03-02T10:00:55.000000Z");
    assert_eq!(found.until.as_deref(), Some("2026-03-02T10:05:20.000000Z"));
    assert_eq!(
        (&*found.rules[0].title, found.rules[0].count),
        ("Failed logon", 7)
    );
    assert_eq!(found.evidence.len(), 5);
    let event = found.evidence[0].event.value();
    let user = event.pointer("/user/target/name").or(event.pointer("/user/name"));
    assert_eq!(user.and_then(|v| v.as_str()), Some("Alice"));
    let written = serde_json::to_string(alert).expect("JSON");
    let mut as_text = Vec::new();
    alert.write_json(&mut as_text).expect("memory");
    assert_eq!(String::from_utf8(as_text).expect("JSON"), written);
    let read: Alert = serde_json::from_str(&written).expect("the same");
    assert_eq!(&read, alert);
}

/// Rules of many types over the same events; `generate` lets one of those that are read alert too.
fn many_rules() -> Arc<CompiledRules> {
    compiled(&format!(
        "{LOGONS}---
title: Password spray
id: 00000000-0000-0000-0000-00000000000b
name: spray
correlation:
    type: value_count
    rules: failed_logon
    group-by: [IpAddress]
    timespan: 2m
    condition: {{gte: 4, field: TargetUserName}}
---
title: Brute force that succeeded
id: 00000000-0000-0000-0000-00000000000c
correlation:
    type: temporal_ordered
    rules: [failed_logon, logon]
    group-by: [who]
    aliases:
        who: {{failed_logon: TargetUserName, logon: TargetUserName}}
    timespan: 1m
---
title: Failed and none succeeded
id: 00000000-0000-0000-0000-00000000000d
correlation:
    type: temporal
    rules: [failed_logon, logon]
    group-by: [TargetUserName]
    timespan: 1m
    condition: failed_logon and not logon
---
title: Sprays again and again
id: 00000000-0000-0000-0000-00000000000e
correlation:
    type: event_count
    rules: spray
    group-by: [IpAddress]
    timespan: 1h
    condition: {{gte: 2}}
    generate: true
---
title: Many refusals of many users
id: 00000000-0000-0000-0000-00000000000f
correlation:
    type: event_count
    rules: failed_logon
    group-by: [IpAddress]
    timespan: 5m
    condition: {{gte: 5}}
borzoi:
    window: hopping
    hop: 1m
    distinct: {{field: TargetUserName, gte: 4}}
"
    ))
}

fn many_events() -> Vec<String> {
    let mut state = 7_u32;
    let mut draw = |below: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 16) % below
    };
    (0..1_500)
        .map(|_| {
            let code = if draw(4) == 0 { 4624 } else { 4625 };
            let (user, address) = (format!("user{}", draw(12)), format!("10.0.0.{}", draw(40)));
            logon(draw(3_500), code, &user, &address)
        })
        .collect()
}

#[test]
fn threads_batches_and_order_do_not_show() {
    let rules = many_rules();
    let mut sorted = many_events();
    sorted.sort_by_key(|line| line.find("2026-").map(|at| line[at..at + 27].to_owned()));
    let folder = tempfile::tempdir().expect("a folder");
    let same = |threads, batch_rows| {
        scan_in(
            folder.path(),
            &rules,
            std::slice::from_ref(&sorted),
            threads,
            batch_rows,
        )
    };
    let (expected, summary) = same(1, 8192);
    let title = |name: &str| expected.iter().filter(|alert| &*alert.rule.title == name).count();
    for name in [
        "Password spray",
        "Brute force that succeeded",
        "Failed and none succeeded",
        "Sprays again and again",
        "Many refusals of many users",
    ] {
        assert!(title(name) > 0, "{name} never");
    }
    assert!(summary.windows.twice == 0 && summary.windows.too_late == 0);
    // The same file, cut and shared out otherwise: the very same alerts, in the same order.
    for (threads, batch_rows) in [(1, 1), (2, 37), (4, 300)] {
        let (found, _) = same(threads, batch_rows);
        assert_eq!(found.len(), expected.len());
        for (one, other) in found.iter().zip(&expected) {
            assert_eq!(
                timeless(one),
                timeless(other),
                "{threads} threads, batches of {batch_rows}"
            );
        }
    }
    // Other files in another order: other event ids, the same findings.
    let mut backwards = sorted.clone();
    backwards.reverse();
    let (left, right): (Vec<_>, Vec<_>) = many_events()
        .into_iter()
        .enumerate()
        .partition(|(n, _)| n % 2 == 0);
    let lines = |part: Vec<(usize, String)>| part.into_iter().map(|(_, line)| line).collect::<Vec<_>>();
    for files in [vec![backwards], vec![lines(left), lines(right)]] {
        let (found, _) = scan(&rules, &files, 2, 100);
        let findings = |alerts: &[Alert]| {
            let mut all: Vec<_> = alerts
                .iter()
                .map(|alert| {
                    let found = alert.correlation.as_ref().expect("of a correlation");
                    (
                        alert.id.clone(),
                        found.count,
                        found.until.clone(),
                        found.group.clone(),
                    )
                })
                .collect();
            all.sort_by(|one, other| one.0.cmp(&other.0));
            all
        };
        // What found sprays again counts episodes by ids that do not depend on files either.
        assert_eq!(findings(&found), findings(&expected));
    }
}

#[test]
fn a_rule_that_no_correlation_hides_alerts_too() {
    let rules = compiled(&format!(
        "{LOGONS}---
title: Failures
id: 00000000-0000-0000-0000-00000000000f
correlation:
    type: event_count
    rules: failed_logon
    group-by: [TargetUserName]
    timespan: 5m
    condition: {{gte: 2}}
    generate: true
"
    ));
    let lines = vec![
        logon(0, 4625, "a", "1.1.1.1"),
        logon(9, 4625, "a", "1.1.1.1"),
        logon(12, 4624, "a", "1.1.1.1"),
    ];
    let (alerts, _) = scan(&rules, &[lines], 1, 100);
    let titles: Vec<&str> = alerts.iter().map(|alert| &*alert.rule.title).collect();
    assert_eq!(titles, ["Failed logon", "Failed logon", "Logon", "Failures"]);
}

/// What a scan of standard input would be told, block by block.
#[test]
fn an_input_without_an_end_is_told_at_once_and_when_it_is_over() {
    let rules = compiled(&format!(
        "{LOGONS}---
title: Many failed logons
id: 00000000-0000-0000-0000-00000000000a
correlation:
    type: event_count
    rules: failed_logon
    group-by: [TargetUserName]
    timespan: 5m
    condition: {{gte: 3}}
"
    ));
    #[derive(Default)]
    struct Told {
        first: Vec<Alert>,
        again: Vec<Alert>,
    }
    impl ScanSink for Told {
        fn alert(&mut self, alert: &Alert) -> std::io::Result<()> {
            self.first.push(alert.clone());
            Ok(())
        }
        fn update(&mut self, alert: &Alert) -> std::io::Result<()> {
            self.again.push(alert.clone());
            Ok(())
        }
    }
    // Batches of one event, so that the attack is seen before it is over.
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("events.json");
    let lines: Vec<String> = (0..5).map(|n| logon(n * 10, 4625, "eve", "10.0.0.1")).collect();
    std::fs::write(&path, lines.join("\n")).expect("written");
    let mut options = ScanOptions::default();
    options.frame.batch_rows = 1;
    options.windows.eager = true;
    options.windows.lateness = Some(STREAM_LATENESS);
    let scan = Scan {
        catalog: Catalog::builtin(),
        options,
        rules: Some(rules),
        lake: None,
        stop: Arc::new(AtomicBool::new(false)),
    };
    let mut told = Told::default();
    let summary = scan
        .run(&InputSet::expand(&[path.to_string_lossy()]), &mut told)
        .expect("it runs");
    assert_eq!((told.first.len(), told.again.len(), summary.alerts), (1, 1, 1));
    let (early, over) = (&told.first[0], &told.again[0]);
    assert_eq!((&early.id, &early.time), (&over.id, &over.time));
    let (early, over) = (early.correlation.as_ref(), over.correlation.as_ref());
    let (early, over) = (early.expect("of a correlation"), over.expect("of a correlation"));
    assert_eq!((early.count, &early.until), (3, &None));
    assert_eq!((over.count, over.until.is_some(), over.joins.len()), (5, true, 0));
}

/// A sink that takes so many alerts.
struct Takes(usize);

impl ScanSink for Takes {
    fn alert(&mut self, _: &Alert) -> std::io::Result<()> {
        match self.0.checked_sub(1) {
            Some(left) => self.0 = left,
            None => return Err(std::io::ErrorKind::BrokenPipe.into()),
        }
        Ok(())
    }
}

#[test]
fn a_sink_that_fails_keeps_no_alert_of_a_correlation_from_the_lake() {
    let rules = |generate: bool| {
        compiled(&format!(
            "{LOGONS}---
title: Failures
id: 00000000-0000-0000-0000-00000000000f
correlation:
    type: event_count
    rules: failed_logon
    group-by: [TargetUserName]
    timespan: 5m
    condition: {{gte: 2}}
    generate: {generate}
"
        ))
    };
    let lines: Vec<String> = (0..6)
        .map(|n| logon(n, 4625, ["a", "b", "c"][n as usize % 3], "1.1.1.1"))
        .collect();
    // At the second alert of three at the end; at the last event, when two of the three have been found.
    for (generate, taken, stored) in [(false, 1, 3), (true, 5, 7)] {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("events.json");
        std::fs::write(&path, lines.join("\n")).expect("written");
        let lake = Lake::create(&folder.path().join("lake")).expect("a lake");
        let mut options = ScanOptions {
            threads: NonZeroUsize::MIN,
            ..ScanOptions::default()
        };
        options.frame.batch_rows = 1;
        let scan = Scan {
            catalog: Catalog::builtin(),
            options,
            rules: Some(rules(generate)),
            lake: Some(LakeWriter::new(lake.clone(), WriterOptions::default())),
            stop: Arc::new(AtomicBool::new(false)),
        };
        scan.run(&InputSet::expand(&[path.to_string_lossy()]), &mut Takes(taken))
            .expect_err("the sink fails");
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let tables = runtime.block_on(lake.status()).expect("a status");
        let rows: Vec<_> = tables
            .iter()
            .filter(|table| table.dataset == "alerts")
            .map(|table| table.rows)
            .collect();
        assert_eq!(rows, [stored]);
    }
}

/// Titles and groups of the alerts of correlations.
fn groups(alerts: &[Alert]) -> Vec<String> {
    let several = alerts
        .iter()
        .filter_map(|alert| Some((alert, alert.correlation.as_ref()?)));
    let mut told: Vec<String> = several
        .map(|(alert, found)| {
            let group: Vec<&str> = found.group.iter().map(|value| value.value.as_str()).collect();
            format!(
                "{} {} at {}",
                alert.rule.title,
                group.join(" "),
                &alert.time[14..19]
            )
        })
        .collect();
    told.sort();
    told
}
