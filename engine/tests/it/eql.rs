//! Queries in a scan: from log files to alerts.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use borzoi_engine::alert::Alert;
use borzoi_engine::matcher::CompiledRules;
use borzoi_engine::scan::{Scan, ScanOptions, ScanSummary};
use borzoi_parsers::catalog::Catalog;
use borzoi_parsers::input::InputSet;
use borzoi_rules::Loader;
use borzoi_rules::query::{Language, QueryRule};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::effort;

fn compiled(language: Language, text: &str, cased: bool) -> Arc<CompiledRules> {
    let mut query = QueryRule::ad_hoc(language, text).unwrap_or_else(|error| panic!("{text}: {error}"));
    query.settings.cased = cased;
    let catalog = Catalog::builtin();
    let (rules, _) = CompiledRules::compile_with_queries(Vec::new(), vec![Arc::new(query)], &catalog);
    Arc::new(rules)
}

fn scan(
    rules: &Arc<CompiledRules>,
    path: &Path,
    threads: usize,
    batch_rows: usize,
) -> (Vec<Alert>, ScanSummary) {
    let mut options = ScanOptions {
        threads: NonZeroUsize::new(threads).expect("not zero"),
        ..ScanOptions::default()
    };
    options.frame.batch_rows = batch_rows;
    scan_with(rules, path, options)
}

