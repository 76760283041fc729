//! Correlation rules in a scan: from log files to alerts, whatever the threads, the batches and the order.

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
    assert_eq!(
        found.evidence[0]
            .event
            .pointer("/user/target/name")
            .or(found.evidence[0].event.pointer("/user/name"))
            .and_then(|v| v.as_str()),
        Some("Alice")
    );
    let written = serde_json::to_string(alert).expect("JSON");
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

fn not_run(text: &str) -> Vec<String> {
    let report = Loader::new().load_text("rules.yml", text);
    let (rules, _) = CompiledRules::compile(report.detections, &Catalog::builtin());
    let (_, not_run) = rules.with_correlations(&report.correlations, &report.referenced_only);
    not_run
        .iter()
        .map(|left_out| format!("{}: {}", left_out.rule.meta.title, left_out.reason))
        .collect()
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

#[test]
fn a_chain_may_group_by_another_field_than_the_rule_that_it_reads() {
    // Failures are counted by address; who is let in is asked by user: of each failure the user is handed up.
    let rules = compiled(&format!(
        "{LOGONS}---
title: Many
id: 00000000-0000-0000-0000-00000000000a
name: many
correlation: {{type: event_count, rules: failed_logon, group-by: [IpAddress], timespan: 5m, condition: {{gte: 3}}}}
---
title: Of many kinds
id: 00000000-0000-0000-0000-00000000000b
name: kinds
correlation: {{type: event_count, rules: many, group-by: [IpAddress], timespan: 10m, condition: {{gte: 1}}}}
---
title: Let in
id: 00000000-0000-0000-0000-00000000000c
correlation: {{type: temporal_ordered, rules: [many, logon], group-by: [TargetUserName], timespan: 5m}}
---
title: Let in, by way of another
id: 00000000-0000-0000-0000-00000000000d
correlation: {{type: temporal_ordered, rules: [kinds, logon], group-by: [TargetUserName], timespan: 5m}}
---
title: Users tried
id: 00000000-0000-0000-0000-00000000000e
correlation: {{type: value_count, rules: many, timespan: 5m, condition: {{field: TargetUserName, gte: 1}}}}
"
    ));
    let lines = vec![
        logon(0, 4625, "ann", "10.0.0.1"),
        logon(1, 4625, "bob", "10.0.0.1"),
        // The third: from here on there are many, with cid's and then eve's.
        logon(2, 4625, "Cid", "10.0.0.1"),
        logon(3, 4625, "eve", "10.0.0.1"),
        logon(10, 4624, "ann", "10.0.0.7"),
        logon(11, 4624, "cid", "10.0.0.8"),
        logon(12, 4624, "eve", "10.0.0.9"),
    ];
    let expected = [
        "Let in cid at 00:11",
        "Let in eve at 00:12",
        "Let in, by way of another cid at 00:11",
        "Users tried  at 00:02",
    ];
    for threads in [1, 2] {
        for batch_rows in [1, 3, 100] {
            let (alerts, _) = scan(&rules, std::slice::from_ref(&lines), threads, batch_rows);
            assert_eq!(groups(&alerts), expected);
        }
    }
    let mut backwards = lines;
    backwards.reverse();
    let (alerts, _) = scan(&rules, &[backwards], 1, 2);
    assert_eq!(groups(&alerts), expected);
}

#[test]
fn a_flood_is_there_as_long_as_it_lasts() {
    let rules = compiled(&format!(
        "{LOGONS}---
title: Many
id: 00000000-0000-0000-0000-00000000000a
name: many
correlation: {{type: event_count, rules: failed_logon, group-by: [TargetUserName], timespan: 10s, condition: {{gte: 3}}}}
---
title: Let in
id: 00000000-0000-0000-0000-00000000000c
correlation: {{type: temporal_ordered, rules: [many, logon], group-by: [TargetUserName], timespan: 30s}}
"
    ));
    let flood = |until: u32| (0..=until).map(|second| logon(second, 4625, "ann", "10.0.0.1"));
    let found = |second: u32| -> Vec<String> {
        let lines = flood(120).chain([logon(second, 4624, "ann", "10.0.0.1")]);
        groups(&scan(&rules, &[lines.collect()], 1, 10).0)
    };
    for second in [50, 100, 121, 149] {
        let at = format!("Let in ann at {:02}:{:02}", second / 60, second % 60);
        assert_eq!(found(second), [at]);
    }
    assert_eq!(found(150), [""; 0]);
}

#[test]
fn a_correlation_that_reads_what_another_does_not_have_does_not_run() {
    let chain = |parent: &str| {
        format!(
            "{LOGONS}---
title: Child
id: 00000000-0000-0000-0000-00000000000a
name: child
correlation:
    {{type: first_seen, rules: failed_logon, group-by: [TargetUserName], timespan: 5m, condition: {{field: LogonType}}}}
---
title: Parent
id: 00000000-0000-0000-0000-00000000000b
name: parent
correlation:
    {parent}
---
title: Grandparent
id: 00000000-0000-0000-0000-00000000000c
correlation:
    {{type: temporal, rules: [parent, logon], timespan: 5m}}
"
        )
    };
    let none: [&str; 0] = [];
    for runs in [
        "{type: temporal, rules: [child, logon], group-by: [targetusername], timespan: 5m}",
        "{type: temporal, rules: [child, logon], timespan: 5m}",
        "{type: value_count, rules: child, timespan: 5m, condition: {gte: 2, field: TARGETUSERNAME}}",
        "{type: value_count, rules: child, timespan: 5m, condition: {gte: 2, field: logontype}}",
        "{type: temporal, rules: [child, logon], group-by: [user], timespan: 5m, aliases: {user: {child: TargetUserName, logon: TargetUserName}}}",
    ] {
        assert_eq!(not_run(&chain(runs)), none, "{runs}");
    }
    for runs_not in [
        "{type: temporal, rules: [child, logon], group-by: [IpAddress], timespan: 5m}",
        "{type: value_count, rules: child, timespan: 5m, condition: {gte: 2, field: IpAddress}}",
    ] {
        assert_eq!(
            not_run(&chain(runs_not)),
            [
                "Parent: `Child`, which it reads, has no field `IpAddress`: of a rule of type `first_seen`, or of a statistic, only those of its key can be read",
                "Grandparent: `Parent`, which it reads, does not run",
            ]
        );
    }
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

#[test]
fn sums_and_medians_of_fields() {
    let rule = |kind: &str, condition: &str| {
        format!(
            "---
title: {kind}
correlation:
    type: {kind}
    rules: connection
    group-by: [id.orig_h]
    timespan: 10m
    condition: {{{condition}, field: orig_bytes}}
"
        )
    };
    let rules = compiled(&format!(
        "
title: Connection
name: connection
logsource: {{product: zeek, service: conn}}
detection:
    selection: {{proto: tcp}}
    condition: selection
{}{}{}",
        rule("value_sum", "gte: 1000"),
        rule("value_avg", "gt: 400"),
        rule("value_median", "lte: 100")
    ));
    let connection = |second: u32, bytes: &str| {
        format!(
            r#"{{"ts":{}.25,"uid":"C{second}","id.orig_h":"10.1.1.1","id.orig_p":5000,"id.resp_h":"10.2.2.2","id.resp_p":443,"proto":"tcp","service":"ssl","conn_state":"SF","orig_bytes":{bytes}}}"#,
            1_772_445_600 + second
        )
    };
    let lines = vec![
        connection(0, "100"),
        connection(60, "100"),
        connection(120, "900"),
        // No number: takes no part in any of them.
        connection(180, "null"),
        connection(240, "900"),
    ];
    let (alerts, summary) = scan(&rules, &[lines], 1, 10);
    assert_eq!(summary.windows.signals, 12, "{:?}", summary.datasets);
    let mut found: Vec<(String, u64, f64, f64)> = alerts
        .iter()
        .map(|alert| {
            let found = alert.correlation.as_ref().expect("of a correlation");
            (found.kind.clone(), found.count, found.value, found.peak)
        })
        .collect();
    found.sort_by(|one, other| one.partial_cmp(other).expect("numbers"));
    // Medians: 100, 100, 100, then 500; means 366.7, then 500 and, as the small ones leave, 633.3 and 900.
    assert_eq!(
        found,
        [
            ("value_avg".to_owned(), 4, 500.0, 900.0),
            ("value_median".to_owned(), 3, 100.0, 100.0),
            ("value_sum".to_owned(), 4, 1100.0, 2000.0),
        ]
    );
}

#[test]
fn an_event_that_two_rules_match_is_one_event() {
    let rules = compiled(&format!(
        "{LOGONS}---
title: Failed logon from outside
id: 00000000-0000-0000-0000-000000000003
name: from_outside
logsource: {{product: windows, service: security}}
detection:
    selection: {{EventID: 4625, IpAddress|startswith: '203.'}}
    condition: selection
---
title: Failed logons of any kind
id: 00000000-0000-0000-0000-00000000000a
correlation:
    type: event_count
    rules: [from_outside, failed_logon]
    group-by: [TargetUserName]
    timespan: 5m
    condition: {{gte: 3}}
"
    ));
    let from = |second, address| logon(second, 4625, "alice", address);
    let two = vec![from(0, "203.0.113.1"), from(10, "203.0.113.1")];
    let (alerts, summary) = scan(&rules, std::slice::from_ref(&two), 1, 100);
    assert_eq!(alerts.len(), 0, "two events, whatever they match");
    assert_eq!(summary.windows.signals, 2);
    let more = [
        &two[..],
        &[
            from(20, "10.0.0.1"),
            from(30, "10.0.0.1"),
            from(40, "203.0.113.1"),
        ],
    ]
    .concat();
    let (alerts, _) = scan(&rules, &[more], 2, 2);
    assert_eq!(alerts.len(), 1);
    let found = alerts[0].correlation.as_ref().expect("of a correlation");
    let of_rules: Vec<(&str, u64)> = found
        .rules
        .iter()
        .map(|rule| (&*rule.title, rule.count))
        .collect();
    assert_eq!(of_rules, [("Failed logon from outside", 3), ("Failed logon", 2)]);
    assert_eq!(found.count, 5);
    // Each event that is shown is there.
    assert_eq!(found.evidence.len(), 3, "up to the third, with which it holds");
    assert!(found.evidence.iter().all(|shown| shown.event.is_object()));
}

#[test]
fn more_alerts_than_are_made_at_once_all_come() {
    let rules = compiled(&format!(
        "{LOGONS}---
title: Two failed logons
id: 00000000-0000-0000-0000-00000000000a
correlation:
    type: event_count
    rules: failed_logon
    group-by: [TargetUserName]
    timespan: 5m
    condition: {{gte: 2}}
"
    ));
    let lines: Vec<String> = (0..4600_u32)
        .map(|n| logon(n / 10, 4625, &format!("user{}", n / 2), "10.0.0.1"))
        .collect();
    let (alerts, summary) = scan(&rules, &[lines], 2, 500);
    assert_eq!((alerts.len(), summary.alerts), (2300, 2300));
    assert!(alerts.is_sorted_by_key(|alert| alert.time.clone()));
    let shown = |alert: &Alert| alert.correlation.as_ref().map_or(0, |found| found.evidence.len());
    assert!(alerts.iter().all(|alert| shown(alert) == 2));
}

#[test]
fn an_address_that_a_user_never_came_from() {
    let rules = compiled(&format!(
        "{LOGONS}---
title: New address
id: 00000000-0000-0000-0000-00000000000a
name: new_address
correlation:
    type: first_seen
    rules: logon
    group-by: [TargetUserName]
    timespan: 30m
    condition: {{field: IpAddress, learning: 5m}}
---
title: Two new addresses
id: 00000000-0000-0000-0000-00000000000b
correlation:
    type: value_count
    rules: new_address
    group-by: [TargetUserName]
    timespan: 10m
    condition: {{field: IpAddress, gte: 2}}
"
    ));
    let lines = vec![
        logon(0, 4624, "ann", "10.0.0.1"),
        // Still learning.
        logon(60, 4624, "ann", "10.0.0.2"),
        logon(600, 4624, "ann", "10.0.0.1"),
        logon(610, 4624, "ANN", "10.9.9.9"),
        logon(620, 4624, "ann", "10.9.9.9"),
        // Unknown himself.
        logon(630, 4624, "bob", "10.9.9.9"),
        logon(640, 4624, "ann", "10.9.9.8"),
    ];
    let folder = tempfile::tempdir().expect("a folder");
    let (alerts, _) = scan_in(folder.path(), &rules, std::slice::from_ref(&lines), 1, 100);
    let told = |alerts: &[Alert]| -> Vec<String> {
        let mut told: Vec<String> = alerts
            .iter()
            .map(|alert| {
                let found = alert.correlation.as_ref().expect("of a correlation");
                let group: Vec<String> = found.group.iter().map(|value| value.value.clone()).collect();
                let title = &alert.rule.title;
                format!(
                    "{title} {} {} {}",
                    group.join(" "),
                    &alert.time[14..19],
                    found.evidence.len()
                )
            })
            .collect();
        told.sort();
        told
    };
    assert_eq!(told(&alerts), ["Two new addresses ann 10:40 2"]);
    // Each on its own where nobody counts them.
    let single = compiled(&format!(
        "{LOGONS}---
title: New address
id: 00000000-0000-0000-0000-00000000000a
correlation:
    type: first_seen
    rules: logon
    group-by: [TargetUserName]
    timespan: 30m
    condition: {{field: IpAddress, learning: 5m}}
"
    ));
    let (alerts, _) = scan_in(folder.path(), &single, &[lines], 2, 2);
    assert_eq!(
        told(&alerts),
        [
            "New address ANN 10.9.9.9 10:10 1",
            "New address ann 10.9.9.8 10:40 1"
        ]
    );
    let first = alerts[0].correlation.as_ref().expect("of a correlation");
    assert_eq!(
        (first.kind.as_str(), first.condition.as_str()),
        ("first_seen", "IpAddress not seen within 30m")
    );
    assert_eq!(first.evidence[0].event["source"]["ip"], "10.9.9.9");
}

#[test]
fn signals_about_one_host_add_up() {
    let rules = compiled(
        "
title: Failed logon
id: 00000000-0000-0000-0000-000000000001
name: failed_logon
level: low
tags: [attack.credential-access]
logsource: {product: windows, service: security}
detection: {s: {EventID: 4625}, condition: s}
---
title: Log cleared
id: 00000000-0000-0000-0000-000000000002
level: high
tags: [attack.stealth]
logsource: {product: windows, service: security}
detection: {s: {EventID: 1102}, condition: s}
---
title: Service
id: 00000000-0000-0000-0000-000000000003
level: medium
tags: [attack.persistence]
logsource: {product: windows, service: security}
detection: {s: {EventID: 4697}, condition: s}
---
title: Risk of a host
id: 00000000-0000-0000-0000-00000000000a
level: critical
correlation:
    type: risk
    rules: '*'
    group-by: [host.name]
    timespan: 1h
    condition: {gte: 90}
---
title: Many tactics
id: 00000000-0000-0000-0000-00000000000b
level: high
correlation:
    type: risk
    rules: '*'
    group-by: [host.name]
    timespan: 1h
    condition: {tactics: 3}
",
    );
    let found = |lines: Vec<String>| -> Vec<String> {
        let (alerts, _) = scan(&rules, &[lines], 1, 100);
        let several = alerts
            .iter()
            .filter_map(|alert| Some((alert, alert.correlation.as_ref()?)));
        several
            .map(|(alert, found)| {
                let parts: Vec<String> = found
                    .rules
                    .iter()
                    .map(|rule| format!("{}x{}", rule.title, rule.count))
                    .collect();
                format!(
                    "{} {:.0} {}: {}",
                    alert.rule.title,
                    found.value,
                    &alert.time[14..19],
                    parts.join(", ")
                )
            })
            .collect()
    };
    let of = |second, code| logon(second, code, "eve", "10.0.0.1");
    // A flood of one rule weighs what one of them does.
    assert_eq!(found((0..200).map(|n| of(n, 4625)).collect()), [""; 0]);
    // 60 + 30 after one half-life of 15 minutes, and 10 new.
    assert_eq!(found(vec![of(0, 1102), of(0, 4697), of(900, 4625)]).len(), 2);
    assert_eq!(
        found(vec![of(0, 1102), of(5, 4697), of(6, 4625), of(7, 4625)]),
        [
            "Risk of a host 100 00:06: Failed logonx2, Log clearedx1, Servicex1",
            "Many tactics 100 00:06: Failed logonx2, Log clearedx1, Servicex1",
        ]
    );
    // Single events alert as before.
    let (alerts, _) = scan(&rules, &[vec![of(0, 1102), of(5, 4697)]], 1, 100);
    assert_eq!(alerts.len(), 2);
}

#[test]
fn no_more_is_told_of_a_group_for_a_while() {
    let rules = |suppress: &str| {
        compiled(&format!(
            "{LOGONS}---
title: Two
id: 00000000-0000-0000-0000-00000000000a
correlation: {{type: event_count, rules: failed_logon, group-by: [TargetUserName], timespan: 10s, condition: {{gte: 2}}}}
{suppress}"
        ))
    };
    // Ann at 1, 101, 201, 301 …; bob once.
    let twice = |second: u32, user: &str| [second, second + 1].map(|at| logon(at, 4625, user, "10.0.0.1"));
    let mut lines: Vec<String> = (0..6).flat_map(|n| twice(n * 100, "ann")).collect();
    lines.extend(twice(150, "bob"));
    let (all, summary) = scan(&rules(""), std::slice::from_ref(&lines), 1, 3);
    assert_eq!((all.len(), summary.suppressed), (7, 0));
    let expected = ["Two ann at 00:01", "Two ann at 05:01", "Two bob at 02:31"];
    let quiet = rules("borzoi: {suppress: 5m}");
    for batch_rows in [1, 4, 100] {
        let (told, summary) = scan(&quiet, std::slice::from_ref(&lines), 2, batch_rows);
        assert_eq!(groups(&told), expected);
        assert_eq!(summary.suppressed, 4);
    }
}

#[test]
fn windows_that_tumble_and_sessions() {
    let found = |window: &str| -> Vec<String> {
        let rules = compiled(&format!(
            "{LOGONS}---
title: Three
id: 00000000-0000-0000-0000-00000000000a
correlation: {{type: event_count, rules: failed_logon, group-by: [TargetUserName], timespan: 1m, condition: {{gte: 3}}}}
borzoi: {{window: {window}}}
"
        ));
        // Ann over a minute's end; bob every fifty seconds.
        let ann = [50, 55, 62].map(|at| logon(at, 4625, "ann", "10.0.0.1"));
        let bob = [0, 50, 100, 150].map(|at| logon(at, 4625, "bob", "10.0.0.1"));
        groups(&scan(&rules, &[ann.into_iter().chain(bob).collect()], 1, 2).0)
    };
    assert_eq!(found("sliding"), ["Three ann at 01:02"]);
    assert_eq!(found("tumbling"), [""; 0]);
    assert_eq!(found("session"), ["Three ann at 01:02", "Three bob at 01:40"]);
}