fn scan_with(rules: &Arc<CompiledRules>, path: &Path, options: ScanOptions) -> (Vec<Alert>, ScanSummary) {
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

/// A file of these lines, in a folder that goes away with the value.
fn written(lines: &[String]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("events.json");
    std::fs::write(&path, lines.join("\n") + "\n").expect("written");
    (folder, path)
}

/// The number that each event of the alerts has in `field`.
fn numbers(alerts: &[Alert], field: &str) -> Vec<i64> {
    let number = |event: &Value| match &event[field] {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    let mut found = Vec::new();
    for alert in alerts {
        match &alert.correlation {
            Some(several) => found.extend(
                several
                    .evidence
                    .iter()
                    .filter_map(|shown| number(&shown.event.value())),
            ),
            None => found.extend(number(&alert.event.value())),
        }
    }
    found
}

fn corpus() -> Option<PathBuf> {
    let folder = match std::env::var_os("BORZOI_CORPORA") {
        Some(folder) => PathBuf::from(folder),
        None => PathBuf::from("../../shared/corpora"),
    };
    let folder = folder.join("eql");
    let found = folder.join("queries.ndjson").is_file();
    if !found {
        println!("skipped: no {}", folder.display());
    }
    found.then_some(folder)
}

#[test]
fn every_query_of_the_first_implementation_finds_what_it_should() {
    let Some(folder) = corpus() else {
        return;
    };
    let queries = std::fs::read_to_string(folder.join("queries.ndjson")).expect("readable");
    let events = folder.join("events.json");
    let mut wrong = Vec::new();
    let mut asked = 0;
    for line in queries.lines() {
        let query: Value = serde_json::from_str(line).expect("JSON");
        let text = query["query"].as_str().expect("text");
        let expected: Vec<i64> = serde_json::from_value(query["expected_event_ids"].clone()).expect("ids");
        let modes: &[bool] = match (&query["case_sensitive"], &query["case_insensitive"]) {
            (Value::Bool(true), _) => &[true],
            (_, Value::Bool(true)) => &[false],
            _ => &[false, true],
        };
        for &cased in modes {
            asked += 1;
            let (alerts, _) = scan(&compiled(Language::Eql, text, cased), &events, 1, 40);
            let found = numbers(&alerts, "serial_event_id");
            if found != expected {
                wrong.push(format!("{} cased {cased}: {text}\n  {found:?}", query["n"]));
            }
        }
    }
    assert!(asked > 200, "the queries are gone");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// An event of a product that nobody knows.
fn event(number: usize, second: usize, category: &str, more: &Value) -> String {
    let mut event = json!({
        "@timestamp": format!("2026-03-02T10:{:02}:{:02}.000Z", second / 60 % 60, second % 60),
        "event": {"category": category},
        "n": number,
    });
    for (name, value) in more.as_object().expect("an object") {
        event[name] = value.clone();
    }
    event.to_string()
}

fn found_in(lines: &[String], text: &str) -> Vec<i64> {
    let (_folder, path) = written(lines);
    let (alerts, _) = scan(&compiled(Language::Eql, text, false), &path, 1, 1000);
    numbers(&alerts, "n")
}

#[test]
fn a_condition_sees_lists_objects_and_what_two_fields_say() {
    let lines = [
        event(
            1,
            0,
            "process",
            &json!({"args": ["a", "b", "c"], "first": "x", "second": "X"}),
        ),
        event(
            2,
            1,
            "process",
            &json!({"args": ["a"], "first": "x", "second": "y", "rows": [{"k": "v", "m": 2}]}),
        ),
        event(3, 2, "process", &json!({"first": "y", "outer": {"inner": 7}})),
        event(
            4,
            3,
            "file",
            &json!({"args": ["a", "b", "c"], "first": "x", "second": "x"}),
        ),
    ];
    let cases: [(&str, &[i64]); 9] = [
        ("process where length(args) == 3", &[1]),
        ("any where args[1] == \"b\"", &[1, 4]),
        ("any where first == second", &[1, 4]),
        ("any where first != second", &[2]),
        ("any where outer", &[3]),
        ("any where outer.inner * 2 == 14", &[3]),
        ("any where arraySearch(rows, r, r.k == \"v\" and r.m > 1)", &[2]),
        ("any where not first == \"x\"", &[3]),
        ("any where second == null", &[3]),
    ];
    for (text, expected) in cases {
        assert_eq!(found_in(&lines, text), expected, "{text}");
    }
}

#[test]
fn steps_follow_each_other_in_time_whatever_the_order_of_the_lines() {
    let ordered = [
        event(
            1,
            0,
            "process",
            &json!({"user": {"name": "anna"}, "process": {"name": "net.exe"}}),
        ),
        event(
            2,
            5,
            "network",
            &json!({"user": {"name": "Anna"}, "destination": {"port": 445}}),
        ),
        event(
            3,
            6,
            "network",
            &json!({"user": {"name": "bob"}, "destination": {"port": 445}}),
        ),
        event(
            4,
            200,
            "process",
            &json!({"user": {"name": "bob"}, "process": {"name": "net.exe"}}),
        ),
        event(
            5,
            400,
            "network",
            &json!({"user": {"name": "bob"}, "destination": {"port": 445}}),
        ),
    ];
    let text = "sequence by user.name with maxspan=1m
        [process where process.name : \"NET.exe\"]
        [network where destination.port == 445]";
    assert_eq!(found_in(&ordered, text), [1, 2]);
    let mut reversed = ordered.clone();
    reversed.reverse();
    assert_eq!(found_in(&reversed, text), [1, 2]);
    let (_folder, path) = written(&ordered);
    let (alerts, _) = scan(&compiled(Language::Eql, text, false), &path, 1, 1);
    let alert = &alerts[0];
    let several = alert.correlation.as_ref().expect("several events");
    assert_eq!((several.kind.as_str(), several.count), ("sequence", 2));
    assert_eq!(several.evidence[1].rule.as_ref(), "step 2");
    assert_eq!(several.group[0].field, "user.name");
    assert_eq!(several.group[0].value, "anna");
    assert_eq!(alert.time, "2026-03-02T10:00:05.000000Z");
    assert_eq!(alert.entities.users, ["anna", "Anna"]);
}

#[test]
fn a_step_that_must_not_come_keeps_a_sequence_from_being_found() {
    let begun = event(
        1,
        0,
        "process",
        &json!({"host": {"name": "a"}, "process": {"name": "vssadmin.exe"}}),
    );
    let other = event(
        2,
        1,
        "process",
        &json!({"host": {"name": "b"}, "process": {"name": "vssadmin.exe"}}),
    );
    let backed_up = event(
        3,
        30,
        "file",
        &json!({"host": {"name": "a"}, "file": {"name": "backup.vhdx"}}),
    );
    let text = "sequence by host.name with maxspan=2m
        [process where process.name == \"vssadmin.exe\"]
        ![file where file.name == \"backup.vhdx\"]";
    assert_eq!(found_in(&[begun, other, backed_up], text), [2]);
}

#[test]
fn sigma_s_log_sources_are_categories() {
    let line = |second: u32, code: u32, more: &str| {
        format!(
            r#"{{"Channel":"Microsoft-Windows-Sysmon/Operational","Provider_Name":"Microsoft-Windows-Sysmon","EventID":{code},"Computer":"ws1","UtcTime":"2026-03-02 10:00:{second:02}.000","ProcessGuid":"{{A-{second}}}",{more}}}"#
        )
    };
    let lines = [
        line(
            1,
            1,
            r#""Image":"C:\\Windows\\System32\\cmd.exe","CommandLine":"cmd /c whoami","ParentProcessGuid":"{A-0}""#,
        ),
        line(
            2,
            1,
            r#""Image":"C:\\Windows\\System32\\whoami.exe","CommandLine":"whoami","ParentProcessGuid":"{A-1}""#,
        ),
        line(
            3,
            3,
            r#""Image":"C:\\Windows\\System32\\whoami.exe","DestinationIp":"203.0.113.5""#,
        ),
    ];
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("sysmon.json");
    std::fs::write(&path, lines.join("\n") + "\n").expect("written");
    let offsets = |text: &str| -> Vec<usize> {
        let (alerts, _) = scan(&compiled(Language::Eql, text, false), &path, 1, 1000);
        let times = alerts
            .iter()
            .map(|alert| alert.time[17..19].parse().expect("seconds"));
        times.collect()
    };
    assert_eq!(
        offsets("process where process.executable : \"*\\\\whoami.exe\""),
        [2]
    );
    assert_eq!(offsets("process where Image : \"*\\\\whoami.exe\""), [2]);
    assert_eq!(offsets("network where true"), [3]);
    assert_eq!(
        offsets("process where child of [process where CommandLine : \"*/c*\"]"),
        [2]
    );
}

#[test]
fn kql_asks_single_events() {
    let lines = [
        event(
            1,
            0,
            "process",
            &json!({"process": {"name": "rundll32.exe"}, "user": {"id": "S-1-5-18"}}),
        ),
        event(
            2,
            1,
            "process",
            &json!({"process": {"name": "RunDLL32.exe"}, "user": {"id": "S-1-5-21"}}),
        ),
        event(3, 2, "process", &json!({"process": {"name": "cmd.exe"}})),
    ];
    let (_folder, path) = written(&lines);
    let found = |text: &str| {
        let (alerts, _) = scan(&compiled(Language::Kql, text, false), &path, 1, 1000);
        numbers(&alerts, "n")
    };
    assert_eq!(found("process.name: rundll* and not user.id: S-1-5-18"), [2]);
    assert_eq!(found("not user.id: *"), [3]);
    assert_eq!(found("\"S-1-5-18\""), [1]);
    assert_eq!(found("proc*.name: cmd.exe"), [3]);
}

#[test]
fn rule_files_hold_queries() {
    let report = Loader::new().load_text(
        "rules.yml",
        "title: Share opened by net
id: 5f1a6c0e-0000-4000-8000-000000000001
level: high
tags: [attack.lateral-movement]
eql: |
    sequence by user.name with maxspan=1m
      [process where process.name == \"net.exe\"]
      [network where destination.port == 445]
---
title: Broken
id: 5f1a6c0e-0000-4000-8000-000000000002
eql: |
    process where
      lenght(process.name) > 3
",
    );
    let errors: Vec<String> = report.errors().map(ToString::to_string).collect();
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(errors[0].starts_with("rules.yml:14:7:"), "{}", errors[0]);
    assert!(errors[0].contains("`length`"), "{}", errors[0]);
    let (rules, _) =
        CompiledRules::compile_with_queries(report.detections, report.queries, &Catalog::builtin());
    assert_eq!(rules.all_rules(), 1);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("events.json");
    let lines = [
        event(
            1,
            0,
            "process",
            &json!({"user": {"name": "anna"}, "process": {"name": "net.exe"}}),
        ),
        event(
            2,
            5,
            "network",
            &json!({"user": {"name": "anna"}, "destination": {"port": 445}}),
        ),
    ];
    std::fs::write(&path, lines.join("\n") + "\n").expect("written");
    let (alerts, _) = scan(&Arc::new(rules), &path, 1, 1000);
    assert_eq!(alerts.len(), 1);
    assert_eq!(&*alerts[0].rule.title, "Share opened by net");
    assert_eq!(alerts[0].rule.attack.tactics, ["Lateral Movement"]);
}

#[test]
fn points_in_time_compare_as_such() {
    let line = |number: usize, time: &str| event(number, 0, "process", &json!({"@timestamp": time}));
    let lines = [
        line(1, "2026-03-02T10:00:00Z"),
        line(2, "2026-03-02T10:00:00.9Z"),
        line(3, "2026-03-02T10:00:01Z"),
    ];
    let cases: [(&str, &[i64]); 5] = [
        ("any where @timestamp >= \"2026-03-02T10:00:00Z\"", &[1, 2, 3]),
        ("any where @timestamp > \"2026-03-02T10:00:00Z\"", &[2, 3]),
        ("any where @timestamp <= \"2026-03-02T10:00:00.90Z\"", &[1, 2]),
        ("any where @timestamp == \"2026-03-02T10:00:00.900000Z\"", &[2]),
        ("any where @timestamp != \"2026-03-02T10:00:00.000Z\"", &[2, 3]),
    ];
    for (text, expected) in cases {
        assert_eq!(found_in(&lines, text), expected, "{text}");
    }
}

#[test]
fn objects_are_neither_in_nor_out_of_a_list() {
    let lines = [
        event(1, 0, "process", &json!({"a": {"b": 1}, "x": [{"c": 1}]})),
        event(2, 1, "process", &json!({"a": "z"})),
    ];
    assert_eq!(found_in(&lines, "any where a not in (\"5\", \"3\")"), [2]);
    assert_eq!(found_in(&lines, "any where x[0] != null"), [1]);
}

#[test]
fn case_may_count_between_steps_too() {
    let lines = [
        event(1, 0, "process", &json!({"user": {"name": "Bob"}})),
        event(2, 1, "network", &json!({"user": {"name": "bob"}})),
    ];
    let (_folder, path) = written(&lines);
    let text = "sequence by user.name [process where true] [network where true]";
    let found = |cased| {
        scan(&compiled(Language::Eql, text, cased), &path, 1, 1000)
            .0
            .len()
    };
    assert_eq!((found(false), found(true)), (1, 0));
}

#[test]
fn each_value_of_a_list_is_a_match_of_its_own_up_to_a_limit_that_is_told() {
    let both = |category: &str, second| event(second, second, category, &json!({"k": ["a", "b"]}));
    let many: Vec<String> = (0..20).map(|number| format!("v{number}")).collect();
    let lines = [
        both("process", 1),
        both("network", 2),
        event(3, 3, "process", &json!({"k": many})),
    ];
    let (_folder, path) = written(&lines);
    let text = "sequence by k [process where true] [network where true]";
    let (alerts, summary) = scan(&compiled(Language::Eql, text, false), &path, 1, 1000);
    assert_eq!(alerts.len(), 2);
    assert_ne!(alerts[0].id, alerts[1].id);
    assert_eq!(summary.queries.keys_left_out, 4);
}

#[test]
fn what_pipes_count_has_a_time_and_its_hosts() {
    let lines: Vec<String> = (0..6)
        .map(|number| {
            event(
                number,
                number,
                "process",
                &json!({"host": {"name": format!("h{}", number % 3)}}),
            )
        })
        .collect();
    let (_folder, path) = written(&lines);
    let (alerts, _) = scan(
        &compiled(Language::Eql, "any where true | count", false),
        &path,
        1,
        1000,
    );
    assert_eq!(alerts.len(), 1);
    let several = alerts[0].correlation.as_ref().expect("counted");
    assert_eq!(several.count, 6);
    assert_eq!(
        (several.first.as_str(), several.last.as_str()),
        ("2026-03-02T10:00:00.000000Z", "2026-03-02T10:00:05.000000Z",)
    );
    let hosts = alerts[0]
        .matched
        .iter()
        .find(|field| field.column == "total_hosts");
    assert_eq!(hosts.map(|field| field.value.as_str()), Some("3"));
}

#[test]
fn pipes_that_lack_memory_give_no_answer_rather_than_a_wrong_one() {
    let lines: Vec<String> = (0..600)
        .map(|number| event(number, number / 10, "process", &json!({})))
        .collect();
    let (_folder, path) = written(&lines);
    let mut options = ScanOptions::default();
    options.windows.budget = 64 << 10;
    let (alerts, summary) = scan_with(
        &compiled(Language::Eql, "any where true | count", false),
        &path,
        options,
    );
    assert!(alerts.is_empty());
    assert_eq!(summary.queries.failed.len(), 1, "{:?}", summary.queries);
}

#[test]
fn sequences_over_relations_are_not_late() {
    let line = |number: usize, second: usize, id: &str, parent: &str, name: &str, category: &str| {
        event(
            number,
            second,
            category,
            &json!({"process": {"entity_id": id, "name": name, "parent": {"entity_id": parent}}}),
        )
    };
    let lines = [
        line(1, 0, "p1", "p0", "word.exe", "process"),
        line(2, 1, "p2", "p1", "cmd.exe", "process"),
        line(3, 2, "p2", "p1", "cmd.exe", "network"),
        line(4, 3000, "p9", "p0", "other.exe", "process"),
        line(5, 3001, "p9", "p0", "other.exe", "network"),
    ];
    let (_folder, path) = written(&lines);
    let queries = [
        "sequence by process.entity_id
            [process where child of [process where process.name == \"word.exe\"]]
            [network where true]",
        "sequence by process.entity_id [process where true] [network where true]",
    ];
    let queries = queries.map(|text| Arc::new(QueryRule::ad_hoc(Language::Eql, text).expect("a query")));
    let (rules, _) = CompiledRules::compile_with_queries(Vec::new(), queries.to_vec(), &Catalog::builtin());
    let mut options = ScanOptions::default();
    options.windows.lateness = Some(60_000_000);
    options.frame.batch_rows = 1;
    let (alerts, summary) = scan_with(&Arc::new(rules), &path, options);
    let found: Vec<Vec<i64>> = alerts
        .iter()
        .map(|alert| numbers(std::slice::from_ref(alert), "n"))
        .collect();
    assert_eq!(found.len(), 3, "{found:?} {:?}", summary.queries);
    assert_eq!(found.iter().filter(|events| **events == [2, 3]).count(), 2);
}

#[test]
fn a_rule_is_one_thing_and_a_correlation_reads_no_query() {
    let report = Loader::new().load_text(
        "rules.yml",
        "title: Two
id: 5f1a6c0e-0000-4000-8000-000000000001
eql: any where true
kql: 'a: b'
---
title: Query
id: 5f1a6c0e-0000-4000-8000-000000000002
name: a_query
eql: any where true
---
title: Reads it
id: 5f1a6c0e-0000-4000-8000-000000000003
correlation: {type: event_count, rules: a_query, timespan: 1m, condition: {gte: 2}}
",
    );
    let errors: Vec<String> = report.errors().map(ToString::to_string).collect();
    assert!(errors[0].contains("one of `eql` and `kql`"), "{errors:?}");
    assert!(errors[1].contains("`a_query` is a query"), "{errors:?}");
}

#[test]
fn a_memory_that_is_too_small_is_told() {
    let lines: Vec<String> = (0..3000)
        .map(|number| {
            event(
                number,
                number / 10,
                "process",
                &json!({"user": {"name": format!("u{number}")}}),
            )
        })
        .collect();
    let (_folder, path) = written(&lines);
    let text = "sequence by user.name [process where true] [file where true]";
    let rules = compiled(Language::Eql, text, false);
    let mut options = ScanOptions::default();
    options.windows.budget = 64 << 10;
    let (_, summary) = scan_with(&rules, &path, options);
    let counters = summary.queries.sequences;
    assert!(
        counters.released_early > 0 && counters.given_up > 0,
        "{counters:?}"
    );
}

proptest! {
    #![proptest_config(effort(12))]

    /// What a query finds is a function of the events: not of how they are cut, nor of the threads.
    #[test]
    fn cuts_and_threads_show_nowhere(
        steps in prop::collection::vec((0_usize..3, 0_usize..3, 0_usize..120), 1..60),
        cut in 1_usize..20,
    ) {
        let categories = ["process", "network", "file"];
        let users = ["anna", "bob", "Bob"];
        let lines: Vec<String> = steps
            .iter()
            .enumerate()
            .map(|(number, (category, user, second))| {
                event(number, *second, categories[*category], &json!({"user": {"name": users[*user]}}))
            })
            .collect();
        let (_folder, path) = written(&lines);
        let queries = [
            "sequence by user.name with maxspan=30s [process where true] [network where true] until [file where true]",
            "join by user.name [process where n > 3] [network where length(user.name) == 3]",
            "process where true | unique_count user.name | sort count",
            "any where n % 2 == 0 | tail 3",
        ];
        for text in queries {
            let rules = compiled(Language::Eql, text, false);
            let ids = |threads, rows| -> Vec<(String, Vec<i64>)> {
                let (alerts, _) = scan(&rules, &path, threads, rows);
                let events = |alert: &Alert| numbers(std::slice::from_ref(alert), "n");
                alerts.iter().map(|alert| (alert.id.clone(), events(alert))).collect()
            };
            let whole = ids(1, 1000);
            prop_assert_eq!(&whole, &ids(1, cut), "{}", text);
            prop_assert_eq!(&whole, &ids(2, cut), "{}", text);
        }
    }
}
